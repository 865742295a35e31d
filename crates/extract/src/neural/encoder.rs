//! The forward pass: windows of tokens in, hidden states and head outputs out.

use super::kernel::{After, Attention, Quantised};
use super::model::{Model, Q4_BLOCK, Q4_BYTES, add_q4_row};
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

/// Reused buffers of one thread: nothing is reserved in the layers once they have grown.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Hidden states of the batch, `[rows, hidden]`.
    x: Vec<f32>,
    qkv: Vec<f32>,
    context: Vec<f32>,
    /// Of a panel: rounded input, result of a product, state of the feed-forward layer.
    rounded: Quantised,
    out: Vec<f32>,
    up: Vec<f32>,
    attention: Attention,
}

/// Tokens that go through the layers together, if they are not of one window: their states stay in the near caches, and
/// memory does not grow with the posts that are read together.
const BATCH: usize = 512;
/// Rows that go through a layer's products together; whole tiles of every instruction set.
const PANEL: usize = 48;

/// Tokens `start..end` that are read together, and the part of them, `from..to`, that this window answers for.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: usize,
    end: usize,
    from: usize,
    to: usize,
}

/// The windows of a post.
fn windows(tokens: usize, room: usize) -> Vec<Window> {
    if tokens <= room {
        return vec![Window { start: 0, end: tokens, from: 0, to: tokens }];
    }
    let step = room - OVERLAP;
    let count = (tokens - OVERLAP).div_ceil(step);
    (0..count)
        .map(|i| {
            let start = (i * step).min(tokens - room);
            // The middle of an overlap is where responsibility passes on.
            let from = if i == 0 { 0 } else { (i * step + OVERLAP / 2).min(tokens) };
            let to = if i + 1 == count { tokens } else { (i + 1) * step + OVERLAP / 2 };
            Window { start, end: start + room, from, to }
        })
        .collect()
}

impl Model {
    /// Sentence vectors of posts that are already cut into tokens: the mean state of each, of length 1; zeros for a post
    /// without tokens. On the calling thread.
    pub fn vectors(&self, posts: &[&[Token]]) -> Vec<Vec<f32>> {
        let encoded = self.encode(posts, &mut Scratch::default());
        encoded.iter().map(|e| unit(&e.pooled[..self.config.hidden])).collect()
    }

    /// Runs the encoder over many posts at once, without padding: the windows stand one after the other.
    pub(crate) fn encode(&self, posts: &[&[Token]], scratch: &mut Scratch) -> Vec<Encoded> {
        let h = self.config.hidden;
        let room = self.config.max_tokens - 2;
        let plan: Vec<(usize, Window)> = posts
            .iter()
            .enumerate()
            .flat_map(|(p, t)| windows(t.len(), room).into_iter().map(move |w| (p, w)))
            .collect();
        let mut encoded: Vec<Encoded> = posts
            .iter()
            .map(|t| Encoded { states: Vec::with_capacity(t.len() * h), pooled: Vec::new() })
            .collect();
        let mut lengths = Vec::new();
        let mut rest = plan.as_slice();
        while !rest.is_empty() {
            scratch.x.clear();
            lengths.clear();
            let mut rows = 0;
            let fitting = rest.iter().take_while(|(_, w)| {
                rows += w.end - w.start + 2;
                rows <= BATCH
            });
            let (batch, left) = rest.split_at(fitting.count().max(1));
            for &(post, Window { start, end, .. }) in batch {
                self.embed(&posts[post][start..end], &mut scratch.x);
                lengths.push(end - start + 2);
            }
            self.layers(&lengths, scratch);
            let mut base = 0;
            for (&(post, Window { start, from, to, .. }), length) in batch.iter().zip(&lengths) {
                // +1 steps over the begin token.
                let (a, b) = (base + from - start + 1, base + to - start + 1);
                encoded[post].states.extend_from_slice(&scratch.x[a * h..b * h]);
                base += length;
            }
            rest = left;
        }
        for e in &mut encoded {
            e.pooled = pool(&e.states, h);
        }
        encoded
    }

    /// Appends the embeddings of a window.
    fn embed(&self, tokens: &[Token], x: &mut Vec<f32>) {
        let h = self.config.hidden;
        let first = x.len();
        let ids = tokens.iter().map(|t| t.id);
        for (position, id) in [BOS].into_iter().chain(ids).chain([EOS]).enumerate() {
            let at = x.len();
            x.extend_from_slice(&self.positions[position * h..(position + 1) * h]);
            let row = id as usize * h / Q4_BLOCK * Q4_BYTES;
            add_q4_row(&self.words[row..row + h / Q4_BLOCK * Q4_BYTES], &mut x[at..]);
        }
        self.kernels.add_norm(&mut x[first..], &[], &self.norm.weight, &self.norm.bias, self.config.epsilon);
    }

    /// Runs the sequences of the given lengths, which stand in `s.x`, through all layers.
    fn layers(&self, lengths: &[usize], s: &mut Scratch) {
        let c = &self.config;
        let (h, f, k) = (c.hidden, c.feed_forward, self.kernels);
        let rows = s.x.len() / h;
        s.qkv.resize(rows * 3 * h, 0.0);
        s.context.resize(rows * h, 0.0);
        s.out.resize(PANEL * h, 0.0);
        s.up.resize(PANEL * f, 0.0);
        for layer in &self.layers {
            for (x, qkv) in s.x.chunks(PANEL * h).zip(s.qkv.chunks_mut(PANEL * 3 * h)) {
                k.quantise(x, h, &mut s.rounded);
                k.linear(&s.rounded, &layer.qkv, After::Plain, qkv);
            }
            let mut row = 0;
            for &t in lengths {
                let qkv = &s.qkv[row * 3 * h..(row + t) * 3 * h];
                k.attention(qkv, h, c.heads, &mut s.attention, &mut s.context[row * h..(row + t) * h]);
                row += t;
            }
            // The rest knows rows only: a panel goes through all of it while it is near.
            for (x, context) in s.x.chunks_mut(PANEL * h).zip(s.context.chunks(PANEL * h)) {
                k.quantise(context, h, &mut s.rounded);
                k.linear(&s.rounded, &layer.out, After::Plain, &mut s.out);
                k.add_norm(x, &s.out, &layer.norm1.weight, &layer.norm1.bias, c.epsilon);
                k.quantise(x, h, &mut s.rounded);
                k.linear(&s.rounded, &layer.up, After::Gelu, &mut s.up);
                k.quantise(&s.up[..x.len() / h * f], f, &mut s.rounded);
                k.linear(&s.rounded, &layer.down, After::Plain, &mut s.out);
                k.add_norm(x, &s.out, &layer.norm2.weight, &layer.norm2.bias, c.epsilon);
            }
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

/// The vector scaled to length 1.
pub(super) fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
    vector.iter().map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_answer_for_each_token_once() {
        for tokens in [0, 1, 254, 255, 300, 461, 1000, 5000] {
            let mut next = 0;
            for Window { start, end, from, to } in windows(tokens, 254) {
                assert_eq!(from, next, "{tokens}");
                assert!(start <= from && to <= end && end - start <= 254, "{tokens}");
                next = to;
            }
            assert_eq!(next, tokens);
        }
    }
}
