//! Saved searches.

use super::{ApiError, App, Asked};
use crate::access::{OWN, VIEW, Who, now};
use crate::page::columns;
use crate::route::Route;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tm_store::SavedSearch;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/searches", VIEW, "saved_searches", get(list))
            .says("Saved searches of the user, newest first")
            .list()
            .answers("{ total: number; items: SavedSearch[]; next: string | null }"),
        Route::new(Method::POST, "/api/v1/searches", OWN, "save_search", post(save))
            .says("Keeps a search")
            .takes("{ name: string; query: string }")
            .makes("SavedSearch")
            .audited("save search"),
        Route::new(Method::DELETE, "/api/v1/searches/{id}", OWN, "forget_search", delete(forget))
            .says("Forgets a saved search")
            .audited("forget search"),
    ]
}

fn shown(s: &SavedSearch) -> Value {
    json!({"id": s.id, "name": s.name, "query": s.query, "created": s.created.to_string()})
}

async fn list(
    State(app): App,
    Extension(who): Extension<Who>,
    Query(a): Query<Asked>,
) -> Result<Response, ApiError> {
    let items = app.store.searches(who.id()).await?.iter().map(shown).collect();
    a.window()?.of_all(items, columns!["id" Whole, "name" Text, "query" Text, "created" Time])
}

/// Longest name and query, in code points.
const NAME: usize = 100;
const QUERY: usize = 2000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saving {
    name: String,
    query: String,
}

async fn save(
    State(app): App,
    Extension(who): Extension<Who>,
    Json(asked): Json<Saving>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(ApiError::Bad(format!("a name has 1 to {NAME} characters")));
    }
    if asked.query.chars().count() > QUERY {
        return Err(ApiError::Bad(format!("a query has at most {QUERY} characters")));
    }
    let mut row = SavedSearch { id: 0, user_id: who.id(), name, query: asked.query, created: now() };
    row.id = app.store.add_search(&row).await?;
    Ok((StatusCode::CREATED, Json(shown(&row))))
}

async fn forget(
    State(app): App,
    Extension(who): Extension<Who>,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    if app.store.remove_search(id, who.id()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::Missing(format!("no saved search {id}")))
}
