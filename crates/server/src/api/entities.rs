//! Entities: the list, and one of them with its posts, writers and threat events.

use super::posts::around;
use super::{Answer, ApiError, App, Asked};
use crate::AppState;
use crate::access::VIEW;
use crate::page::columns;
use crate::route::Route;
use crate::view;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tm_model::Timestamp;
use tm_store::PostFilter;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/entities", VIEW, "entities", get(entities))
            .says("Entities, most posts first")
            .query(&[("type", "string", "type of entity"), ("q", "string", "part of the value")])
            .list()
            .answers("Page<EntitySummary>"),
        Route::new(Method::GET, "/api/v1/entities/{id}", VIEW, "entity", get(entity))
            .says("An entity with its posts, writers and threat events")
            .answers("EntityDetail")
            .audited("view entity"),
    ]
}

async fn entities(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let window = a.window()?;
    let filter = PostFilter {
        entity_type: Asked::parsed(&a.kind)?,
        text: Asked::text(&a.q),
        offset: window.offset,
        limit: window.limit,
        ..PostFilter::default()
    };
    let (total, rows) = app.store.entities(&filter).await?;
    let types: Vec<Value> =
        app.store.entity_types().await?.iter().map(|(t, n)| json!({"value": t, "count": n})).collect();
    let columns = columns!["id" Whole, "type" Text, "value" Text, "posts" Whole, "first_seen" Time,
        "last_seen" Time, "tags" Text];
    window.answer(total, rows.iter().map(view::entity).collect(), Some(json!({"type": types})), columns)
}

async fn entity(State(app): App, Path(id): Path<i64>) -> Answer {
    let Some(row) = app.store.entity(id).await? else {
        return Err(ApiError::Missing(format!("no entity {id}")));
    };
    let all = app
        .store
        .posts(&PostFilter { entity: Some(id), oldest_first: true, limit: 5000, ..PostFilter::default() })
        .await?;
    let around = around(&app, &all[all.len().saturating_sub(5000)..], false).await?;
    let times: Vec<Timestamp> = all.iter().filter_map(|p| p.time).collect();
    let labels = match (times.first(), times.last()) {
        (Some(a), Some(b)) => a.months_until(*b),
        _ => Vec::new(),
    };
    let labels = labels[labels.len().saturating_sub(240)..].to_vec();
    let per_month: Vec<usize> =
        labels.iter().map(|l| times.iter().filter(|t| t.month() == *l).count()).collect();
    let mut writers: BTreeMap<i64, u64> = BTreeMap::new();
    for account in all.iter().filter_map(|p| p.account_id) {
        *writers.entry(account).or_default() += 1;
    }
    let mut writers: Vec<(i64, u64)> = writers.into_iter().collect();
    writers.sort_by_key(|(id, n)| (std::cmp::Reverse(*n), *id));
    writers.truncate(50);
    let (_, rows) = app
        .store
        .accounts(&PostFilter { ids: Some(writers.iter().map(|w| w.0).collect()), ..PostFilter::default() })
        .await?;
    let by_id: HashMap<i64, _> = rows.iter().map(|a| (a.id, a)).collect();
    let actors: Vec<Value> = writers
        .iter()
        .filter_map(|(id, n)| {
            by_id.get(id).map(|a| json!({"id": id, "name": a.name, "forum": a.forum, "count": n}))
        })
        .collect();
    let ids: Vec<i64> = all.iter().map(|p| p.id).collect();
    let mut seen: Vec<String> =
        app.store.events_of(&ids).await?.into_iter().filter_map(|e| e.threat_id).collect();
    seen.sort();
    seen.dedup();
    let mut threats = Vec::new();
    for id in seen.iter().take(30) {
        threats.extend(app.store.threat(id).await?);
    }
    threats.sort_by(|a, b| b.severity.total_cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let beside: Vec<Value> = app
        .store
        .entity_counts(&PostFilter { entity: Some(id), limit: 61, ..PostFilter::default() })
        .await?
        .iter()
        .filter(|e| e.id != id)
        .map(view::entity_count)
        .collect();
    Ok(Json(json!({
        "entity": view::entity(&row),
        "activity": {"labels": labels, "posts": per_month},
        "posts": all.iter().rev().take(100).map(|p| around.post_ref(p)).collect::<Vec<_>>(),
        "actors": actors,
        "threats": threats.iter().map(view::threat).collect::<Vec<_>>(),
        "cooccurring": beside.clone(),
        "co_occurring": beside,
        "first_seen": row.first.map(|t| t.to_string()),
        "last_seen": row.last.map(|t| t.to_string()),
        "link": view::link(row.kind, &row.value),
        "enrichment": enrichment(&app, &row).await?,
    })))
}

/// What local files say about an entity: they are read here, so not on a thread that serves others.
async fn enrichment(
    app: &AppState,
    row: &tm_store::EntitySummaryRow,
) -> Result<Vec<tm_enrich::Enrichment>, ApiError> {
    let (sources, kind, value) = (Arc::clone(&app.enrichment), row.kind, row.value.clone());
    tokio::task::spawn_blocking(move || sources.of(kind, &value))
        .await
        .map_err(|e| ApiError::Failed(e.to_string()))
}
