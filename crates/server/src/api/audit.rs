//! The audit log.

use super::{ApiError, App, Asked};
use crate::access::ADMIN;
use crate::page::columns;
use crate::route::Route;
use axum::extract::{Query, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/audit", ADMIN, "audit", get(list))
            .says("Who looked at what and changed what, newest first")
            .list()
            .answers("{ total: number; items: AuditEntry[]; next: string | null }"),
    ]
}

async fn list(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let window = a.window()?;
    let (total, rows) = app.store.audit(None, window.offset, window.limit).await?;
    let items = rows
        .iter()
        .map(|e| {
            json!({"id": e.id, "time": e.time.to_string(), "user": e.user, "action": e.action, "object": e.object,
                "address": e.address})
        })
        .collect();
    let columns =
        columns!["id" Whole, "time" Time, "user" Text, "action" Text, "object" Text, "address" Text];
    window.answer(total, items, None, columns)
}
