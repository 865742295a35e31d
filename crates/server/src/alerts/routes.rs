//! Routes of watchlists, rules, channels, alerts and deliveries.

use super::{Courier, checked_channel, checked_rule, checked_watchlist, trial};
use crate::AppState;
use crate::access::{ADMIN, VIEW, WORK, now};
use crate::problem::ApiError;
use crate::route::{Parameter, Route};
use crate::view::{round, time};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::routing::{delete, get, patch, post, put};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tm_notify::Channel;
use tm_store::{
    AlertFilter, AlertRow, ChannelRow, DeliveryFilter, DeliveryRow, NewAlert, RuleRow, StoreError,
    WatchlistRow,
};

type Answer = Result<Json<Value>, ApiError>;
type App = State<Arc<AppState>>;

/// Days that a trial of a rule looks back.
const TRIAL_DAYS: u32 = 30;
/// Alerts of a trial that are told; the others are counted.
const TOLD: usize = 100;
/// Largest document with values to watch, in bytes.
const DOCUMENT: usize = 64 << 20;

/// The routes.
pub(crate) fn routes() -> Vec<Route> {
    const WATCHLIST: &str = "{ name: string; kind: string; items: string[]; id?: integer; created?: string }";
    const RULE: &str = "{ name: string; enabled?: boolean; when: object; channels?: integer[]; digest?: string; id?: integer; created?: string }";
    const CHANNEL: &str = "{ name: string; kind: string; settings: object; id?: integer; created?: string }";
    const PAGE: [Parameter; 2] =
        [("cursor", "string", "what `next` of the page before said"), ("limit", "integer", "at most 500")];
    vec![
        Route::new(Method::GET, "/api/v1/watchlists", VIEW, "watchlists", get(watchlists))
            .says("Watchlists")
            .answers("List<Watchlist>"),
        Route::new(Method::POST, "/api/v1/watchlists", WORK, "add_watchlist", post(add_watchlist))
            .says("Makes a watchlist")
            .takes(WATCHLIST)
            .answers("Watchlist")
            .audited("add watchlist"),
        Route::new(
            Method::POST,
            "/api/v1/watchlists/import",
            WORK,
            "import_watchlists",
            post(import).layer(axum::extract::DefaultBodyLimit::max(DOCUMENT)),
        )
        .says("Makes watchlists of what a STIX bundle or a MISP event names")
        .query(&[
            ("format", "\"stix\" | \"misp\"", "form of the body"),
            ("name", "string", "name of the lists"),
        ])
        .takes("unknown")
        .answers("{ total: integer; items: Watchlist[]; skipped: integer }")
        .audited("import watchlists"),
        Route::new(Method::PUT, "/api/v1/watchlists/{id}", WORK, "change_watchlist", put(change_watchlist))
            .says("Replaces a watchlist")
            .takes(WATCHLIST)
            .answers("Watchlist")
            .audited("change watchlist"),
        Route::new(
            Method::DELETE,
            "/api/v1/watchlists/{id}",
            WORK,
            "remove_watchlist",
            delete(remove_watchlist),
        )
        .says("Removes a watchlist that no rule uses")
        .answers("{ removed: boolean }")
        .audited("remove watchlist"),
        Route::new(Method::GET, "/api/v1/rules", VIEW, "rules", get(rules))
            .says("Alert rules")
            .answers("List<Rule>"),
        Route::new(Method::POST, "/api/v1/rules", WORK, "add_rule", post(add_rule))
            .says("Makes an alert rule")
            .takes(RULE)
            .answers("Rule")
            .audited("add rule"),
        Route::new(Method::PUT, "/api/v1/rules/{id}", WORK, "change_rule", put(change_rule))
            .says("Replaces an alert rule")
            .takes(RULE)
            .answers("Rule")
            .audited("change rule"),
        Route::new(Method::DELETE, "/api/v1/rules/{id}", WORK, "remove_rule", delete(remove_rule))
            .says("Removes an alert rule; its alerts stay")
            .answers("{ removed: boolean }")
            .audited("remove rule"),
        Route::new(Method::POST, "/api/v1/rules/{id}/test", WORK, "try_rule", post(try_rule))
            .says("What would have rung over the last 30 days; nothing is stored")
            .answers("{ total: integer; since: string; complete: boolean; items: WouldRing[] }"),
        // Where alerts go, and with which secrets, is for who administers.
        Route::new(Method::GET, "/api/v1/channels", VIEW, "channels", get(channels))
            .says("Channels; secrets show as dots")
            .answers("List<Channel>"),
        Route::new(Method::POST, "/api/v1/channels", ADMIN, "add_channel", post(add_channel))
            .says("Makes a channel")
            .takes(CHANNEL)
            .answers("Channel")
            .audited("add channel"),
        Route::new(Method::PUT, "/api/v1/channels/{id}", ADMIN, "change_channel", put(change_channel))
            .says("Replaces a channel; dots keep a secret as long as the host stays")
            .takes(CHANNEL)
            .answers("Channel")
            .audited("change channel"),
        Route::new(Method::DELETE, "/api/v1/channels/{id}", ADMIN, "remove_channel", delete(remove_channel))
            .says("Removes a channel that no rule uses")
            .answers("{ removed: boolean }")
            .audited("remove channel"),
        Route::new(Method::POST, "/api/v1/channels/{id}/test", ADMIN, "try_channel", post(try_channel))
            .says("Sends a test")
            .answers("{ delivered: boolean; detail: string }")
            .audited("test channel"),
        Route::new(Method::GET, "/api/v1/alerts", VIEW, "alerts", get(alerts))
            .says("Alerts, newest first")
            .query(&[
                ("state", "\"new\" | \"seen\" | \"closed\"", "only these"),
                ("rule", "integer", "only of this rule"),
                PAGE[0],
                ("offset", "integer", "alerts to skip, when there is no cursor"),
                PAGE[1],
            ])
            .answers("List<Alert>"),
        Route::new(Method::PATCH, "/api/v1/alerts/{id}", WORK, "change_alert", patch(change_alert))
            .says("Changes the state of an alert")
            .takes("{ state: \"new\" | \"seen\" | \"closed\" }")
            .answers("Alert")
            .audited("change alert"),
        Route::new(Method::GET, "/api/v1/deliveries", VIEW, "deliveries", get(deliveries))
            .says("Deliveries, newest first; `total` counts the page")
            .query(&[("channel", "integer", "only of this channel"), PAGE[0], PAGE[1]])
            .answers("List<Delivery>"),
    ]
}

/// Names are unique: the store says so in its own words, which help nobody.
fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + '_ {
    move |e| match e {
        StoreError::Database(ref d) if d.as_database_error().is_some_and(|d| d.is_unique_violation()) => {
            ApiError::Bad(format!("there is one called '{name}' already"))
        }
        e => e.into(),
    }
}

fn all(items: Vec<Value>) -> Json<Value> {
    Json(json!({"total": items.len(), "items": items, "next": null}))
}

// Watchlists.

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchlistBody {
    name: String,
    kind: String,
    items: Vec<String>,
    #[serde(default, rename = "id")]
    _id: Option<i64>,
    #[serde(default, rename = "created")]
    _created: Option<String>,
}

fn watchlist_view(w: &WatchlistRow) -> Value {
    json!({"id": w.id, "name": w.name, "kind": w.kind, "items": w.items, "created": w.created.to_string()})
}

async fn watchlists(State(app): App) -> Answer {
    Ok(all(app.store.watchlists().await?.iter().map(watchlist_view).collect()))
}

async fn save_watchlist(app: &AppState, id: i64, body: WatchlistBody) -> Answer {
    let row = WatchlistRow { id, name: body.name, kind: body.kind, items: body.items, created: now() };
    let mut row = checked_watchlist(row).map_err(ApiError::Bad)?;
    let saved = app.store.save_watchlist(&row).await.map_err(taken(&row.name))?;
    row.id = saved.ok_or_else(|| ApiError::Missing(format!("no watchlist {id}")))?;
    Ok(Json(watchlist_view(&row)))
}

async fn add_watchlist(State(app): App, Json(body): Json<WatchlistBody>) -> Answer {
    save_watchlist(&app, 0, body).await
}

async fn change_watchlist(State(app): App, Path(id): Path<u32>, Json(body): Json<WatchlistBody>) -> Answer {
    if id == 0 {
        return Err(ApiError::Missing("no watchlist 0".into()));
    }
    save_watchlist(&app, id.into(), body).await
}

async fn remove_watchlist(State(app): App, Path(id): Path<i64>) -> Answer {
    for rule in app.store.rules().await? {
        let used = tm_notify::When::parse(&rule.conditions).is_ok_and(|w| w.watchlists.contains(&id));
        if used {
            return Err(ApiError::Bad(format!("rule '{}' uses this watchlist; change it first", rule.name)));
        }
    }
    if app.store.delete_watchlist(id).await? {
        Ok(Json(json!({"removed": true})))
    } else {
        Err(ApiError::Missing(format!("no watchlist {id}")))
    }
}

#[derive(Debug, Deserialize)]
struct ImportAsked {
    format: String,
    name: Option<String>,
}

async fn import(State(app): App, Query(asked): Query<ImportAsked>, Json(document): Json<Value>) -> Answer {
    let format = asked.format.parse().map_err(ApiError::Bad)?;
    let found = tm_exchange::watched::read(format, &document).map_err(|e| ApiError::Bad(e.to_string()))?;
    let name = asked.name.unwrap_or_else(|| format!("imported {}", now()));
    let mut made = Vec::new();
    for (kind, items) in found.lists {
        let row = WatchlistRow {
            id: 0,
            name: format!("{name} ({kind})"),
            kind: kind.into(),
            items,
            created: now(),
        };
        let mut row = checked_watchlist(row).map_err(ApiError::Bad)?;
        // Read again, a document replaces what it brought before.
        if let Some(old) =
            app.store.watchlists().await?.into_iter().find(|w| w.name == row.name && w.kind == row.kind)
        {
            row.id = old.id;
            row.created = old.created;
        }
        let id = app.store.save_watchlist(&row).await.map_err(taken(&row.name))?;
        row.id = id.unwrap_or(row.id);
        made.push(watchlist_view(&row));
    }
    Ok(Json(json!({"total": made.len(), "items": made, "skipped": found.skipped})))
}

// Rules.

fn enabled() -> bool {
    true
}
fn digest() -> String {
    "now".into()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    name: String,
    #[serde(default = "enabled")]
    enabled: bool,
    when: Value,
    #[serde(default)]
    channels: Vec<i64>,
    #[serde(default = "digest")]
    digest: String,
    #[serde(default, rename = "id")]
    _id: Option<i64>,
    #[serde(default, rename = "created")]
    _created: Option<String>,
}

fn rule_view(r: &RuleRow) -> Value {
    let when: Value = serde_json::from_str(&r.conditions).unwrap_or(Value::Null);
    json!({"id": r.id, "name": r.name, "enabled": r.enabled, "when": when, "channels": r.channels,
        "digest": r.digest, "created": r.created.to_string()})
}

async fn rules(State(app): App) -> Answer {
    Ok(all(app.store.rules().await?.iter().map(rule_view).collect()))
}

async fn save_rule(app: &AppState, id: i64, body: RuleBody) -> Answer {
    let row = RuleRow {
        id,
        name: body.name,
        enabled: body.enabled,
        conditions: body.when.to_string(),
        channels: body.channels,
        digest: body.digest,
        primed: true,
        created: now(),
    };
    let (lists, channels) = (app.store.watchlists().await?, app.store.channels().await?);
    let mut row = checked_rule(row, &lists, &channels).map_err(ApiError::Bad)?;
    let saved = app.store.save_rule(&row).await.map_err(taken(&row.name))?;
    row.id = saved.ok_or_else(|| ApiError::Missing(format!("no rule {id}")))?;
    Ok(Json(rule_view(&row)))
}

async fn add_rule(State(app): App, Json(body): Json<RuleBody>) -> Answer {
    save_rule(&app, 0, body).await
}

async fn change_rule(State(app): App, Path(id): Path<u32>, Json(body): Json<RuleBody>) -> Answer {
    if id == 0 {
        return Err(ApiError::Missing("no rule 0".into()));
    }
    save_rule(&app, id.into(), body).await
}

async fn remove_rule(State(app): App, Path(id): Path<i64>) -> Answer {
    if app.store.delete_rule(id).await? {
        Ok(Json(json!({"removed": true})))
    } else {
        Err(ApiError::Missing(format!("no rule {id}")))
    }
}

async fn try_rule(State(app): App, Path(id): Path<i64>) -> Answer {
    let rules = app.store.rules().await?;
    let rule = rules.iter().find(|r| r.id == id).ok_or_else(|| ApiError::Missing(format!("no rule {id}")))?;
    let found = trial(&*app.store, rule, TRIAL_DAYS, now()).await?;
    let found = found.map_err(|e| ApiError::Bad(e.to_string()))?;
    let items: Vec<Value> = found.alerts.iter().take(TOLD).map(would_ring).collect();
    Ok(Json(
        json!({"total": found.alerts.len(), "since": found.since.to_string(), "complete": found.complete, "items": items}),
    ))
}

/// An alert that would have rung.
pub fn would_ring(a: &NewAlert) -> Value {
    let evidence = a.evidence.as_ref().zip(a.post).map(|((span, sentence), post)| {
        json!({"post_id": post, "start": span.start, "end": span.end, "sentence": sentence})
    });
    json!({"title": a.title, "severity": round(a.severity), "posted": time(a.posted), "threat": a.threat, "post": a.post,
        "account": a.account, "evidence": evidence})
}

// Channels.

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelBody {
    name: String,
    kind: String,
    settings: Value,
    #[serde(default, rename = "id")]
    _id: Option<i64>,
    #[serde(default, rename = "created")]
    _created: Option<String>,
}

fn channel_view(c: &ChannelRow) -> Value {
    json!({"id": c.id, "name": c.name, "kind": c.kind, "settings": Channel::shown(&c.settings),
        "created": c.created.to_string()})
}

async fn channels(State(app): App) -> Answer {
    Ok(all(app.store.channels().await?.iter().map(channel_view).collect()))
}

async fn save_channel(app: &AppState, row: ChannelRow) -> Answer {
    let id = row.id;
    let mut row = checked_channel(row).map_err(ApiError::Bad)?;
    let saved = app.store.save_channel(&row).await.map_err(taken(&row.name))?;
    row.id = saved.ok_or_else(|| ApiError::Missing(format!("no channel {id}")))?;
    Ok(Json(channel_view(&row)))
}

async fn add_channel(State(app): App, Json(body): Json<ChannelBody>) -> Answer {
    let settings = body.settings.to_string();
    save_channel(&app, ChannelRow { id: 0, name: body.name, kind: body.kind, settings, created: now() }).await
}

async fn change_channel(State(app): App, Path(id): Path<i64>, Json(body): Json<ChannelBody>) -> Answer {
    let rows = app.store.channels().await?;
    let old =
        rows.iter().find(|c| c.id == id).ok_or_else(|| ApiError::Missing(format!("no channel {id}")))?;
    let settings = if old.kind == body.kind {
        Channel::merged(&old.settings, &body.settings).to_string()
    } else {
        body.settings.to_string()
    };
    save_channel(&app, ChannelRow { id, name: body.name, kind: body.kind, settings, created: old.created })
        .await
}

async fn remove_channel(State(app): App, Path(id): Path<i64>) -> Answer {
    if let Some(rule) = app.store.rules().await?.iter().find(|r| r.channels.contains(&id)) {
        return Err(ApiError::Bad(format!("rule '{}' rings on this channel; change it first", rule.name)));
    }
    if app.store.delete_channel(id, now()).await? {
        Ok(Json(json!({"removed": true})))
    } else {
        Err(ApiError::Missing(format!("no channel {id}")))
    }
}

async fn try_channel(State(app): App, Path(id): Path<i64>) -> Answer {
    let rows = app.store.channels().await?;
    let channel =
        rows.iter().find(|c| c.id == id).ok_or_else(|| ApiError::Missing(format!("no channel {id}")))?;
    let courier = Courier::new(None, 1).map_err(|e| ApiError::Failed(e.to_string()))?;
    let (delivered, detail) = courier.test(&*app.store, channel, now()).await?;
    Ok(Json(json!({"delivered": delivered, "detail": detail})))
}

// Alerts and deliveries.

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: Option<String>,
    rule: Option<i64>,
    channel: Option<i64>,
    cursor: Option<String>,
    offset: Option<u32>,
    limit: Option<u32>,
}

impl Asked {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, 500)
    }
    fn before(&self) -> Result<Option<i64>, ApiError> {
        let cursor = self.cursor.as_deref().filter(|c| !c.is_empty());
        cursor
            .map(|c| c.parse().map_err(|_| ApiError::Bad(format!("'{c}' is no cursor of this list"))))
            .transpose()
    }
}

const STATES: [&str; 3] = ["new", "seen", "closed"];

fn known_state(state: &str) -> Result<(), ApiError> {
    if STATES.contains(&state) {
        return Ok(());
    }
    Err(ApiError::Bad(format!("unknown state '{state}', known are: {}", STATES.join(" "))))
}

/// An alert in the shape of the API.
pub fn alert_view(a: &AlertRow) -> Value {
    let evidence = a.evidence.as_ref().zip(a.post).map(|((span, sentence), post)| {
        json!({"post_id": post, "start": span.start, "end": span.end, "sentence": sentence})
    });
    json!({"id": a.id, "rule": {"id": a.rule, "name": a.rule_name}, "time": a.time.to_string(), "posted": time(a.posted),
        "title": a.title, "severity": round(a.severity), "state": a.state, "threat": a.threat, "post": a.post,
        "account": a.account, "evidence": evidence})
}

async fn alerts(State(app): App, Query(asked): Query<Asked>) -> Answer {
    let state = asked.state.clone().filter(|s| !s.is_empty());
    if let Some(state) = &state {
        known_state(state)?;
    }
    let filter = AlertFilter {
        state,
        rule: asked.rule,
        before: asked.before()?,
        offset: asked.offset.unwrap_or(0),
        limit: asked.limit() + 1,
        ..AlertFilter::default()
    };
    let (total, mut rows) = app.store.alerts(&filter).await?;
    let more = rows.len() > asked.limit() as usize;
    rows.truncate(asked.limit() as usize);
    let next = rows.last().filter(|_| more).map(|a| a.id.to_string());
    Ok(Json(json!({"total": total, "items": rows.iter().map(alert_view).collect::<Vec<_>>(), "next": next})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    state: String,
}

async fn change_alert(State(app): App, Path(id): Path<i64>, Json(body): Json<StateBody>) -> Answer {
    known_state(&body.state)?;
    app.store.set_alert_state(id, &body.state).await?;
    let (_, rows) = app.store.alerts(&AlertFilter { id: Some(id), ..AlertFilter::default() }).await?;
    rows.first().map(|a| Json(alert_view(a))).ok_or_else(|| ApiError::Missing(format!("no alert {id}")))
}

/// A delivery in the shape of the API.
pub fn delivery_view(d: &DeliveryRow) -> Value {
    json!({"id": d.id, "key": d.key, "channel": {"id": d.channel, "name": d.channel_name}, "kind": d.kind, "state": d.state,
        "created": d.created.to_string(), "due": d.due.to_string(),
        "next_try": (d.state == "waiting").then(|| d.next_try.to_string()), "attempts": d.attempts,
        "finished": time(d.finished), "detail": d.detail, "alerts": d.alerts})
}

async fn deliveries(State(app): App, Query(asked): Query<Asked>) -> Answer {
    let filter = DeliveryFilter {
        channel: asked.channel,
        before: asked.before()?,
        limit: asked.limit() + 1,
        ..DeliveryFilter::default()
    };
    let mut rows = app.store.deliveries(&filter).await?;
    let more = rows.len() > asked.limit() as usize;
    rows.truncate(asked.limit() as usize);
    let next = rows.last().filter(|_| more).map(|d| d.id.to_string());
    Ok(Json(
        json!({"total": rows.len(), "items": rows.iter().map(delivery_view).collect::<Vec<_>>(), "next": next}),
    ))
}
