//! `train`: labelled data to model file.

use super::Setting;
use crate::cli::Train;
use crate::{output, progress};
use std::io::IsTerminal;
use std::process::ExitCode;
use tm_train::{Outcome, TrainOptions, train};

pub fn run(context: &Setting, a: &Train) -> anyhow::Result<ExitCode> {
    let options = TrainOptions {
        base: a.base.clone(),
        vocabulary: a.vocabulary.clone(),
        events: a.events.clone(),
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
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped(step) => {
            output::note(format!("stopped after step {step}; run the same command again to go on"));
            Ok(ExitCode::from(1))
        }
    }
}
