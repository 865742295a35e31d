//! Routes and handlers, one file a topic. Shapes and paths are those of `docs/api.md`.

mod actors;
mod entities;
mod overview;
mod posts;
mod search;
mod sources;
mod threats;

use crate::{AppState, assets};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tm_store::StoreError;

/// An answer that is no success.
pub(crate) enum ApiError {
    Missing(String),
    Bad(String),
    Failed(String),
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> ApiError {
        ApiError::Failed(e.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            ApiError::Missing(what) => (StatusCode::NOT_FOUND, what),
            ApiError::Bad(what) => (StatusCode::BAD_REQUEST, what),
            ApiError::Failed(what) => {
                tracing::error!(error = what, "request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "the store could not answer; the log says why".into())
            }
        };
        (status, Json(json!({"error": text}))).into_response()
    }
}

type Answer = Result<Json<Value>, ApiError>;
type App = State<Arc<AppState>>;

/// Largest page.
const MOST: u32 = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    family: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    forum: Option<String>,
    lang: Option<String>,
    q: Option<String>,
    sort: Option<String>,
    offset: Option<u32>,
    limit: Option<u32>,
}

impl Asked {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, MOST)
    }
    fn offset(&self) -> u32 {
        self.offset.unwrap_or(0)
    }
    fn text(value: &Option<String>) -> Option<String> {
        value.as_deref().map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
    }
    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        value: &Option<String>,
    ) -> Result<Option<T>, ApiError> {
        Asked::text(value).map(|v| v.parse().map_err(|e: T::Err| ApiError::Bad(e.to_string()))).transpose()
    }
}

pub(crate) fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .route("/api/v1/health", get(overview::health))
        .route("/api/v1/overview", get(overview::overview))
        .route("/api/v1/threats", get(threats::threats))
        .route("/api/v1/threats/{id}", get(threats::threat))
        .route("/api/v1/actors", get(actors::actors))
        .route("/api/v1/actors/{id}", get(actors::portrait))
        .route("/api/v1/entities", get(entities::entities))
        .route("/api/v1/entities/{id}", get(entities::entity))
        .route("/api/v1/posts/{id}", get(posts::post))
        .route("/api/v1/threads/{id}", get(posts::thread))
        .route("/api/v1/search", get(search::search))
        .route("/api/v1/sources", get(sources::sources))
        .route("/api/v1/sources/{id}/page", get(sources::source_page))
        .route("/api/{*rest}", get(|| async { ApiError::Missing("no such path; see docs/api.md".into()) }))
        .fallback(assets::page)
        .layer(tower_http::compression::CompressionLayer::new())
        .layer(middleware::from_fn(protect))
        .with_state(state)
}

/// Only the page's own scripts and styles, no framing, no sniffing, no referrer; and only requests that name this machine,
/// so that a foreign page cannot reach a loopback server by a name it controls (DNS rebinding).
async fn protect(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("").to_owned();
    let name = host
        .rsplit_once(':')
        .filter(|(_, p)| p.chars().all(|c| c.is_ascii_digit()))
        .map_or(host.as_str(), |h| h.0);
    let local = name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    if !local && !name.is_empty() {
        return ApiError::Bad(format!("this server answers to addresses and localhost, not to '{name}'"))
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
