//! Sixteen `f32` side by side, in three widths of registers.
//!
//! The kernels are written once over [`Lanes`] and compiled once for each instruction set. All implementations compute the
//! same: sixteen lanes whatever the width of a register, multiply-add always fused (rounded once), sums over lanes in one
//! fixed order. So a result depends neither on the machine nor on what it is computed together with.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Lanes of one value.
pub(super) const LANES: usize = 16;

/// Sixteen numbers.
///
/// # Safety
/// All functions: the instruction set of the implementation must be there. Pointers: sixteen elements, no alignment.
pub(super) trait Lanes: Copy {
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Sixteen integers `from - factor · less`, converted (rounded to nearest).
    unsafe fn load_i32(from: *const i32, factor: i32, less: *const i32) -> Self;
    /// The lowest byte of each lane after rounding to the nearest integer; lanes must lie in `0..=255`.
    unsafe fn store_u8(self, to: *mut u8);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self · factor + addend`, rounded once.
    unsafe fn fma(self, factor: Self, addend: Self) -> Self;
    /// The greater; `other` where one is no number.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller; `other` where one is no number.
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn abs(self) -> Self;
    /// The magnitude of `self` with the sign of `sign`.
    unsafe fn copysign(self, sign: Self) -> Self;
    /// 2 to the power of `self`, which is an integer in `-126..=127`.
    unsafe fn exp2_integer(self) -> Self;

    /// The lanes in memory.
    #[inline(always)]
    unsafe fn array(self) -> [f32; LANES] {
        let mut a = [0.0; LANES];
        // SAFETY: `a` has room for sixteen.
        unsafe { self.store(a.as_mut_ptr()) };
        a
    }
    /// Sum of the lanes: halves onto each other until one is left.
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as for the function itself.
        fold(unsafe { self.array() }, |a, b| a + b)
    }
    /// Greatest lane.
    #[inline(always)]
    unsafe fn greatest(self) -> f32 {
        // SAFETY: as for the function itself.
        fold(unsafe { self.array() }, |a, b| if a > b { a } else { b })
    }
    /// Smallest lane.
    #[inline(always)]
    unsafe fn smallest(self) -> f32 {
        // SAFETY: as for the function itself.
        fold(unsafe { self.array() }, |a, b| if a < b { a } else { b })
    }
}

#[inline(always)]
fn fold(mut a: [f32; LANES], with: impl Fn(f32, f32) -> f32) -> f32 {
    let mut n = LANES / 2;
    while n > 0 {
        for i in 0..n {
            a[i] = with(a[i], a[i + n]);
        }
        n /= 2;
    }
    a[0]
}

/// An array: any machine.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; LANES]);

impl Plain {
    #[inline(always)]
    fn zip(self, other: Plain, with: impl Fn(f32, f32) -> f32) -> Plain {
        Plain(std::array::from_fn(|i| with(self.0[i], other.0[i])))
    }
}

impl Lanes for Plain {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Plain {
        Plain([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Plain {
        // SAFETY: the caller gives sixteen elements.
        Plain(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller gives sixteen elements.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_i32(from: *const i32, factor: i32, less: *const i32) -> Plain {
        // SAFETY: the caller gives sixteen elements.
        let (x, less) = unsafe {
            (from.cast::<[i32; LANES]>().read_unaligned(), less.cast::<[i32; LANES]>().read_unaligned())
        };
        Plain(std::array::from_fn(|i| x[i].wrapping_sub(factor.wrapping_mul(less[i])) as f32))
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        // SAFETY: the caller gives sixteen elements.
        unsafe { to.cast::<[u8; LANES]>().write_unaligned(self.0.map(|x| x.round_ties_even() as u8)) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Plain) -> Plain {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Plain) -> Plain {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Plain) -> Plain {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Plain) -> Plain {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(self, factor: Plain, addend: Plain) -> Plain {
        // Slow where the processor has no such instruction, but the same everywhere.
        Plain(std::array::from_fn(|i| self.0[i].mul_add(factor.0[i], addend.0[i])))
    }
    #[inline(always)]
    unsafe fn max(self, other: Plain) -> Plain {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(self, other: Plain) -> Plain {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn abs(self) -> Plain {
        Plain(self.0.map(f32::abs))
    }
    #[inline(always)]
    unsafe fn copysign(self, sign: Plain) -> Plain {
        self.zip(sign, f32::copysign)
    }
    #[inline(always)]
    unsafe fn exp2_integer(self) -> Plain {
        Plain(self.0.map(|x| f32::from_bits(((x as i32 + 127) << 23) as u32)))
    }
}

/// Two registers of AVX2 with FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

// SAFETY of all blocks below: the caller guarantees the instruction set, and sixteen elements behind each pointer.
#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Avx2 {
        unsafe { Avx2(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Avx2 {
        unsafe { Avx2(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn load_i32(from: *const i32, factor: i32, less: *const i32) -> Avx2 {
        unsafe {
            let factor = _mm256_set1_epi32(factor);
            let low = _mm256_mullo_epi32(factor, _mm256_loadu_si256(less.cast()));
            let high = _mm256_mullo_epi32(factor, _mm256_loadu_si256(less.add(8).cast()));
            let low = _mm256_sub_epi32(_mm256_loadu_si256(from.cast()), low);
            let high = _mm256_sub_epi32(_mm256_loadu_si256(from.add(8).cast()), high);
            Avx2(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high))
        }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        unsafe {
            let (a, b) = (_mm256_cvtps_epi32(self.0), _mm256_cvtps_epi32(self.1));
            // Packing works in halves of 128 bits; the permutation sets the quarters straight.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(a, b));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
    #[inline(always)]
    unsafe fn add(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_add_ps(self.0, o.0), _mm256_add_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_sub_ps(self.0, o.0), _mm256_sub_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_mul_ps(self.0, o.0), _mm256_mul_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_div_ps(self.0, o.0), _mm256_div_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn fma(self, f: Avx2, a: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_fmadd_ps(self.0, f.0, a.0), _mm256_fmadd_ps(self.1, f.1, a.1)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_max_ps(self.0, o.0), _mm256_max_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Avx2) -> Avx2 {
        unsafe { Avx2(_mm256_min_ps(self.0, o.0), _mm256_min_ps(self.1, o.1)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Avx2 {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            Avx2(_mm256_andnot_ps(sign, self.0), _mm256_andnot_ps(sign, self.1))
        }
    }
    #[inline(always)]
    unsafe fn copysign(self, s: Avx2) -> Avx2 {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            Avx2(
                _mm256_or_ps(_mm256_andnot_ps(sign, self.0), _mm256_and_ps(sign, s.0)),
                _mm256_or_ps(_mm256_andnot_ps(sign, self.1), _mm256_and_ps(sign, s.1)),
            )
        }
    }
    #[inline(always)]
    unsafe fn exp2_integer(self) -> Avx2 {
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let low = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), bias);
            let high = _mm256_add_epi32(_mm256_cvtps_epi32(self.1), bias);
            Avx2(
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(low)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(high)),
            )
        }
    }
}

/// One register of AVX-512 (F, BW, DQ, VL).
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY of all blocks below: the caller guarantees the instruction set, and sixteen elements behind each pointer.
#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Avx512 {
        unsafe { Avx512(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Avx512 {
        unsafe { Avx512(_mm512_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_i32(from: *const i32, factor: i32, less: *const i32) -> Avx512 {
        unsafe {
            let less = _mm512_mullo_epi32(_mm512_set1_epi32(factor), _mm512_loadu_si512(less.cast()));
            Avx512(_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(from.cast()), less)))
        }
    }
    #[inline(always)]
    unsafe fn store_u8(self, to: *mut u8) {
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0))) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_div_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, f: Avx512, a: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_fmadd_ps(self.0, f.0, a.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_max_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Avx512) -> Avx512 {
        unsafe { Avx512(_mm512_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Avx512 {
        unsafe { Avx512(_mm512_andnot_ps(_mm512_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn copysign(self, s: Avx512) -> Avx512 {
        unsafe {
            let sign = _mm512_set1_ps(-0.0);
            Avx512(_mm512_or_ps(_mm512_andnot_ps(sign, self.0), _mm512_and_ps(sign, s.0)))
        }
    }
    #[inline(always)]
    unsafe fn exp2_integer(self) -> Avx512 {
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Avx512(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        }
    }
}
