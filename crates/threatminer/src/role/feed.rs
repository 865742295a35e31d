//! What fills the queue: whatever the store says is pending. It is also what mends a queue that was lost.

use super::Worker;
use anyhow::Context;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_extract::Analyzer;
use tm_store::{LocalQueue, Offer, Store, TRIES, WorkQueue};
use tokio::sync::watch;

/// Posts of one offer within a process for each of its threads: a few pieces of what one thread analyses at once.
const BATCH: usize = 128;
/// Posts of one offer in a cluster: work for a second or so, so that little is done again when a worker ends.
const CLUSTER_BATCH: usize = 64;
/// Offers that wait in the queue of a cluster at most: it stays short, so that news overtake what is old.
const WAITING: u64 = 64;
/// Work that is in hand at once within a process: one piece is read and written while another is analysed.
pub const HANDS: usize = 2;

/// Analyses all that is pending in this process, newest first; returns how many posts were analysed and how many set aside.
///
/// # Errors
/// What the store said when it failed.
pub async fn drain(
    store: &Arc<dyn Store>,
    analyzer: &Arc<Analyzer>,
    progress: impl Fn(u64),
) -> anyhow::Result<(u64, u64)> {
    let queue = Arc::new(LocalQueue::new(Duration::from_secs(86_400), Duration::ZERO));
    let worker = Arc::new(Worker::new(Arc::clone(store), queue.clone(), Arc::clone(analyzer), false));
    let (halt, halted) = watch::channel(false);
    let hands: Vec<_> = (0..HANDS).map(|_| tokio::spawn(Arc::clone(&worker).hand(halted.clone()))).collect();
    let done = fill(&**store, &queue, &worker, progress).await;
    let _ = halt.send(true);
    for hand in hands {
        hand.await.context("a worker stopped")?;
    }
    done?;
    let t = &worker.tally;
    Ok((super::Tally::get(&t.posts), super::Tally::get(&t.quarantined)))
}

async fn fill(
    store: &dyn Store,
    queue: &LocalQueue,
    worker: &Worker,
    progress: impl Fn(u64),
) -> anyhow::Result<()> {
    let version = worker.analyzer.version();
    let batch = BATCH * rayon::current_num_threads();
    loop {
        let ids = store.pending_ids(version, i64::MAX, (batch * 16) as u32).await?;
        if ids.is_empty() {
            return Ok(());
        }
        for part in ids.chunks(batch) {
            queue.offer(&offer(version, part)).await?;
        }
        while queue.open().await? > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some(error) = worker.failure() {
                return Err(error.into());
            }
            progress(super::Tally::get(&worker.tally.posts));
        }
    }
}

fn offer(version: &str, ids: &[i64]) -> Offer {
    let mut posts = ids.to_vec();
    posts.sort_unstable();
    Offer { version: version.to_owned(), posts }
}

/// Offers what is pending to the workers of a cluster.
pub struct Feed {
    version: String,
    /// What was offered, and when: it is offered again when it is still pending after a while.
    offered: HashMap<i64, Instant>,
    patience: Duration,
}

impl Feed {
    /// Work for a model version. What was offered and is still pending is offered again after `patience`, which is a lease and a
    /// little, when the queue is empty, and after as long as all tries may take when it is not.
    pub fn new(version: &str, patience: Duration) -> Feed {
        Feed { version: version.to_owned(), offered: HashMap::new(), patience }
    }

    /// One pass: offers what is pending and not offered of late, as long as the queue is short. Returns how many posts are known
    /// to be pending; 0 means none is.
    pub async fn pass(&mut self, store: &dyn Store, queue: &dyn WorkQueue) -> anyhow::Result<u64> {
        let open = queue.open().await?;
        let free = WAITING.saturating_sub(open);
        let most = (WAITING as usize * 2 * CLUSTER_BATCH) as u32;
        let pending = store.pending_ids(&self.version, i64::MAX, most).await?;
        let now = Instant::now();
        // A queue that holds nothing while work is pending has lost it. While it holds something, what was offered may be in it,
        // perhaps as a post that ends one worker after the other: in another batch it would take its neighbours along.
        let patience = if open == 0 { self.patience } else { self.patience * (TRIES + 3) };
        self.offered.retain(|_, at| now.duration_since(*at) < patience);
        let fresh: Vec<i64> = pending.iter().copied().filter(|id| !self.offered.contains_key(id)).collect();
        for part in fresh.chunks(CLUSTER_BATCH).take(free as usize) {
            if !queue.offer(&offer(&self.version, part)).await? {
                tracing::debug!(posts = part.len(), "offered a moment ago");
            }
            self.offered.extend(part.iter().map(|id| (*id, now)));
        }
        Ok(pending.len() as u64)
    }
}
