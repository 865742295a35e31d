//! Health and the overview: counts, events over time, newest and gravest threats, key accounts, their network.

use super::{Answer, ApiError, App};
use crate::AppState;
use crate::view::{self, round, time};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tm_graph::rank::{PostFacts, interaction_edges};
use tm_model::{EventType, Family, Timestamp};
use tm_store::{PostFilter, ThreatFilter};

pub(super) async fn health(State(app): App) -> Answer {
    let (posts, pending) = (app.store.counts().await?.posts, app.store.pending(&app.model).await?);
    Ok(Json(
        json!({"version": env!("CARGO_PKG_VERSION"), "model": app.model, "posts": posts, "pending": pending,
        "status": if pending > 0 { "analysing" } else { "ok" }}),
    ))
}

pub(super) async fn overview(State(app): App) -> Answer {
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
    let types: Vec<Value> =
        store.entity_types().await?.iter().map(|(t, n)| json!({"type": t, "count": n})).collect();
    Ok(Json(json!({
        "counts": {"posts": c.posts, "relevant_posts": c.relevant_posts, "accounts": c.accounts, "threads": c.threads,
            "forums": c.forums, "threats": c.threats, "mentions": c.mentions, "entities": c.entities,
            "pending": store.pending(&app.model).await?},
        "forums": forums,
        "entities_by_type": types,
        "events_over_time": events_over_time(&store.events_by_month().await?),
        "latest_threats": latest.iter().map(view::threat).collect::<Vec<_>>(),
        "top_threats": top.iter().map(view::threat).collect::<Vec<_>>(),
        "key_actors": key.iter().map(view::actor).collect::<Vec<_>>(),
        "graph": graph(&app).await?,
    })))
}

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

/// Accounts of the overview's network.
const NODES: u32 = 60;

/// The top accounts and who answers whom among them.
async fn graph(app: &AppState) -> Result<Value, ApiError> {
    let filter = PostFilter { sort: "rank".into(), limit: NODES, ..PostFilter::default() };
    let (_, top) = app.store.accounts(&filter).await?;
    let ids: Vec<i64> = top.iter().map(|a| a.id).collect();
    let facts = facts_of(app, None).await?;
    let edges: Vec<Value> = interaction_edges(&facts, &ids)
        .iter()
        .map(|e| json!({"from": ids[e.from as usize], "to": ids[e.to as usize], "weight": round(e.weight)}))
        .collect();
    let nodes: Vec<Value> = top
        .iter()
        .map(|a| {
            let s = a.standing.as_ref().map(|s| &s.standing);
            json!({"id": a.id, "name": a.name, "forum": a.forum, "rank": s.map_or(0, |s| s.rank), "score": s.map_or(0.0, |s| s.score)})
        })
        .collect();
    Ok(json!({"nodes": nodes, "edges": edges}))
}

/// Interactions as ranking sees them.
pub(super) async fn facts_of(app: &AppState, _forum: Option<i64>) -> Result<Vec<PostFacts>, ApiError> {
    let facts = app.store.interactions().await?.into_iter().filter_map(|i| {
        Some(PostFacts {
            account: i.account_id?,
            thread: i.thread_id,
            starts: i.starts,
            time: i.time,
            length: i.length,
            relevance: i.relevance,
            indicators: i.indicators,
            events: i.events,
            answers: i.answers,
            quotes: i.quotes,
            mentions: i.mentions,
        })
    });
    Ok(facts.collect())
}
