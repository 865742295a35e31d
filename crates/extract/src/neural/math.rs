//! The few dense operations that the encoder needs, on row-major `f32` matrices.

/// `out[m×n] = a[m×k] · b[n×k]ᵀ (+ bias[n])`: rows times the rows of a weight matrix stored as `[out, in]`.
///
/// One thread only: the caller spreads whole batches over threads, so that a result never depends on their number.
///
/// # Panics
/// When a slice is shorter than its shape says.
pub(crate) fn linear(a: &[f32], b: &[f32], bias: &[f32], m: usize, k: usize, n: usize, out: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= n * k && out.len() >= m * n && bias.len() == n);
    for row in out[..m * n].chunks_exact_mut(n) {
        row.copy_from_slice(bias);
    }
    gemm_f32(m, n, k, out, n, true, a, (k, 1), b, (1, k));
}

/// `out[m×n] = alpha · a · b`, `a` and `b` with given (row, column) strides in elements.
#[allow(clippy::too_many_arguments)]
fn gemm_f32(
    m: usize,
    n: usize,
    k: usize,
    out: &mut [f32],
    out_rs: usize,
    accumulate: bool,
    a: &[f32],
    (a_rs, a_cs): (usize, usize),
    b: &[f32],
    (b_rs, b_cs): (usize, usize),
) {
    if m == 0 || n == 0 {
        return;
    }
    let last = |rows: usize, rs: usize, cols: usize, cs: usize| (rows - 1) * rs + (cols - 1) * cs;
    assert!(k > 0 && last(m, out_rs, n, 1) < out.len());
    assert!(last(m, a_rs, k, a_cs) < a.len() && last(k, b_rs, n, b_cs) < b.len());
    // SAFETY: the assertions above show that the last element each operand is read or written at lies inside its
    // slice; strides are non-negative, so every other element lies before it. `out` is uniquely borrowed.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_rs as isize,
            accumulate,
            a.as_ptr(),
            a_cs as isize,
            a_rs as isize,
            b.as_ptr(),
            b_cs as isize,
            b_rs as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Multi-head attention of one sequence. `qkv` is `[t, 3·h]` (query, key, value beside each other); the context goes to
/// `out[t, h]`. `scores` is scratch space.
pub(crate) fn attention(
    qkv: &[f32],
    t: usize,
    h: usize,
    heads: usize,
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let d = h / heads;
    let scale = 1.0 / (d as f32).sqrt();
    scores.clear();
    scores.resize(t * t, 0.0);
    for head in 0..heads {
        let (q, k, v) = (&qkv[head * d..], &qkv[h + head * d..], &qkv[2 * h + head * d..]);
        gemm_f32(t, t, d, scores, t, false, q, (3 * h, 1), k, (1, 3 * h));
        for row in scores.chunks_exact_mut(t) {
            softmax(row, scale);
        }
        gemm_f32(t, d, t, &mut out[head * d..], h, false, scores, (t, 1), v, (3 * h, 1));
    }
}

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

/// `x = LayerNorm(x + residual)` for each row of width `h` (Ba et al. 2016).
pub(crate) fn add_norm(x: &mut [f32], residual: &[f32], h: usize, weight: &[f32], bias: &[f32], eps: f32) {
    for (row, res) in x.chunks_exact_mut(h).zip(residual.chunks_exact(h)) {
        for (a, b) in row.iter_mut().zip(res) {
            *a += b;
        }
        norm(row, weight, bias, eps);
    }
}

/// LayerNorm of one row, in place.
pub(crate) fn norm(row: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let n = row.len() as f32;
    let mean = row.iter().sum::<f32>() / n;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n;
    let inverse = 1.0 / (variance + eps).sqrt();
    for ((x, w), b) in row.iter_mut().zip(weight).zip(bias) {
        *x = (*x - mean) * inverse * w + b;
    }
}

/// Gaussian error linear unit in its exact form (Hendrycks and Gimpel 2016), in place.
pub(crate) fn gelu(x: &mut [f32]) {
    for v in x {
        *v = 0.5 * *v * (1.0 + erf(*v * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// Error function, Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7, branch-free so that it vectorises.
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let poly = ((((1.061_405_4 * t - 1.453_152_1) * t) + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6;
    (1.0 - poly * t * exp(-a * a)).copysign(x)
}

/// Exponential function without a call or a branch, so that loops over it vectorise: 2^n by the exponent's bits times a
/// degree-5 polynomial (Cephes `expf`), relative error below 3e-7. Clamped to where `f32` is normal.
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
    fn linear_is_rows_times_rows() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let mut out = [0.0; 6];
        linear(&a, &b, &[10.0, 20.0, 30.0], 2, 2, 3, &mut out);
        assert_eq!(out, [11.0, 22.0, 33.0, 13.0, 24.0, 37.0]);
    }

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

    #[test]
    fn attention_averages_equal_keys() {
        // Two tokens, one head of width 2, equal keys: the context is the mean of the values.
        let qkv = [1.0, 0.0, 1.0, 1.0, 2.0, 4.0, 0.0, 1.0, 1.0, 1.0, 4.0, 8.0];
        let mut out = [0.0; 4];
        attention(&qkv, 2, 2, 1, &mut Vec::new(), &mut out);
        assert_eq!(out, [3.0, 6.0, 3.0, 6.0]);
    }
}
