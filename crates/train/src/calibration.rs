//! Calibration: makes a confidence the share of right answers among those given with it. Logistic scaling (Platt 1999) fitted
//! on the development fold, and the expected calibration error (Naeini et al. 2015) that says how well it went.

use tm_extract::neural::Scaling;

/// Intervals of the calibration error.
const BINS: usize = 10;
/// Fewer pairs than this, or as few of either kind, say nothing: confidences stay as they are.
const FEWEST: usize = 20;

/// The scaling of log-odds under which `pairs` of confidence and truth are most likely, by Newton's method; a weak prior holds
/// it near the identity.
pub(crate) fn fit(pairs: &[(f32, bool)]) -> Scaling {
    let right = pairs.iter().filter(|p| p.1).count();
    if right < FEWEST || pairs.len() - right < FEWEST {
        return Scaling::default();
    }
    let odds =
        |p: f32| (f64::from(p).clamp(1e-5, 1.0 - 1e-5) / (1.0 - f64::from(p).clamp(1e-5, 1.0 - 1e-5))).ln();
    let data: Vec<(f64, f64)> = pairs.iter().map(|&(p, y)| (odds(p), f64::from(u8::from(y)))).collect();
    let (mut a, mut b) = (1.0, 0.0);
    for _ in 0..50 {
        // Prior: one pseudo-observation that pulls towards (1, 0).
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (a - 1.0, b, 1.0, 0.0, 1.0);
        for &(x, y) in &data {
            let p = 1.0 / (1.0 + (-(a * x + b)).exp());
            let w = (p * (1.0 - p)).max(1e-9);
            ga += (p - y) * x;
            gb += p - y;
            haa += w * x * x;
            hab += w * x;
            hbb += w;
        }
        let det = haa * hbb - hab * hab;
        let (da, db) = ((hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det);
        a -= da.clamp(-1.0, 1.0);
        b -= db.clamp(-1.0, 1.0);
        if da.abs() + db.abs() < 1e-9 {
            break;
        }
    }
    // A scaling that turned the order round would be one of noise.
    if a > 0.05 { Scaling { slope: a as f32, shift: b as f32 } } else { Scaling::default() }
}

/// Expected calibration error: mean distance between confidence and share of right answers over ten intervals, weighted by
/// their number of answers. 0 for no answers.
pub fn calibration_error(pairs: &[(f32, bool)]) -> f64 {
    let mut bins = [(0.0f64, 0.0f64); BINS];
    for &(p, right) in pairs {
        let bin = &mut bins[((p * BINS as f32) as usize).min(BINS - 1)];
        bin.0 += f64::from(p);
        bin.1 += f64::from(u8::from(right));
    }
    bins.iter().map(|(p, right)| (p - right).abs()).sum::<f64>() / pairs.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn overconfidence_is_found_and_mended() {
        let mut random = Random::new(3);
        let pairs: Vec<(f32, bool)> = (0..4000)
            .map(|_| {
                let truth = random.uniform();
                // Log-odds shown are twice the true ones.
                let shown = 1.0 / (1.0 + ((1.0 - truth) / truth).powi(2));
                (shown, random.uniform() < truth)
            })
            .collect();
        let before = calibration_error(&pairs);
        let s = fit(&pairs);
        let mended: Vec<(f32, bool)> = pairs.iter().map(|&(p, y)| (s.apply(p), y)).collect();
        assert!((s.slope - 0.5).abs() < 0.05 && s.shift.abs() < 0.1, "{s:?}");
        assert!(before > 0.08 && calibration_error(&mended) < 0.03, "{before}");
    }

    #[test]
    fn too_little_changes_nothing() {
        assert_eq!(fit(&[(0.9, false); 30]), Scaling::default());
        assert_eq!(Scaling::default().apply(0.3), 0.3);
        assert_eq!(calibration_error(&[(0.75, true), (0.75, false)]), 0.25);
    }
}
