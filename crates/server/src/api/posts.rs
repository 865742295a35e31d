//! Posts and threads as they were, with spans.

use super::{Answer, ApiError, App, Asked};
use crate::AppState;
use crate::access::VIEW;
use crate::route::Route;
use crate::view::Around;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::routing::get;
use serde_json::json;
use tm_model::Post;
use tm_store::PostFilter;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/posts/{id}", VIEW, "post", get(post))
            .says("A post with its entities and events")
            .answers("Post"),
        Route::new(Method::GET, "/api/v1/threads/{id}", VIEW, "thread", get(thread))
            .says("A thread as it was, oldest post first")
            .query(&[
                ("cursor", "string", "what `next` of the page before said"),
                ("offset", "integer", "posts to skip, when there is no cursor"),
                ("limit", "integer", "posts, at most 500"),
            ])
            .answers("Thread"),
    ]
}

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

async fn post(State(app): App, Path(id): Path<i64>) -> Answer {
    let posts = app.store.posts(&PostFilter { ids: Some(vec![id]), ..PostFilter::default() }).await?;
    let Some(post) = posts.first() else {
        return Err(ApiError::Missing(format!("no post {id}")));
    };
    Ok(Json(around(&app, &posts, true).await?.post(post)))
}

async fn thread(State(app): App, Path(id): Path<i64>, Query(a): Query<Asked>) -> Answer {
    let threads = app.store.threads(&[id]).await?;
    let Some(thread) = threads.first() else {
        return Err(ApiError::Missing(format!("no thread {id}")));
    };
    // Posts of a thread come at its end, so that a position is as good as a cursor.
    let offset = match Asked::text(&a.cursor) {
        Some(cursor) => cursor.parse().map_err(|_| ApiError::Bad("this cursor is none".into()))?,
        None => a.offset(),
    };
    let filter = PostFilter {
        thread: Some(id),
        oldest_first: true,
        offset,
        limit: a.limit(),
        ..PostFilter::default()
    };
    let posts = app.store.posts(&filter).await?;
    let around = around(&app, &posts, true).await?;
    let end = offset.saturating_add(posts.len() as u32);
    let next = (!posts.is_empty() && u64::from(end) < thread.posts).then(|| end.to_string());
    Ok(Json(json!({"id": id, "title": thread.title, "forum": thread.forum, "board": thread.board,
        "total": thread.posts, "next": next, "posts": posts.iter().map(|p| around.post(p)).collect::<Vec<_>>()})))
}
