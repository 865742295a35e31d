//! The intake: what collectors send becomes posts of the store, and is acknowledged after the store has it.

use super::{Patience, stopped};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tm_model::{PostRecord, Reject};
use tm_store::{Batch, ImportKey, NatsQueue, Parcel, QueueError, Store, StoreError};
use tokio::sync::watch;

/// How long one look for parcels lasts.
const LOOK: Duration = Duration::from_secs(5);

/// Stores parcels until it is told to stop; counts posts.
pub async fn intake(
    store: Arc<dyn Store>,
    queue: Arc<NatsQueue>,
    mut stop: watch::Receiver<bool>,
    posts: Arc<AtomicU64>,
) {
    while !*stop.borrow() {
        let received = tokio::select! {
            received = queue.receive(LOOK) => received,
            () = stopped(&mut stop) => return,
        };
        let received = match received {
            Ok(Some(received)) => received,
            Ok(None) => continue,
            Err(error @ QueueError::Damaged(_)) => {
                tracing::error!(%error, "a message that is no parcel was thrown away");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "no parcels to be had");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let parcel = &received.parcel;
        let mut patience = Patience::new("storing a parcel", &mut stop);
        let stored = loop {
            match keep(&*store, parcel).await {
                Ok(new) => break Ok(new),
                Err(error) => {
                    if let Err(error) = patience.bear(error).await {
                        break Err(error);
                    }
                }
            }
        };
        let answered = match stored {
            Ok(new) => {
                posts.fetch_add(new, Ordering::Relaxed);
                received.stored().await
            }
            Err(error) => {
                tracing::error!(%error, "the store refuses a parcel; it comes again");
                received.release(Duration::from_secs(5)).await
            }
        };
        if let Err(error) = answered {
            tracing::warn!(%error, "a parcel comes again; the store knows it");
        }
    }
}

/// Stores a parcel; returns how many posts were new or changed.
async fn keep(store: &dyn Store, parcel: &Parcel) -> Result<u64, StoreError> {
    match parcel {
        Parcel::Posts { forum, posts } => match store.store_crawled(forum, posts, &[]).await {
            Ok(done) => Ok(done.new + done.changed),
            Err(error) if error.is_about_data() => one_by_one(store, forum, posts).await,
            Err(error) => Err(error),
        },
        Parcel::Source { row, page } => {
            let page = page.as_ref().map(|(url, text)| (url.as_str(), text.as_str()));
            match store.record_source(row, page).await {
                Err(error) if error.is_about_data() => {
                    tracing::error!(%error, url = row.url, "state of a source left out")
                }
                other => other?,
            }
            Ok(0)
        }
    }
}

/// A post that the store refuses is set aside where refused rows of imports are, the others are stored.
async fn one_by_one(store: &dyn Store, forum: &str, posts: &[PostRecord]) -> Result<u64, StoreError> {
    let mut new = 0;
    for post in posts {
        match store.store_crawled(forum, std::slice::from_ref(post), &[]).await {
            Ok(done) => new += done.new + done.changed,
            Err(error) if error.is_about_data() => {
                let id = post.external_id();
                tracing::error!(%error, forum, post = id, "a collected post was set aside");
                let key = ImportKey {
                    file: format!("collected from {forum}"),
                    digest: String::new(),
                    forum: forum.to_owned(),
                };
                let import = store.begin_import(&key).await?;
                let row = import.row + 1;
                let reject = Reject {
                    file: key.file,
                    row,
                    reason: format!("post {id}: {error}"),
                    snippet: post.text.chars().take(200).collect(),
                };
                let batch = Batch { posts: Vec::new(), rejects: vec![reject], row, finished: false };
                store.store_batch(import.id, &batch).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(new)
}
