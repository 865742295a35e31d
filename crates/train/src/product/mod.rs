//! Matrix products on `f32`, spread over threads in pieces whose number is fixed, so that a sum never depends on threads.
//! Large ones round their factors to bfloat16 where the processor multiplies those faster.

#[cfg(target_arch = "x86_64")]
mod bf16;

use rayon::prelude::*;

/// Pieces that a product is cut into.
pub(crate) const PIECES: usize = 8;

/// A matrix in a slice: element (r, c) stands at `r · row + c · column`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Row-major, rows `stride` apart.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> View<'a> {
        View { data, rows, columns, row: stride, column: 1 }
    }
    /// The same numbers, transposed.
    pub fn turned(self) -> View<'a> {
        View { rows: self.columns, columns: self.rows, row: self.column, column: self.row, ..self }
    }
    /// Rows `from..to`.
    fn part(self, from: usize, to: usize) -> View<'a> {
        View { data: &self.data[from * self.row..], rows: to - from, ..self }
    }
    fn last(&self) -> usize {
        (self.rows - 1) * self.row + (self.columns - 1) * self.column
    }
}

/// `out = scale · a · b` (`+ out` with `add`), on the calling thread; rows of `out` stand `stride` apart.
///
/// # Panics
/// When the shapes do not fit, or a slice is shorter than its shape says.
#[allow(unsafe_code)]
pub(crate) fn multiply(a: View<'_>, b: View<'_>, scale: f32, add: bool, out: &mut [f32], stride: usize) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    assert!(k > 0 && k == b.rows && a.last() < a.data.len() && b.last() < b.data.len());
    assert!(stride >= n && (m - 1) * stride + n <= out.len());
    // SAFETY: the assertions show that the last element of each operand lies inside its slice; strides are not negative,
    // so all others lie before it. `out` is uniquely borrowed, and its rows do not overlap.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Rows of the left factor and columns of the right one from which packing pays.
#[cfg(target_arch = "x86_64")]
const LARGE: usize = 128;

/// `a · b`, rows of the result spread over threads.
pub(crate) fn product(a: View<'_>, b: View<'_>) -> Vec<f32> {
    let n = b.columns;
    let mut out = vec![0.0; a.rows * n];
    if out.is_empty() {
        return out;
    }
    let size = a.rows.div_ceil(PIECES);
    #[cfg(target_arch = "x86_64")]
    if a.rows >= LARGE && n >= LARGE && bf16::available() {
        let right = bf16::Right::new(b);
        out.par_chunks_mut(size * n).enumerate().for_each(|(i, out)| {
            let first = i * size;
            right.product(a.part(first, first + out.len() / n), out);
        });
        return out;
    }
    out.par_chunks_mut(size * n).enumerate().for_each(|(i, out)| {
        let first = i * size;
        multiply(a.part(first, first + out.len() / n), b, 1.0, false, out, n);
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_times_columns() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let x = View::new(&a, 2, 3, 3);
        assert_eq!(product(x, View::new(&b, 3, 2, 2)), [4.0, 5.0, 10.0, 11.0]);
        assert_eq!(product(x.turned(), x).len(), 9);
        assert_eq!(product(x.turned(), x)[..3], [17.0, 22.0, 27.0]);
        let mut out = [1.0; 4];
        multiply(x, x.turned(), 2.0, true, &mut out, 2);
        assert_eq!(out, [29.0, 65.0, 65.0, 155.0]);
    }
}
