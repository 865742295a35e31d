//! MyBB 1.8.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::QuoteTarget;
use url::Url;

/// MyBB 1.8, the default theme and those that descend from it, with plain and with rewritten addresses.
#[derive(Debug)]
pub struct Mybb;

fn target(url: &Url) -> Option<Target> {
    let script = dom::script(url);
    // Rewritten: thread-26.html, thread-26-page-2.html, forum-8-page-2.html.
    for (kind, prefix) in [(Kind::Thread, "thread-"), (Kind::Board, "forum-")] {
        if let Some(rest) = script.strip_prefix(prefix) {
            let id = dom::leading_number(rest)?;
            let page: u32 =
                rest.split_once("-page-").and_then(|p| dom::leading_number(p.1)?.parse().ok()).unwrap_or(1);
            let path = if page > 1 {
                format!("{prefix}{id}-page-{page}.html")
            } else {
                format!("{prefix}{id}.html")
            };
            return Some(Target { kind, url: dom::sibling(url, &path, "")?, id, page });
        }
    }
    let (kind, key) = match script {
        "showthread.php" => (Kind::Thread, "tid"),
        "forumdisplay.php" => (Kind::Board, "fid"),
        "" | "index.php" => {
            return Some(Target {
                kind: Kind::Index,
                id: String::new(),
                page: 1,
                url: dom::sibling(url, "index.php", "")?,
            });
        }
        _ => return None,
    };
    let id = dom::leading_number(&dom::parameter(url, key)?)?;
    let page: u32 = dom::parameter(url, "page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
    let query = if page > 1 { format!("{key}={id}&page={page}") } else { format!("{key}={id}") };
    Some(Target { kind, url: dom::sibling(url, script, &query)?, id, page })
}

fn quote(base: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let cite = dom::first(quote, select!("cite"));
    let link = cite.and_then(|c| dom::first(c, select!("a[href*='pid']"))).and_then(|a| dom::link(base, a));
    QuoteTarget {
        post: link.and_then(|u| {
            dom::parameter(&u, "pid").or_else(|| dom::leading_number(u.fragment()?.strip_prefix("pid")?))
        }),
        author: cite.and_then(page::said),
    }
}

impl Engine for Mybb {
    fn name(&self) -> &str {
        "mybb"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("my_post_key") && b.contains("MyBB") {
            100
        } else if b.contains("https://mybb.com\"") || b.contains("jscripts/general.js?ver=18") {
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
        let base = &document.url;
        let clock =
            Clock { now: document.fetched, offset: reader.offset.unwrap_or(0), day_first: reader.day_first };
        let here = target(base);
        let active = page::words(&html, select!(".navigation .active"));
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: page::words(&html, select!(".navigation > a"))
                .or_else(|| active.clone().filter(|_| here.as_ref().is_some_and(|t| t.kind == Kind::Index))),
            member: page::words(
                &html,
                select!("#panel .welcome strong a, #panel .welcome a[href*='action=profile']"),
            ),
            ..Reading::default()
        };
        for row in root.all(select!("tr")) {
            if let Some(icon) = dom::first(row, select!(".forum_status")) {
                let Some(cell) = row.all(select!("td")).nth(1) else { continue };
                let cells: Vec<String> = row.all(select!("td")).map(dom::line).collect();
                let last = dom::first(row, select!("td:last-child .smalltext"));
                let (threads, posts) =
                    (cells.get(2).and_then(|c| dom::count(c)), cells.get(3).and_then(|c| dom::count(c)));
                let mut links =
                    cell.all(select!("a")).filter_map(|a| Some((a, target(&dom::link(base, a)?)?)));
                let Some((a, to)) = links.next() else { continue };
                reading.boards.push(BoardLink {
                    target: to,
                    title: named(dom::line(a)),
                    threads,
                    posts,
                    state: format!("{threads:?} {posts:?} {}", last.map(last_post).unwrap_or_default()),
                    elsewhere: icon.value().attr("class").is_some_and(|c| c.contains("offlink")),
                });
                for (a, to) in links.filter(|(_, t)| t.kind == Kind::Board) {
                    let title = named(dom::line(a));
                    reading.boards.push(BoardLink {
                        target: to,
                        title,
                        threads: None,
                        posts: None,
                        state: String::new(),
                        elsewhere: false,
                    });
                }
            } else if let Some(subject) = dom::first(row, select!("span[id^='tid_'] a")) {
                let Some(to) = dom::link(base, subject).and_then(|u| target(&u)) else { continue };
                let replies = dom::first(row, select!("td a[href*='whoposted']"))
                    .map(dom::line)
                    .or_else(|| row.all(select!("td")).nth(3).map(dom::line));
                let count = replies.as_deref().and_then(dom::count);
                let last = dom::first(row, select!(".lastpost")).map(dom::dated).unwrap_or_default();
                reading.threads.push(ThreadLink {
                    target: Target { page: 1, ..to },
                    title: dom::line(subject),
                    posts: count.map(|n| n + 1),
                    last: parse(&last, &clock),
                    state: format!("{count:?} {last}"),
                    sticky: dom::first(row, select!("td.forumdisplay_sticky")).is_some(),
                    moved: replies.as_deref() == Some("-"),
                });
            }
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) = page::crumbs(root, select!(".navigation a:not([class])"), base, target);
        let path: Vec<String> = path.into_iter().map(named).collect();
        (reading.next, reading.pages) =
            page::pager(root, select!(".pagination a"), base, here.as_ref(), target);
        let title = active.and_then(|title| match here.as_ref()?.kind {
            Kind::Index => None,
            Kind::Board => Some(named(title)),
            Kind::Thread => Some(title),
        });
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        for post in root.all(select!("[id^='post_'].post, table[id^='post_']")) {
            let Some(id) = dom::id_behind(post, "post_") else { continue };
            let name = dom::first(post, select!(".author_information .largetext, .post_author .largetext"));
            let shown = dom::first(post, select!(".post_date")).map(dom::dated).unwrap_or_default();
            let marks = Marks {
                quote: select!("blockquote"),
                drop: select!(
                    ".signature, .post_meta, .codeblock > .title, .codeblock .toolbar, fieldset, .post_edit"
                ),
                mention: select!("a[id^='mention_'], a.mention, a.mentionme"),
                target: &quote,
            };
            let edited = dom::first(post, select!(".edited_post")).map(dom::dated);
            let body = dom::first(post, select!(".post_body"));
            reading.posts.push(
                Draft {
                    author: name.and_then(dom::words),
                    unregistered: name.is_some_and(|n| dom::first(n, select!("a")).is_none()),
                    time: parse(&shown, &clock),
                    shown,
                    edited: edited.and_then(|e| parse(e.split_once(':')?.1, &clock)),
                    own: body.map(|b| own(base, b, &marks)),
                    url: around.thread.as_ref().and_then(|t| {
                        let mut url = dom::sibling(base, "showthread.php", &format!("tid={t}&pid={id}"))?;
                        url.set_fragment(Some(&format!("pid{id}")));
                        Some(url)
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        page::mentioned(&mut reading.posts);
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            let bare = reading.posts.is_empty()
                && reading.threads.is_empty()
                && reading.boards.is_empty()
                && dom::first(root, select!("a[href*='sortby=']")).is_none();
            if bare && reading.access.is_open() {
                let said =
                    page::words(&html, select!("#content .tborder .trow1, .error")).unwrap_or_default();
                reading.access = if said.contains("does not exist") || said.contains("is invalid") {
                    Access::Missing
                } else if reading.member.is_none() {
                    Access::LoginNeeded
                } else {
                    Access::Refused(said)
                };
            }
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = page::form_with(&html, "username", "password")?;
        page::fill(document, form, ("username", "password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        dom::sibling(named, "member.php", "action=login").unwrap_or_else(|| named.clone())
    }
}

/// A board's title: administrators may write markup there, and pages escape what is escaped already.
fn named(shown: String) -> String {
    if shown.contains('&') { crate::decode_entities(&shown).into_owned() } else { shown }
}

/// The last post of a row: where it is and when it was made.
fn last_post(cell: ElementRef<'_>) -> String {
    let thread = dom::first(cell, select!("a[href]")).and_then(|a| a.value().attr("href")).unwrap_or("");
    format!("{thread} {}", dom::dated(cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::Timestamp;

    fn read(address: &str, body: &str) -> Reading {
        Mybb.read(
            &Document {
                url: Url::parse(address).unwrap(),
                status: 200,
                headers: Vec::new(),
                body: body.to_owned(),
                fetched: Timestamp(1_795_450_020),
            },
            &Reader::default(),
        )
    }

    /// The way back leads to the page of the board that the thread is on, whose title is escaped twice; a post that is
    /// kept back has no time, and that is no problem.
    #[test]
    fn thread_of_a_later_page_of_its_board() {
        let r = read(
            "http://f.example/showthread.php?tid=5",
            r#"<div class="navigation"><a href="index.php">Night Row</a> › <a href="forumdisplay.php?fid=2">Trade</a> ›
            <a href="forumdisplay.php?fid=4&amp;page=2">Loaders &amp;amp; Crypters</a> <span class="active">Fresh build</span></div>
            <div class="post" id="post_7"><div class="author_information"><span class="largetext"><a href="member.php">vega</a></span></div>
            <span class="post_date">11-22-2026, 03:04 PM</span><div class="post_body" id="pid_7">@nix ask @vega
            [Image: <a href="http://i.example/a.png">http://i.example/a.png</a>]</div></div>
            <div class="post" id="post_8"><div class="author_information"><span class="largetext">nix</span></div></div>"#,
        );
        let p = &r.posts[0].record;
        assert_eq!(
            (p.board.as_deref(), p.title.as_deref(), p.text.as_str()),
            (Some("Loaders & Crypters"), Some("Fresh build"), "@nix ask @vega")
        );
        assert_eq!((p.mentions.len(), p.links.len()), (2, 0));
        assert!(r.posts[1].withheld && r.posts[1].unread_time.is_none() && r.posts[1].unregistered);
    }
}
