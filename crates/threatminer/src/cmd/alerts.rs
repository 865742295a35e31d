//! `alerts`: what rang; rules, watchlists and channels.

use super::Setting;
use crate::cli::{AlertChannels, AlertRule, AlertRules, AlertWatch, Alerts, AlertsCommand};
use crate::collection::now;
use crate::output::{self, fit};
use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tm_notify::{Channel, When};
use tm_server::alerts::{self, Courier};
use tm_store::{AlertFilter, ChannelRow, DeliveryFilter, RuleRow, Store, WatchlistRow};

/// How often the store is asked for what is due.
const PAUSE: Duration = Duration::from_secs(2);
/// Largest file with values to watch, in bytes.
const LARGEST: u64 = 256 << 20;

/// Who brings deliveries, as configured.
pub fn courier(setting: &Setting) -> anyhow::Result<Courier> {
    let alerts = &setting.config.alerts;
    Ok(Courier::new(alerts.url.as_ref().map(url::Url::as_str), alerts.give_up_days)?)
}

/// Judges what was analysed, once its conclusions are stored.
pub async fn judge(store: &dyn Store) -> anyhow::Result<u64> {
    // A new rule about states or rates has to learn what is there, before something new comes.
    let fresh = store.rules().await?.iter().any(|r| r.enabled && !r.primed);
    if !fresh && store.unjudged(1).await?.is_empty() {
        return Ok(0);
    }
    // Another process may be in the midst of an analysis: events have no threat event yet.
    if store.fact("concluded").await?.is_some_and(|f| f != "yes") {
        return Ok(0);
    }
    let rung = alerts::judge(store, now()).await?;
    if rung > 0 {
        tracing::info!(alerts = rung, "alerts rang");
    }
    Ok(rung)
}

/// Brings what is due, for ever.
pub async fn bring(courier: &Courier, store: &Arc<dyn Store>) {
    loop {
        if let Err(error) = courier.round(store, now()).await {
            tracing::warn!(%error, "deliveries cannot be read; the next round tries again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

pub fn run(setting: &Setting, options: &Alerts) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let mut out = output::stdout();
        let code = match &options.action {
            None => list(&*store, options, &mut out).await?,
            Some(AlertsCommand::Rules(a)) => rules(&*store, a, &mut out).await?,
            Some(AlertsCommand::Watch(a)) => watch(&*store, a, &mut out).await?,
            Some(AlertsCommand::Channels(a)) => channels(setting, &*store, a, &mut out).await?,
            Some(AlertsCommand::Mark { id, state }) => mark(&*store, *id, state).await?,
            Some(AlertsCommand::Deliveries { channel, limit, json }) => {
                deliveries(&*store, channel.as_deref(), *limit, *json, &mut out).await?
            }
            Some(AlertsCommand::Run { json }) => {
                let rung = judge(&*store).await?;
                let sent = courier(setting)?.round(&store, now()).await?;
                if *json {
                    output::json_line(
                        &mut out,
                        &json!({"alerts": rung, "delivered": sent.delivered,
                        "failed": sent.failed, "given_up": sent.given_up}),
                    )?;
                } else {
                    writeln!(
                        out,
                        "{rung} new alerts; {} deliveries made, {} failed, {} given up",
                        sent.delivered, sent.failed, sent.given_up
                    )?;
                }
                ExitCode::from(u8::from(sent.failed + sent.given_up > 0))
            }
        };
        out.flush()?;
        Ok(code)
    })
}

fn none(what: &str) -> ExitCode {
    output::note(format!("no {what}"));
    ExitCode::from(1)
}

async fn list(store: &dyn Store, options: &Alerts, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    if let Some(state) = &options.state {
        ensure!(
            ["new", "seen", "closed"].contains(&state.as_str()),
            "unknown state '{state}', known are: new seen closed"
        );
    }
    let rule = match &options.rule {
        Some(name) => Some(rule_named(store, name).await?.id),
        None => None,
    };
    let filter =
        AlertFilter { state: options.state.clone(), rule, limit: options.limit, ..AlertFilter::default() };
    let (total, rows) = store.alerts(&filter).await?;
    if rows.is_empty() {
        return Ok(none("alert"));
    }
    for a in &rows {
        if options.json {
            output::json_line(out, &alerts::alert_view(a))?;
            continue;
        }
        writeln!(
            out,
            "{:>6}  {}  {:<6} {:.2}  {:<20} {}",
            a.id,
            a.time,
            a.state,
            a.severity,
            fit(&a.rule_name, 20),
            fit(&a.title, 110)
        )?;
        if let (Some(post), Some((span, words))) = (a.post, &a.evidence) {
            writeln!(
                out,
                "        post {post}, {} to {}: {}",
                span.start,
                span.end,
                fit(&words.replace('\n', " "), 120)
            )?;
        }
    }
    if !options.json && (rows.len() as u64) < total {
        output::note(format!("{} of {total} alerts", rows.len()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn mark(store: &dyn Store, id: i64, state: &str) -> anyhow::Result<ExitCode> {
    ensure!(
        ["new", "seen", "closed"].contains(&state),
        "unknown state '{state}', known are: new seen closed"
    );
    Ok(if store.set_alert_state(id, state).await? { ExitCode::SUCCESS } else { none("such alert") })
}

async fn deliveries(
    store: &dyn Store,
    channel: Option<&str>,
    limit: u32,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let channel = match channel {
        Some(name) => Some(channel_named(store, name).await?.id),
        None => None,
    };
    let rows = store.deliveries(&DeliveryFilter { channel, limit, ..DeliveryFilter::default() }).await?;
    if rows.is_empty() {
        return Ok(none("delivery"));
    }
    for d in &rows {
        if json {
            output::json_line(out, &alerts::delivery_view(d))?;
        } else {
            let when = match d.finished {
                Some(t) => t.to_string(),
                None => format!("next try {}", d.next_try),
            };
            writeln!(
                out,
                "{:>6}  {:<16} {:<9} {:>4} alerts {:>3} tries  {when}  {}",
                d.id,
                fit(&d.channel_name, 16),
                d.state,
                d.alerts,
                d.attempts,
                fit(d.detail.as_deref().unwrap_or(""), 80)
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn rule_named(store: &dyn Store, name: &str) -> anyhow::Result<RuleRow> {
    let rules = store.rules().await?;
    rules.into_iter().find(|r| r.name == name).with_context(|| format!("no rule is called '{name}'"))
}

async fn channel_named(store: &dyn Store, name: &str) -> anyhow::Result<ChannelRow> {
    let channels = store.channels().await?;
    channels.into_iter().find(|c| c.name == name).with_context(|| format!("no channel is called '{name}'"))
}

async fn watchlist_named(store: &dyn Store, name: &str) -> anyhow::Result<WatchlistRow> {
    let lists = store.watchlists().await?;
    lists.into_iter().find(|w| w.name == name).with_context(|| format!("no watchlist is called '{name}'"))
}

fn rule_json(r: &RuleRow) -> anyhow::Result<Value> {
    Ok(
        json!({"id": r.id, "name": r.name, "enabled": r.enabled, "when": serde_json::from_str::<Value>(&r.conditions)?,
        "channels": r.channels, "digest": r.digest}),
    )
}

async fn rules(store: &dyn Store, action: &AlertRules, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match action {
        AlertRules::Add(options) => {
            let row = rule(store, options).await?;
            if store.rules().await?.iter().any(|r| r.name == row.name) {
                bail!("there is a rule called '{}' already", row.name);
            }
            let id = store.save_rule(&row).await?.context("the rule was not stored")?;
            if options.json {
                output::json_line(out, &rule_json(&RuleRow { id, ..row })?)?;
            } else {
                output::note(format!(
                    "rule {id} is judged from now on; threatminer alerts rules test '{}' tries it on the past",
                    row.name
                ));
            }
        }
        AlertRules::List { json } => {
            let rows = store.rules().await?;
            if rows.is_empty() {
                return Ok(none("rule"));
            }
            let channels = store.channels().await?;
            for r in &rows {
                if *json {
                    output::json_line(out, &rule_json(r)?)?;
                    continue;
                }
                let names: Vec<&str> = r
                    .channels
                    .iter()
                    .filter_map(|id| channels.iter().find(|c| c.id == *id))
                    .map(|c| c.name.as_str())
                    .collect();
                let on = if names.is_empty() { "no channel".to_owned() } else { names.join(", ") };
                let off = if r.enabled { "" } else { ", off" };
                writeln!(
                    out,
                    "{:>4}  {:<24} {} to {on}{off}\n      {}",
                    r.id,
                    fit(&r.name, 24),
                    r.digest,
                    r.conditions
                )?;
            }
        }
        AlertRules::Remove { name } => {
            store.delete_rule(rule_named(store, name).await?.id).await?;
        }
        AlertRules::Test { name, days, json } => {
            let row = rule_named(store, name).await?;
            let found = alerts::trial(store, &row, *days, now()).await??;
            for a in &found.alerts {
                if *json {
                    output::json_line(out, &alerts::would_ring(a))?;
                } else {
                    let time = a.posted.map_or_else(|| "?".into(), |t| t.to_string());
                    let post = a.post.map_or_else(|| "-".into(), |p| format!("post {p}"));
                    writeln!(out, "{time}  {:.2}  {post:<12} {}", a.severity, fit(&a.title, 110))?;
                }
            }
            if !*json {
                let part = if found.complete { "" } else { " (only the newest posts were looked at)" };
                output::note(format!(
                    "would have rung {} times since {}{part}",
                    found.alerts.len(),
                    found.since.day()
                ));
            }
            if found.alerts.is_empty() {
                return Ok(ExitCode::from(1));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The rule that options describe.
async fn rule(store: &dyn Store, o: &AlertRule) -> anyhow::Result<RuleRow> {
    let mut when: Map<String, Value> = match &o.when {
        Some(text) => serde_json::from_str(text).context("--when")?,
        None => Map::new(),
    };
    let pair = |text: &str| match text.split_once('=') {
        Some((key, value)) => (key.trim().to_owned(), Some(value.trim().to_owned())),
        None => (text.trim().to_owned(), None),
    };
    let mut put = |key: &str, value: Value| {
        if !value.is_null() && value != json!([]) {
            when.insert(key.to_owned(), value);
        }
    };
    put("keywords", json!(o.keyword));
    put("regex", json!(o.regex));
    put("events", json!(o.event));
    put("families", json!(o.family));
    put("modality", json!(o.modality));
    put("forums", json!(o.forum));
    put("query", json!(o.query));
    put("min_severity", json!(o.min_severity));
    put("key_hacker", o.key_hackers.map_or(Value::Null, |top| json!({"top": top})));
    put("burst", o.burst.map_or(Value::Null, |hours| json!({"hours": hours})));
    let arguments = o.argument.iter().map(|a| match pair(a) {
        (role, Some(value)) => Ok(json!({"role": role, "value": value})),
        (role, None) => Ok(json!({"role": role})),
    });
    put("arguments", arguments.collect::<anyhow::Result<Value>>()?);
    let entities = o.entity.iter().map(|e| match pair(e) {
        (kind, Some(value)) => json!({"type": kind, "value": value}),
        (kind, None) => json!({"type": kind}),
    });
    put("entities", entities.collect());
    let (lists, channels) = (store.watchlists().await?, store.channels().await?);
    let mut watched = Vec::new();
    for name in &o.watch {
        watched.push(
            lists
                .iter()
                .find(|l| l.name == *name)
                .with_context(|| format!("no watchlist is called '{name}'"))?
                .id,
        );
    }
    put("watchlists", json!(watched));
    let mut to = Vec::new();
    for name in &o.channel {
        to.push(
            channels
                .iter()
                .find(|c| c.name == *name)
                .with_context(|| format!("no channel is called '{name}'"))?
                .id,
        );
    }
    let conditions = Value::Object(when).to_string();
    When::parse(&conditions)?;
    let row = RuleRow {
        id: 0,
        name: o.name.clone(),
        enabled: true,
        conditions,
        channels: to,
        digest: o.digest.clone(),
        primed: true,
        created: now(),
    };
    alerts::checked_rule(row, &lists, &channels).map_err(anyhow::Error::msg)
}

fn watchlist_json(w: &WatchlistRow) -> Value {
    json!({"id": w.id, "name": w.name, "kind": w.kind, "items": w.items, "created": w.created})
}

/// Stores a watchlist; one of that name and kind is changed.
async fn keep(
    store: &dyn Store,
    name: &str,
    kind: &str,
    items: Vec<String>,
    add: bool,
) -> anyhow::Result<WatchlistRow> {
    let mut row =
        WatchlistRow { id: 0, name: name.trim().to_owned(), kind: kind.to_owned(), items, created: now() };
    if let Some(old) = store.watchlists().await?.into_iter().find(|w| w.name == row.name) {
        ensure!(old.kind == kind, "watchlist '{name}' is of kind {}, not {kind}", old.kind);
        (row.id, row.created) = (old.id, old.created);
        if add {
            row.items = old.items.into_iter().chain(row.items).collect();
        }
    }
    let mut row = alerts::checked_watchlist(row).map_err(anyhow::Error::msg)?;
    row.id = store.save_watchlist(&row).await?.context("the watchlist was not stored")?;
    Ok(row)
}

async fn watch(store: &dyn Store, action: &AlertWatch, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match action {
        AlertWatch::Add { name, kind, items } => {
            let row = keep(store, name, kind, items.clone(), true).await?;
            output::note(format!("watchlist '{}' has {} items", row.name, row.items.len()));
        }
        AlertWatch::List { json } => {
            let rows = store.watchlists().await?;
            if rows.is_empty() {
                return Ok(none("watchlist"));
            }
            for w in &rows {
                if *json {
                    output::json_line(out, &watchlist_json(w))?;
                } else {
                    writeln!(
                        out,
                        "{:>4}  {:<24} {:<13} {:>7}  {}",
                        w.id,
                        fit(&w.name, 24),
                        w.kind,
                        w.items.len(),
                        fit(&w.items.join(", "), 60)
                    )?;
                }
            }
        }
        AlertWatch::Remove { name } => {
            let list = watchlist_named(store, name).await?;
            for rule in store.rules().await? {
                let uses = When::parse(&rule.conditions).is_ok_and(|w| w.watchlists.contains(&list.id));
                ensure!(!uses, "rule '{}' uses this watchlist; remove it first", rule.name);
            }
            store.delete_watchlist(list.id).await?;
        }
        AlertWatch::Import { file, format, name, kind, json } => {
            let text = read(file)?;
            let name = name.clone().unwrap_or_else(|| {
                file.file_stem().map_or_else(|| "imported".into(), |s| s.to_string_lossy().into_owned())
            });
            let mut made = Vec::new();
            let mut skipped = 0;
            if format == "lines" {
                let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
                made.push(keep(store, &name, kind, lines.map(str::to_owned).collect(), false).await?);
            } else {
                let format = format
                    .parse()
                    .map_err(|_| anyhow::anyhow!("unknown format '{format}', known are: stix misp lines"))?;
                let document: Value =
                    serde_json::from_str(&text).with_context(|| file.display().to_string())?;
                let found = tm_exchange::watched::read(format, &document)
                    .with_context(|| file.display().to_string())?;
                skipped = found.skipped;
                for (kind, items) in found.lists {
                    made.push(keep(store, &format!("{name} ({kind})"), kind, items, false).await?);
                }
            }
            for row in &made {
                if *json {
                    output::json_line(out, &watchlist_json(row))?;
                } else {
                    writeln!(
                        out,
                        "{:<32} {:<13} {:>7} items",
                        fit(&row.name, 32),
                        row.kind,
                        row.items.len()
                    )?;
                }
            }
            if skipped > 0 {
                output::note(format!("{skipped} objects hold nothing to watch for"));
            }
            if made.is_empty() {
                return Ok(none("value to watch for"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text).context("standard input")?;
    } else {
        let open = std::fs::File::open(file).with_context(|| file.display().to_string())?;
        open.take(LARGEST).read_to_string(&mut text).with_context(|| file.display().to_string())?;
    }
    ensure!((text.len() as u64) < LARGEST, "{} is larger than {} MiB", file.display(), LARGEST >> 20);
    Ok(text)
}

/// Settings of `key=value` options: numbers and yes or no as such, a key that comes twice as a list, `@file` from a file.
fn settings(kind: &str, options: &[String]) -> anyhow::Result<Value> {
    let mut object: Map<String, Value> = Map::new();
    for option in options {
        let (key, value) =
            option.split_once('=').with_context(|| "a setting has the form KEY=VALUE".to_owned())?;
        let value = match value.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {file}"))?
                .trim_end()
                .to_owned(),
            None => value.to_owned(),
        };
        // Identifiers of chats look like numbers and are none.
        let value = match key {
            "port" | "facility" => {
                value.parse::<u16>().map(Value::from).with_context(|| format!("{key} is no number"))?
            }
            "allow_private" => {
                value.parse::<bool>().map(Value::from).context("allow_private is true or false")?
            }
            _ => Value::from(value),
        };
        if let Some(name) = key.strip_prefix("header.") {
            let headers = object.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut() {
                headers.insert(name.to_owned(), value);
            }
            continue;
        }
        match object.get_mut(key) {
            Some(Value::Array(list)) => list.push(value),
            Some(_) => bail!("setting {key} is given twice"),
            None if kind == "email" && key == "to" => {
                object.insert(key.to_owned(), json!([value]));
            }
            None => {
                object.insert(key.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(object))
}

async fn channels(
    setting: &Setting,
    store: &dyn Store,
    action: &AlertChannels,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    match action {
        AlertChannels::Add { name, kind, settings: options } => {
            let settings = settings(kind, options)?.to_string();
            let mut row =
                ChannelRow { id: 0, name: name.clone(), kind: kind.clone(), settings, created: now() };
            if let Some(old) = store.channels().await?.into_iter().find(|c| c.name == row.name.trim()) {
                (row.id, row.created) = (old.id, old.created);
            }
            let row = alerts::checked_channel(row).map_err(anyhow::Error::msg)?;
            store.save_channel(&row).await?.context("the channel was not stored")?;
            output::note(format!("threatminer alerts channels test '{}' tries it", row.name));
        }
        AlertChannels::List { json } => {
            let rows = store.channels().await?;
            if rows.is_empty() {
                return Ok(none("channel"));
            }
            for c in &rows {
                let shown = Channel::shown(&c.settings);
                if *json {
                    output::json_line(
                        out,
                        &json!({"id": c.id, "name": c.name, "kind": c.kind, "settings": shown}),
                    )?;
                } else {
                    writeln!(out, "{:>4}  {:<20} {:<9} {}", c.id, fit(&c.name, 20), c.kind, shown)?;
                }
            }
        }
        AlertChannels::Remove { name } => {
            let channel = channel_named(store, name).await?;
            if let Some(rule) = store.rules().await?.iter().find(|r| r.channels.contains(&channel.id)) {
                bail!("rule '{}' rings on this channel; remove it first", rule.name);
            }
            store.delete_channel(channel.id, now()).await?;
        }
        AlertChannels::Test { name, json } => {
            let channel = channel_named(store, name).await?;
            let (delivered, detail) = courier(setting)?.test(store, &channel, now()).await?;
            if *json {
                output::json_line(out, &json!({"delivered": delivered, "detail": detail}))?;
            } else {
                writeln!(out, "{}: {detail}", if delivered { "delivered" } else { "not delivered" })?;
            }
            return Ok(ExitCode::from(u8::from(!delivered)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
