//! Scalar functions of the heads and of training.

/// Softmax of `row · scale`, in place.
pub(crate) fn softmax(row: &mut [f32], scale: f32) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = exp((*x - max) * scale);
        sum += *x;
    }
    for x in row.iter_mut() {
        *x /= sum;
    }
}

/// Error function, Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7, branch-free so that it vectorises.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let poly = ((((1.061_405_4 * t - 1.453_152_1) * t) + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6;
    (1.0 - poly * t * exp(-a * a)).copysign(x)
}

/// Exponential function without a call or a branch, so that loops over it vectorise: 2^n by the exponent's bits times a
/// degree-5 polynomial (Cephes `expf`), relative error below 3e-7. Clamped to where `f32` is normal.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    // Adding and subtracting 1.5·2²³ rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 0.166_666_66)
        * r
        + 0.5;
    let mantissa = p * r * r + r + 1.0;
    mantissa * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

/// Logistic function.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_is_close() {
        for (x, y) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (-2.0, -0.995_322_3)] {
            assert!((erf(x) - y).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn exp_is_close() {
        for i in -860..880 {
            let x = i as f32 / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-6, "{x}");
        }
        assert!(exp(-1e9) < 1e-37 && exp(-1e9) >= 0.0);
    }
}
