//! The worker: lease, load, extract, write in one transaction, done.

use super::{Patience, stopped};
use crate::collection::now;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tm_extract::Analyzer;
use tm_model::{Post, PostAnalysis};
use tm_store::{Lease, Offer, QueueError, Store, StoreError, TRIES, WorkQueue};
use tokio::sync::{RwLock, watch};

/// How long one look for work lasts.
const LOOK: Duration = Duration::from_secs(5);
/// Before work that ended badly is handed out again.
const REST: Duration = Duration::from_millis(500);

/// What was done.
#[derive(Debug, Default)]
pub struct Tally {
    /// Posts analysed and stored.
    pub posts: AtomicU64,
    /// Posts set aside.
    pub quarantined: AtomicU64,
    /// Batches done.
    pub batches: AtomicU64,
    /// Milliseconds of analysis, and of reading and writing around it.
    pub analysing: AtomicU64,
    pub storing: AtomicU64,
}

impl Tally {
    fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// The value of a counter.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// Takes work from a queue until it is told to stop.
pub struct Worker {
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn WorkQueue>,
    pub analyzer: Arc<Analyzer>,
    pub tally: Tally,
    /// Waits out a store that is away; otherwise its errors end the work (see [`Worker::failure`]).
    patient: bool,
    failure: Mutex<Option<StoreError>>,
    /// What is tried again is tried alone: what ends the process then is that post and no other.
    gate: RwLock<()>,
}

/// Why a batch was not written.
enum Trouble {
    /// It is the fault of one of its posts.
    Posts(String),
    /// The store is away, or broken for all.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        if error.is_about_data() { Trouble::Posts(error.to_string()) } else { Trouble::Store(error) }
    }
}

impl Worker {
    pub fn new(
        store: Arc<dyn Store>,
        queue: Arc<dyn WorkQueue>,
        analyzer: Arc<Analyzer>,
        patient: bool,
    ) -> Worker {
        let (tally, failure, gate) = (Tally::default(), Mutex::default(), RwLock::default());
        Worker { store, queue, analyzer, tally, patient, failure, gate }
    }

    /// The error of the store that ended the work, once.
    pub fn failure(&self) -> Option<StoreError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// One hand: takes a piece of work after the other. Several may run side by side: while one reads and writes, another
    /// analyses.
    pub async fn hand(self: Arc<Worker>, mut stop: watch::Receiver<bool>) {
        loop {
            if *stop.borrow() {
                return;
            }
            let lease = tokio::select! {
                lease = self.queue.lease(LOOK) => lease,
                () = stopped(&mut stop) => return,
            };
            match lease {
                Ok(Some(lease)) => {
                    // Work that is begun is ended before the process is; the lease is kept up meanwhile.
                    let mut ending = stop.clone();
                    let worked = tokio::select! {
                        worked = self.work(&*lease, &mut ending) => worked,
                        () = self.keep(&*lease) => Ok(()),
                    };
                    if let Err(error) = worked {
                        // Not acknowledged: it comes again, and is recognised as done if it was.
                        tracing::warn!(%error, "a lease was not ended");
                    }
                }
                Ok(None) => {}
                Err(error @ QueueError::Damaged(_)) => tracing::warn!(%error, "a message was thrown away"),
                Err(error) => {
                    tracing::warn!(%error, "no work to be had");
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                        () = stopped(&mut stop) => return,
                    }
                }
            }
        }
    }

    /// Renews a lease for ever.
    async fn keep(&self, lease: &dyn Lease) {
        loop {
            tokio::time::sleep(self.queue.patience() / 3).await;
            if let Err(error) = lease.renew().await {
                tracing::warn!(%error, "a lease was not renewed");
            }
        }
    }

    async fn work(&self, lease: &dyn Lease, stop: &mut watch::Receiver<bool>) -> Result<(), QueueError> {
        let (offer, attempt) = (lease.offer(), lease.attempt());
        if offer.version != self.analyzer.version() {
            tracing::warn!(
                offered = offer.version,
                own = self.analyzer.version(),
                "work for another model left undone"
            );
            return lease.done().await;
        }
        if attempt > 1 && offer.posts.len() > 1 {
            // Somebody ended over it. Which post it was shows when each comes alone.
            tracing::warn!(
                posts = offer.posts.len(),
                attempt,
                "a batch came back; its posts are offered one by one"
            );
            return self.split(lease).await;
        }
        if attempt > TRIES {
            let reason = format!("the analysis ended its process, or failed, {TRIES} times");
            return self.set_aside(lease, &reason, stop).await;
        }
        let done = if attempt > 1 {
            let _alone = self.gate.write().await;
            self.analyse(&offer.posts, stop).await
        } else {
            let _with_others = self.gate.read().await;
            self.analyse(&offer.posts, stop).await
        };
        match done {
            Ok(()) => {
                Tally::add(&self.tally.batches, 1);
                lease.done().await
            }
            Err(Trouble::Store(error)) => {
                if self.patient {
                    tracing::error!(%error, "the store refuses; the work is given back");
                } else {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                // Not the posts' fault: no release, which would count as a try, but the end of the lease in its own time.
                Ok(())
            }
            Err(Trouble::Posts(_)) if offer.posts.len() > 1 => self.split(lease).await,
            Err(Trouble::Posts(reason)) if attempt >= TRIES => self.set_aside(lease, &reason, stop).await,
            Err(Trouble::Posts(reason)) => {
                tracing::warn!(post = offer.posts.first(), attempt, reason, "a post was not analysed");
                lease.release(REST * attempt).await
            }
        }
    }

    /// Loads, analyses and stores what is still pending of some posts.
    async fn analyse(&self, ids: &[i64], stop: &mut watch::Receiver<bool>) -> Result<(), Trouble> {
        let begun = std::time::Instant::now();
        let version = self.analyzer.version();
        let mut patience = Patience::new("loading posts", stop);
        let posts = loop {
            match self.store.pending_of(version, ids).await {
                Err(error) if self.patient => patience.bear(error).await?,
                other => break other?,
            }
        };
        if posts.is_empty() {
            return Ok(());
        }
        let loaded = std::time::Instant::now();
        let analyzer = Arc::clone(&self.analyzer);
        let (posts, analyses) = tokio::task::spawn_blocking(move || {
            let analyses = analyze(&analyzer, &posts);
            (posts, analyses)
        })
        .await
        .map_err(|e| Trouble::Posts(format!("the analysis stopped: {e}")))?;
        let analysed = std::time::Instant::now();
        let mut patience = Patience::new("storing analyses", stop);
        let changed = loop {
            match self.store.store_analyses_of(version, &posts, &analyses).await {
                Err(error) if self.patient => patience.bear(error).await?,
                other => break other?,
            }
        };
        if changed > 0 {
            tracing::info!(posts = changed, "words changed during the analysis; analysed again later");
        }
        Tally::add(&self.tally.posts, posts.len() as u64 - changed);
        Tally::add(&self.tally.analysing, (analysed - loaded).as_millis() as u64);
        Tally::add(&self.tally.storing, ((loaded - begun) + analysed.elapsed()).as_millis() as u64);
        Ok(())
    }

    async fn split(&self, lease: &dyn Lease) -> Result<(), QueueError> {
        for id in &lease.offer().posts {
            self.queue.offer(&Offer { version: lease.offer().version.clone(), posts: vec![*id] }).await?;
        }
        lease.done().await
    }

    async fn set_aside(
        &self,
        lease: &dyn Lease,
        reason: &str,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), QueueError> {
        let version = self.analyzer.version();
        for post in &lease.offer().posts {
            let mut patience = Patience::new("setting a post aside", stop);
            while let Err(error) = self.store.quarantine(version, *post, reason, now()).await {
                if let Err(error) = patience.bear(error).await {
                    tracing::error!(%error, post, "a post could not be set aside");
                    return Ok(());
                }
            }
            tracing::error!(post, reason, "post set aside: it cannot be analysed");
            Tally::add(&self.tally.quarantined, 1);
        }
        lease.done().await
    }
}

fn analyze(analyzer: &Analyzer, posts: &[Post]) -> Vec<PostAnalysis> {
    let texts: Vec<&str> = posts.iter().map(|p| p.text.as_str()).collect();
    fault(&texts);
    let mut analyses = analyzer.analyze_all(&texts);
    for (post, analysis) in posts.iter().zip(&mut analyses) {
        analysis.entities.extend(analyzer.linked(&post.text, &post.links));
    }
    analyses
}

/// For tests of what happens when an analysis ends the process or hangs: a word that does so, named by the environment.
fn fault(texts: &[&str]) {
    let holds = |name: &str| {
        std::env::var(name).is_ok_and(|word| !word.is_empty() && texts.iter().any(|t| t.contains(&word)))
    };
    if holds("THREATMINER_FAULT_ABORT") {
        std::process::abort();
    }
    if let Some(pause) = std::env::var("THREATMINER_FAULT_SLOW").ok().and_then(|ms| ms.parse().ok()) {
        std::thread::sleep(Duration::from_millis(pause));
    }
}
