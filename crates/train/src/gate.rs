//! Trains the linear gate: logistic regression on hashed features by AdaGrad (Duchi et al. 2011).

use crate::random::Random;
use tm_extract::neural::{GATE_BIAS, GATE_FEATURES, gate_features, gate_score};

/// Trains on texts with the probability that each is relevant; relevant ones weigh more, because what the gate drops
/// is lost.
pub(crate) fn train_gate(texts: &[(&str, f32)], epochs: usize, seed: u64) -> Vec<f32> {
    let data: Vec<(Vec<u32>, f32)> = texts.iter().map(|(t, p)| (gate_features(t), *p)).collect();
    let mut weights = vec![0.0f32; GATE_FEATURES];
    let mut squares = vec![1e-3f32; GATE_FEATURES];
    let mut order: Vec<usize> = (0..data.len()).collect();
    let mut random = Random::new(seed ^ 0x6A7E);
    for _ in 0..epochs {
        random.shuffle(&mut order);
        for &i in &order {
            let (features, gold) = &data[i];
            let p = 1.0 / (1.0 + (-gate_score(&weights, features)).exp());
            let error = (p - gold) * if *gold > 0.5 { 2.0 } else { 1.0 };
            let share = error / (features.len().max(1) as f32).sqrt();
            for &f in features {
                let f = f as usize;
                let g = share + 1e-5 * weights[f];
                squares[f] += g * g;
                weights[f] -= 0.1 * g / squares[f].sqrt();
            }
            squares[GATE_BIAS] += error * error;
            weights[GATE_BIAS] -= 0.05 * error / squares[GATE_BIAS].sqrt();
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_words() {
        let texts =
            [("sell cvv", 1.0), ("selling fresh cvv dumps", 1.0), ("thanks mate", 0.0), ("nice thanks", 0.0)];
        let w = train_gate(&texts, 30, 1);
        let score = |t| gate_score(&w, &gate_features(t));
        assert!(score("cvv here") > score("thanks here"));
    }
}
