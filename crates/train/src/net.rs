//! The trainable network: its weights, and the embeddings. The mathematics are those of the forward pass of `tm-extract`.

use crate::base::{Base, BaseError};
use crate::data::{Example, IGNORE};
use crate::product::View;
use crate::random::Random;
use std::collections::BTreeMap;
use tm_extract::neural::{
    LINK_BUCKETS, LINK_WIDTH, POST_OUTPUTS, Q4_BLOCK, Q4_BYTES, TOKEN_TAGS, add_q4_row,
};
use tm_model::Modality;

/// Gradients of weights, by their names.
pub(crate) type Gradients = BTreeMap<String, Vec<f32>>;

/// A trained tensor of one or two dimensions.
#[derive(Debug, Clone)]
pub(crate) struct Weight {
    pub dims: Vec<usize>,
    pub data: Vec<f32>,
}

impl Weight {
    /// A matrix as it stands.
    pub fn view(&self) -> View<'_> {
        View::new(&self.data, self.dims[0], self.dims[1], self.dims[1])
    }
    /// The numbers of a matrix, transposed.
    pub fn transposed(&self) -> Vec<f32> {
        let (rows, columns) = (self.dims[0], self.dims[1]);
        (0..columns).flat_map(|c| (0..rows).map(move |r| self.data[r * columns + c])).collect()
    }
}

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
    /// file.
    pub vars: BTreeMap<String, Weight>,
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
    /// Windows and tokens that a teacher has an opinion of.
    pub lessons: f32,
    pub lesson_tokens: f32,
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
            if e.opinion.is_some() {
                c.lessons += 1.0;
                c.lesson_tokens += e.tokens.len() as f32;
            }
            let arguments: usize = e.events.iter().map(|e| e.arguments.len()).sum();
            c.links += (arguments * e.events.len()) as f32;
        }
        c
    }
}

/// Probability that a token's embedding is replaced by the unknown piece's: slang and misspellings are the test.
const WORD_DROP: f32 = 0.06;
impl Net {
    /// Takes the lowest `layers` layers of the base; heads start at random.
    pub fn from_base(base: &Base, shape: Shape, ids: &[u32], seed: u64) -> Result<Net, BaseError> {
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
                let weight = Weight { data, dims };
                let turned = match weight.dims[..] {
                    [out, input] => Weight { data: weight.transposed(), dims: vec![input, out] },
                    _ => weight,
                };
                (name, turned)
            })
            .collect();
        Ok(Net {
            words: base.word_rows(ids)?,
            positions,
            norm: (base.floats("emb.ln.w", h)?, base.floats("emb.ln.b", h)?),
            vars,
            shape,
        })
    }

    /// A weight by its name.
    ///
    /// # Panics
    /// When there is none of this name: all names are made in this crate.
    pub fn weight(&self, name: &str) -> &Weight {
        &self.vars[name]
    }

    /// Embeddings of an example with its begin and end token, `[tokens + 2, hidden]`. With `random`, words are dropped.
    pub fn embed(&self, e: &Example, mut random: Option<&mut Random>) -> Vec<f32> {
        let h = self.shape.hidden;
        let width = h / Q4_BLOCK * Q4_BYTES;
        let last = e.tokens.len() + 1;
        let mut x = Vec::with_capacity((last + 1) * h);
        let ids = [0].into_iter().chain(e.tokens.iter().map(|t| t.id)).chain([2]);
        for (position, mut id) in ids.enumerate() {
            let word = position > 0 && position < last;
            if word && random.as_mut().is_some_and(|r| r.uniform() < WORD_DROP) {
                id = 3;
            }
            let at = x.len();
            x.extend_from_slice(&self.positions[position * h..(position + 1) * h]);
            let row = &mut x[at..];
            add_q4_row(&self.words[id as usize * width..][..width], row);
            let mean = row.iter().sum::<f32>() / h as f32;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / h as f32;
            let inverse = 1.0 / (variance + self.shape.epsilon).sqrt();
            for ((v, w), b) in row.iter_mut().zip(&self.norm.0).zip(&self.norm.1) {
                *v = (*v - mean) * inverse * w + b;
            }
        }
        x
    }

    /// Hidden states of one example's tokens, for comparison with the forward pass of `tm-extract`.
    #[cfg(test)]
    pub fn states(&self, example: &Example) -> Vec<f32> {
        let (n, h) = (example.tokens.len(), self.shape.hidden);
        self.forward(self.embed(example, None), &[n + 2]).states[h..(n + 1) * h].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TokenEvent;
    use crate::export::{Vocabulary, model_bytes};
    use tm_extract::Analyzer;
    use tm_extract::neural::{ARGUMENT_TAGS, Calibration, ENTITY_TAGS, Opinion, TRIGGER_TAGS};
    use tm_extract::neural::{FORMAT, GATE_FEATURES, Model, ModelConfig, Thresholds, Tokenizer};
    use tm_model::{EventType, Span};

    /// A small network with random weights.
    fn net(pieces: usize) -> Net {
        let shape =
            Shape { hidden: 64, layers: 2, heads: 4, feed_forward: 96, max_tokens: 64, epsilon: 1e-12 };
        let (h, f) = (shape.hidden, shape.feed_forward);
        let mut random = Random::new(3);
        let mut vars = BTreeMap::new();
        let mut add = |name: String, dims: &[usize], scale: f32, center: f32| {
            let data: Vec<f32> =
                (0..dims.iter().product()).map(|_| center + random.normal() * scale).collect();
            vars.insert(name, Weight { dims: dims.to_vec(), data });
        };
        for i in 0..shape.layers {
            for (part, input, output) in [("qkv", h, 3 * h), ("out", h, h), ("up", h, f), ("down", f, h)] {
                add(format!("layer.{i}.{part}.weight"), &[input, output], 0.15, 0.0);
                add(format!("layer.{i}.{part}.bias"), &[output], 0.1, 0.0);
            }
            for part in ["norm1", "norm2"] {
                add(format!("layer.{i}.{part}.weight"), &[h], 0.1, 1.0);
                add(format!("layer.{i}.{part}.bias"), &[h], 0.1, 0.0);
            }
        }
        for (part, input, output) in [
            ("tags", h, TOKEN_TAGS),
            ("post", 2 * h, POST_OUTPUTS),
            ("modality", 2 * h, Modality::ALL.len()),
            ("link.trigger", h, LINK_WIDTH),
            ("link.argument", h, LINK_WIDTH),
        ] {
            add(format!("{part}.weight"), &[input, output], 0.05, 0.0);
            add(format!("{part}.bias"), &[output], 0.05, 0.0);
        }
        add("link.distance".into(), &[LINK_BUCKETS], 0.1, 0.0);
        let blocks = (pieces + 4) * h / Q4_BLOCK;
        let mut words = Vec::with_capacity(blocks * Q4_BYTES);
        for _ in 0..blocks {
            // 0x2800 is 1/32 in half precision.
            words.extend([0x00, 0x28]);
            words.extend((0..16).map(|_| random.next() as u8));
        }
        let positions = (0..shape.max_tokens * h).map(|_| random.normal() * 0.05).collect();
        Net { words, positions, norm: (vec![1.0; h], vec![0.0; h]), vars, shape }
    }

    #[test]
    fn training_and_inference_compute_the_same() {
        let pieces: Vec<(String, f32)> =
            ["▁sell", "ing", "▁fresh", "▁logs", "▁", "料"].map(|p| (p.to_owned(), -1.0)).to_vec();
        let net = net(pieces.len());
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
            calibration: Calibration::default(),
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
            opinion: None,
        };
        let states = net.states(&example);
        let h = net.shape.hidden;
        let mut mean = vec![0.0f32; h];
        states.chunks_exact(h).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x));
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        let cosine: f32 = mean.iter().zip(&alone[0].vector).map(|(a, b)| a / length * b).sum();
        // What is left is the rounding of the matrices to 8 bits.
        assert!(cosine > 0.999, "{cosine}");
    }

    /// Two posts with events and links, and a sentence with entities.
    fn step() -> Vec<Example> {
        let token =
            |i: u32| tm_extract::neural::Token { id: 4 + i % 6, span: Span::new(i, i + 1), word_start: true };
        let post = |n: u32, gap: usize| {
            let mut types = [false; EventType::ALL.len()];
            (types[0], types[5]) = (true, true);
            let n_tokens = n as usize;
            Example {
                tokens: (0..n).map(token).collect(),
                relevant: Some(gap == 3),
                types: Some(types),
                triggers: (0..n).map(|i| (i % 4) as u8).collect(),
                arguments: (0..n).map(|i| (i % 3) as u8).collect(),
                entities: (0..n).map(|i| if i == 2 { IGNORE } else { (i % 5) as u8 }).collect(),
                entity_tags: [true; ENTITY_TAGS],
                events: vec![
                    TokenEvent {
                        trigger: (0, 2),
                        modality: Modality::ALL[1],
                        arguments: vec![(gap, gap + 2)],
                    },
                    TokenEvent {
                        trigger: (n_tokens - 2, n_tokens - 1),
                        modality: Modality::ALL[0],
                        arguments: vec![(gap, gap + 2), (1, 2)],
                    },
                ],
                opinion: None,
            }
        };
        let mut tags = [false; ENTITY_TAGS];
        tags[..5].fill(true);
        let sentence = Example {
            relevant: None,
            types: None,
            triggers: Vec::new(),
            arguments: Vec::new(),
            entity_tags: tags,
            events: Vec::new(),
            ..post(5, 1)
        };
        let opinion = Opinion {
            post: (0..POST_OUTPUTS).map(|i| (i % 5) as f32 / 5.0 + 0.1).collect(),
            tags: (0..7)
                .flat_map(|t| [TRIGGER_TAGS, ARGUMENT_TAGS, ENTITY_TAGS].into_iter().map(move |n| (t, n)))
                .flat_map(|(t, n)| (0..n).map(move |i| if i == t { 0.7 } else { 0.3 / (n - 1) as f32 }))
                .collect(),
        };
        let lesson = Example {
            entities: vec![IGNORE; 7],
            opinion: Some(opinion),
            entity_tags: [true; ENTITY_TAGS],
            ..Example { tokens: (0..7).map(token).collect(), ..sentence.clone() }
        };
        vec![post(9, 3), post(13, 6), sentence, lesson]
    }

    /// Every weight's gradient against central differences along a random direction: random directions see every element.
    #[test]
    fn gradients_are_right() {
        let mut net = net(6);
        let examples = step();
        let batch: Vec<&Example> = examples.iter().collect();
        let (_, gradients) = net.gradient(&batch, 5);
        assert_eq!(gradients.len(), net.vars.len());
        let mut random = Random::new(8);
        for name in net.vars.keys().cloned().collect::<Vec<_>>() {
            let n = net.vars[&name].data.len();
            let direction: Vec<f32> = (0..n).map(|_| random.normal()).collect();
            let norm = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
            // Of the gradient's own direction too, so that what is compared is not small by chance.
            let own = gradients[&name].iter().map(|x| x * x).sum::<f32>().sqrt();
            let direction: Vec<f32> = direction
                .iter()
                .zip(&gradients[&name])
                .map(|(d, g)| 0.5 * d / norm + g / own.max(1e-12))
                .collect();
            let mut shifted = |by: f32| {
                let start = net.vars[&name].data.clone();
                if let Some(w) = net.vars.get_mut(&name) {
                    w.data.iter_mut().zip(&direction).for_each(|(w, d)| *w += by * d);
                }
                let loss = f64::from(net.gradient(&batch, 5).0);
                if let Some(w) = net.vars.get_mut(&name) {
                    w.data = start;
                }
                loss
            };
            let step = 2e-3;
            let expect = (shifted(step) - shifted(-step)) / (2.0 * f64::from(step));
            let got: f64 = gradients[&name].iter().zip(&direction).map(|(g, d)| f64::from(g * d)).sum();
            assert!((got - expect).abs() <= 0.02 * expect.abs() + 2e-3, "{name}: {got} {expect}");
        }
    }

    #[test]
    fn threads_change_nothing() {
        let net = net(6);
        let examples = step();
        let batch: Vec<&Example> = examples.iter().collect();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            pool.install(|| net.gradient(&batch, 5))
        };
        assert!(on(1) == on(3));
    }
}
