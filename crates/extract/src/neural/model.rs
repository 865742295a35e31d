//! The model file: what is in it, how it is read.
//!
//! One safetensors file. Word embeddings are stored in the 4-bit blocks (Q4_0 of ggml: 32 weights, one f16 scale) in which
//! the base weights are published, so nothing is lost; matrices of the layers as 8-bit integers with a scale for each
//! output; everything else as f32. The metadata entry `threatminer` holds a [`ModelConfig`] in JSON.

use super::kernel::{Instructions, Kernels, Packed, Turned};
use super::math::sigmoid;
use super::tokenizer::Tokenizer;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tm_model::{EntityType, EventType, Modality, Role};

/// Entity types that the tagger knows, in the order of its outputs.
pub const TAGGED_ENTITIES: [EntityType; 11] = [
    EntityType::Malware,
    EntityType::Tool,
    EntityType::ThreatActor,
    EntityType::Organization,
    EntityType::Software,
    EntityType::Vulnerability,
    EntityType::Technique,
    EntityType::Goods,
    EntityType::Location,
    EntityType::Date,
    EntityType::Price,
];
/// Number of trigger tags: outside, and begin and inside for each event type.
pub const TRIGGER_TAGS: usize = 1 + 2 * EventType::ALL.len();
/// Number of argument tags.
pub const ARGUMENT_TAGS: usize = 1 + 2 * Role::ALL.len();
/// Number of entity tags.
pub const ENTITY_TAGS: usize = 1 + 2 * TAGGED_ENTITIES.len();
/// All tags of a token, in this order: triggers, arguments, entities.
pub const TOKEN_TAGS: usize = TRIGGER_TAGS + ARGUMENT_TAGS + ENTITY_TAGS;
/// Outputs of the post head: relevance, then each event type.
pub const POST_OUTPUTS: usize = 1 + EventType::ALL.len();
/// Width of the space in which triggers and arguments are matched.
pub const LINK_WIDTH: usize = 64;
/// Buckets of the signed distance between trigger and argument, in tokens.
pub const LINK_BUCKETS: usize = 11;
/// Hashed features of the gate.
pub const GATE_FEATURES: usize = 1 << 18;

/// Bucket of the distance from a trigger at `trigger` to an argument at `argument` (token positions).
pub fn link_bucket(trigger: usize, argument: usize) -> usize {
    let distance = argument as i64 - trigger as i64;
    let size = match distance.unsigned_abs() {
        0..=1 => 0,
        2..=4 => 1,
        5..=10 => 2,
        11..=24 => 3,
        25..=60 => 4,
        _ => 5,
    };
    if size == 5 { 10 } else { size + if distance < 0 { 5 } else { 0 } }
}

/// Shape, thresholds and provenance of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Version of the layout of the file; this code reads 1.
    pub format: u32,
    /// Name and version of the model; results in the store carry it.
    pub name: String,
    /// Width of a hidden state.
    pub hidden: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Rows of the embedding table, the four special tokens included.
    pub vocabulary: usize,
    /// Tokens that one window can hold, special tokens included.
    pub max_tokens: usize,
    /// Epsilon of layer normalisation.
    pub epsilon: f32,
    /// Decision thresholds, chosen on the development fold, on calibrated confidences.
    pub thresholds: Thresholds,
    /// How confidences are calibrated.
    #[serde(default)]
    pub calibration: Calibration,
    /// Provenance: data, seed, recipe, scores; free form, printed by `model info`.
    pub training: BTreeMap<String, serde_json::Value>,
}

/// Decision thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Posts whose gate score lies below are not read by the encoder.
    pub gate: f32,
    /// Raw probability of relevance that is shown as 0.5.
    pub relevance: f32,
    /// Least confidence of an event.
    pub event: f32,
    /// Least confidence of an argument.
    pub argument: f32,
    /// Least confidence of a named entity.
    pub entity: f32,
}

/// A logistic scaling of a probability: slope and shift of its log-odds (Platt 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Factor of the log-odds, above 0.
    pub slope: f32,
    /// What is added to them.
    pub shift: f32,
}

impl Default for Scaling {
    fn default() -> Scaling {
        Scaling { slope: 1.0, shift: 0.0 }
    }
}

impl Scaling {
    /// The scaled probability; the identity changes no bit.
    pub fn apply(self, p: f32) -> f32 {
        if self == Scaling::default() {
            return p;
        }
        let p = p.clamp(1e-5, 1.0 - 1e-5);
        sigmoid(self.slope * (p / (1.0 - p)).ln() + self.shift)
    }
}

/// Scaling of each kind of confidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// That the post is relevant.
    pub relevance: Scaling,
    /// That the post speaks of an event of the type.
    pub event: Scaling,
    /// That the phrase has the role in an event of the type.
    pub argument: Scaling,
    /// That the phrase is an entity of the type, with these ends.
    pub entity: Scaling,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds { gate: 0.0, relevance: 0.5, event: 0.4, argument: 0.4, entity: 0.5 }
    }
}

/// A model file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The bytes are no safetensors file, or its header is damaged.
    #[error("the model file is damaged: {0}")]
    Damaged(String),
    /// The file was written for another version of the program.
    #[error("the model file has format {found}, this program reads format {expected}: get the matching file")]
    Format {
        /// Version in the file.
        found: u32,
        /// Version that this program reads.
        expected: u32,
    },
    /// A tensor is missing or has another shape or type than the configuration says.
    #[error("tensor '{name}' of the model file {problem}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub qkv: Packed,
    pub out: Packed,
    pub norm1: Norm,
    pub up: Packed,
    pub down: Packed,
    pub norm2: Norm,
}

/// Weights in memory, ready to run.
#[derive(Debug)]
pub struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) words: Vec<u8>,
    pub(crate) positions: Vec<f32>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
    pub(crate) tags: Turned,
    pub(crate) post: Turned,
    pub(crate) modality: Turned,
    pub(crate) link_trigger: Turned,
    pub(crate) link_argument: Turned,
    pub(crate) link_distance: Vec<f32>,
    pub(crate) gate: Vec<f32>,
    pub(crate) kernels: Kernels,
}

/// Version of the file layout that this code reads and writes.
pub const FORMAT: u32 = 1;
/// Weights in one 4-bit block.
pub const Q4_BLOCK: usize = 32;
/// Bytes of one 4-bit block.
pub const Q4_BYTES: usize = 18;

/// Decodes one row of 4-bit blocks into `out`, added to what is there.
pub fn add_q4_row(bytes: &[u8], out: &mut [f32]) {
    for (block, out) in bytes.chunks_exact(Q4_BYTES).zip(out.chunks_exact_mut(Q4_BLOCK)) {
        let scale = half_to_f32(u16::from_le_bytes([block[0], block[1]]));
        for (i, &byte) in block[2..].iter().enumerate() {
            out[i] += f32::from(i16::from(byte & 15) - 8) * scale;
            out[i + Q4_BLOCK / 2] += f32::from(i16::from(byte >> 4) - 8) * scale;
        }
    }
}

/// IEEE 754 binary16 to binary32.
pub fn half_to_f32(h: u16) -> f32 {
    let sign = u32::from(h >> 15) << 31;
    let (exponent, fraction) = (u32::from(h >> 10) & 31, u32::from(h) & 0x3ff);
    match exponent {
        0 => f32::from_bits(sign | 0x3f80_0000) * fraction as f32 * 2f32.powi(-24),
        31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

struct Reader<'a> {
    tensors: SafeTensors<'a>,
}

impl<'a> Reader<'a> {
    fn raw(&self, name: &str, dtype: Dtype, elements: usize) -> Result<&'a [u8], ModelError> {
        let problem = |problem: String| ModelError::Tensor { name: name.into(), problem };
        let view = self.tensors.tensor(name).map_err(|_| problem("is missing".into()))?;
        let found: usize = view.shape().iter().product();
        if view.dtype() != dtype || found != elements {
            return Err(problem(format!("is {:?} × {found}, expected {dtype:?} × {elements}", view.dtype())));
        }
        Ok(view.data())
    }
    fn floats(&self, name: &str, elements: usize) -> Result<Vec<f32>, ModelError> {
        let bytes = self.raw(name, Dtype::F32, elements)?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
    fn norm(&self, name: &str, n: usize) -> Result<Norm, ModelError> {
        Ok(Norm {
            weight: self.floats(&format!("{name}.weight"), n)?,
            bias: self.floats(&format!("{name}.bias"), n)?,
        })
    }
    fn linear(&self, name: &str, input: usize, output: usize) -> Result<Turned, ModelError> {
        let weight = self.floats(&format!("{name}.weight"), input * output)?;
        Ok(Turned::new(&weight, &self.floats(&format!("{name}.bias"), output)?))
    }
    fn quantised(&self, name: &str, input: usize, output: usize) -> Result<Packed, ModelError> {
        let bytes = self.raw(&format!("{name}.weight"), Dtype::I8, input * output)?;
        let weight: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
        let scale = self.floats(&format!("{name}.scale"), output)?;
        Ok(Packed::new(&weight, input, &scale, &self.floats(&format!("{name}.bias"), output)?))
    }
}

/// Largest value of each number of the configuration: a damaged file must not make us reserve the machine's memory.
const LIMIT: usize = 1 << 20;

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`ModelError`] when the bytes are damaged, of another format, or contradict their own configuration.
    pub fn read(bytes: &[u8]) -> Result<Model, ModelError> {
        let damaged = |e: &dyn std::fmt::Display| ModelError::Damaged(e.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let text = metadata.metadata().as_ref().and_then(|m| m.get("threatminer"));
        let text = text.ok_or_else(|| damaged(&"its header has no 'threatminer' entry"))?;
        let config: ModelConfig = serde_json::from_str(text).map_err(|e| damaged(&e))?;
        if config.format != FORMAT {
            return Err(ModelError::Format { found: config.format, expected: FORMAT });
        }
        let (h, f) = (config.hidden, config.feed_forward);
        let sizes = [h, f, config.vocabulary, config.max_tokens, config.layers, config.heads];
        if sizes.iter().any(|&n| n == 0 || n > LIMIT)
            || h % Q4_BLOCK != 0
            || f % 16 != 0
            || h % config.heads != 0
        {
            return Err(damaged(&"its configuration is out of range"));
        }
        let reader = Reader { tensors: SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))? };
        let layer = |i: usize| -> Result<Layer, ModelError> {
            let name = |part: &str| format!("layer.{i}.{part}");
            Ok(Layer {
                qkv: reader.quantised(&name("qkv"), h, 3 * h)?,
                out: reader.quantised(&name("out"), h, h)?,
                norm1: reader.norm(&name("norm1"), h)?,
                up: reader.quantised(&name("up"), h, f)?,
                down: reader.quantised(&name("down"), f, h)?,
                norm2: reader.norm(&name("norm2"), h)?,
            })
        };
        let gate_scale = reader.floats("gate.scale", 1)?[0];
        let gate = reader.raw("gate.weight", Dtype::I8, GATE_FEATURES)?;
        Ok(Model {
            tokenizer: read_tokenizer(&reader, config.vocabulary)?,
            words: reader.raw("words.q4", Dtype::U8, config.vocabulary * h / Q4_BLOCK * Q4_BYTES)?.to_vec(),
            positions: reader.floats("positions", config.max_tokens * h)?,
            norm: reader.norm("norm", h)?,
            layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?,
            tags: reader.linear("tags", h, TOKEN_TAGS)?,
            post: reader.linear("post", 2 * h, POST_OUTPUTS)?,
            modality: reader.linear("modality", 2 * h, Modality::ALL.len())?,
            link_trigger: reader.linear("link.trigger", h, LINK_WIDTH)?,
            link_argument: reader.linear("link.argument", h, LINK_WIDTH)?,
            link_distance: reader.floats("link.distance", LINK_BUCKETS)?,
            gate: gate.iter().map(|&b| f32::from(b as i8) * gate_scale).collect(),
            kernels: Kernels::new(Instructions::detect()),
            config,
        })
    }

    /// Instruction set that the encoder runs in; without a call of [`Model::limit`] the fastest of this machine.
    pub fn instructions(&self) -> Instructions {
        self.kernels.instructions()
    }

    /// Runs the encoder in an instruction set not above `most`, for comparisons: results are the same in all of them.
    pub fn limit(&mut self, most: Instructions) {
        self.kernels = Kernels::new(most);
    }

    /// Shape, thresholds and provenance.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The tokenizer that the model was trained with.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

fn read_tokenizer(reader: &Reader<'_>, vocabulary: usize) -> Result<Tokenizer, ModelError> {
    let bad = |name: &str, problem: &str| ModelError::Tensor { name: name.into(), problem: problem.into() };
    let text = |name: &str| -> Result<&str, ModelError> {
        let view = reader.tensors.tensor(name).map_err(|_| bad(name, "is missing"))?;
        std::str::from_utf8(view.data()).map_err(|_| bad(name, "is not UTF-8"))
    };
    let pieces: Vec<&str> = text("vocabulary.pieces")?.split('\n').collect();
    if pieces.len() + 4 != vocabulary {
        return Err(bad("vocabulary.pieces", "has another number of pieces than the configuration"));
    }
    let scores = reader.floats("vocabulary.scores", pieces.len())?;
    let pieces: Vec<(String, f32)> = pieces.iter().map(|p| p.to_string()).zip(scores).collect();
    let normal: Vec<(char, Vec<char>)> = text("vocabulary.normal")?
        .split('\n')
        .filter_map(|line| {
            let mut chars = line.chars();
            Some((chars.next()?, chars.collect()))
        })
        .collect();
    Ok(Tokenizer::new(&pieces, &normal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (0x0001, 5.960_464_5e-8), (0, 0.0)]
        {
            assert_eq!(half_to_f32(bits), value);
        }
    }

    #[test]
    fn buckets_are_in_range_and_signed() {
        for (t, a, b) in [(5, 5, 0), (5, 4, 5), (5, 8, 1), (5, 2, 6), (0, 300, 10), (300, 0, 10)] {
            assert_eq!(link_bucket(t, a), b);
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        for bytes in [&b""[..], b"not a model", &[255; 64]] {
            assert!(matches!(Model::read(bytes), Err(ModelError::Damaged(_))));
        }
    }
}
