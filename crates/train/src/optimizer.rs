//! AdamW (Loshchilov and Hutter 2019) with two learning rates, a linear warm-up and decay, and state that can be saved.

use crate::net::{Gradients, Weight};
use crate::wide::wide;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Recipe of the optimiser.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    pub encoder_rate: f32,
    pub head_rate: f32,
    pub weight_decay: f32,
    pub warm_up: f32,
    /// Largest norm of the gradient of all weights together.
    pub clip: f32,
}

/// First and second moments of each weight.
#[derive(Default)]
pub(crate) struct AdamW {
    pub moments: BTreeMap<String, (Vec<f32>, Vec<f32>)>,
    pub step: usize,
}

/// A weight, its gradient, its moments, and whether it belongs to the encoder.
type Update<'a> = (&'a mut Weight, &'a Vec<f32>, &'a mut (Vec<f32>, Vec<f32>), bool);

/// Elements that one thread updates at a time.
const CHUNK: usize = 1 << 16;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.98;
const EPSILON: f32 = 1e-6;

wide! {
    /// One step of a part of a weight: gradient, moments, factor of the gradient, rate and decay, corrections of the moments.
    fn update(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], clip: f32, pace: (f32, f32), correction: (f32, f32)) {
        let ((rate, decay), (c1, c2)) = (pace, correction);
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(m.iter_mut()).zip(v.iter_mut()) {
            let g = g * clip;
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
            *w -= decay * *w + rate * (*m / c1) / ((*v / c2).sqrt() + EPSILON);
        }
    }
}

impl AdamW {
    /// One step of `total`; gradients by name, already summed over the batch.
    pub fn apply(
        &mut self,
        vars: &mut BTreeMap<String, Weight>,
        gradients: &Gradients,
        recipe: &Recipe,
        total: usize,
    ) {
        self.step += 1;
        let progress = self.step as f32 / total as f32;
        let schedule = if progress < recipe.warm_up {
            progress / recipe.warm_up
        } else {
            (1.0 - progress) / (1.0 - recipe.warm_up)
        };
        // Summed in f64, in pieces of a fixed size and their order: the same on every number of threads.
        let norm: f64 = gradients
            .values()
            .flat_map(|g| {
                let square = |part: &[f32]| part.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
                g.par_chunks(CHUNK).map(square).collect::<Vec<f64>>()
            })
            .sum();
        let clip = (f64::from(recipe.clip) / norm.sqrt().max(1e-12)).min(1.0) as f32;
        let (c1, c2) = (1.0 - BETA1.powi(self.step as i32), 1.0 - BETA2.powi(self.step as i32));
        for (name, gradient) in gradients {
            self.moments
                .entry(name.clone())
                .or_insert_with(|| (vec![0.0; gradient.len()], vec![0.0; gradient.len()]));
        }
        let mut moments: BTreeMap<&str, &mut (Vec<f32>, Vec<f32>)> =
            self.moments.iter_mut().map(|(name, m)| (name.as_str(), m)).collect();
        let updates: Vec<Update<'_>> = vars
            .iter_mut()
            .filter_map(|(name, weight)| {
                let moments = moments.remove(name.as_str())?;
                Some((weight, gradients.get(name.as_str())?, moments, name.starts_with("layer.")))
            })
            .collect();
        for (weight, gradient, (m, v), encoder) in updates {
            let rate = schedule.max(0.0) * if encoder { recipe.encoder_rate } else { recipe.head_rate };
            let decay = if weight.dims.len() > 1 { rate * recipe.weight_decay } else { 0.0 };
            weight
                .data
                .par_chunks_mut(CHUNK)
                .zip(gradient.par_chunks(CHUNK))
                .zip(m.par_chunks_mut(CHUNK))
                .zip(v.par_chunks_mut(CHUNK))
                .for_each(|(((w, g), m), v)| update(w, g, m, v, clip, (rate, decay), (c1, c2)));
        }
    }
}
