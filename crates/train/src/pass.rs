//! The encoder forward and backward, written by hand for this one network.
//!
//! The sequences of a step stand one after the other without padding, so that a layer is a few large products over all
//! their tokens. What the backward pass needs again is kept ([`LayerTrace`]); cheap functions are computed twice instead.

use crate::net::{Gradients, Net};
use crate::product::{PIECES, View, multiply, product};
use crate::wide::wide;
use rayon::prelude::*;
use tm_extract::neural::{erf, exp};

/// What a layer keeps of its forward pass; `n` rows.
struct LayerTrace {
    /// Input, `[n, h]`.
    input: Vec<f32>,
    /// Query, key, value, `[n, 3·h]`.
    qkv: Vec<f32>,
    /// Attention of each sequence and head, `[t, t]` one after the other.
    attention: Vec<f32>,
    /// Heads' contexts, `[n, h]`.
    context: Vec<f32>,
    norm1: NormTrace,
    /// After the first normalisation, `[n, h]`.
    middle: Vec<f32>,
    /// Feed-forward state before and after GELU, `[n, f]`.
    up: Vec<f32>,
    bent: Vec<f32>,
    norm2: NormTrace,
}

/// Normalised rows before weight and bias, and the inverse deviation of each row.
struct NormTrace {
    normal: Vec<f32>,
    inverse: Vec<f32>,
}

/// The forward pass of a step.
pub(crate) struct Trace {
    lengths: Vec<usize>,
    layers: Vec<LayerTrace>,
    /// Hidden states of all rows, `[n, h]`.
    pub states: Vec<f32>,
}

/// Sum of eight interleaved partial sums: vectorises, and has one order.
#[inline(always)]
fn sum(n: usize, of: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; 8];
    let whole = n / 8 * 8;
    for i in (0..whole).step_by(8) {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += of(i + l);
        }
    }
    let rest: f32 = (whole..n).map(&of).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Rows of a piece.
fn piece(rows: usize) -> usize {
    rows.div_ceil(PIECES).max(1)
}

/// Sums over the rows of `[n, width]`, piece by piece.
fn column_sums(rows: &[f32], width: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = rows
        .par_chunks(piece(rows.len() / width) * width)
        .map(|rows| {
            let mut sums = vec![0.0; width];
            add_rows(&mut sums, rows);
            sums
        })
        .collect();
    add_up(parts, width)
}

fn add_up(parts: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    let mut total = vec![0.0; width];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, x)| *t += x);
    }
    total
}

/// Probability of a standard normal number below `x`.
#[inline(always)]
fn below(x: f32) -> f32 {
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

wide! {
    fn gelu_part(out: &mut [f32], x: &[f32]) {
        out.iter_mut().zip(x).for_each(|(o, &x)| *o = x * below(x));
    }
}

fn gelu(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let size = piece(x.len());
    out.par_chunks_mut(size).zip(x.par_chunks(size)).for_each(|(out, x)| gelu_part(out, x));
    out
}

wide! {
    fn gelu_back_part(gradient: &mut [f32], x: &[f32]) {
        for (g, &x) in gradient.iter_mut().zip(x) {
            *g *= below(x) + x * exp(-0.5 * x * x) * 0.398_942_3;
        }
    }
}

/// Turns the gradient of GELU's result into that of its input.
fn gelu_back(gradient: &mut [f32], x: &[f32]) {
    let size = piece(x.len());
    gradient
        .par_chunks_mut(size)
        .zip(x.par_chunks(size))
        .for_each(|(gradient, x)| gelu_back_part(gradient, x));
}

wide! {
    /// Adds a row to each row.
    fn add_to_rows(rows: &mut [f32], row: &[f32]) {
        for to in rows.chunks_exact_mut(row.len()) {
            to.iter_mut().zip(row).for_each(|(t, x)| *t += x);
        }
    }
}

wide! {
    /// Adds all rows to one.
    fn add_rows(to: &mut [f32], rows: &[f32]) {
        for row in rows.chunks_exact(to.len()) {
            to.iter_mut().zip(row).for_each(|(t, x)| *t += x);
        }
    }
}

wide! {
    fn norm_rows(x: &mut [f32], residual: &[f32], normal: &mut [f32], inverse: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
        let h = weight.len();
        let rows = x.chunks_exact_mut(h).zip(residual.chunks_exact(h));
        for (((x, residual), normal), inverse) in rows.zip(normal.chunks_exact_mut(h)).zip(inverse) {
            x.iter_mut().zip(residual).for_each(|(x, r)| *x += r);
            let mean = sum(h, |i| x[i]) / h as f32;
            let variance = sum(h, |i| (x[i] - mean) * (x[i] - mean)) / h as f32;
            *inverse = 1.0 / (variance + epsilon).sqrt();
            for (((x, n), w), b) in x.iter_mut().zip(normal).zip(weight).zip(bias) {
                *n = (*x - mean) * *inverse;
                *x = *n * w + b;
            }
        }
    }
}

wide! {
    fn norm_back_rows(gradient: &mut [f32], normal: &[f32], inverse: &[f32], weight: &[f32], sums: &mut [f32]) {
        let h = weight.len();
        let rows = gradient.chunks_exact_mut(h).zip(normal.chunks_exact(h));
        for ((g, normal), inverse) in rows.zip(inverse) {
            for (((g, n), w), s) in g.iter_mut().zip(normal).zip(weight).zip(sums.iter_mut()) {
                *s += *g * n;
                *g *= w;
            }
            let mean = sum(h, |i| g[i]) / h as f32;
            let dot = sum(h, |i| g[i] * normal[i]) / h as f32;
            for (g, n) in g.iter_mut().zip(normal) {
                *g = inverse * (*g - mean - n * dot);
            }
        }
    }
}

wide! {
    /// Softmax of each row of width `t`.
    fn softmax_rows(rows: &mut [f32], t: usize) {
        for row in rows.chunks_exact_mut(t) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
            row.iter_mut().for_each(|x| *x = exp(*x - max));
            let total = 1.0 / sum(t, |i| row[i]);
            row.iter_mut().for_each(|x| *x *= total);
        }
    }
}

wide! {
    /// Turns the gradient of a softmax's result (rows of width `t`, probabilities `p`) into that of its input.
    fn softmax_back_rows(gradient: &mut [f32], p: &[f32], t: usize) {
        for (g, p) in gradient.chunks_exact_mut(t).zip(p.chunks_exact(t)) {
            let dot = sum(t, |i| g[i] * p[i]);
            g.iter_mut().zip(p).for_each(|(g, p)| *g = p * (*g - dot));
        }
    }
}

impl Net {
    /// `x · weight + bias`, rows spread over threads.
    pub fn linear(&self, x: &[f32], name: &str) -> Vec<f32> {
        let weight = self.weight(&format!("{name}.weight"));
        let (input, output) = (weight.dims[0], weight.dims[1]);
        let bias = &self.weight(&format!("{name}.bias")).data;
        let rows = x.len() / input;
        let mut out = product(View::new(x, rows, input, input), weight.view());
        out.par_chunks_mut(piece(rows) * output).for_each(|rows| add_to_rows(rows, bias));
        out
    }

    /// Gradients of a linear map's weight and bias, from its input and the gradient of its output.
    pub fn linear_weights(&self, x: &[f32], gradient: &[f32], name: &str, into: &mut Gradients) {
        let weight = self.weight(&format!("{name}.weight"));
        let (input, output) = (weight.dims[0], weight.dims[1]);
        let rows = x.len() / input;
        let x = View::new(x, rows, input, input).turned();
        into.insert(format!("{name}.weight"), product(x, View::new(gradient, rows, output, output)));
        into.insert(format!("{name}.bias"), column_sums(gradient, output));
    }

    /// Gradient of a linear map's input.
    pub fn linear_input(&self, gradient: &[f32], name: &str) -> Vec<f32> {
        let weight = self.weight(&format!("{name}.weight"));
        let output = weight.dims[1];
        product(View::new(gradient, gradient.len() / output, output, output), weight.view().turned())
    }

    /// `LayerNorm(x + residual)`, in place of `x`.
    fn norm(&self, x: &mut [f32], residual: &[f32], name: &str) -> NormTrace {
        let (weight, bias) =
            (&self.weight(&format!("{name}.weight")).data, &self.weight(&format!("{name}.bias")).data);
        let h = weight.len();
        let (mut normal, mut inverse) = (vec![0.0; x.len()], vec![0.0; x.len() / h]);
        let size = piece(x.len() / h);
        x.par_chunks_mut(size * h)
            .zip(residual.par_chunks(size * h))
            .zip(normal.par_chunks_mut(size * h))
            .zip(inverse.par_chunks_mut(size))
            .for_each(|(((x, residual), normal), inverse)| {
                norm_rows(x, residual, normal, inverse, weight, bias, self.shape.epsilon);
            });
        NormTrace { normal, inverse }
    }

    /// Turns the gradient of a normalisation's result into that of its sum of inputs.
    fn norm_back(&self, gradient: &mut [f32], trace: &NormTrace, name: &str, into: &mut Gradients) {
        let weight = &self.weight(&format!("{name}.weight")).data;
        let h = weight.len();
        into.insert(format!("{name}.bias"), column_sums(gradient, h));
        let size = piece(trace.inverse.len());
        let parts: Vec<Vec<f32>> = gradient
            .par_chunks_mut(size * h)
            .zip(trace.normal.par_chunks(size * h))
            .zip(trace.inverse.par_chunks(size))
            .map(|((gradient, normal), inverse)| {
                let mut sums = vec![0.0; h];
                norm_back_rows(gradient, normal, inverse, weight, &mut sums);
                sums
            })
            .collect();
        into.insert(format!("{name}.weight"), add_up(parts, h));
    }

    /// Cuts a buffer into the parts of the sequences, `width(t)` each.
    fn by_sequence<'a>(
        lengths: &[usize],
        mut all: &'a mut [f32],
        width: impl Fn(usize) -> usize,
    ) -> Vec<&'a mut [f32]> {
        lengths
            .iter()
            .map(|&t| {
                let (part, rest) = std::mem::take(&mut all).split_at_mut(width(t));
                all = rest;
                part
            })
            .collect()
    }

    /// Contexts `[n, h]` and attentions of all sequences.
    fn attend(&self, qkv: &[f32], lengths: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let (h, heads) = (self.shape.hidden, self.shape.heads);
        let d = h / heads;
        let mut context = vec![0.0; qkv.len() / 3];
        let mut attention = vec![0.0; lengths.iter().map(|t| t * t * heads).sum()];
        Net::by_sequence(lengths, &mut context, |t| t * h)
            .into_par_iter()
            .zip(Net::by_sequence(lengths, &mut attention, |t| t * t * heads))
            .zip(starts(lengths))
            .for_each(|((context, attention), start)| {
                let t = context.len() / h;
                let part =
                    |n: usize, head: usize| View::new(&qkv[start * 3 * h + n * h + head * d..], t, d, 3 * h);
                for (head, p) in attention.chunks_exact_mut(t * t).enumerate() {
                    let scale = 1.0 / (d as f32).sqrt();
                    multiply(part(0, head), part(1, head).turned(), scale, false, p, t);
                    softmax_rows(p, t);
                    multiply(View::new(p, t, t, t), part(2, head), 1.0, false, &mut context[head * d..], h);
                }
            });
        (context, attention)
    }

    /// Gradient of query, key and value from that of the contexts.
    fn attend_back(&self, gradient: &[f32], trace: &LayerTrace, lengths: &[usize]) -> Vec<f32> {
        let (h, heads) = (self.shape.hidden, self.shape.heads);
        let d = h / heads;
        let scale = 1.0 / (d as f32).sqrt();
        let mut out = vec![0.0; trace.qkv.len()];
        let squares: Vec<usize> = lengths.iter().map(|t| t * t * heads).collect();
        Net::by_sequence(lengths, &mut out, |t| t * 3 * h)
            .into_par_iter()
            .zip(starts(lengths))
            .zip(starts(&squares))
            .for_each(|((out, start), square)| {
                let t = out.len() / (3 * h);
                let mut scores = vec![0.0f32; t * t];
                for head in 0..heads {
                    let at = head * d;
                    let part = |n: usize| View::new(&trace.qkv[start * 3 * h + n * h + at..], t, d, 3 * h);
                    let p = &trace.attention[square + head * t * t..][..t * t];
                    let context = View::new(&gradient[start * h + at..], t, d, h);
                    multiply(
                        View::new(p, t, t, t).turned(),
                        context,
                        1.0,
                        false,
                        &mut out[2 * h + at..],
                        3 * h,
                    );
                    multiply(context, part(2).turned(), 1.0, false, &mut scores, t);
                    softmax_back_rows(&mut scores, p, t);
                    let scores = View::new(&scores, t, t, t);
                    multiply(scores, part(1), scale, false, &mut out[at..], 3 * h);
                    multiply(scores.turned(), part(0), scale, false, &mut out[h + at..], 3 * h);
                }
            });
        out
    }

    /// Runs embedded sequences of the given lengths, `[n, h]` one after the other, through all layers.
    pub fn forward(&self, mut x: Vec<f32>, lengths: &[usize]) -> Trace {
        let mut layers = Vec::with_capacity(self.shape.layers);
        for i in 0..self.shape.layers {
            let name = |part: &str| format!("layer.{i}.{part}");
            let input = x;
            let qkv = self.linear(&input, &name("qkv"));
            let (context, attention) = self.attend(&qkv, lengths);
            let mut middle = self.linear(&context, &name("out"));
            let norm1 = self.norm(&mut middle, &input, &name("norm1"));
            let up = self.linear(&middle, &name("up"));
            let bent = gelu(&up);
            x = self.linear(&bent, &name("down"));
            let norm2 = self.norm(&mut x, &middle, &name("norm2"));
            layers.push(LayerTrace { input, qkv, attention, context, norm1, middle, up, bent, norm2 });
        }
        Trace { lengths: lengths.to_vec(), layers, states: x }
    }

    /// Gradients of all weights of the layers, from that of the states.
    pub fn backward(&self, trace: Trace, mut gradient: Vec<f32>, into: &mut Gradients) {
        for (i, layer) in trace.layers.into_iter().enumerate().rev() {
            let name = |part: &str| format!("layer.{i}.{part}");
            self.norm_back(&mut gradient, &layer.norm2, &name("norm2"), into);
            self.linear_weights(&layer.bent, &gradient, &name("down"), into);
            let mut up = self.linear_input(&gradient, &name("down"));
            gelu_back(&mut up, &layer.up);
            self.linear_weights(&layer.middle, &up, &name("up"), into);
            add(&mut gradient, &self.linear_input(&up, &name("up")));
            self.norm_back(&mut gradient, &layer.norm1, &name("norm1"), into);
            self.linear_weights(&layer.context, &gradient, &name("out"), into);
            let context = self.linear_input(&gradient, &name("out"));
            let qkv = self.attend_back(&context, &layer, &trace.lengths);
            self.linear_weights(&layer.input, &qkv, &name("qkv"), into);
            // Below the first layer are only the embeddings, which stay as they are.
            if i > 0 {
                add(&mut gradient, &self.linear_input(&qkv, &name("qkv")));
            }
        }
    }
}

/// Where each part begins when they stand one after the other.
pub(crate) fn starts(lengths: &[usize]) -> Vec<usize> {
    lengths
        .iter()
        .scan(0, |at, n| {
            let start = *at;
            *at += n;
            Some(start)
        })
        .collect()
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += f);
}
