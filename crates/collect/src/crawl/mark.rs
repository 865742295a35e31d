//! What a crawl remembers between runs. Keys of the marks:
//!
//! | key | value |
//! |---|---|
//! | `thread/ID` | [`ThreadMark`]: the page to go on with, what the list said when it was read to the end |
//! | `retry/ID` | [`RetryMark`]: a thread that could not be had and is asked for again |
//! | `held/BOARD⇥THREAD` | posts seen of a thread, for the counters of its board; 0 of one that could not be had |
//! | `board/ID` | [`BoardMark`]: what the index said when all behind it was stored, where back-fill goes on |
//! | `inner/ID` | boards inside a board, one a line |
//! | `closed/ID` | the account that a board refused, and what the index said then |
//! | `front/URL` | [`Validators`] of a front page behind which all was stored |

use super::fetch::Validators;
use super::{Memory, MemoryError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How far a thread is read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ThreadMark {
    /// What the list said when it was read to the end; empty while it is not.
    pub state: String,
    /// Page to go on with.
    pub page: String,
    /// Posts seen on pages before that one.
    pub before: u64,
    /// Validators of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// Board that counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// It refused: the account and what the list said then. Asked again when either changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Pages read, all in all.
    #[serde(default)]
    pub pages: u32,
    /// The crawl that read it last, so that none reads it twice.
    #[serde(default)]
    pub run: u64,
}

impl ThreadMark {
    pub(super) fn validators(&mut self) -> Validators {
        Validators { etag: self.etag.take(), modified: self.modified.take() }
    }
}

/// A thread that could not be had.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RetryMark {
    pub url: String,
    pub title: String,
    pub state: String,
    pub expected: Option<u64>,
    pub sticky: bool,
    pub board: Option<(String, String)>,
    /// Crawls that tried.
    pub tries: u32,
}

/// How far a board is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BoardMark {
    /// What the index said when all behind it was stored; empty when it said nothing.
    pub state: String,
    /// Its list was read to its end.
    pub whole: bool,
    /// Threads without a post since then were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// List page on which back-fill goes on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// List pages that an unfinished walk for news had got to.
    #[serde(default)]
    pub reach: u32,
    /// Walks in a row that found fewer threads than the forum counts.
    #[serde(default)]
    pub short: u32,
}

impl BoardMark {
    /// Whether all threads are stored that a plan asks for.
    pub(super) fn covers(&self, since: Option<tm_model::Timestamp>) -> bool {
        self.whole && self.since.is_none_or(|left| since.is_some_and(|s| s.0 >= left))
    }
}

/// A mark that holds JSON. One that cannot be read (an older program's) counts as none: reading again does no harm.
pub(super) async fn get<T: DeserializeOwned>(
    memory: &dyn Memory,
    key: &str,
) -> Result<Option<T>, MemoryError> {
    Ok(memory.mark(key).await?.and_then(|m| serde_json::from_str(&m).ok()))
}

/// A mark with a value as JSON.
pub(super) fn put<T: Serialize>(key: String, value: &T) -> (String, String) {
    (key, serde_json::to_string(value).unwrap_or_default())
}
