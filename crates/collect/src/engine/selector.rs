//! Forums that no engine knows: their pages are read by a file that says where things stand.
//!
//! The file is described in `docs/selectors.md`. It is an [`Engine`] like the others and uses the same machinery: own words
//! by [`body`](super::body), dates by [`dates`](super::dates), log-in forms by [`page`](super::page).

mod check;
mod file;
mod pick;

pub use check::{Check, Matches};
pub use file::SelectorError;

use super::body::{Marks, own};
use super::dates::Clock;
use super::dom::{self, All};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Head, Kind, Reader, Reading, Target, ThreadLink};
use file::{FileForm, LoginForm};
use pick::{Pick, address, or_none, pick, picked, selector, some};
use regex::Regex;
use scraper::ElementRef;
use std::path::Path;
use tm_model::QuoteTarget;
use url::Url;

/// Session identifiers in addresses, left out wherever a file does not say which parameters count.
const SESSIONS: [&str; 8] =
    ["sid", "s", "phpsessid", "session", "sessionid", "jsessionid", "zenid", "oscsid"];

#[derive(Debug)]
struct Boards {
    row: dom::Select,
    link: dom::Select,
    threads: Option<Pick>,
    posts: Option<Pick>,
    last: Option<Pick>,
}

#[derive(Debug)]
struct Threads {
    row: dom::Select,
    link: dom::Select,
    replies: Option<Pick>,
    posts: Option<Pick>,
    last: Option<Pick>,
    sticky: Option<dom::Select>,
    moved: Option<dom::Select>,
}

#[derive(Debug)]
struct Posts {
    row: dom::Select,
    id: Pick,
    author: Pick,
    guest: Option<dom::Select>,
    time: Pick,
    body: dom::Select,
    edited: Option<Pick>,
    quote: dom::Select,
    quote_author: Option<Pick>,
    quote_post: Option<Pick>,
    drop: dom::Select,
    mention: dom::Select,
}

/// A selector file, checked and ready: an engine for a forum that none of the built-in ones knows.
///
/// ```
/// let file = r#"
///     name = "old-board"
///     [address]
///     index = '^/$'
///     board = '^/b/(?<id>\d+)(?:/(?<page>\d+))?$'
///     thread = '^/t/(?<id>\d+)(?:/(?<page>\d+))?$'
///     [thread]
///     row = "li.topic"
///     link = "a"
///     [post]
///     row = "div.message"
///     id = { attribute = "id", pattern = 'm(\d+)' }
///     author = ".who"
///     time = ".when"
///     body = ".words"
/// "#;
/// let selectors = tm_collect::engine::Selectors::parse(file)?;
/// assert_eq!(tm_collect::engine::Engine::name(&selectors), "old-board");
/// # Ok::<(), tm_collect::engine::SelectorError>(())
/// ```
#[derive(Debug)]
pub struct Selectors {
    name: String,
    zone: Option<i32>,
    day_first: Option<bool>,
    index: Regex,
    board_address: Regex,
    thread_address: Regex,
    keep: Option<Vec<String>>,
    forum: Option<Pick>,
    member: Option<Pick>,
    title: Option<Pick>,
    crumbs: Option<dom::Select>,
    next: Option<dom::Select>,
    login_needed: Option<dom::Select>,
    refused: Option<Pick>,
    missing: Option<dom::Select>,
    boards: Option<Boards>,
    threads: Threads,
    posts: Posts,
    login: Option<LoginForm>,
}

impl Selectors {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`SelectorError`].
    pub fn read(path: &Path) -> Result<Selectors, SelectorError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SelectorError::Read { path: path.display().to_string(), source })?;
        Selectors::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// See [`SelectorError`].
    pub fn parse(text: &str) -> Result<Selectors, SelectorError> {
        let f: FileForm = toml::from_str(text)?;
        let zone = match &f.zone {
            None => None,
            Some(zone) => {
                Some(dom::offset(&format!("UTC{zone}")).or((zone == "0").then_some(0)).ok_or_else(|| {
                    SelectorError::Value {
                        key: "zone".into(),
                        reason: format!("{zone:?} is no offset such as \"+03:00\""),
                    }
                })?)
            }
        };
        let boards = match f.board {
            None => None,
            Some(b) => Some(Boards {
                row: selector("board.row", &b.row)?,
                link: selector("board.link", &b.link)?,
                threads: picked("board.threads", b.threads)?,
                posts: picked("board.posts", b.posts)?,
                last: picked("board.last", b.last)?,
            }),
        };
        let found = Selectors {
            name: f.name,
            zone,
            day_first: f.day_first,
            index: address("address.index", &f.address.index, false)?,
            board_address: address("address.board", &f.address.board, true)?,
            thread_address: address("address.thread", &f.address.thread, true)?,
            keep: f.address.keep,
            forum: picked("page.forum", f.page.forum)?,
            member: picked("page.member", f.page.member)?,
            title: picked("page.title", f.page.title)?,
            crumbs: some("page.crumbs", &f.page.crumbs)?,
            next: some("page.next", &f.page.next)?,
            login_needed: some("page.login_needed", &f.page.login_needed)?,
            refused: picked("page.refused", f.page.refused)?,
            missing: some("page.missing", &f.page.missing)?,
            boards,
            threads: Threads {
                row: selector("thread.row", &f.thread.row)?,
                link: selector("thread.link", &f.thread.link)?,
                replies: picked("thread.replies", f.thread.replies)?,
                posts: picked("thread.posts", f.thread.posts)?,
                last: picked("thread.last", f.thread.last)?,
                sticky: some("thread.sticky", &f.thread.sticky)?,
                moved: some("thread.moved", &f.thread.moved)?,
            },
            posts: Posts {
                row: selector("post.row", &f.post.row)?,
                id: pick("post.id", f.post.id)?,
                author: pick("post.author", f.post.author)?,
                guest: some("post.guest", &f.post.guest)?,
                time: pick("post.time", f.post.time)?,
                body: selector("post.body", &f.post.body)?,
                edited: picked("post.edited", f.post.edited)?,
                quote: or_none("post.quote", &f.post.quote)?,
                quote_author: picked("post.quote_author", f.post.quote_author)?,
                quote_post: picked("post.quote_post", f.post.quote_post)?,
                drop: or_none("post.drop", &f.post.drop)?,
                mention: or_none("post.mention", &f.post.mention)?,
            },
            login: f.login,
        };
        let paged = |r: &Regex| r.capture_names().any(|n| n == Some("page"));
        if found.next.is_some() && !(paged(&found.board_address) || paged(&found.thread_address)) {
            return Err(SelectorError::Value {
                key: "page.next".into(),
                reason: "address.board or address.thread needs a group (?<page>…), or a next page cannot be told from this one"
                    .into(),
            });
        }
        Ok(found)
    }

    fn target(&self, url: &Url) -> Option<Target> {
        let mut to = url.clone();
        to.set_fragment(None);
        if to.query().is_some() {
            let kept: Vec<&str> = url
                .query()
                .unwrap_or("")
                .split(['&', ';'])
                .filter(|pair| {
                    let name = pair.split('=').next().unwrap_or("");
                    match &self.keep {
                        Some(keep) => keep.iter().any(|k| k == name),
                        None => !name.is_empty() && !SESSIONS.contains(&name.to_ascii_lowercase().as_str()),
                    }
                })
                .collect();
            let kept = kept.join("&");
            to.set_query((!kept.is_empty()).then_some(&kept));
        }
        let shown = match to.query() {
            Some(query) => format!("{}?{query}", to.path()),
            None => to.path().to_owned(),
        };
        for (kind, address) in [(Kind::Thread, &self.thread_address), (Kind::Board, &self.board_address)] {
            let Some(found) = address.captures(&shown) else { continue };
            let id = found.name("id")?.as_str().to_owned();
            // Whether it counts pages from 1 or posts from 0: a later page has a higher number.
            let page: u32 = found
                .name("page")
                .and_then(|p| p.as_str().parse().ok())
                .map_or(1, |n: u32| n.saturating_add(1));
            let page =
                if found.name("page").is_some_and(|p| matches!(p.as_str(), "0" | "1")) { 1 } else { page };
            return (!id.is_empty()).then_some(Target { kind, id, page, url: to });
        }
        self.index.is_match(&shown).then_some(Target {
            kind: Kind::Index,
            id: String::new(),
            page: 1,
            url: to,
        })
    }

    fn clock(&self, document: &Document, reader: &Reader) -> Clock {
        Clock {
            now: document.fetched,
            offset: reader.offset.or(self.zone).unwrap_or(0),
            day_first: reader.day_first.or(self.day_first),
        }
    }

    fn boards(&self, root: ElementRef<'_>, base: &Url, reading: &mut Reading) {
        let Some(b) = &self.boards else { return };
        for row in root.all(&b.row) {
            let Some(a) = dom::first(row, &b.link) else { continue };
            let Some(url) = dom::link(base, a) else {
                reading.problems.push(format!("board {:?}: its link has no address", dom::line(a)));
                continue;
            };
            let elsewhere = url.host() != base.host();
            let target = match self.target(&url).filter(|t| t.kind == Kind::Board) {
                Some(target) => target,
                None if elsewhere => Target { kind: Kind::Board, id: String::new(), page: 1, url },
                None => {
                    reading
                        .problems
                        .push(format!("board {:?}: address.board does not match {url}", dom::line(a)));
                    continue;
                }
            };
            let of = |p: &Option<Pick>| p.as_ref().and_then(|p| p.of(row));
            let (threads, posts, last) = (of(&b.threads), of(&b.posts), of(&b.last));
            let known = threads.is_some() || posts.is_some() || last.is_some();
            let state = if known { format!("{threads:?} {posts:?} {last:?}") } else { String::new() };
            let number = |t: Option<String>| t.as_deref().and_then(dom::count);
            let (threads, posts) = (number(threads), number(posts));
            reading.boards.push(BoardLink { target, title: dom::line(a), threads, posts, state, elsewhere });
        }
        page::once(&mut reading.boards, |b| &b.target);
    }

    fn threads(&self, root: ElementRef<'_>, base: &Url, clock: &Clock, reading: &mut Reading) {
        let t = &self.threads;
        for row in root.all(&t.row) {
            let Some(a) = dom::first(row, &t.link) else { continue };
            let Some(url) = dom::link(base, a) else { continue };
            let Some(target) = self.target(&url).filter(|t| t.kind == Kind::Thread) else {
                if url.host() == base.host() {
                    reading
                        .problems
                        .push(format!("thread {:?}: address.thread does not match {url}", dom::line(a)));
                }
                continue;
            };
            let of = |p: &Option<Pick>| p.as_ref().and_then(|p| p.of(row));
            let (replies, posts) = (of(&t.replies), of(&t.posts));
            let last = t.last.as_ref().map(|p| p.time(row, clock)).unwrap_or_default();
            let known = replies.is_some() || posts.is_some() || !last.1.is_empty();
            // A relative time changes by itself: what it tells is kept when it can be read.
            let when = last.0.map_or_else(|| last.1.clone(), |t| t.to_string());
            let counted = posts.as_deref().and_then(dom::count);
            let counted = counted.or_else(|| replies.as_deref().and_then(dom::count).map(|n| n + 1));
            reading.threads.push(ThreadLink {
                target: Target { page: 1, ..target },
                title: dom::line(a),
                posts: counted,
                last: last.0,
                state: if known { format!("{counted:?} {when}") } else { String::new() },
                sticky: t.sticky.as_ref().is_some_and(|s| s.matches(&row) || dom::first(row, s).is_some()),
                moved: t.moved.as_ref().is_some_and(|s| s.matches(&row) || dom::first(row, s).is_some()),
            });
        }
        page::once(&mut reading.threads, |t| &t.target);
    }

    fn posts(&self, root: ElementRef<'_>, base: &Url, clock: &Clock, around: &Around, reading: &mut Reading) {
        let p = &self.posts;
        let quoted = |_: &Url, quote: ElementRef<'_>| {
            let of = |pick: &Option<Pick>| pick.as_ref().and_then(|p| p.of(quote));
            QuoteTarget { post: of(&p.quote_post), author: of(&p.quote_author) }
        };
        for row in root.all(&p.row) {
            let Some(id) = p.id.of(row) else {
                reading.problems.push("a post without an id: post.id finds none".into());
                continue;
            };
            let Some(body) = dom::first(row, &p.body) else {
                reading.problems.push(format!("post {id}: no text found (post.body)"));
                continue;
            };
            let (time, shown) = p.time.time(row, clock);
            let marks = Marks { quote: &p.quote, drop: &p.drop, mention: &p.mention, target: &quoted };
            let mut url = base.clone();
            url.set_fragment(None);
            reading.posts.push(
                Draft {
                    author: p.author.of(row),
                    unregistered: p.guest.as_ref().is_some_and(|g| dom::first(row, g).is_some()),
                    time,
                    shown,
                    edited: p.edited.as_ref().and_then(|e| e.time(row, clock).0),
                    own: Some(own(base, body, &marks)),
                    url: Some(url),
                    id: Some(id),
                }
                .join(around),
            );
        }
    }

    fn access(&self, html: &dom::Page, document: &Document, reading: &Reading) -> Access {
        let root = html.root_element();
        let said = page::access(document);
        let bare = reading.posts.is_empty() && reading.threads.is_empty() && reading.boards.is_empty();
        if !bare || !matches!(said, Access::Open | Access::Refused(_)) {
            return said;
        }
        if self.missing.as_ref().is_some_and(|s| dom::first(root, s).is_some()) {
            Access::Missing
        } else if self.login_needed.as_ref().is_some_and(|s| dom::first(root, s).is_some()) {
            Access::LoginNeeded
        } else if let Some(words) = self.refused.as_ref().and_then(|p| p.of(root)) {
            Access::Refused(words)
        } else {
            said
        }
    }
}

impl Engine for Selectors {
    fn name(&self) -> &str {
        &self.name
    }

    /// A file is for one forum and named by the operator: it is never guessed.
    fn recognize(&self, _: &Document) -> u8 {
        0
    }

    fn start(&self, named: &Url) -> Vec<Target> {
        self.target(named).into_iter().collect()
    }

    fn canonical(&self, url: &Url) -> Option<Target> {
        self.target(url)
    }

    fn read(&self, document: &Document, reader: &Reader) -> Reading {
        let html = dom::page(&document.body);
        let root = html.root_element();
        let base = &document.url;
        let clock = self.clock(document, reader);
        let here = self.target(base);
        let of = |p: &Option<Pick>| p.as_ref().and_then(|p| p.of(root));
        let mut reading = Reading {
            kind: here.as_ref().map(|t| t.kind),
            forum: of(&self.forum),
            member: of(&self.member),
            ..Reading::default()
        };
        self.boards(root, base, &mut reading);
        self.threads(root, base, &clock, &mut reading);
        let (path, parent) = match &self.crumbs {
            Some(crumbs) => page::crumbs(root, crumbs, base, |u| self.target(u)),
            None => (Vec::new(), None),
        };
        if let Some(next) = &self.next {
            (reading.next, reading.pages) = page::pager(root, next, base, here.as_ref(), |u| self.target(u));
        }
        let title = of(&self.title);
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        self.posts(root, base, &clock, &around, &mut reading);
        reading.access = self.access(&html, document, &reading);
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            let head: Head = page::head(&t, title, path, parent, None);
            reading.head = Some(head);
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let login = self.login.as_ref()?;
        let html = dom::page(&document.body);
        let form = page::form_with(&html, &login.user, &login.password)?;
        page::fill(document, form, (&login.user, &login.password), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        self.login.as_ref().and_then(|l| named.join(&l.page).ok()).unwrap_or_else(|| named.clone())
    }
}

#[cfg(test)]
mod tests;
