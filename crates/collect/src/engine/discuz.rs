//! Discuz! X.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::QuoteTarget;
use url::Url;

/// Discuz! X2 to X3.5, the default template, with plain and with rewritten addresses.
#[derive(Debug)]
pub struct Discuz;

/// Times are shown in the zone of the board, China's unless it says otherwise.
const CHINA: i32 = 8 * 3600;

fn target(url: &Url) -> Option<Target> {
    let script = dom::script(url);
    // Rewritten: thread-26-2-1.html (thread, page, page of the list), forum-8-2.html.
    for (kind, prefix) in [(Kind::Thread, "thread-"), (Kind::Board, "forum-")] {
        if let Some(rest) = script.strip_prefix(prefix) {
            let mut parts = rest.trim_end_matches(".html").split('-');
            let id = dom::leading_number(parts.next()?)?;
            let page: u32 = parts.next().and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
            let tail = if kind == Kind::Thread { "-1" } else { "" };
            return Some(Target {
                kind,
                url: dom::sibling(url, &format!("{prefix}{id}-{page}{tail}.html"), "")?,
                id,
                page,
            });
        }
    }
    let (kind, mode, key) = match (script, dom::parameter(url, "mod").as_deref()) {
        ("forum.php", Some("viewthread")) => (Kind::Thread, "viewthread", "tid"),
        ("forum.php", Some("forumdisplay")) => (Kind::Board, "forumdisplay", "fid"),
        ("forum.php" | "index.php" | "", None) if dom::parameter(url, "gid").is_none() => {
            return Some(Target {
                kind: Kind::Index,
                id: String::new(),
                page: 1,
                url: dom::sibling(url, "forum.php", "")?,
            });
        }
        _ => return None,
    };
    // The posts of one author only, or in another order, are the same posts.
    let id = dom::leading_number(&dom::parameter(url, key)?)?;
    let page: u32 = dom::parameter(url, "page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
    let mut query = format!("mod={mode}&{key}={id}");
    if page > 1 {
        query.push_str(&format!("&page={page}"));
    }
    Some(Target { kind, url: dom::sibling(url, "forum.php", &query)?, id, page })
}

fn quote(base: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let link = dom::first(quote, select!("a[href*='findpost']"));
    let author = link.map(dom::line).and_then(|words| {
        let cut = [" 发表于 ", " 發表於 ", " posted on "].iter().find_map(|w| words.find(w))?;
        Some(words[..cut].to_owned())
    });
    QuoteTarget { post: link.and_then(|a| dom::parameter(&dom::link(base, a)?, "pid")), author }
}

/// The name over a post: a member's is a link, of a deleted or anonymous one it is plain words.
fn author(post: ElementRef<'_>) -> (Option<String>, bool) {
    if let Some(name) = dom::first(post, select!(".pls .authi a.xw1, .authi a.xw1")) {
        return (dom::words(name), false);
    }
    let plain = dom::first(post, select!(".pls .pi")).map(dom::direct).filter(|n| !n.is_empty());
    (plain.or_else(|| dom::first(post, select!(".pls .authi")).and_then(dom::words)), true)
}

impl Engine for Discuz {
    fn name(&self) -> &str {
        "discuz"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("name=\"generator\" content=\"Discuz!") {
            100
        } else if b.contains("discuz_uid = '") || b.contains("Powered by Discuz!") {
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
        let here = target(&document.url);
        let footer = page::words(&html, select!("#ft")).unwrap_or_default();
        let zone = dom::offset(&footer).unwrap_or(CHINA);
        let clock = Clock {
            now: document.fetched,
            offset: reader.offset.unwrap_or(zone),
            day_first: reader.day_first,
        };
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: page::words(&html, select!("#pt a.nvhm")).or_else(|| {
                let meta = html.all(select!("meta[name='application-name']")).next()?;
                meta.value().attr("content").map(str::to_owned)
            }),
            member: page::words(&html, select!("#um .vwmy a")),
            ..Reading::default()
        };
        for row in root.all(select!(".fl_tb tr, .fl_tb td.fl_g")) {
            let Some(a) = dom::first(row, select!("h2 a[href], dt a[href]")) else { continue };
            let Some(url) = dom::link(base, a) else { continue };
            let elsewhere = url.host() != base.host();
            let Some(to) = target(&url)
                .filter(|t| t.kind == Kind::Board)
                .or_else(|| elsewhere.then(|| Target { kind: Kind::Board, id: String::new(), page: 1, url }))
            else {
                continue;
            };
            let counters = dom::first(row, select!(".fl_i")).map(dom::line).unwrap_or_default();
            let mut numbers = counters.split_whitespace().filter_map(dom::count);
            let (threads, posts) = (numbers.next(), numbers.next());
            let last = dom::first(row, select!(".fl_by cite, dd cite")).map(dom::dated).unwrap_or_default();
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state: format!("{threads:?} {posts:?} {last}"),
                elsewhere,
            });
            for a in row.all(select!("td > p a[href*='forumdisplay'], td > p a[href*='forum-']")) {
                let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Board)
                else {
                    continue;
                };
                let title = dom::line(a);
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
        for row in root.all(select!("tbody[id^='normalthread_'], tbody[id^='stickthread_']")) {
            let Some(a) = dom::first(row, select!("a.xst")) else { continue };
            let Some(to) = dom::link(base, a).and_then(|u| target(&u)) else { continue };
            let replies = dom::first(row, select!(".num a")).map(dom::line).unwrap_or_default();
            let count = dom::count(&replies);
            let last = row.all(select!("td.by em a")).last();
            // The whole date stands in the title when the shown one is relative.
            let when = last
                .map(|l| Some(dom::dated(l)).filter(|d| !d.is_empty()).unwrap_or_else(|| dom::line(l)))
                .unwrap_or_default();
            let own = dom::id_behind(row, "normalthread_").or_else(|| dom::id_behind(row, "stickthread_"));
            reading.threads.push(ThreadLink {
                title: dom::line(a),
                posts: count.map(|n| n + 1),
                last: parse(&when, &clock),
                state: format!("{count:?} {when}"),
                sticky: row.value().attr("id").is_some_and(|i| i.starts_with("stick")),
                moved: own.is_some_and(|o| o != to.id),
                target: Target { page: 1, ..to },
            });
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) = page::crumbs(root, select!("#pt a"), base, target);
        (reading.next, reading.pages) = page::pager(root, select!(".pg a"), base, here.as_ref(), target);
        let title = match here.as_ref().map(|t| t.kind) {
            Some(Kind::Thread) => page::words(&html, select!("#thread_subject")),
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
        for post in root.all(select!("div[id^='post_']")) {
            let Some(id) = dom::id_behind(post, "post_") else { continue };
            let (author, unregistered) = author(post);
            let shown = dom::first(post, select!("em[id^='authorposton']"))
                .map(|e| {
                    if dom::first(e, select!("span[title]")).is_some() { dom::dated(e) } else { dom::line(e) }
                })
                .unwrap_or_default();
            let body = dom::first(post, select!("[id^='postmessage_']"));
            let edited = body.and_then(|b| dom::first(b, select!("i.pstatus"))).map(dom::line);
            let marks = Marks {
                quote: select!("div.quote, div.reply_wrap"),
                // Copy protection writes noise that the browser hides.
                drop: select!(
                    "i.pstatus, .blockcode > em, .locked, .attach_nopermission, .jammer, [style*='display:none'], [style*='display: none'], .sign"
                ),
                mention: select!("a[href*='mod=space'][href*='uid='], a[href*='space-uid-']"),
                target: &quote,
            };
            reading.posts.push(
                Draft {
                    author,
                    unregistered,
                    time: parse(shown.trim_start_matches("发表于").trim_start_matches("發表於"), &clock),
                    shown,
                    edited: edited.and_then(|e| {
                        let from = e.rfind(" 于 ").or_else(|| e.rfind(" 於 "))?;
                        parse(e[from..].trim_start_matches([' ', '于', '於']), &clock)
                    }),
                    own: body.map(|b| own(base, b, &marks)),
                    url: around.thread.as_ref().and_then(|t| {
                        dom::sibling(
                            base,
                            "forum.php",
                            &format!("mod=redirect&goto=findpost&ptid={t}&pid={id}"),
                        )
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        if let Some(said) = page::words(&html, select!("#messagetext p, #messagetext"))
            && reading.access.is_open()
        {
            reading.access = if said.contains("不存在") || said.contains("已被删除") {
                Access::Missing
            } else if said.contains("尚未登录")
                || said.contains("需要登录")
                || said.contains("先登录")
                || said.contains("logged in")
            {
                Access::LoginNeeded
            } else if said.contains("关闭") {
                Access::Down(said)
            } else {
                Access::Refused(said)
            };
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = dom::first(&html, select!("form[name='login']"))
            .or_else(|| page::form_with(&html, "username", "password"))?;
        page::fill(document, form, ("username", "password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        dom::sibling(named, "member.php", "mod=logging&action=login").unwrap_or_else(|| named.clone())
    }
}
