//! Sources of collection and how they fare.

use super::{Answer, ApiError, App};
use crate::view;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) async fn sources(State(app): App) -> Answer {
    let items: Vec<Value> = app.store.sources().await?.iter().map(view::source).collect();
    Ok(Json(json!({"total": items.len(), "items": items})))
}

/// The page that shows what is wrong with a source: hostile markup, so it is handed out as text and never as a page.
pub(super) async fn source_page(State(app): App, Path(id): Path<i64>) -> Result<Response, ApiError> {
    let (url, page) = app
        .store
        .source_page(id)
        .await?
        .ok_or_else(|| ApiError::Missing("no page is kept of this source".into()))?;
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, "inline")];
    Ok((headers, format!("{url}\n\n{page}")).into_response())
}
