//! `actors`, `threats`: what the store knows.

use super::{Setting, verdict};
use crate::cli::{Actors, Threats};
use crate::output::{self, fit};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tm_extract::Analyzer;
use tm_model::{EventType, Family, Post, Timestamp, mask_secrets};
use tm_server::detail::detail;
use tm_server::tables;
use tm_store::{AccountRow, AliasRow, PostFilter, Store, ThreatFilter, ThreatRow};

fn day(t: Option<Timestamp>) -> String {
    t.map(Timestamp::day).unwrap_or_else(|| "?".into())
}

fn nothing(what: &str) -> anyhow::Result<ExitCode> {
    output::note(format!("no {what}; import posts and run threatminer analyze first"));
    Ok(ExitCode::from(1))
}

pub fn actors(setting: &Setting, options: &Actors) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        verdict::write(&*store, options).await?;
        let mut out = output::stdout();
        let filter = PostFilter {
            text: options.name.clone(),
            forum: options.forum.clone(),
            sort: "rank".into(),
            limit: if options.name.is_some() { 0 } else { options.limit as u32 },
            ..PostFilter::default()
        };
        let (_, mut rows) = store.accounts(&filter).await?;
        if let Some(name) = &options.name {
            rows.retain(|a| a.name.to_lowercase() == name.to_lowercase());
        }
        if rows.is_empty() {
            return nothing("such account");
        }
        for a in &rows {
            if options.json {
                let mut value = tables::account(a);
                if options.name.is_some() {
                    let held = store.entity_counts(&PostFilter { account: Some(a.id), limit: 50, ..PostFilter::default() }).await?;
                    let list = |contact: bool| {
                        held.iter()
                            .filter(|e| e.kind.is_contact() == contact)
                            .map(|e| json!({"type": e.kind, "value": mask_secrets(&e.value), "posts": e.posts}))
                            .collect::<Vec<_>>()
                    };
                    value["contacts"] = json!(list(true));
                    value["entities"] = json!(list(false));
                    let threats = store.threats_of_account(a.id).await?;
                    value["threats"] = json!(threats.iter().map(|(t, n)| json!({"id": t.id, "title": t.title, "type": t.kind, "mentions": n})).collect::<Vec<_>>());
                    value["community"] = json!(a.standing.as_ref().and_then(|s| s.community));
                    value["roles"] = json!(a.standing.as_ref().map(|s| &s.roles));
                    value["aliases"] = json!(aliases(&*store, a.id).await?.iter().map(|(name, forum, alias)| json!({"account": name, "forum": forum,
                        "probability": alias.probability, "verdict": alias.verdict,
                        "reasons": alias.reasons.iter().map(|r| json!({"text": r.0, "weight": r.1})).collect::<Vec<_>>()})).collect::<Vec<_>>());
                    value["history"] = json!(a.standing.as_ref().map(|s| &s.history));
                }
                output::json_line(&mut out, &value)?;
                continue;
            }
            let Some(s) = &a.standing else {
                writeln!(out, "   -  {:<22} {} ({} posts), not ranked yet", fit(&a.name, 22), a.forum, a.posts)?;
                continue;
            };
            let parts: Vec<String> = s.standing.parts.iter().map(|(n, v)| format!("{n} {v:.2}")).collect();
            writeln!(out, "{:>4}  {:<22} {:.3}  {}, {} posts, {}", s.standing.rank, fit(&a.name, 22), s.standing.score, a.forum, a.posts, parts.join(" + "))?;
            if options.name.is_some() {
                portrait(&*store, a, &mut out).await?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Alias candidates of an account: name, forum, what speaks for it.
async fn aliases(store: &dyn Store, account: i64) -> anyhow::Result<Vec<(String, String, AliasRow)>> {
    let mut found = Vec::new();
    for alias in store.aliases_of(account).await? {
        let other = if alias.a == account { alias.b } else { alias.a };
        if let Some(o) = store.account(other).await? {
            found.push((o.name, o.forum, alias));
        }
    }
    Ok(found)
}

async fn portrait(store: &dyn Store, a: &AccountRow, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "      from {} to {}, {} threads started", day(a.first), day(a.last), a.threads_started)?;
    if let Some(s) = &a.standing {
        let fields: Vec<String> = s.fields.iter().map(|f| format!("{} {:.2}", f.0, f.1)).collect();
        writeln!(out, "      fields: {}", fields.join(", "))?;
        let history: Vec<String> = s.history.iter().map(|h| format!("{}: {} of {}", h.0, h.1, h.2)).collect();
        writeln!(out, "      rank over time: {}", history.join("; "))?;
        let played: Vec<String> = s
            .roles
            .iter()
            .map(|r| {
                let posts: Vec<String> = r.posts.iter().map(i64::to_string).collect();
                format!("{} {:.2} ({} posts: {})", r.role, r.strength, r.count, posts.join(" "))
            })
            .collect();
        if !played.is_empty() {
            writeln!(out, "      roles: {}", played.join(", "))?;
        }
        if let Some(c) = s.community {
            writeln!(out, "      community: {c}")?;
        }
    }
    let held =
        store.entity_counts(&PostFilter { account: Some(a.id), limit: 30, ..PostFilter::default() }).await?;
    let list: Vec<String> =
        held.iter().map(|e| format!("{} {} ({})", e.kind, mask_secrets(&e.value), e.posts)).collect();
    writeln!(out, "      entities: {}", list.join(", "))?;
    for (name, forum, alias) in aliases(store, a.id).await? {
        let reasons: Vec<String> = alias.reasons.iter().map(|r| format!("{} ({:+.1})", r.0, r.1)).collect();
        writeln!(
            out,
            "      may be {name} of {forum}, {}: {:.2}; {}",
            alias.verdict.as_deref().unwrap_or("not decided"),
            alias.probability,
            reasons.join("; ")
        )?;
    }
    for (t, n) in store.threats_of_account(a.id).await?.iter().take(10) {
        writeln!(out, "      {} {} ({n} mentions)", t.id, fit(&t.title, 70))?;
    }
    Ok(())
}

pub fn threats(setting: &Setting, options: &Threats) -> anyhow::Result<ExitCode> {
    let mut types: Vec<EventType> = Vec::new();
    if let Some(family) = &options.family {
        let family: Family = family.parse()?;
        types.extend(EventType::ALL.iter().filter(|t| t.family() == family));
    }
    if let Some(kind) = &options.kind {
        types = vec![kind.parse()?];
    }
    anyhow::ensure!(
        ["severity", "last_seen", "first_seen", "mentions"].contains(&options.sort.as_str()),
        "unknown order '{}', known are: severity last_seen first_seen mentions",
        options.sort
    );
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let mut out = output::stdout();
        if let Some(id) = &options.id {
            let Some(t) = store.threat(id).await? else { return nothing("such threat event") };
            // Without a model nothing is weighed; the rest can be said.
            let analyzer = setting.analyzer().ok().map(Arc::new);
            one_threat(&*store, &t, options.json, analyzer.as_ref(), &mut out).await?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        let filter = ThreatFilter {
            types,
            sort: options.sort.clone(),
            limit: options.limit as u32,
            ..ThreatFilter::default()
        };
        let (total, rows) = store.threats(&filter).await?;
        if rows.is_empty() {
            return nothing("threat event");
        }
        for t in &rows {
            if options.json {
                output::json_line(&mut out, &tables::threat(t))?;
            } else {
                writeln!(
                    out,
                    "{}  {:.2}  {:<13} {:<9} {:<60} {} to {}, {} posts",
                    t.id,
                    t.severity,
                    t.kind,
                    t.status,
                    fit(&t.title, 60),
                    day(t.first),
                    day(t.last),
                    t.posts
                )?;
            }
        }
        if !options.json && !setting.global.quiet {
            output::note(format!("{} of {total} threat events", rows.len()));
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn one_threat(
    store: &dyn Store,
    t: &ThreatRow,
    as_json: bool,
    analyzer: Option<&Arc<Analyzer>>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let posts = store
        .posts(&PostFilter { threat: Some(t.id.clone()), oldest_first: true, ..PostFilter::default() })
        .await?;
    let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
    let (_, accounts) = store
        .accounts(&PostFilter {
            ids: Some(posts.iter().filter_map(|p| p.account_id).collect()),
            ..PostFilter::default()
        })
        .await?;
    let names: HashMap<i64, String> = accounts.into_iter().map(|a| (a.id, a.name)).collect();
    let mut timeline = Vec::new();
    let mentions = store.threat_mentions(&t.id).await?;
    let known = detail(store, t, &mentions, &posts, analyzer).await?;
    for m in mentions {
        let Some(p) = by_id.get(&m.post_id) else { continue };
        let masked = mask_secrets(&p.text);
        let sentence = tm_extract::sentence_around(&masked, m.trigger);
        let name = p.account_id.and_then(|a| names.get(&a)).map_or("?", String::as_str);
        timeline.push((p.time, p.id, name, sentence.slice(&masked).unwrap_or("").to_owned(), sentence, m));
    }
    if as_json {
        let mut value = tables::threat(t);
        value["timeline"] = timeline
            .iter()
            .map(|(time, post, name, words, sentence, m)| {
                json!({"time": time, "post": post, "external_id": by_id.get(post).map(|p| &p.external_id), "author": name,
                    "sentence": words, "start": sentence.start, "end": sentence.end, "type": m.kind, "modality": m.modality,
                    "trigger": {"text": m.trigger_text, "start": m.trigger.start, "end": m.trigger.end},
                    "mention": m.id, "corrected": m.label_id.is_some(),
                    "why": known.why.get(&m.id).into_iter().flatten().map(|w| json!({"start": w.span.start, "end": w.span.end,
                        "weight": w.weight})).collect::<Vec<_>>()})
            })
            .collect();
        value["status_over_time"] = json!(known.status_over_time);
        value["credibility"] = json!(known.credibility);
        return output::json_line(out, &value);
    }
    writeln!(
        out,
        "{}  {}\n  {} ({}), {}, severity {:.2}, confidence {:.2}, {} to {}, {} posts in {}",
        t.id,
        t.title,
        t.kind,
        t.kind.family(),
        t.status,
        t.severity,
        t.confidence,
        day(t.first),
        day(t.last),
        t.posts,
        t.forums.join(", ")
    )?;
    for (name, value, weight, note) in &t.severity_parts {
        writeln!(out, "    {name:<10} {:.2} of {weight:.2}  {note}", value * weight)?;
    }
    writeln!(out, "  credibility {:.2}", known.credibility.value)?;
    for p in &known.credibility.parts {
        let posts: Vec<String> = p.posts.iter().map(i64::to_string).collect();
        writeln!(
            out,
            "    {:<13} {:.2} of {:.2}  {}{}",
            p.name,
            p.value * p.weight,
            p.weight,
            p.note,
            if posts.is_empty() { String::new() } else { format!(" (posts {})", posts.join(" ")) }
        )?;
    }
    let stands: Vec<String> = known
        .status_over_time
        .iter()
        .map(|s| format!("{} {} (post {})", day(s.time), s.status, s.post))
        .collect();
    writeln!(out, "  status: {}", stands.join(", "))?;
    for a in t.arguments.iter().take(20) {
        writeln!(
            out,
            "  {:<13} {} ({}×, posts {})",
            a.role,
            mask_secrets(&a.value),
            a.count,
            a.posts.iter().take(6).map(i64::to_string).collect::<Vec<_>>().join(" ")
        )?;
    }
    for (time, post, name, words, _, m) in &timeline {
        writeln!(
            out,
            "  {}  post {post:<6} mention {:<6} {:<16} [{}{}] {}",
            day(*time),
            m.id,
            fit(name, 16),
            m.modality,
            if m.label_id.is_some() { ", corrected" } else { "" },
            fit(&words.replace('\n', " "), 120)
        )?;
        let carried: Vec<String> = known
            .why
            .get(&m.id)
            .into_iter()
            .flatten()
            .filter_map(|w| {
                Some(format!("{} {:.2}", mask_secrets(w.span.slice(&by_id.get(post)?.text)?), w.weight))
            })
            .collect();
        if !carried.is_empty() {
            writeln!(out, "              because of {}", carried.join(", "))?;
        }
    }
    Ok(())
}
