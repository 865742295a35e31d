//! What stands between the integer products: quantisation, bias and GELU, layer normalisation, attention. In `f32`, over
//! sixteen lanes, with the polynomials of `math`. Loops over registers count indices, see `int8`.
#![allow(clippy::needless_range_loop)]

use super::Packed;
use super::int8::{Accumulators, MAX_ROWS, TILE, Tile};
use super::lanes::{LANES, Lanes};

/// Columns of a block of the `f32` product: two times sixteen lanes.
pub(super) const PAIR: usize = 2 * LANES;
/// Rows of a block of the `f32` product.
const RUN: usize = 4;
/// Shift that rounds to an integer when added and subtracted: 1.5 · 2²³.
const ROUND: f32 = 12_582_912.0;

/// What follows a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing.
    Plain,
    /// Gaussian error linear unit.
    Gelu,
}

/// Scale and zero point of a quantised row: `x ≈ (q - zero) · scale`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::neural::kernel) struct Grid {
    scale: f32,
    zero: i32,
}

/// As `math::exp`, with fused multiply-adds.
///
/// # Safety
/// The instruction set of `V` must be there; so for all functions of this module.
#[inline(always)]
unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only, the instruction set by contract.
    unsafe {
        let x = x.max(V::splat(-87.0)).min(V::splat(88.0));
        let n = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND)).sub(V::splat(ROUND));
        let r = n.fma(V::splat(2.121_944_4e-4), n.fma(V::splat(-0.693_359_4), x));
        let p = V::splat(1.987_569_1e-4)
            .fma(r, V::splat(1.398_2e-3))
            .fma(r, V::splat(8.333_452e-3))
            .fma(r, V::splat(4.166_579_6e-2))
            .fma(r, V::splat(0.166_666_66))
            .fma(r, V::splat(0.5));
        p.fma(r.mul(r), r).add(V::splat(1.0)).mul(n.exp2_integer())
    }
}

/// `x · Φ(x)` with the error function of `math::erf` (Abramowitz and Stegun 7.1.26).
#[inline(always)]
unsafe fn gelu<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only, the instruction set by contract.
    unsafe {
        let z = x.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        let a = z.abs();
        let t = V::splat(1.0).div(a.fma(V::splat(0.327_591_1), V::splat(1.0)));
        let poly = V::splat(1.061_405_4)
            .fma(t, V::splat(-1.453_152_1))
            .fma(t, V::splat(1.421_413_8))
            .fma(t, V::splat(-0.284_496_72))
            .fma(t, V::splat(0.254_829_6));
        let erf = V::splat(1.0).sub(poly.mul(t).mul(exp(V::splat(0.0).sub(a.mul(a))))).copysign(z);
        let half = x.mul(V::splat(0.5));
        half.fma(erf, half)
    }
}

/// Rounds rows of width `n` (a multiple of sixteen) to bytes, each on the grid of 256 steps between its least and its
/// greatest value and zero. Rows of `out` stand `depth` bytes apart.
#[inline(always)]
pub(super) unsafe fn quantise<T: Tile>(
    x: &[f32],
    n: usize,
    depth: usize,
    out: &mut [u8],
    grids: &mut [Grid],
) {
    let rows = x.len() / n;
    assert!(n.is_multiple_of(LANES) && depth >= n && out.len() >= rows * depth && grids.len() >= rows);
    for (r, grid) in grids[..rows].iter_mut().enumerate() {
        // SAFETY: columns up to n of row r < rows lie inside both slices, as asserted.
        unsafe {
            let (from, to) = (x.as_ptr().add(r * n), out.as_mut_ptr().add(r * depth));
            let (mut low, mut high) = (T::V::splat(0.0), T::V::splat(0.0));
            for i in (0..n).step_by(LANES) {
                let v = T::V::load(from.add(i));
                low = v.min(low);
                high = v.max(high);
            }
            let low = low.smallest();
            let range = high.greatest() - low;
            let inverse = if range > 0.0 { 255.0 / range } else { 0.0 };
            let zero = (-low * inverse).round();
            *grid = Grid { scale: range / 255.0, zero: zero as i32 };
            let (inverse, zero) = (T::V::splat(inverse), T::V::splat(zero));
            let (least, most) = (T::V::splat(0.0), T::V::splat(255.0));
            for i in (0..n).step_by(LANES) {
                let v = T::V::load(from.add(i)).fma(inverse, zero);
                v.max(least).min(most).store_u8(to.add(i));
            }
        }
    }
}

/// `out[rows, outputs] = x · weightᵀ + bias`, `x` quantised; `out` rows are `outputs` wide.
#[inline(always)]
pub(super) unsafe fn linear<T: Tile>(
    x: &[u8],
    grids: &[Grid],
    weight: &Packed,
    after: After,
    out: &mut [f32],
) {
    let (rows, depth, outputs) = (grids.len(), weight.depth, weight.outputs);
    let blocks = rows.div_ceil(T::ROWS);
    assert!(x.len() >= blocks * T::ROWS * depth && out.len() >= rows * outputs && T::ROWS <= MAX_ROWS);
    assert!(outputs.is_multiple_of(LANES));
    let mut acc = Accumulators([0; MAX_ROWS * TILE]);
    // SAFETY: `Packed` holds whole tiles of `depth · TILE` bytes with as many scales, sums and biases; rows are asserted.
    unsafe {
        T::begin();
        for (tile, packed) in weight.data.chunks_exact(TILE * depth).enumerate() {
            let column = tile * TILE;
            let width = TILE.min(outputs - column);
            for block in 0..blocks {
                let first = block * T::ROWS;
                T::tile(x.as_ptr().add(first * depth), packed.as_ptr(), depth, &mut acc);
                for r in 0..T::ROWS.min(rows - first) {
                    let grid = grids[first + r];
                    let sums = acc.0.as_ptr().add(r * TILE);
                    let to = out.as_mut_ptr().add((first + r) * outputs + column);
                    let scale = T::V::splat(grid.scale);
                    for i in (0..width).step_by(LANES) {
                        let unit = T::V::load(weight.scale.as_ptr().add(column + i)).mul(scale);
                        // Less the zero point's part of the sum, exact.
                        let less = weight.sums.as_ptr().add(column + i);
                        let v = T::V::load_i32(sums.add(i), grid.zero, less)
                            .fma(unit, T::V::load(weight.bias.as_ptr().add(column + i)));
                        let v = if after == After::Gelu { gelu(v) } else { v };
                        v.store(to.add(i));
                    }
                }
            }
        }
        T::end();
    }
}

/// `x = LayerNorm(x + residual)` for each row of width `h` (Ba et al. 2016); without a residual where that is empty.
#[inline(always)]
pub(super) unsafe fn add_norm<T: Tile>(
    x: &mut [f32],
    residual: &[f32],
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
) {
    let h = weight.len();
    let rows = x.len() / h;
    assert!(h.is_multiple_of(LANES) && bias.len() == h);
    assert!(residual.is_empty() || residual.len() >= rows * h);
    for r in 0..rows {
        // SAFETY: columns up to h of row r < rows lie inside the slices, as asserted.
        unsafe {
            let row = x.as_mut_ptr().add(r * h);
            let mut sum = T::V::splat(0.0);
            for i in (0..h).step_by(LANES) {
                let mut v = T::V::load(row.add(i));
                if !residual.is_empty() {
                    v = v.add(T::V::load(residual.as_ptr().add(r * h + i)));
                    v.store(row.add(i));
                }
                sum = sum.add(v);
            }
            let mean = T::V::splat(sum.sum() / h as f32);
            let mut square = T::V::splat(0.0);
            for i in (0..h).step_by(LANES) {
                let v = T::V::load(row.add(i)).sub(mean);
                square = v.fma(v, square);
            }
            let inverse = T::V::splat(1.0 / (square.sum() / h as f32 + epsilon).sqrt());
            for i in (0..h).step_by(LANES) {
                let v = T::V::load(row.add(i)).sub(mean).mul(inverse);
                v.fma(T::V::load(weight.as_ptr().add(i)), T::V::load(bias.as_ptr().add(i))).store(row.add(i));
            }
        }
    }
}

/// `R` rows of `a` (`stride` apart) times a block of [`PAIR`] columns of `b` (rows `b_stride` apart).
///
/// # Safety
/// The instruction set must be there; `a` has `(R - 1) · stride + depth` elements, `b` has
/// `(depth - 1) · b_stride + PAIR`.
#[inline(always)]
unsafe fn block<V: Lanes, const R: usize>(
    a: *const f32,
    stride: usize,
    depth: usize,
    b: *const f32,
    b_stride: usize,
) -> [[V; 2]; R] {
    // SAFETY: by contract.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        for k in 0..depth {
            let (low, high) = (V::load(b.add(k * b_stride)), V::load(b.add(k * b_stride + LANES)));
            for r in 0..R {
                let x = V::splat(*a.add(r * stride + k));
                sums[r][0] = x.fma(low, sums[r][0]);
                sums[r][1] = x.fma(high, sums[r][1]);
            }
        }
        sums
    }
}

/// `out[rows, columns] = a[rows, depth] · b[depth, columns]`; `columns` is a multiple of [`PAIR`], rows of `out` stand
/// `columns` apart, rows of `a` `stride`.
#[inline(always)]
unsafe fn product<V: Lanes>(
    a: &[f32],
    stride: usize,
    rows: usize,
    depth: usize,
    b: &[f32],
    columns: usize,
    out: &mut [f32],
) {
    assert!(rows == 0 || (depth > 0 && a.len() >= (rows - 1) * stride + depth));
    assert!(columns.is_multiple_of(PAIR) && b.len() >= depth * columns && out.len() >= rows * columns);
    for column in (0..columns).step_by(PAIR) {
        let mut row = 0;
        // SAFETY: rows, depth and columns as asserted.
        unsafe {
            let b = b.as_ptr().add(column);
            while row + RUN <= rows {
                let sums = block::<V, RUN>(a.as_ptr().add(row * stride), stride, depth, b, columns);
                for r in 0..RUN {
                    let to = out.as_mut_ptr().add((row + r) * columns + column);
                    sums[r][0].store(to);
                    sums[r][1].store(to.add(LANES));
                }
                row += RUN;
            }
            while row < rows {
                let [sum] = block::<V, 1>(a.as_ptr().add(row * stride), stride, depth, b, columns);
                let to = out.as_mut_ptr().add(row * columns + column);
                sum[0].store(to);
                sum[1].store(to.add(LANES));
                row += 1;
            }
        }
    }
}

/// Reused buffers of [`attention`].
#[derive(Debug, Default)]
pub(crate) struct Attention {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    scores: Vec<f32>,
    context: Vec<f32>,
}

/// Query rows that are scored together: their scores stay in the nearest cache.
const QUERIES: usize = 16;

/// Multi-head attention of one sequence (Vaswani et al. 2017). `qkv` is `[t, 3·h]` (query, key, value beside each other);
/// the context goes to `out[t, h]`.
#[inline(always)]
pub(super) unsafe fn attention<T: Tile>(
    qkv: &[f32],
    h: usize,
    heads: usize,
    s: &mut Attention,
    out: &mut [f32],
) {
    let (t, d) = (qkv.len() / (3 * h), h / heads);
    let (columns, width) = (t.next_multiple_of(PAIR), d.next_multiple_of(PAIR));
    let scale = 1.0 / (d as f32).sqrt();
    // Columns beyond the sequence and beyond the head stay zero.
    s.query.clear();
    s.query.resize(t * d, 0.0);
    s.key.clear();
    s.key.resize(d * columns, 0.0);
    s.value.clear();
    s.value.resize(t * width, 0.0);
    s.scores.resize(QUERIES * columns, 0.0);
    s.context.resize(QUERIES * width, 0.0);
    for head in 0..heads {
        for i in 0..t {
            let row = &qkv[i * 3 * h + head * d..];
            let (query, key, value) = (&row[..d], &row[h..h + d], &row[2 * h..2 * h + d]);
            let to = &mut s.query[i * d..(i + 1) * d];
            for k in 0..d {
                to[k] = query[k] * scale;
            }
            for k in 0..d {
                s.key[k * columns + i] = key[k];
            }
            s.value[i * width..i * width + d].copy_from_slice(value);
        }
        for first in (0..t).step_by(QUERIES) {
            let rows = QUERIES.min(t - first);
            // SAFETY: the instruction set by contract; the slices are checked by `product`.
            unsafe {
                product::<T::V>(&s.query[first * d..], d, rows, d, &s.key, columns, &mut s.scores);
                let mut inverse = [0.0f32; QUERIES];
                for r in 0..rows {
                    let row = &mut s.scores[r * columns..(r + 1) * columns];
                    row[t..].fill(f32::MIN);
                    inverse[r] = 1.0 / exponentials::<T::V>(row);
                }
                product::<T::V>(&s.scores, columns, rows, t, &s.value, width, &mut s.context);
                for r in 0..rows {
                    let from = &s.context[r * width..r * width + d];
                    let to = &mut out[(first + r) * h + head * d..][..d];
                    for k in 0..d {
                        to[k] = from[k] * inverse[r];
                    }
                }
            }
        }
    }
}

/// `exp(x - max x)` in place, and the sum; the length is a multiple of sixteen.
#[inline(always)]
unsafe fn exponentials<V: Lanes>(row: &mut [f32]) -> f32 {
    let n = row.len() / LANES * LANES;
    // SAFETY: offsets stay below n.
    unsafe {
        let p = row.as_mut_ptr();
        let mut max = V::splat(f32::MIN);
        for i in (0..n).step_by(LANES) {
            max = V::load(p.add(i)).max(max);
        }
        let max = V::splat(max.greatest());
        let mut sum = V::splat(0.0);
        for i in (0..n).step_by(LANES) {
            let e = exp(V::load(p.add(i)).sub(max));
            e.store(p.add(i));
            sum = sum.add(e);
        }
        sum.sum()
    }
}

/// `out[rows, columns] = a[rows, depth] · b[depth, columns] + bias`; `columns` is a multiple of [`PAIR`].
#[inline(always)]
pub(super) unsafe fn float_linear<T: Tile>(
    a: &[f32],
    depth: usize,
    b: &[f32],
    bias: &[f32],
    out: &mut [f32],
) {
    let (rows, columns) = (a.len() / depth, bias.len());
    // SAFETY: the instruction set by contract; `product` checks its slices; columns is a multiple of sixteen.
    unsafe {
        product::<T::V>(a, depth, rows, depth, b, columns, out);
        for row in out[..rows * columns].chunks_exact_mut(columns) {
            for i in (0..columns).step_by(LANES) {
                let to = row.as_mut_ptr().add(i);
                T::V::load(to).add(T::V::load(bias.as_ptr().add(i))).store(to);
            }
        }
    }
}
