//! `train`: labelled data to model file.

use super::Setting;
use crate::cli::Train;
use crate::{output, progress};
use anyhow::Context as _;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tm_extract::Analyzer;
use tm_extract::neural::Model;
use tm_train::{
    EventScores, Fold, GoldPost, Outcome, TrainOptions, join_texts, read_gold, score_events, train,
};

pub fn run(context: &Setting, a: &Train) -> anyhow::Result<ExitCode> {
    let feedback = if a.from_feedback { Some(feedback(context, a)?) } else { None };
    let mut events = a.events.clone();
    // Shown as often as its weight says.
    events
        .extend(feedback.iter().flat_map(|path| std::iter::repeat_n(path.clone(), a.feedback_weight.max(1))));
    let before = if a.from_feedback { Some(score(context.model()?, a)?) } else { None };
    let options = TrainOptions {
        base: a.base.clone(),
        vocabulary: a.vocabulary.clone(),
        events,
        texts: a.texts.clone(),
        entities: a.entities.clone(),
        unlabelled: a.unlabelled.clone(),
        name: a.name.clone(),
        output: a.output.clone(),
        checkpoint: a.checkpoint.clone(),
        teacher: a.teacher.clone(),
        lesson_batch: a.lesson_batch,
        layers: a.layers,
        epochs: a.epochs,
        batch: a.batch,
        entity_batch: a.entity_batch,
        rate: a.rate,
        seed: a.seed,
        stop_after: a.stop_after,
    };
    let quiet = context.global.quiet;
    let bar = progress::bar(0, "training", quiet);
    let lines = !quiet && !std::io::stderr().is_terminal();
    let started = std::time::Instant::now();
    let mut smooth = f32::NAN;
    let outcome = train(&options, &mut |p| {
        bar.set_length(p.steps as u64);
        bar.set_position(p.step as u64);
        smooth = if smooth.is_nan() { p.loss } else { smooth * 0.95 + p.loss * 0.05 };
        bar.set_message(format!("loss {smooth:.3}"));
        // In a log file a line now and then stands for the bar.
        if lines && (p.step % 20 == 0 || p.step == p.steps) {
            output::note(format!(
                "step {}/{} loss {smooth:.4} {:.0} s",
                p.step,
                p.steps,
                started.elapsed().as_secs_f64()
            ));
        }
    })?;
    bar.finish_and_clear();
    match outcome {
        Outcome::Finished(figures) => {
            output::note(format!("wrote {}", a.output.display()));
            output::json_line(&mut output::stdout(), &figures)?;
            if let Some(before) = before {
                let bytes = std::fs::read(&a.output)
                    .with_context(|| format!("cannot read {}", a.output.display()))?;
                let after = score(Model::read(&bytes)?, a)?;
                output::json_line(
                    &mut output::stdout(),
                    &json!({"held_out_before": before, "held_out_after": after}),
                )?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped(step) => {
            output::note(format!("stopped after step {step}; run the same command again to go on"));
            Ok(ExitCode::from(1))
        }
    }
}

/// Writes the corrections of the store beside the checkpoint, so that a run that goes on sees the same; the path of the file.
fn feedback(context: &Setting, a: &Train) -> anyhow::Result<PathBuf> {
    let mut name = a.checkpoint.clone().into_os_string();
    name.push(".feedback.jsonl");
    let path = PathBuf::from(name);
    if a.checkpoint.exists() && path.exists() {
        output::note(format!("going on with the corrections in {}", path.display()));
        return Ok(path);
    }
    let mut lines = context.runtime()?.block_on(async {
        let store = context.open_store().await?;
        anyhow::Ok(tm_server::fusion::training_data(&*store).await?)
    })?;
    anyhow::ensure!(!lines.is_empty(), "the store has no corrected post; see threatminer label --help");
    let mut text = String::new();
    for line in &mut lines {
        // Folds go by the hash of the identifier; what an analyst has corrected is there to be learnt.
        let id = line["id"].as_str().unwrap_or_default().to_owned();
        for salt in 0..100 {
            line["id"] = json!(if salt == 0 { id.clone() } else { format!("{id}~{salt}") });
            if serde_json::from_value::<GoldPost>(line.clone())?.fold() == Fold::Training {
                break;
            }
        }
        text.push_str(&line.to_string());
        text.push('\n');
    }
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    output::note(format!("{} corrected posts in {}", lines.len(), path.display()));
    Ok(path)
}

/// The figures of a model's card: the held-out fold of the labelled posts.
fn score(model: Model, a: &Train) -> anyhow::Result<EventScores> {
    let mut gold: Vec<GoldPost> = Vec::new();
    for path in &a.events {
        gold.extend(read_gold(path)?);
    }
    gold.retain(|p| p.fold() == Fold::HeldOut);
    join_texts(&mut gold, &a.texts)?;
    let texts: Vec<&str> = gold.iter().map(|p| p.text.as_str()).collect();
    Ok(score_events(&gold, &Analyzer::model_only(model).analyze_all(&texts)))
}
