//! Routes and handlers. Shapes and paths are those of `docs/api.md`.

use crate::view::{self, Around, round, time};
use crate::{AppState, assets};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tm_graph::rank::{PostFacts, interaction_edges};
use tm_graph::{fields, words};
use tm_model::{EventType, Family, Post, ThreatStatus, Timestamp};
use tm_store::{PostFilter, StoreError, ThreatFilter};

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
        .route("/api/v1/health", get(health))
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/threats", get(threats))
        .route("/api/v1/threats/{id}", get(threat))
        .route("/api/v1/actors", get(actors))
        .route("/api/v1/actors/{id}", get(portrait))
        .route("/api/v1/entities", get(entities))
        .route("/api/v1/entities/{id}", get(entity))
        .route("/api/v1/posts/{id}", get(post))
        .route("/api/v1/threads/{id}", get(thread))
        .route("/api/v1/search", get(search))
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/sources/{id}/page", get(source_page))
        .merge(crate::alerts::routes())
        .merge(crate::taxii::routes())
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

async fn health(State(app): App) -> Answer {
    let (posts, pending) = (app.store.counts().await?.posts, app.store.pending(&app.model).await?);
    Ok(Json(
        json!({"version": env!("CARGO_PKG_VERSION"), "model": app.model, "posts": posts, "pending": pending,
        "status": if pending > 0 { "analysing" } else { "ok" }}),
    ))
}

async fn sources(State(app): App) -> Answer {
    let items: Vec<Value> = app.store.sources().await?.iter().map(view::source).collect();
    Ok(Json(json!({"total": items.len(), "items": items})))
}

/// The page that shows what is wrong with a source: hostile markup, so it is handed out as text and never as a page.
async fn source_page(State(app): App, Path(id): Path<i64>) -> Result<Response, ApiError> {
    let (url, page) = app
        .store
        .source_page(id)
        .await?
        .ok_or_else(|| ApiError::Missing("no page is kept of this source".into()))?;
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, "inline")];
    Ok((headers, format!("{url}\n\n{page}")).into_response())
}

async fn overview(State(app): App) -> Answer {
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
async fn facts_of(app: &AppState, _forum: Option<i64>) -> Result<Vec<PostFacts>, ApiError> {
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

async fn threats(State(app): App, Query(a): Query<Asked>) -> Answer {
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

/// Threads and authors of posts, with their spans if asked for.
async fn around(app: &AppState, posts: &[Post], spans: bool) -> Result<Around, ApiError> {
    let unique = |ids: &mut Vec<i64>| {
        ids.sort_unstable();
        ids.dedup();
    };
    let mut threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
    let mut accounts: Vec<i64> = posts.iter().filter_map(|p| p.account_id).collect();
    unique(&mut threads);
    unique(&mut accounts);
    let mut around = Around::default();
    for t in app.store.threads(&threads).await? {
        around.threads.insert(t.id, t);
    }
    let (_, rows) = app.store.accounts(&PostFilter { ids: Some(accounts), ..PostFilter::default() }).await?;
    around.names = rows.into_iter().map(|a| (a.id, a.name)).collect();
    if spans {
        let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
        for e in app.store.entities_of(&ids).await? {
            around.entities.entry(e.post_id).or_default().push(e);
        }
        for e in app.store.events_of(&ids).await? {
            around.events.entry(e.post_id).or_default().push(e);
        }
        for (post, target, author) in app.store.quotes_of(&ids).await? {
            around.quotes.entry(post).or_default().push((target, author));
        }
    }
    Ok(around)
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
fn part(kind: EventType, modality: &str) -> &'static str {
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

async fn actors(State(app): App, Query(a): Query<Asked>) -> Answer {
    let filter = PostFilter {
        forum: Asked::text(&a.forum),
        text: Asked::text(&a.q),
        sort: a.sort.clone().unwrap_or_default(),
        offset: a.offset(),
        limit: a.limit(),
        ..PostFilter::default()
    };
    let (total, rows) = app.store.accounts(&filter).await?;
    let forums: Vec<Value> =
        app.store.forums().await?.iter().map(|f| json!({"value": f.name, "count": f.accounts})).collect();
    Ok(Json(
        json!({"total": total, "items": rows.iter().map(view::actor).collect::<Vec<_>>(), "facets": {"forum": forums}}),
    ))
}

/// Posts of one account that the portrait reads at most.
const PORTRAIT_POSTS: u32 = 20_000;

async fn portrait(State(app): App, Path(id): Path<i64>) -> Answer {
    let Some(account) = app.store.account(id).await? else {
        return Err(ApiError::Missing(format!("no account {id}")));
    };
    let own =
        PostFilter { account: Some(id), oldest_first: true, limit: PORTRAIT_POSTS, ..PostFilter::default() };
    let posts = app.store.posts(&own).await?;
    let around = around(&app, &posts, false).await?;
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
    let mentions_by_threat = mentions_by_threat(&app, &ids).await?;
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
    Ok(Json(json!({
        "actor": view::actor(&account),
        "brief": brief(&account, &posts, &languages, &keywords, &entities, &threats),
        "languages": languages.iter().map(|(l, n)| json!({"language": l, "posts": n})).collect::<Vec<_>>(),
        "activity": activity(&posts),
        "fields": radar,
        "keywords": keywords.iter().map(|k| json!({"word": k.word, "weight": k.weight, "count": k.count})).collect::<Vec<_>>(),
        "rank_history": history,
        "community": account.standing.as_ref().and_then(|s| s.community),
        "roles": account.standing.as_ref().map(|s| &s.roles),
        "aliases": aliases(&app, id).await?,
        "time_zone": zone,
        "contacts": contacts,
        "entities": others.map(view::entity_count).collect::<Vec<_>>(),
        "threats": list,
        "neighbours": neighbours(&app, id).await?,
        "posts_started": newest(true),
        "posts_answered": newest(false),
    })))
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
    let mut counts: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for f in facts_of(app, None).await? {
        for to in f.answers.iter().chain(&f.quotes).chain(&f.mentions).filter(|to| **to != f.account) {
            if f.account == id {
                counts.entry(*to).or_default().0 += 1;
            } else if *to == id {
                counts.entry(f.account).or_default().1 += 1;
            }
        }
    }
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

async fn entities(State(app): App, Query(a): Query<Asked>) -> Answer {
    let filter = PostFilter {
        entity_type: Asked::parsed(&a.kind)?,
        text: Asked::text(&a.q),
        offset: a.offset(),
        limit: a.limit(),
        ..PostFilter::default()
    };
    let (total, rows) = app.store.entities(&filter).await?;
    let types: Vec<Value> =
        app.store.entity_types().await?.iter().map(|(t, n)| json!({"value": t, "count": n})).collect();
    Ok(Json(
        json!({"total": total, "items": rows.iter().map(view::entity).collect::<Vec<_>>(), "facets": {"type": types}}),
    ))
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
        "cooccurring": beside,
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

async fn post(State(app): App, Path(id): Path<i64>) -> Answer {
    let posts = app.store.posts(&PostFilter { ids: Some(vec![id]), ..PostFilter::default() }).await?;
    let Some(post) = posts.first() else {
        return Err(ApiError::Missing(format!("no post {id}")));
    };
    Ok(Json(around(&app, &posts, true).await?.post(post)))
}

async fn thread(State(app): App, Path(id): Path<i64>, Query(a): Query<Asked>) -> Answer {
    let threads = app.store.threads(&[id]).await?;
    let Some(thread) = threads.first() else {
        return Err(ApiError::Missing(format!("no thread {id}")));
    };
    let filter = PostFilter {
        thread: Some(id),
        oldest_first: true,
        offset: a.offset(),
        limit: a.limit(),
        ..PostFilter::default()
    };
    let posts = app.store.posts(&filter).await?;
    let around = around(&app, &posts, true).await?;
    Ok(Json(
        json!({"id": id, "title": thread.title, "forum": thread.forum, "board": thread.board, "total": thread.posts,
        "posts": posts.iter().map(|p| around.post(p)).collect::<Vec<_>>()}),
    ))
}

async fn search(State(app): App, Query(a): Query<Asked>) -> Answer {
    let started = std::time::Instant::now();
    let none = |error: Option<String>| json!({"total": 0, "took_ms": 0, "items": [], "facets": {"forum": [], "language": []}, "error": error});
    let Some(text) = Asked::text(&a.q) else { return Ok(Json(none(None))) };
    let Some(index) = app.index.clone() else {
        return Ok(Json(none(Some(
            "the search index is not there; start the server again to have it built".into(),
        ))));
    };
    let (forum, lang) = (Asked::text(&a.forum), Asked::text(&a.lang));
    let (offset, limit) = (a.offset() as usize, a.limit() as usize);
    let found = tokio::task::spawn_blocking(move || {
        index.search(&text, forum.as_deref(), lang.as_deref(), offset, limit)
    })
    .await
    .map_err(|e| ApiError::Failed(e.to_string()))?;
    let hits = match found {
        Ok(hits) => hits,
        Err(e) => return Ok(Json(none(Some(e.to_string())))),
    };
    let rows =
        app.store.posts(&PostFilter { ids: Some(hits.posts.clone()), ..PostFilter::default() }).await?;
    let around = around(&app, &rows, false).await?;
    let by_id: HashMap<i64, &Post> = rows.iter().map(|p| (p.id, p)).collect();
    let items: Vec<Value> = hits
        .posts
        .iter()
        .filter_map(|id| by_id.get(id))
        .map(|p| {
            let mut v = around.post_ref(p);
            let pieces = tm_search::snippet(&view::masked(p), &hits.words, 240);
            v["snippet"] =
                json!(pieces.iter().map(|(text, hit)| json!({"text": text, "hit": hit})).collect::<Vec<_>>());
            v
        })
        .collect();
    let facet = |list: &[(String, u64)]| {
        list.iter().map(|(v, n)| json!({"value": v, "count": n})).collect::<Vec<_>>()
    };
    Ok(Json(json!({"total": hits.total, "took_ms": started.elapsed().as_millis() as u64, "items": items,
        "facets": {"forum": facet(&hits.forums), "language": facet(&hits.languages)}, "error": null})))
}
