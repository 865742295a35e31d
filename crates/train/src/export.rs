//! Writes a trained network in the file layout that `tm_extract::neural` reads.

use crate::net::Net;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::{BTreeMap, HashMap};
use tm_extract::neural::ModelConfig;

/// A tensor that owns its bytes.
struct Owned(Dtype, Vec<usize>, Vec<u8>);

fn floats(data: &[f32], shape: Vec<usize>) -> Owned {
    Owned(Dtype::F32, shape, data.iter().flat_map(|x| x.to_le_bytes()).collect())
}

/// Rounds each row of `width` to 8-bit integers with one scale: the largest magnitude becomes 127.
fn quantise(data: &[f32], width: usize) -> (Vec<u8>, Vec<f32>) {
    let mut scales = Vec::with_capacity(data.len() / width);
    let mut bytes = Vec::with_capacity(data.len());
    for row in data.chunks_exact(width) {
        let scale = row.iter().fold(0.0f32, |m, x| m.max(x.abs())).max(1e-12) / 127.0;
        scales.push(scale);
        bytes.extend(row.iter().map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8 as u8));
    }
    (bytes, scales)
}

/// Vocabulary as it is written into the file.
pub(crate) struct Vocabulary<'a> {
    pub pieces: &'a [(String, f32)],
    pub normal: &'a [(char, Vec<char>)],
}

/// The bytes of a model file.
pub(crate) fn model_bytes(
    net: &Net,
    vocabulary: &Vocabulary<'_>,
    gate: &[f32],
    config: &ModelConfig,
) -> Result<Vec<u8>, crate::TrainError> {
    let h = net.shape.hidden;
    let mut tensors: BTreeMap<String, Owned> = BTreeMap::new();
    for (name, var) in &net.vars {
        // In training matrices are `[in, out]`, in the file `[out, in]`.
        let (data, shape) = match var.dims[..] {
            [input, output] => (var.transposed(), vec![output, input]),
            _ => (var.data.clone(), var.dims.clone()),
        };
        match name.strip_suffix(".weight") {
            Some(stem) if name.starts_with("layer.") && shape.len() == 2 => {
                let (bytes, scales) = quantise(&data, shape[1]);
                tensors.insert(name.clone(), Owned(Dtype::I8, shape.clone(), bytes));
                tensors.insert(format!("{stem}.scale"), floats(&scales, vec![shape[0]]));
            }
            _ => {
                tensors.insert(name.clone(), floats(&data, shape));
            }
        }
    }
    tensors.insert("words.q4".into(), Owned(Dtype::U8, vec![net.words.len()], net.words.clone()));
    tensors.insert("positions".into(), floats(&net.positions, vec![net.shape.max_tokens, h]));
    tensors.insert("norm.weight".into(), floats(&net.norm.0, vec![h]));
    tensors.insert("norm.bias".into(), floats(&net.norm.1, vec![h]));
    let (bytes, scales) = quantise(gate, gate.len());
    tensors.insert("gate.weight".into(), Owned(Dtype::I8, vec![gate.len()], bytes));
    tensors.insert("gate.scale".into(), floats(&scales, vec![1]));
    let text = |s: String| Owned(Dtype::U8, vec![s.len()], s.into_bytes());
    let pieces: Vec<&str> = vocabulary.pieces.iter().map(|p| p.0.as_str()).collect();
    let scores: Vec<f32> = vocabulary.pieces.iter().map(|p| p.1).collect();
    let normal: Vec<String> = vocabulary
        .normal
        .iter()
        .filter(|(from, to)| *from != '\n' && !to.contains(&'\n'))
        .map(|(from, to)| std::iter::once(from).chain(to).collect())
        .collect();
    tensors.insert("vocabulary.pieces".into(), text(pieces.join("\n")));
    tensors.insert("vocabulary.scores".into(), floats(&scores, vec![scores.len()]));
    tensors.insert("vocabulary.normal".into(), text(normal.join("\n")));
    let views = tensors
        .iter()
        .map(|(name, t)| Ok((name.clone(), TensorView::new(t.0, t.1.clone(), &t.2)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([("threatminer".to_owned(), serde_json::to_string(config)?)]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_error_is_below_half_a_step() {
        let row: Vec<f32> = (0..64).map(|i| ((i * 37 % 64) as f32 - 31.0) / 7.0).collect();
        let (bytes, scales) = quantise(&row, 64);
        for (x, b) in row.iter().zip(bytes) {
            assert!((x - f32::from(b as i8) * scales[0]).abs() <= scales[0] * 0.5001);
        }
    }
}
