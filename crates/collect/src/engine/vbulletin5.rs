//! vBulletin 5 and 6.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// vBulletin 5.x and 6.x ("Connect"), whose boards are folders of the address: `/forum/market/cvv/3434-fresh/page2`.
#[derive(Debug)]
pub struct Vbulletin5;

fn target(url: &Url) -> Option<Target> {
    const OTHERS: [&str; 12] = [
        "member",
        "search",
        "admincp",
        "register",
        "login",
        "help",
        "contact-us",
        "filedata",
        "ajax",
        "privatemessage",
        "blogs",
        "social-groups",
    ];
    let mut parts: Vec<&str> = url.path().split('/').filter(|p| !p.is_empty()).collect();
    if parts.iter().any(|p| OTHERS.contains(p))
        || parts.last().is_some_and(|p| p.contains('.') && *p != "index.php")
    {
        return None;
    }
    let page = parts.last().and_then(|p| p.strip_prefix("page")?.parse::<u32>().ok());
    if page.is_some() {
        parts.pop();
    }
    let page = page.unwrap_or(1).max(1);
    let last = parts.last().copied().unwrap_or("");
    let number = last
        .split_once('-')
        .map(|p| p.0)
        .filter(|n| n.len() < 19 && n.bytes().all(|b| b.is_ascii_digit()) && !n.is_empty());
    let (kind, id) = match (number, last) {
        (Some(id), _) => (Kind::Thread, id.to_owned()),
        (None, "" | "forum" | "forums" | "index.php") => (Kind::Index, String::new()),
        (None, _) => (Kind::Board, parts.join("/")),
    };
    let mut to = url.clone();
    let folder = parts.iter().fold(String::new(), |all, p| all + "/" + p);
    to.set_path(&if page > 1 { format!("{folder}/page{page}") } else { folder });
    to.set_query(None);
    to.set_fragment(None);
    Some(Target { kind, id, page, url: to })
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let by = dom::first(quote, select!(".bbcode_postedby strong"));
    let post = dom::first(quote, select!(".bbcode_postedby a[href]")).and_then(|a| {
        let href = a.value().attr("href")?;
        dom::leading_number(href.rsplit_once("#post").or_else(|| href.rsplit_once("p="))?.1)
    });
    QuoteTarget { post, author: by.and_then(dom::words) }
}

impl Engine for Vbulletin5 {
    fn name(&self) -> &str {
        "vbulletin5"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("content=\"vBulletin 5") || b.contains("content=\"vBulletin 6") {
            100
        } else if b.contains("id=\"vb-page-body\"") || b.contains("js-post__content-text") {
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
        let zone =
            root.all(select!("#footer, .footer-copyright, footer")).find_map(|e| dom::offset(&dom::line(e)));
        let clock = Clock {
            now: document.fetched,
            offset: reader.offset.or(zone).unwrap_or(0),
            day_first: reader.day_first,
        };
        let here = target(&document.url);
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: root
                .all(select!("meta[property='og:site_name']"))
                .find_map(|m| m.value().attr("content").map(str::to_owned)),
            member: page::words(
                &html,
                select!(
                    "#lnkUsernameMenu .js-username, .b-comp-menu-dropdown__text .username, .welcome-link .username, #lnkUsernameMenu"
                ),
            ),
            ..Reading::default()
        };
        for row in root.all(select!("tr.forum-item")) {
            let Some(a) = dom::first(row, select!("a.forum-title, .cell-forum a[href]")) else { continue };
            let Some(to) = dom::link(base, a)
                .filter(|u| u.host() == base.host())
                .and_then(|u| target(&u))
                .filter(|t| t.kind == Kind::Board)
            else {
                continue;
            };
            let number = |e: Option<ElementRef<'_>>| e.and_then(|e| dom::count(&dom::line(e)));
            let threads = number(dom::first(row, select!(".topics-count, .cell-topics")));
            let posts = number(dom::first(row, select!(".posts-count, .cell-posts")));
            let last =
                dom::first(row, select!(".lastpost, .cell-lastpost")).map(dom::line).unwrap_or_default();
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state: format!("{threads:?} {posts:?} {last}"),
                elsewhere: false,
            });
            for sub in row.all(select!(".subforum-info a[href], .subforum-list a[href]")) {
                if let Some(to) =
                    dom::link(base, sub).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Board)
                {
                    reading.boards.push(BoardLink {
                        target: to,
                        title: dom::line(sub),
                        threads: None,
                        posts: None,
                        state: String::new(),
                        elsewhere: false,
                    });
                }
            }
        }
        for row in root.all(select!("tr.topic-item, .js-topic-item")) {
            let Some(a) = dom::first(row, select!("a.js-topic-title, a.topic-title")) else { continue };
            let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Thread)
            else {
                continue;
            };
            let prefix = dom::first(row, select!(".js-topic-prefix, .js-prefix, .topic-prefix"))
                .map(dom::line)
                .unwrap_or_default()
                .to_lowercase();
            let replies = dom::first(row, select!(".posts-count")).map(dom::line).unwrap_or_default();
            let last = dom::first(row, select!(".lastpost-date, .cell-lastpost .post-date, .cell-lastpost"))
                .map(dom::line)
                .unwrap_or_default();
            reading.threads.push(ThreadLink {
                target: Target { page: 1, ..to },
                title: dom::line(a),
                posts: dom::count(&replies).map(|n| n + 1),
                last: parse(&last, &clock),
                state: format!("{replies} {last}"),
                sticky: row
                    .value()
                    .attr("class")
                    .is_some_and(|c| c.split_whitespace().any(|c| c == "sticky"))
                    || prefix.contains("sticky"),
                moved: prefix.contains("redirect") || prefix.contains("moved"),
            });
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) =
            page::crumbs(root, select!(".breadcrumbs a[href], #breadcrumbs a[href]"), base, target);
        (reading.next, reading.pages) = page::pager(
            root,
            select!("a.js-pagenav-button, .pagenav a[href], link[rel='next']"),
            base,
            here.as_ref(),
            target,
        );
        let total = root.all(select!(".pagetotal")).find_map(|e| dom::count(&dom::line(e)));
        reading.pages = reading.pages.max(total.and_then(|t| u32::try_from(t).ok()));
        let title = page::words(&html, select!("h1.main-title, .main-title, h1.page-title, h1"));
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        let marks = Marks {
            quote: select!(".bbcode_quote"),
            drop: select!(".bbcode_description, .post-signature, .b-post__edit-info, .post-edited"),
            mention: select!("a.b-bbcode-user, a[href*='/member/']"),
            target: &quote,
        };
        for post in root.all(select!("li.js-post[data-node-id], li.b-post[data-node-id]")) {
            let e = post.value();
            let Some(id) = e.attr("data-node-id").and_then(dom::leading_number) else { continue };
            // The head of a list may be a copy of the topic without a text of its own.
            let body =
                dom::first(post, select!(".js-post__content-text, .post-content.restore, [itemprop='text']"));
            let name = dom::first(post, select!(".author [itemprop='name'], .author strong, .author"));
            let time = dom::first(post, select!("time[itemprop='dateCreated'], .post-date, time"));
            let shown = time.map(dom::line).unwrap_or_default();
            let exact =
                e.attr("data-node-publishdate").and_then(|t| t.parse().ok()).and_then(Timestamp::checked);
            let edited = dom::first(post, select!(".b-post__edit-info, .post-edited"))
                .and_then(|n| parse(dom::line(n).rsplit_once([';', ':']).map_or("", |p| p.1), &clock));
            reading.posts.push(
                Draft {
                    author: name.and_then(dom::words),
                    unregistered: dom::first(post, select!(".author a[href*='/member/']")).is_none(),
                    time: exact.or_else(|| parse(&shown, &clock)),
                    shown,
                    edited,
                    own: body.map(|b| own(base, b, &marks)),
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
        let bare = reading.posts.is_empty()
            && reading.threads.is_empty()
            && reading.boards.is_empty()
            && dom::first(root, select!(".topic-list, .forum-list-container")).is_none();
        if bare && matches!(reading.access, Access::Open | Access::Refused(_)) {
            let said = page::words(
                &html,
                select!("#main-error, .error-message, .errorlist, .canvas-widget .widget-content"),
            )
            .unwrap_or_default();
            reading.access =
                if reading.member.is_none() { Access::LoginNeeded } else { Access::Refused(said) };
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, _: &Document, _: &str, _: &str) -> Option<Form> {
        // Its form is sent by a script inside a frame: cookies of a browser's session serve.
        None
    }

    fn login_page(&self, named: &Url) -> Url {
        named.clone()
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
            body: format!(
                "<html><head><meta name=\"generator\" content=\"vBulletin 5.6.4\" /></head><body id=\"vb-page-body\">{body}</body></html>"
            ),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(super::super::detect(&document).map(Engine::name), Some("vbulletin5"));
        Vbulletin5.read(&document, &Reader::default())
    }

    #[test]
    fn addresses() {
        for (from, to) in [
            (
                "https://f.example/forum/market/cvv/3434-fresh/page2?p=9#post9",
                Some((Kind::Thread, "3434", "https://f.example/forum/market/cvv/3434-fresh/page2")),
            ),
            (
                "https://f.example/forum/market/cvv?view=x",
                Some((Kind::Board, "forum/market/cvv", "https://f.example/forum/market/cvv")),
            ),
            (
                "https://f.example/forum/market/cvv/page3",
                Some((Kind::Board, "forum/market/cvv", "https://f.example/forum/market/cvv/page3")),
            ),
            ("https://f.example/", Some((Kind::Index, "", "https://f.example/"))),
            ("https://f.example/member/1-admin", None),
            ("https://f.example/image.php", None),
        ] {
            let got = target(&Url::parse(from).unwrap()).map(|t| (t.kind, t.id, t.url.to_string()));
            assert_eq!(got.as_ref().map(|(k, i, u)| (*k, i.as_str(), u.as_str())), to, "{from}");
        }
    }

    #[test]
    fn a_thread() {
        let r = read(
            "https://f.example/forum/market/cvv/3434-fresh",
            r##"<div class="breadcrumbs"><a href="https://f.example/">Home</a><a href="https://f.example/forum/market">Market</a><a href="https://f.example/forum/market/cvv">CVV</a></div>
            <h1 class="main-title">Fresh CVV</h1><span class="pagetotal">3</span><a class="js-pagenav-button js-pagenav-next-button" data-page="2" href="https://f.example/forum/market/cvv/3434-fresh/page2">Next</a>
            <ul class="conversation-list"><li data-node-id="3434" data-node-publishdate="1414155603" class="b-post js-post js-conversation-starter"><div class="author"><strong><a href="/member/7-vega"><span itemprop="name">vega</span></a></strong></div>
            <time itemprop="dateCreated" datetime="2014-10-24T13:00:03">10-24-2014, 01:00 PM</time><div class="js-post__content-text restore" itemprop="text"><div class="bbcode_container"><div class="bbcode_quote">
            <div class="quote_container"><div class="bbcode_postedby">Originally posted by <strong>nix</strong> <a href="https://f.example/forum/market/cvv/3434-fresh?p=3430#post3430"><img title="View Post"></a></div><div class="message">old</div></div></div></div>$3 each
            <a href="/member/9-mira" class="b-bbcode-user">mira</a></div><div class="post-signature">sig</div></li>
            <li data-node-id="3440" data-node-publishdate="1414159203" class="b-post js-post"><div class="author"><strong>Guest</strong></div><div class="js-post__content-text">vouch</div></li></ul>"##,
        );
        let p = &r.posts[0].record;
        assert_eq!(
            (p.text.as_str(), p.author.as_deref(), p.board.as_deref()),
            ("$3 each mira", Some("vega"), Some("CVV"))
        );
        assert_eq!(p.quotes, [QuoteTarget { post: Some("3430".into()), author: Some("nix".into()) }]);
        assert_eq!(
            (p.time, p.mentions.as_slice()),
            (Some(Timestamp(1_414_155_603)), &["mira".to_owned()][..])
        );
        assert_eq!((r.posts[1].unregistered, r.next.map(|n| n.page), r.pages), (true, Some(2), Some(3)));
    }

    #[test]
    fn lists() {
        let r = read(
            "https://f.example/forum",
            r#"<table class="forum-list-container"><tr class="forum-item"><td class="cell-forum"><a href="https://f.example/forum/market/cvv" class="forum-title">CVV</a></td><td class="topics-count">12</td><td class="posts-count">88</td><td class="lastpost">Today</td></tr></table>"#,
        );
        assert_eq!(
            (r.boards[0].title.as_str(), r.boards[0].threads, r.boards[0].posts),
            ("CVV", Some(12), Some(88))
        );
        let r = read(
            "https://f.example/forum/market/cvv",
            r#"<table class="topic-list"><tr class="topic-item js-topic-item sticky" data-node-id="3434"><td><span class="js-topic-prefix">Sticky:</span><a href="https://f.example/forum/market/cvv/3434-fresh" class="topic-title js-topic-title">Fresh CVV</a></td>
            <td class="cell-count"><div class="posts-count">34 responses</div></td><td class="cell-lastpost"><div class="lastpost-date">10-24-2014, 01:00 PM</div></td></tr></table>"#,
        );
        assert_eq!(
            (r.threads[0].posts, r.threads[0].sticky, r.threads[0].target.id.as_str()),
            (Some(35), true, "3434")
        );
        assert_eq!(
            read(
                "https://f.example/forum/vip",
                "<div class=\"error-message\">You do not have permission</div>"
            )
            .access,
            Access::LoginNeeded
        );
    }
}
