//! Work to be done: which posts are to be analysed, handed to one worker at a time.
//!
//! The queue knows identifiers only and remembers nothing that the store does not: when it is lost, what the store says is
//! pending is offered again. Delivery is at least once. What is done twice is written once, because an analysis replaces the
//! older one of its post.

mod local;
mod nats;

pub use local::LocalQueue;
pub use nats::{NatsOptions, NatsQueue, Parcel, Received};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Deliveries of the same work that may end badly; at the next one it is set aside without another try.
pub const TRIES: u32 = 3;

/// A queue operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The server cannot be reached.
    #[error("cannot connect to queue {url}: {why}")]
    Connect {
        /// Its address, without a password.
        url: String,
        /// Why.
        why: String,
    },
    /// The server did not do what it was asked to; the next call tries again.
    #[error("queue: cannot {what}: {why}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A message is too large even when it holds a single post.
    #[error("queue: a message of {size} bytes is larger than the server takes ({most})")]
    TooLarge {
        /// Its size, compressed.
        size: usize,
        /// What the server takes.
        most: usize,
    },
    /// A message that this program did not write.
    #[error("queue: a message cannot be read: {0}")]
    Damaged(String),
}

/// Result of a queue operation.
pub type QueueResult<T> = Result<T, QueueError>;

/// Posts that are to be analysed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Version of the model that is to analyse them.
    pub version: String,
    /// Identifiers in the store, ascending.
    pub posts: Vec<i64>,
}

impl Offer {
    /// The same for the same work: an offer that was just made is not taken again.
    pub fn key(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.version.as_bytes());
        for id in &self.posts {
            hasher.update(&id.to_le_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// Hands out work.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Offers work; says whether it was taken. It is not when the same was offered a moment ago.
    async fn offer(&self, offer: &Offer) -> QueueResult<bool>;
    /// The next piece of work, for which it waits at most so long. Until the lease is renewed, done, released, or its time is
    /// over, nobody else gets it.
    async fn lease(&self, wait: Duration) -> QueueResult<Option<Box<dyn Lease>>>;
    /// Number of offers that are not done.
    async fn open(&self) -> QueueResult<u64>;
    /// How long a lease lasts without renewal.
    fn patience(&self) -> Duration;
}

/// A piece of work that is this worker's for a while. Dropping it leaves the work to be handed out again when its time is over.
#[async_trait]
pub trait Lease: Send + Sync {
    /// What is to be done.
    fn offer(&self) -> &Offer;
    /// How many times it was handed out, from 1.
    fn attempt(&self) -> u32;
    /// The work goes on: the lease lasts anew.
    async fn renew(&self) -> QueueResult<()>;
    /// The work is done, its result stored: it is never handed out again.
    async fn done(&self) -> QueueResult<()>;
    /// The work could not be done: it is handed out again after a pause.
    async fn release(&self, pause: Duration) -> QueueResult<()>;
}
