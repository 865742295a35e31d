//! The encoder's arithmetic, written for its one family of shapes, in the instruction set that the processor has.
//!
//! Layer matrices are 8-bit integers with a scale for each output, as in the model file; activations are rounded to 8 bits
//! row by row as they come (each row on its own grid of 256 steps), products are summed exactly in 32-bit integers, all
//! else is `f32`. No row knows of another one, sums have one order, multiply-adds are fused everywhere: a result is the
//! same on any processor, any number of threads, in any company.
//!
//! This is the only module of the crate with `unsafe`: vector instructions cannot be had without. Every instruction set is
//! tested against plain code, bit for bit.
#![allow(unsafe_code)]

mod dense;
mod int8;
mod lanes;

use dense::Grid;
pub(crate) use dense::{After, Attention};
use int8::{BLOCK, DEPTH, GROUP, TILE};
use std::sync::OnceLock;

/// Instruction sets that the encoder's kernels are built for, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// Plain code.
    Scalar,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL) and VNNI.
    Avx512Vnni,
    /// As before, and AMX tiles of 8-bit integers, on Linux.
    AmxInt8,
}

impl Instructions {
    /// All, slowest first.
    pub const ALL: [Instructions; 4] =
        [Instructions::Scalar, Instructions::Avx2, Instructions::Avx512Vnni, Instructions::AmxInt8];

    /// The fastest that this machine has.
    pub fn detect() -> Instructions {
        static FOUND: OnceLock<Instructions> = OnceLock::new();
        *FOUND.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                let avx512 = avx2
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni");
                #[cfg(target_os = "linux")]
                if avx512 && int8::amx_works() {
                    return Instructions::AmxInt8;
                }
                if avx512 {
                    return Instructions::Avx512Vnni;
                }
                if avx2 {
                    return Instructions::Avx2;
                }
            }
            Instructions::Scalar
        })
    }

    /// Name as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Scalar => "plain code",
            Instructions::Avx2 => "AVX2",
            Instructions::Avx512Vnni => "AVX-512 VNNI",
            Instructions::AmxInt8 => "AMX int8",
        }
    }
}

/// Matrix of 8-bit weights in packed order (see `int8`), with what turns its sums into numbers.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// Inputs, filled up to a multiple of 64.
    depth: usize,
    outputs: usize,
    data: Vec<i8>,
    /// Scale, sum of the weights and bias of each output, filled up to whole tiles.
    scale: Vec<f32>,
    sums: Vec<i32>,
    bias: Vec<f32>,
}

impl Packed {
    /// Packs a matrix `[outputs, inputs]`; the number of outputs is that of the scales and a multiple of 16.
    pub fn new(weight: &[i8], inputs: usize, scale: &[f32], bias: &[f32]) -> Packed {
        let outputs = scale.len();
        assert!(weight.len() == inputs * outputs && bias.len() == outputs && outputs.is_multiple_of(BLOCK));
        let (depth, columns) = (inputs.next_multiple_of(DEPTH), outputs.next_multiple_of(TILE));
        let mut data = vec![0i8; depth * columns];
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            let block = output / BLOCK * BLOCK * depth + output % BLOCK * GROUP;
            for (i, &w) in row.iter().enumerate() {
                data[block + i / GROUP * BLOCK * GROUP + i % GROUP] = w;
            }
        }
        let filled = |v: &[f32]| v.iter().copied().chain(std::iter::repeat(0.0)).take(columns).collect();
        let mut sums: Vec<i32> =
            weight.chunks_exact(inputs).map(|row| row.iter().map(|&w| i32::from(w)).sum()).collect();
        sums.resize(columns, 0);
        Packed { depth, outputs, data, scale: filled(scale), sums, bias: filled(bias) }
    }
}

/// Rows of activations as bytes, each with its grid; room for so many rows that every instruction set has whole tiles.
#[derive(Debug, Default)]
pub(crate) struct Quantised {
    bytes: Vec<u8>,
    grids: Vec<Grid>,
}

/// Matrix of `f32` weights, turned to `[inputs, outputs]` and filled up to a multiple of 32 outputs.
#[derive(Debug, Clone)]
pub(crate) struct Turned {
    inputs: usize,
    outputs: usize,
    data: Vec<f32>,
    bias: Vec<f32>,
}

impl Turned {
    /// From `[outputs, inputs]`.
    pub fn new(weight: &[f32], bias: &[f32]) -> Turned {
        let outputs = bias.len();
        let inputs = weight.len() / outputs.max(1);
        let columns = outputs.next_multiple_of(dense::PAIR);
        let mut data = vec![0.0; inputs * columns];
        for (o, row) in weight.chunks_exact(inputs.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(i, w)| data[i * columns + o] = *w);
        }
        let mut bias = bias.to_vec();
        bias.resize(columns, 0.0);
        Turned { inputs, outputs, data, bias }
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }
    /// Distance of the rows of a result: `outputs`, filled up.
    pub fn stride(&self) -> usize {
        self.bias.len()
    }
}

/// Compiles a generic kernel once for each instruction set and calls the one that is asked for.
macro_rules! for_each_set {
    ($(fn $name:ident($($arg:ident: $type:ty),* $(,)?);)*) => {$(
        #[allow(clippy::too_many_arguments)]
        fn $name(set: Instructions, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $type),*) {
                // SAFETY: the features of this function are those of the set.
                unsafe { dense::$name::<int8::Avx2Tile>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            unsafe fn vnni($($arg: $type),*) {
                // SAFETY: the features of this function are those of the set.
                unsafe { dense::$name::<int8::VnniTile>($($arg),*) }
            }
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            unsafe fn amx($($arg: $type),*) {
                // SAFETY: the features of this function are those of the set but AMX, which `Kernels` guarantees.
                unsafe { dense::$name::<int8::AmxTile>($($arg),*) }
            }
            // SAFETY: `Kernels` holds only a set that `Instructions::detect` found, or a slower one, which it includes.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx512Vnni => vnni($($arg),*),
                    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
                    Instructions::AmxInt8 => amx($($arg),*),
                    _ => dense::$name::<int8::Scalar>($($arg),*),
                }
            }
        }
    )*};
}

for_each_set! {
    fn quantise(x: &[f32], n: usize, depth: usize, out: &mut [u8], grids: &mut [Grid]);
    fn linear(x: &[u8], grids: &[Grid], weight: &Packed, after: After, out: &mut [f32]);
    fn add_norm(x: &mut [f32], residual: &[f32], weight: &[f32], bias: &[f32], epsilon: f32);
    fn attention(qkv: &[f32], h: usize, heads: usize, scratch: &mut Attention, out: &mut [f32]);
    fn float_linear(a: &[f32], depth: usize, b: &[f32], bias: &[f32], out: &mut [f32]);
}

/// The kernels in one instruction set that this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels(Instructions);

impl Kernels {
    /// The fastest of this machine that is not above `most`.
    pub fn new(most: Instructions) -> Kernels {
        // Each set includes the slower ones, so that the lesser of two is there when one is.
        Kernels(most.min(Instructions::detect()))
    }
    pub fn instructions(self) -> Instructions {
        self.0
    }

    /// Rounds rows of width `n`, a multiple of 16, to bytes.
    pub fn quantise(self, x: &[f32], n: usize, out: &mut Quantised) {
        let (rows, depth) = (x.len() / n, n.next_multiple_of(DEPTH));
        // Whole tiles of every set; what stands beyond the rows is multiplied and not looked at. Inputs beyond `n` meet
        // weights of zero.
        let room = rows.next_multiple_of(48) * depth;
        if out.bytes.len() < room {
            out.bytes.resize(room, 0);
        }
        out.grids.clear();
        out.grids.resize(rows, Grid::default());
        quantise(self.0, x, n, depth, &mut out.bytes, &mut out.grids);
    }

    /// `out[rows, outputs] = x · weightᵀ + bias`, and what follows.
    pub fn linear(self, x: &Quantised, weight: &Packed, after: After, out: &mut [f32]) {
        linear(self.0, &x.bytes, &x.grids, weight, after, out);
    }

    /// `x = LayerNorm(x + residual)` for each row as wide as `weight`; no residual where that is empty.
    pub fn add_norm(self, x: &mut [f32], residual: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) {
        add_norm(self.0, x, residual, weight, bias, epsilon);
    }

    /// Multi-head attention of one sequence: `[t, 3·h]` (query, key, value beside each other) to `[t, h]`.
    pub fn attention(self, qkv: &[f32], h: usize, heads: usize, scratch: &mut Attention, out: &mut [f32]) {
        assert!(h > 0 && heads > 0 && out.len() >= qkv.len() / 3);
        attention(self.0, qkv, h, heads, scratch, out);
    }

    /// `out[rows, stride] = x · weightᵀ + bias` in `f32`; columns beyond the outputs are zero.
    pub fn float_linear(self, x: &[f32], weight: &Turned, out: &mut Vec<f32>) {
        let rows = x.len() / weight.inputs.max(1);
        out.resize(rows * weight.stride(), 0.0);
        if rows > 0 {
            float_linear(self.0, x, weight.inputs, &weight.data, &weight.bias, out);
        }
    }
}

#[cfg(test)]
mod tests;
