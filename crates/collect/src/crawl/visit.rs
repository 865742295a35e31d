//! Reads one list page, or some pages of one thread.

use super::fetch::{Answer, FetchError, Fetcher, Validators};
use super::find::{login, way_out};
use super::mark::{BoardMark, RetryMark, ThreadMark, get, put};
use super::plan::{Health, Plan};
use super::run::TRIES;
use super::{Batch, Crawler, Memory, MemoryError, Stored};
use crate::engine::{Access, Document, Engine, Kind, PagePost, Reading, Target};
use std::collections::HashSet;
use std::sync::Arc;
use tm_model::PostRecord;
use url::Url;

/// Pages of a thread that are read before others get their turn.
const SLICE: u32 = 10;
/// Times that a crawl logs in again when its session ended.
const LOGINS: u32 = 2;

/// News go before old posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// News.
    Tail,
    /// Old posts.
    Back,
}

/// Something to do.
pub(super) enum Work {
    Index(Target),
    Board(BoardWork),
    Thread(ThreadWork),
}

/// A page of a board's list.
pub(super) struct BoardWork {
    pub target: Target,
    /// Title in the list that named it; empty when nothing did.
    pub title: String,
    /// What that list said of it.
    pub state: String,
    pub threads: Option<u64>,
    pub posts: Option<u64>,
    /// How many pages of the list were read with this one.
    pub nth: u32,
    pub lane: Lane,
    /// What was known of it; of the first page only.
    pub mark: BoardMark,
}

impl BoardWork {
    /// A page of a list of which nothing more is known.
    pub(super) fn page(target: Target, title: String, nth: u32, lane: Lane) -> BoardWork {
        BoardWork {
            target,
            title,
            state: String::new(),
            threads: None,
            posts: None,
            nth,
            lane,
            mark: BoardMark::default(),
        }
    }
}

/// A thread to read.
pub(super) struct ThreadWork {
    pub target: Target,
    /// Title in the list that named it; empty when nothing did.
    pub title: String,
    /// What that list said of it.
    pub state: String,
    /// Posts as that list counts them.
    pub expected: Option<u64>,
    pub sticky: bool,
    /// Identifier and title of the board whose list it was.
    pub board: Option<(String, String)>,
    pub lane: Lane,
    /// Page of the board's list that showed it, when that was of old posts.
    pub listed: Option<u32>,
    /// The list showed a stub that leads to where the thread is now.
    pub moved: bool,
    /// Some pages of it were read in this crawl.
    pub going: bool,
    /// Crawls that could not have it.
    pub tries: u32,
}

impl ThreadWork {
    /// A thread that the operator named.
    pub(super) fn named(target: &Target) -> ThreadWork {
        ThreadWork {
            target: target.clone(),
            title: String::new(),
            state: String::new(),
            expected: None,
            sticky: false,
            board: None,
            lane: Lane::Tail,
            listed: None,
            moved: false,
            going: false,
            tries: 0,
        }
    }

    /// A thread that earlier crawls could not have.
    pub(super) fn again(target: Target, mark: RetryMark) -> ThreadWork {
        ThreadWork {
            title: mark.title,
            state: mark.state,
            expected: mark.expected,
            sticky: mark.sticky,
            board: mark.board,
            lane: Lane::Back,
            tries: mark.tries,
            ..ThreadWork::named(&target)
        }
    }

    /// Board that waits for it; none waits for what earlier crawls could not have.
    pub(super) fn counted(&self) -> Option<&str> {
        self.board.as_ref().filter(|_| self.tries == 0).map(|b| b.0.as_str())
    }

    fn retry(&self) -> RetryMark {
        RetryMark {
            url: self.target.url.to_string(),
            title: self.title.clone(),
            state: self.state.clone(),
            expected: self.expected,
            sticky: self.sticky,
            board: self.board.clone(),
            tries: self.tries + 1,
        }
    }
}

/// What became of a page of a list.
pub(super) struct ListPage {
    pub target: Target,
    pub nth: u32,
    pub lane: Lane,
    /// It could not be read.
    pub failed: bool,
    /// A thread in it that is not pinned has news.
    pub fresh: bool,
    /// All of its threads are older than what is asked for.
    pub old: bool,
    pub next: Option<Target>,
}

/// What a task found out.
#[derive(Default)]
pub(super) struct Outcome {
    pub work: Vec<Work>,
    /// Board whose list page this was, or whose thread.
    pub board: Option<String>,
    /// Thread that was read.
    pub thread: Option<String>,
    /// Page of the list that showed it.
    pub list_page: Option<u32>,
    /// The thread goes on.
    pub more: Option<ThreadWork>,
    pub page: Option<ListPage>,
    /// The host did not answer.
    pub lost: bool,
    pub stored: Stored,
    pub withheld: u64,
    pub without_time: u64,
    pub without_author: u64,
    pub refused: u64,
    pub missing: u64,
    pub boards: u64,
    pub boards_unchanged: u64,
    pub threads: u64,
    pub threads_unchanged: u64,
    pub short: Option<(String, u64, u64)>,
    pub problems: Vec<String>,
    pub bad: Option<(Health, Url, String)>,
    pub good: bool,
    /// Pages of threads, and those among them that show no author or no time at all.
    pub pages: u64,
    pub odd: u64,
    pub odd_page: Option<(Url, String)>,
    pub listed: Vec<(String, Option<u64>, Option<u64>)>,
}

impl Outcome {
    /// The page did not show what was asked for: counted, and told with the page when it tells of the forum's state.
    fn turned_away(&mut self, access: &Access, document: Document) {
        match access {
            Access::Missing => self.missing += 1,
            _ => self.refused += 1,
        }
        self.bad = Health::of(access).map(|h| (h, document.url, document.body));
    }

    fn failed(&mut self, error: &FetchError) {
        self.lost = matches!(error, FetchError::NoAnswer { .. } | FetchError::ComeBack { .. });
        self.problems.push(error.to_string());
    }
}

/// What tasks share.
pub(super) struct Shared {
    fetcher: Arc<Fetcher>,
    engine: Arc<dyn Engine>,
    plan: Plan,
    forum: String,
    member: Option<String>,
    front: Url,
    first: std::sync::Mutex<Option<(Document, Validators)>>,
    /// Validators of the front page, when it was fetched in this crawl.
    seen_front: std::sync::Mutex<Option<Validators>>,
    memory: Arc<dyn Memory>,
    run: u64,
    logins: tokio::sync::Mutex<u32>,
}

impl Shared {
    pub(super) fn new(crawler: &Crawler, forum: &str, memory: Arc<dyn Memory>, run: u64) -> Shared {
        let first = crawler.first.lock().unwrap_or_else(|e| e.into_inner()).take();
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
    async fn look(
        &self,
        url: &Url,
        known: &Validators,
    ) -> Result<Option<(Document, Reading, Validators)>, FetchError> {
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
            let (document, reading) = read.await.map_err(|e| FetchError::NoAnswer {
                url: url.clone(),
                tries: 1,
                reason: format!("reading it failed: {e}"),
            })?;
            // One page that breaks the server is not the forum's state: it is asked for again by the next crawl.
            if document.status >= 500 && matches!(reading.access, Access::Down(_)) {
                let reason = format!("status {}", document.status);
                return Err(FetchError::NoAnswer { url: url.clone(), tries: 1, reason });
            }
            let ended = reading.access == Access::LoginNeeded
                && reading.member.is_none()
                && !way_out(&document)
                && self.enter_again().await;
            if !ended {
                return Ok(Some((document, reading, validators)));
            }
            answer = self.fetcher.get(url, &Validators::default()).await?;
        }
    }

    async fn enter_again(&self) -> bool {
        let Some((user, password)) = &self.plan.login else { return false };
        let mut times = self.logins.lock().await;
        if *times >= LOGINS {
            return false;
        }
        *times += 1;
        login(&self.fetcher, &*self.engine, &self.front, user, password, &self.plan).await.is_ok()
    }

    async fn keep(&self, marks: Vec<(String, String)>) -> Result<(), MemoryError> {
        if !self.plan.dry {
            self.memory.commit(Batch { posts: Vec::new(), marks }).await?;
        }
        Ok(())
    }

    /// Who asked, and what the list said: what refused is asked again when either differs.
    fn refusal(&self, state: &str) -> String {
        let some = if self.plan.cookies.is_empty() { "" } else { "cookies" };
        format!("{}|{state}", self.member.as_deref().unwrap_or(some))
    }

    /// Boards in a list that are worth a visit.
    async fn boards(&self, reading: &Reading, out: &mut Outcome) -> Result<(), MemoryError> {
        for b in &reading.boards {
            if b.elsewhere || !self.fetcher.covers(&b.target.url) {
                continue;
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
                // Boards inside it may have changed without it.
                if !b.state.is_empty()
                    && mark.covers(self.plan.since)
                    && mark.state == b.state
                    && self.memory.mark(&format!("inner/{id}")).await?.is_none()
                {
                    out.boards_unchanged += 1;
                    continue;
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

    /// Reads some pages of a thread, each stored with how far it is.
    async fn thread(&self, mut work: ThreadWork) -> Result<Outcome, MemoryError> {
        let id = work.target.id.clone();
        let mut out = Outcome {
            board: work.counted().map(str::to_owned),
            thread: Some(id.clone()),
            list_page: work.listed,
            threads: u64::from(!work.going),
            ..Outcome::default()
        };
        let mut key = format!("thread/{id}");
        let old: Option<ThreadMark> = get(&*self.memory, &key).await?;
        if work.moved && old.is_some() {
            // Its own board has named it meanwhile.
            return Ok(Outcome { threads: 0, threads_unchanged: 1, ..out });
        }
        if work.moved {
            // The board of the stub waited for it and is not its board.
            work.board = None;
            work.moved = false;
        }
        let old = old.unwrap_or_default();
        let mut mark = if self.plan.again && !work.going {
            ThreadMark { board: old.board, ..ThreadMark::default() }
        } else {
            old
        };
        let mut here = match Url::parse(&mark.page).ok().filter(|u| self.fetcher.covers(u)) {
            Some(url) => self.engine.canonical(&url).unwrap_or_else(|| work.target.clone()),
            None => work.target.clone(),
        };
        let mut before: HashSet<String> = HashSet::new();
        let mut shrunk = false;
        let mut pages = 0;
        loop {
            let known = mark.validators();
            let (document, reading, validators) = match self.look(&here.url, &known).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    (mark.etag, mark.modified) = (known.etag, known.modified);
                    mark.state.clone_from(&work.state);
                    mark.run = self.run;
                    let marks = vec![put(key, &mark), (format!("retry/{id}"), String::new())];
                    self.keep(marks).await?;
                    return Ok(out);
                }
                Err(e) => {
                    out.failed(&e);
                    self.not_had(&work, &key, mark, &e).await?;
                    return Ok(out);
                }
            };
            let empty = reading.access.is_open() && reading.posts.is_empty();
            if (empty || reading.access == Access::Missing) && here.page > 1 && !shrunk {
                // Posts were removed, the page it was read to is gone: read from the start, once.
                shrunk = true;
                here = work.target.clone();
                mark = ThreadMark { board: mark.board, ..ThreadMark::default() };
                continue;
            }
            if !reading.access.is_open() || empty {
                if empty {
                    let why = format!("{}: a thread without posts", document.url);
                    out.problems.push(why.clone());
                    out.bad = Some((Health::Unreadable(why), document.url, document.body));
                } else {
                    out.turned_away(&reading.access, document);
                }
                if !matches!(reading.access, Access::Challenge(_) | Access::Down(_)) {
                    mark.closed = Some(self.refusal(&work.state));
                    self.keep(vec![put(key, &mark), (format!("retry/{id}"), String::new())]).await?;
                }
                return Ok(out);
            }
            out.problems.extend(reading.problems.iter().map(|p| format!("{}: {p}", document.url)));
            out.good = true;
            // A stub of a moved thread leads to the thread itself.
            if let Some(landed) =
                self.engine.canonical(&document.url).filter(|t| t.id != here.id && t.kind == Kind::Thread)
            {
                let stub = ThreadMark {
                    state: work.state.clone(),
                    page: landed.url.to_string(),
                    run: self.run,
                    ..ThreadMark::default()
                };
                self.keep(vec![put(key, &stub)]).await?;
                key = format!("thread/{}", landed.id);
                if get::<ThreadMark>(&*self.memory, &key).await?.is_some() {
                    return Ok(out);
                }
                mark = ThreadMark::default();
                here = landed.clone();
                // Its own list says more of it, later.
                work = ThreadWork {
                    title: work.title,
                    lane: work.lane,
                    ..ThreadWork::named(&Target { page: 1, ..landed })
                };
            }
            pages += 1;
            let next =
                reading.next.filter(|n| n.id == here.id && n.page > here.page && self.fetcher.covers(&n.url));
            let ids: HashSet<String> = reading.posts.iter().filter_map(|p| p.record.id.clone()).collect();
            // Behind their last page some forums show the last page again.
            let repeats = !ids.is_empty() && ids.is_subset(&before);
            let deep = mark.pages >= self.plan.deepest();
            let next = next.filter(|_| !repeats && !deep);
            if deep {
                out.problems.push(format!("{}: more than {} pages; left there", document.url, mark.pages));
            }
            before = ids;
            let count = if repeats { 0 } else { reading.posts.len() as u64 };
            let pinned = work.sticky || reading.head.as_ref().is_some_and(|h| h.sticky);
            let board = work.board.as_ref().map(|b| b.1.clone()).filter(|t| !t.is_empty());
            let posts = self.records(reading.posts, &document, &work.title, board, pinned, &mut out);
            let mut batch = Batch { posts, marks: Vec::new() };
            let total = mark.before + count;
            match &next {
                Some(n) => {
                    mark.before = total;
                    mark.page = n.url.to_string();
                    mark.pages += 1;
                }
                None => {
                    mark.page = here.url.to_string();
                    mark.state.clone_from(&work.state);
                    mark.closed = None;
                    mark.run = self.run;
                    (mark.etag, mark.modified) = (validators.etag, validators.modified);
                    let counted = reading.head.as_ref().and_then(|h| h.posts).or(work.expected);
                    if let Some(counted) = counted.filter(|c| total < *c) {
                        let named =
                            if work.title.is_empty() { here.url.to_string() } else { work.title.clone() };
                        out.short = Some((named, total, counted));
                    }
                    batch.marks.push((format!("retry/{id}"), String::new()));
                }
            }
            if let Some((board, _)) = &work.board {
                if let Some(left) = mark.board.as_ref().filter(|b| *b != board) {
                    batch.marks.push((format!("held/{left}\t{}", here.id), String::new()));
                }
                mark.board = Some(board.clone());
                batch.marks.push((format!("held/{board}\t{}", here.id), total.to_string()));
            }
            batch.marks.push(put(key.clone(), &mark));
            let stored = self.memory.commit(batch).await?;
            out.stored.new += stored.new;
            out.stored.changed += stored.changed;
            out.stored.known += stored.known;
            let Some(n) = next else { return Ok(out) };
            here = n;
            if pages >= SLICE {
                out.more = Some(ThreadWork { going: true, lane: Lane::Back, ..work });
                return Ok(out);
            }
        }
    }

    /// Remembers that a thread could not be had: some failures pass, some do not.
    async fn not_had(
        &self,
        work: &ThreadWork,
        key: &str,
        mut mark: ThreadMark,
        error: &FetchError,
    ) -> Result<(), MemoryError> {
        let retry = format!("retry/{}", work.target.id);
        match error {
            // Costs no request, and holds only while robots.txt is obeyed.
            FetchError::Robots(_) => Ok(()),
            FetchError::NoAnswer { .. } | FetchError::ComeBack { .. } if work.tries + 1 < TRIES => {
                self.keep(vec![put(retry, &work.retry())]).await
            }
            _ => {
                mark.closed = Some(self.refusal(&work.state));
                self.keep(vec![put(key.to_owned(), &mark), (retry, String::new())]).await
            }
        }
    }

    /// Posts of a page as they are stored.
    fn records(
        &self,
        posts: Vec<PagePost>,
        document: &Document,
        title: &str,
        board: Option<String>,
        sticky: bool,
        out: &mut Outcome,
    ) -> Vec<PostRecord> {
        let (mut nameless, mut timeless) = (0, 0);
        let count = posts.len();
        let mut records = Vec::with_capacity(count);
        for p in posts {
            nameless += usize::from(p.record.author.is_none());
            timeless += usize::from(p.record.time.is_none());
            if let Some(shown) = &p.unread_time {
                out.without_time += 1;
                let id = p.record.id.as_deref().unwrap_or("?");
                out.problems.push(format!("{}: post {id}: time {shown:?} not understood", document.url));
            }
            out.without_author += u64::from(p.record.author.is_none());
            if p.withheld {
                out.withheld += 1;
                continue;
            }
            let mut record = p.record;
            record.forum = Some(self.forum.clone());
            record.sticky = sticky;
            if record.title.is_none() && !title.is_empty() {
                record.title = Some(title.to_owned());
            }
            record.board = record.board.or_else(|| board.clone());
            records.push(record);
        }
        out.pages += 1;
        if count > 0 && (nameless == count || timeless == count) {
            out.odd += 1;
            if out.odd_page.is_none() {
                out.odd_page = Some((document.url.clone(), document.body.clone()));
            }
        }
        records
    }
}
