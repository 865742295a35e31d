//! The forward pass: windows of tokens in, hidden states and head outputs out.

use super::math;
use super::model::{Model, Q4_BLOCK, Q4_BYTES};
use super::tokenizer::{BOS, EOS, Token};

/// Tokens by which neighbouring windows of a long post overlap, so that no phrase is read without its context.
const OVERLAP: usize = 48;

/// Hidden states of all tokens of a post, and its pooled vector.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    /// `[tokens, hidden]`.
    pub states: Vec<f32>,
    /// Mean over the tokens, then maximum over the tokens: `[2 · hidden]`.
    pub pooled: Vec<f32>,
}

/// Reused buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    qkv: Vec<f32>,
    context: Vec<f32>,
    out: Vec<f32>,
    up: Vec<f32>,
    scores: Vec<f32>,
}

/// Tokens of window `w`: start, end, and the part of it that this window answers for.
fn windows(tokens: usize, room: usize) -> Vec<(usize, usize, usize, usize)> {
    if tokens <= room {
        return vec![(0, tokens, 0, tokens)];
    }
    let step = room - OVERLAP;
    let count = (tokens - OVERLAP).div_ceil(step);
    (0..count)
        .map(|i| {
            let start = (i * step).min(tokens - room);
            let end = start + room;
            // The middle of an overlap is where responsibility passes on.
            let from = if i == 0 { 0 } else { (i * step + OVERLAP / 2).min(tokens) };
            let to = if i + 1 == count { tokens } else { (i + 1) * step + OVERLAP / 2 };
            (start, end, from, to)
        })
        .collect()
}

impl Model {
    /// Runs the encoder over many posts at once, without padding: the windows stand one after the other.
    pub(crate) fn encode(&self, posts: &[&[Token]], scratch: &mut Scratch) -> Vec<Encoded> {
        let h = self.config.hidden;
        let room = self.config.max_tokens - 2;
        let plan: Vec<(usize, (usize, usize, usize, usize))> = posts
            .iter()
            .enumerate()
            .flat_map(|(p, t)| windows(t.len(), room).into_iter().map(move |w| (p, w)))
            .collect();
        let mut x = Vec::new();
        let mut lengths = Vec::with_capacity(plan.len());
        for &(post, (start, end, ..)) in &plan {
            let ids = posts[post][start..end].iter().map(|t| t.id);
            for (position, id) in [BOS].into_iter().chain(ids).chain([EOS]).enumerate() {
                let at = x.len();
                x.extend_from_slice(&self.positions[position * h..(position + 1) * h]);
                let row = id as usize * h / Q4_BLOCK * Q4_BYTES;
                super::model::add_q4_row(&self.words[row..row + h / Q4_BLOCK * Q4_BYTES], &mut x[at..]);
                math::norm(&mut x[at..], &self.norm.weight, &self.norm.bias, self.config.epsilon);
            }
            lengths.push(end - start + 2);
        }
        self.layers(&mut x, &lengths, scratch);
        let mut encoded: Vec<Encoded> = posts
            .iter()
            .map(|t| Encoded { states: Vec::with_capacity(t.len() * h), pooled: Vec::new() })
            .collect();
        let mut base = 0;
        for (&(post, (start, _, from, to)), length) in plan.iter().zip(lengths) {
            // +1 steps over the begin token.
            let (a, b) = (base + from - start + 1, base + to - start + 1);
            encoded[post].states.extend_from_slice(&x[a * h..b * h]);
            base += length;
        }
        for e in &mut encoded {
            e.pooled = pool(&e.states, h);
        }
        encoded
    }

    fn layers(&self, x: &mut [f32], lengths: &[usize], s: &mut Scratch) {
        let c = &self.config;
        let (h, rows) = (c.hidden, x.len() / c.hidden);
        for layer in &self.layers {
            layer.qkv.apply(x, rows, &mut s.qkv);
            s.context.resize(rows * h, 0.0);
            let mut row = 0;
            for &t in lengths {
                let (qkv, out) =
                    (&s.qkv[row * 3 * h..(row + t) * 3 * h], &mut s.context[row * h..(row + t) * h]);
                math::attention(qkv, t, h, c.heads, &mut s.scores, out);
                row += t;
            }
            layer.out.apply(&s.context, rows, &mut s.out);
            math::add_norm(x, &s.out, h, &layer.norm1.weight, &layer.norm1.bias, c.epsilon);
            layer.up.apply(x, rows, &mut s.up);
            math::gelu(&mut s.up);
            layer.down.apply(&s.up, rows, &mut s.out);
            math::add_norm(x, &s.out, h, &layer.norm2.weight, &layer.norm2.bias, c.epsilon);
        }
    }
}

/// Mean and maximum over the rows; zeros for a post without tokens.
fn pool(states: &[f32], h: usize) -> Vec<f32> {
    let mut pooled = vec![0.0; 2 * h];
    let rows = states.len() / h;
    if rows == 0 {
        return pooled;
    }
    let (mean, max) = pooled.split_at_mut(h);
    max.copy_from_slice(&states[..h]);
    for row in states.chunks_exact(h) {
        for ((m, x), v) in mean.iter_mut().zip(max.iter_mut()).zip(row) {
            *m += v;
            *x = x.max(*v);
        }
    }
    mean.iter_mut().for_each(|m| *m /= rows as f32);
    pooled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_answer_for_each_token_once() {
        for tokens in [0, 1, 254, 255, 300, 461, 1000, 5000] {
            let mut next = 0;
            for (start, end, from, to) in windows(tokens, 254) {
                assert_eq!(from, next, "{tokens}");
                assert!(start <= from && to <= end && end - start <= 254, "{tokens}");
                next = to;
            }
            assert_eq!(next, tokens);
        }
    }
}
