//! Judging what was analysed, and trying a rule on the past.

use super::{facts::facts, watchlist};
use crate::view::round;
use std::collections::{BTreeSet, HashSet};
use tm_model::{Post, Span, Timestamp, mask_secrets};
use tm_notify::{BurstWhen, Facts, Matcher, Ring, Watchlist, When, slot};
use tm_store::{AccountRow, AlertRound, NewAlert, PostFilter, RuleRow, Store, StoreError, WatchlistRow};

/// Posts that are judged together.
const BATCH: u32 = 256;
/// Posts that a trial, or a rule that learns what was usual, looks back at.
const BACK: usize = 20_000;
/// Posts that are read together when looking back.
const PAGE: u32 = 2_000;
/// Severity of a burst: nothing in it says how grave it is.
const BURST_SEVERITY: f64 = 0.5;

/// A rule that is ready.
struct Ready {
    row: RuleRow,
    matcher: Matcher,
}

/// Judges the posts that were analysed and that no rule has judged; `now` is the time that alerts carry. The number of new
/// alerts comes back. A kill at any moment loses and doubles nothing: alerts, deliveries and what is judged are one
/// transaction a batch.
///
/// # Errors
/// [`StoreError`] when the store fails.
pub async fn judge(store: &dyn Store, now: Timestamp) -> Result<u64, StoreError> {
    let rules: Vec<RuleRow> = store.rules().await?.into_iter().filter(|r| r.enabled).collect();
    let lists = lists(&store.watchlists().await?);
    let mut ready: Vec<Ready> = Vec::new();
    for row in rules {
        let matcher = When::parse(&row.conditions).and_then(|when| Matcher::new(&when, &lists));
        match matcher {
            Ok(matcher) => ready.push(Ready { row, matcher }),
            Err(error) => tracing::warn!(rule = row.name, %error, "a rule cannot be judged"),
        }
    }
    for rule in ready.iter_mut().filter(|r| !r.row.primed) {
        prime(store, &rule.matcher, &rule.row, now).await?;
    }
    let mut rung = 0;
    let queries = queries(ready.iter().map(|r| r.matcher.when()));
    loop {
        let ids = store.unjudged(BATCH).await?;
        if ids.is_empty() {
            break;
        }
        let posts = if ready.is_empty() { Vec::new() } else { by_id(store, &ids).await? };
        let mut round = AlertRound { now, judged: ids, ..AlertRound::default() };
        for post in facts(store, posts, &queries).await? {
            for Ready { row, matcher } in &ready {
                let rings = matcher.judge(&post, now);
                if matcher.when().burst.is_some() {
                    round.hits.extend((!rings.is_empty()).then(|| (row.id, post.post, moment(&post, now))));
                } else {
                    round.alerts.extend(rings.iter().map(|ring| alert(row, &post, ring, now)));
                }
            }
        }
        rung += store.record_alerts(&round).await?.len() as u64;
    }
    for Ready { row, matcher } in &ready {
        if let Some(burst) = &matcher.when().burst {
            rung += bursting(store, row, burst, now).await?;
        }
        if let Some(key) = matcher.when().key_hacker {
            let top = key_hackers(store, key.top, &matcher.when().forums).await?;
            let alerts = top.iter().map(|a| key_alert(row, a, now)).collect();
            rung +=
                store.record_alerts(&AlertRound { now, alerts, ..AlertRound::default() }).await?.len() as u64;
        }
    }
    Ok(rung)
}

/// Watchlists as rules read them; one that cannot be read is left out and told.
fn lists(rows: &[WatchlistRow]) -> Vec<Watchlist> {
    rows.iter()
        .filter_map(|row| {
            watchlist(row)
                .map_err(|error| tracing::warn!(name = row.name, error, "a watchlist cannot be read"))
                .ok()
        })
        .collect()
}

fn queries<'a>(rules: impl Iterator<Item = &'a When>) -> BTreeSet<String> {
    rules.filter_map(|w| w.query.clone()).collect()
}

async fn by_id(store: &dyn Store, ids: &[i64]) -> Result<Vec<Post>, StoreError> {
    let mut posts = store.posts(&PostFilter { ids: Some(ids.to_vec()), ..PostFilter::default() }).await?;
    posts.sort_by_key(|p| p.id);
    Ok(posts)
}

/// When a post counts for a rate: forums show times that lie ahead.
fn moment(post: &Facts, now: Timestamp) -> Timestamp {
    post.time.map_or(now, |t| t.min(now))
}

/// Sentence around a place, secrets masked.
fn evidence(post: &Facts, span: Span) -> (Span, String) {
    let text = mask_secrets(&post.text);
    let sentence = tm_extract::sentence_around(&text, span);
    (span, sentence.slice(&text).unwrap_or("").to_owned())
}

fn alert(row: &RuleRow, post: &Facts, ring: &Ring, now: Timestamp) -> NewAlert {
    NewAlert {
        title: shorten(&mask_secrets(&ring.title)),
        severity: round(ring.severity),
        posted: post.time,
        threat: ring.threat.clone(),
        post: Some(post.post),
        account: post.author.as_ref().map(|a| a.0),
        evidence: Some(evidence(post, ring.span)),
        ..new(row, ring.key.clone(), now)
    }
}

/// An alert with what follows from its rule.
fn new(row: &RuleRow, key: String, now: Timestamp) -> NewAlert {
    // A digest that cannot be read is none: better at once than never.
    let digest = row.digest.parse().unwrap_or(tm_notify::Digest::Now);
    let notify = row.channels.iter().map(|channel| {
        let (key, due) = slot(digest, row.id, *channel, now);
        (*channel, key, due)
    });
    NewAlert {
        rule: row.id,
        rule_name: row.name.clone(),
        key,
        title: String::new(),
        severity: 0.0,
        posted: None,
        threat: None,
        post: None,
        account: None,
        evidence: None,
        notify: notify.collect(),
    }
}

fn shorten(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out: String = flat.chars().take(300).collect();
    if flat.chars().nth(300).is_some() {
        out.push('…');
    }
    out
}

fn key_alert(row: &RuleRow, a: &AccountRow, now: Timestamp) -> NewAlert {
    let standing = a.standing.as_ref().map(|s| (s.standing.rank, s.standing.score));
    let (rank, score) = standing.unwrap_or((0, 0.0));
    NewAlert {
        title: shorten(&format!("new key hacker: {} of {}, rank {rank}", mask_secrets(&a.name), a.forum)),
        severity: score.clamp(0.0, 1.0),
        posted: a.last,
        account: Some(a.id),
        ..new(row, format!("account:{}", a.id), now)
    }
}

async fn key_hackers(store: &dyn Store, top: u32, forums: &[String]) -> Result<Vec<AccountRow>, StoreError> {
    let best = PostFilter { sort: "rank".into(), limit: top, ..PostFilter::default() };
    let (_, mut rows) = store.accounts(&best).await?;
    rows.retain(|a| {
        a.standing.as_ref().is_some_and(|s| s.standing.rank <= top)
            && (forums.is_empty() || forums.iter().any(|f| f.trim().to_lowercase() == a.forum.to_lowercase()))
    });
    Ok(rows)
}

/// Tells a rule about states or rates what was there before it.
async fn prime(
    store: &dyn Store,
    matcher: &Matcher,
    row: &RuleRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut round = AlertRound { now, primed: vec![row.id], ..AlertRound::default() };
    if let Some(key) = matcher.when().key_hacker {
        let top = key_hackers(store, key.top, &matcher.when().forums).await?;
        round.known = top.iter().map(|a| (row.id, format!("account:{}", a.id))).collect();
    }
    if let Some(burst) = matcher.when().burst {
        let since = Timestamp(now.0.saturating_sub(burst.memory()));
        past(store, matcher, since, now, |post, rings| {
            if !rings.is_empty() {
                round.hits.push((row.id, post.post, moment(post, now)));
            }
        })
        .await?;
    }
    store.record_alerts(&round).await?;
    Ok(())
}

async fn bursting(
    store: &dyn Store,
    row: &RuleRow,
    burst: &BurstWhen,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let hits = store.rule_hits(row.id, Timestamp(now.0.saturating_sub(burst.memory()))).await?;
    let Some(found) = burst.judge(&hits, now, store.last_rung(row.id).await?) else { return Ok(0) };
    let posts = by_id(store, &[found.post]).await?;
    let Some(post) = facts(store, posts, &BTreeSet::new()).await?.pop() else { return Ok(0) };
    let alert = burst_alert(row, burst, &found, &post, now);
    Ok(store.record_alerts(&AlertRound { now, alerts: vec![alert], ..AlertRound::default() }).await?.len()
        as u64)
}

fn burst_alert(
    row: &RuleRow,
    when: &BurstWhen,
    found: &tm_notify::Burst,
    post: &Facts,
    now: Timestamp,
) -> NewAlert {
    NewAlert {
        title: shorten(&format!(
            "burst: {} posts in {} h, {:.1} were usual: {}",
            found.count,
            when.hours,
            found.expected,
            mask_secrets(&post.title)
        )),
        severity: BURST_SEVERITY,
        posted: post.time,
        post: Some(post.post),
        account: post.author.as_ref().map(|a| a.0),
        evidence: Some(evidence(post, Span::new(0, 0))),
        ..new(row, format!("burst:{}", now.0), now)
    }
}

/// Judges the posts since then, newest first; whether all of them were looked at comes back.
async fn past(
    store: &dyn Store,
    matcher: &Matcher,
    since: Timestamp,
    now: Timestamp,
    mut each: impl FnMut(&Facts, Vec<Ring>),
) -> Result<bool, StoreError> {
    let queries = queries([matcher.when()].into_iter());
    let mut offset = 0;
    while (offset as usize) < BACK {
        let page = PostFilter { offset, limit: PAGE, ..PostFilter::default() };
        let mut posts = store.posts(&page).await?;
        offset += PAGE;
        let read = posts.len();
        posts.retain(|p| p.time.is_some_and(|t| t >= since));
        let end = posts.len() < read || read < PAGE as usize;
        for post in facts(store, posts, &queries).await? {
            let rings = matcher.judge(&post, now);
            each(&post, rings);
        }
        if end {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a rule would have rung for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// From when on.
    pub since: Timestamp,
    /// Whether all posts since then were looked at; with very many only the newest are.
    pub complete: bool,
    /// What would have rung, newest first.
    pub alerts: Vec<NewAlert>,
}

/// Tries a rule on the last `days` before `now`. Nothing is stored.
///
/// # Errors
/// [`StoreError`] when the store fails; inside, what is wrong with the rule.
pub async fn trial(
    store: &dyn Store,
    row: &RuleRow,
    days: u32,
    now: Timestamp,
) -> Result<Result<Trial, tm_notify::RuleError>, StoreError> {
    let lists = lists(&store.watchlists().await?);
    let matcher = match When::parse(&row.conditions).and_then(|when| Matcher::new(&when, &lists)) {
        Ok(matcher) => matcher,
        Err(error) => return Ok(Err(error)),
    };
    let since = Timestamp(now.0.saturating_sub(i64::from(days) * 86_400));
    let mut out = Trial { since, complete: true, alerts: Vec::new() };
    if let Some(key) = matcher.when().key_hacker {
        // Who was not among them at the end of the quarter before.
        for a in key_hackers(store, key.top, &matcher.when().forums).await? {
            let history = a.standing.as_ref().map(|s| s.history.as_slice()).unwrap_or_default();
            let before = history.iter().rev().nth(1);
            if before.is_none_or(|(_, rank, ..)| *rank > key.top) {
                out.alerts.push(key_alert(row, &a, now));
            }
        }
        return Ok(Ok(out));
    }
    if let Some(burst) = matcher.when().burst {
        let mut hits: Vec<(i64, Timestamp)> = Vec::new();
        let from = Timestamp(since.0.saturating_sub(burst.memory()));
        out.complete = past(store, &matcher, from, now, |post, rings| {
            if !rings.is_empty() {
                hits.push((post.post, moment(post, now)));
            }
        })
        .await?;
        hits.sort_unstable_by_key(|h| (h.1, h.0));
        let mut last = None;
        for (n, (_, time)) in hits.iter().enumerate().filter(|h| h.1.1 >= since) {
            let Some(found) = burst.judge(&hits[..=n], *time, last) else { continue };
            last = Some(*time);
            let posts = by_id(store, &[found.post]).await?;
            for post in facts(store, posts, &BTreeSet::new()).await? {
                out.alerts.insert(0, burst_alert(row, &burst, &found, &post, *time));
            }
        }
        return Ok(Ok(out));
    }
    let mut seen = HashSet::new();
    let mut found: Vec<NewAlert> = Vec::new();
    out.complete = past(store, &matcher, since, now, |post, rings| {
        found.extend(rings.iter().map(|ring| alert(row, post, ring, now)));
    })
    .await?;
    // The first post of a subject is the one that would have rung.
    out.alerts = found.into_iter().rev().filter(|a| seen.insert(a.key.clone())).collect();
    out.alerts.reverse();
    Ok(Ok(out))
}
