//! `eval`: the shipped model against labelled data.

use super::{Setting, unbuilt};
use crate::cli::{Eval, FoldName, Task};
use crate::output;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use tm_train::{Fold, GoldPost, Score, average_precision, read_gold, score_entities, score_events};

pub fn run(context: &Setting, options: &Eval) -> anyhow::Result<ExitCode> {
    if options.task == Task::Actors {
        return unbuilt("eval actors");
    }
    let mut gold: Vec<GoldPost> = Vec::new();
    for path in &options.data {
        gold.extend(read_gold(path)?);
    }
    gold.retain(|p| match options.fold {
        FoldName::All => true,
        FoldName::HeldOut => p.fold() == Fold::HeldOut,
        FoldName::Development => p.fold() == Fold::Development,
    });
    if gold.is_empty() {
        output::note("no labelled post in this fold of the data");
        return Ok(ExitCode::from(1));
    }
    let analyzer = context.analyzer()?;
    let texts: Vec<&str> = gold.iter().map(|p| p.text.as_str()).collect();
    let found = analyzer.analyze_all(&texts);
    let mut out = output::stdout();
    match options.task {
        Task::Events => {
            let s = score_events(&gold, &found);
            if options.json {
                output::json_line(&mut out, &s)?;
            } else {
                writeln!(out, "{} on {} posts, intervals 95 % bootstrap", analyzer.version(), s.posts)?;
                line(&mut out, "relevance", &s.relevance)?;
                writeln!(out, "{:<22} {:.3}", "  average precision", s.relevance_ap)?;
                line(&mut out, "event types per post", &s.post_types)?;
                writeln!(out, "{:<22} {:.3}", "  macro F1", s.post_types_macro_f1)?;
                line(&mut out, "triggers, exact", &s.trigger_exact)?;
                line(&mut out, "triggers, overlap", &s.trigger_overlap)?;
                line(&mut out, "arguments given type", &s.arguments)?;
                writeln!(out, "{:<22} {:.3}", "modality accuracy", s.modality_accuracy)?;
                for (name, score) in &s.per_type {
                    line(&mut out, &format!("  {name}"), score)?;
                }
            }
        }
        Task::Entities => {
            let s = score_entities(&gold, &found);
            if options.json {
                output::json_line(&mut out, &s)?;
            } else {
                writeln!(out, "{} on {} texts, intervals 95 % bootstrap", analyzer.version(), s.posts)?;
                line(&mut out, "entities, exact", &s.exact)?;
                line(&mut out, "entities, overlap", &s.overlap)?;
                for (name, score) in &s.per_type {
                    line(&mut out, &format!("  {name}"), score)?;
                }
            }
        }
        _ => {
            let scored: Vec<(f32, bool)> = gold
                .iter()
                .zip(&found)
                .filter(|(g, _)| g.label.as_deref() != Some("Undecided"))
                .map(|(g, f)| {
                    let relevant =
                        g.label.as_ref().map_or(g.relevant == Some(true), |l| *l == options.positive);
                    (f.relevance, relevant)
                })
                .collect();
            let ap = average_precision(&scored);
            let hits = |says: bool, is: bool| {
                scored.iter().filter(|s| (s.0 >= 0.5) == says && s.1 == is).count() as f64
            };
            let f1 = 2.0 * hits(true, true)
                / (2.0 * hits(true, true) + hits(true, false) + hits(false, true)).max(1.0);
            let figures = json!({"posts": scored.len(), "positives": scored.iter().filter(|s| s.1).count(),
                "f1_at_half": f1, "average_precision": ap});
            if options.json {
                output::json_line(&mut out, &figures)?;
            } else {
                writeln!(out, "{} posts, F1 at 0.5 {f1:.3}, average precision {ap:.3}", scored.len())?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn line(out: &mut impl Write, name: &str, s: &Score) -> std::io::Result<()> {
    let interval = s.ci95.map(|c| format!(" [{:.3}, {:.3}]", c[0], c[1])).unwrap_or_default();
    writeln!(
        out,
        "{name:<22} F1 {:.3}{interval}  P {:.3} R {:.3}  (tp {} fp {} fn {})",
        s.f1, s.p, s.r, s.tp, s.false_positives, s.false_negatives
    )
}
