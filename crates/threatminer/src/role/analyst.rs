//! The analyst: offers what is pending, and draws the conclusions when new analyses are there. One process at a time.

use super::feed::Feed;
use super::stopped;
use crate::cmd::analyze;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_store::{Store, WorkQueue};
use tokio::sync::watch;

/// Between two passes, and between two looks whether the role is free.
const PASS: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_secs(2);

/// Plays the role whenever no other process does, until it is told to stop. Conclusions are drawn when nothing is pending, and
/// at least every `every` while posts keep arriving.
pub async fn analyst(
    store: Arc<dyn Store>,
    queue: Arc<dyn WorkQueue>,
    version: String,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        match store.lead("analyst").await {
            Ok(Some(mut leadership)) => {
                tracing::info!("this process is the analyst");
                let mut feed = Feed::new(&version, queue.patience() + PASS);
                let mut last = Instant::now();
                while !*stop.borrow() {
                    if !leadership.holds().await {
                        tracing::warn!("no longer the analyst: the connection to the store was lost");
                        break;
                    }
                    if let Err(error) = pass(&*store, &*queue, &mut feed, &mut last, every).await {
                        tracing::warn!("a pass failed, the next one tries again: {error:#}");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PASS) => {}
                        () = stopped(&mut stop) => return,
                    }
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "cannot ask who is the analyst"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn pass(
    store: &dyn Store,
    queue: &dyn WorkQueue,
    feed: &mut Feed,
    last: &mut Instant,
    every: Duration,
) -> anyhow::Result<()> {
    // A queue that is away keeps nobody from concluding.
    let pending = match feed.pass(store, queue).await {
        Ok(pending) => pending,
        Err(error) => {
            tracing::warn!("nothing could be offered: {error:#}");
            1
        }
    };
    if (pending == 0 || last.elapsed() >= every) && !analyze::is_concluded(store).await? {
        let begun = Instant::now();
        let (threats, accounts, current) = analyze::conclude(store).await?;
        tracing::info!(
            threats,
            accounts,
            current,
            seconds = begun.elapsed().as_secs_f64(),
            "conclusions drawn"
        );
        *last = Instant::now();
    }
    Ok(())
}
