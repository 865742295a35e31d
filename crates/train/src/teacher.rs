//! A larger trained model as the teacher of a smaller one (Hinton et al. 2015): the student starts from the teacher's lowest
//! layers and heads, and learns from the teacher's probabilities on posts that nobody labelled.

use crate::TrainError;
use crate::data::{Example, GoldPost, IGNORE};
use crate::net::{Net, Weight};
use crate::random::Random;
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashSet;
use std::path::Path;
use tm_extract::neural::{ENTITY_TAGS, Model, Token, Tokenizer};

/// Posts that the teacher holds for relevant with at least this probability teach, and as many others.
const LIKELY: f32 = 0.15;
/// Posts that a thread reads at a time.
const CHUNK: usize = 16;

/// A trained model that teaches.
pub(crate) struct Teacher {
    model: Model,
    bytes: Vec<u8>,
    path: String,
}

impl Teacher {
    /// Reads the model file.
    pub fn open(path: &Path) -> Result<Teacher, TrainError> {
        let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
        let model = Model::read(&bytes)?;
        Ok(Teacher { model, bytes, path: path.display().to_string() })
    }

    fn unfit(&self, reason: impl Into<String>) -> TrainError {
        TrainError::Teacher { path: self.path.clone(), reason: reason.into() }
    }

    /// Puts the teacher's layers, as many as there are, and its heads in the place of the student's.
    pub fn seed(&self, net: &mut Net, pieces: usize) -> Result<(), TrainError> {
        let config = self.model.config();
        if config.hidden != net.shape.hidden
            || config.layers < net.shape.layers
            || config.vocabulary != pieces + 4
        {
            return Err(self.unfit(
                "its width, its pieces or its number of layers do not fit: train it with the same base and vocabulary",
            ));
        }
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|e| self.unfit(e.to_string()))?;
        for (name, weight) in &mut net.vars {
            let view = tensors.tensor(name).map_err(|e| self.unfit(format!("{name}: {e}")))?;
            let floats = |bytes: &[u8]| -> Vec<f32> {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            };
            let data = match view.dtype() {
                Dtype::F32 => floats(view.data()),
                Dtype::I8 => {
                    let scale = name.replace(".weight", ".scale");
                    let scale = tensors.tensor(&scale).map_err(|e| self.unfit(format!("{scale}: {e}")))?;
                    let width = weight.dims[0];
                    let rows = view.data().chunks_exact(width).zip(floats(scale.data()));
                    rows.flat_map(|(row, s)| row.iter().map(move |&b| f32::from(b as i8) * s)).collect()
                }
                other => return Err(self.unfit(format!("{name} is of type {other:?}"))),
            };
            if data.len() != weight.data.len() {
                return Err(self.unfit(format!("{name} has another size")));
            }
            // In the file matrices stand as `[out, in]`.
            weight.data = match weight.dims[..] {
                [input, output] => Weight { data, dims: vec![output, input] }.transposed(),
                _ => data,
            };
        }
        Ok(())
    }

    /// What the teacher says of posts that have no labels: those it holds for relevant and as many others, cut into windows of
    /// `room` tokens.
    pub fn lessons(
        &self,
        tokenizer: &Tokenizer,
        posts: &[GoldPost],
        labelled: &[GoldPost],
        room: usize,
        seed: u64,
    ) -> Vec<Example> {
        let known: HashSet<&str> = labelled.iter().map(|p| p.text.as_str()).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        let texts: Vec<&str> =
            posts.iter().map(|p| p.text.as_str()).filter(|t| !known.contains(t) && seen.insert(t)).collect();
        let windows: Vec<Vec<Token>> = texts
            .par_iter()
            .flat_map_iter(|t| tokenizer.encode(t).chunks(room).map(<[Token]>::to_vec).collect::<Vec<_>>())
            .filter(|w| !w.is_empty())
            .collect();
        let mut all: Vec<Example> = windows
            .par_chunks(CHUNK)
            .flat_map_iter(|windows| {
                let slices: Vec<&[Token]> = windows.iter().map(Vec::as_slice).collect();
                let opinions = self.model.opinions(&slices);
                windows
                    .iter()
                    .zip(opinions)
                    .map(|(tokens, opinion)| Example {
                        tokens: tokens.clone(),
                        relevant: None,
                        types: None,
                        triggers: Vec::new(),
                        arguments: Vec::new(),
                        entities: vec![IGNORE; tokens.len()],
                        entity_tags: [true; ENTITY_TAGS],
                        events: Vec::new(),
                        opinion: Some(opinion),
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        Random::new(seed ^ 0x7EAC).shuffle(&mut all);
        let likely = |e: &Example| e.opinion.as_ref().is_some_and(|o| o.post[0] >= LIKELY);
        let mut others = all.iter().filter(|e| likely(e)).count();
        all.retain(|e| {
            likely(e) || {
                let keep = others > 0;
                others = others.saturating_sub(1);
                keep
            }
        });
        all
    }
}
