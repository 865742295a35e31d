//! Health and the overview: counts, events over time, newest and gravest threats, key accounts, their network.

use super::decisions::marks;
use super::{Answer, ApiError, App, network};
use crate::AppState;
use crate::access::{Need, VIEW, Who};
use crate::route::Route;
use crate::view::{self, time};
use axum::extract::State;
use axum::http::Method;
use axum::routing::get;
use axum::{Extension, Json};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tm_model::{EventType, Family, Timestamp};
use tm_store::{PostFilter, Pulse, ThreatFilter};
use tokio::sync::Mutex;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/health", Need::Nobody, "health", get(health))
            .says("Whether the server runs and how much is left to analyse; figures only for who may read")
            .answers("Health"),
        Route::new(Method::GET, "/api/v1/overview", VIEW, "overview", get(overview))
            .says(
                "Counts, events over time, newest and gravest threat events, key accounts and their network",
            )
            .answers("Overview"),
    ]
}

async fn health(State(app): App, who: Option<Extension<Who>>) -> Answer {
    if who.is_none() {
        return Ok(Json(
            json!({"version": null, "model": null, "posts": null, "pending": null, "status": "ok"}),
        ));
    }
    let (posts, pending) = (app.store.counts().await?.posts, app.store.pending(&app.model).await?);
    Ok(Json(
        json!({"version": env!("CARGO_PKG_VERSION"), "model": app.model, "posts": posts, "pending": pending,
        "status": if pending > 0 { "analysing" } else { "ok" }}),
    ))
}

/// How long an overview is as good as new.
const FRESH: Duration = Duration::from_secs(3);

/// The overview as it was last made. It counts over the whole store: who opens it while it is made gets the same one.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Option<(Instant, Pulse, Value)>>);

impl Kept {
    /// An analyst changed what it shows.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

async fn overview(State(app): App) -> Answer {
    let mut kept = app.overview.0.lock().await;
    let pulse = app.store.pulse().await?;
    if let Some((made, at, value)) = &*kept
        && *at == pulse
        && made.elapsed() < FRESH
    {
        return Ok(Json(value.clone()));
    }
    let value = make(&app).await?;
    *kept = Some((Instant::now(), pulse, value.clone()));
    Ok(Json(value))
}

async fn make(app: &AppState) -> Result<Value, ApiError> {
    let store = &app.store;
    let c = store.counts().await?;
    let forums: Vec<Value> = store
        .forums()
        .await?
        .iter()
        .map(|f| {
            json!({"id": f.id, "name": f.name, "posts": f.posts, "accounts": f.accounts, "language": f.language,
                "first_post": time(f.first), "last_post": time(f.last)})
        })
        .collect();
    let list = |sort: &str| ThreatFilter { sort: sort.into(), limit: 8, ..ThreatFilter::default() };
    let (_, latest) = store.threats(&list("last_seen")).await?;
    let (_, top) = store.threats(&list("severity")).await?;
    let by_rank = PostFilter { sort: "rank".into(), limit: 20, ..PostFilter::default() };
    let (_, key) = store.accounts(&by_rank).await?;
    let marks = marks(app).await?;
    let graph = network::of_top(app, NODES).await?;
    let types: Vec<Value> =
        store.entity_types().await?.iter().map(|(t, n)| json!({"type": t, "count": n})).collect();
    Ok(json!({
        "counts": {"posts": c.posts, "relevant_posts": c.relevant_posts, "accounts": c.accounts, "threads": c.threads,
            "forums": c.forums, "threats": c.threats, "mentions": c.mentions, "entities": c.entities,
            "pending": store.pending(&app.model).await?},
        "forums": forums,
        "entities_by_type": types,
        "events_over_time": events_over_time(&store.events_by_month().await?),
        "latest_threats": latest.iter().map(view::threat).collect::<Vec<_>>(),
        "top_threats": top.iter().map(view::threat).collect::<Vec<_>>(),
        "key_actors": key.iter().map(|a| view::actor(a, marks.get(&a.id))).collect::<Vec<_>>(),
        "graph": graph,
    }))
}

/// Accounts of the overview's network.
const NODES: u32 = 60;

/// Month labels without gaps, and a count a family.
fn events_over_time(rows: &[(String, String, u64)]) -> Value {
    let moment = |m: &str| Timestamp::parse(&format!("{m}-01")).ok();
    let labels = match (rows.first().and_then(|r| moment(&r.0)), rows.last().and_then(|r| moment(&r.0))) {
        (Some(first), Some(last)) => {
            // A single post with an absurd date must not stretch the chart over centuries.
            let months = first.months_until(last);
            months[months.len().saturating_sub(120)..].to_vec()
        }
        _ => Vec::new(),
    };
    let place: HashMap<&str, usize> = labels.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
    let mut families: BTreeMap<&str, Vec<u64>> =
        Family::ALL.iter().map(|f| (f.as_str(), vec![0; labels.len()])).collect();
    for (month, kind, n) in rows {
        let family = kind.parse::<EventType>().map(|k| k.family().as_str());
        if let (Some(&i), Ok(family)) = (place.get(month.as_str()), family) {
            families.entry(family).or_default()[i] += n;
        }
    }
    json!({"labels": labels, "families": families})
}
