//! How well a ranking finds the accounts that are known to matter.

use crate::random::Random;

/// Figures of a ranking against labels.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Quality {
    /// Probability that a key account ranks before another one.
    pub auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Normalised discounted cumulative gain of the first twenty (Järvelin, Kekäläinen 2002).
    pub ndcg_20: f64,
}

/// Scores a ranking: `labels` says of each account, best first, whether it is key. `None` without any key account, and
/// where all are.
pub fn quality(labels: &[bool]) -> Option<Quality> {
    let key = labels.iter().filter(|k| **k).count();
    let rest = labels.len() - key;
    if key == 0 || rest == 0 {
        return None;
    }
    let gain = |i: usize| 1.0 / (i as f64 + 2.0).log2();
    let (mut hits, mut precision, mut wins, mut gained) = (0usize, 0.0, 0usize, 0.0);
    for (i, _) in labels.iter().enumerate().filter(|l| *l.1) {
        hits += 1;
        precision += hits as f64 / (i + 1) as f64;
        // All that are not key and do not stand before.
        wins += rest - (i + 1 - hits);
        gained += if i < 20 { gain(i) } else { 0.0 };
    }
    let ideal: f64 = (0..key.min(20)).map(gain).sum();
    Some(Quality {
        auc: wins as f64 / (key * rest) as f64,
        average_precision: precision / key as f64,
        ndcg_20: gained / ideal,
    })
}

/// 95 % intervals of [`quality`], by bootstrap over the accounts (Efron 1979): AUC, average precision, nDCG.
pub fn intervals(labels: &[bool], seed: u64) -> [[f64; 2]; 3] {
    let mut random = Random::new(seed, 0);
    let mut found: [Vec<f64>; 3] = Default::default();
    for _ in 0..1000 {
        let mut places: Vec<u64> = (0..labels.len()).map(|_| random.below(labels.len() as u64)).collect();
        places.sort_unstable();
        let sample: Vec<bool> = places.iter().map(|p| labels[*p as usize]).collect();
        if let Some(q) = quality(&sample) {
            for (list, x) in found.iter_mut().zip([q.auc, q.average_precision, q.ndcg_20]) {
                list.push(x);
            }
        }
    }
    found.map(|mut list| {
        list.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| list.get(((list.len() as f64 - 1.0) * q) as usize).copied().unwrap_or(0.0);
        [at(0.025), at(0.975)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rankings() {
        let q = quality(&[true, false, true, false]).unwrap();
        assert_eq!(q.auc, 0.75);
        assert!((q.average_precision - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert!((q.ndcg_20 - (1.0 + 0.5) / (1.0 + 1.0 / 3f64.log2())).abs() < 1e-12);
        assert_eq!(quality(&[true, true]), None);
        let [auc, ..] = intervals(&[true, true, false, true, false, false, false], 1);
        assert!(auc[0] < 1.0 && auc[1] == 1.0);
    }
}
