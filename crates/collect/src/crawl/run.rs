//! One crawl of one forum.
//!
//! Boards are walked newest thread first, so that what is said now is read before what was said long ago; threads of a
//! page are read before the next page of the board. What a list says of a thread or board (counters, last post) is
//! remembered once all behind it is stored: next time an equal word means that nothing has to be fetched. A thread
//! remembers the page it was read to, so that a killed crawl goes on there and a grown thread is read from there.

use super::fetch::{Answer, FetchError, Fetcher, Manners, Validators};
use super::{Batch, Memory, MemoryError, Stored};
use crate::engine::{Access, Document, Engine, Kind, Reader, Reading, Target, detect, engine};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tm_model::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

/// What to crawl and how far.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Name of the engine; detected when not given.
    pub engine: Option<String>,
    /// Name and password to log in with.
    pub login: Option<(String, String)>,
    /// Cookies of a session, name and value.
    pub cookies: Vec<(String, String)>,
    /// How pages are read (zone, order of day and month).
    pub reader: Reader,
    /// Threads read at the same time; 0 means 1.
    pub parallel: usize,
    /// Only boards with these identifiers.
    pub boards: Vec<String>,
    /// Threads without a post since then are left alone.
    pub since: Option<Timestamp>,
    /// End after so many requests.
    pub most_requests: Option<u64>,
    /// End after so many new posts.
    pub most_posts: Option<u64>,
    /// End after so long.
    pub most_time: Option<Duration>,
    /// Read everything again, changed or not: finds edits of old posts.
    pub again: bool,
    /// Look at lists only, store nothing.
    pub dry: bool,
    /// Most pages of one thread or board; 0 means 20,000.
    pub deepest: u32,
}

/// What was found where the operator pointed.
#[derive(Debug)]
pub struct Found {
    /// The engine's name.
    pub engine: &'static str,
    /// Name of the forum as its pages tell it, else its host.
    pub forum: String,
    /// The account that the pages greet.
    pub member: Option<String>,
}

/// State of a forum after a crawl, for an operator to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum Health {
    /// Pages read as they should.
    Good,
    /// It wants an account.
    LoginNeeded,
    /// It refuses this visitor.
    Refused(String),
    /// A robot check stands in front.
    Challenge(String),
    /// Closed or broken for now.
    Down(String),
    /// Pages came that the engine cannot read: the markup changed, or it is another engine.
    Unreadable(String),
}

/// What a crawl did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the forum.
    pub forum: String,
    /// Engine that read it.
    pub engine: String,
    /// Requests made.
    pub requests: u64,
    /// Boards walked.
    pub boards: u64,
    /// Boards that did not change.
    pub boards_unchanged: u64,
    /// Threads read.
    pub threads: u64,
    /// Threads that did not change.
    pub threads_unchanged: u64,
    /// Posts stored.
    pub new: u64,
    /// Posts that were edited since.
    pub changed: u64,
    /// Posts seen again.
    pub known: u64,
    /// Posts that the forum shows without their words.
    pub withheld: u64,
    /// Posts whose time could not be read.
    pub without_time: u64,
    /// Boards and threads that want an account or refuse this one.
    pub refused: u64,
    /// Boards and threads that a list names and that do not exist (any more).
    pub missing: u64,
    /// Threads with fewer posts than the forum counts: title, got, counted.
    pub short: Vec<(String, u64, u64)>,
    /// Pages that could not be had or read, in words; at most a hundred.
    pub problems: Vec<String>,
    /// All problems, also those not listed.
    pub problem_count: u64,
    /// A limit ended it before the end.
    pub limited: bool,
    /// State of the forum.
    pub health: Health,
    /// The page that made the state worse than good.
    #[serde(skip)]
    pub kept: Option<(Url, String)>,
    /// Boards by title and counters, for a dry run.
    pub listed: Vec<(String, Option<u64>, Option<u64>)>,
}

/// Why a crawl ended early.
#[derive(Debug, thiserror::Error)]
pub enum CrawlError {
    /// The page that was named, or robots.txt, could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The store failed.
    #[error("the store: {0}")]
    Memory(#[from] MemoryError),
    /// No engine knows the page.
    #[error(
        "{url}: no forum engine knows this page (known: {known}); name one with --engine, or write a selector file"
    )]
    Unknown {
        /// The page.
        url: Url,
        /// Names of engines.
        known: String,
    },
    /// No engine of that name.
    #[error("no engine is called {name:?}; there are {known}")]
    NoEngine {
        /// What was asked for.
        name: String,
        /// Names of engines.
        known: String,
    },
    /// The log-in did not work.
    #[error("login as {user:?} failed: {reason}")]
    Login {
        /// The account.
        user: String,
        /// What happened.
        reason: String,
    },
    /// The forum does not let this visitor in.
    #[error("{url}: {reason}")]
    Closed {
        /// The page.
        url: Url,
        /// What it says.
        reason: String,
        /// The page's text, to look at.
        page: String,
    },
    /// Nothing there to crawl.
    #[error("{0}: neither a front page nor a board nor a thread of this forum")]
    Nothing(Url),
}

/// A forum that was found and can be crawled.
pub struct Crawler {
    fetcher: Arc<Fetcher>,
    engine: &'static dyn Engine,
    plan: Plan,
    start: Vec<Target>,
    /// The page that was looked at, not fetched a second time.
    first: std::sync::Mutex<Option<Document>>,
    /// What was found.
    pub found: Found,
}

/// How far a thread is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ThreadMark {
    /// What the list said when it was read to the end; empty while it is not.
    state: String,
    /// Page to go on with.
    page: String,
    /// Posts seen on pages before that one.
    before: u64,
    /// Validators of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

/// Something to do.
enum Work {
    Index(Target),
    Board(BoardWork),
    Thread(ThreadWork),
}

/// A page of a board's list.
struct BoardWork {
    target: Target,
    /// Title in the list that named it; empty when nothing did.
    title: String,
    /// What that list said of it.
    state: String,
    /// How many pages of the board were read with this one.
    nth: u32,
}

/// A thread to read.
struct ThreadWork {
    target: Target,
    /// Title in the list that named it; empty when nothing did.
    title: String,
    /// What that list said of it.
    state: String,
    /// Posts as that list counts them.
    expected: Option<u64>,
    sticky: bool,
    /// Identifier and title of the board whose list it was.
    board: Option<(String, String)>,
}

/// What a task found out.
#[derive(Default)]
struct Outcome {
    work: Vec<Work>,
    /// Board whose list page this was, or whose thread.
    board: Option<String>,
    /// The board ended well or badly with this task.
    failed: bool,
    stored: Stored,
    withheld: u64,
    without_time: u64,
    refused: u64,
    missing: u64,
    boards: u64,
    boards_unchanged: u64,
    threads: u64,
    threads_unchanged: u64,
    short: Option<(String, u64, u64)>,
    problems: Vec<String>,
    bad: Option<(Health, Url, String)>,
    good: bool,
    listed: Vec<(String, Option<u64>, Option<u64>)>,
}

impl Outcome {
    /// The page did not show what was asked for: not taken for read, and counted.
    fn turned_away(&mut self, access: &Access) {
        self.failed = true;
        match access {
            Access::Missing => self.missing += 1,
            _ => self.refused += 1,
        }
    }
}

/// A board on the way: list pages and threads that are still open.
struct Open {
    left: usize,
    failed: bool,
    state: String,
}

/// What tasks share.
struct Shared {
    fetcher: Arc<Fetcher>,
    engine: &'static dyn Engine,
    plan: Plan,
    forum: String,
    member: Option<String>,
    first: std::sync::Mutex<Option<Document>>,
    memory: Arc<dyn Memory>,
}

fn health(access: &Access) -> Option<Health> {
    match access {
        Access::Open | Access::Missing => None,
        Access::LoginNeeded => Some(Health::LoginNeeded),
        Access::Refused(why) => Some(Health::Refused(why.clone())),
        Access::Challenge(name) => Some(Health::Challenge(name.clone())),
        Access::Down(why) => Some(Health::Down(why.clone())),
    }
}

fn words(access: &Access) -> String {
    match access {
        Access::Open => "open".into(),
        Access::Missing => "does not exist".into(),
        Access::LoginNeeded => "asks to log in (--login NAME, or --cookies FILE)".into(),
        Access::Refused(why) => format!("refused: {why}"),
        Access::Challenge(name) => format!(
            "a robot check ({name}) stands in front; log in with a browser and give its cookies (--cookies FILE)"
        ),
        Access::Down(why) => format!("the forum is down: {why}"),
    }
}

impl Crawler {
    /// Looks at the page that the operator named: which engine, which forum; logs in when the plan says so.
    ///
    /// # Errors
    /// See [`CrawlError`].
    pub async fn find(named: &Url, manners: Manners, plan: Plan) -> Result<Crawler, CrawlError> {
        let known = || crate::engine::engines().join(", ");
        let fetcher = Arc::new(Fetcher::new(named, manners, &plan.cookies)?);
        let page = |answer| match answer {
            Answer::Page(d, _) => d,
            Answer::Unchanged => unreachable!("asked without validators"),
        };
        let document = page(fetcher.get(named, &Validators::default()).await?);
        let engine = match &plan.engine {
            Some(name) => {
                engine(name).ok_or_else(|| CrawlError::NoEngine { name: name.clone(), known: known() })?
            }
            None => match detect(&document) {
                Some(engine) => engine,
                None => {
                    return Err(match crate::engine::access(&document) {
                        Access::Open => CrawlError::Unknown { url: document.url, known: known() },
                        other => CrawlError::Closed {
                            url: document.url,
                            reason: words(&other),
                            page: document.body,
                        },
                    });
                }
            },
        };
        if let Some((user, password)) = &plan.login {
            login(&fetcher, engine, &document.url, user, password, &plan.reader).await?;
        }
        let start = engine.start(&document.url);
        let Some(first) = start.first() else { return Err(CrawlError::Nothing(document.url)) };
        let site = crate::engine::site_name(&document);
        // After a log-in, and where an engine is read through another address than the page's.
        let document = if plan.login.is_some() || first.url != document.url {
            page(fetcher.get(&first.url, &Validators::default()).await?)
        } else {
            document
        };
        let reading = engine.read(&document, &plan.reader);
        if !reading.access.is_open() {
            return Err(CrawlError::Closed {
                url: document.url,
                reason: words(&reading.access),
                page: document.body,
            });
        }
        // Themes hide the greeting; the way out is on every page of a member.
        let way_out = ["mode=logout", "action=logout", "action=out", "/logout"]
            .iter()
            .any(|w| document.body.contains(w));
        if let Some((user, _)) = &plan.login
            && reading.member.is_none()
            && !way_out
        {
            return Err(CrawlError::Login {
                user: user.clone(),
                reason: "the forum still takes us for a guest".into(),
            });
        }
        let forum =
            reading.forum.clone().or(site).unwrap_or_else(|| named.host_str().unwrap_or("forum").to_owned());
        let member = reading.member.or_else(|| plan.login.as_ref().map(|l| l.0.clone()));
        let found = Found { engine: engine.name(), forum, member };
        Ok(Crawler { fetcher, engine, plan, start, first: std::sync::Mutex::new(Some(document)), found })
    }

    /// Crawls. `progress` is called now and then with what was done so far.
    ///
    /// # Errors
    /// [`CrawlError::Memory`]; what is wrong with single pages is in the report.
    pub async fn run(
        &self,
        forum: &str,
        memory: Arc<dyn Memory>,
        mut progress: impl FnMut(&Report),
    ) -> Result<Report, CrawlError> {
        let began = Instant::now();
        let shared = Arc::new(Shared {
            fetcher: self.fetcher.clone(),
            engine: self.engine,
            plan: self.plan.clone(),
            forum: forum.to_owned(),
            member: self.found.member.clone(),
            first: std::sync::Mutex::new(self.first.lock().unwrap_or_else(|e| e.into_inner()).take()),
            memory: memory.clone(),
        });
        let mut report = Report::new(forum, self.engine.name());
        let mut queue: VecDeque<Work> = VecDeque::new();
        let mut seen: HashSet<(Kind, String)> = HashSet::new();
        let mut open: HashMap<String, Open> = HashMap::new();
        for target in &self.start {
            queue.push_back(match target.kind {
                Kind::Index => Work::Index(target.clone()),
                Kind::Board => {
                    open.insert(target.id.clone(), Open { left: 1, failed: false, state: String::new() });
                    seen.insert((Kind::Board, target.id.clone()));
                    Work::Board(BoardWork {
                        target: Target { page: 1, ..target.clone() },
                        title: String::new(),
                        state: String::new(),
                        nth: 1,
                    })
                }
                Kind::Thread => Work::Thread(ThreadWork {
                    target: target.clone(),
                    title: String::new(),
                    state: String::new(),
                    expected: None,
                    sticky: false,
                    board: None,
                }),
            });
        }
        let mut tasks: JoinSet<Result<Outcome, MemoryError>> = JoinSet::new();
        let parallel = self.plan.parallel.max(1);
        let mut any_good = false;
        loop {
            let over = self.plan.most_requests.is_some_and(|n| self.fetcher.requests() >= n)
                || self.plan.most_posts.is_some_and(|n| report.new >= n)
                || self.plan.most_time.is_some_and(|t| began.elapsed() >= t);
            if over && !queue.is_empty() {
                report.limited = true;
                queue.clear();
            }
            while tasks.len() < parallel
                && let Some(work) = queue.pop_front()
            {
                tasks.spawn(shared.clone().perform(work));
            }
            let Some(ended) = tasks.join_next().await else { break };
            let mut outcome = match ended {
                Ok(outcome) => outcome?,
                Err(e) => {
                    Outcome { problems: vec![format!("a page could not be read: {e}")], ..Outcome::default() }
                }
            };
            any_good |= outcome.good;
            report.add(&mut outcome);
            if let Some((state, url, body)) = outcome.bad.take() {
                let stop = matches!(state, Health::Challenge(_) | Health::Down(_));
                if report.kept.is_none() || stop {
                    report.kept = Some((url, body));
                    report.health = state;
                }
                if stop {
                    queue.clear();
                    report.limited = true;
                }
            }
            // Threads of a page are read before the next page of its list.
            let mut threads = Vec::new();
            for work in outcome.work {
                match work {
                    Work::Thread(t) => {
                        if seen.insert((Kind::Thread, t.target.id.clone())) {
                            if let Some(o) = t.board.as_ref().and_then(|b| open.get_mut(&b.0)) {
                                o.left += 1;
                            }
                            threads.push(Work::Thread(t));
                        }
                    }
                    Work::Board(b) if b.nth > 1 => {
                        if let Some(o) = open.get_mut(&b.target.id) {
                            o.left += 1;
                        }
                        queue.push_back(Work::Board(b));
                    }
                    Work::Board(b) => {
                        let id = &b.target.id;
                        if (self.plan.boards.is_empty() || self.plan.boards.contains(id))
                            && seen.insert((Kind::Board, id.clone()))
                        {
                            open.insert(id.clone(), Open { left: 1, failed: false, state: b.state.clone() });
                            queue.push_back(Work::Board(b));
                        }
                    }
                    index @ Work::Index(_) => queue.push_back(index),
                }
            }
            for work in threads.into_iter().rev() {
                queue.push_front(work);
            }
            if let Some(id) = outcome.board {
                let done = open.get_mut(&id).is_some_and(|o| {
                    o.left = o.left.saturating_sub(1);
                    o.failed |= outcome.failed;
                    o.left == 0
                });
                if done
                    && let Some(o) = open.remove(&id)
                    && !o.failed
                    && !self.plan.dry
                    && self.plan.since.is_none()
                {
                    // Lists say nothing of some boards: that it was read whole is worth knowing all the same.
                    let state = if o.state.is_empty() { "-".to_owned() } else { o.state };
                    memory
                        .commit(Batch { posts: Vec::new(), marks: vec![(format!("board/{id}"), state)] })
                        .await?;
                }
            }
            report.requests = self.fetcher.requests();
            progress(&report);
        }
        report.requests = self.fetcher.requests();
        // Boards that want an account are usual; a forum of which nothing could be read is not.
        if any_good && matches!(report.health, Health::LoginNeeded | Health::Refused(_)) {
            report.health = Health::Good;
            report.kept = None;
        }
        Ok(report)
    }
}

async fn login(
    fetcher: &Fetcher,
    engine: &dyn Engine,
    named: &Url,
    user: &str,
    password: &str,
    reader: &Reader,
) -> Result<(), CrawlError> {
    let fail = |reason: String| CrawlError::Login { user: user.to_owned(), reason };
    let at = engine.login_page(named);
    let Answer::Page(page, _) = fetcher.get(&at, &Validators::default()).await? else {
        return Err(fail("the log-in page was answered with 304".into()));
    };
    let form = engine.login(&page, user, password).ok_or_else(|| fail(format!("no log-in form at {at}")))?;
    // phpBB refuses a form that comes back within the second it was made in.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let after = fetcher.send(&form).await?;
    match engine.read(&after, reader).access {
        Access::Challenge(name) => Err(fail(format!("a robot check ({name}) stands in front"))),
        // Refused for what was typed, or for having tried too often: the page says which.
        Access::Refused(words) if engine.login(&after, user, password).is_some() => Err(fail(words)),
        _ => Ok(()),
    }
}

impl Report {
    fn new(forum: &str, engine: &str) -> Report {
        Report {
            forum: forum.to_owned(),
            engine: engine.to_owned(),
            requests: 0,
            boards: 0,
            boards_unchanged: 0,
            threads: 0,
            threads_unchanged: 0,
            new: 0,
            changed: 0,
            known: 0,
            withheld: 0,
            without_time: 0,
            refused: 0,
            missing: 0,
            short: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            limited: false,
            health: Health::Good,
            kept: None,
            listed: Vec::new(),
        }
    }

    fn add(&mut self, o: &mut Outcome) {
        self.boards += o.boards;
        self.boards_unchanged += o.boards_unchanged;
        self.threads += o.threads;
        self.threads_unchanged += o.threads_unchanged;
        self.new += o.stored.new;
        self.changed += o.stored.changed;
        self.known += o.stored.known;
        self.withheld += o.withheld;
        self.without_time += o.without_time;
        self.refused += o.refused;
        self.missing += o.missing;
        self.short.extend(o.short.take());
        self.problem_count += o.problems.len() as u64;
        let room = 100usize.saturating_sub(self.problems.len());
        self.problems.extend(o.problems.drain(..).take(room));
        self.listed.append(&mut o.listed);
    }
}

impl Shared {
    async fn perform(self: Arc<Shared>, work: Work) -> Result<Outcome, MemoryError> {
        match work {
            Work::Index(target) => self.index(target).await,
            Work::Board(work) => self.board(work).await,
            Work::Thread(work) => self.thread(work).await,
        }
    }

    /// Fetches and reads a page off the threads that serve the network.
    async fn look(
        &self,
        url: &Url,
        known: &Validators,
    ) -> Result<Option<(Document, Reading, Validators)>, FetchError> {
        let first = {
            let mut slot = self.first.lock().unwrap_or_else(|e| e.into_inner());
            slot.take_if(|d| self.engine.canonical(&d.url).is_some_and(|t| t.url == *url))
        };
        let answer = match first {
            Some(document) => Answer::Page(document, Validators::default()),
            None => self.fetcher.get(url, known).await?,
        };
        match answer {
            Answer::Unchanged => Ok(None),
            Answer::Page(document, validators) => {
                let (engine, reader) = (self.engine, self.plan.reader.clone());
                let read = tokio::task::spawn_blocking(move || {
                    let reading = engine.read(&document, &reader);
                    (document, reading)
                })
                .await;
                match read {
                    Ok((document, reading)) => Ok(Some((document, reading, validators))),
                    Err(e) => Err(FetchError::NoAnswer {
                        url: url.clone(),
                        tries: 1,
                        reason: format!("reading it failed: {e}"),
                    }),
                }
            }
        }
    }

    /// Boards in a list that are worth a visit.
    async fn boards(&self, reading: &Reading, out: &mut Outcome) -> Result<(), MemoryError> {
        for b in &reading.boards {
            if b.elsewhere || !self.fetcher.covers(&b.target.url) {
                continue;
            }
            out.listed.push((b.title.clone(), b.threads, b.posts));
            let closed = format!("{}|{}", self.member.as_deref().unwrap_or(""), b.state);
            if !self.plan.again
                && self.memory.mark(&format!("closed/{}", b.target.id)).await?.as_deref() == Some(&closed)
            {
                out.refused += 1;
                continue;
            }
            if !self.plan.again && !b.state.is_empty() {
                let known = self.memory.mark(&format!("board/{}", b.target.id)).await?;
                // Boards inside it may have changed without it.
                if known.as_deref() == Some(&b.state)
                    && self.memory.mark(&format!("inner/{}", b.target.id)).await?.is_none()
                {
                    out.boards_unchanged += 1;
                    continue;
                }
            }
            out.work.push(Work::Board(BoardWork {
                target: b.target.clone(),
                title: b.title.clone(),
                state: b.state.clone(),
                nth: 1,
            }));
        }
        Ok(())
    }

    async fn index(&self, target: Target) -> Result<Outcome, MemoryError> {
        let mut out = Outcome::default();
        match self.look(&target.url, &Validators::default()).await {
            Ok(Some((document, reading, _))) => {
                out.problems.extend(reading.problems.iter().cloned());
                if !reading.access.is_open() {
                    out.bad = health(&reading.access).map(|h| (h, document.url, document.body));
                } else if reading.boards.is_empty() && reading.threads.is_empty() {
                    let why = "a front page without boards".to_owned();
                    out.bad = Some((Health::Unreadable(why), document.url, document.body));
                } else {
                    out.good = true;
                    self.boards(&reading, &mut out).await?;
                    self.threads(&reading, None, &mut out).await?;
                }
            }
            Ok(None) => {}
            Err(e) => out.problems.push(e.to_string()),
        }
        Ok(out)
    }

    /// Threads in a list that are worth a visit; true when one of those that are not pinned was.
    async fn threads(
        &self,
        reading: &Reading,
        board: Option<(&str, &str)>,
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
            if !self.plan.again {
                let mark = self.memory.mark(&format!("thread/{}", t.target.id)).await?;
                let mark: Option<ThreadMark> = mark.and_then(|m| serde_json::from_str(&m).ok());
                if !t.state.is_empty() && mark.is_some_and(|m| m.state == t.state) {
                    out.threads_unchanged += 1;
                    continue;
                }
            }
            fresh |= !t.sticky;
            out.work.push(Work::Thread(ThreadWork {
                target: t.target.clone(),
                title: t.title.clone(),
                state: t.state.clone(),
                expected: t.posts.filter(|_| !t.moved),
                sticky: t.sticky,
                board: board.map(|(id, title)| (id.to_owned(), title.to_owned())),
            }));
        }
        Ok(fresh)
    }

    async fn board(&self, work: BoardWork) -> Result<Outcome, MemoryError> {
        let BoardWork { target, title, state, nth } = work;
        let mut out = Outcome { board: Some(target.id.clone()), ..Outcome::default() };
        if nth == 1 {
            out.boards = 1;
        }
        let (document, reading) = match self.look(&target.url, &Validators::default()).await {
            Ok(Some((document, reading, _))) => (document, reading),
            Ok(None) => return Ok(out),
            Err(e) => {
                out.failed = true;
                out.problems.push(e.to_string());
                return Ok(out);
            }
        };
        out.problems.extend(reading.problems.iter().map(|p| format!("{}: {p}", document.url)));
        if !reading.access.is_open() {
            out.turned_away(&reading.access);
            // Asked again when it changes, or when another account asks.
            if matches!(reading.access, Access::Missing | Access::LoginNeeded | Access::Refused(_))
                && !self.plan.dry
            {
                let closed = format!("{}|{state}", self.member.as_deref().unwrap_or(""));
                let marks = vec![(format!("closed/{}", target.id), closed)];
                self.memory.commit(Batch { posts: Vec::new(), marks }).await?;
            }
            out.bad = health(&reading.access).map(|h| (h, document.url, document.body));
            return Ok(out);
        }
        out.good = true;
        let visited = self.memory.mark(&format!("board/{}", target.id)).await?.is_some();
        self.boards(&reading, &mut out).await?;
        if !reading.boards.is_empty() && !self.plan.dry && nth == 1 {
            let marks = vec![(format!("inner/{}", target.id), "1".to_owned())];
            self.memory.commit(Batch { posts: Vec::new(), marks }).await?;
        }
        let title = reading.head.as_ref().map(|h| h.title.clone()).filter(|t| !t.is_empty()).unwrap_or(title);
        let fresh = self.threads(&reading, Some((&target.id, &title)), &mut out).await?;
        let old = self.plan.since.is_some_and(|since| {
            let mut plain = reading.threads.iter().filter(|t| !t.sticky).peekable();
            plain.peek().is_some() && plain.all(|t| t.last.is_some_and(|l| l < since))
        });
        // Lists are ordered by last post: behind a page of known threads all are known, once the board was read whole.
        if let Some(next) = reading.next
            && (fresh || !visited || self.plan.again || self.plan.dry)
            && !old
            && next.page > target.page
            && nth < self.deepest()
            && !self.plan.dry
        {
            out.work.push(Work::Board(BoardWork { target: next, title, state, nth: nth + 1 }));
        }
        Ok(out)
    }

    fn deepest(&self) -> u32 {
        if self.plan.deepest == 0 { 20_000 } else { self.plan.deepest }
    }

    #[allow(clippy::too_many_lines)]
    async fn thread(&self, work: ThreadWork) -> Result<Outcome, MemoryError> {
        let ThreadWork { target, title, state, expected, sticky, board } = work;
        let (board, board_title) = board.unzip();
        let board_title = board_title.filter(|t| !t.is_empty());
        let mut out = Outcome { board, threads: 1, ..Outcome::default() };
        let mut key = format!("thread/{}", target.id);
        let mark: ThreadMark =
            self.memory.mark(&key).await?.and_then(|m| serde_json::from_str(&m).ok()).unwrap_or_default();
        let mut mark = if self.plan.again { ThreadMark::default() } else { mark };
        let mut here = match Url::parse(&mark.page).ok().filter(|u| self.fetcher.covers(u)) {
            Some(url) => self.engine.canonical(&url).unwrap_or_else(|| target.clone()),
            None => target.clone(),
        };
        let mut visited: HashSet<Url> = HashSet::new();
        for _ in 0..self.deepest() {
            if !visited.insert(here.url.clone()) {
                break;
            }
            let known = Validators { etag: mark.etag.take(), modified: None };
            let (document, reading, validators) = match self.look(&here.url, &known).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    mark.state.clone_from(&state);
                    mark.etag = known.etag;
                    break;
                }
                Err(e) => {
                    out.failed = true;
                    out.problems.push(e.to_string());
                    return Ok(out);
                }
            };
            if !reading.access.is_open() {
                out.turned_away(&reading.access);
                out.bad = health(&reading.access).map(|h| (h, document.url, document.body));
                return Ok(out);
            }
            out.problems.extend(reading.problems.iter().map(|p| format!("{}: {p}", document.url)));
            if reading.posts.is_empty() {
                out.failed = true;
                let why = format!("{}: a thread without posts", document.url);
                out.problems.push(why.clone());
                out.bad = Some((Health::Unreadable(why), document.url, document.body));
                return Ok(out);
            }
            out.good = true;
            // A stub of a moved thread leads to the thread itself.
            if let Some(landed) =
                self.engine.canonical(&document.url).filter(|t| t.id != here.id && t.kind == Kind::Thread)
            {
                let stub = ThreadMark {
                    state: state.clone(),
                    page: landed.url.to_string(),
                    ..ThreadMark::default()
                };
                let value = serde_json::to_string(&stub).unwrap_or_default();
                self.memory.commit(Batch { posts: Vec::new(), marks: vec![(key, value)] }).await?;
                key = format!("thread/{}", landed.id);
                here = landed;
                mark = ThreadMark::default();
            }
            let count = reading.posts.len() as u64;
            let mut batch = Batch::default();
            let pinned = sticky || reading.head.as_ref().is_some_and(|h| h.sticky);
            for p in reading.posts {
                if let Some(shown) = &p.unread_time {
                    out.without_time += 1;
                    let id = p.record.id.as_deref().unwrap_or("?");
                    out.problems.push(format!("{}: post {id}: time {shown:?} not understood", document.url));
                }
                if p.withheld {
                    out.withheld += 1;
                    continue;
                }
                let mut record = p.record;
                record.forum = Some(self.forum.clone());
                record.sticky = pinned;
                if record.title.is_none() && !title.is_empty() {
                    record.title = Some(title.clone());
                }
                record.board = record.board.or_else(|| board_title.clone());
                batch.posts.push(record);
            }
            let next =
                reading.next.filter(|n| n.id == here.id && n.page > here.page && self.fetcher.covers(&n.url));
            mark.page = here.url.to_string();
            let total = mark.before + count;
            match &next {
                Some(n) => {
                    mark.before = total;
                    mark.page = n.url.to_string();
                }
                None => {
                    mark.state.clone_from(&state);
                    mark.etag = validators.etag;
                    let counted = reading.head.as_ref().and_then(|h| h.posts).or(expected);
                    if let Some(counted) = counted.filter(|c| total < *c) {
                        let named = if title.is_empty() { here.url.to_string() } else { title.clone() };
                        out.short = Some((named, total, counted));
                    }
                }
            }
            batch.marks.push((key.clone(), serde_json::to_string(&mark).unwrap_or_default()));
            let stored = self.memory.commit(batch).await?;
            out.stored.new += stored.new;
            out.stored.changed += stored.changed;
            out.stored.known += stored.known;
            match next {
                Some(n) => here = n,
                None => return Ok(out),
            }
        }
        let value = serde_json::to_string(&mark).unwrap_or_default();
        self.memory.commit(Batch { posts: Vec::new(), marks: vec![(key, value)] }).await?;
        Ok(out)
    }
}
