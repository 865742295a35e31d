//! Weights of the pair model from labelled pairs: logistic regression with an L2 penalty, by Newton's method.

use super::pair::{FEATURE_COUNT, Weights};

/// Rounds of Newton's method; it has converged long before.
const ROUNDS: usize = 30;

/// Fits weights to pairs: features, and whether the two are one happening. `penalty` is the precision of a normal prior
/// around 0 on each weight but the first (the bias).
pub fn fit(pairs: &[(Weights, bool)], penalty: f64) -> Weights {
    let mut w = [0.0; FEATURE_COUNT];
    for _ in 0..ROUNDS {
        let mut gradient = [0.0; FEATURE_COUNT];
        let mut hessian = vec![[0.0; FEATURE_COUNT]; FEATURE_COUNT];
        for (x, same) in pairs {
            let z: f64 = x.iter().zip(&w).map(|(a, b)| a * b).sum();
            let p = 1.0 / (1.0 + (-z).exp());
            let error = f64::from(u8::from(*same)) - p;
            let weight = (p * (1.0 - p)).max(1e-9);
            for i in 0..FEATURE_COUNT {
                gradient[i] += error * x[i];
                if x[i] != 0.0 {
                    for j in 0..=i {
                        hessian[i][j] += weight * x[i] * x[j];
                    }
                }
            }
        }
        for i in 0..FEATURE_COUNT {
            let pull = if i == 0 { 1e-3 } else { penalty };
            gradient[i] -= pull * w[i];
            hessian[i][i] += pull;
        }
        // Only the lower half was summed up.
        for i in 0..FEATURE_COUNT {
            let row = hessian[i];
            for (above, value) in hessian.iter_mut().zip(row).take(i) {
                above[i] = value;
            }
        }
        let step = solve(hessian, gradient);
        let size: f64 = step.iter().map(|s| s * s).sum();
        w.iter_mut().zip(step).for_each(|(w, s)| *w += s);
        if size < 1e-12 {
            break;
        }
    }
    w
}

/// Solves a symmetric positive system by Gaussian elimination with pivots.
fn solve(mut a: Vec<[f64; FEATURE_COUNT]>, mut b: Weights) -> Weights {
    for i in 0..FEATURE_COUNT {
        let pivot = (i..FEATURE_COUNT).max_by(|&x, &y| a[x][i].abs().total_cmp(&a[y][i].abs())).unwrap_or(i);
        a.swap(i, pivot);
        b.swap(i, pivot);
        if a[i][i].abs() < 1e-12 {
            continue;
        }
        for k in i + 1..FEATURE_COUNT {
            let factor = a[k][i] / a[i][i];
            let row = a[i];
            a[k].iter_mut().zip(row).skip(i).for_each(|(x, r)| *x -= factor * r);
            b[k] -= factor * b[i];
        }
    }
    let mut x = [0.0; FEATURE_COUNT];
    for i in (0..FEATURE_COUNT).rev() {
        let rest: f64 = (i + 1..FEATURE_COUNT).map(|j| a[i][j] * x[j]).sum();
        x[i] = if a[i][i].abs() < 1e-12 { 0.0 } else { (b[i] - rest) / a[i][i] };
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_of_a_table_are_found() {
        // 30 of 40 with the feature are the same, 10 of 40 without: log-odds ln 3 and -ln 3.
        let mut pairs = Vec::new();
        for (with, same, n) in [(1.0, true, 30), (1.0, false, 10), (0.0, true, 10), (0.0, false, 30)] {
            let mut x = [0.0; FEATURE_COUNT];
            (x[0], x[3]) = (1.0, with);
            pairs.extend(std::iter::repeat_n((x, same), n));
        }
        let w = fit(&pairs, 1e-6);
        assert!((w[0] + 3f64.ln()).abs() < 1e-3 && (w[3] - 2.0 * 3f64.ln()).abs() < 1e-3, "{w:?}");
        assert!(w[5].abs() < 1e-6);
    }
}
