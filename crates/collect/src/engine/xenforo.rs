//! XenForo 1 and 2.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// XenForo 1.x and 2.x, the default styles and those that descend from them, with friendly and with plain addresses.
#[derive(Debug)]
pub struct Xenforo;

fn target(url: &Url) -> Option<Target> {
    // Plain: /index.php?threads/slug.12/page-2; friendly: /threads/slug.12/page-2.
    let plain = url.query().filter(|q| q.contains('/') && dom::script(url) == "index.php");
    let path = plain.unwrap_or_else(|| url.path());
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let make = |kind, word: &str, at: usize| {
        let slug = parts.get(at + 1)?;
        let id = slug
            .rsplit('.')
            .next()
            .filter(|i| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit()))?
            .to_owned();
        let page: u32 =
            parts.get(at + 2).and_then(|p| p.strip_prefix("page-")?.parse().ok()).unwrap_or(1).max(1);
        let tail = if page > 1 { format!("page-{page}") } else { String::new() };
        let mut to = url.clone();
        to.set_fragment(None);
        if plain.is_some() {
            to.set_query(Some(&format!("{word}/{id}/{tail}")));
        } else {
            let folder = parts[..at].iter().fold(String::new(), |all, p| all + "/" + p);
            to.set_path(&format!("{folder}/{word}/{id}/{tail}"));
            to.set_query(None);
        }
        Some(Target { kind, id, page, url: to })
    };
    if let Some(at) = parts.iter().rposition(|p| *p == "threads") {
        return make(Kind::Thread, "threads", at);
    }
    if let Some(at) = parts.iter().rposition(|p| *p == "forums")
        && parts.len() > at + 1
    {
        return make(Kind::Board, "forums", at);
    }
    const OTHERS: [&str; 12] = [
        "members",
        "posts",
        "account",
        "login",
        "register",
        "search",
        "attachments",
        "media",
        "tags",
        "help",
        "whats-new",
        "misc",
    ];
    if parts.iter().any(|p| OTHERS.contains(p))
        || dom::script(url).contains('.') && dom::script(url) != "index.php"
    {
        return None;
    }
    let mut to = url.clone();
    to.set_query(None);
    to.set_fragment(None);
    Some(Target { kind: Kind::Index, id: String::new(), page: 1, url: to })
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let e = quote.value();
    // 2: data-source="post: 12"; 1: a link to goto/post?id=12.
    let post = e
        .attr("data-source")
        .and_then(|s| dom::leading_number(s.strip_prefix("post:")?.trim()))
        .or_else(|| {
            let href = dom::first(quote, select!("a.AttributionLink, .bbCodeBlock-sourceJump"))?
                .value()
                .attr("href")?;
            dom::leading_number(href.rsplit_once("id=")?.1)
        });
    let author =
        e.attr("data-quote").or_else(|| e.attr("data-author")).map(str::trim).filter(|a| !a.is_empty());
    QuoteTarget { post, author: author.map(str::to_owned) }
}

/// The exact time stands in an attribute; version 1 shows old dates with their words only.
fn moment(time: ElementRef<'_>, clock: &Clock) -> (Option<Timestamp>, String) {
    let shown = time.value().attr("title").map_or_else(|| dom::line(time), str::to_owned);
    let exact = time.value().attr("data-time").and_then(|t| t.parse().ok()).and_then(Timestamp::checked);
    let iso = || time.value().attr("datetime").and_then(|t| Timestamp::parse(t).ok());
    (exact.or_else(iso).or_else(|| parse(&shown, clock)), shown)
}

/// Counters are shortened beyond a thousand ("1.2K"): those tell a change but no number.
fn counter(text: &str) -> Option<u64> {
    if text.ends_with(|c: char| c.is_alphabetic()) { None } else { dom::count(text) }
}

impl Engine for Xenforo {
    fn name(&self) -> &str {
        "xenforo"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let head = &document.body[..document.body.floor_char_boundary(3000)];
        if head.contains("id=\"XF\"") || head.contains("id=\"XenForo\"") {
            100
        } else if document.body.contains("data-app=\"public\"") && document.body.contains("XF.config") {
            90
        } else {
            0
        }
    }

    fn start(&self, named: &Url) -> Vec<Target> {
        self.canonical(named).into_iter().collect()
    }

    fn canonical(&self, url: &Url) -> Option<Target> {
        target(url)
    }

    fn read(&self, document: &Document, reader: &Reader) -> Reading {
        let html = dom::page(&document.body);
        let root = &html;
        let base = &page::base(&html, &document.url);
        let clock =
            Clock { now: document.fetched, offset: reader.offset.unwrap_or(0), day_first: reader.day_first };
        let here = target(&document.url);
        let meta = |s| root.all(s).find_map(|m| m.value().attr("content").map(str::to_owned));
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: meta(select!("meta[property='og:site_name']")),
            member: page::words(
                &html,
                select!(
                    ".p-navgroup-link--user .p-navgroup-linkText, .navTabs .visitorTabs .accountUsername"
                ),
            ),
            ..Reading::default()
        };
        for row in root.all(select!(".node.node--forum, .node.node--link, li.node.forum, li.node.link")) {
            let Some(a) = dom::first(row, select!(".node-title a[href], .nodeTitle a[href]")) else {
                continue;
            };
            let Some(url) = dom::link(base, a) else { continue };
            let class = row.value().attr("class").unwrap_or("");
            let elsewhere = class.contains("link") || url.host() != base.host();
            let Some(to) = target(&url)
                .filter(|t| t.kind == Kind::Board)
                .or_else(|| elsewhere.then(|| Target { kind: Kind::Board, id: String::new(), page: 1, url }))
            else {
                continue;
            };
            let numbers: Vec<String> =
                row.all(select!(".node-stats dd, .nodeStats dd")).map(dom::line).collect();
            let (threads, posts) =
                (numbers.first().and_then(|n| counter(n)), numbers.get(1).and_then(|n| counter(n)));
            let last = dom::first(row, select!(".node-extra time, .nodeLastPost .DateTime"))
                .map(|t| moment(t, &clock).0.map_or_else(|| dom::line(t), |at| at.0.to_string()));
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state: format!("{numbers:?} {}", last.unwrap_or_default()),
                elsewhere,
            });
            for sub in row.all(select!(".subNodeLink, .node-subNodeMenu a[href*='forums/'], .subForumList a"))
            {
                if let Some(to) =
                    dom::link(base, sub).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Board)
                {
                    let title = dom::line(sub);
                    reading.boards.push(BoardLink {
                        target: to,
                        title,
                        threads: None,
                        posts: None,
                        state: String::new(),
                        elsewhere: false,
                    });
                }
            }
        }
        for row in root.all(select!(".structItem--thread, li.discussionListItem[id^='thread-']")) {
            let Some(a) = row
                .all(select!(".structItem-title a[href*='threads/'], h3.title a[href*='threads/']"))
                .last()
            else {
                continue;
            };
            let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Thread)
            else {
                continue;
            };
            let class = row.value().attr("class").unwrap_or("");
            let replies = dom::first(row, select!(".structItem-cell--meta dd, .stats .major dd"))
                .map(dom::line)
                .unwrap_or_default();
            let last = dom::first(
                row,
                select!("time.structItem-latestDate, .structItem-cell--latest time, .lastPostInfo .DateTime"),
            )
            .map(|t| moment(t, &clock));
            let when = last
                .as_ref()
                .map(|l| l.0.map_or_else(|| l.1.clone(), |t| t.0.to_string()))
                .unwrap_or_default();
            let pinned = dom::first(row, select!(".structItem-status--sticky, .iconKey .sticky")).is_some()
                || class.split_whitespace().any(|c| c == "sticky");
            reading.threads.push(ThreadLink {
                target: Target { page: 1, ..to },
                title: dom::line(a),
                posts: counter(&replies).map(|n| n + 1),
                last: last.and_then(|l| l.0),
                state: format!("{replies} {when}"),
                sticky: pinned,
                moved: dom::first(row, select!(".structItem-status--redirect")).is_some()
                    || class.contains("redirect"),
            });
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) =
            page::crumbs(root, select!(".p-breadcrumbs a, .breadcrumb a.crumb"), base, target);
        (reading.next, reading.pages) =
            page::pager(root, select!(".pageNav a, .PageNav a"), base, here.as_ref(), target);
        // Prefixes stand inside the title as labels of their own.
        let title = root.all(select!("h1.p-title-value, .titleBar h1")).next().map(|h| {
            let words = dom::direct(h);
            if words.is_empty() { dom::line(h) } else { words }
        });
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        for post in root.all(select!("article.message[data-content^='post-'], li.message[id^='post-']")) {
            let e = post.value();
            let Some(id) = e
                .attr("data-content")
                .or_else(|| e.attr("id"))
                .and_then(|c| dom::leading_number(c.strip_prefix("post-")?))
            else {
                continue;
            };
            let name =
                dom::first(post, select!(".message-name .username, .userText .username, .message-name"));
            let author = e
                .attr("data-author")
                .map(str::to_owned)
                .filter(|a| !a.is_empty())
                .or_else(|| name.and_then(dom::words));
            let (time, shown) = dom::first(
                post,
                select!(".message-attribution time, .messageMeta .DateTime, .privateControls .DateTime"),
            )
            .map_or((None, String::new()), |t| moment(t, &clock));
            let edited = dom::first(post, select!(".message-lastEdit time, .editDate .DateTime"))
                .and_then(|t| moment(t, &clock).0);
            let marks = Marks {
                quote: select!(".bbCodeBlock--quote, .bbCodeQuote"),
                drop: select!(
                    ".message-signature, .message-lastEdit, .bbCodeBlock-title, .bbCodeBlock-expandLink, .bbCodeSpoiler-button, .js-selectToQuoteEnd, .attribution.type, .message-attachments, .quoteExpand"
                ),
                mention: select!("a.username[data-user-id], a.username[href*='members/']"),
                target: &quote,
            };
            let body = dom::first(
                post,
                select!(".message-userContent .bbWrapper, .message-body .bbWrapper, blockquote.messageText"),
            );
            let gone =
                e.attr("class").is_some_and(|c| c.contains("message--deleted") || c.contains("deleted"));
            reading.posts.push(
                Draft {
                    author,
                    unregistered: name
                        .is_some_and(|n| n.value().name() != "a" && dom::first(n, select!("a")).is_none()),
                    time,
                    shown,
                    edited,
                    own: body.filter(|_| !gone).map(|b| own(base, b, &marks)),
                    url: here.as_ref().map(|t| {
                        let mut url = t.url.clone();
                        url.set_fragment(Some(&format!("post-{id}")));
                        url
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        let form = dom::first(root, select!("form[action*='login/login'] input[name='password']")).is_some();
        let said = page::words(
            &html,
            select!(".p-body-pageContent .blockMessage, .errorOverlay .baseHtml, .errorPanel"),
        );
        let bare = reading.posts.is_empty() && reading.threads.is_empty() && reading.boards.is_empty();
        if bare && form && !matches!(reading.access, Access::Challenge(_) | Access::Missing | Access::Down(_))
        {
            reading.access = Access::LoginNeeded;
        } else if bare
            && matches!(reading.access, Access::Refused(_))
            && let Some(said) = said
        {
            reading.access = Access::Refused(said);
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            let title = if t.kind == Kind::Board { title.or_else(|| path.last().cloned()) } else { title };
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = page::form_with(&html, "login", "password")?;
        page::fill(document, form, ("login", "password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        let mut page = target(named).map_or_else(|| named.clone(), |t| t.url);
        let folder = page
            .path()
            .split("/threads/")
            .next()
            .unwrap_or("")
            .split("/forums/")
            .next()
            .unwrap_or("")
            .to_owned();
        if page.query().is_some() {
            page.set_query(Some("login/"));
        } else {
            page.set_path(&format!("{}/login/", folder.trim_end_matches('/').trim_end_matches("/index.php")));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, body: &str) -> Reading {
        let document = Document {
            url: Url::parse(address).unwrap(),
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(Xenforo.recognize(&document), 100);
        Xenforo.read(&document, &Reader::default())
    }

    #[test]
    fn addresses() {
        for (from, to) in [
            (
                "https://f.example/threads/stealer-v3.812/page-4#post-9",
                Some("https://f.example/threads/812/page-4"),
            ),
            (
                "https://f.example/community/forums/malware.12/?order=title",
                Some("https://f.example/community/forums/12/"),
            ),
            (
                "https://f.example/index.php?threads/stealer.812/page-2",
                Some("https://f.example/index.php?threads/812/page-2"),
            ),
            (
                "https://f.example/index.php?forums/malware.12/",
                Some("https://f.example/index.php?forums/12/"),
            ),
            ("https://f.example/", Some("https://f.example/")),
            ("https://f.example/members/vega.3/", None),
            ("https://f.example/threads/latest", None),
        ] {
            assert_eq!(
                target(&Url::parse(from).unwrap()).map(|t| t.url.to_string()).as_deref(),
                to,
                "{from}"
            );
        }
    }

    /// Version 2: attributes carry author, time and source of quotes.
    #[test]
    fn thread_of_version_2() {
        let r = read(
            "https://f.example/threads/stealer-v3.812/",
            r#"<html id="XF"><head><meta property="og:site_name" content="Dark Quay" /></head><body>
            <ul class="p-breadcrumbs"><li><a href="/forums/market.2/"><span>Market</span></a></li>
            <li><a href="/forums/malware.12/"><span>Malware</span></a></li></ul>
            <h1 class="p-title-value"><span class="label">Selling</span> Stealer v3</h1>
            <nav class="pageNav"><a href="/threads/stealer-v3.812/">1</a><a href="/threads/stealer-v3.812/page-2">2</a>
            <a href="/threads/stealer-v3.812/page-14">14</a></nav>
            <article class="message message--post" data-author="vega" data-content="post-901">
            <h4 class="message-name"><a href="/members/vega.3/" class="username" data-user-id="3">vega</a></h4>
            <header class="message-attribution"><time class="u-dt" datetime="2026-01-05T10:00:00+0300" data-time="1767596400">Jan 5, 2026</time></header>
            <div class="message-userContent"><article class="message-body"><div class="bbWrapper">
            <blockquote class="bbCodeBlock bbCodeBlock--quote" data-quote="root-kot" data-source="post: 877"><div class="bbCodeBlock-title">root-kot said:</div>
            <div class="bbCodeBlock-content">price?</div><div class="bbCodeBlock-expandLink">Click to expand...</div></blockquote>
            <a href="/members/mira.9/" class="username" data-user-id="9">@mira</a> 300 USD, see
            <a href="https://paste.example/raw/abcdefgh">https://paste.example/raw/abc...</a></div></article></div>
            <div class="message-lastEdit">Last edited: <time data-time="1767600000">x</time></div>
            <aside class="message-signature"><div class="bbWrapper">jabber: x@xmpp.example</div></aside></article>
            <article class="message" data-author="drifter" data-content="post-902"><h4 class="message-name"><span class="username">drifter</span></h4>
            <header class="message-attribution"><time data-time="1767600600">x</time></header>
            <div class="message-userContent"><div class="bbWrapper">vouch</div></div></article></body></html>"#,
        );
        assert_eq!((r.forum.as_deref(), r.posts.len()), (Some("Dark Quay"), 2));
        let p = &r.posts[0].record;
        assert_eq!(p.text, "@mira 300 USD, see https://paste.example/raw/abcdefgh");
        assert_eq!(
            (p.author.as_deref(), p.id.as_deref(), p.board.as_deref()),
            (Some("vega"), Some("901"), Some("Malware"))
        );
        assert_eq!((p.title.as_deref(), p.thread.as_deref()), (Some("Stealer v3"), Some("812")));
        assert_eq!(p.quotes, [QuoteTarget { post: Some("877".into()), author: Some("root-kot".into()) }]);
        assert_eq!(
            (p.mentions.as_slice(), p.links.as_slice()),
            (&["mira".to_owned()][..], &["https://paste.example/raw/abcdefgh".to_owned()][..])
        );
        assert_eq!((p.time, p.edited), (Some(Timestamp(1_767_596_400)), Some(Timestamp(1_767_600_000))));
        assert!(!r.posts[0].unregistered && r.posts[1].unregistered);
        assert_eq!((r.next.map(|n| n.page), r.pages), (Some(2), Some(14)));
    }

    /// Version 1: quotes name their post in a link, old dates stand in words.
    #[test]
    fn thread_of_version_1() {
        let r = read(
            "https://f.example/threads/old.5/",
            r#"<html id="XenForo"><body><div class="titleBar"><h1>Old thread</h1></div>
            <span class="breadcrumb"><a href="https://f.example/forums/malware.12/" class="crumb"><span>Malware</span></a></span>
            <ol><li id="post-44" class="message" data-author="nix"><div class="userText"><a class="username" href="members/nix.4/">nix</a></div>
            <blockquote class="messageText"><div class="bbCodeBlock bbCodeQuote" data-author="vega"><aside>
            <div class="attribution type">vega said: <a href="goto/post?id=41#post-41" class="AttributionLink">up</a></div>
            <blockquote class="quoteContainer">old</blockquote></aside></div>mine</blockquote>
            <div class="messageMeta"><span class="DateTime" title="Mar 4, 2014 at 3:05 PM">Mar 4, 2014</span></div></li></ol></body></html>"#,
        );
        let p = &r.posts[0].record;
        assert_eq!((p.text.as_str(), p.author.as_deref()), ("mine", Some("nix")));
        assert_eq!(p.quotes, [QuoteTarget { post: Some("41".into()), author: Some("vega".into()) }]);
        assert_eq!(p.time.map(|t| t.to_string()).as_deref(), Some("2014-03-04T15:05:00Z"));
    }

    #[test]
    fn lists_and_refusals() {
        let r = read(
            "https://f.example/forums/malware.12/",
            r#"<html id="XF"><body><h1 class="p-title-value">Malware</h1>
            <div class="structItem structItem--thread js-threadListItem-812"><div class="structItem-title">
            <a href="/forums/malware.12/?prefix_id=1" class="labelLink">Sale</a><a href="/threads/stealer-v3.812/">Stealer v3</a></div>
            <i class="structItem-status structItem-status--sticky"></i>
            <div class="structItem-cell--meta"><dl><dt>Replies</dt><dd>27</dd></dl><dl><dt>Views</dt><dd>3K</dd></dl></div>
            <div class="structItem-cell--latest"><time class="structItem-latestDate" data-time="1767600600">x</time></div></div></body></html>"#,
        );
        let t = &r.threads[0];
        assert_eq!(
            (t.title.as_str(), t.posts, t.sticky, t.target.id.as_str()),
            ("Stealer v3", Some(28), true, "812")
        );
        assert_eq!(t.last, Some(Timestamp(1_767_600_600)));
        let r = read(
            "https://f.example/",
            r#"<html id="XF"><body><div class="node node--id12 node--forum"><h3 class="node-title"><a href="/forums/malware.12/">Malware</a></h3>
            <div class="node-stats"><dl><dt>Threads</dt><dd>812</dd></dl><dl><dt>Messages</dt><dd>1.2K</dd></dl></div>
            <ol class="node-subNodeFlatList"><li><a href="/forums/crypters.13/" class="subNodeLink">Crypters</a></li></ol></div></body></html>"#,
        );
        assert_eq!(r.boards.len(), 2);
        assert_eq!((r.boards[0].threads, r.boards[0].posts), (Some(812), None));
        let r = read(
            "https://f.example/forums/vip.9/",
            r#"<html id="XF"><body><div class="p-body-pageContent"><div class="blockMessage">You must be logged-in to do that.</div>
            <form action="/login/login" method="post"><input name="login"><input type="password" name="password"></form></div></body></html>"#,
        );
        assert_eq!(r.access, Access::LoginNeeded);
    }
}
