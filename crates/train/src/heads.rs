//! The heads' losses and their gradients, and the step as a whole.
//!
//! Losses are sums over what is labelled, divided by fixed counts of the whole step. Every head is a linear map over some
//! rows (tokens, means of phrases, pooled posts): the rows of a step are gathered, the products are made at once, and the
//! gradients are spread back to the states.

use crate::data::{Example, IGNORE};
use crate::net::{Counts, Gradients, Net};
use crate::pass::starts;
use crate::random::Random;
use rayon::prelude::*;
use tm_extract::neural::{
    ARGUMENT_TAGS, ENTITY_TAGS, LINK_BUCKETS, LINK_WIDTH, POST_OUTPUTS, TOKEN_TAGS, TRIGGER_TAGS, link_bucket,
};
use tm_model::Modality;

/// Weight of the outside tag against tags of phrases: phrases are rare, and recall is what a seed set lacks.
const OUTSIDE: f32 = 0.5;
/// Dropout of what the heads see.
const HEAD_DROP: f32 = 0.1;
/// Weights of the losses.
const TAGS_LOSS: f32 = 6.0;
const ENTITY_LOSS: f32 = 4.0;
const MODALITY_LOSS: f32 = 0.7;
/// Weight of what a teacher says, against labels.
const LESSON_LOSS: f32 = 1.0;

/// Weighted cross entropy of one row of logits; its gradient is added to `gradient`. Tags that are not `open` are left out.
fn cross_entropy(
    logits: &[f32],
    gold: usize,
    weight: f32,
    open: Option<&[bool]>,
    gradient: &mut [f32],
) -> f32 {
    let is_open = |i: usize| open.is_none_or(|o| o[i] || i == gold);
    let of = |i: usize| if is_open(i) { logits[i] } else { f32::NEG_INFINITY };
    let max = (0..logits.len()).map(of).fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = (0..logits.len()).map(|i| (of(i) - max).exp()).sum();
    for (i, g) in gradient.iter_mut().enumerate() {
        *g += weight * ((of(i) - max).exp() / total - f32::from(u8::from(i == gold)));
    }
    weight * (total.ln() + max - logits[gold])
}

/// Weighted binary cross entropy with a logit against a label, and its gradient.
fn binary(logit: f32, gold: bool, weight: f32) -> (f32, f32) {
    soft_binary(logit, f32::from(u8::from(gold)), weight)
}

/// Weighted cross entropy of one row of logits against probabilities; its gradient is added to `gradient`.
fn soft_cross_entropy(logits: &[f32], taught: &[f32], weight: f32, gradient: &mut [f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = logits.iter().map(|l| (l - max).exp()).sum();
    let mut loss = 0.0;
    for ((l, t), g) in logits.iter().zip(taught).zip(gradient) {
        *g += weight * ((l - max).exp() / total - t);
        loss += t * (total.ln() + max - l);
    }
    weight * loss
}

/// Weighted binary cross entropy against a probability, in the form that cannot overflow, and its gradient.
fn soft_binary(logit: f32, taught: f32, weight: f32) -> (f32, f32) {
    let loss = (-logit.abs()).exp().ln_1p() + logit.max(0.0) - logit * taught;
    (weight * loss, weight * (1.0 / (1.0 + (-logit).exp()) - taught))
}

/// States of all rows and their gradient; phrases are ranges of rows.
struct States<'a> {
    h: usize,
    rows: &'a [f32],
    gradient: Vec<f32>,
}

impl States<'_> {
    /// Appends the mean of some rows.
    fn mean(&self, (first, last): (usize, usize), out: &mut Vec<f32>) {
        let at = out.len();
        out.resize(at + self.h, 0.0);
        for row in self.rows[first * self.h..last * self.h].chunks_exact(self.h) {
            out[at..].iter_mut().zip(row).for_each(|(o, x)| *o += x);
        }
        let n = (last - first).max(1) as f32;
        out[at..].iter_mut().for_each(|o| *o /= n);
    }
    /// Spreads the gradient of a mean.
    fn mean_back(&mut self, (first, last): (usize, usize), gradient: &[f32]) {
        let n = (last - first).max(1) as f32;
        for row in self.gradient[first * self.h..last * self.h].chunks_exact_mut(self.h) {
            row.iter_mut().zip(gradient).for_each(|(o, g)| *o += g / n);
        }
    }
    /// Appends the maximum over some rows, and says which row each came from.
    fn max(&self, (first, last): (usize, usize), out: &mut Vec<f32>) -> Vec<usize> {
        let mut from = vec![first; self.h];
        for row in first + 1..last {
            for (i, f) in from.iter_mut().enumerate() {
                if self.rows[row * self.h + i] > self.rows[*f * self.h + i] {
                    *f = row;
                }
            }
        }
        out.extend(from.iter().enumerate().map(|(i, f)| self.rows[f * self.h + i]));
        from
    }
}

impl Net {
    /// Loss of a step and the gradients of all weights that had a part in it. Randomness (dropped words, dropout of the
    /// heads' input) is drawn for each example from `seed` and its place in the step.
    pub fn gradient(&self, batch: &[&Example], seed: u64) -> (f32, Gradients) {
        let counts = Counts::of(batch.iter().copied());
        let lengths: Vec<usize> = batch.iter().map(|e| e.tokens.len() + 2).collect();
        let h = self.shape.hidden;
        let drawn: Vec<(Vec<f32>, Vec<f32>)> = batch
            .par_iter()
            .enumerate()
            .map(|(i, e)| {
                let mut random = Random::new(seed ^ i as u64);
                let x = self.embed(e, Some(&mut random));
                let keep = 1.0 / (1.0 - HEAD_DROP);
                let mask =
                    (0..x.len()).map(|_| if random.uniform() < HEAD_DROP { 0.0 } else { keep }).collect();
                (x, mask)
            })
            .collect();
        let (x, mask): (Vec<Vec<f32>>, Vec<Vec<f32>>) = drawn.into_iter().unzip();
        let mask = mask.concat();
        let trace = self.forward(x.concat(), &lengths);
        let rows: Vec<f32> = trace.states.iter().zip(&mask).map(|(x, m)| x * m).collect();
        let mut states = States { h, rows: &rows, gradient: Vec::new() };
        let mut gradients = Gradients::new();
        let loss = self.head_losses(batch, &starts(&lengths), &counts, &mut states, &mut gradients);
        let mut gradient = states.gradient;
        gradient.iter_mut().zip(&mask).for_each(|(g, m)| *g *= m);
        self.backward(trace, gradient, &mut gradients);
        (loss, gradients)
    }

    fn head_losses(
        &self,
        batch: &[&Example],
        starts: &[usize],
        counts: &Counts,
        states: &mut States<'_>,
        into: &mut Gradients,
    ) -> f32 {
        // +1 steps over the begin token.
        let row = |i: usize, token: usize| starts[i] + token + 1;
        let range = |i: usize, r: (usize, usize)| (row(i, r.0), row(i, r.1));

        // Token tags.
        let logits = self.linear(states.rows, "tags");
        let mut by_tag = vec![0.0; logits.len()];
        let mut loss = 0.0;
        for (i, e) in batch.iter().enumerate() {
            for t in 0..e.tokens.len() {
                let at = row(i, t) * TOKEN_TAGS;
                let (logits, gradient) = (&logits[at..at + TOKEN_TAGS], &mut by_tag[at..at + TOKEN_TAGS]);
                let weight = |tag: u8| if tag == 0 { OUTSIDE } else { 1.0 };
                if e.types.is_some() {
                    for (from, to, tag) in [
                        (0, TRIGGER_TAGS, e.triggers[t]),
                        (TRIGGER_TAGS, TRIGGER_TAGS + ARGUMENT_TAGS, e.arguments[t]),
                    ] {
                        let weight = weight(tag) * TAGS_LOSS / counts.tokens;
                        let (logits, gradient) = (&logits[from..to], &mut gradient[from..to]);
                        loss += cross_entropy(logits, usize::from(tag), weight, None, gradient);
                    }
                }
                if let Some(opinion) = &e.opinion {
                    let taught = &opinion.tags[t * TOKEN_TAGS..(t + 1) * TOKEN_TAGS];
                    for (from, to, weight) in [
                        (0, TRIGGER_TAGS, TAGS_LOSS),
                        (TRIGGER_TAGS, TRIGGER_TAGS + ARGUMENT_TAGS, TAGS_LOSS),
                        (TRIGGER_TAGS + ARGUMENT_TAGS, TOKEN_TAGS, ENTITY_LOSS),
                    ] {
                        let weight = LESSON_LOSS * weight / counts.lesson_tokens;
                        let (logits, gradient) = (&logits[from..to], &mut gradient[from..to]);
                        loss += soft_cross_entropy(logits, &taught[from..to], weight, gradient);
                    }
                }
                if e.entities[t] != IGNORE {
                    let from = TRIGGER_TAGS + ARGUMENT_TAGS;
                    let weight = weight(e.entities[t]) * ENTITY_LOSS / counts.entity_tokens;
                    let (open, gold) = (&e.entity_tags[..ENTITY_TAGS], usize::from(e.entities[t]));
                    loss += cross_entropy(&logits[from..], gold, weight, Some(open), &mut gradient[from..]);
                }
            }
        }
        self.linear_weights(states.rows, &by_tag, "tags", into);
        states.gradient = self.linear_input(&by_tag, "tags");

        // Post head: mean and maximum over the tokens.
        let speaks = |e: &Example| e.types.is_some() || e.opinion.is_some();
        let labelled: Vec<usize> = (0..batch.len()).filter(|&i| speaks(batch[i])).collect();
        if labelled.is_empty() {
            return loss;
        }
        let whole = |i: usize| range(i, (0, batch[i].tokens.len().max(1)));
        let (mut pooled, mut tops) = (Vec::new(), Vec::new());
        for &i in &labelled {
            states.mean(whole(i), &mut pooled);
            tops.push(states.max(whole(i), &mut pooled));
        }
        let logits = self.linear(&pooled, "post");
        let mut by_output = vec![0.0; logits.len()];
        for (place, &i) in labelled.iter().enumerate() {
            let e = batch[i];
            if let Some(opinion) = &e.opinion {
                for (o, &taught) in opinion.post.iter().enumerate() {
                    let at = place * POST_OUTPUTS + o;
                    let weight = LESSON_LOSS / counts.lessons / if o == 0 { 1.0 } else { 2.0 };
                    let (l, g) = soft_binary(logits[at], taught, weight);
                    loss += l;
                    by_output[at] = g;
                }
                continue;
            }
            let known = if e.relevant.is_some() { 1.0 / counts.relevance.max(1.0) } else { 0.0 };
            let types = e
                .types
                .iter()
                .flatten()
                .map(|&t| (t, if t { 3.0 } else { 1.0 } / counts.posts.max(1.0) / 4.0));
            let all = std::iter::once((e.relevant == Some(true), known)).chain(types);
            for (o, (gold, weight)) in all.enumerate() {
                let at = place * POST_OUTPUTS + o;
                let (l, g) = binary(logits[at], gold, weight);
                loss += l;
                by_output[at] = g;
            }
        }
        self.linear_weights(&pooled, &by_output, "post", into);
        let mut by_pooled = self.linear_input(&by_output, "post");
        loss += self.modality_loss(batch, &labelled, counts, &range, states, (&pooled, &mut by_pooled), into);
        loss += self.link_loss(batch, &labelled, counts, &range, states, into);
        let h = states.h;
        for (place, &i) in labelled.iter().enumerate() {
            let (mean, max) = by_pooled[place * 2 * h..(place + 1) * 2 * h].split_at(h);
            states.mean_back(whole(i), mean);
            for (column, (g, &top)) in max.iter().zip(&tops[place]).enumerate() {
                states.gradient[top * h + column] += g;
            }
        }
        loss
    }

    /// Modality of gold triggers, from their mean state beside that of the post.
    #[allow(clippy::too_many_arguments)]
    fn modality_loss(
        &self,
        batch: &[&Example],
        labelled: &[usize],
        counts: &Counts,
        range: &dyn Fn(usize, (usize, usize)) -> (usize, usize),
        states: &mut States<'_>,
        (pooled, by_pooled): (&[f32], &mut [f32]),
        into: &mut Gradients,
    ) -> f32 {
        let h = states.h;
        let (mut inputs, mut of) = (Vec::new(), Vec::new());
        for (place, &i) in labelled.iter().enumerate() {
            for e in &batch[i].events {
                states.mean(range(i, e.trigger), &mut inputs);
                inputs.extend_from_slice(&pooled[place * 2 * h..][..h]);
                of.push((place, range(i, e.trigger), e.modality.index()));
            }
        }
        if of.is_empty() {
            return 0.0;
        }
        let n = Modality::ALL.len();
        let logits = self.linear(&inputs, "modality");
        let mut gradient = vec![0.0; logits.len()];
        let mut loss = 0.0;
        for ((logits, gradient), &(.., gold)) in
            logits.chunks_exact(n).zip(gradient.chunks_exact_mut(n)).zip(&of)
        {
            loss += cross_entropy(logits, gold, MODALITY_LOSS / counts.events, None, gradient);
        }
        self.linear_weights(&inputs, &gradient, "modality", into);
        let back = self.linear_input(&gradient, "modality");
        for (back, &(place, trigger, _)) in back.chunks_exact(2 * h).zip(&of) {
            states.mean_back(trigger, &back[..h]);
            by_pooled[place * 2 * h..][..h].iter_mut().zip(&back[h..]).for_each(|(p, g)| *p += g);
        }
        loss
    }

    /// Which gold arguments belong to which gold triggers, in posts with several of these.
    fn link_loss(
        &self,
        batch: &[&Example],
        labelled: &[usize],
        counts: &Counts,
        range: &dyn Fn(usize, (usize, usize)) -> (usize, usize),
        states: &mut States<'_>,
        into: &mut Gradients,
    ) -> f32 {
        let (mut triggers, mut arguments) = (Vec::new(), Vec::new());
        let (mut trigger_rows, mut argument_rows) = (Vec::new(), Vec::new());
        // Pairs: argument, trigger, bucket of their distance, whether they belong together.
        let mut pairs = Vec::new();
        for &i in labelled {
            let events = &batch[i].events;
            if events.len() < 2 {
                continue;
            }
            let first = triggers.len();
            for argument in events.iter().flat_map(|e| &e.arguments) {
                for (t, e) in events.iter().enumerate() {
                    let bucket = link_bucket(e.trigger.0, argument.0);
                    pairs.push((arguments.len(), first + t, bucket, e.arguments.contains(argument)));
                }
                arguments.push(range(i, *argument));
                states.mean(range(i, *argument), &mut argument_rows);
            }
            for e in events {
                triggers.push(range(i, e.trigger));
                states.mean(range(i, e.trigger), &mut trigger_rows);
            }
        }
        if pairs.is_empty() {
            return 0.0;
        }
        let (t, a) =
            (self.linear(&trigger_rows, "link.trigger"), self.linear(&argument_rows, "link.argument"));
        let near = &self.weight("link.distance").data;
        let (mut by_t, mut by_a, mut by_near) =
            (vec![0.0; t.len()], vec![0.0; a.len()], vec![0.0; LINK_BUCKETS]);
        let scale = 1.0 / (LINK_WIDTH as f32).sqrt();
        let mut loss = 0.0;
        for (j, i, bucket, gold) in pairs {
            let (t, a) = (&t[i * LINK_WIDTH..][..LINK_WIDTH], &a[j * LINK_WIDTH..][..LINK_WIDTH]);
            let dot: f32 = t.iter().zip(a).map(|(t, a)| t * a).sum();
            let (l, g) = binary(dot * scale + near[bucket], gold, 1.0 / counts.links.max(1.0));
            loss += l;
            by_near[bucket] += g;
            by_t[i * LINK_WIDTH..][..LINK_WIDTH].iter_mut().zip(a).for_each(|(o, a)| *o += g * scale * a);
            by_a[j * LINK_WIDTH..][..LINK_WIDTH].iter_mut().zip(t).for_each(|(o, t)| *o += g * scale * t);
        }
        into.insert("link.distance".into(), by_near);
        for (name, input, gradient, phrases) in [
            ("link.trigger", &trigger_rows, &by_t, &triggers),
            ("link.argument", &argument_rows, &by_a, &arguments),
        ] {
            self.linear_weights(input, gradient, name, into);
            let back = self.linear_input(gradient, name);
            for (back, &phrase) in back.chunks_exact(states.h).zip(phrases) {
                states.mean_back(phrase, back);
            }
        }
        loss
    }
}
