//! What a crawl is to do, what it did, why it could not.

use super::MemoryError;
use super::fetch::FetchError;
use crate::engine::{Access, Reader, Selectors};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tm_model::Timestamp;
use tokio::sync::Notify;
use url::Url;

/// What to crawl and how far.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Name of the engine; detected when not given.
    pub engine: Option<String>,
    /// Selector file for a forum that no engine knows; goes before `engine`.
    pub selectors: Option<Arc<Selectors>>,
    /// Name and password to log in with.
    pub login: Option<(String, String)>,
    /// Cookies of a session, name and value.
    pub cookies: Vec<(String, String)>,
    /// The cookies are of no log-in (a browser check that was passed): a guest is what is expected.
    pub guest: bool,
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
    /// Stops the crawl, or has it look for news.
    pub hand: Hand,
}

impl Plan {
    /// Most pages of one thread or list.
    pub(super) fn deepest(&self) -> u32 {
        if self.deepest == 0 { 20_000 } else { self.deepest }
    }
}

/// A hand on a running crawl. Clones hold the same crawl.
#[derive(Debug, Clone, Default)]
pub struct Hand(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    stop: AtomicBool,
    look: AtomicBool,
    moved: Notify,
}

impl Hand {
    /// Ends the crawl. What is stored is whole; the next crawl goes on from there.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.moved.notify_one();
    }

    /// Has the crawl look at the lists for news before it goes on with old posts.
    pub fn look_again(&self) {
        self.0.look.store(true, Ordering::SeqCst);
        self.0.moved.notify_one();
    }

    pub(super) fn stopped(&self) -> bool {
        self.0.stop.load(Ordering::SeqCst)
    }

    pub(super) fn take_look(&self) -> bool {
        self.0.look.swap(false, Ordering::SeqCst)
    }

    pub(super) async fn moved(&self) {
        self.0.moved.notified().await;
    }
}

/// What was found where the operator pointed.
#[derive(Debug)]
pub struct Found {
    /// The engine's name.
    pub engine: String,
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

impl Health {
    /// The state as one word, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Health::Good => "good",
            Health::LoginNeeded => "login_needed",
            Health::Refused(_) => "refused",
            Health::Challenge(_) => "challenge",
            Health::Down(_) => "down",
            Health::Unreadable(_) => "unreadable",
        }
    }

    /// What the page said.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Health::Good | Health::LoginNeeded => None,
            Health::Refused(why) | Health::Challenge(why) | Health::Down(why) | Health::Unreadable(why) => {
                Some(why)
            }
        }
    }

    pub(super) fn of(access: &Access) -> Option<Health> {
        match access {
            Access::Open | Access::Missing => None,
            Access::LoginNeeded => Some(Health::LoginNeeded),
            Access::Refused(why) => Some(Health::Refused(why.clone())),
            Access::Challenge(name) => Some(Health::Challenge(name.clone())),
            Access::Down(why) => Some(Health::Down(why.clone())),
        }
    }
}

/// A board with fewer threads or posts than the forum counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoardShort {
    /// Its title.
    pub board: String,
    /// Threads stored, or listed and not to be had; boards inside it included.
    pub threads: u64,
    /// Threads as the forum counts them.
    pub threads_counted: Option<u64>,
    /// Posts seen, boards inside it included.
    pub posts: u64,
    /// Posts as the forum counts them.
    pub posts_counted: Option<u64>,
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
    /// Posts without an author.
    pub without_author: u64,
    /// Boards and threads that want an account or refuse this one.
    pub refused: u64,
    /// Boards and threads that a list names and that do not exist (any more).
    pub missing: u64,
    /// Threads with fewer posts than the forum counts: title, got, counted; at most a thousand.
    pub short: Vec<(String, u64, u64)>,
    /// All of those, also those not listed.
    pub short_count: u64,
    /// Boards that were walked to their end and hold less than the forum counts; at most a thousand. Forums count what
    /// they do not show as well (posts that wait for approval), so this tells where to look, not that something is wrong.
    pub boards_short: Vec<BoardShort>,
    /// Boards that the plan names and that no list shows.
    pub boards_unknown: Vec<String>,
    /// Pages that could not be had or read, in words; at most a hundred.
    pub problems: Vec<String>,
    /// All problems, also those not listed.
    pub problem_count: u64,
    /// A limit, a stop or the state of the forum ended it before the end.
    pub limited: bool,
    /// State of the forum.
    pub health: Health,
    /// The page that made the state worse than good.
    #[serde(skip)]
    pub kept: Option<(Url, String)>,
    /// Boards by title and counters, for a dry run; of a thread that was named its title and posts.
    pub listed: Vec<(String, Option<u64>, Option<u64>)>,
}

impl Report {
    /// Nothing done yet.
    pub(super) fn new(forum: &str, engine: &str) -> Report {
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
            without_author: 0,
            refused: 0,
            missing: 0,
            short: Vec::new(),
            short_count: 0,
            boards_short: Vec::new(),
            boards_unknown: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            limited: false,
            health: Health::Good,
            kept: None,
            listed: Vec::new(),
        }
    }

    /// Whether all that was asked for and the forum shows was read.
    pub fn whole(&self) -> bool {
        self.health == Health::Good
            && self.problem_count == 0
            && self.short_count == 0
            && self.boards_unknown.is_empty()
    }
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
        "{url}: no forum engine knows this page (known: {known}); name one with --engine, or write a selector file \
         (docs/selectors.md)"
    )]
    Unknown {
        /// The page.
        url: Url,
        /// Names of engines.
        known: String,
        /// The page's text, to look at.
        page: String,
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
    /// The cookies did not log in.
    #[error(
        "{0}: the forum takes us for a guest in spite of the cookies: take fresh ones, or say --as-guest if they are of no \
         log-in"
    )]
    Cookies(Url),
    /// The forum does not let this visitor in.
    #[error("{url}: {}", words(.access))]
    Closed {
        /// The page.
        url: Url,
        /// What it says.
        access: Access,
        /// The page's text, to look at.
        page: String,
    },
    /// Nothing there to crawl.
    #[error("{0}: neither a front page nor a board nor a thread of this forum")]
    Nothing(Url),
}

impl CrawlError {
    /// The state of the forum that the error tells of, and the page that shows it. `None` when it is the operator's or the
    /// store's fault.
    pub fn health(&self) -> Option<(Health, Option<(Url, String)>)> {
        match self {
            CrawlError::Fetch(FetchError::Setup(_)) | CrawlError::Memory(_) | CrawlError::NoEngine { .. } => {
                None
            }
            CrawlError::Fetch(FetchError::Robots(_)) => Some((Health::Refused(self.to_string()), None)),
            CrawlError::Fetch(_) => Some((Health::Down(self.to_string()), None)),
            CrawlError::Unknown { url, page, .. } => {
                Some((Health::Unreadable(self.to_string()), Some((url.clone(), page.clone()))))
            }
            CrawlError::Login { .. } | CrawlError::Cookies(_) => {
                Some((Health::Refused(self.to_string()), None))
            }
            CrawlError::Closed { url, access, page } => {
                let health = Health::of(access).unwrap_or_else(|| Health::Refused(words(access)));
                Some((health, Some((url.clone(), page.clone()))))
            }
            CrawlError::Nothing(_) => Some((Health::Unreadable(self.to_string()), None)),
        }
    }
}

fn words(access: &Access) -> String {
    match access {
        Access::Open => "open".into(),
        Access::Missing => "does not exist".into(),
        Access::LoginNeeded => "asks to log in (--login NAME, or --cookies FILE)".into(),
        Access::Refused(why) => format!("refused: {why}"),
        Access::Challenge(name) => format!(
            "a robot check ({name}) stands in front; pass it in a browser and give its cookies (--cookies FILE --as-guest)"
        ),
        Access::Down(why) => format!("the forum is down: {why}"),
    }
}
