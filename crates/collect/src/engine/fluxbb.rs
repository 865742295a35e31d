//! FluxBB 1.5 and PunBB.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::QuoteTarget;
use url::Url;

/// FluxBB 1.4 and 1.5, PunBB 1.2 (whose markup FluxBB kept) and PunBB 1.4.
#[derive(Debug)]
pub struct Fluxbb;

fn target(url: &Url) -> Option<Target> {
    let script = dom::script(url);
    let kind = match script {
        "viewtopic.php" => Kind::Thread,
        "viewforum.php" => Kind::Board,
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
    let id = dom::leading_number(&dom::parameter(url, "id")?)?;
    let page: u32 = dom::parameter(url, "p").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
    let query = if page > 1 { format!("id={id}&p={page}") } else { format!("id={id}") };
    Some(Target { kind, url: dom::sibling(url, script, &query)?, id, page })
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    QuoteTarget { post: None, author: dom::first(quote, select!("cite")).and_then(page::said) }
}

fn cell(row: ElementRef<'_>, select: &dom::Select) -> Option<String> {
    dom::first(row, select).map(dom::line)
}

impl Engine for Fluxbb {
    fn name(&self) -> &str {
        "fluxbb"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("id=\"brdmain\"") && b.contains("class=\"pun\"") {
            100
        } else if b.contains("id=\"brd-wrap\"") || b.contains("id=\"brd-main\"") {
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
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: page::words(&html, select!("#brdtitle h1, #brd-title")),
            member: page::words(&html, select!("#brdwelcome li strong, #brd-visit #welcome strong")),
            ..Reading::default()
        };
        for row in root.all(select!("#brdmain tr, #brd-main .main-item")) {
            let class = row.value().attr("class").unwrap_or("");
            let last = dom::first(row, select!(".tcr, .info-lastpost"));
            let where_last = last
                .and_then(|l| dom::first(l, select!("a[href]")))
                .and_then(|a| a.value().attr("href"))
                .unwrap_or("")
                .to_owned();
            let (first, second) = (
                cell(row, select!(".tc2, .info-topics, .info-replies")),
                cell(row, select!(".tc3, .info-posts, .info-views")),
            );
            let Some(a) = row
                .all(select!("h3 a[href], .tclcon a[href]"))
                .find(|a| a.value().attr("href").is_some_and(|h| !h.contains("action=")))
            else {
                continue;
            };
            let Some(url) = dom::link(base, a) else { continue };
            match target(&url) {
                Some(to) if to.kind == Kind::Thread => {
                    let replies = first.as_deref().and_then(dom::count);
                    let when =
                        last.and_then(|l| dom::first(l, select!("a"))).map(dom::line).unwrap_or_default();
                    reading.threads.push(ThreadLink {
                        target: Target { page: 1, ..to },
                        title: dom::line(a),
                        posts: replies.map(|n| n + 1),
                        last: parse(&when, &clock),
                        state: format!("{replies:?} {where_last}"),
                        sticky: class.contains("sticky"),
                        moved: class.contains("moved"),
                    });
                }
                other => {
                    let elsewhere = class.contains("redirect") || url.host() != base.host();
                    let to = other.filter(|t| t.kind == Kind::Board).or_else(|| {
                        elsewhere.then(|| Target { kind: Kind::Board, id: String::new(), page: 1, url })
                    });
                    let Some(to) = to else { continue };
                    let (threads, posts) =
                        (first.as_deref().and_then(dom::count), second.as_deref().and_then(dom::count));
                    reading.boards.push(BoardLink {
                        target: to,
                        title: dom::line(a),
                        threads,
                        posts,
                        state: format!("{threads:?} {posts:?} {where_last}"),
                        elsewhere,
                    });
                }
            }
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) =
            page::crumbs(root, select!(".crumbs a, #brd-crumbs-top a, .crumbs strong a"), base, target);
        (reading.next, reading.pages) =
            page::pager(root, select!(".pagelink a, .paging a"), base, here.as_ref(), target);
        let title = match here.as_ref().map(|t| t.kind) {
            Some(Kind::Thread) => {
                page::words(&html, select!(".crumbs strong a, .crumbs .crumblast a, .main-head h1"))
            }
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
        let posts: Vec<ElementRef<'_>> =
            root.all(select!("div.blockpost[id^='p'], div.post[id^='p']")).collect();
        let named = |post: ElementRef<'_>| {
            dom::first(post, select!(".postleft dt strong, .post-byline a, .post-byline strong"))
                .map(|n| (dom::line(n), n.value().name() == "a" || dom::first(n, select!("a")).is_some()))
        };
        // A board may keep guests from profiles: then no name is a link, and that says nothing about accounts.
        let linked = posts.iter().any(|p| named(*p).is_some_and(|n| n.1));
        for post in posts {
            let Some(id) = dom::id_behind(post, "p") else { continue };
            let Some(body) = dom::first(post, select!(".postmsg:not(.postsignature), .entry-content")) else {
                reading.problems.push(format!("post {id}: no text found"));
                continue;
            };
            let shown = cell(post, select!("h2 a, .permalink")).unwrap_or_default();
            let edited = cell(post, select!(".postedit, .post-edit"));
            let marks = Marks {
                quote: select!(".quotebox"),
                drop: select!(".postsignature, .postedit, .post-edit, .sig-content"),
                mention: select!("a.mention"),
                target: &quote,
            };
            let name = named(post);
            reading.posts.push(
                Draft {
                    unregistered: linked && name.as_ref().is_some_and(|n| !n.1),
                    author: name.map(|n| n.0).filter(|n| !n.is_empty()),
                    time: parse(&shown, &clock),
                    shown,
                    edited: edited.and_then(|e| parse(e.rsplit_once('(')?.1.trim_end_matches(')'), &clock)),
                    own: Some(own(base, body, &marks)),
                    url: dom::sibling(base, "viewtopic.php", &format!("pid={id}")).map(|mut u| {
                        u.set_fragment(Some(&format!("p{id}")));
                        u
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        page::mentioned(&mut reading.posts);
        if reading.posts.is_empty() && reading.threads.is_empty() && reading.boards.is_empty() {
            let login = dom::first(root, select!("form#login")).is_some();
            let said = page::words(&html, select!("#msg .inbox p, #brd-main .ct-box"));
            if login && reading.access.is_open() {
                reading.access = Access::LoginNeeded;
            } else if let Some(said) = said.filter(|_| reading.access.is_open()) {
                reading.access =
                    if said.contains("Bad request") { Access::Missing } else { Access::Refused(said) };
            }
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = page::form_with(&html, "req_username", "req_password")?;
        page::fill(document, form, ("req_username", "req_password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        dom::sibling(named, "login.php", "").unwrap_or_else(|| named.clone())
    }
}
