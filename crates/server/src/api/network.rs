//! Who turns to whom.

use super::decisions::marks;
use super::{Answer, ApiError, App, Asked};
use crate::AppState;
use crate::access::VIEW;
use crate::gather::post_facts;
use crate::route::Route;
use crate::view::round;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::Method;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tm_graph::rank::{PostFacts, interaction_edges};
use tm_store::{AccountRow, PostFilter};
use tokio::sync::Mutex;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/api/v1/network", VIEW, "network", get(network))
            .says("Accounts by rank and who turns to whom among them")
            .query(&[
                ("limit", "integer", "accounts, at most 5,000; 1,000 unless said"),
                ("forum", "string", "forum's name"),
                ("community", "integer", "only this community"),
            ])
            .answers("Network"),
    ]
}

/// Accounts of a network at most, and unless said.
const MOST: u32 = 5000;
const USUAL: u32 = 1000;
/// Accounts that are looked through for those of a community.
const LOOKED: u32 = 20_000;

/// One account turns to another.
#[derive(Debug, Clone, Copy)]
struct Tie {
    from: i64,
    to: i64,
    /// Answers, quotes and mentions.
    count: u64,
    /// As ranking weighs them.
    weight: f64,
}

/// All ties of the store, by `from` and `to`.
#[derive(Debug, Default)]
pub(crate) struct Tied {
    ties: Vec<Tie>,
    /// Positions in `ties`, by `to`.
    incoming: Vec<u32>,
}

/// The ties of the last conclusion. They come from every post, so that they are read once and not for each request.
#[derive(Debug, Default)]
pub(crate) struct Ties(Mutex<Option<(i64, Arc<Tied>)>>);

/// The ties of the store.
pub(super) async fn ties(app: &AppState) -> Result<Arc<Tied>, ApiError> {
    let pulse = app.store.pulse().await?;
    // Before the first conclusion posts alone say how old they are.
    let age = if pulse.conclusions > 0 {
        i64::try_from(pulse.conclusions).unwrap_or(0)
    } else {
        -pulse.newest_post
    };
    // Who comes while they are read waits for them.
    let mut kept = app.ties.0.lock().await;
    if let Some((at, tied)) = &*kept
        && *at == age
    {
        return Ok(Arc::clone(tied));
    }
    let facts = post_facts(app.store.interactions().await?);
    let tied = tokio::task::spawn_blocking(move || Tied::of_facts(&facts))
        .await
        .map_err(|e| ApiError::Failed(e.to_string()))?;
    let tied = Arc::new(tied);
    *kept = Some((age, Arc::clone(&tied)));
    Ok(tied)
}

impl Tied {
    fn of_facts(facts: &[PostFacts]) -> Tied {
        let mut counts: BTreeMap<(i64, i64), (u64, f64)> = BTreeMap::new();
        let mut all: BTreeSet<i64> = BTreeSet::new();
        for f in facts {
            all.insert(f.account);
            for to in f.answers.iter().chain(&f.quotes).chain(&f.mentions).filter(|to| **to != f.account) {
                all.insert(*to);
                counts.entry((f.account, *to)).or_default().0 += 1;
            }
        }
        let all: Vec<i64> = all.into_iter().collect();
        for e in interaction_edges(facts, &all) {
            counts.entry((all[e.from as usize], all[e.to as usize])).or_default().1 = e.weight;
        }
        let ties: Vec<Tie> =
            counts.into_iter().map(|((from, to), (count, weight))| Tie { from, to, count, weight }).collect();
        let mut incoming: Vec<u32> = (0..ties.len() as u32).collect();
        incoming.sort_by_key(|i| (ties[*i as usize].to, ties[*i as usize].from));
        Tied { ties, incoming }
    }

    fn out_of(&self, account: i64) -> &[Tie] {
        let begin = self.ties.partition_point(|t| t.from < account);
        let end = self.ties.partition_point(|t| t.from <= account);
        &self.ties[begin..end]
    }

    /// With whom an account has to do: how often it turned to them, how often they turned to it.
    pub(super) fn of(&self, account: i64) -> BTreeMap<i64, (u64, u64)> {
        let mut out: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for t in self.out_of(account).iter().filter(|t| t.count > 0) {
            out.entry(t.to).or_default().0 += t.count;
        }
        let to = |i: &u32| self.ties[*i as usize].to;
        let begin = self.incoming.partition_point(|i| to(i) < account);
        let end = self.incoming.partition_point(|i| to(i) <= account);
        for t in self.incoming[begin..end].iter().map(|i| self.ties[*i as usize]).filter(|t| t.count > 0) {
            out.entry(t.from).or_default().1 += t.count;
        }
        out
    }

    /// The ties among these accounts.
    fn among(&self, accounts: &[AccountRow]) -> Vec<Value> {
        let inside: BTreeSet<i64> = accounts.iter().map(|a| a.id).collect();
        inside
            .iter()
            .flat_map(|id| self.out_of(*id))
            .filter(|t| t.weight > 0.0 && inside.contains(&t.to))
            .map(|t| json!({"from": t.from, "to": t.to, "weight": round(t.weight)}))
            .collect()
    }
}

/// The network of the overview: the first accounts.
pub(super) async fn of_top(app: &AppState, most: u32) -> Result<Value, ApiError> {
    let filter = PostFilter { sort: "rank".into(), limit: most, ..PostFilter::default() };
    let (_, top) = app.store.accounts(&filter).await?;
    let nodes: Vec<Value> = top
        .iter()
        .map(|a| {
            let s = a.standing.as_ref().map(|s| &s.standing);
            json!({"id": a.id, "name": a.name, "forum": a.forum, "rank": s.map_or(0, |s| s.rank), "score": s.map_or(0.0, |s| s.score)})
        })
        .collect();
    Ok(json!({"nodes": nodes, "edges": ties(app).await?.among(&top)}))
}

async fn network(State(app): App, Query(a): Query<Asked>) -> Answer {
    let most = a.limit.unwrap_or(USUAL).clamp(1, MOST);
    let community: Option<u32> = Asked::parsed(&a.community)?;
    let filter = PostFilter {
        forum: Asked::text(&a.forum),
        sort: "rank".into(),
        limit: if community.is_some() { LOOKED } else { most },
        ..PostFilter::default()
    };
    let (_, mut rows) = app.store.accounts(&filter).await?;
    let of = |a: &AccountRow| a.standing.as_ref().and_then(|s| s.community);
    rows.retain(|a| a.standing.is_some() && (community.is_none() || of(a) == community));
    rows.truncate(most as usize);
    let marks: HashMap<i64, _> = marks(&app).await?;
    let nodes: Vec<Value> = rows
        .iter()
        .map(|a| {
            let s = a.standing.as_ref();
            json!({"id": a.id, "name": a.name, "forum": a.forum, "rank": s.map(|s| s.standing.rank),
                "score": s.map_or(0.0, |s| s.standing.score), "community": of(a),
                "role": s.and_then(|s| s.roles.first()).map(|r| &r.role), "mark": marks.get(&a.id).map(|m| &m.mark)})
        })
        .collect();
    Ok(Json(json!({"nodes": nodes, "edges": ties(&app).await?.among(&rows)})))
}
