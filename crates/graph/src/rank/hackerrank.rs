//! HackerRank (Huang, Guo, Guo, Li 2021), reimplemented from its description as a baseline to compare with.
//!
//! Sixteen content indicators of each member are weighted by their entropy and added up to a comprehensive evaluation;
//! topic preferences are the shares of a member's posts in each topic; for each topic a PageRank is computed whose steps
//! prefer those of like preference and whose teleport distribution is the evaluation times the preference; the topics'
//! ranks are added up by the topics' shares of all posts. Where the description leaves a choice open, it is made as in
//! TwitterRank (Weng et al. 2010), which the improved topic-specific PageRank follows.

use crate::csr::{EdgeList, Graph, GraphError};
use crate::pagerank::{PageRankOptions, pagerank};

/// Number of content indicators.
pub const INDICATORS: usize = 16;

/// Names of the content indicators.
pub const INDICATOR_NAMES: [&str; INDICATORS] = [
    "topics started",
    "replies written",
    "mean length of topics",
    "mean length of replies",
    "length written",
    "posts that provide knowledge",
    "posts that acquire knowledge",
    "share of providing posts",
    "technical jargon",
    "hacker jargon",
    "share of jargon",
    "posts with indicators",
    "share of posts with indicators",
    "days active",
    "threads taken part in",
    "answers received",
];

/// What is counted of a member.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Member {
    /// Values in the order of [`INDICATOR_NAMES`], each at least 0.
    pub indicators: [f64; INDICATORS],
    /// Posts in each topic.
    pub topics: Vec<f64>,
}

/// Entropy weights (Shannon 1948, as used for indicators since Zeleny 1982): an indicator in which members differ more weighs
/// more. Returns the weights and the evaluation of each member.
pub fn evaluate(members: &[Member]) -> ([f64; INDICATORS], Vec<f64>) {
    let n = members.len();
    let mut scaled = vec![[0.0f64; INDICATORS]; n];
    let mut weights = [0.0f64; INDICATORS];
    for j in 0..INDICATORS {
        let column = || members.iter().map(|m| m.indicators[j]);
        let (low, high) = (column().fold(f64::INFINITY, f64::min), column().fold(0.0, f64::max));
        if n < 2 || high <= low {
            continue;
        }
        for (s, x) in scaled.iter_mut().zip(column()) {
            s[j] = (x - low) / (high - low);
        }
        let total: f64 = scaled.iter().map(|s| s[j]).sum();
        let entropy: f64 =
            scaled.iter().map(|s| s[j] / total).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum::<f64>()
                / (n as f64).ln();
        weights[j] = (1.0 - entropy).max(0.0);
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 {
        weights.iter_mut().for_each(|w| *w /= total);
    }
    let scores = scaled.iter().map(|s| s.iter().zip(&weights).map(|(x, w)| x * w).sum()).collect();
    (weights, scores)
}

/// Score of each member; `answers` holds who answered whom and how often.
///
/// # Errors
/// [`GraphError`] when there are more answers than a graph holds.
pub fn hacker_rank(members: &[Member], answers: &Graph) -> Result<Vec<f64>, GraphError> {
    let n = members.len().min(answers.nodes());
    let (_, evaluation) = evaluate(members);
    let topics = members.iter().map(|m| m.topics.len()).max().unwrap_or(0).max(1);
    let preference = |v: usize, t: usize| {
        let all: f64 = members[v].topics.iter().sum();
        if all > 0.0 { members[v].topics.get(t).copied().unwrap_or(0.0) / all } else { 1.0 / topics as f64 }
    };
    let everything: f64 = members.iter().flat_map(|m| &m.topics).sum();
    let mut score = vec![0.0f64; answers.nodes()];
    for t in 0..topics {
        let share = if everything > 0.0 {
            members.iter().map(|m| m.topics.get(t).copied().unwrap_or(0.0)).sum::<f64>() / everything
        } else {
            1.0
        };
        if share == 0.0 {
            continue;
        }
        let mut edges = EdgeList::with_capacity(answers.edges());
        for v in 0..n {
            for (u, w) in answers.out().weighted(v).filter(|(u, _)| *u < n) {
                let like = 1.0 - (preference(v, t) - preference(u, t)).abs();
                edges.push(v as u32, u as u32, (w * like) as f32);
            }
        }
        let teleport: Vec<f64> = (0..n).map(|v| evaluation[v] * preference(v, t)).collect();
        let rank = pagerank(&Graph::new(answers.nodes(), edges)?, &teleport, &PageRankOptions::default());
        score.iter_mut().zip(rank).for_each(|(s, r)| *s += share * r);
    }
    Ok(score)
}

/// Coverage of a set of members: the share of all who are in it or have turned to one of it or been turned to by one.
pub fn coverage(answers: &Graph, set: &[u32]) -> f64 {
    let mut covered = vec![false; answers.nodes()];
    for &v in set.iter().filter(|v| (**v as usize) < answers.nodes()) {
        covered[v as usize] = true;
        for &u in answers.incoming().of(v as usize).iter().chain(answers.out().of(v as usize)) {
            covered[u as usize] = true;
        }
    }
    covered.iter().filter(|c| **c).count() as f64 / covered.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_have_alike_weighs_nothing() {
        let member = |a: f64, b: f64| {
            let mut m = Member { topics: vec![1.0, 0.0], ..Member::default() };
            (m.indicators[0], m.indicators[1]) = (a, b);
            m
        };
        let (weights, scores) = evaluate(&[member(3.0, 0.0), member(3.0, 1.0), member(3.0, 9.0)]);
        assert_eq!(weights[0], 0.0);
        assert!((weights[1] - 1.0).abs() < 1e-12 && scores[2] == 1.0 && scores[0] == 0.0);
    }

    #[test]
    fn the_evaluation_and_the_topic_pull() {
        let mut members = vec![Member { topics: vec![1.0, 1.0], ..Member::default() }; 4];
        members[0].indicators[5] = 9.0;
        members[0].topics = vec![4.0, 0.0];
        let answers =
            Graph::new(4, [(2, 0, 1.0), (3, 1, 1.0), (0, 2, 1.0), (1, 3, 1.0)].into_iter().collect())
                .unwrap();
        let score = hacker_rank(&members, &answers).unwrap();
        assert!(score[0] > score[1] && (score.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        assert_eq!(coverage(&answers, &[0]), 0.5);
    }
}
