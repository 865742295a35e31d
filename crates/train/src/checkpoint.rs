//! State of a run on disk: weights, moments and the step, in one safetensors file that is replaced whole.

use crate::TrainError;
use crate::net::Net;
use crate::optimizer::AdamW;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

pub(crate) fn save(path: &Path, net: &Net, optimizer: &AdamW) -> Result<(), TrainError> {
    let mut data: Vec<(String, Vec<u8>)> = Vec::new();
    let bytes = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    for (name, var) in &net.vars {
        data.push((format!("w.{name}"), bytes(&var.data)));
    }
    for (name, (m, v)) in &optimizer.moments {
        data.push((format!("m.{name}"), bytes(m)));
        data.push((format!("v.{name}"), bytes(v)));
    }
    let views = data
        .iter()
        .map(|(name, b)| Ok((name.as_str(), TensorView::new(Dtype::F32, vec![b.len() / 4], b)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([("step".to_owned(), optimizer.step.to_string())]);
    let serialised = safetensors::serialize(views, Some(metadata))?;
    let part = path.with_extension("part");
    std::fs::write(&part, serialised).map_err(|e| TrainError::io(&part, e))?;
    std::fs::rename(&part, path).map_err(|e| TrainError::io(path, e))
}

pub(crate) fn load(path: &Path, net: &mut Net, optimizer: &mut AdamW) -> Result<(), TrainError> {
    let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
    let bad = |reason: String| TrainError::Checkpoint { path: path.display().to_string(), reason };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(e.to_string()))?;
    let step = header.metadata().as_ref().and_then(|m| m.get("step")).and_then(|s| s.parse().ok());
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
    let floats = |name: &str, n: usize| -> Result<Vec<f32>, TrainError> {
        let view = tensors.tensor(name).map_err(|e| bad(e.to_string()))?;
        if view.data().len() != n * 4 {
            return Err(bad(format!("{name} has another size: it belongs to a run with other options")));
        }
        Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    };
    for (name, var) in &mut net.vars {
        let n = var.data.len();
        var.data = floats(&format!("w.{name}"), n)?;
        if tensors.tensor(&format!("m.{name}")).is_ok() {
            let moments = (floats(&format!("m.{name}"), n)?, floats(&format!("v.{name}"), n)?);
            optimizer.moments.insert(name.clone(), moments);
        }
    }
    optimizer.step = step.ok_or_else(|| bad("its step is missing".into()))?;
    Ok(())
}
