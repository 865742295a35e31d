//! Threat events: the list with facets, one of them with its evidence.

use super::posts::around;
use super::{Answer, ApiError, App, Asked};
use crate::access::VIEW;
use crate::page::columns;
use crate::route::Route;
use crate::view::{self, round, time};
use crate::{AppState, detail};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tm_model::{EventType, Family, Post, ThreatStatus};
use tm_store::{FacetRow, PostFilter, ThreatFilter};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/threats", VIEW, "threats", get(threats))
            .says("Threat events")
            .query(&[
                ("family", "Family", "family of types"),
                ("type", "EventType", "type"),
                ("status", "string", "asked, planned, active, discussed or negated"),
                ("forum", "string", "forum's name"),
                ("lang", "string", "language of a post that speaks of it"),
                ("severity", "number", "at least so severe, 0 to 1"),
                ("since", "string", "last seen then or later"),
                ("until", "string", "first seen then or earlier"),
                ("place", "string", "part of a place that it names"),
                ("target", "string", "part of a target that it names"),
                ("q", "string", "part of the title or an argument"),
                ("sort", "\"severity\" | \"last_seen\" | \"first_seen\" | \"mentions\"", "order"),
            ])
            .list()
            .answers("Page<ThreatSummary>"),
        Route::new(Method::GET, "/api/v1/threats/{id}", VIEW, "threat", get(threat))
            .says("A threat event with its timeline, arguments, participants and evidence")
            .answers("Threat"),
    ]
}

async fn threats(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let mut types: Vec<EventType> = Vec::new();
    if let Some(family) = Asked::parsed::<Family>(&a.family)? {
        types.extend(EventType::ALL.iter().filter(|t| t.family() == family));
    }
    if let Some(kind) = Asked::parsed::<EventType>(&a.kind)? {
        types = vec![kind];
    }
    const STATUS: [&str; 5] = [
        ThreatStatus::Asked.as_str(),
        ThreatStatus::Planned.as_str(),
        ThreatStatus::Active.as_str(),
        ThreatStatus::Discussed.as_str(),
        ThreatStatus::Negated.as_str(),
    ];
    const ORDERS: [&str; 4] = ["severity", "last_seen", "first_seen", "mentions"];
    let window = a.window()?;
    let filter = ThreatFilter {
        status: Asked::one_of(&a.status, &STATUS)?,
        types,
        forum: Asked::text(&a.forum),
        text: Asked::text(&a.q),
        min_severity: Asked::share(&a.severity)?,
        language: Asked::one_of(&a.lang, &["en", "ru", "zh", "other"])?,
        since: Asked::time(&a.since)?,
        until: Asked::time(&a.until)?,
        place: Asked::text(&a.place),
        target: Asked::text(&a.target),
        sort: Asked::one_of(&a.sort, &ORDERS)?.unwrap_or_default(),
        offset: window.offset,
        limit: window.limit,
    };
    let (total, rows) = app.store.threats(&filter).await?;
    let facets = facets(&app.store.threat_facets(&filter).await?);
    let columns = columns!["id" Text, "title" Text, "type" Text, "family" Text, "status" Text, "severity" Real,
        "confidence" Real, "first_seen" Time, "last_seen" Time, "mentions" Whole, "posts" Whole, "forums" Text,
        "participants" Text];
    window.answer(total, rows.iter().map(view::threat).collect(), Some(facets), columns)
}

/// Facets by name; families are counted from their types. Of `severity` a value counts what is at least so severe.
fn facets(rows: &[FacetRow]) -> Value {
    let mut out: BTreeMap<&str, Vec<(String, u64)>> =
        ["family", "type", "status", "forum", "lang", "severity"].map(|n| (n, Vec::new())).into();
    let mut add = |facet: &'static str, value: String, n: u64| {
        let list = out.entry(facet).or_default();
        match list.iter_mut().find(|v| v.0 == value) {
            Some(entry) => entry.1 += n,
            None => list.push((value, n)),
        }
    };
    for r in rows {
        add(r.facet, r.value.clone(), r.count);
        if let ("type", Ok(kind)) = (r.facet, r.value.parse::<EventType>()) {
            add("family", kind.family().as_str().to_owned(), r.count);
        }
    }
    if let Some(list) = out.get_mut("severity") {
        list.sort_by(|a, b| b.0.cmp(&a.0));
        let mut above = 0;
        for value in list.iter_mut() {
            above += value.1;
            value.1 = above;
        }
    }
    if let Some(list) = out.get_mut("family") {
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }
    let lists = out.into_iter().map(|(name, values)| {
        let list: Vec<Value> =
            values.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        (name.to_owned(), Value::from(list))
    });
    Value::Object(lists.collect())
}

async fn threat(State(app): App, Path(id): Path<String>) -> Answer {
    let Some(row) = app.store.threat(&id).await? else {
        return Err(ApiError::Missing(format!("no threat event '{id}'")));
    };
    let mentions = app.store.threat_mentions(&id).await?;
    let of_threat = PostFilter { threat: Some(id.clone()), oldest_first: true, ..PostFilter::default() };
    let posts = app.store.posts(&of_threat).await?;
    let around = around(&app, &posts, false).await?;
    let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
    let known = detail::detail(&*app.store, &row, &mentions, &posts, app.analyzer.as_ref()).await?;
    let timeline: Vec<Value> = mentions
        .iter()
        .filter_map(|m| {
            let mut line = view::timeline(m, by_id.get(&m.post_id)?, &around);
            let why = known.why.get(&m.id).map(Vec::as_slice).unwrap_or_default();
            line["why"] = why
                .iter()
                .map(|w| json!({"start": w.span.start, "end": w.span.end, "weight": round(w.weight.into())}))
                .collect();
            Some(line)
        })
        .collect();
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
        (
            "status_over_time",
            known
                .status_over_time
                .iter()
                .map(|s| json!({"time": time(s.time), "status": s.status, "post": s.post}))
                .collect(),
        ),
        ("credibility", json!(known.credibility)),
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
