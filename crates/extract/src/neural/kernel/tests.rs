//! Every instruction set against plain code, and plain code against the definitions.

use super::*;

/// Numbers that repeat nowhere, the same on every machine.
fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Mostly small, a few large, as the states of an encoder are.
            let x = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
            if state.is_multiple_of(61) { x * 20.0 } else { x }
        })
        .collect()
}

fn matrix(inputs: usize, outputs: usize) -> (Vec<i8>, Vec<f32>, Vec<f32>) {
    let weight =
        numbers(inputs * outputs, 5).iter().map(|x| (x * 127.0) as i8).map(|w| w.max(-127)).collect();
    let scale = numbers(outputs, 6).iter().map(|x| x.abs() * 0.01 + 1e-4).collect();
    (weight, scale, numbers(outputs, 7))
}

/// The sets above plain code that this machine has.
fn others() -> Vec<Kernels> {
    let most = Instructions::detect();
    Instructions::ALL
        .into_iter()
        .filter(|i| *i > Instructions::Scalar && *i <= most)
        .map(Kernels::new)
        .collect()
}

/// Shapes of the encoder, of a small one, and rows that fill no tile.
const SHAPES: [(usize, usize, usize); 7] = [
    (1, 384, 1152),
    (7, 384, 384),
    (48, 384, 1536),
    (33, 1536, 384),
    (5, 64, 192),
    (50, 64, 96),
    (12, 96, 64),
];

#[test]
fn sets_agree_with_plain_code_bit_for_bit() {
    let plain = Kernels::new(Instructions::Scalar);
    for (rows, inputs, outputs) in SHAPES {
        let (weight, scale, bias) = matrix(inputs, outputs);
        let packed = Packed::new(&weight, inputs, &scale, &bias);
        let x = numbers(rows * inputs, 9);
        for after in [After::Plain, After::Gelu] {
            let run = |k: Kernels| {
                let (mut q, mut out) = (Quantised::default(), vec![0.0; rows * outputs]);
                k.quantise(&x, inputs, &mut q);
                k.linear(&q, &packed, after, &mut out);
                (q.grids, q.bytes, out)
            };
            let expect = run(plain);
            for k in others() {
                assert!(run(k) == expect, "{:?} {rows}×{inputs}×{outputs}", k.instructions());
            }
        }
        let (norm, residual) = (numbers(inputs, 3), numbers(rows * inputs, 4));
        let run = |k: Kernels| {
            let mut x = x.clone();
            k.add_norm(&mut x, &residual, &norm, &norm, 1e-12);
            k.add_norm(&mut x, &[], &norm, &norm, 1e-12);
            x
        };
        let expect = run(plain);
        others().into_iter().for_each(|k| assert_eq!(run(k), expect, "{:?}", k.instructions()));
        let weight: Vec<f32> = numbers(inputs * 77, 8);
        let turned = Turned::new(&weight, &numbers(77, 2));
        let run = |k: Kernels| {
            let mut out = Vec::new();
            k.float_linear(&x, &turned, &mut out);
            out
        };
        let expect = run(plain);
        others().into_iter().for_each(|k| assert_eq!(run(k), expect, "{:?}", k.instructions()));
    }
    for (t, h, heads) in [(1, 384, 12), (64, 384, 12), (67, 384, 12), (19, 64, 4)] {
        let qkv = numbers(t * 3 * h, 11);
        let run = |k: Kernels| {
            let mut out = vec![0.0; t * h];
            k.attention(&qkv, h, heads, &mut Attention::default(), &mut out);
            out
        };
        let expect = run(plain);
        others().into_iter().for_each(|k| assert_eq!(run(k), expect, "{:?} {t}", k.instructions()));
    }
}

#[test]
fn products_are_exact() {
    let (rows, inputs, outputs) = (5, 64, 80);
    let (weight, scale, bias) = matrix(inputs, outputs);
    let x = numbers(rows * inputs, 1);
    for k in others().into_iter().chain([Kernels::new(Instructions::Scalar)]) {
        let mut q = Quantised::default();
        k.quantise(&x, inputs, &mut q);
        let mut out = vec![0.0; rows * outputs];
        k.linear(&q, &Packed::new(&weight, inputs, &scale, &bias), After::Plain, &mut out);
        for r in 0..rows {
            let row = &x[r * inputs..(r + 1) * inputs];
            let (low, high) = row.iter().fold((0.0f32, 0.0f32), |(l, h), &x| (l.min(x), h.max(x)));
            let step = (high - low) / 255.0;
            for o in 0..outputs {
                let w = &weight[o * inputs..(o + 1) * inputs];
                let exact: f64 = row.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let size: f64 = w.iter().map(|w| f64::from(w.abs())).sum();
                let expect = exact * f64::from(scale[o]) + f64::from(bias[o]);
                // Each input is off by half a step of its grid, and the zero point by as much again.
                let most = size * f64::from(step) * f64::from(scale[o]) + 1e-5;
                assert!((f64::from(out[r * outputs + o]) - expect).abs() <= most, "{:?}", k.instructions());
            }
        }
    }
}

/// The largest magnitudes that can occur do not overflow or saturate.
#[test]
fn extremes_do_not_saturate() {
    let (inputs, outputs) = (1536, 64);
    let weight: Vec<i8> =
        (0..inputs * outputs).map(|i| if i / inputs % 2 == 0 { 127 } else { -127 }).collect();
    let packed = Packed::new(&weight, inputs, &[1.0; 64], &[0.0; 64]);
    for k in others().into_iter().chain([Kernels::new(Instructions::Scalar)]) {
        let (mut q, mut out) = (Quantised::default(), vec![0.0; outputs]);
        k.quantise(&vec![255.0; inputs], inputs, &mut q);
        k.linear(&q, &packed, After::Plain, &mut out);
        let expect = 1536.0 * 255.0 * 127.0;
        for (o, x) in out.iter().enumerate() {
            assert_eq!(*x, if o % 2 == 0 { expect } else { -expect }, "{:?}", k.instructions());
        }
    }
}

#[test]
fn rows_do_not_know_each_other() {
    let k = Kernels::new(Instructions::AmxInt8);
    let (weight, scale, bias) = matrix(384, 384);
    let packed = Packed::new(&weight, 384, &scale, &bias);
    let x = numbers(31 * 384, 2);
    let run = |x: &[f32]| {
        let (mut q, mut out) = (Quantised::default(), vec![0.0; x.len()]);
        k.quantise(x, 384, &mut q);
        k.linear(&q, &packed, After::Gelu, &mut out);
        out
    };
    let all = run(&x);
    for r in [0, 1, 5, 17, 30] {
        assert_eq!(run(&x[r * 384..(r + 1) * 384]), all[r * 384..(r + 1) * 384]);
    }
}

#[test]
fn gelu_and_norm_follow_their_definitions() {
    let k = Kernels::new(Instructions::AmxInt8);
    // The identity, so that the product hands its input on.
    let weight: Vec<i8> = (0..64 * 64).map(|i| i8::from(i / 64 == i % 64)).collect();
    let packed = Packed::new(&weight, 64, &[1.0; 64], &[0.0; 64]);
    let x: Vec<f32> = (0..64).map(|i| (i as f32 - 32.0) / 8.0).collect();
    let (mut q, mut plain, mut bent) = (Quantised::default(), vec![0.0; 64], vec![0.0; 64]);
    k.quantise(&x, 64, &mut q);
    k.linear(&q, &packed, After::Plain, &mut plain);
    k.linear(&q, &packed, After::Gelu, &mut bent);
    for (x, y) in plain.iter().zip(&bent) {
        let expect = 0.5 * x * (1.0 + crate::neural::erf(x * std::f32::consts::FRAC_1_SQRT_2));
        assert!((y - expect).abs() < 2e-6, "{x} {y} {expect}");
    }
    let mut row = x.clone();
    k.add_norm(&mut row, &x, &[2.0; 64], &[1.0; 64], 0.0);
    let mean = row.iter().sum::<f32>() / 64.0;
    let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 64.0;
    assert!((mean - 1.0).abs() < 1e-5 && (variance - 4.0).abs() < 1e-4, "{mean} {variance}");
}

#[test]
fn attention_is_a_mean_of_values() {
    // Two tokens, one head of width 16, equal keys: the context is the mean of the values.
    let k = Kernels::new(Instructions::AmxInt8);
    let mut qkv = vec![0.0; 2 * 48];
    for (i, x) in qkv.iter_mut().enumerate() {
        *x = match (i / 48, i % 48 / 16) {
            (_, 0) => i as f32,
            (_, 1) => 1.0,
            (t, _) => (2 + 2 * t) as f32 * (i % 16) as f32,
        };
    }
    let mut out = vec![0.0; 32];
    k.attention(&qkv, 16, 1, &mut Attention::default(), &mut out);
    for (i, x) in out.iter().enumerate() {
        assert!((x - 3.0 * (i % 16) as f32).abs() < 1e-5, "{i} {x}");
    }
}
