//! The crawler: a forum over the network, complete, polite, resumable.
//!
//! It knows no database: [`Memory`] is where it keeps what it has seen, and where the posts go. A [`Batch`] is taken
//! over as a whole or not at all, so that a crawl that is killed goes on where its last batch ended.
//!
//! `plan` holds what is asked and answered, `find` looks at the page that was named and logs in, `run` decides what is
//! fetched next, `visit` reads a page of a list and `thread` some of a thread, `mark` is what is remembered between crawls. `fetch` reaches out, with
//! `robots` and `address` saying where it may.

mod address;
mod charset;
mod fetch;
mod find;
mod mark;
mod plan;
mod robots;
mod run;
mod thread;
mod visit;
mod work;

use async_trait::async_trait;
pub use charset::decode;
pub use fetch::{Answer, FetchError, Fetcher, Manners, Validators};
pub use find::Crawler;
pub use plan::{BoardShort, CrawlError, Found, Hand, Health, Plan, Report};
use tm_model::PostRecord;

/// What a crawl learned from one document or a few.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Posts, in the order of the pages.
    pub posts: Vec<PostRecord>,
    /// What to remember, key and value: pages, boards and threads with their state. An empty value forgets.
    pub marks: Vec<(String, String)>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Posts that were new.
    pub new: u64,
    /// Posts that were known but read differently now (edited).
    pub changed: u64,
    /// Posts that were known as they are.
    pub known: u64,
}

/// Where a crawl keeps what it has seen. One forum's marks are one name space.
#[async_trait]
pub trait Memory: Send + Sync {
    /// A mark, when there is one.
    async fn mark(&self, key: &str) -> Result<Option<String>, MemoryError>;
    /// All marks whose key begins with `prefix`, by key.
    async fn marks(&self, prefix: &str) -> Result<Vec<(String, String)>, MemoryError>;
    /// How many marks have a key that begins with `prefix`, and the sum of their values as whole numbers (others count 0).
    async fn sum(&self, prefix: &str) -> Result<(u64, u64), MemoryError>;
    /// Takes a batch over in one transaction; when it returns, the batch survives a kill.
    async fn commit(&self, batch: Batch) -> Result<Stored, MemoryError>;
}

/// The store behind a crawl failed; the crawl ends.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct MemoryError(pub Box<dyn std::error::Error + Send + Sync>);
