//! Seconds a training step: trains from a base for a while and prints the mean, without the first steps.
//!
//! ```text
//! cargo bench -p tm-train --bench step -- BASE VOCABULARY SECONDS THREADS EVENTS.jsonl ENTITIES.jsonl.gz
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::Instant;
use tm_train::{TrainOptions, train};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [base, vocabulary, seconds, threads, events, entities] = &arguments[..] else {
        println!("usage: BASE VOCABULARY SECONDS THREADS EVENTS ENTITIES");
        return;
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse().unwrap()).build_global().unwrap();
    let folder = std::env::temp_dir().join(format!("tm-train-step-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let options = TrainOptions {
        base: base.into(),
        vocabulary: vocabulary.into(),
        events: vec![events.into()],
        texts: Vec::new(),
        entities: vec![entities.into()],
        unlabelled: Vec::new(),
        name: "bench".into(),
        output: folder.join("model.safetensors"),
        checkpoint: folder.join("checkpoint.safetensors"),
        teacher: None,
        lesson_batch: 0,
        layers: 6,
        epochs: 1000,
        batch: 16,
        entity_batch: 10,
        rate: 1e-4,
        seed: 7,
        stop_after: seconds.parse().unwrap(),
    };
    let mut times = Vec::new();
    let mut last = Instant::now();
    let mut losses = Vec::new();
    let outcome = train(&options, &mut |p| {
        times.push(last.elapsed().as_secs_f64());
        losses.push(p.loss);
        last = Instant::now();
    });
    std::fs::remove_dir_all(&folder).unwrap();
    outcome.unwrap();
    let counted = &times[2.min(times.len())..];
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len().max(1) as f32;
    let half = losses.len() / 2;
    println!(
        "{} steps, {:.3} s a step; loss {:.3} in the first half, {:.3} in the second",
        times.len(),
        counted.iter().sum::<f64>() / counted.len().max(1) as f64,
        mean(&losses[..half]),
        mean(&losses[half..])
    );
}
