//! vBulletin 3 and 4.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::QuoteTarget;
use url::Url;

/// vBulletin 3.x and 4.x, the default styles and those that descend from them, with plain and with friendly addresses.
#[derive(Debug)]
pub struct Vbulletin;

/// What stands for a thread or board in an address, and how: `showthread.php?t=12`, `showthread.php?12-Title/page2`,
/// `showthread.php/12-Title/page2`, `threads/12-Title/page2`.
fn target(url: &Url) -> Option<Target> {
    const WORDS: [(&str, Kind, &str); 4] = [
        ("showthread.php", Kind::Thread, "t"),
        ("forumdisplay.php", Kind::Board, "f"),
        ("threads", Kind::Thread, ""),
        ("forums", Kind::Board, ""),
    ];
    let parts: Vec<&str> = url.path().split('/').filter(|p| !p.is_empty()).collect();
    let numbered = |p: Option<&&str>| p.is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let found = WORDS.iter().find_map(|(word, kind, key)| {
        let at = parts.iter().rposition(|p| p == word)?;
        (!key.is_empty() || numbered(parts.get(at + 1))).then_some((at, *kind, *key))
    });
    let Some((at, kind, key)) = found else {
        if !matches!(parts.last().copied(), None | Some("index.php" | "forum.php" | "forums"))
            && !url.path().ends_with('/')
            || ["members", "search", "member", "archive"].iter().any(|w| parts.contains(w))
        {
            return None;
        }
        let mut to = url.clone();
        to.set_query(None);
        to.set_fragment(None);
        return Some(Target { kind: Kind::Index, id: String::new(), page: 1, url: to });
    };
    let mut to = url.clone();
    to.set_fragment(None);
    let page =
        |p: Option<&str>| p.and_then(|p| p.strip_prefix("page")?.parse::<u32>().ok()).unwrap_or(1).max(1);
    let tail = |slug: &str, page: u32| if page > 1 { format!("{slug}/page{page}") } else { slug.to_owned() };
    if let Some(id) = dom::parameter(url, key).filter(|_| !key.is_empty()) {
        let id = dom::leading_number(&id)?;
        let page: u32 = dom::parameter(url, "page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
        to.set_query(Some(&if page > 1 { format!("{key}={id}&page={page}") } else { format!("{key}={id}") }));
        return Some(Target { kind, id, page, url: to });
    }
    if let Some(slug) = parts.get(at + 1) {
        let page = page(parts.get(at + 2).copied());
        let folder = parts[..=at].iter().fold(String::new(), |all, p| all + "/" + p);
        to.set_path(&format!("{folder}/{}", tail(slug, page)));
        to.set_query(None);
        return Some(Target { kind, id: dom::leading_number(slug)?, page, url: to });
    }
    let query = url.query()?.split('&').next()?;
    let (slug, rest) = query.split_once('/').map_or((query, None), |(slug, rest)| (slug, Some(rest)));
    let page = page(rest);
    to.set_query(Some(&tail(slug, page)));
    Some(Target { kind, id: dom::leading_number(slug)?, page, url: to })
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let by = dom::first(quote, select!(".bbcode_postedby strong, td > div > strong"));
    let post = dom::first(quote, select!(".bbcode_postedby a[href*='post'], td > div > a[href*='post']"))
        .and_then(|a| dom::leading_number(a.value().attr("href")?.rsplit_once("#post")?.1));
    QuoteTarget { post, author: by.and_then(dom::words) }
}

/// When a post was made, as shown: version 4 says it in `.postdate`, version 3 in the head of the post's table.
fn shown(post: ElementRef<'_>, clock: &Clock) -> String {
    let modern = dom::first(post, select!(".postdate .date, .postdate")).map(dom::line);
    let normal = post.all(select!("td.thead div.normal")).map(dom::line);
    let heads = post.all(select!("td.thead, td.tcat"));
    let mut all = modern.into_iter().chain(normal).chain(heads.flat_map(|h| [dom::direct(h), dom::line(h)]));
    let first = all.next().unwrap_or_default();
    if parse(&first, clock).is_some() {
        first
    } else {
        all.find(|s| parse(s, clock).is_some()).unwrap_or(first)
    }
}

/// "Last edited by vega; 03-04-2009 at 05:40 PM. Reason: price"
fn edit_note(post: ElementRef<'_>) -> Option<String> {
    let note =
        post.all(select!(".lastedited, div.smallfont > em")).map(dom::line).find(|n| n.contains(';'))?;
    let when = note.rsplit_once(';').map(|p| p.1)?;
    let end = ["Reason", "Причина", "原因"].iter().filter_map(|w| when.find(w)).min().unwrap_or(when.len());
    Some(when[..end].to_owned())
}

/// The element that holds all of a post, upwards from its text.
fn container<'a>(text: ElementRef<'a>, id: &str) -> ElementRef<'a> {
    let own = |e: &ElementRef<'_>| {
        let known = e.value().attr("id").unwrap_or("");
        known.strip_prefix("post").is_some_and(|i| i.trim_start_matches('_') == id)
            || known.strip_prefix("edit") == Some(id)
    };
    let mut found = text;
    for e in text.ancestors().filter_map(ElementRef::wrap).take(40) {
        if own(&e) {
            found = e;
        }
    }
    found
}

fn boards(html: &dom::Page, base: &Url, out: &mut Vec<BoardLink>) {
    let mut put = |a: ElementRef<'_>, counts: Option<(Option<u64>, Option<u64>, String)>| {
        let Some(url) = dom::link(base, a) else { return };
        let elsewhere = url.host() != base.host();
        let Some(to) = target(&url)
            .filter(|t| t.kind == Kind::Board)
            .or_else(|| elsewhere.then(|| Target { kind: Kind::Board, id: String::new(), page: 1, url }))
        else {
            return;
        };
        let (threads, posts, last) = counts.unwrap_or_default();
        let state = if threads.is_none() && last.is_empty() {
            String::new()
        } else {
            format!("{threads:?} {posts:?} {last}")
        };
        out.push(BoardLink { target: to, title: dom::line(a), threads, posts, state, elsewhere });
    };
    // Version 4: list items; version 3: the cell `#f12` of a table row.
    for row in html.all(select!("li[id^='forum'], li[id^='cat']")) {
        let Some(a) = dom::first(row, select!(".forumtitle a, .titleline a")) else { continue };
        let own = |e: &ElementRef<'_>| {
            e.ancestors()
                .filter_map(ElementRef::wrap)
                .find(|p| {
                    p.value().attr("id").is_some_and(|i| i.starts_with("forum") || i.starts_with("cat"))
                })
                .is_some_and(|p| p.id() == row.id())
        };
        let mut numbers = row.all(select!(".forumstats li")).filter(own).map(|l| dom::count(&dom::line(l)));
        let (threads, posts) = (numbers.next().flatten(), numbers.next().flatten());
        let last = row.all(select!(".forumlastpost")).find(own).map(dom::line).unwrap_or_default();
        put(a, Some((threads, posts, last)));
        for sub in row.all(select!(".subforum a, .subforumlist a")).filter(own) {
            put(sub, None);
        }
    }
    for cell in html.all(select!("td[id^='f']")) {
        if dom::id_behind(cell, "f").is_none() {
            continue;
        }
        let mut links = cell.all(select!("a[href]")).filter(|a| !dom::line(*a).is_empty());
        let Some(a) = links.next() else { continue };
        let cells: Vec<ElementRef<'_>> = cell.next_siblings().filter_map(ElementRef::wrap).collect();
        let number = |nth: usize| cells.get(nth).and_then(|c| dom::count(&dom::line(*c)));
        let last = cells.first().map(|c| dom::line(*c)).unwrap_or_default();
        put(a, Some((number(1), number(2), last)));
        for sub in links {
            put(sub, None);
        }
    }
}

fn threads(html: &dom::Page, base: &Url, clock: &Clock, out: &mut Vec<ThreadLink>) {
    for a in html.all(select!("a[id^='thread_title_']")) {
        let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Thread) else {
            continue;
        };
        let Some(row) = a.ancestors().filter_map(ElementRef::wrap).find(|e| {
            e.value().name() == "tr" || e.value().attr("class").is_some_and(|c| c.contains("threadbit"))
        }) else {
            continue;
        };
        let class = row.value().attr("class").unwrap_or("");
        let (replies, last) = if row.value().name() == "tr" {
            let title =
                row.all(select!("td[title]")).find(|t| dom::first(*t, select!("a[href*='post']")).is_some());
            let who = dom::first(row, select!("a[href*='whoposted']")).map(dom::line);
            let replies = who
                .or_else(|| title.and_then(|t| dom::count(t.value().attr("title")?)).map(|n| n.to_string()));
            (replies, title.map(|t| dom::first(t, select!("div")).unwrap_or(t)).map(dom::line))
        } else {
            let replies = dom::first(row, select!(".threadstats li")).map(dom::line);
            (replies, row.all(select!(".threadlastpost dd")).last().map(dom::line))
        };
        let (replies, last) = (replies.unwrap_or_default(), last.unwrap_or_default());
        // Labels stand before the title: Sticky, Moved, Poll.
        let labels: String = row
            .all(select!("[id^='td_threadtitle_'] strong, [id^='td_threadtitle_'] img[alt], .prefix, .threadtitle img[alt]"))
            .map(|e| e.value().attr("alt").map_or_else(|| dom::line(e), str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
        let any = |words: &[&str]| words.iter().any(|w| labels.contains(w));
        // By whom stands behind the time.
        let when = last.split(" by ").next().unwrap_or("");
        out.push(ThreadLink {
            target: Target { page: 1, ..to },
            title: dom::line(a),
            posts: dom::count(&replies).map(|n| n + 1),
            last: parse(when, clock),
            state: format!("{replies} {last}"),
            sticky: any(&["sticky", "важно", "закреплен", "прикреплен", "置顶"])
                || dom::first(row, select!(".sticky")).is_some(),
            moved: class.contains("moved") || any(&["moved", "перемещен", "перенесен", "移动"]),
        });
    }
}

impl Engine for Vbulletin {
    fn name(&self) -> &str {
        "vbulletin"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("content=\"vBulletin 5") || b.contains("content=\"vBulletin 6") {
            0
        } else if b.contains("content=\"vBulletin") {
            100
        } else if b.contains("vbulletin_global.js") || b.contains("vbulletin-core.js") {
            90
        } else if b.contains("vbmenu_register(") && b.contains("login.php?do=") {
            80
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
        let zone = root
            .all(select!("div.smallfont[align='center'], #footer_time, .footer_time, .below_body"))
            .find_map(|e| dom::offset(&dom::line(e)));
        let clock = Clock {
            now: document.fetched,
            offset: reader.offset.or(zone).unwrap_or(0),
            day_first: reader.day_first,
        };
        let here = target(&document.url);
        let inside = dom::first(root, select!("a[href*='do=logout']")).is_some();
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: page::words(&html, select!("span.navbar > a, #breadcrumb li.navbit:not(.lastnavbit) a")),
            member: page::words(&html, select!(".welcomelink a, td strong > a[href*='member.php?u=']"))
                .filter(|_| inside),
            ..Reading::default()
        };
        boards(&html, base, &mut reading.boards);
        threads(&html, base, &clock, &mut reading.threads);
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) =
            page::crumbs(root, select!("span.navbar > a, #breadcrumb li.navbit a"), base, target);
        (reading.next, reading.pages) =
            page::pager(root, select!(".pagenav a, .pagination a"), base, here.as_ref(), target);
        let title = page::words(&html, select!("#pagetitle .threadtitle, #pagetitle .forumtitle"))
            .or_else(|| page::words(&html, select!("#pagetitle h1, td.navbar strong, .navbar h1")));
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        let marks = Marks {
            quote: select!(".bbcode_quote, div[style*='margin:20px'] > table"),
            drop: select!(
                ".bbcode_description, div.smallfont[style*='margin-bottom:2px'], .signature, .lastedited, .attachments"
            ),
            mention: select!("a[href*='member.php'], a[href*='members/']"),
            target: &quote,
        };
        for body in root.all(select!("[id^='post_message_']")) {
            let Some(id) = dom::id_behind(body, "post_message_") else { continue };
            let post = container(body, &id);
            let name = dom::first(post, select!(".bigusername, .username, [id^='postmenu_']"));
            // A guest's name stands in the cell itself.
            let author = name.and_then(|n| {
                let direct = dom::direct(n);
                if direct.is_empty() { dom::words(n) } else { Some(direct) }
            });
            let shown = shown(post, &clock);
            let text = dom::first(body, select!("blockquote.postcontent")).unwrap_or(body);
            reading.posts.push(
                Draft {
                    author,
                    unregistered: name.is_some_and(|n| {
                        n.value().name() != "a" && dom::first(n, select!("a[href*='member']")).is_none()
                    }),
                    time: parse(&shown, &clock),
                    shown,
                    edited: edit_note(post).and_then(|n| parse(&n, &clock)),
                    own: Some(own(base, text, &marks)),
                    url: here.as_ref().map(|t| {
                        let mut url = t.url.clone();
                        url.set_fragment(Some(&format!("post{id}")));
                        url
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            let bare = reading.posts.is_empty()
                && reading.threads.is_empty()
                && reading.boards.is_empty()
                && dom::first(root, select!("#threadslist, #threadlist, #threads")).is_none();
            if bare && matches!(reading.access, Access::Open | Access::Refused(_)) {
                let said = page::words(
                    &html,
                    select!(
                        ".standard_error .blockrow, .standard_error, .panelsurround .panel, .panelsurround"
                    ),
                )
                .unwrap_or_default();
                let missing = said.contains("nvalid") && said.contains("specified")
                    || said.contains("No Thread specified");
                reading.access = if missing {
                    Access::Missing
                } else if !inside {
                    Access::LoginNeeded
                } else {
                    Access::Refused(said)
                };
            }
            reading.head = Some(page::head(&t, title, path, parent, total(root)));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = page::form_with(&html, "vb_login_username", "vb_login_password")?;
        page::fill(document, form, ("vb_login_username", "vb_login_password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        // The form stands on every page of a guest.
        named.clone()
    }
}

/// "Results 1 to 10 of 35" of a thread's page list.
fn total(root: &dom::Page) -> Option<u64> {
    root.all(select!(".pagenav [title], .pagination [title], #postpagestats_above, .postpagestats"))
        .map(|e| e.value().attr("title").map_or_else(|| dom::line(e), str::to_owned))
        .find_map(|t| {
            dom::count(t.rsplit_once(" of ").or_else(|| t.rsplit_once(" из "))?.1)
                .filter(|_| t.contains(" to ") || t.contains(" по "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::Timestamp;

    fn read(address: &str, body: &str) -> Reading {
        let document = Document {
            url: Url::parse(address).unwrap(),
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(super::super::detect(&document).map(Engine::name), Some("vbulletin"));
        Vbulletin.read(&document, &Reader::default())
    }

    #[test]
    fn addresses() {
        for (from, to) in [
            (
                "http://f.example/showthread.php?t=12&page=2&s=abc#post5",
                Some("http://f.example/showthread.php?t=12&page=2"),
            ),
            ("http://f.example/showthread.php?s=abc&t=12", Some("http://f.example/showthread.php?t=12")),
            (
                "http://f.example/showthread.php?12-Fresh-CVV/page3&p=9",
                Some("http://f.example/showthread.php?12-Fresh-CVV/page3"),
            ),
            (
                "http://f.example/x/threads/12-Fresh-CVV/page3?p=9",
                Some("http://f.example/x/threads/12-Fresh-CVV/page3"),
            ),
            (
                "http://f.example/forumdisplay.php?f=2&order=desc&page=1",
                Some("http://f.example/forumdisplay.php?f=2"),
            ),
            ("http://f.example/forums/2-Market", Some("http://f.example/forums/2-Market")),
            ("http://f.example/forum.php", Some("http://f.example/forum.php")),
            ("http://f.example/showthread.php?p=99#post99", None),
            ("http://f.example/member.php?u=3", None),
            ("http://f.example/members/3-vega", None),
        ] {
            assert_eq!(
                target(&Url::parse(from).unwrap()).map(|t| t.url.to_string()).as_deref(),
                to,
                "{from}"
            );
        }
    }

    const HEAD3: &str = r#"<html><head><meta name="generator" content="vBulletin 3.8.4" /></head><body>
        <span class="navbar"><a href="index.php">Carder Row</a></span><span class="navbar">&gt; <a href="forumdisplay.php?f=1">Market</a></span>
        <span class="navbar">&gt; <a href="forumdisplay.php?f=2">CVV</a></span>"#;

    /// Version 3: tables, the name of a guest bare, quotes and code in the same frames.
    #[test]
    fn thread_of_version_3() {
        let r = read(
            "http://f.example/showthread.php?t=12",
            &format!(
                r#"{HEAD3}<table><tr><td class="navbar"><a href="showthread.php?t=12"><img alt="Reload this Page"></a> <strong>Fresh CVV</strong></td></tr></table>
            <div class="pagenav"><table><tr><td class="vbmenu_control">Page 1 of 4</td><td class="alt2"><span title="Showing results 1 to 10 of 35"><strong>1</strong></span></td>
            <td class="alt1"><a href="showthread.php?t=12&amp;page=2" title="Show results 11 to 20 of 35">2</a></td><td><a href="showthread.php?t=12&amp;page=4">Last</a></td></tr></table></div>
            <div id="posts"><div id="edit31"><table id="post31" class="tborder"><tr><td class="thead"><a name="post31"><img alt="Old"></a> 03-04-2009, 05:34 PM </td>
            <td class="thead" align="right">#<a href="showpost.php?p=31&amp;postcount=1" id="postcount31"><strong>1</strong></a></td></tr>
            <tr valign="top"><td class="alt2"><div id="postmenu_31"><a class="bigusername" href="member.php?u=7">vega</a> <script type="text/javascript"> vbmenu_register("postmenu_31", true); </script></div><div class="smallfont">Seller</div></td>
            <td class="alt1" id="td_post_31"><div class="smallfont"><strong>Fresh CVV</strong></div><hr />
            <div id="post_message_31"><div style="margin:20px; margin-top:5px; "><div class="smallfont" style="margin-bottom:2px">Quote:</div>
            <table><tr><td class="alt2"><div>Originally Posted by <strong>nix</strong> <a href="showthread.php?p=28#post28" rel="nofollow"><img alt="View Post"></a></div>
            <div style="font-style:italic">price?</div></td></tr></table></div>$3 each<br /><div style="margin:20px; margin-top:5px"><div class="smallfont" style="margin-bottom:2px">Code:</div>
            <pre class="alt2" dir="ltr">4111 1111
  ok</pre></div></div><div>__________________<br />icq 123456</div>
            <div class="smallfont"><hr /><em>Last edited by vega; 03-04-2009 at <span class="time">05:40 PM</span>. Reason: 2 typos</em></div></td></tr></table></div>
            <table id="post32"><tr><td class="thead"><div class="normal" style="float:right">#<strong>2</strong></div><div class="normal"><a name="post32"></a>Today, 03:00 PM</div></td></tr>
            <tr><td><div id="postmenu_32"> passer-by <script>vb()</script></div></td><td><div id="post_message_32">bump</div></td></tr></table></div>
            <div class="smallfont" align="center">All times are GMT +3. The time now is <span class="time">07:07 PM</span>.</div></body></html>"#
            ),
        );
        assert_eq!((r.forum.as_deref(), r.posts.len()), (Some("Carder Row"), 2));
        let p = &r.posts[0].record;
        assert_eq!(p.text, "$3 each\n4111 1111\n  ok");
        assert_eq!(
            (p.author.as_deref(), p.board.as_deref(), p.title.as_deref()),
            (Some("vega"), Some("CVV"), Some("Fresh CVV"))
        );
        assert_eq!(p.quotes, [QuoteTarget { post: Some("28".into()), author: Some("nix".into()) }]);
        assert_eq!(p.time.map(|t| t.to_string()).as_deref(), Some("2009-03-04T14:34:00Z"));
        assert_eq!(p.edited.map(|t| t.to_string()).as_deref(), Some("2009-03-04T14:40:00Z"));
        let q = &r.posts[1];
        assert_eq!(
            (q.record.author.as_deref(), q.unregistered, q.record.text.as_str()),
            (Some("passer-by"), true, "bump")
        );
        assert_eq!(q.record.time.map(|t| t.to_string()).as_deref(), Some("2026-11-23T12:00:00Z"));
        assert_eq!(
            r.next.map(|n| n.url.to_string()).as_deref(),
            Some("http://f.example/showthread.php?t=12&page=2")
        );
        assert_eq!(r.head.and_then(|h| h.posts), Some(35));
    }

    #[test]
    fn lists_of_version_3() {
        let r = read(
            "http://f.example/index.php",
            &format!(
                r#"{HEAD3}<table><tr align="center"><td class="alt2"><img></td><td class="alt1Active" align="left" id="f2"><div><a href="forumdisplay.php?s=1&amp;f=2"><strong>CVV</strong></a></div>
            <div class="smallfont"><strong>Sub-Forums</strong>: <a href="forumdisplay.php?f=3">Dumps</a></div></td>
            <td class="alt2"><div class="smallfont">Today 05:34 PM</div></td><td class="alt1">1,204</td><td class="alt2">9,881</td></tr></table></body></html>"#
            ),
        );
        assert_eq!(r.boards.len(), 2);
        assert_eq!(
            (r.boards[0].title.as_str(), r.boards[0].threads, r.boards[0].posts),
            ("CVV", Some(1204), Some(9881))
        );
        assert_eq!(r.boards[1].target.id, "3");
        let r = read(
            "http://f.example/forumdisplay.php?f=2",
            &format!(
                r#"{HEAD3}<table id="threadslist"><tr><td class="alt1" id="td_threadstatusicon_12"></td><td class="alt1" id="td_threadtitle_12" title="we sell"><div>
            <img class="inlineimg" alt="Sticky Thread"> <a href="showthread.php?t=12" id="thread_title_12">Fresh CVV</a> (<a href="showthread.php?t=12&amp;page=2">2</a>)</div></td>
            <td class="alt2" title="Replies: 34, Views: 40"><div class="smallfont">03-04-2009 <span class="time">05:34 PM</span><br />by <a href="member.php?find=lastposter&amp;t=12">nix</a> <a href="showthread.php?p=40#post40">x</a></div></td>
            <td class="alt1"><a href="misc.php?do=whoposted&amp;t=12">34</a></td><td class="alt2">40</td></tr></table></body></html>"#
            ),
        );
        let t = &r.threads[0];
        assert_eq!((t.title.as_str(), t.posts, t.sticky, t.moved), ("Fresh CVV", Some(35), true, false));
        assert_eq!(t.last.map(|t| t.to_string()).as_deref(), Some("2009-03-04T17:34:00Z"));
        assert_eq!(r.access, Access::Open);
        let r = read(
            "http://f.example/forumdisplay.php?f=9",
            &format!(
                r#"{HEAD3}<div class="panelsurround"><div class="panel">You are not logged in or you do not have permission to access this page.</div></div></body></html>"#
            ),
        );
        assert_eq!(r.access, Access::LoginNeeded);
        let r = read(
            "http://f.example/showthread.php?t=99",
            &format!(
                r#"{HEAD3}<div class="panelsurround"><div class="panel">Invalid Thread specified. If you followed a valid link, please notify the administrator</div></div></body></html>"#
            ),
        );
        assert_eq!(r.access, Access::Missing);
    }

    const HEAD4: &str = r#"<html><head><base href="http://f.example/board/" /><meta name="generator" content="vBulletin 4.2.2" /></head><body>
        <li class="welcomelink">Welcome, <a href="member.php?9-mira">mira</a></li><a href="login.php?do=logout&amp;logouthash=1">Log Out</a>
        <div id="breadcrumb"><ul><li class="navbit"><a href="forum.php">Dark Quay</a></li><li class="navbit"><a href="forumdisplay.php?2-Market">Market</a></li>
        <li class="navbit lastnavbit"><span>x</span></li></ul></div>"#;

    #[test]
    fn pages_of_version_4() {
        let r = read(
            "http://f.example/board/showthread.php?12-Stealer",
            &format!(
                r##"{HEAD4}<div id="pagetitle"><h1>Thread: <span class="threadtitle"><a href="showthread.php?12-Stealer">Stealer</a></span></h1></div>
            <ol id="posts"><li class="postbitlegacy postcontainer old" id="post_123"><div class="posthead"><span class="postdate old"><span class="date">05-06-2012,&nbsp;<span class="time">10:00 AM</span></span></span>
            <a class="postcounter" href="#">#1</a></div><div class="postdetails"><div class="userinfo"><a class="username offline popupctrl" href="member.php?1-vega"><strong>vega</strong></a></div>
            <div class="postbody"><div class="content"><div id="post_message_123"><blockquote class="postcontent restore"><div class="bbcode_container"><div class="bbcode_quote"><div class="quote_container">
            <div class="bbcode_postedby">Originally Posted by <strong>nix</strong> <a href="showthread.php?p=120#post120"><img></a></div><div class="message">old</div></div></div></div>new build
            <div class="bbcode_container"><div class="bbcode_description">Code:</div><pre class="bbcode_code">a
 b</pre></div></blockquote></div></div></div><div class="after_content"><blockquote class="postcontent lastedited">Last edited by vega; 05-06-2012 at <span class="time">10:05 AM</span>.</blockquote>
            <blockquote class="signature restore">sig</blockquote></div></div></li>
            <li class="postcontainer" id="post_124"><span class="postdate"><span class="date">05-07-2012, 10:00 AM</span></span><span class="username guest"><b>drifter</b></span><div id="post_message_124"><blockquote class="postcontent">ok</blockquote></div></li></ol></body></html>"##
            ),
        );
        let p = &r.posts[0].record;
        assert_eq!((p.text.as_str(), p.author.as_deref()), ("new build\na\n b", Some("vega")));
        assert_eq!(p.quotes, [QuoteTarget { post: Some("120".into()), author: Some("nix".into()) }]);
        assert_eq!(p.edited.map(|t| t.to_string()).as_deref(), Some("2012-05-06T10:05:00Z"));
        assert!(!r.posts[0].unregistered && r.posts[1].unregistered);
        assert_eq!(
            (r.member.as_deref(), r.forum.as_deref(), p.title.as_deref()),
            (Some("mira"), Some("Dark Quay"), Some("Stealer"))
        );
        let r = read(
            "http://f.example/board/forum.php",
            &format!(
                r#"{HEAD4}<ol><li class="forumbit_nopost L1" id="cat1"><h2><span class="forumtitle"><a href="forumdisplay.php?1-All">All</a></span></h2><ol><li id="forum2" class="forumbit_post L2"><h2 class="forumtitle"><a href="forumdisplay.php?2-Market">Market</a></h2>
            <ol class="subforumlist"><li class="subforum"><a href="forumdisplay.php?5-Keys">Keys</a></li></ol><ul class="forumstats"><li>Threads: 3</li><li>Posts: 1,010</li></ul><div class="forumlastpost">Today</div></li></ol></li></ol></body></html>"#
            ),
        );
        let titles: Vec<_> = r.boards.iter().map(|b| (b.title.as_str(), b.posts)).collect();
        assert_eq!(titles, [("All", None), ("Market", Some(1010)), ("Keys", None)]);
        assert_eq!(r.boards[1].target.url.as_str(), "http://f.example/board/forumdisplay.php?2-Market");
        let r = read(
            "http://f.example/board/forumdisplay.php?2-Market",
            &format!(
                r#"{HEAD4}<ol id="threads"><li class="threadbit moved" id="thread_12"><div class="nonsticky"><h3 class="threadtitle"><span class="prefix understate">Moved:</span> <a class="title" href="showthread.php?12-Stealer" id="thread_title_12">Stealer</a></h3></div>
            <ul class="threadstats"><li>Replies: -</li></ul><dl class="threadlastpost"><dt>Last</dt><dd>by nix</dd><dd>Yesterday, <em class="time">05:34 PM</em></dd></dl></li></ol></body></html>"#
            ),
        );
        assert_eq!((r.threads[0].moved, r.threads[0].sticky, r.threads[0].posts), (true, false, None));
        assert_eq!(r.threads[0].last.map(|t| t.to_string()).as_deref(), Some("2026-11-22T17:34:00Z"));
    }

    #[test]
    fn the_form_on_every_page() {
        let document = Document {
            url: Url::parse("http://f.example/index.php").unwrap(),
            status: 200,
            headers: Vec::new(),
            body: r#"<form action="login.php?do=login" method="post"><input name="vb_login_username"><input type="password" name="vb_login_password">
                <input type="hidden" name="securitytoken" value="guest"><input type="hidden" name="do" value="login"></form>"#
                .into(),
            fetched: Timestamp(0),
        };
        let form = Vbulletin.login(&document, "mira", "x").unwrap();
        assert_eq!(form.action.as_str(), "http://f.example/login.php?do=login");
        assert_eq!(form.fields.len(), 4);
    }
}
