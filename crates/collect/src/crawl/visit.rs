//! Reads a front page or a page of a board's list.

use super::fetch::{Answer, FetchError, Fetcher, Validators};
use super::find::{login, way_out};
use super::mark::{BoardMark, ThreadMark, get, put};
use super::plan::{Health, Plan};
use super::work::{BoardWork, Lane, ListPage, Outcome, ThreadWork, Work};
use super::{Batch, Crawler, Memory, MemoryError};
use crate::engine::{Access, Document, Engine, Reading, Target};
use std::collections::HashSet;
use std::sync::Arc;
use url::Url;

/// Times that a crawl logs in again when its session ended.
const LOGINS: u32 = 2;

/// What a page that asks a member to log in tells of the session.
enum Session {
    /// It lives, or there never was one: the page is meant.
    Lives,
    /// There is a new one.
    Renewed,
    Ended,
}

/// What tasks share.
pub(super) struct Shared {
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) plan: Plan,
    pub(super) forum: String,
    member: Option<String>,
    front: Url,
    first: std::sync::Mutex<Option<(Document, Validators)>>,
    /// Validators of the front page, when it was fetched in this crawl.
    seen_front: std::sync::Mutex<Option<Validators>>,
    pub(super) memory: Arc<dyn Memory>,
    pub(super) run: u64,
    logins: tokio::sync::Mutex<u32>,
    /// The engine knows the forum's pages by their marks, so that what bears none is somebody else's.
    marked: bool,
}

impl Shared {
    pub(super) fn new(crawler: &Crawler, forum: &str, memory: Arc<dyn Memory>, run: u64) -> Shared {
        let first = crawler.first.lock().unwrap_or_else(|e| e.into_inner()).take();
        let marked = crawler.plan.selectors.is_none()
            && (crawler.plan.engine.is_none()
                || first.as_ref().is_some_and(|f| crawler.engine.recognize(&f.0) > 0));
        let front = crawler.start.first().map(|t| t.url.clone());
        let front = front.or_else(|| first.as_ref().map(|f| f.0.url.clone()));
        Shared {
            fetcher: crawler.fetcher.clone(),
            engine: crawler.engine.clone(),
            plan: crawler.plan.clone(),
            forum: forum.to_owned(),
            member: crawler.found.member.clone(),
            front: front.unwrap_or_else(|| crawler.named.clone()),
            first: std::sync::Mutex::new(first),
            seen_front: std::sync::Mutex::new(None),
            memory,
            run,
            logins: tokio::sync::Mutex::new(0),
            marked,
        }
    }

    pub(super) async fn perform(self: Arc<Shared>, work: Work) -> Result<Outcome, MemoryError> {
        match work {
            Work::Index(target) => self.index(target).await,
            Work::Board(work) => self.board(work).await,
            Work::Thread(work) => self.thread(work).await,
        }
    }

    /// Fetches and reads a page off the threads that serve the network. Logs in again when the session has ended.
    pub(super) async fn look(
        &self,
        url: &Url,
        known: &Validators,
    ) -> Result<Option<(Document, Reading, Validators)>, FetchError> {
        let mut seen = *self.logins.lock().await;
        let first = {
            let mut slot = self.first.lock().unwrap_or_else(|e| e.into_inner());
            slot.take_if(|d| self.engine.canonical(&d.0.url).is_some_and(|t| t.url == *url))
        };
        let mut answer = match first {
            Some((document, validators)) => Answer::Page(document, validators),
            None => self.fetcher.get(url, known).await?,
        };
        loop {
            let Answer::Page(document, validators) = answer else { return Ok(None) };
            let (engine, reader) = (self.engine.clone(), self.plan.reader.clone());
            let read = tokio::task::spawn_blocking(move || {
                let reading = engine.read(&document, &reader);
                (document, reading)
            });
            let (document, mut reading) = read.await.map_err(|e| FetchError::NoAnswer {
                url: url.clone(),
                tries: 1,
                reason: format!("reading it failed: {e}"),
            })?;
            // One page that breaks the server is not the forum's state: it is asked for again by the next crawl.
            if document.status >= 500 && matches!(reading.access, Access::Down(_)) {
                let reason = format!("status {}", document.status);
                return Err(FetchError::NoAnswer { url: url.clone(), tries: 1, reason });
            }
            if reading.access == Access::LoginNeeded && reading.member.is_none() && !way_out(&document) {
                match self.session(seen).await? {
                    Session::Renewed => {
                        seen = *self.logins.lock().await;
                        answer = self.fetcher.get(url, &Validators::default()).await?;
                        continue;
                    }
                    // What a guest may not see says nothing of what the member may.
                    Session::Ended => {
                        let why = "the session has ended: the forum takes us for a guest";
                        reading.access = Access::Down(why.to_owned());
                    }
                    Session::Lives => {}
                }
            }
            if self.foreign(&document, &reading) {
                let reason = format!("status {}, not a page of the forum", document.status);
                return Err(FetchError::NoAnswer { url: url.clone(), tries: 1, reason });
            }
            return Ok(Some((document, reading, validators)));
        }
    }

    /// Whether an answer comes from what stands in front of the forum (a rate limit, a firewall) or from a program that
    /// broke: such an answer says nothing of the page that was asked for.
    fn foreign(&self, document: &Document, reading: &Reading) -> bool {
        let bare = reading.posts.is_empty() && reading.threads.is_empty() && reading.boards.is_empty();
        if !bare || matches!(reading.access, Access::Challenge(_) | Access::Missing | Access::Down(_)) {
            return false;
        }
        // Forums that are read through an interface answer in JSON, which bears no marks.
        let json = document.body.trim_start().starts_with(['{', '[']);
        document.status == 429 || (self.marked && !json && self.engine.recognize(document) == 0)
    }

    /// Logs in again when the session has ended. `seen` is how often that was done when the page was asked for.
    async fn session(&self, seen: u32) -> Result<Session, FetchError> {
        if self.plan.login.is_none() && (self.plan.cookies.is_empty() || self.plan.guest) {
            return Ok(Session::Lives);
        }
        let mut times = self.logins.lock().await;
        if *times > seen {
            // Another task has.
            return Ok(Session::Renewed);
        }
        // Some themes show a member nothing but a log-in form where he may not go: the front page tells.
        if let Answer::Page(document, _) = self.fetcher.get(&self.front, &Validators::default()).await?
            && (way_out(&document) || self.engine.read(&document, &self.plan.reader).member.is_some())
        {
            return Ok(Session::Lives);
        }
        let Some((user, password)) = &self.plan.login else { return Ok(Session::Ended) };
        if *times >= LOGINS {
            return Ok(Session::Ended);
        }
        *times += 1;
        match login(&self.fetcher, &*self.engine, &self.front, user, password, &self.plan).await {
            Ok(()) => Ok(Session::Renewed),
            Err(_) => Ok(Session::Ended),
        }
    }

    pub(super) async fn keep(&self, marks: Vec<(String, String)>) -> Result<(), MemoryError> {
        if !self.plan.dry {
            self.memory.commit(Batch { posts: Vec::new(), marks }).await?;
        }
        Ok(())
    }

    /// Who asked, and what the list said: what refused is asked again when either differs.
    pub(super) fn refusal(&self, state: &str) -> String {
        let some = if self.plan.cookies.is_empty() { "" } else { "cookies" };
        format!("{}|{state}", self.member.as_deref().unwrap_or(some))
    }

    /// Boards in a list that are worth a visit.
    async fn boards(&self, reading: &Reading, out: &mut Outcome) -> Result<(), MemoryError> {
        // Boards of which this list tells whether they changed.
        let told: HashSet<&str> =
            reading.boards.iter().filter(|b| !b.state.is_empty()).map(|b| b.target.id.as_str()).collect();
        for b in &reading.boards {
            if b.elsewhere || !self.fetcher.covers(&b.target.url) {
                continue;
            }
            if self.plan.boards.contains(&b.target.id) {
                out.met.push(b.target.id.clone());
            }
            if self.plan.dry {
                out.listed.push((b.title.clone(), b.threads, b.posts));
            }
            let id = &b.target.id;
            let mark: BoardMark = get(&*self.memory, &format!("board/{id}")).await?.unwrap_or_default();
            if !self.plan.again {
                let closed = self.memory.mark(&format!("closed/{id}")).await?;
                if closed.as_deref() == Some(self.refusal(&b.state).as_str()) {
                    out.refused += 1;
                    continue;
                }
                if !b.state.is_empty() && mark.covers(self.plan.since) && mark.state == b.state {
                    // Boards inside it may have changed without it, unless this list shows them as well.
                    let inner: Option<String> = self.memory.mark(&format!("inner/{id}")).await?;
                    let inner = inner.map(|i| serde_json::from_str::<Vec<String>>(&i).ok());
                    if inner.is_none_or(|i| i.is_some_and(|i| i.iter().all(|i| told.contains(i.as_str())))) {
                        out.boards_unchanged += 1;
                        continue;
                    }
                }
            }
            out.work.push(Work::Board(BoardWork {
                state: b.state.clone(),
                threads: b.threads,
                posts: b.posts,
                mark,
                ..BoardWork::page(b.target.clone(), b.title.clone(), 1, Lane::Tail)
            }));
        }
        Ok(())
    }

    async fn index(&self, target: Target) -> Result<Outcome, MemoryError> {
        let mut out = Outcome::default();
        let front: Option<Validators> = if self.plan.again || self.plan.dry || !self.plan.boards.is_empty() {
            None
        } else {
            get(&*self.memory, &format!("front/{}", target.url)).await?
        };
        match self.look(&target.url, &front.unwrap_or_default()).await {
            Ok(Some((document, reading, validators))) => {
                out.problems.extend(reading.problems.iter().cloned());
                if !reading.access.is_open() {
                    out.bad = Health::of(&reading.access).map(|h| (h, document.url, document.body));
                } else if reading.boards.is_empty() && reading.threads.is_empty() {
                    let why = "a front page without boards".to_owned();
                    out.bad = Some((Health::Unreadable(why), document.url, document.body));
                } else {
                    out.good = true;
                    *self.seen_front.lock().unwrap_or_else(|e| e.into_inner()) = Some(validators);
                    self.boards(&reading, &mut out).await?;
                    self.threads(&reading, None, (Lane::Tail, 1), &mut out).await?;
                }
            }
            // Nothing behind it changed either.
            Ok(None) => out.good = true,
            Err(e) => {
                out.failed(&e);
                out.bad = Some((Health::Down(e.to_string()), target.url, String::new()));
            }
        }
        Ok(out)
    }

    /// All behind the front page is stored: while it does not change there is nothing to look for. Boards that it does not
    /// show may change without it; then nothing is remembered.
    pub(super) async fn remember_front(&self) -> Result<(), MemoryError> {
        let seen = self.seen_front.lock().unwrap_or_else(|e| e.into_inner()).take();
        let Some(validators) = seen.filter(|v| *v != Validators::default()) else { return Ok(()) };
        for hidden in ["inner/", "closed/", "retry/"] {
            if self.memory.sum(hidden).await?.0 > 0 {
                return Ok(());
            }
        }
        self.keep(vec![put(format!("front/{}", self.front), &validators)]).await
    }

    /// Threads in a list that are worth a visit; true when one of those that are not pinned was.
    async fn threads(
        &self,
        reading: &Reading,
        board: Option<(&str, &str)>,
        (lane, page): (Lane, u32),
        out: &mut Outcome,
    ) -> Result<bool, MemoryError> {
        let mut fresh = false;
        for t in &reading.threads {
            if !self.fetcher.covers(&t.target.url) || self.plan.dry {
                continue;
            }
            if let (Some(since), Some(last)) = (self.plan.since, t.last)
                && last < since
            {
                continue;
            }
            let mark: Option<ThreadMark> = get(&*self.memory, &format!("thread/{}", t.target.id)).await?;
            if let Some(mark) = &mark {
                let same = !t.state.is_empty() && mark.state == t.state && !self.plan.again;
                let closed = !self.plan.again && mark.closed.as_ref() == Some(&self.refusal(&t.state));
                let read = self.plan.again && mark.run == self.run;
                if same || closed || read || t.moved {
                    out.threads_unchanged += 1;
                    continue;
                }
            }
            fresh |= !t.sticky && !t.moved;
            out.work.push(Work::Thread(ThreadWork {
                title: t.title.clone(),
                // The stub is not the thread's own word, nor is the board its board.
                state: if t.moved { String::new() } else { t.state.clone() },
                expected: t.posts.filter(|_| !t.moved),
                sticky: t.sticky,
                board: board.map(|(id, title)| (id.to_owned(), title.to_owned())),
                lane,
                listed: (lane == Lane::Back).then_some(page),
                moved: t.moved,
                ..ThreadWork::named(&t.target)
            }));
        }
        Ok(fresh)
    }

    async fn board(&self, work: BoardWork) -> Result<Outcome, MemoryError> {
        let BoardWork { target, title, state, nth, lane, .. } = work;
        let mut out = Outcome { board: Some(target.id.clone()), ..Outcome::default() };
        if nth == 1 {
            out.boards = 1;
        }
        let mut page = ListPage {
            target: target.clone(),
            nth,
            lane,
            failed: true,
            fresh: false,
            old: false,
            next: None,
        };
        let (document, reading) = match self.look(&target.url, &Validators::default()).await {
            Ok(Some((document, reading, _))) => (document, reading),
            Ok(None) => return Ok(Outcome { page: Some(page), ..out }),
            Err(e) => {
                out.failed(&e);
                return Ok(Outcome { page: Some(page), ..out });
            }
        };
        out.problems.extend(reading.problems.iter().map(|p| format!("{}: {p}", document.url)));
        if !reading.access.is_open() {
            // Asked again when it changes, or when another account asks.
            if nth == 1
                && matches!(reading.access, Access::Missing | Access::LoginNeeded | Access::Refused(_))
            {
                self.keep(vec![(format!("closed/{}", target.id), self.refusal(&state))]).await?;
            }
            out.turned_away(&reading.access, document);
            return Ok(Outcome { page: Some(page), ..out });
        }
        out.good = true;
        self.boards(&reading, &mut out).await?;
        if !reading.boards.is_empty() && nth == 1 {
            let inner: Vec<&str> = reading.boards.iter().map(|b| b.target.id.as_str()).collect();
            self.keep(vec![put(format!("inner/{}", target.id), &inner)]).await?;
        }
        let title = reading.head.as_ref().map(|h| h.title.clone()).filter(|t| !t.is_empty()).unwrap_or(title);
        page.failed = false;
        page.fresh =
            self.threads(&reading, Some((&target.id, &title)), (lane, target.page), &mut out).await?;
        page.old = self.plan.since.is_some_and(|since| {
            let mut plain = reading.threads.iter().filter(|t| !t.sticky).peekable();
            plain.peek().is_some() && plain.all(|t| t.last.is_some_and(|l| l < since))
        });
        page.next = reading.next.filter(|n| n.id == target.id && self.fetcher.covers(&n.url));
        out.page = Some(page);
        Ok(out)
    }
}
