//! Products of unsigned 8-bit activations and signed 8-bit weights, exact in 32-bit integers.
//!
//! Weights are packed for the widest registers: blocks of 16 outputs, within a block groups of 4 inputs, within a group the
//! 4 weights of output 0, of output 1, and so on: 64 bytes that are one register of AVX-512 and one row of an AMX tile. A
//! tile is a few rows of activations times [`TILE`] outputs.
//!
//! Loops over registers count indices: an iterator's functions do not have the instruction set of the one that calls them,
//! and values of 512 bits would go through memory on their way.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Plain};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Outputs of one block of the packed layout.
pub(super) const BLOCK: usize = 16;
/// Outputs of one tile: four blocks.
pub(super) const TILE: usize = 4 * BLOCK;
/// Inputs that are multiplied at once; a packed matrix has a multiple of [`DEPTH`] inputs, filled up with zeros.
pub(super) const GROUP: usize = 4;
/// Bytes of one row of an AMX tile.
pub(super) const DEPTH: usize = 64;
/// The most rows that the tile of any instruction set has.
pub(super) const MAX_ROWS: usize = 16;

/// Where a tile writes: `[rows, TILE]`.
#[repr(align(64))]
pub(super) struct Accumulators(pub [i32; MAX_ROWS * TILE]);

/// An instruction set: its product of a tile, and its sixteen lanes.
pub(super) trait Tile {
    /// Rows of activations in a tile.
    const ROWS: usize;
    /// Numbers beside each other.
    type V: Lanes;
    /// Before the tiles of a matrix.
    ///
    /// # Safety
    /// The instruction set must be there.
    #[inline(always)]
    unsafe fn begin() {}
    /// After the tiles of a matrix.
    ///
    /// # Safety
    /// As for [`Tile::begin`].
    #[inline(always)]
    unsafe fn end() {}
    /// `acc = a · b` for `ROWS` rows of `depth` activations that stand `depth` bytes apart, and the four blocks at `b`.
    ///
    /// # Safety
    /// The instruction set must be there; `a` has `ROWS · depth` bytes, `b` has `TILE · depth`; `depth` is a multiple of
    /// [`DEPTH`].
    unsafe fn tile(a: *const u8, b: *const i8, depth: usize, acc: &mut Accumulators);
}

/// Plain code: any machine, and the reference for all others.
pub(super) struct Scalar;

impl Tile for Scalar {
    const ROWS: usize = 4;
    type V = Plain;
    #[inline(always)]
    unsafe fn tile(a: *const u8, b: *const i8, depth: usize, acc: &mut Accumulators) {
        // SAFETY: the caller gives that many bytes.
        let (a, b) = unsafe {
            (std::slice::from_raw_parts(a, Self::ROWS * depth), std::slice::from_raw_parts(b, TILE * depth))
        };
        for (row, out) in a.chunks_exact(depth).zip(acc.0.chunks_exact_mut(TILE)) {
            for (block, out) in b.chunks_exact(BLOCK * depth).zip(out.chunks_exact_mut(BLOCK)) {
                out.fill(0);
                for (x, w) in row.chunks_exact(GROUP).zip(block.chunks_exact(BLOCK * GROUP)) {
                    for (o, w) in out.iter_mut().zip(w.chunks_exact(GROUP)) {
                        *o += (0..GROUP).map(|i| i32::from(x[i]) * i32::from(w[i])).sum::<i32>();
                    }
                }
            }
        }
    }
}

/// AVX2. Its own instruction for bytes adds pairs in 16 bits and saturates, which full 8-bit operands overflow; so bytes
/// are spread to 16 bits (even and odd apart) and multiplied there, which is exact.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2Tile;

#[cfg(target_arch = "x86_64")]
impl Tile for Avx2Tile {
    const ROWS: usize = 4;
    type V = Avx2;
    #[inline(always)]
    unsafe fn tile(a: *const u8, b: *const i8, depth: usize, acc: &mut Accumulators) {
        // SAFETY: AVX2 by contract; offsets stay below ROWS · depth and TILE · depth.
        unsafe {
            let low_bytes = _mm256_set1_epi16(0xff);
            for block in 0..4 {
                let mut sums = [[_mm256_setzero_si256(); 2]; Self::ROWS];
                for at in (0..depth).step_by(GROUP) {
                    let w = b.add(block * BLOCK * depth + at * BLOCK);
                    let low = _mm256_loadu_si256(w.cast());
                    let high = _mm256_loadu_si256(w.add(32).cast());
                    let w_even = [
                        _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(low)),
                        _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(high)),
                    ];
                    let w_odd = [_mm256_srai_epi16::<8>(low), _mm256_srai_epi16::<8>(high)];
                    for r in 0..Self::ROWS {
                        let x = _mm256_set1_epi32(a.add(r * depth + at).cast::<i32>().read_unaligned());
                        let (even, odd) = (_mm256_and_si256(x, low_bytes), _mm256_srli_epi16::<8>(x));
                        for half in 0..2 {
                            let product = _mm256_add_epi32(
                                _mm256_madd_epi16(even, w_even[half]),
                                _mm256_madd_epi16(odd, w_odd[half]),
                            );
                            sums[r][half] = _mm256_add_epi32(sums[r][half], product);
                        }
                    }
                }
                for r in 0..Self::ROWS {
                    let to = acc.0.as_mut_ptr().add(r * TILE + block * BLOCK);
                    _mm256_storeu_si256(to.cast(), sums[r][0]);
                    _mm256_storeu_si256(to.add(8).cast(), sums[r][1]);
                }
            }
        }
    }
}

/// AVX-512 with the vector neural network instructions: four products and their sum in one instruction, without saturation.
#[cfg(target_arch = "x86_64")]
pub(super) struct VnniTile;

#[cfg(target_arch = "x86_64")]
impl Tile for VnniTile {
    const ROWS: usize = 6;
    type V = Avx512;
    #[inline(always)]
    unsafe fn tile(a: *const u8, b: *const i8, depth: usize, acc: &mut Accumulators) {
        // SAFETY: AVX-512 VNNI by contract; offsets stay below ROWS · depth and TILE · depth.
        unsafe {
            // 24 accumulators, 4 registers of weights, one of activations.
            let mut sums = [[_mm512_setzero_si512(); 4]; Self::ROWS];
            let stride = BLOCK * depth;
            for at in (0..depth).step_by(GROUP) {
                let w = b.add(at * BLOCK);
                let w = [
                    _mm512_loadu_si512(w.cast()),
                    _mm512_loadu_si512(w.add(stride).cast()),
                    _mm512_loadu_si512(w.add(2 * stride).cast()),
                    _mm512_loadu_si512(w.add(3 * stride).cast()),
                ];
                for r in 0..Self::ROWS {
                    let x = _mm512_set1_epi32(a.add(r * depth + at).cast::<i32>().read_unaligned());
                    for block in 0..4 {
                        sums[r][block] = _mm512_dpbusd_epi32(sums[r][block], x, w[block]);
                    }
                }
            }
            for r in 0..Self::ROWS {
                for block in 0..4 {
                    let to = acc.0.as_mut_ptr().add(r * TILE + block * BLOCK);
                    _mm512_storeu_si512(to.cast(), sums[r][block]);
                }
            }
        }
    }
}

/// AMX with 8-bit integers: tiles of 16 rows by 64 bytes. By inline assembly, as the intrinsics are not stable.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) struct AmxTile;

/// Operand of `ldtilecfg`: eight tiles of 16 rows by 64 bytes (Intel SDM 1, chapter 18).
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
static TILE_CONFIG: TileConfig = TileConfig {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
impl Tile for AmxTile {
    const ROWS: usize = 16;
    type V = Avx512;
    #[inline(always)]
    unsafe fn begin() {
        // SAFETY: AMX by contract; the operand is 64 bytes of a valid configuration.
        unsafe {
            std::arch::asm!("ldtilecfg [{}]", in(reg) &raw const TILE_CONFIG, options(nostack, preserves_flags))
        }
    }
    #[inline(always)]
    unsafe fn end() {
        // SAFETY: AMX by contract. Tiles that are in use make every switch of threads dear.
        unsafe { std::arch::asm!("tilerelease", options(nostack, preserves_flags)) }
    }
    #[inline(always)]
    unsafe fn tile(a: *const u8, b: *const i8, depth: usize, acc: &mut Accumulators) {
        // SAFETY: AMX by contract and configured by `begin`; each turn reads 64 bytes of 16 rows of `a` and 1 KiB of each
        // of the four blocks, `depth / 64` times; 16 rows of 256 bytes are written, the size of `acc`.
        unsafe {
            std::arch::asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{a} + {depth}*1]",
                "tileloadd tmm5, [{b0} + {line}*1]",
                "tdpbusd tmm0, tmm4, tmm5",
                "tileloadd tmm6, [{b1} + {line}*1]",
                "tdpbusd tmm1, tmm4, tmm6",
                "tileloadd tmm5, [{b2} + {line}*1]",
                "tdpbusd tmm2, tmm4, tmm5",
                "tileloadd tmm6, [{b3} + {line}*1]",
                "tdpbusd tmm3, tmm4, tmm6",
                "add {a}, 64",
                "add {b0}, 1024",
                "add {b1}, 1024",
                "add {b2}, 1024",
                "add {b3}, 1024",
                "dec {turns}",
                "jnz 2b",
                "shl {line}, 2",
                "tilestored [{acc} + {line}*1], tmm0",
                "tilestored [{acc} + {line}*1 + 64], tmm1",
                "tilestored [{acc} + {line}*1 + 128], tmm2",
                "tilestored [{acc} + {line}*1 + 192], tmm3",
                a = inout(reg) a => _,
                depth = in(reg) depth,
                b0 = inout(reg) b => _,
                b1 = inout(reg) b.add(BLOCK * depth) => _,
                b2 = inout(reg) b.add(2 * BLOCK * depth) => _,
                b3 = inout(reg) b.add(3 * BLOCK * depth) => _,
                line = inout(reg) 64usize => _,
                turns = inout(reg) depth / DEPTH => _,
                acc = in(reg) acc.0.as_mut_ptr(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _,
                options(nostack)
            );
        }
    }
}

/// True when processor and operating system have AMX with 8-bit integers and this process may use it, and a tile comes out
/// as in plain code.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn amx_works() -> bool {
    /// Tile configuration and tile data must both be saved by the operating system.
    const STATE: u64 = 0b11 << 17;
    let leaf = __cpuid(1);
    // Bit 27: the operating system has switched on XSAVE, without which `xgetbv` is not allowed.
    if __cpuid(0).eax < 7 || leaf.ecx & (1 << 27) == 0 {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    // Bits 24 and 25: tiles, and their product of 8-bit integers.
    if (features >> 24) & 3 != 3 {
        return false;
    }
    let (low, high): (u32, u32);
    // SAFETY: `xgetbv` with register 0 is allowed when XSAVE is on.
    unsafe {
        std::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags))
    };
    if (u64::from(low) | u64::from(high) << 32) & STATE != STATE {
        return false;
    }
    // Linux saves tiles only for a process that has asked: arch_prctl(ARCH_REQ_XCOMP_PERM, 18). It holds for all threads.
    let answer: isize;
    // SAFETY: the call takes two integers and touches no memory of ours; the kernel clobbers rcx and r11.
    unsafe {
        std::arch::asm!("syscall", inlateout("rax") 158isize => answer, in("rdi") 0x1023, in("rsi") 18,
            out("rcx") _, out("r11") _, options(nostack))
    };
    if answer != 0 {
        return false;
    }
    let depth = 2 * DEPTH;
    let mixed = |i: usize| (i.wrapping_mul(0x9E37_79B9) >> 7) as u8;
    let a: Vec<u8> = (0..AmxTile::ROWS * depth).map(mixed).collect();
    let b: Vec<i8> = (0..TILE * depth).map(|i| (mixed(i + 77) as i8).max(-127)).collect();
    let (mut got, mut expect) = (Accumulators([0; MAX_ROWS * TILE]), Accumulators([0; MAX_ROWS * TILE]));
    // SAFETY: AMX was found above; the buffers have the sizes of the contract.
    unsafe {
        AmxTile::begin();
        AmxTile::tile(a.as_ptr(), b.as_ptr(), depth, &mut got);
        AmxTile::end();
    }
    for (rows, out) in
        a.chunks_exact(Scalar::ROWS * depth).zip(expect.0.chunks_exact_mut(Scalar::ROWS * TILE))
    {
        let mut part = Accumulators([0; MAX_ROWS * TILE]);
        // SAFETY: plain code; the buffers have the sizes of the contract.
        unsafe { Scalar::tile(rows.as_ptr(), b.as_ptr(), depth, &mut part) };
        out.copy_from_slice(&part.0[..Scalar::ROWS * TILE]);
    }
    got.0 == expect.0
}
