//! How well a clustering agrees with labels: B-cubed (Bagga and Baldwin 1998; Amigó et al. 2009) and normalised mutual
//! information (Strehl and Ghosh 2002, with the arithmetic mean of the entropies).
//!
//! Intervals are 95 % percentile bootstrap intervals (Efron 1979) over the labelled happenings: mentions of one happening are
//! not independent.

use crate::Random;
use std::collections::{BTreeMap, HashMap};

/// Samples of an interval.
const SAMPLES: usize = 1000;

/// Agreement of a clustering with labels, with 95 % intervals.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Clustering {
    /// Items.
    pub items: usize,
    /// Labelled classes.
    pub classes: usize,
    /// Clusters.
    pub clusters: usize,
    /// B-cubed precision.
    pub precision: f64,
    /// B-cubed recall.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
    /// Normalised mutual information.
    pub nmi: f64,
    /// Interval of `f1`.
    pub f1_ci95: [f64; 2],
    /// Interval of `nmi`.
    pub nmi_ci95: [f64; 2],
}

/// B-cubed precision and recall of each item: gold class and cluster of each.
pub fn bcubed(pairs: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let (mut class, mut cluster, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
    for &(g, c) in pairs {
        *class.entry(g).or_insert(0usize) += 1;
        *cluster.entry(c).or_insert(0usize) += 1;
        *both.entry((g, c)).or_insert(0usize) += 1;
    }
    pairs
        .iter()
        .map(|p| (both[p] as f64 / cluster[&p.1] as f64, both[p] as f64 / class[&p.0] as f64))
        .collect()
}

fn nmi(pairs: &[(usize, usize)]) -> f64 {
    let n = pairs.len() as f64;
    let count = |keys: &mut dyn Iterator<Item = (usize, usize)>| {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        keys.for_each(|k| *counts.entry(k).or_default() += 1);
        counts
    };
    let entropy = |counts: &BTreeMap<(usize, usize), usize>| -> f64 {
        counts.values().map(|&c| -(c as f64 / n) * (c as f64 / n).ln()).sum()
    };
    let gold = entropy(&count(&mut pairs.iter().map(|p| (p.0, 0))));
    let found = entropy(&count(&mut pairs.iter().map(|p| (0, p.1))));
    let joint = entropy(&count(&mut pairs.iter().copied()));
    let mean = (gold + found) / 2.0;
    if mean > 0.0 { ((gold + found - joint) / mean).clamp(0.0, 1.0) } else { 1.0 }
}

fn harmonic(p: f64, r: f64) -> f64 {
    if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
}

/// Scores gold class and cluster of each item.
pub fn quality(pairs: &[(usize, usize)]) -> Clustering {
    let distinct = |values: &mut dyn Iterator<Item = usize>| {
        let mut v: Vec<usize> = values.collect();
        v.sort_unstable();
        v.dedup();
        v.len()
    };
    let each = bcubed(pairs);
    let n = each.len().max(1) as f64;
    let (p, r) = each.iter().fold((0.0, 0.0), |s, e| (s.0 + e.0, s.1 + e.1));
    let mut of_class: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, pair) in pairs.iter().enumerate() {
        of_class.entry(pair.0).or_default().push(i);
    }
    let classes: Vec<&Vec<usize>> = of_class.values().collect();
    let mut random = Random::new(1, 0);
    let (mut f1s, mut nmis) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let (mut p, mut r, mut items) = (0.0, 0.0, 0.0);
        let mut sample = Vec::with_capacity(pairs.len());
        for _ in 0..classes.len() {
            for &i in classes[random.below(classes.len() as u64) as usize] {
                p += each[i].0;
                r += each[i].1;
                items += 1.0;
                sample.push(pairs[i]);
            }
        }
        f1s.push(harmonic(p / f64::max(items, 1.0), r / f64::max(items, 1.0)));
        nmis.push(nmi(&sample));
    }
    let interval = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        [values[SAMPLES * 25 / 1000], values[SAMPLES * 974 / 1000]]
    };
    Clustering {
        items: pairs.len(),
        classes: classes.len(),
        clusters: distinct(&mut pairs.iter().map(|p| p.1)),
        precision: p / n,
        recall: r / n,
        f1: harmonic(p / n, r / n),
        nmi: nmi(pairs),
        f1_ci95: interval(&mut f1s),
        nmi_ci95: interval(&mut nmis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_and_known_values() {
        let same: Vec<(usize, usize)> = [(0, 5), (0, 5), (1, 6), (2, 7)].to_vec();
        let q = quality(&same);
        assert_eq!((q.f1, q.nmi, q.classes, q.clusters), (1.0, 1.0, 3, 3));
        // Everything in one cluster: recall 1, precision (2·2/4 + 2·2/4)/4 = 1/2.
        let one = [(0, 0), (0, 0), (1, 0), (1, 0)];
        let q = quality(&one);
        assert!((q.precision - 0.5).abs() < 1e-12 && q.recall == 1.0 && q.nmi == 0.0);
        // Bagga and Baldwin's second example: seven items, two classes of 5 and 2 in one cluster with a third of 5 apart.
        let parts =
            [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (3, 1), (3, 1), (3, 1), (3, 1), (3, 1)];
        let q = quality(&parts);
        assert!((q.precision - (10.0 * 0.5 + 2.0) / 12.0).abs() < 1e-12 && q.recall == 1.0);
    }
}
