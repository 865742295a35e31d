//! The search index follows the store.

use crate::cmd::Setting;
use crate::output;
use std::sync::Arc;
use std::time::Duration;
use tm_search::{Document, Index, Progress, SearchError};
use tm_store::{ChangedPost, Store};

/// Posts that are read from the store at once.
const READ: u32 = 1_000;
/// Posts after which a long run is made visible, and durable: a kill costs no more than these.
const COMMIT: usize = 50_000;
/// How often `serve` looks for changes: a post that is stored is found within two seconds.
const PAUSE: Duration = Duration::from_millis(400);

/// Opens the index beside the store; says so when it had to be replaced.
///
/// # Errors
/// When its folder cannot be used.
pub fn open(setting: &Setting) -> anyhow::Result<Arc<Index>> {
    let folder = setting.index_folder();
    let index = Index::open(&folder)?;
    if let Some(why) = index.repaired() {
        tracing::warn!(folder = %folder.display(), why, "search index replaced");
        output::note(format!("the search index was damaged ({why}); it is built anew from the store"));
    }
    Ok(Arc::new(index))
}

/// Opens the index and adds what it lacks. While another process keeps it up to date, it is taken as it is.
///
/// # Errors
/// When the folder or the store cannot be used.
pub async fn bring_up_to_date(setting: &Setting, store: &dyn Store) -> anyhow::Result<Arc<Index>> {
    let index = open(setting)?;
    match follow(store, &index).await {
        Ok(_) => {}
        Err(e) if is_busy(&e) => tracing::debug!("another process keeps the search index"),
        Err(e) => return Err(e),
    }
    let held = Arc::clone(&index);
    tokio::task::spawn_blocking(move || held.release()).await??;
    Ok(index)
}

fn is_busy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<SearchError>(), Some(SearchError::Busy))
}

/// Adds to the index what changed since it was last up to date; returns the number of posts.
///
/// # Errors
/// When store or index cannot be used; [`SearchError::Busy`] while another process writes the index.
pub async fn follow(store: &dyn Store, index: &Arc<Index>) -> anyhow::Result<usize> {
    let identity = store.fact("identity").await?.unwrap_or_default();
    let last = store.last_change().await?;
    let seen = index.progress()?;
    if seen.as_ref().is_some_and(|s| s.store == identity && s.change == last) {
        return Ok(0);
    }
    // Another process may have gone on meanwhile; from here on nobody does.
    let claimed = Arc::clone(index);
    tokio::task::spawn_blocking(move || claimed.claim()).await??;
    let seen = index.progress()?;
    let strange = seen.as_ref().is_some_and(|s| s.store != identity || s.change > last);
    if strange || (seen.is_none() && !index.is_empty()) {
        tracing::info!("the search index is of another store; building it anew");
        index.reset()?;
    }
    let mut seen =
        Progress { store: identity, change: if strange { 0 } else { seen.map_or(0, |s| s.change) } };
    let (mut done, mut open) = (0, 0);
    loop {
        let posts = store.changed_posts(seen.change, READ).await?;
        if let Some(last) = posts.last() {
            seen.change = last.change;
        }
        let end = posts.len() < READ as usize;
        open += posts.len();
        done += posts.len();
        let (target, progress) = (Arc::clone(index), seen.clone());
        let commit = end && (open > 0 || done == 0) || open >= COMMIT;
        tokio::task::spawn_blocking(move || {
            let documents: Vec<Document> = posts.into_iter().map(document).collect();
            target.add(&documents)?;
            if commit { target.commit(&progress) } else { Ok(()) }
        })
        .await??;
        if commit {
            open = 0;
        }
        if end {
            return Ok(done);
        }
    }
}

fn document(p: ChangedPost) -> Document {
    Document {
        id: p.id,
        thread: p.thread_id,
        language: p.language.or_else(|| Some(tm_extract::detect_language(&p.text))),
        text: p.text,
        title: p.title,
        author: p.author.unwrap_or_default(),
        forum: p.forum,
        board: p.board.unwrap_or_default(),
        time: p.time,
        entities: p.entities,
        events: p.events,
    }
}

/// Keeps the index up to date until the task is aborted. A large index is read through once for damage, and replaced if there
/// is any, while it is searched.
pub async fn keep(store: Arc<dyn Store>, index: Arc<Index>) {
    let read = Arc::clone(&index);
    match tokio::task::spawn_blocking(move || read.verify()).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(why))) => {
            output::note(format!("the search index is damaged ({why}); it is built anew from the store"));
            if let Err(error) = index.reset() {
                tracing::warn!(%error, "the search index cannot be replaced");
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "the search index cannot be checked"),
        Err(error) => tracing::warn!(%error, "the check of the search index stopped"),
    }
    let mut complained = false;
    loop {
        match follow(&*store, &index).await {
            Ok(0) => complained = false,
            Ok(posts) => {
                complained = false;
                if posts >= READ as usize {
                    tracing::info!(posts, "search index is up to date");
                }
            }
            Err(error) if is_busy(&error) => {
                if !complained {
                    tracing::info!("another process writes the search index");
                }
                complained = true;
            }
            Err(error) => {
                // What is there can be searched; the next round tries again.
                if !complained {
                    tracing::warn!(%error, "the search index cannot follow");
                }
                complained = true;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
