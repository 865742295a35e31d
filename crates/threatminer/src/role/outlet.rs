//! Where a crawl's posts go when the store is elsewhere: to the queue, and of each the digest to a small file of the collector.

use async_trait::async_trait;
use std::sync::Arc;
use tm_collect::crawl::{Batch, Memory, MemoryError, Stored};
use tm_model::PostRecord;
use tm_store::{NatsQueue, Parcel, QueueError, SourceRow};

/// The way from a collector to the store.
#[derive(Clone)]
pub struct Outlet {
    /// Carries the posts.
    pub queue: Arc<NatsQueue>,
}

impl Outlet {
    /// A memory that hands posts over before it remembers them.
    pub fn through(&self, memory: Arc<dyn Memory>, forum: &str) -> Arc<dyn Memory> {
        Arc::new(Through { outlet: self.clone(), memory, forum: forum.to_owned() })
    }

    /// Hands the state of a source over. A queue that is away is no reason to end a crawl: the next state says the same.
    pub async fn source(&self, row: &SourceRow, page: Option<(&str, &str)>) {
        let page = page.map(|(url, text)| (url.to_owned(), text.to_owned()));
        if let Err(error) = self.queue.send(&Parcel::Source { row: Box::new(row.clone()), page }).await {
            tracing::warn!(%error, url = row.url, "state of the source not handed over");
        }
    }
}

struct Through {
    outlet: Outlet,
    memory: Arc<dyn Memory>,
    forum: String,
}

impl Through {
    async fn send(&self, posts: &[PostRecord]) -> Result<(), QueueError> {
        self.outlet.queue.send(&Parcel::Posts { forum: self.forum.clone(), posts: posts.to_vec() }).await
    }
}

fn failed(error: QueueError) -> MemoryError {
    MemoryError(Box::new(error))
}

/// What is remembered of a post: enough to tell whether its words are the same.
fn digest(post: &PostRecord) -> PostRecord {
    PostRecord {
        id: Some(post.external_id()),
        text: blake3::hash(post.text.as_bytes()).to_hex().to_string(),
        ..PostRecord::default()
    }
}

#[async_trait]
impl Memory for Through {
    async fn mark(&self, key: &str) -> Result<Option<String>, MemoryError> {
        self.memory.mark(key).await
    }

    async fn marks(&self, prefix: &str) -> Result<Vec<(String, String)>, MemoryError> {
        self.memory.marks(prefix).await
    }

    async fn sum(&self, prefix: &str) -> Result<(u64, u64), MemoryError> {
        self.memory.sum(prefix).await
    }

    async fn commit(&self, batch: Batch) -> Result<Stored, MemoryError> {
        // First the server keeps the posts, then they are remembered: after a kill in between they are read and sent again, and
        // the store knows them.
        if !batch.posts.is_empty() {
            match self.send(&batch.posts).await {
                Err(QueueError::TooLarge { .. }) => {
                    for post in &batch.posts {
                        match self.send(std::slice::from_ref(post)).await {
                            Err(error @ QueueError::TooLarge { .. }) => {
                                tracing::error!(%error, forum = self.forum, post = post.external_id(), "a post was left out");
                            }
                            other => other.map_err(failed)?,
                        }
                    }
                }
                other => other.map_err(failed)?,
            }
        }
        let posts = batch.posts.iter().map(digest).collect();
        self.memory.commit(Batch { posts, marks: batch.marks }).await
    }
}
