//! The roles of a cluster, each a process of this program, and the loops that they are made of. The store of one machine runs
//! the same worker loop over a queue in memory.

mod analyst;
mod feed;
mod intake;
mod outlet;
mod worker;

pub use analyst::analyst;
pub use feed::drain;
pub use intake::intake;
pub use outlet::Outlet;
pub use worker::{Tally, Worker};

use std::time::Duration;
use tm_store::StoreError;
use tokio::sync::watch;

/// First and longest pause before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Resolves when the program is to end.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the end as well.
    let _ = stop.wait_for(|s| *s).await;
}

/// Waits for a store that is away: a restart or a cut is borne, longer from time to time.
pub struct Patience<'a> {
    what: &'static str,
    stop: &'a mut watch::Receiver<bool>,
    pause: Duration,
}

impl Patience<'_> {
    /// For one operation, named for the log.
    pub fn new<'a>(what: &'static str, stop: &'a mut watch::Receiver<bool>) -> Patience<'a> {
        Patience { what, stop, pause: PAUSE }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The error itself when waiting does not mend it, or when the program is to end.
    pub async fn bear(&mut self, error: StoreError) -> Result<(), StoreError> {
        if !error.is_transient() || *self.stop.borrow() {
            return Err(error);
        }
        tracing::warn!(%error, what = self.what, "the store does not answer; trying again");
        tokio::select! {
            () = tokio::time::sleep(self.pause) => {}
            () = stopped(self.stop) => return Err(error),
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}
