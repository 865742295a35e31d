//! Pieces of work of a crawl, and what came of one.

use super::Stored;
use super::fetch::FetchError;
use super::mark::{BoardMark, RetryMark};
use super::plan::Health;
use crate::engine::{Access, Document, Target};
use url::Url;

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

    pub(super) fn retry(&self) -> RetryMark {
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
    /// Boards in lists that the plan names.
    pub met: Vec<String>,
}

impl Outcome {
    /// The page did not show what was asked for: counted, and told with the page when it tells of the forum's state.
    pub(super) fn turned_away(&mut self, access: &Access, document: Document) {
        match access {
            Access::Missing => self.missing += 1,
            _ => self.refused += 1,
        }
        self.bad = Health::of(access).map(|h| (h, document.url, document.body));
    }

    pub(super) fn failed(&mut self, error: &FetchError) {
        self.lost = matches!(error, FetchError::NoAnswer { .. } | FetchError::ComeBack { .. });
        self.problems.push(error.to_string());
    }
}
