//! Routes and handlers, one file a topic. Shapes and paths are those of `docs/api.md`.

mod actors;
mod audit;
mod decisions;
mod entities;
mod export;
mod labels;
mod network;
mod overview;
mod posts;
mod search;
mod searches;
mod session;
mod sources;
mod threats;
mod tokens;
mod users;

pub(crate) use export::DOCUMENTS;
pub(crate) use network::Ties;
pub(crate) use overview::Kept;

use crate::access::{Guard, Need, VIEW, guard};
use crate::page::Window;
use crate::problem::{ApiError, as_problem, entity_tag};
use crate::route::{self, Route, Table};
use crate::{AppState, assets, stream};
use axum::extract::State;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::sync::Arc;
use tm_model::Timestamp;

type Answer = Result<Json<Value>, ApiError>;
type App = State<Arc<AppState>>;

/// Parameters of lists and filters. Empty ones count as none.
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
    severity: Option<String>,
    since: Option<String>,
    until: Option<String>,
    place: Option<String>,
    target: Option<String>,
    mark: Option<String>,
    community: Option<String>,
    ids: Option<String>,
    #[serde(deserialize_with = "number")]
    offset: Option<u32>,
    #[serde(deserialize_with = "number")]
    limit: Option<u32>,
    cursor: Option<String>,
    format: Option<String>,
}

/// A number, or nothing where the page leaves a field empty.
fn number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u32>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    let text = text.as_deref().map(str::trim).filter(|t| !t.is_empty());
    text.map(|t| t.parse().map_err(|_| serde::de::Error::custom(format!("'{t}' is no whole number"))))
        .transpose()
}

impl Asked {
    fn window(&self) -> Result<Window, ApiError> {
        Window::of(self.cursor.as_deref(), self.offset, self.limit, self.format.as_deref())
    }
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, crate::page::MOST)
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
    fn time(value: &Option<String>) -> Result<Option<Timestamp>, ApiError> {
        Asked::text(value).map(|v| Timestamp::parse(&v).map_err(|e| ApiError::Bad(e.to_string()))).transpose()
    }
    /// A share of one.
    fn share(value: &Option<String>) -> Result<f64, ApiError> {
        let Some(text) = Asked::text(value) else { return Ok(0.0) };
        let share = text.parse::<f64>().ok().filter(|x| (0.0..=1.0).contains(x));
        share.ok_or_else(|| ApiError::Bad(format!("'{text}' is no number from 0 to 1")))
    }
    /// One of these words.
    fn one_of(value: &Option<String>, known: &[&str]) -> Result<Option<String>, ApiError> {
        let text = Asked::text(value);
        match &text {
            Some(t) if !known.contains(&t.as_str()) => {
                Err(ApiError::Bad(format!("unknown value '{t}', known are: {}", known.join(" "))))
            }
            _ => Ok(text),
        }
    }
}

/// All routes. What is not declared here is not served.
pub(crate) fn routes() -> Vec<Route> {
    let mut all = vec![
        Route::new(Method::GET, "/api/v1/stream", VIEW, "stream", get(stream::listen))
            .says("What happens, as server-sent events; Last-Event-ID is honoured")
            .hands_out(&["text/event-stream"]),
        Route::new(Method::GET, "/api/v1/openapi.json", Need::Nobody, "openapi", get(description))
            .says("This description")
            .answers("unknown"),
    ];
    for topic in [
        overview::routes,
        threats::routes,
        actors::routes,
        decisions::routes,
        network::routes,
        entities::routes,
        labels::routes,
        crate::alerts::routes,
        posts::routes,
        search::routes,
        searches::routes,
        sources::routes,
        export::routes,
        session::routes,
        users::routes,
        tokens::routes,
        audit::routes,
    ] {
        all.extend(topic());
    }
    all
}

/// The description does not change while the program runs.
async fn description() -> Json<Value> {
    static DOCUMENT: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    Json(DOCUMENT.get_or_init(crate::openapi).clone())
}

/// Everything that is served: the routes behind the guard, and the page.
pub(crate) fn router(app: Arc<AppState>) -> Router {
    let routes = routes();
    let guarding = Guard { app: Arc::clone(&app), table: Arc::new(Table::of(&routes)) };
    route::router(routes)
        .merge(crate::taxii::routes())
        .fallback(assets::page)
        .layer(from_fn(entity_tag))
        .layer(from_fn(as_problem))
        .layer(from_fn_with_state(guarding, guard))
        .layer(tower_http::compression::CompressionLayer::new())
        .with_state(app)
}
