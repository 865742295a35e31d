//! Sources of collection and how they fare.

use super::{ApiError, App, Asked};
use crate::access::VIEW;
use crate::page::columns;
use crate::route::Route;
use crate::view;
use axum::extract::{Path, Query, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/sources", VIEW, "sources", get(sources))
            .says("Sources of collection and how they fare, by name")
            .list()
            .answers("{ total: number; items: Source[]; next: string | null }"),
        Route::new(Method::GET, "/api/v1/sources/{id}/page", VIEW, "source_page", get(source_page))
            .says("The page that was kept of a source because it shows what is wrong")
            .hands_out(&["text/plain"]),
    ]
}

async fn sources(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let items: Vec<Value> = app.store.sources().await?.iter().map(view::source).collect();
    let columns = columns!["name" Text, "url" Text, "forum" Text, "engine" Text, "member" Text, "state" Text,
        "reason" Text, "started" Time, "ended" Time, "last_good" Time, "figures" Text, "problems" Text];
    a.window()?.of_all(items, columns)
}

/// The page that shows what is wrong with a source: hostile markup, so it is handed out as text and never as a page.
async fn source_page(State(app): App, Path(id): Path<i64>) -> Result<Response, ApiError> {
    let (url, page) = app
        .store
        .source_page(id)
        .await?
        .ok_or_else(|| ApiError::Missing("no page is kept of this source".into()))?;
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, "inline")];
    Ok((headers, format!("{url}\n\n{page}")).into_response())
}
