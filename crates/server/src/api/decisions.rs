//! What analysts decide: marks of accounts, and whether two of them are one person.

use super::actors::MARKS;
use super::{ApiError, App};
use crate::AppState;
use crate::access::{Noted, WORK, Who, now};
use crate::route::Route;
use crate::view;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::routing::post;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use tm_store::MarkRow;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/api/v1/actors/{id}/mark", WORK, "mark_actor", post(mark))
            .says("Marks an account as key, not key or watched; null takes the mark back")
            .takes("{ mark: \"key\" | \"not_key\" | \"watch\" | null; note?: string | null }")
            .answers("{ mark: Mark | null }")
            .audited("mark actor"),
        Route::new(Method::POST, "/api/v1/aliases", WORK, "decide_alias", post(verdict))
            .says("Says whether two accounts are one person; null takes it back")
            .takes("{ account: integer; other: integer; verdict: \"same\" | \"different\" | null }")
            .answers("{ account: integer; other: integer; verdict: \"accepted\" | \"rejected\" | null }")
            .audited("decide alias"),
    ]
}

/// Marks by account.
pub(super) async fn marks(app: &AppState) -> Result<HashMap<i64, MarkRow>, ApiError> {
    Ok(app.store.marks().await?.into_iter().map(|m| (m.account_id, m)).collect())
}

/// Longest note, in code points.
const NOTE: usize = 2000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marking {
    mark: Option<String>,
    note: Option<String>,
}

async fn exists(app: &AppState, id: i64) -> Result<(), ApiError> {
    match app.store.account(id).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::Missing(format!("no account {id}"))),
    }
}

async fn mark(
    State(app): App,
    Extension(who): Extension<Who>,
    Path(id): Path<i64>,
    Json(asked): Json<Marking>,
) -> Result<(Extension<Noted>, Json<Value>), ApiError> {
    exists(&app, id).await?;
    let Some(mark) = asked.mark else {
        app.store.remove_mark(id).await?;
        app.overview.forget().await;
        return Ok((Extension(Noted("no mark".into())), Json(json!({"mark": null}))));
    };
    if !MARKS.contains(&mark.as_str()) {
        return Err(ApiError::Bad(format!("unknown mark '{mark}', known are: {}", MARKS.join(" "))));
    }
    let note = asked.note.unwrap_or_default();
    if note.chars().count() > NOTE {
        return Err(ApiError::Bad(format!("a note has at most {NOTE} characters")));
    }
    let row = MarkRow { account_id: id, mark, note, user: who.name(), time: now() };
    app.store.set_mark(&row).await?;
    app.overview.forget().await;
    Ok((Extension(Noted(row.mark.clone())), Json(json!({"mark": view::mark(&row)}))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    account: i64,
    other: i64,
    verdict: Option<String>,
}

async fn verdict(
    State(app): App,
    Json(asked): Json<Verdict>,
) -> Result<(Extension<Noted>, Json<Value>), ApiError> {
    let verdict = match asked.verdict.as_deref() {
        Some("same") => Some("accepted"),
        Some("different") => Some("rejected"),
        None => None,
        Some(other) => {
            return Err(ApiError::Bad(format!("unknown verdict '{other}', known are: same different")));
        }
    };
    if asked.account == asked.other {
        return Err(ApiError::Bad("an account is always the same as itself".into()));
    }
    exists(&app, asked.account).await?;
    exists(&app, asked.other).await?;
    app.store.set_verdict(asked.account, asked.other, verdict).await?;
    let words = verdict.unwrap_or("undecided");
    let noted = Noted(format!("actors/{} and actors/{}: {words}", asked.account, asked.other));
    let shown = json!({"account": asked.account, "other": asked.other, "verdict": verdict});
    Ok((Extension(noted), Json(shown)))
}
