//! Full-text search.

use super::posts::around;
use super::{Answer, ApiError, App, Asked};
use crate::access::VIEW;
use crate::route::Route;
use crate::view;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::Method;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::HashMap;
use tm_model::Post;
use tm_store::PostFilter;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/search", VIEW, "search", get(search))
            .says("Full-text search over posts, best first")
            .query(&[
                ("q", "string", "words, \"phrases\", field:value, AND OR NOT, prefix*"),
                ("forum", "string", "forum's name"),
                ("lang", "string", "language of the post"),
                ("cursor", "string", "what `next` of the page before said"),
                ("offset", "integer", "posts to skip, when there is no cursor"),
                ("limit", "integer", "posts, at most 500"),
            ])
            .answers("SearchPage"),
    ]
}

async fn search(State(app): App, Query(a): Query<Asked>) -> Answer {
    let started = std::time::Instant::now();
    let none = |error: Option<String>| {
        json!({"total": 0, "took_ms": 0, "items": [], "next": null, "parsed": "",
        "facets": {"forum": [], "lang": [], "language": [], "month": [], "type": []}, "error": error})
    };
    let Some(text) = Asked::text(&a.q) else { return Ok(Json(none(None))) };
    let Some(index) = app.index.clone() else {
        return Ok(Json(none(Some(
            "the search index is not there; start the server again to have it built".into(),
        ))));
    };
    let (forum, lang) = (Asked::text(&a.forum), Asked::text(&a.lang));
    // The index is searched anew for each page: a cursor is a position.
    let offset = match Asked::text(&a.cursor) {
        Some(cursor) => cursor.parse().map_err(|_| ApiError::Bad("this cursor is none".into()))?,
        None => a.offset() as usize,
    };
    let limit = a.limit() as usize;
    let found = tokio::task::spawn_blocking(move || {
        index.search(&text, forum.as_deref(), lang.as_deref(), offset, limit)
    })
    .await
    .map_err(|e| ApiError::Failed(e.to_string()))?;
    let hits = match found {
        Ok(hits) => hits,
        Err(e @ tm_search::SearchError::Query(_)) => return Err(ApiError::Bad(e.to_string())),
        Err(e) => return Ok(Json(none(Some(e.to_string())))),
    };
    let rows =
        app.store.posts(&PostFilter { ids: Some(hits.posts.clone()), ..PostFilter::default() }).await?;
    let around = around(&app, &rows, false).await?;
    let by_id: HashMap<i64, &Post> = rows.iter().map(|p| (p.id, p)).collect();
    let items: Vec<Value> = hits
        .posts
        .iter()
        .filter_map(|id| by_id.get(id))
        .map(|p| {
            let mut v = around.post_ref(p);
            let text = view::masked(p);
            let spans = hits.words.spans(&text);
            v["spans"] =
                json!(spans.iter().map(|s| json!({"start": s.start, "end": s.end})).collect::<Vec<_>>());
            let pieces = tm_search::snippet(&text, &hits.words, 240);
            v["snippet"] =
                json!(pieces.iter().map(|(text, hit)| json!({"text": text, "hit": hit})).collect::<Vec<_>>());
            v
        })
        .collect();
    let end = offset.saturating_add(hits.posts.len());
    let next = (!hits.posts.is_empty() && end < hits.total).then(|| end.to_string());
    let facet = |list: &[(String, u64)]| {
        list.iter().map(|(v, n)| json!({"value": v, "count": n})).collect::<Vec<_>>()
    };
    let f = &hits.facets;
    Ok(Json(
        json!({"total": hits.total, "took_ms": started.elapsed().as_millis() as u64, "items": items, "next": next,
        "parsed": hits.parsed, "facets": {"forum": facet(&f.forums), "lang": facet(&f.languages),
            "language": facet(&f.languages), "month": facet(&f.months), "type": facet(&f.types)}, "error": null}),
    ))
}
