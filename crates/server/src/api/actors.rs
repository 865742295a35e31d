//! Accounts: the list, and portraits.

use super::decisions::marks;
use super::network::ties;
use super::posts::around;
use super::threats::part;
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
use tm_graph::{fields, words};
use tm_model::{EventType, Post, Timestamp};
use tm_store::PostFilter;

/// What analysts may say of an account.
pub(super) const MARKS: [&str; 3] = ["key", "not_key", "watch"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/actors", VIEW, "actors", get(actors))
            .says("Accounts of forums")
            .query(&[
                ("forum", "string", "forum's name"),
                ("q", "string", "part of the name"),
                ("mark", "\"key\" | \"not_key\" | \"watch\"", "only those that were marked so"),
                ("sort", "\"rank\" | \"posts\" | \"first_seen\" | \"last_seen\"", "order"),
            ])
            .list()
            .answers("Page<ActorSummary>"),
        Route::new(Method::GET, "/api/v1/actors/compare", VIEW, "compare_actors", get(compare))
            .says("Portraits side by side")
            .query(&[("ids", "string", "two to six identifiers, separated by commas")])
            .answers("{ items: Portrait[] }")
            .audited("compare actors"),
        Route::new(Method::GET, "/api/v1/actors/{id}", VIEW, "actor", get(portrait))
            .says("The portrait of an account")
            .answers("Portrait")
            .audited("view actor"),
    ]
}

async fn actors(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let window = a.window()?;
    let marks = marks(&app).await?;
    let ids = Asked::one_of(&a.mark, &MARKS)?.map(|wanted| {
        let mut ids: Vec<i64> = marks.values().filter(|m| m.mark == wanted).map(|m| m.account_id).collect();
        ids.sort_unstable();
        ids
    });
    let filter = PostFilter {
        ids,
        forum: Asked::text(&a.forum),
        text: Asked::text(&a.q),
        sort: Asked::one_of(&a.sort, &["rank", "posts", "first_seen", "last_seen"])?.unwrap_or_default(),
        offset: window.offset,
        limit: window.limit,
        ..PostFilter::default()
    };
    let (total, rows) = app.store.accounts(&filter).await?;
    let forums: Vec<Value> =
        app.store.forums().await?.iter().map(|f| json!({"value": f.name, "count": f.accounts})).collect();
    let columns = columns!["id" Whole, "rank" Whole, "name" Text, "forum" Text, "score" Real, "parts" Text,
        "posts" Whole, "threads_started" Whole, "answers_received" Whole, "first_seen" Time, "last_seen" Time,
        "fields" Text, "mark" Text];
    let items = rows.iter().map(|r| view::actor(r, marks.get(&r.id))).collect();
    window.answer(total, items, Some(json!({"forum": forums})), columns)
}

/// Accounts that are compared at most.
const COMPARED: usize = 6;

async fn compare(State(app): App, Query(a): Query<Asked>) -> Answer {
    let text = a.ids.unwrap_or_default();
    let mut ids: Vec<i64> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let id = part.parse().map_err(|_| ApiError::Bad(format!("'{part}' is no identifier")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.is_empty() || ids.len() > COMPARED {
        return Err(ApiError::Bad(format!("ids takes one to {COMPARED} identifiers")));
    }
    let mut items = Vec::new();
    for id in ids {
        items.push(portrait_of(&app, id).await?);
    }
    Ok(Json(json!({"items": items})))
}

/// Posts of one account that the portrait reads at most.
const PORTRAIT_POSTS: u32 = 20_000;

async fn portrait(State(app): App, Path(id): Path<i64>) -> Answer {
    Ok(Json(portrait_of(&app, id).await?))
}

async fn portrait_of(app: &AppState, id: i64) -> Result<Value, ApiError> {
    let Some(account) = app.store.account(id).await? else {
        return Err(ApiError::Missing(format!("no account {id}")));
    };
    let own =
        PostFilter { account: Some(id), oldest_first: true, limit: PORTRAIT_POSTS, ..PostFilter::default() };
    let posts = app.store.posts(&own).await?;
    let around = around(app, &posts, false).await?;
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let mut kinds: HashMap<i64, Vec<EventType>> = HashMap::new();
    for e in app.store.events_of(&ids).await? {
        kinds.entry(e.post_id).or_default().push(e.kind);
    }

    let mut languages: BTreeMap<&str, u64> = BTreeMap::new();
    for p in &posts {
        *languages.entry(p.language.map_or("other", tm_model::Language::as_str)).or_default() += 1;
    }
    let bits: Vec<u8> = posts
        .iter()
        .map(|p| fields::fields_of(&p.text, kinds.get(&p.id).map(Vec::as_slice).unwrap_or_default()))
        .collect();
    let radar: Vec<Value> = fields::FIELDS
        .iter()
        .zip(fields::radar(&bits))
        .map(|(name, (n, share))| json!({"name": name, "value": share, "posts": n}))
        .collect();
    let background: words::Counts =
        app.store.fact("background").await?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    let spoken = words::count(posts.iter().map(|p| p.text.as_str()));
    let keywords: Vec<words::Keyword> = words::keywords(&spoken, &background, 40);

    let entities = app
        .store
        .entity_counts(&PostFilter { account: Some(id), limit: 200, ..PostFilter::default() })
        .await?;
    let contacts: Vec<Value> =
        entities.iter().filter(|e| e.kind.is_contact()).map(view::entity_count).collect();
    let others = entities.iter().filter(|e| !e.kind.is_contact() && view::telling(e.kind)).take(60);
    let threats = app.store.threats_of_account(id).await?;
    let mentions_by_threat = mentions_by_threat(app, &ids).await?;
    let list: Vec<Value> = threats
        .iter()
        .take(50)
        .map(|(t, n)| {
            let mut v = view::threat(t);
            v["own_mentions"] = json!(n);
            v["as"] = json!(mentions_by_threat.get(&t.id).cloned().unwrap_or_default());
            v
        })
        .collect();
    let history: Vec<Value> = account
        .standing
        .iter()
        .flat_map(|s| &s.history)
        .map(|(label, rank, of, score)| json!({"label": label, "rank": rank, "of": of, "score": score}))
        .collect();
    let mut hours = [0u32; 24];
    posts.iter().filter_map(|p| p.time).for_each(|t| hours[t.hour()] += 1);
    let zone = tm_graph::hours::time_zone(&hours)
        .map(|z| json!({"offset": z.offset, "low": z.low, "high": z.high, "posts": z.posts}));
    let newest = |started: bool| -> Vec<Value> {
        posts.iter().rev().filter(|p| p.starts == started).take(20).map(|p| around.post_ref(p)).collect()
    };
    let mark = marks(app).await?.remove(&id);
    Ok(json!({
        "actor": view::actor(&account, mark.as_ref()),
        "mark": mark.as_ref().map(view::mark),
        "brief": brief(&account, &posts, &languages, &keywords, &entities, &threats),
        "languages": languages.iter().map(|(l, n)| json!({"language": l, "posts": n})).collect::<Vec<_>>(),
        "activity": activity(&posts),
        "fields": radar,
        "keywords": keywords.iter().map(|k| json!({"word": k.word, "weight": k.weight, "count": k.count})).collect::<Vec<_>>(),
        "rank_history": history,
        "community": account.standing.as_ref().and_then(|s| s.community),
        "roles": account.standing.as_ref().map(|s| &s.roles),
        "aliases": aliases(app, id).await?,
        "time_zone": zone,
        "contacts": contacts,
        "entities": others.map(view::entity_count).collect::<Vec<_>>(),
        "threats": list,
        "neighbours": neighbours(app, id).await?,
        "posts_started": newest(true),
        "posts_answered": newest(false),
    }))
}

/// Accounts that may be the same person, with reasons; candidates, nothing is merged.
async fn aliases(app: &AppState, id: i64) -> Result<Vec<Value>, ApiError> {
    let rows = app.store.aliases_of(id).await?;
    let other = |a: &tm_store::AliasRow| if a.a == id { a.b } else { a.a };
    let ids = Some(rows.iter().map(other).collect());
    let (_, accounts) = app.store.accounts(&PostFilter { ids, ..PostFilter::default() }).await?;
    let by_id: HashMap<i64, _> = accounts.iter().map(|a| (a.id, a)).collect();
    let found = rows.iter().filter_map(|row| {
        let a = by_id.get(&other(row))?;
        let reasons: Vec<Value> =
            row.reasons.iter().map(|(text, w)| json!({"text": text, "weight": w})).collect();
        Some(json!({"id": a.id, "name": a.name, "forum": a.forum, "probability": row.probability,
            "verdict": row.verdict, "reasons": reasons}))
    });
    Ok(found.collect())
}

async fn mentions_by_threat(
    app: &AppState,
    posts: &[i64],
) -> Result<HashMap<String, Vec<&'static str>>, ApiError> {
    let mut parts: HashMap<String, Vec<&'static str>> = HashMap::new();
    for e in app.store.events_of(posts).await? {
        if let Some(id) = e.threat_id {
            let list = parts.entry(id).or_default();
            let as_what = part(e.kind, e.modality.as_str());
            if !list.contains(&as_what) {
                list.push(as_what);
            }
        }
    }
    Ok(parts)
}

fn activity(posts: &[Post]) -> Value {
    let times: Vec<(Timestamp, bool)> = posts.iter().filter_map(|p| Some((p.time?, p.starts))).collect();
    let labels = match (times.first(), times.last()) {
        (Some(a), Some(b)) => a.0.months_until(b.0),
        _ => Vec::new(),
    };
    let labels = labels[labels.len().saturating_sub(240)..].to_vec();
    let place: HashMap<&str, usize> = labels.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
    let (mut started, mut answered) = (vec![0u32; labels.len()], vec![0u32; labels.len()]);
    let (mut hours, mut days) = ([0u32; 24], [0u32; 7]);
    for (t, starts) in &times {
        hours[t.hour()] += 1;
        days[t.weekday()] += 1;
        if let Some(&i) = place.get(t.month().as_str()) {
            if *starts { started[i] += 1 } else { answered[i] += 1 }
        }
    }
    json!({"labels": labels, "started": started, "answered": answered, "by_hour": hours, "by_weekday": days})
}

/// Sentences that say nothing the posts do not; each names its posts.
fn brief(
    account: &tm_store::AccountRow,
    posts: &[Post],
    languages: &BTreeMap<&str, u64>,
    keywords: &[words::Keyword],
    entities: &[tm_store::EntitySummaryRow],
    threats: &[(tm_store::ThreatRow, u64)],
) -> Vec<Value> {
    let mut out = Vec::new();
    let ends: Vec<i64> = [posts.first(), posts.last()].into_iter().flatten().map(|p| p.id).collect();
    let day = |t: Option<Timestamp>| t.map(Timestamp::day).unwrap_or_else(|| "an unknown day".into());
    let main = languages.iter().max_by_key(|l| l.1).map_or("other", |l| l.0);
    let tongue = match main {
        "en" => "English",
        "ru" => "Russian",
        "zh" => "Chinese",
        _ => "an undetermined language",
    };
    out.push(json!({"text": format!("{} wrote {} posts in {} from {} to {}, mostly in {tongue}, and started {} threads.",
        account.name, account.posts, account.forum, day(account.first), day(account.last), account.threads_started), "posts": ends}));
    if let Some(s) = &account.standing {
        let strongest =
            s.standing.parts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("structure", |p| p.0.as_str());
        out.push(json!({"text": format!("Ranked {} with a score of {:.2}, most of it from {strongest}; answered, quoted or mentioned {} times.",
            s.standing.rank, s.standing.score, s.answers), "posts": []}));
    }
    if let Some((t, n)) = threats.first() {
        let held: Vec<i64> = posts
            .iter()
            .filter(|p| {
                t.first.is_none_or(|f| p.time >= Some(f))
                    && t.last.is_none_or(|l| p.time <= Some(l))
                    && p.relevance.unwrap_or(0.0) >= 0.5
            })
            .map(|p| p.id)
            .take(5)
            .collect();
        out.push(json!({"text": format!("Takes part in {} threat events, most in “{}” ({n} mentions).", threats.len(), t.title), "posts": held}));
    }
    let reached: Vec<String> = entities
        .iter()
        .filter(|e| e.kind.is_contact())
        .take(4)
        .map(|e| format!("{} {}", e.kind, e.value))
        .collect();
    if !reached.is_empty() {
        out.push(json!({"text": format!("Gives as contact: {}.", reached.join(", ")), "posts": []}));
    }
    let said: Vec<&str> = keywords.iter().take(6).map(|k| k.word.as_str()).collect();
    if !said.is_empty() {
        out.push(
            json!({"text": format!("Words that set this account apart: {}.", said.join(", ")), "posts": []}),
        );
    }
    out
}

async fn neighbours(app: &AppState, id: i64) -> Result<Vec<Value>, ApiError> {
    let counts = ties(app).await?.of(id);
    let mut list: Vec<(i64, (u64, u64))> = counts.into_iter().collect();
    list.sort_by_key(|(id, (a, b))| (std::cmp::Reverse(a + b), *id));
    list.truncate(40);
    let ids: Vec<i64> = list.iter().map(|l| l.0).collect();
    let (_, rows) = app.store.accounts(&PostFilter { ids: Some(ids), ..PostFilter::default() }).await?;
    let by_id: HashMap<i64, _> = rows.iter().map(|a| (a.id, a)).collect();
    Ok(list
        .into_iter()
        .filter_map(|(id, (answered, answered_by))| {
            let a = by_id.get(&id)?;
            let rank = a.standing.as_ref().map(|s| s.standing.rank);
            Some(json!({"id": id, "name": a.name, "forum": a.forum, "rank": rank, "answered": answered, "answered_by": answered_by}))
        })
        .collect())
}
