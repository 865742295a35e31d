//! The queue of one process.

use super::{Lease, Offer, QueueResult, WorkQueue};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A queue in memory. It ends with the process, and what the store says is pending fills the next one.
#[derive(Debug, Clone)]
pub struct LocalQueue {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Wakes those who wait for work.
    news: Notify,
    patience: Duration,
    window: Duration,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    ready: VecDeque<(u64, Arc<Offer>, u32)>,
    /// Handed out, with the time at which it is handed out again.
    leased: BTreeMap<u64, (Arc<Offer>, u32, Instant)>,
    /// Offers of late, for recognising a second one.
    recent: HashMap<String, Instant>,
}

impl LocalQueue {
    /// An empty queue. A lease lasts `patience`; the same offer within `window` is not taken again.
    pub fn new(patience: Duration, window: Duration) -> LocalQueue {
        let (state, news) = (Mutex::default(), Notify::new());
        LocalQueue { inner: Arc::new(Inner { state, news, patience, window }) }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment away from whole: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next work that is ready, else when some may be.
    fn next(&self) -> Result<(u64, Arc<Offer>, u32), Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        let late: Vec<u64> = state.leased.iter().filter(|(_, l)| l.2 <= now).map(|(id, _)| *id).collect();
        for id in late {
            if let Some((offer, attempt, _)) = state.leased.remove(&id) {
                state.ready.push_back((id, offer, attempt));
            }
        }
        let Some((id, offer, attempt)) = state.ready.pop_front() else {
            return Err(state.leased.values().map(|l| l.2).min());
        };
        state.leased.insert(id, (Arc::clone(&offer), attempt + 1, now + self.patience));
        Ok((id, offer, attempt + 1))
    }
}

#[async_trait]
impl WorkQueue for LocalQueue {
    async fn offer(&self, offer: &Offer) -> QueueResult<bool> {
        let (key, now) = (offer.key(), Instant::now());
        let mut state = self.inner.state();
        let window = self.inner.window;
        state.recent.retain(|_, at| now.duration_since(*at) < window);
        if state.recent.contains_key(&key) {
            return Ok(false);
        }
        state.recent.insert(key, now);
        state.next += 1;
        let id = state.next;
        state.ready.push_back((id, Arc::new(offer.clone()), 0));
        drop(state);
        self.inner.news.notify_one();
        Ok(true)
    }

    async fn lease(&self, wait: Duration) -> QueueResult<Option<Box<dyn Lease>>> {
        let end = Instant::now() + wait;
        loop {
            // Registered before looking, so that an offer in between is not missed.
            let news = self.inner.news.notified();
            let again = match self.inner.next() {
                Ok((id, offer, attempt)) => {
                    let inner = Arc::clone(&self.inner);
                    return Ok(Some(Box::new(Held { inner, id, offer, attempt })));
                }
                Err(again) => again.map_or(end, |a| a.min(end)),
            };
            let now = Instant::now();
            if now >= end {
                return Ok(None);
            }
            let _ = tokio::time::timeout(again.saturating_duration_since(now), news).await;
        }
    }

    async fn open(&self) -> QueueResult<u64> {
        let state = self.inner.state();
        Ok((state.ready.len() + state.leased.len()) as u64)
    }

    fn patience(&self) -> Duration {
        self.inner.patience
    }
}

struct Held {
    inner: Arc<Inner>,
    id: u64,
    offer: Arc<Offer>,
    attempt: u32,
}

impl Held {
    /// The time of the lease, if it is still this one's.
    fn until(&self, at: Instant) {
        if let Some(lease) = self.inner.state().leased.get_mut(&self.id).filter(|l| l.1 == self.attempt) {
            lease.2 = at;
        }
    }
}

#[async_trait]
impl Lease for Held {
    fn offer(&self) -> &Offer {
        &self.offer
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    async fn renew(&self) -> QueueResult<()> {
        self.until(Instant::now() + self.inner.patience);
        Ok(())
    }

    async fn done(&self) -> QueueResult<()> {
        let mut state = self.inner.state();
        state.leased.remove(&self.id);
        // Done by one that was late: whoever has it now need not.
        state.ready.retain(|(id, ..)| *id != self.id);
        Ok(())
    }

    async fn release(&self, pause: Duration) -> QueueResult<()> {
        self.until(Instant::now() + pause);
        self.inner.news.notify_one();
        Ok(())
    }
}
