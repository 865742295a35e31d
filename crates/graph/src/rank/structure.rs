//! Ranking by interactions alone: who is turned to, by whom, over how long.
//!
//! What an account does itself costs nothing, and accounts are cheap: a score that counts posts, answers given, or answers
//! received from anybody can be bought. Here an answer counts as much as who gives it has earned: *credit* is given by being
//! turned to from outside one's own community, so that a ring of accounts that answer one another earns none, however
//! dense it is. Time does the rest: a score grows with the number of separate periods in which somebody is turned to and in
//! which somebody new comes, which one huge thread or a night of bumping cannot give.

use crate::csr::{EdgeList, Graph, GraphError};
use crate::interactions::Interactions;
use crate::{
    LeidenOptions, PageRankOptions, SamplingOptions, betweenness, leiden, pagerank, participation,
    sampled_betweenness,
};
use std::collections::BTreeMap;

/// Names and weights of the parts. The weights were chosen on the generated forums of `benches/ranking.rs`.
pub const PARTS: [(&str, f64); 7] = [
    ("structure", 0.12),
    ("audience", 0.12),
    ("core", 0.10),
    ("mutual", 0.14),
    ("brokerage", 0.16),
    ("persistence", 0.08),
    ("renewal", 0.28),
];

/// Unscaled values of an account, in the order of [`PARTS`].
pub type Signals = [f64; 7];

/// Who has no credit still counts a little: everybody begins so.
const BEGINNER: f64 = 0.1;
/// Accounts from outside that have to turn to somebody for full credit.
const FULL_CREDIT: f64 = 3.0;
/// Accounts up to which betweenness is exact.
const EXACT: usize = 2000;
/// Periods into which the time between first and last interaction is cut, and the shortest one, in seconds.
const PERIODS: i64 = 48;
const SHORTEST: i64 = 86_400;

/// Scales to 0..1 by the logarithm: activity is heavy-tailed, and a linear scale would leave one account at one and all
/// others at nothing.
pub(crate) fn scale(values: &mut [f64], spread: f64) {
    let max = values.iter().copied().fold(0.0f64, f64::max);
    for v in values.iter_mut() {
        *v = if max > 0.0 { (spread * *v / max).ln_1p() / spread.ln_1p() } else { 0.0 };
    }
}

/// What is computed on the way and of use beside the score.
#[derive(Debug, Clone, Default)]
pub struct Structure {
    /// Scaled values, 0 to 1, in the order of [`PARTS`].
    pub signals: Vec<Signals>,
    /// Credit of each account, 0 to 1.
    pub credit: Vec<f64>,
    /// Community of each account.
    pub community: Vec<u32>,
    /// How evenly each account's exchange is spread over communities, 0 to 1.
    pub spread: Vec<f64>,
}

/// The h-index (Hirsch 2005; of neighbours' degrees Korn, Schubert, Telcs 2009): the largest h such that h of them are at least h (interpolated between whole numbers).
fn h_index(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut h = 0.0f64;
    for (i, v) in values.iter().enumerate() {
        h = h.max(v.min((i + 1) as f64));
    }
    h
}

/// Signals of each account.
///
/// # Errors
/// [`GraphError`] when there are more interactions than a graph holds.
pub fn signals(list: &Interactions) -> Result<Structure, GraphError> {
    let n = list.accounts();
    let graph = Graph::new(n, list.edges())?;
    // Repetition counts logarithmically: one pair that answers each other a thousand times does not outweigh ten strangers.
    let mut damped = EdgeList::with_capacity(graph.edges());
    for v in 0..n {
        for (u, w) in graph.out().weighted(v) {
            damped.push(v as u32, u as u32, w.ln_1p() as f32);
        }
    }
    drop(graph);
    let graph = Graph::new(n, damped)?;
    let undirected = graph.undirected();
    let community = leiden(&undirected, &LeidenOptions::default()).of;

    let credit: Vec<f64> = (0..n)
        .map(|v| {
            let outside =
                graph.incoming().of(v).iter().filter(|u| community[**u as usize] != community[v]).count();
            BEGINNER + (1.0 - BEGINNER) * ((outside as f64).ln_1p() / FULL_CREDIT.ln_1p()).min(1.0)
        })
        .collect();

    let rank = pagerank(&graph, &credit, &PageRankOptions::default());
    let mut signals: Vec<Signals> = vec![[0.0; 7]; n];
    for v in 0..n {
        signals[v][0] = rank[v];
        signals[v][1] = graph.incoming().of(v).iter().map(|u| credit[*u as usize]).sum();
        // Partners who turn to each other: both rows ascend.
        let (mut a, mut b) = (graph.out().of(v).iter().peekable(), graph.incoming().of(v).iter().peekable());
        while let (Some(&&x), Some(&&y)) = (a.peek(), b.peek()) {
            match x.cmp(&y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    signals[v][3] += credit[x as usize];
                    a.next();
                    b.next();
                }
            }
        }
    }
    let mut audiences: Vec<f64> = Vec::new();
    for v in 0..n {
        audiences.clear();
        audiences.extend(graph.incoming().of(v).iter().map(|u| signals[*u as usize][1]));
        signals[v][2] = h_index(&mut audiences);
    }
    let between: Vec<f64> = if n <= EXACT {
        let pairs = (n as f64 * (n as f64 - 1.0)).max(1.0);
        betweenness(&graph).into_iter().map(|b| b / pairs).collect()
    } else {
        // Enough to tell who stands between at all; more would only sharpen the order of those who do.
        sampled_betweenness(
            &graph,
            &SamplingOptions { error: 0.003, most: 1 << 16, ..SamplingOptions::default() },
        )
        .share
    };
    let spread = participation(&undirected, &community);
    for (v, spread) in spread.iter().enumerate() {
        signals[v][4] = between[v].sqrt() * credit[v] + 0.02 * spread * signals[v][3].ln_1p();
    }
    drop((graph, undirected));
    over_time(list, n, &credit, &mut signals);
    for part in 0..7 {
        let mut column: Vec<f64> = signals.iter().map(|s| s[part]).collect();
        scale(&mut column, 30.0);
        column.into_iter().zip(&mut signals).for_each(|(x, s)| s[part] = x);
    }
    Ok(Structure { signals, credit, community, spread })
}

/// Persistence and renewal: in how many periods an account is turned to, and in how many somebody comes who never did
/// before. Within a period the credit of those who come counts logarithmically: ten in one night are not ten months.
fn over_time(list: &Interactions, n: usize, credit: &[f64], signals: &mut [Signals]) {
    let times = || (0..list.len()).filter_map(|i| list.time(i));
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return };
    let length = ((last - first) / PERIODS).max(SHORTEST);
    let other = |i: &u32| list.from[*i as usize] != list.to[*i as usize];
    let mut order: Vec<u32> =
        (0..list.len() as u32).filter(|i| list.time(*i as usize).is_some()).filter(other).collect();
    order
        .sort_unstable_by_key(|i| (list.to[*i as usize], list.time(*i as usize), list.from[*i as usize], *i));
    // For each account whom it last turned to at all, and in which period.
    let mut last_to = vec![(u32::MAX, i64::MIN); n];
    let (mut who, mut period) = (u32::MAX, i64::MIN);
    let (mut came, mut new) = (0.0f64, 0.0f64);
    let mut close = |who: u32, came: f64, new: f64| {
        if let Some(s) = signals.get_mut(who as usize) {
            s[5] += came.ln_1p();
            s[6] += new.ln_1p();
        }
    };
    for i in order {
        let (from, to) = (list.from[i as usize], list.to[i as usize]);
        let now = list.time(i as usize).map_or(0, |t| (t - first) / length);
        if to != who || now != period {
            close(who, came, new);
            (who, period, came, new) = (to, now, 0.0, 0.0);
        }
        let before = std::mem::replace(&mut last_to[from as usize], (to, now));
        if before.0 != to {
            new += credit[from as usize];
        }
        if before != (to, now) {
            came += credit[from as usize];
        }
    }
    close(who, came, new);
}

/// An account of an edge list, ranked without content.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RankedName {
    /// From 1.
    pub rank: u32,
    /// Name.
    pub account: String,
    /// Sum of the parts.
    pub score: f64,
    /// Named parts.
    pub parts: BTreeMap<&'static str, f64>,
}

/// Ranks the accounts of an edge list, best first, ties by name.
///
/// # Errors
/// [`GraphError`] when there are more interactions than a graph holds.
pub fn rank_interactions(list: &Interactions) -> Result<Vec<RankedName>, GraphError> {
    let found = signals(list)?;
    let round = |x: f64| (x * 1e6).round() / 1e6;
    let mut ranked: Vec<RankedName> = found
        .signals
        .iter()
        .enumerate()
        .map(|(v, s)| {
            // Rounded before they are added, so that what is shown adds up.
            let parts: BTreeMap<&'static str, f64> =
                PARTS.iter().zip(s).map(|((name, weight), x)| (*name, round(weight * x))).collect();
            RankedName { rank: 0, account: list.name(v as u32), score: round(parts.values().sum()), parts }
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.account.cmp(&b.account)));
    for (i, r) in ranked.iter_mut().enumerate() {
        r.rank = i as u32 + 1;
    }
    Ok(ranked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[(&str, &str, i64)]) -> Interactions {
        let mut list = Interactions::default();
        for (a, b, t) in rows {
            list.read(format!("{a}\t{b}\t1\t{t}").as_bytes()).unwrap();
        }
        list
    }

    #[test]
    fn parts_add_up_and_who_is_turned_to_leads() {
        let mut rows = Vec::new();
        let names: Vec<String> = (0..12).map(|i| format!("a{i}")).collect();
        for (i, n) in names.iter().enumerate() {
            rows.push((n.as_str(), "hub", 1_700_000_000 + i as i64 * 900_000));
        }
        rows.push(("hub", "a0", 1_700_100_000));
        rows.push(("a1", "a2", 1_700_100_000));
        rows.push(("x", "x", 1_700_100_000));
        let ranked = rank_interactions(&list(&rows)).unwrap();
        assert_eq!((ranked[0].account.as_str(), ranked.len()), ("hub", 14));
        for r in &ranked {
            assert!((r.parts.values().sum::<f64>() - r.score).abs() < 1e-9);
            assert!((0.0..=1.0).contains(&r.score));
        }
        assert!(rank_interactions(&Interactions::default()).unwrap().is_empty());
    }

    #[test]
    fn h_indices() {
        assert_eq!(h_index(&mut [5.0, 4.0, 3.0, 1.0]), 3.0);
        assert_eq!(h_index(&mut []), 0.0);
        assert_eq!(h_index(&mut [0.4]), 0.4);
    }

    #[test]
    fn weights_of_the_parts_add_up_to_one() {
        assert!((PARTS.iter().map(|p| p.1).sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
