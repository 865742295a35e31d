//! Products whose factors are rounded to bfloat16 and whose sums are `f32` (mixed precision, Kalamkar et al. 2019), with the
//! dot product instruction of AVX-512 BF16: twice the products of `f32` a cycle. Loops over registers count indices.
//!
//! Both factors are packed first: panels of [`ROWS`] rows or [`COLUMNS`] columns, zero where the matrix ends, and in each
//! the numbers of one inner index after another, two to a word since the instruction adds two products at a time.
#![allow(unsafe_code, clippy::needless_range_loop)]

use super::View;
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_add_ps, _mm512_dpbf16_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
};

/// Rows of a panel of the left factor: with two vectors of columns, 24 sums and 3 operands fill the 32 registers.
const ROWS: usize = 12;
/// Columns of a panel of the right factor.
const COLUMNS: usize = 32;
/// Words (pairs of inner indices) of a block: a panel of the right factor then stays in 24 KiB.
const BLOCK: usize = 192;

/// Whether the processor has the instruction.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// Two numbers rounded to nearest, ties to even, the first in the low half.
#[inline(always)]
fn pair(low: f32, high: f32) -> u32 {
    let round = |x: f32| {
        let bits = x.to_bits();
        bits.wrapping_add(0x7FFF + ((bits >> 16) & 1))
    };
    (round(low) >> 16) | (round(high) & 0xFFFF_0000)
}

/// Packs a matrix whose element at inner index `i` and place `j` is `at(i, j)`: panels of `WIDTH` places, `[inner / 2, WIDTH]`.
#[target_feature(enable = "avx512f,avx512bw")]
fn pack<const WIDTH: usize>(
    data: &[f32],
    inner: usize,
    places: usize,
    by_inner: usize,
    by_place: usize,
) -> Vec<u32> {
    let words = inner.div_ceil(2);
    let mut out = vec![0u32; places.div_ceil(WIDTH) * words * WIDTH];
    for (panel, out) in out.chunks_exact_mut(words * WIDTH).enumerate() {
        let first = panel * WIDTH;
        let count = WIDTH.min(places - first);
        if by_place == 1 {
            // Places stand side by side: two rows of the matrix at a time.
            for (word, out) in out.chunks_exact_mut(WIDTH).enumerate() {
                let low = &data[2 * word * by_inner + first..][..count];
                if 2 * word + 1 < inner {
                    let high = &data[(2 * word + 1) * by_inner + first..][..count];
                    if let (Ok(low), Ok(high)) =
                        (<&[f32; WIDTH]>::try_from(low), <&[f32; WIDTH]>::try_from(high))
                    {
                        for i in 0..WIDTH {
                            out[i] = pair(low[i], high[i]);
                        }
                    } else {
                        for i in 0..count {
                            out[i] = pair(low[i], high[i]);
                        }
                    }
                } else {
                    for i in 0..count {
                        out[i] = pair(low[i], 0.0);
                    }
                }
            }
        } else {
            // Inner indices stand side by side: turned over in squares, so that reads and writes both stay near.
            for from in (0..words).step_by(16) {
                let to = (from + 16).min(words);
                for i in 0..count {
                    let row = &data[(first + i) * by_place..];
                    if to * 2 <= inner && by_inner == 1 {
                        let row = &row[2 * from..2 * to];
                        for (word, two) in row.chunks_exact(2).enumerate() {
                            out[(from + word) * WIDTH + i] = pair(two[0], two[1]);
                        }
                    } else {
                        for word in from..to {
                            let high =
                                if 2 * word + 1 < inner { row[(2 * word + 1) * by_inner] } else { 0.0 };
                            out[word * WIDTH + i] = pair(row[2 * word * by_inner], high);
                        }
                    }
                }
            }
        }
    }
    out
}

/// The right factor of a product, packed.
pub(super) struct Right {
    words: usize,
    columns: usize,
    panels: Vec<u32>,
}

impl Right {
    /// Packs a matrix.
    ///
    /// # Panics
    /// When the processor lacks the instruction ([`available`]) or the slice is shorter than its shape says.
    pub fn new(b: View<'_>) -> Right {
        assert!(available() && b.last() < b.data.len());
        // SAFETY: the instruction set is there, as asserted.
        let panels = unsafe { pack::<COLUMNS>(b.data, b.rows, b.columns, b.row, b.column) };
        Right { words: b.rows.div_ceil(2), columns: b.columns, panels }
    }

    /// `out = a · self`; rows of `out` stand `self.columns` apart.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn product(&self, a: View<'_>, out: &mut [f32]) {
        let (rows, n) = (a.rows, self.columns);
        assert!(a.columns.div_ceil(2) == self.words && a.last() < a.data.len() && out.len() == rows * n);
        // SAFETY: a `Right` exists only where the instruction set is there.
        let left = unsafe { pack::<ROWS>(a.data, a.columns, rows, a.column, a.row) };
        for from in (0..self.words).step_by(BLOCK) {
            let words = BLOCK.min(self.words - from);
            for (panel, right) in self.panels.chunks_exact(self.words * COLUMNS).enumerate() {
                let column = panel * COLUMNS;
                let width = COLUMNS.min(n - column);
                let right = &right[from * COLUMNS..][..words * COLUMNS];
                for (panel, left) in left.chunks_exact(self.words * ROWS).enumerate() {
                    let row = panel * ROWS;
                    let height = ROWS.min(rows - row);
                    let left = &left[from * ROWS..][..words * ROWS];
                    let mut edge = [0.0f32; ROWS * COLUMNS];
                    let whole = height == ROWS && width == COLUMNS;
                    let at = row * n + column;
                    // SAFETY: the instruction set is there; both panels have `words` words a row or column; the sums go to
                    // twelve rows of 32, of `out` where the tile lies inside of it, else of the edge.
                    unsafe {
                        if whole {
                            assert!(at + (ROWS - 1) * n + COLUMNS <= out.len());
                            tile(left.as_ptr(), right.as_ptr(), words, out.as_mut_ptr().add(at), n, from > 0);
                        } else {
                            tile(left.as_ptr(), right.as_ptr(), words, edge.as_mut_ptr(), COLUMNS, false);
                        }
                    }
                    if !whole {
                        for r in 0..height {
                            let out = &mut out[at + r * n..][..width];
                            for (o, e) in out.iter_mut().zip(&edge[r * COLUMNS..]) {
                                *o = if from > 0 { *o + e } else { *e };
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Twelve rows times 32 columns; added to what stands in `out` or put in its place.
///
/// # Safety
/// AVX-512 BF16 must be there; `left` has `words · ROWS` words, `right` `words · COLUMNS`, `out` twelve rows `stride` apart.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn tile(left: *const u32, right: *const u32, words: usize, out: *mut f32, stride: usize, add: bool) {
    // SAFETY: places by contract; the transmutes are between vectors of 64 bytes of plain numbers.
    unsafe {
        let half = |v: __m512i| std::mem::transmute::<__m512i, __m512bh>(v);
        let mut sums: [[__m512; 2]; ROWS] = [[_mm512_setzero_ps(); 2]; ROWS];
        for word in 0..words {
            let b0 = half(_mm512_loadu_si512(right.add(word * COLUMNS).cast()));
            let b1 = half(_mm512_loadu_si512(right.add(word * COLUMNS + COLUMNS / 2).cast()));
            for r in 0..ROWS {
                let a = half(_mm512_set1_epi32((*left.add(word * ROWS + r)).cast_signed()));
                sums[r][0] = _mm512_dpbf16_ps(sums[r][0], a, b0);
                sums[r][1] = _mm512_dpbf16_ps(sums[r][1], a, b1);
            }
        }
        for r in 0..ROWS {
            for c in 0..2 {
                let to = out.add(r * stride + c * COLUMNS / 2);
                let sum = if add { _mm512_add_ps(_mm512_loadu_ps(to), sums[r][c]) } else { sums[r][c] };
                _mm512_storeu_ps(to, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers below 256 are exact in bfloat16, so that a wrong place of any element shows.
    #[test]
    fn whole_numbers_are_exact() {
        if !available() {
            return;
        }
        for (m, n, k) in [(1, 1, 1), (12, 32, 2), (13, 33, 7), (30, 70, 401), (25, 64, 768), (5, 31, 385)] {
            let number = |i: usize| (i * 7919 % 17) as f32 - 8.0;
            let (a, b): (Vec<f32>, Vec<f32>) =
                ((0..m * k).map(number).collect(), (0..k * n).map(|i| number(i + 3)).collect());
            let turn = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..columns).flat_map(|c| (0..rows).map(move |r| x[r * columns + c])).collect()
            };
            let (at, bt) = (turn(&a, m, k), turn(&b, k, n));
            let expect: Vec<f32> = (0..m * n)
                .map(|i| (0..k).map(|x| a[i / n * k + x] * b[x * n + i % n]).sum::<f32>())
                .collect();
            for a in [View::new(&a, m, k, k), View::new(&at, k, m, m).turned()] {
                for b in [View::new(&b, k, n, n), View::new(&bt, n, k, k).turned()] {
                    let mut out = vec![9.0; m * n];
                    Right::new(b).product(a, &mut out);
                    assert_eq!(out, expect, "{m} {n} {k}");
                }
            }
        }
    }

    #[test]
    fn rounding_is_to_nearest_even() {
        let low = |x: f32| f32::from_bits(pair(x, 0.0) << 16);
        assert_eq!(low(1.0 + 1.0 / 256.0), 1.0);
        assert_eq!(low(1.0 + 3.0 / 256.0), 1.0 + 1.0 / 64.0);
        assert_eq!(low(-1.005), -1.0078125);
        assert_eq!(pair(0.0, 1.0), 0x3F80_0000);
    }
}
