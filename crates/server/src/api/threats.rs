//! Threat events: the list with facets, one of them with its evidence.

use super::posts::around;
use super::{Answer, ApiError, App, Asked};
use crate::AppState;
use crate::view::{self, round};
use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tm_model::{EventType, Family, Post, ThreatStatus};
use tm_store::{PostFilter, ThreatFilter};

pub(super) async fn threats(State(app): App, Query(a): Query<Asked>) -> Answer {
    let mut types: Vec<EventType> = Vec::new();
    if let Some(family) = Asked::parsed::<Family>(&a.family)? {
        types.extend(EventType::ALL.iter().filter(|t| t.family() == family));
    }
    if let Some(kind) = Asked::parsed::<EventType>(&a.kind)? {
        types = vec![kind];
    }
    let status = Asked::text(&a.status);
    const STATUS: [ThreatStatus; 5] = [
        ThreatStatus::Asked,
        ThreatStatus::Planned,
        ThreatStatus::Active,
        ThreatStatus::Discussed,
        ThreatStatus::Negated,
    ];
    if let Some(s) = status.as_ref().filter(|s| !STATUS.iter().any(|k| k.as_str() == s.as_str())) {
        return Err(ApiError::Bad(format!(
            "unknown status '{s}', known are: {}",
            STATUS.map(ThreatStatus::as_str).join(" ")
        )));
    }
    let base = ThreatFilter {
        status,
        types,
        forum: Asked::text(&a.forum),
        text: Asked::text(&a.q),
        sort: a.sort.clone().unwrap_or_default(),
        offset: a.offset(),
        limit: a.limit(),
        ..ThreatFilter::default()
    };
    let (total, rows) = app.store.threats(&base).await?;
    // Facets count what the other filters leave.
    let all = ThreatFilter { types: Vec::new(), status: None, offset: 0, limit: 0, ..base.clone() };
    let (_, wide) = app.store.threats(&all).await?;
    let mut facets: BTreeMap<&str, BTreeMap<String, u64>> =
        ["family", "type", "status", "forum"].into_iter().map(|n| (n, BTreeMap::new())).collect();
    for t in &wide {
        let in_type = base.types.is_empty() || base.types.contains(&t.kind);
        let in_status = base.status.as_ref().is_none_or(|s| *s == t.status);
        let mut add = |facet: &'static str, value: &str| {
            *facets.entry(facet).or_default().entry(value.to_owned()).or_default() += 1;
        };
        if in_status {
            add("family", t.kind.family().as_str());
            add("type", t.kind.as_str());
        }
        if in_type {
            add("status", &t.status);
        }
        if in_type && in_status {
            t.forums.iter().for_each(|f| add("forum", f));
        }
    }
    Ok(Json(
        json!({"total": total, "items": rows.iter().map(view::threat).collect::<Vec<_>>(), "facets": counted(facets)}),
    ))
}

fn counted(facets: BTreeMap<&str, BTreeMap<String, u64>>) -> Value {
    let lists = facets.into_iter().map(|(name, values)| {
        let mut list: Vec<(String, u64)> = values.into_iter().collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let list: Vec<Value> =
            list.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        (name.to_owned(), Value::from(list))
    });
    Value::Object(lists.collect())
}

pub(super) async fn threat(State(app): App, Path(id): Path<String>) -> Answer {
    let Some(row) = app.store.threat(&id).await? else {
        return Err(ApiError::Missing(format!("no threat event '{id}'")));
    };
    let mentions = app.store.threat_mentions(&id).await?;
    let of_threat = PostFilter { threat: Some(id.clone()), oldest_first: true, ..PostFilter::default() };
    let posts = app.store.posts(&of_threat).await?;
    let around = around(&app, &posts, false).await?;
    let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
    let timeline: Vec<Value> =
        mentions.iter().filter_map(|m| Some(view::timeline(m, by_id.get(&m.post_id)?, &around))).collect();
    // Who takes part, and as what: who says it is the author; who is named as an argument stands in the arguments.
    let mut people: BTreeMap<i64, (u64, BTreeMap<&str, u64>)> = BTreeMap::new();
    for m in &mentions {
        if let Some(account) = by_id.get(&m.post_id).and_then(|p| p.account_id) {
            let entry = people.entry(account).or_default();
            entry.0 += 1;
            *entry.1.entry(part(m.kind, m.modality.as_str())).or_default() += 1;
        }
    }
    let ids: Vec<i64> = people.keys().copied().collect();
    let (_, accounts) = app.store.accounts(&PostFilter { ids: Some(ids), ..PostFilter::default() }).await?;
    let mut participants: Vec<(u64, Value)> = accounts
        .iter()
        .filter_map(|a| {
            let (n, parts) = people.get(&a.id)?;
            let rank = a.standing.as_ref().map(|s| s.standing.rank);
            let parts: Vec<&&str> = parts.keys().collect();
            Some((*n, json!({"id": a.id, "name": a.name, "forum": a.forum, "rank": rank, "mentions": n, "as": parts})))
        })
        .collect();
    participants.sort_by_key(|p| std::cmp::Reverse(p.0));
    let entities = app
        .store
        .entity_counts(&PostFilter { threat: Some(id.clone()), limit: 60, ..PostFilter::default() })
        .await?;
    let arguments: Vec<Value> = row
        .arguments
        .iter()
        .map(|a| {
            let key = tm_graph::fuse::name_key(&a.value);
            let entity = entities.iter().find(|e| tm_graph::fuse::name_key(&e.value) == key && !key.is_empty()).map(|e| e.id);
            json!({"role": a.role, "value": tm_model::mask_secrets(&a.value), "count": a.count, "posts": a.posts, "entity_id": entity})
        })
        .collect();
    let parts: Vec<Value> = row
        .severity_parts
        .iter()
        .map(|(name, value, weight, note)| json!({"name": name, "value": round((*value).into()), "weight": round((*weight).into()), "note": note}))
        .collect();
    let mut out = view::threat(&row);
    let telling: Vec<Value> =
        entities.iter().filter(|e| view::telling(e.kind)).map(view::entity_count).collect();
    let related: Vec<Value> = related(&app, &row).await?;
    for (key, value) in [
        ("severity_parts", json!(parts)),
        ("arguments", json!(arguments)),
        ("all_participants", json!(participants.into_iter().map(|p| p.1).collect::<Vec<_>>())),
        ("timeline", json!(timeline)),
        ("entities", json!(telling)),
        ("related", json!(related)),
    ] {
        out[key] = value;
    }
    Ok(Json(out))
}

/// The part that the author of a mention plays.
pub(super) fn part(kind: EventType, modality: &str) -> &'static str {
    use EventType as E;
    match (kind, modality) {
        (_, "asked") => "asks",
        (_, "negated") => "denies",
        (E::Sell, _) => "seller",
        (E::Buy, _) => "buyer",
        (E::Exchange, _) => "trader",
        (E::Release | E::Update | E::Leak, _) => "distributor",
        (E::Ddos | E::Intrusion | E::Ransom | E::Fraud | E::Malware, "planned") => "announces",
        _ => "reports",
    }
}

/// Other threat events that name the same assets, targets or actors.
async fn related(app: &AppState, row: &tm_store::ThreatRow) -> Result<Vec<Value>, ApiError> {
    use tm_model::Role;
    let mut found: Vec<(String, Value)> = Vec::new();
    let names = row
        .arguments
        .iter()
        .filter(|a| matches!(a.role, Role::Asset | Role::Target | Role::Actor | Role::Vulnerability));
    for argument in names.filter(|a| a.value.chars().count() >= 3).take(4) {
        let same = ThreatFilter { text: Some(argument.value.clone()), limit: 6, ..ThreatFilter::default() };
        for t in app.store.threats(&same).await?.1 {
            if t.id != row.id && !found.iter().any(|f| f.0 == t.id) {
                found.push((t.id.clone(), view::threat(&t)));
            }
        }
    }
    found.truncate(8);
    Ok(found.into_iter().map(|f| f.1).collect())
}
