//! The neural model's speed: the encoder alone in each instruction set of this machine, and the stages of reading posts.
//!
//! ```text
//! cargo bench -p tm-extract --bench encoder                   # 32 sequences of 64 tokens, on 1 and 2 threads
//! cargo bench -p tm-extract --bench encoder -- POSTS.jsonl    # and the stages over posts of a file
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;
use tm_extract::Analyzer;
use tm_extract::neural::{Instructions, Model, Token};
use tm_model::Span;

const SEQUENCES: usize = 32;
/// With the two special tokens.
const LENGTH: usize = 64;

/// Shortest of several runs, in seconds: what the machine does besides can only make a run longer.
fn best(times: usize, mut run: impl FnMut()) -> f64 {
    (0..times)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn encoder(model: &Model, threads: usize, times: usize) {
    let vocabulary = model.config().vocabulary as u64;
    let mut state = 1u64;
    let posts: Vec<Vec<Token>> = (0..SEQUENCES)
        .map(|_| {
            (0..LENGTH as u32 - 2)
                .map(|i| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let id = (4 + (state >> 33) % (vocabulary - 4)) as u32;
                    Token { id, span: Span::new(i, i + 1), word_start: true }
                })
                .collect()
        })
        .collect();
    let posts: Vec<&[Token]> = posts.iter().map(Vec::as_slice).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let seconds = pool.install(|| {
        best(times, || {
            posts.par_chunks(8).for_each(|chunk| {
                black_box(model.vectors(chunk));
            });
        })
    });
    println!(
        "{:>13}, {threads} threads: {:7.0} sequences/s, {:8.0} tokens/s",
        model.instructions().name(),
        SEQUENCES as f64 / seconds,
        (SEQUENCES * LENGTH) as f64 / seconds
    );
}

fn stages(model: Model, path: &str) {
    let file = std::fs::read_to_string(path).unwrap();
    let texts: Vec<String> = file
        .lines()
        .filter_map(|l| {
            serde_json::from_str::<serde_json::Value>(l).ok()?.get("text")?.as_str().map(str::to_owned)
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let characters: usize = texts.iter().map(|t| t.chars().count()).sum();
    println!("{} posts of {} characters", texts.len(), characters / texts.len().max(1));
    let per_post = |name: &str, n: usize, seconds: f64| {
        println!("{name:>24}: {:8.2} µs a post, {n} posts", seconds * 1e6 / n.max(1) as f64);
    };
    let limit = model.config().thresholds.gate;
    let mut passed = Vec::new();
    let seconds = best(3, || passed = texts.iter().copied().filter(|t| model.gate(t) >= limit).collect());
    per_post("gate", texts.len(), seconds);
    let mut tokens = Vec::new();
    let seconds = best(3, || tokens = passed.iter().map(|t| model.tokenizer().encode(t)).collect());
    per_post("tokenizer", passed.len(), seconds);
    println!("{:>24}: {}", "tokens read", tokens.iter().map(Vec::len).sum::<usize>());
    let slices: Vec<&[Token]> = tokens.iter().map(Vec::as_slice).collect();
    let seconds = best(2, || {
        slices.chunks(32).for_each(|chunk| {
            black_box(model.vectors(chunk));
        });
    });
    per_post("encoder", passed.len(), seconds);
    let analyzer = Analyzer::model_only(model);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let seconds = pool.install(|| best(2, || drop(black_box(analyzer.analyze_all(&texts)))));
        per_post(&format!("all, {threads} threads"), texts.len(), seconds);
    }
}

fn main() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/threatminer.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let seconds = best(3, || drop(black_box(Model::read(&bytes).unwrap())));
    println!("model read in {:.0} ms", seconds * 1e3);
    let mut model = Model::read(&bytes).unwrap();
    for set in Instructions::ALL.into_iter().rev().filter(|&i| i <= Instructions::detect()) {
        model.limit(set);
        // Plain code needs seconds a run.
        let times = if set == Instructions::Scalar { 1 } else { 12 };
        [2, 1].into_iter().for_each(|threads| encoder(&model, threads, times));
    }
    model.limit(Instructions::detect());
    if let Some(path) = std::env::args().skip(1).find(|a| !a.starts_with("--")) {
        stages(model, &path);
    }
}
