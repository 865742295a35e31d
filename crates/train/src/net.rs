//! The trainable network: the same mathematics as the forward pass of `tm-extract`, in candle.

use crate::base::{Base, BaseError};
use crate::data::{Example, IGNORE};
use crate::ops;
use crate::random::Random;
use candle_core::{D, Device, Result, Tensor, Var};
use std::collections::BTreeMap;
use tm_extract::neural::{
    ARGUMENT_TAGS, ENTITY_TAGS, LINK_BUCKETS, LINK_WIDTH, POST_OUTPUTS, Q4_BLOCK, Q4_BYTES, TOKEN_TAGS,
    TRIGGER_TAGS, add_q4_row, link_bucket,
};
use tm_model::Modality;

/// Shape of the network.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub feed_forward: usize,
    pub max_tokens: usize,
    pub epsilon: f32,
}

/// Weights: the embedding stays as published (frozen, 4-bit); the layers and heads are trained.
pub(crate) struct Net {
    pub shape: Shape,
    pub words: Vec<u8>,
    pub positions: Vec<f32>,
    pub norm: (Vec<f32>, Vec<f32>),
    /// Trainable tensors by their name in the model file, ordered. Matrices stand as `[in, out]`, transposed against the
    /// file: the gradient of a transposition is a strided copy, which costs as much as the product itself.
    pub vars: BTreeMap<String, Var>,
}

/// Losses are sums over what is labelled, divided by fixed counts of the whole batch, so that shards add up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub posts: f32,
    pub relevance: f32,
    pub tokens: f32,
    pub entity_tokens: f32,
    pub events: f32,
    pub links: f32,
}

impl Counts {
    pub fn of<'a>(examples: impl Iterator<Item = &'a Example>) -> Counts {
        let mut c = Counts::default();
        for e in examples {
            c.posts += f32::from(u8::from(e.types.is_some()));
            c.relevance += f32::from(u8::from(e.relevant.is_some()));
            c.tokens += e.triggers.len() as f32;
            c.entity_tokens += e.entities.iter().filter(|&&t| t != IGNORE).count() as f32;
            c.events += e.events.len() as f32;
            let arguments: usize = e.events.iter().map(|e| e.arguments.len()).sum();
            c.links += (arguments * e.events.len()) as f32;
        }
        c
    }
}

/// Weight of the outside tag against tags of phrases: phrases are rare, and recall is what a seed set lacks.
const OUTSIDE: f32 = 0.5;
/// Probability that a token's embedding is replaced by the unknown piece's: slang and misspellings are the test.
const WORD_DROP: f32 = 0.06;
/// Dropout of what the heads see.
const HEAD_DROP: f32 = 0.1;

impl Net {
    /// Takes the lowest `layers` layers of the base; heads start at random.
    pub fn from_base(
        base: &Base,
        shape: Shape,
        ids: &[u32],
        seed: u64,
    ) -> std::result::Result<Net, BaseError> {
        let (h, f) = (shape.hidden, shape.feed_forward);
        let mut random = Random::new(seed);
        let mut vars: BTreeMap<String, (Vec<f32>, Vec<usize>)> = BTreeMap::new();
        for i in 0..shape.layers {
            let own = |part: &str| format!("layer.{i}.{part}");
            let mut qkv = (Vec::new(), Vec::new());
            for part in ["q", "k", "v"] {
                qkv.0.extend(base.matrix(&format!("l{i}.{part}.w"), h, h)?);
                qkv.1.extend(base.floats(&format!("l{i}.{part}.b"), h)?);
            }
            vars.insert(own("qkv.weight"), (qkv.0, vec![3 * h, h]));
            vars.insert(own("qkv.bias"), (qkv.1, vec![3 * h]));
            for (ours, theirs, out, input) in [("out", "ao", h, h), ("up", "fi", f, h), ("down", "fo", h, f)]
            {
                vars.insert(
                    own(&format!("{ours}.weight")),
                    (base.matrix(&format!("l{i}.{theirs}.w"), out, input)?, vec![out, input]),
                );
                vars.insert(
                    own(&format!("{ours}.bias")),
                    (base.floats(&format!("l{i}.{theirs}.b"), out)?, vec![out]),
                );
            }
            for (ours, theirs) in [("norm1", "aln"), ("norm2", "oln")] {
                vars.insert(
                    own(&format!("{ours}.weight")),
                    (base.floats(&format!("l{i}.{theirs}.w"), h)?, vec![h]),
                );
                vars.insert(
                    own(&format!("{ours}.bias")),
                    (base.floats(&format!("l{i}.{theirs}.b"), h)?, vec![h]),
                );
            }
        }
        for (name, input, output) in [
            ("tags", h, TOKEN_TAGS),
            ("post", 2 * h, POST_OUTPUTS),
            ("modality", 2 * h, Modality::ALL.len()),
            ("link.trigger", h, LINK_WIDTH),
            ("link.argument", h, LINK_WIDTH),
        ] {
            let weight = (0..input * output).map(|_| random.normal() * 0.02).collect();
            vars.insert(format!("{name}.weight"), (weight, vec![output, input]));
            vars.insert(format!("{name}.bias"), (vec![0.0; output], vec![output]));
        }
        vars.insert("link.distance".into(), (vec![0.0; LINK_BUCKETS], vec![LINK_BUCKETS]));
        let mut positions = base.floats("emb.pos", shape.max_tokens * h)?;
        let types = base.floats("emb.type", h)?;
        for row in positions.chunks_exact_mut(h) {
            row.iter_mut().zip(&types).for_each(|(p, t)| *p += t);
        }
        let vars = vars
            .into_iter()
            .map(|(name, (data, dims))| {
                let tensor = Tensor::from_vec(data, dims, &Device::Cpu)?;
                let matrix = tensor.rank() == 2;
                Ok((name, Var::from_tensor(&if matrix { tensor.t()?.contiguous()? } else { tensor })?))
            })
            .collect::<Result<_>>()
            .map_err(|e| BaseError::Format(e.to_string()))?;
        Ok(Net {
            words: base.word_rows(ids)?,
            positions,
            norm: (base.floats("emb.ln.w", h)?, base.floats("emb.ln.b", h)?),
            vars,
            shape,
        })
    }

    fn var(&self, name: &str) -> Result<&Tensor> {
        match self.vars.get(name) {
            Some(v) => Ok(v.as_tensor()),
            None => candle_core::bail!("no weight named {name}"),
        }
    }

    fn linear(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        x.matmul(self.var(&format!("{name}.weight"))?)?.broadcast_add(self.var(&format!("{name}.bias"))?)
    }

    fn layer_norm(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let (w, b) = (self.var(&format!("{name}.weight"))?, self.var(&format!("{name}.bias"))?);
        ops::layer_norm(x, w, b, self.shape.epsilon)
    }

    /// Embeddings of a padded batch, `[batch · length, hidden]`; frozen, so computed outside the graph.
    fn embed(&self, batch: &[&Example], length: usize, mut random: Option<&mut Random>) -> Result<Tensor> {
        let h = self.shape.hidden;
        let width = h / Q4_BLOCK * Q4_BYTES;
        let mut x = vec![0.0f32; batch.len() * length * h];
        for (i, e) in batch.iter().enumerate() {
            let ids = [0].into_iter().chain(e.tokens.iter().map(|t| t.id)).chain([2]);
            for (position, mut id) in ids.enumerate() {
                if position > 0 && id != 2 && random.as_mut().is_some_and(|r| r.uniform() < WORD_DROP) {
                    id = 3;
                }
                let row = &mut x[(i * length + position) * h..][..h];
                row.copy_from_slice(&self.positions[position * h..(position + 1) * h]);
                add_q4_row(&self.words[id as usize * width..][..width], row);
                let mean = row.iter().sum::<f32>() / h as f32;
                let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / h as f32;
                let inverse = 1.0 / (variance + self.shape.epsilon).sqrt();
                for ((v, w), b) in row.iter_mut().zip(&self.norm.0).zip(&self.norm.1) {
                    *v = (*v - mean) * inverse * w + b;
                }
            }
        }
        Tensor::from_vec(x, (batch.len() * length, h), &Device::Cpu)
    }

    /// Hidden states `[batch · length, hidden]` of a padded batch.
    fn forward(&self, batch: &[&Example], length: usize, random: Option<&mut Random>) -> Result<Tensor> {
        let (b, h, heads) = (batch.len(), self.shape.hidden, self.shape.heads);
        let d = h / heads;
        let mut x = self.embed(batch, length, random)?;
        let mut mask = vec![0.0f32; b * length];
        for (i, e) in batch.iter().enumerate() {
            mask[i * length + e.tokens.len() + 2..(i + 1) * length].fill(-1e9);
        }
        let mask = Tensor::from_vec(mask, (b, 1, 1, length), &Device::Cpu)?;
        let split = |t: &Tensor, part: usize| -> Result<Tensor> {
            t.narrow(1, part * h, h)?.reshape((b, length, heads, d))?.transpose(1, 2)?.contiguous()
        };
        for i in 0..self.shape.layers {
            let name = |part: &str| format!("layer.{i}.{part}");
            let qkv = self.linear(&x, &name("qkv"))?;
            let (q, k, v) = (split(&qkv, 0)?, split(&qkv, 1)?, split(&qkv, 2)?);
            let scores = (q.matmul(&k.t()?)? * (1.0 / (d as f64).sqrt()))?.broadcast_add(&mask)?;
            let context = ops::softmax(&scores)?.matmul(&v)?;
            let context = context.transpose(1, 2)?.contiguous()?.reshape((b * length, h))?;
            x = self.layer_norm(&(x + self.linear(&context, &name("out"))?)?, &name("norm1"))?;
            let up = ops::gelu(&self.linear(&x, &name("up"))?)?;
            x = self.layer_norm(&(x + self.linear(&up, &name("down"))?)?, &name("norm2"))?;
        }
        Ok(x)
    }

    /// Loss of a shard, its terms divided by the counts of the whole batch.
    pub fn loss(&self, batch: &[&Example], counts: &Counts, random: &mut Random) -> Result<Tensor> {
        let length = batch.iter().map(|e| e.tokens.len()).max().unwrap_or(0) + 2;
        let h = self.shape.hidden;
        let x = self.forward(batch, length, Some(random))?;
        // Rows of real tokens, without begin, end and padding.
        let row = |i: usize, token: usize| (i * length + token + 1) as u32;
        let states = dropout(&x, random)?;
        let mut total = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu)?;

        // Token tags.
        let logits = self.linear(&states, "tags")?;
        let labelled: Vec<usize> = (0..batch.len()).filter(|&i| batch[i].types.is_some()).collect();
        for (offset, tags, pick) in [
            (0, TRIGGER_TAGS, (|e| &e.triggers) as fn(&Example) -> &Vec<u8>),
            (TRIGGER_TAGS, ARGUMENT_TAGS, |e| &e.arguments),
        ] {
            let (mut rows, mut gold) = (Vec::new(), Vec::new());
            for &i in &labelled {
                for (t, &tag) in pick(batch[i]).iter().enumerate() {
                    rows.push(row(i, t));
                    gold.push(tag);
                }
            }
            if !rows.is_empty() {
                let part = logits.narrow(1, offset, tags)?;
                total =
                    (total + (cross_entropy(&part, rows, &gold, None)? * (6.0 / f64::from(counts.tokens)))?)?;
            }
        }
        let (mut rows, mut gold, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for (i, e) in batch.iter().enumerate() {
            for (t, &tag) in e.entities.iter().enumerate() {
                if tag != IGNORE {
                    rows.push(row(i, t));
                    gold.push(tag);
                    closed.extend(e.entity_tags.iter().map(|&open| if open { 0.0 } else { -1e9f32 }));
                }
            }
        }
        if !rows.is_empty() {
            let part = logits.narrow(1, TRIGGER_TAGS + ARGUMENT_TAGS, ENTITY_TAGS)?;
            let loss = cross_entropy(&part, rows, &gold, Some(closed))?;
            total = (total + (loss * (4.0 / f64::from(counts.entity_tokens)))?)?;
        }

        // Post head: mean and maximum over real tokens.
        if !labelled.is_empty() {
            let mut pooled = Vec::new();
            for &i in &labelled {
                let n = batch[i].tokens.len().max(1);
                let rows = states.narrow(0, row(i, 0) as usize, n)?;
                pooled.push(Tensor::cat(&[rows.mean(0)?, rows.max(0)?], 0)?);
            }
            let pooled = Tensor::stack(&pooled, 0)?;
            let logits = self.linear(&pooled, "post")?;
            let (mut gold, mut weight) = (Vec::new(), Vec::new());
            for &i in &labelled {
                let e = batch[i];
                gold.push(f32::from(u8::from(e.relevant == Some(true))));
                weight.push(if e.relevant.is_some() { 1.0 / counts.relevance.max(1.0) } else { 0.0 });
                for &t in e.types.iter().flatten() {
                    gold.push(f32::from(u8::from(t)));
                    weight.push((if t { 3.0 } else { 1.0 }) / counts.posts.max(1.0) / 4.0);
                }
            }
            let dims = (labelled.len(), POST_OUTPUTS);
            total = (total + binary(&logits, gold, weight, dims)?)?;

            total = (total + self.event_loss(batch, &labelled, &states, &pooled, counts, &row)?)?;
            debug_assert_eq!(pooled.dim(1)?, 2 * h);
        }
        Ok(total)
    }

    /// Modality of gold triggers, and which gold arguments belong to which of them.
    fn event_loss(
        &self,
        batch: &[&Example],
        labelled: &[usize],
        states: &Tensor,
        pooled: &Tensor,
        counts: &Counts,
        row: &dyn Fn(usize, usize) -> u32,
    ) -> Result<Tensor> {
        let h = self.shape.hidden;
        let mean = |i: usize, r: (usize, usize)| states.narrow(0, row(i, r.0) as usize, r.1 - r.0)?.mean(0);
        let mut total = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu)?;
        let (mut inputs, mut gold) = (Vec::new(), Vec::new());
        for (place, &i) in labelled.iter().enumerate() {
            for e in &batch[i].events {
                inputs.push(Tensor::cat(&[mean(i, e.trigger)?, pooled.get(place)?.narrow(0, 0, h)?], 0)?);
                gold.push(e.modality.index() as u8);
            }
        }
        if !inputs.is_empty() {
            let n = inputs.len() as u32;
            let logits = self.linear(&Tensor::stack(&inputs, 0)?, "modality")?;
            let loss = cross_entropy_plain(&logits, (0..n).collect(), &gold)?;
            total = (total + (loss * (0.7 / f64::from(counts.events)))?)?;
        }
        for &i in labelled {
            let events = &batch[i].events;
            let arguments: Vec<(usize, usize)> =
                events.iter().flat_map(|e| e.arguments.iter().copied()).collect();
            if arguments.is_empty() || events.len() < 2 {
                continue;
            }
            let stack = |ranges: Vec<(usize, usize)>| -> Result<Tensor> {
                Tensor::stack(&ranges.into_iter().map(|r| mean(i, r)).collect::<Result<Vec<_>>>()?, 0)
            };
            let t = self.linear(&stack(events.iter().map(|e| e.trigger).collect())?, "link.trigger")?;
            let a = self.linear(&stack(arguments.clone())?, "link.argument")?;
            let dot = (a.matmul(&t.t()?)? * (1.0 / (LINK_WIDTH as f64).sqrt()))?;
            let buckets: Vec<u32> = arguments
                .iter()
                .flat_map(|a| events.iter().map(|e| link_bucket(e.trigger.0, a.0) as u32))
                .collect();
            let dims = (arguments.len(), events.len());
            let near = self
                .var("link.distance")?
                .index_select(&Tensor::new(buckets, &Device::Cpu)?, 0)?
                .reshape(dims)?;
            let gold: Vec<f32> = arguments
                .iter()
                .flat_map(|a| events.iter().map(|e| f32::from(u8::from(e.arguments.contains(a)))))
                .collect();
            let weight = vec![1.0 / counts.links.max(1.0); gold.len()];
            total = (total + binary(&(dot + near)?, gold, weight, dims)?)?;
        }
        Ok(total)
    }

    /// Hidden states of one example's tokens, for comparison with the forward pass of `tm-extract`.
    #[cfg(test)]
    pub fn states(&self, example: &Example) -> Result<Vec<f32>> {
        let n = example.tokens.len();
        self.forward(&[example], n + 2, None)?.narrow(0, 1, n)?.flatten_all()?.to_vec1()
    }
}

fn dropout(x: &Tensor, random: &mut Random) -> Result<Tensor> {
    let keep = 1.0 / (1.0 - HEAD_DROP);
    let mask: Vec<f32> =
        (0..x.elem_count()).map(|_| if random.uniform() < HEAD_DROP { 0.0 } else { keep }).collect();
    x * Tensor::from_vec(mask, x.shape(), &Device::Cpu)?
}

/// Sum over `rows` of the cross entropy, the outside tag (0) weighted down; `closed` is added to the logits.
fn cross_entropy(logits: &Tensor, rows: Vec<u32>, gold: &[u8], closed: Option<Vec<f32>>) -> Result<Tensor> {
    let n = rows.len();
    let mut picked = logits.contiguous()?.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
    if let Some(closed) = closed {
        picked = (picked + Tensor::from_vec(closed, (n, logits.dim(1)?), &Device::Cpu)?)?;
    }
    let weights: Vec<f32> = gold.iter().map(|&g| if g == 0 { OUTSIDE } else { 1.0 }).collect();
    let weights = Tensor::from_vec(weights, n, &Device::Cpu)?;
    (negative_log(&picked, gold)? * weights)?.sum_all()
}

fn cross_entropy_plain(logits: &Tensor, rows: Vec<u32>, gold: &[u8]) -> Result<Tensor> {
    negative_log(&logits.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?, gold)?.sum_all()
}

fn negative_log(logits: &Tensor, gold: &[u8]) -> Result<Tensor> {
    let gold: Vec<u32> = gold.iter().map(|&g| u32::from(g)).collect();
    let n = gold.len();
    let gold = Tensor::from_vec(gold, (n, 1), &Device::Cpu)?;
    let max = logits.max_keepdim(D::Minus1)?.detach();
    let shifted = logits.broadcast_sub(&max)?;
    let log_sum = shifted.exp()?.sum(D::Minus1)?.log()?;
    log_sum - shifted.contiguous()?.gather(&gold, 1)?.squeeze(1)?
}

/// Weighted sum of the binary cross entropy with logits, in the form that cannot overflow.
fn binary(logits: &Tensor, gold: Vec<f32>, weight: Vec<f32>, dims: (usize, usize)) -> Result<Tensor> {
    let gold = Tensor::from_vec(gold, dims, &Device::Cpu)?;
    let weight = Tensor::from_vec(weight, dims, &Device::Cpu)?;
    let soft = ((logits.abs()?.neg()?.exp()? + 1.0)?.log()? + logits.relu()?)?;
    ((soft - (logits * gold)?)? * weight)?.sum_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Vocabulary, model_bytes};
    use tm_extract::Analyzer;
    use tm_extract::neural::{FORMAT, GATE_FEATURES, Model, ModelConfig, Thresholds, Tokenizer};

    /// A small network with random weights.
    fn net(pieces: usize) -> Result<Net> {
        let shape =
            Shape { hidden: 64, layers: 2, heads: 4, feed_forward: 96, max_tokens: 64, epsilon: 1e-12 };
        let (h, f) = (shape.hidden, shape.feed_forward);
        let mut random = Random::new(3);
        let mut vars = BTreeMap::new();
        let mut add = |name: String, dims: &[usize], scale: f32, center: f32| -> Result<()> {
            let data: Vec<f32> =
                (0..dims.iter().product()).map(|_| center + random.normal() * scale).collect();
            vars.insert(name, Var::from_vec(data, dims, &Device::Cpu)?);
            Ok(())
        };
        for i in 0..shape.layers {
            for (part, input, output) in [("qkv", h, 3 * h), ("out", h, h), ("up", h, f), ("down", f, h)] {
                add(format!("layer.{i}.{part}.weight"), &[input, output], 0.15, 0.0)?;
                add(format!("layer.{i}.{part}.bias"), &[output], 0.1, 0.0)?;
            }
            for part in ["norm1", "norm2"] {
                add(format!("layer.{i}.{part}.weight"), &[h], 0.1, 1.0)?;
                add(format!("layer.{i}.{part}.bias"), &[h], 0.1, 0.0)?;
            }
        }
        for (part, input, output) in [
            ("tags", h, TOKEN_TAGS),
            ("post", 2 * h, POST_OUTPUTS),
            ("modality", 2 * h, Modality::ALL.len()),
            ("link.trigger", h, LINK_WIDTH),
            ("link.argument", h, LINK_WIDTH),
        ] {
            add(format!("{part}.weight"), &[input, output], 0.05, 0.0)?;
            add(format!("{part}.bias"), &[output], 0.05, 0.0)?;
        }
        add("link.distance".into(), &[LINK_BUCKETS], 0.1, 0.0)?;
        let blocks = (pieces + 4) * h / Q4_BLOCK;
        let mut words = Vec::with_capacity(blocks * Q4_BYTES);
        for _ in 0..blocks {
            // 0x2800 is 1/32 in half precision.
            words.extend([0x00, 0x28]);
            words.extend((0..16).map(|_| random.next() as u8));
        }
        let positions = (0..shape.max_tokens * h).map(|_| random.normal() * 0.05).collect();
        Ok(Net { words, positions, norm: (vec![1.0; h], vec![0.0; h]), vars, shape })
    }

    #[test]
    fn training_and_inference_compute_the_same() -> Result<()> {
        let pieces: Vec<(String, f32)> =
            ["▁sell", "ing", "▁fresh", "▁logs", "▁", "料"].map(|p| (p.to_owned(), -1.0)).to_vec();
        let net = net(pieces.len())?;
        let config = ModelConfig {
            format: FORMAT,
            name: "test".into(),
            hidden: net.shape.hidden,
            layers: net.shape.layers,
            heads: net.shape.heads,
            feed_forward: net.shape.feed_forward,
            vocabulary: pieces.len() + 4,
            max_tokens: net.shape.max_tokens,
            epsilon: net.shape.epsilon,
            thresholds: Thresholds::default(),
            training: BTreeMap::new(),
        };
        let vocabulary = Vocabulary { pieces: &pieces, normal: &[] };
        let bytes =
            model_bytes(&net, &vocabulary, &vec![0.0; GATE_FEATURES], &config).expect("it is written");
        let analyzer = Analyzer::model_only(Model::read(&bytes).expect("it is read back"));
        let text = "selling fresh logs 料 selling logs";
        // Between other posts and alone: the company must not matter.
        let among = analyzer.analyze(&["fresh", text, "logs logs"]);
        let alone = analyzer.analyze(&[text]);
        assert_eq!(among[1], alone[0]);

        let example = Example {
            tokens: Tokenizer::new(&pieces, &[]).encode(text),
            relevant: None,
            types: None,
            triggers: Vec::new(),
            arguments: Vec::new(),
            entities: Vec::new(),
            entity_tags: [true; ENTITY_TAGS],
            events: Vec::new(),
        };
        let states = net.states(&example)?;
        let h = net.shape.hidden;
        let mut mean = vec![0.0f32; h];
        states.chunks_exact(h).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x));
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        let cosine: f32 = mean.iter().zip(&alone[0].vector).map(|(a, b)| a / length * b).sum();
        // What is left is the rounding of the matrices to 8 bits.
        assert!(cosine > 0.999, "{cosine}");
        Ok(())
    }
}
