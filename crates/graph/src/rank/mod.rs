//! Key hackers: structure and content, as a sum of named parts.
//!
//! What [`structure`] sees of who turns to whom, joined with what an account provides. Each part is scaled to 0..1 over the
//! ranked accounts and has a fixed weight; an account's score is the sum of its parts, so that every rank can be explained.
//! [`hackerrank`] holds the published method that this one is compared with.

pub mod hackerrank;
pub mod quality;
pub mod structure;

use crate::{GraphError, Interactions};
use std::collections::BTreeMap;
pub use structure::{RankedName, rank_interactions};
use tm_model::{EventType, Modality, Timestamp};

/// An edge: `from` gives `weight` of its attention to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Source node.
    pub from: u32,
    /// Target node.
    pub to: u32,
    /// Above zero; other edges are ignored.
    pub weight: f64,
}

/// What ranking needs to know of a post.
#[derive(Debug, Clone, PartialEq)]
pub struct PostFacts {
    /// Author.
    pub account: i64,
    /// Thread.
    pub thread: i64,
    /// True for the first post of its thread.
    pub starts: bool,
    /// Time.
    pub time: Option<Timestamp>,
    /// Code points.
    pub length: u32,
    /// Probability of relevance.
    pub relevance: f32,
    /// Indicators in it.
    pub indicators: u32,
    /// Events in it.
    pub events: Vec<(EventType, Modality)>,
    /// Account that it answers.
    pub answers: Option<i64>,
    /// Accounts that it quotes.
    pub quotes: Vec<i64>,
    /// Accounts that it mentions.
    pub mentions: Vec<i64>,
}

/// A ranked account.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The account.
    pub account: i64,
    /// From 1.
    pub rank: u32,
    /// Sum of the parts, 0 to 1.
    pub score: f64,
    /// Named parts.
    pub parts: Vec<(String, f64)>,
    /// Answers, quotes and mentions received.
    pub answers: u64,
    /// Community, numbered from 0 by size; the numbers mean nothing beyond this ranking.
    pub community: u32,
    /// How evenly its exchange is spread over communities, 0 to 1.
    pub spread: f64,
}

/// Names and weights of the parts that come from content. Those of [`structure::PARTS`] stand before them with
/// [`STRUCTURE`] of their weight.
pub const CONTENT: [(&str, f64); 3] = [("provision", 0.20), ("events", 0.10), ("knowledge", 0.10)];
/// What structure weighs beside content.
pub const STRUCTURE: f64 = 0.6;

/// Weight of a reply, a quote, a mention, and of writing in somebody's thread without answering anybody in particular.
const REPLY: f64 = 1.0;
const QUOTE: f64 = 1.2;
const MENTION: f64 = 0.7;
const SAME_THREAD: f64 = 0.4;

/// Edges between accounts (as positions in `accounts`): who gives attention to whom. Repetition counts logarithmically, so
/// that one pair that answers each other a thousand times does not outweigh ten strangers.
pub fn interaction_edges(posts: &[PostFacts], accounts: &[i64]) -> Vec<Edge> {
    let place: BTreeMap<i64, u32> = accounts.iter().enumerate().map(|(i, a)| (*a, i as u32)).collect();
    let mut starters: BTreeMap<i64, i64> = BTreeMap::new();
    for p in posts.iter().filter(|p| p.starts) {
        starters.entry(p.thread).or_insert(p.account);
    }
    let mut weights: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for p in posts {
        let Some(&from) = place.get(&p.account) else { continue };
        let mut add = |to: i64, weight: f64| {
            if let Some(&to) = place.get(&to).filter(|&&to| to != from) {
                *weights.entry((from, to)).or_default() += weight;
            }
        };
        p.answers.into_iter().for_each(|to| add(to, REPLY));
        p.quotes.iter().for_each(|&to| add(to, QUOTE));
        p.mentions.iter().for_each(|&to| add(to, MENTION));
        if p.answers.is_none() && p.quotes.is_empty() {
            starters.get(&p.thread).into_iter().for_each(|&to| add(to, SAME_THREAD));
        }
    }
    weights.into_iter().map(|((from, to), w)| Edge { from, to, weight: (1.0 + w).ln() }).collect()
}

/// The posts as interactions between positions in `accounts`, the thread as topic.
fn interactions(posts: &[PostFacts], accounts: &[i64]) -> Interactions {
    let place = |a: i64| accounts.binary_search(&a).ok().map(|i| i as u32);
    let mut starters: BTreeMap<i64, i64> = BTreeMap::new();
    for p in posts.iter().filter(|p| p.starts) {
        starters.entry(p.thread).or_insert(p.account);
    }
    let mut list = Interactions::default();
    for p in posts {
        let Some(from) = place(p.account) else { continue };
        let mut add = |to: i64, weight: f64| {
            if let Some(to) = place(to).filter(|to| *to != from) {
                list.add(from, to, weight as f32, p.time.map(|t| t.0), None);
            }
        };
        p.answers.into_iter().for_each(|to| add(to, REPLY));
        p.quotes.iter().for_each(|&to| add(to, QUOTE));
        p.mentions.iter().for_each(|&to| add(to, MENTION));
        if p.answers.is_none() && p.quotes.is_empty() {
            starters.get(&p.thread).into_iter().for_each(|&to| add(to, SAME_THREAD));
        }
    }
    list
}

/// Ranks the authors of `posts`, best first; ties by account.
///
/// # Errors
/// [`GraphError`] when there are more interactions than a graph holds.
pub fn rank(posts: &[PostFacts]) -> Result<Vec<Ranked>, GraphError> {
    let mut accounts: Vec<i64> = posts.iter().map(|p| p.account).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let n = accounts.len();
    let place = |a: i64| accounts.binary_search(&a).ok();
    let (mut provision, mut events, mut knowledge) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut answers = vec![0u64; n];
    for p in posts {
        let Some(i) = place(p.account) else { continue };
        let relevance = f64::from(p.relevance);
        // Long posts show effort, indicators show substance; both only where the post is about threats at all.
        knowledge[i] +=
            relevance * ((1.0 + f64::from(p.length)).ln() / 8.0 + (1.0 + f64::from(p.indicators)).ln());
        for (kind, modality) in &p.events {
            let certain = match modality {
                Modality::Asserted => 1.0,
                Modality::Planned => 0.7,
                Modality::Hypothetical => 0.3,
                Modality::Asked | Modality::Negated => 0.0,
            };
            events[i] += 0.2 + certain;
            use EventType as E;
            // Who offers, shares, leaks or attacks provides; who buys or asks does not.
            if matches!(
                kind,
                E::Sell | E::Release | E::Update | E::Leak | E::Ddos | E::Intrusion | E::Ransom | E::Malware
            ) {
                provision[i] += certain;
            }
        }
        for to in p.answers.iter().chain(&p.quotes).chain(&p.mentions).filter(|to| **to != p.account) {
            if let Some(i) = place(*to) {
                answers[i] += 1;
            }
        }
    }
    let mut list = interactions(posts, &accounts);
    list.reserve_accounts(n as u32);
    let found = structure::signals(&list)?;
    // Content is what anybody can write: it counts by the credit of who wrote it, so that a spammer's offers do not.
    for (i, credit) in found.credit.iter().enumerate().take(n) {
        for values in [&mut provision, &mut events, &mut knowledge] {
            values[i] *= credit;
        }
    }
    for values in [&mut provision, &mut events, &mut knowledge] {
        structure::scale(values, 99.0);
    }
    let mut ranked: Vec<Ranked> = (0..n)
        .map(|i| {
            // Rounded before they are added, so that what is shown adds up.
            let part = |name: &str, v: f64| (name.to_owned(), (v * 1e4).round() / 1e4);
            let content = CONTENT.iter().zip([provision[i], events[i], knowledge[i]]);
            let parts: Vec<(String, f64)> = structure::PARTS
                .iter()
                .zip(found.signals[i])
                .map(|((name, weight), v)| part(name, v * weight * STRUCTURE))
                .chain(content.map(|((name, weight), v)| part(name, v * weight)))
                .collect();
            let score = (parts.iter().map(|p| p.1).sum::<f64>() * 1e4).round() / 1e4;
            Ranked {
                account: accounts[i],
                rank: 0,
                score,
                parts,
                answers: answers[i],
                community: found.community[i],
                spread: found.spread[i],
            }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.account.cmp(&b.account)));
    for (i, r) in ranked.iter_mut().enumerate() {
        r.rank = i as u32 + 1;
    }
    Ok(ranked)
}

/// Of each account: quarter, rank, ranked accounts, score.
pub type History = BTreeMap<i64, Vec<(String, u32, u32, f64)>>;

/// Rank at the end of each quarter, counting posts up to then: account → (quarter, rank, ranked accounts, score).
///
/// # Errors
/// [`GraphError`] when there are more interactions than a graph holds.
pub fn history(posts: &[PostFacts]) -> Result<History, GraphError> {
    let mut sorted: Vec<&PostFacts> = posts.iter().filter(|p| p.time.is_some()).collect();
    sorted.sort_by_key(|p| p.time);
    let mut result = History::new();
    let mut quarters: Vec<(String, usize)> = Vec::new();
    for (i, p) in sorted.iter().enumerate() {
        let label = p.time.map(Timestamp::quarter).unwrap_or_default();
        match quarters.last_mut() {
            Some((last, end)) if *last == label => *end = i + 1,
            _ => quarters.push((label, i + 1)),
        }
    }
    // A forum of twenty years would be ranked eighty times: the last sixteen quarters are what a chart can show.
    for (label, end) in quarters.iter().rev().take(16).rev() {
        let upto: Vec<PostFacts> = sorted[..*end].iter().map(|p| (*p).clone()).collect();
        let ranked = rank(&upto)?;
        let of = ranked.len() as u32;
        for r in ranked {
            result.entry(r.account).or_default().push((label.clone(), r.rank, of, r.score));
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(
        account: i64,
        thread: i64,
        starts: bool,
        relevance: f32,
        events: &[(EventType, Modality)],
    ) -> PostFacts {
        PostFacts {
            account,
            thread,
            starts,
            time: Some(Timestamp(1_750_000_000 + thread * 86_400 * 70)),
            length: 100,
            relevance,
            indicators: 0,
            events: events.to_vec(),
            answers: None,
            quotes: Vec::new(),
            mentions: Vec::new(),
        }
    }

    fn forum() -> Vec<PostFacts> {
        let sale = [(EventType::Sell, Modality::Asserted)];
        let mut posts = vec![post(1, 1, true, 0.9, &sale), post(2, 2, true, 0.0, &[])];
        // Account 1 sells and four others answer; account 2 chats, and account 7 answers it thirty times.
        posts.extend((3..7).map(|a| post(a, 1, false, 0.3, &[])));
        posts.extend((0..30).map(|_| post(7, 2, false, 0.0, &[])));
        posts
    }

    #[test]
    fn who_provides_and_is_answered_leads() {
        let ranked = rank(&forum()).unwrap();
        assert_eq!(ranked[0].account, 1);
        for r in &ranked {
            assert!((r.parts.iter().map(|p| p.1).sum::<f64>() - r.score).abs() < 1e-9);
            assert!((0.0..=1.0).contains(&r.score));
        }
    }

    #[test]
    fn one_tireless_answerer_lifts_nobody() {
        let of = |posts: &[PostFacts], account| {
            rank(posts).unwrap().iter().find(|r| r.account == account).unwrap().rank
        };
        assert!(of(&forum(), 1) < of(&forum(), 2));
    }

    #[test]
    fn history_has_each_quarter_once() {
        let history = history(&forum()).unwrap();
        let labels: Vec<&str> = history[&7].iter().map(|h| h.0.as_str()).collect();
        assert_eq!(labels, ["2025 Q4"]);
        assert_eq!(history[&1].len(), 2);
    }
}
