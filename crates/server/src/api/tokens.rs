//! Tokens for programs.

use super::{ApiError, App, Asked};
use crate::access::{Role, SELF, Scope, Who, hash, now, random};
use crate::page::columns;
use crate::route::Route;
use crate::view::time;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tm_model::Timestamp;
use tm_store::TokenRow;

pub(super) fn routes() -> Vec<Route> {
    let all = "/api/v1/tokens";
    vec![
        Route::new(Method::GET, all, SELF, "tokens", get(list))
            .says("Tokens of the user, newest first")
            .list()
            .answers("{ total: number; items: Token[]; next: string | null }"),
        Route::new(Method::POST, all, SELF, "add_token", post(add))
            .says("Makes a token; it is shown this once")
            .takes("{ name: string; scopes: (\"read\" | \"write\" | \"admin\")[]; expires?: string | null }")
            .makes("Token & { token: string }")
            .audited("add token"),
        Route::new(Method::DELETE, "/api/v1/tokens/{id}", SELF, "remove_token", delete(remove))
            .says("Removes a token")
            .audited("remove token"),
    ]
}

fn shown(t: &TokenRow) -> Value {
    json!({"id": t.id, "name": t.name, "scopes": t.scopes, "created": t.created.to_string(),
        "last_used": time(t.last_used), "expires": time(t.expires)})
}

/// Tokens belong to a user.
fn owner(who: &Who) -> Result<i64, ApiError> {
    who.id().ok_or_else(|| {
        ApiError::Conflict("tokens belong to users; make one with the link that the server printed".into())
    })
}

async fn list(
    State(app): App,
    Extension(who): Extension<Who>,
    Query(a): Query<Asked>,
) -> Result<Response, ApiError> {
    // An open server needs none and has none.
    let rows = match who.id() {
        Some(id) => app.store.tokens(id).await?,
        None => Vec::new(),
    };
    let columns =
        columns!["id" Whole, "name" Text, "scopes" Text, "created" Time, "last_used" Time, "expires" Time];
    a.window()?.of_all(rows.iter().map(shown).collect(), columns)
}

/// Longest name, in code points, and most tokens of a user.
const NAME: usize = 100;
const MOST: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adding {
    name: String,
    scopes: Vec<String>,
    expires: Option<String>,
}

async fn add(
    State(app): App,
    Extension(who): Extension<Who>,
    Json(asked): Json<Adding>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let user_id = owner(&who)?;
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(ApiError::Bad(format!("a name has 1 to {NAME} characters")));
    }
    let mut scopes: Vec<Scope> = Vec::new();
    for text in &asked.scopes {
        let scope = Scope::named(text)
            .ok_or_else(|| ApiError::Bad(format!("unknown scope '{text}', known are: read write admin")))?;
        scopes.push(scope);
    }
    scopes.sort();
    scopes.dedup();
    let highest =
        *scopes.last().ok_or_else(|| ApiError::Bad("a token needs a scope: read, write or admin".into()))?;
    if highest == Scope::Admin && who.role != Role::Admin {
        return Err(ApiError::Forbidden("only administrators have tokens with the scope admin".into()));
    }
    let created = now();
    let expires = match asked.expires.as_deref().map(str::trim).filter(|e| !e.is_empty()) {
        None => None,
        Some(text) => {
            let at = Timestamp::parse(text).map_err(|e| ApiError::Bad(e.to_string()))?;
            if at <= created {
                return Err(ApiError::Bad("the token would have ended already".into()));
            }
            Some(at)
        }
    };
    if app.store.tokens(user_id).await?.len() >= MOST {
        return Err(ApiError::Conflict(format!("a user has at most {MOST} tokens; remove one first")));
    }
    // The prefix lets scanners for leaked secrets know what they found.
    let secret = random().ok_or_else(|| ApiError::Failed("the system gives no randomness".into()))?;
    let secret = format!("tm_{secret}");
    let mut row = TokenRow {
        id: 0,
        user_id,
        name,
        hash: hash(&secret),
        scopes: scopes.iter().map(|s| s.as_str().to_owned()).collect(),
        created,
        last_used: None,
        expires,
    };
    row.id = app.store.add_token(&row).await?;
    let mut shown = shown(&row);
    shown["token"] = json!(secret);
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn remove(
    State(app): App,
    Extension(who): Extension<Who>,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    if app.store.remove_token(id, owner(&who)?).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::Missing(format!("no token {id}")))
}
