//! Simple Machines Forum 2.x.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::QuoteTarget;
use url::Url;

/// Simple Machines Forum 2.0 and 2.1, the themes Curve and Curve 2.
#[derive(Debug)]
pub struct Smf;

fn target(url: &Url) -> Option<Target> {
    let script = dom::script(url);
    // Rewritten: index.php/topic,27.15.html.
    let rewritten = |key: &str| {
        let rest = script.strip_prefix(key)?.strip_prefix(',')?;
        Some(rest.trim_end_matches(".html").to_owned())
    };
    for (kind, key) in [(Kind::Thread, "topic"), (Kind::Board, "board")] {
        let Some(value) = dom::parameter(url, key).or_else(|| rewritten(key)) else { continue };
        if dom::parameter(url, "action").is_some_and(|a| a != "display") {
            return None;
        }
        let (id, from) = value.split_once('.').unwrap_or((&value, "0"));
        let id = dom::leading_number(id)?;
        // `topic=27.msg1701` and `topic=27.new` lead into the middle: the thread is read from its start.
        let from: u32 = from.parse().unwrap_or(0);
        let to = if script.contains(',') { url.join("../index.php").ok()? } else { url.clone() };
        return Some(Target {
            kind,
            url: dom::sibling(&to, "index.php", &format!("{key}={id}.{from}"))?,
            id,
            page: from + 1,
        });
    }
    let plain = url.query().is_none_or(|q| {
        q.split(['&', ';']).all(|p| p.is_empty() || p.starts_with("PHPSESSID=") || p == "action=forum")
    });
    (matches!(script, "" | "index.php") && plain).then(|| {
        Some(Target {
            kind: Kind::Index,
            id: String::new(),
            page: 1,
            url: dom::sibling(url, "index.php", "")?,
        })
    })?
}

fn quote(base: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    // 2.1 writes the source inside the quote, 2.0 over it.
    let header = quote
        .prev_siblings()
        .filter_map(ElementRef::wrap)
        .next()
        .filter(|e| e.value().attr("class") == Some("quoteheader"));
    let Some(cite) = dom::first(quote, select!("cite")).or(header) else {
        return QuoteTarget { post: None, author: None };
    };
    let link = dom::first(cite, select!("a[href]")).and_then(|a| dom::link(base, a));
    let words = dom::line(cite);
    let author = words.split_once(": ").map(|(_, rest)| {
        [" on ", " от ", " 于 ", " 發表於 "]
            .iter()
            .filter_map(|w| rest.rfind(w))
            .max()
            .map_or(rest, |at| &rest[..at])
            .trim()
            .to_owned()
    });
    QuoteTarget {
        post: link.and_then(|u| {
            let from =
                dom::parameter(&u, "msg").or_else(|| u.fragment()?.strip_prefix("msg").map(str::to_owned))?;
            dom::leading_number(&from)
        }),
        author: author.filter(|a| !a.is_empty()),
    }
}

/// The number of the last message, in a link to it.
fn message(cell: ElementRef<'_>) -> String {
    let href = cell.all(select!("a[href*='msg']")).find_map(|a| a.value().attr("href")).unwrap_or("");
    href.rfind("msg").and_then(|at| dom::leading_number(&href[at + 3..])).unwrap_or_default()
}

impl Engine for Smf {
    fn name(&self) -> &str {
        "smf"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("var smf_theme_url") || b.contains("smf_scripturl") {
            100
        } else if b.contains("Simple Machines Forum\"") || b.contains("https://www.simplemachines.org\"") {
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
        let base = &document.url;
        let clock =
            Clock { now: document.fetched, offset: reader.offset.unwrap_or(0), day_first: reader.day_first };
        let here = target(base);
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: page::words(&html, select!("h1.forumtitle")),
            member: page::words(
                &html,
                select!("#profile_menu_top .textmenu, #profile_menu_top, li.greeting span"),
            ),
            ..Reading::default()
        };
        for row in root.all(select!("[id^='board_'].up_contain, tr[id^='board_']")) {
            let Some(a) = dom::first(row, select!("a.subject")) else { continue };
            let Some(url) = dom::link(base, a) else { continue };
            let stats = dom::first(row, select!(".board_stats, .stats")).map(dom::line).unwrap_or_default();
            let mut numbers = numbers(&stats);
            let (posts, threads) = (numbers.next(), numbers.next());
            let last =
                dom::first(row, select!(".lastpost")).map(|l| last_post(l, &clock)).unwrap_or_default();
            let redirect =
                dom::first(row, select!("a.board_redirect")).is_some() || url.host() != base.host();
            let to = target(&url).or_else(|| {
                redirect.then(|| Target { kind: Kind::Board, id: String::new(), page: 1, url: url.clone() })
            });
            let Some(to) = to else { continue };
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state: format!("{threads:?} {posts:?} {last}"),
                elsewhere: redirect,
            });
        }
        for a in root.all(select!(".children a, tr[id$='_children'] a")) {
            let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Board)
            else {
                continue;
            };
            // "No New Posts (Topics: 7, Posts: 77)"
            let hint = a.value().attr("title").unwrap_or("");
            let mut counts = numbers(hint.rsplit('(').next().unwrap_or(""));
            let (threads, posts) = (counts.next(), counts.next());
            let state = if threads.is_some() { format!("{threads:?} {posts:?}") } else { String::new() };
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state,
                elsewhere: false,
            });
        }
        for row in root.all(select!("#topic_container > div, #messageindex tr")) {
            let Some(a) = dom::first(row, select!("span[id^='msg_'] a")) else { continue };
            let Some(to) = dom::link(base, a).and_then(|u| target(&u)) else { continue };
            let class = row.value().attr("class").unwrap_or("");
            let cell =
                dom::first(row, select!("td.subject")).and_then(|c| c.value().attr("class")).unwrap_or("");
            let replies =
                dom::first(row, select!(".board_stats, .stats")).and_then(|s| numbers(&dom::line(s)).next());
            let last = dom::first(row, select!(".lastpost"));
            let when = last.and_then(|l| dom::first(l, select!("a"))).map(dom::line).unwrap_or_default();
            let when = parse(&when, &clock);
            let moved = row
                .all(select!("img"))
                .any(|i| i.value().attr("src").is_some_and(|s| s.ends_with("moved.png")));
            reading.threads.push(ThreadLink {
                target: Target { page: 1, ..to },
                title: dom::line(a),
                posts: replies.map(|n| n + 1),
                last: when,
                state: format!("{replies:?} {}", last.map(message).unwrap_or_default()),
                sticky: class.contains("sticky") || cell.contains("stickybg"),
                moved,
            });
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) = page::crumbs(
            root,
            select!(".navigate_section:first-of-type a, .navigate_section a"),
            base,
            target,
        );
        (reading.next, reading.pages) =
            page::pager(root, select!(".pagelinks a, a.navPages"), base, here.as_ref(), target);
        let title = match here.as_ref().map(|t| t.kind) {
            Some(Kind::Thread) => page::words(&html, select!("#top_subject"))
                .or_else(|| page::words(&html, select!(".navigate_section li.last"))),
            Some(Kind::Board) => path.last().cloned(),
            _ => None,
        };
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        for post in root.all(select!(".post_wrapper")) {
            let Some(body) = dom::first(post, select!(".inner[id^='msg_']")) else { continue };
            let Some(id) = dom::id_behind(body, "msg_") else { continue };
            let name = dom::first(post, select!(".poster h4"));
            let when = dom::first(post, select!(".postinfo a.smalltext, .postinfo .smalltext"))
                .or_else(|| dom::first(post, select!(".keyinfo .smalltext")))
                .map(dom::line)
                .unwrap_or_default();
            // 2.0: "« Reply #1 on: June 26, 2024, 11:13:46 PM »"
            let shown = if when.starts_with('«') {
                when.split_once(": ").map_or(when.clone(), |p| p.1.to_owned())
            } else {
                when
            };
            let edited = dom::first(post, select!(".modified, [id^='modified_']")).map(dom::line);
            let marks = Marks {
                quote: select!("blockquote"),
                drop: select!(".signature, .codeheader, .quoteheader, .quotefooter, .attachments, .attached"),
                mention: select!("a.mention"),
                target: &quote,
            };
            reading.posts.push(
                Draft {
                    author: name.and_then(dom::words),
                    unregistered: name.is_some_and(|n| dom::first(n, select!("a[href]")).is_none()),
                    time: parse(&shown, &clock),
                    shown,
                    edited: edited.and_then(|e| {
                        let rest = e.split_once(": ")?.1;
                        parse(rest.split(" by ").next()?, &clock)
                    }),
                    own: Some(own(base, body, &marks)),
                    url: dom::sibling(base, "index.php", &format!("msg={id}")),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        if dom::first(root, select!("form#frmLogin")).is_some()
            && here.as_ref().is_some_and(|t| t.kind != Kind::Index)
        {
            reading.access = Access::LoginNeeded;
        } else if let Some(message) =
            page::words(&html, select!("#fatal_error .errorbox, #fatal_error .padding"))
            && (reading.access.is_open() || matches!(reading.access, Access::Refused(_)))
        {
            reading.access =
                if message.contains("missing") { Access::Missing } else { Access::Refused(message) };
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = dom::first(&html, select!("form#frmLogin"))
            .or_else(|| page::form_with(&html, "user", "passwrd"))?;
        page::fill(document, form, ("user", "passwrd"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        dom::sibling(named, "index.php", "action=login").unwrap_or_else(|| named.clone())
    }
}

/// The last post of a board: its topic and its time. The link itself leads a member to what is unread, and so differs
/// with what that member has read.
fn last_post(cell: ElementRef<'_>, clock: &Clock) -> String {
    let topic = cell
        .all(select!("a[href*='topic=']"))
        .find_map(|a| a.value().attr("href")?.split_once("topic=").and_then(|p| dom::leading_number(p.1)))
        .unwrap_or_default();
    let mut shown = String::new();
    for node in cell.descendants().skip(1) {
        let Some(text) = node.value().as_text() else { continue };
        let inside = node.ancestors().take_while(|n| n.id() != cell.id()).filter_map(ElementRef::wrap);
        if !inside.into_iter().any(|e| e.value().name() == "a") {
            shown.push_str(text);
            shown.push(' ');
        }
    }
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    parse(&shown, clock).map_or(format!("{topic} {shown}"), |at| format!("{topic} {}", at.0))
}

/// Numbers of a text in their order, with separators of thousands.
fn numbers(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split_whitespace().filter_map(dom::count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::Timestamp;

    /// A guest's link to the last post and a member's, which leads to what is unread: one state.
    #[test]
    fn state_of_a_board_is_the_same_for_all() {
        let state = |last: &str| {
            let body = format!(
                r#"<div id="board_3" class="up_contain"><a class="subject" href="index.php?board=3.0">Trade</a>
                <div class="board_stats"><p>Posts: 41<br>Topics: 7</p></div><div class="lastpost"><p><strong>Last post: </strong>{last}</p></div></div>"#
            );
            let document = Document {
                url: Url::parse("http://f.example/index.php").unwrap(),
                status: 200,
                headers: Vec::new(),
                body,
                fetched: Timestamp(1_795_450_020),
            };
            Smf.read(&document, &Reader::default()).boards[0].state.clone()
        };
        let guest = state(
            r#"Nov 22, 2026, 03:57 PM <span class="postby"><a href="index.php?topic=27.15#msg91">Re: 3 PM</a> by nix</span>"#,
        );
        let member = state(
            r#"<strong>Yesterday</strong> at 03:57 PM <span class="postby"><a href="index.php?topic=27.msg88#new">Re: 3 PM</a> by nix</span>"#,
        );
        assert_eq!(guest, member);
        assert_ne!(
            guest,
            state(
                r#"Nov 22, 2026, 03:58 PM <span class="postby"><a href="index.php?topic=27.15#msg92">x</a></span>"#
            )
        );
    }
}
