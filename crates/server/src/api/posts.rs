//! Posts and threads as they were, with spans.

use super::{Answer, ApiError, App, Asked};
use crate::AppState;
use crate::view::Around;
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::json;
use tm_model::Post;
use tm_store::PostFilter;

/// Threads and authors of posts, with their spans if asked for.
pub(super) async fn around(app: &AppState, posts: &[Post], spans: bool) -> Result<Around, ApiError> {
    let unique = |ids: &mut Vec<i64>| {
        ids.sort_unstable();
        ids.dedup();
    };
    let mut threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
    let mut accounts: Vec<i64> = posts.iter().filter_map(|p| p.account_id).collect();
    unique(&mut threads);
    unique(&mut accounts);
    let mut around = Around::default();
    for t in app.store.threads(&threads).await? {
        around.threads.insert(t.id, t);
    }
    let (_, rows) = app.store.accounts(&PostFilter { ids: Some(accounts), ..PostFilter::default() }).await?;
    around.names = rows.into_iter().map(|a| (a.id, a.name)).collect();
    if spans {
        let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
        for e in app.store.entities_of(&ids).await? {
            around.entities.entry(e.post_id).or_default().push(e);
        }
        for e in app.store.events_of(&ids).await? {
            around.events.entry(e.post_id).or_default().push(e);
        }
        for (post, target, author) in app.store.quotes_of(&ids).await? {
            around.quotes.entry(post).or_default().push((target, author));
        }
    }
    Ok(around)
}

pub(super) async fn post(State(app): App, Path(id): Path<i64>) -> Answer {
    let posts = app.store.posts(&PostFilter { ids: Some(vec![id]), ..PostFilter::default() }).await?;
    let Some(post) = posts.first() else {
        return Err(ApiError::Missing(format!("no post {id}")));
    };
    Ok(Json(around(&app, &posts, true).await?.post(post)))
}

pub(super) async fn thread(State(app): App, Path(id): Path<i64>, Query(a): Query<Asked>) -> Answer {
    let threads = app.store.threads(&[id]).await?;
    let Some(thread) = threads.first() else {
        return Err(ApiError::Missing(format!("no thread {id}")));
    };
    let filter = PostFilter {
        thread: Some(id),
        oldest_first: true,
        offset: a.offset(),
        limit: a.limit(),
        ..PostFilter::default()
    };
    let posts = app.store.posts(&filter).await?;
    let around = around(&app, &posts, true).await?;
    Ok(Json(
        json!({"id": id, "title": thread.title, "forum": thread.forum, "board": thread.board, "total": thread.posts,
        "posts": posts.iter().map(|p| around.post(p)).collect::<Vec<_>>()}),
    ))
}
