//! `eval`: the shipped model against labelled data.

use super::{Setting, eval_fusion, rank};
use crate::cli::{Eval, FoldName, Task};
use crate::output;
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use tm_graph::rank::quality::{intervals, quality};
use tm_model::PostAnalysis;
use tm_train::{
    Fold, GoldPost, Score, average_precision, join_texts, read_gold, score_entities, score_events,
};

pub fn run(context: &Setting, options: &Eval) -> anyhow::Result<ExitCode> {
    match options.task {
        Task::Actors => return actors(context, options),
        Task::Fusion => return eval_fusion::run(context, options),
        _ => {}
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
    join_texts(&mut gold, &options.texts)?;
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
                writeln!(
                    out,
                    "{:<22} relevance {:.3}, events {:.3}",
                    "calibration error", s.relevance_calibration, s.event_calibration
                )?;
                for (name, score) in &s.per_type {
                    line(&mut out, &format!("  {name}"), score)?;
                }
            }
        }
        Task::Entities => {
            let s = score_entities(&gold, &found);
            if let Some(precision) = options.precision {
                thresholds(&mut out, &gold, found, precision)?;
            } else if options.json {
                output::json_line(&mut out, &s)?;
            } else {
                writeln!(out, "{} on {} texts, intervals 95 % bootstrap", analyzer.version(), s.posts)?;
                line(&mut out, "entities, exact", &s.exact)?;
                line(&mut out, "entities, overlap", &s.overlap)?;
                writeln!(out, "{:<22} {:.3}", "calibration error", s.calibration)?;
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

/// How sure the program must be of an entity for a precision, and how far its confidence is from the share that is right.
fn thresholds(
    out: &mut impl Write,
    gold: &[GoldPost],
    mut found: Vec<PostAnalysis>,
    precision: f64,
) -> anyhow::Result<()> {
    writeln!(out, "confidence  precision  recall     F1  (exact)")?;
    let mut chosen = None;
    let mut rows: Vec<(f64, f64)> = Vec::new();
    for step in 0..20u8 {
        let floor = f32::from(step) * 0.05;
        for post in &mut found {
            post.entities.retain(|e| e.confidence >= floor);
        }
        let s = score_entities(gold, &found).exact;
        writeln!(out, "      {floor:.2}      {:.3}   {:.3}  {:.3}", s.p, s.r, s.f1)?;
        if chosen.is_none() && s.p >= precision {
            chosen = Some(floor);
        }
        rows.push((f64::from(s.tp), f64::from(s.tp + s.false_positives)));
    }
    // Between two neighbouring floors lie the entities of one bin (Guo et al. 2017, equation 3).
    let total = rows[0].1.max(1.0);
    let error: f64 = (0..rows.len())
        .map(|i| {
            let next = rows.get(i + 1).copied().unwrap_or_default();
            let (right, all) = (rows[i].0 - next.0, rows[i].1 - next.1);
            let middle = i as f64 * 0.05 + 0.025;
            if all > 0.0 { (right / all - middle).abs() * all / total } else { 0.0 }
        })
        .sum();
    writeln!(out, "expected calibration error {error:.3}")?;
    match chosen {
        Some(floor) => writeln!(out, "precision {precision} is reached at a confidence of {floor:.2}")?,
        None => writeln!(out, "precision {precision} is not reached")?,
    }
    out.flush()?;
    Ok(())
}

/// Who is known to matter, as a line of labelled data says it.
#[derive(serde::Deserialize)]
struct Known {
    account: String,
    #[serde(default)]
    forum: Option<String>,
    key: bool,
}

/// The ranking against labelled accounts: JSONL of `{"account","forum","key"}`; of the store, or of edge lists (`.tsv`) among
/// the data. Accounts without a label count as not key.
fn actors(context: &Setting, options: &Eval) -> anyhow::Result<ExitCode> {
    let (edges, labels): (Vec<_>, Vec<_>) =
        options.data.iter().partition(|p| p.extension().is_some_and(|e| e == "tsv"));
    anyhow::ensure!(edges.len() <= 1, "one edge list at a time");
    let mut key: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    for path in labels {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (i, line) in text.lines().enumerate().filter(|l| !l.1.trim().is_empty()) {
            let known: Known = serde_json::from_str(line).with_context(|| {
                format!("{}, line {}: expected an object with account and key", path.display(), i + 1)
            })?;
            if known.key {
                key.insert((known.account, known.forum));
            }
        }
    }
    let ranked: Vec<(String, Option<String>)> = if let Some(path) = edges.first() {
        let (list, _) = rank::read_edges(path)?;
        tm_graph::rank::rank_interactions(&list)?.into_iter().map(|r| (r.account, None)).collect()
    } else {
        context.runtime()?.block_on(async {
            let filter = tm_store::PostFilter { sort: "rank".into(), ..tm_store::PostFilter::default() };
            let rows = context.open_store().await?.accounts(&filter).await?.1;
            anyhow::Ok(
                rows.into_iter().filter(|a| a.standing.is_some()).map(|a| (a.name, Some(a.forum))).collect(),
            )
        })?
    };
    let is_key = |(name, forum): &(String, Option<String>)| {
        key.contains(&(name.clone(), None)) || key.contains(&(name.clone(), forum.clone()))
    };
    let hits: Vec<bool> = ranked.iter().map(is_key).collect();
    let Some(q) = quality(&hits) else {
        output::note("no labelled key account is among the ranked ones, or all are");
        return Ok(ExitCode::from(1));
    };
    let [auc, precision, ndcg] = intervals(&hits, 1);
    let found = hits.iter().filter(|h| **h).count();
    let mut out = output::stdout();
    if options.json {
        output::json_line(
            &mut out,
            &json!({"accounts": hits.len(), "key": found, "auc": q.auc, "auc_ci95": auc, "average_precision": q.average_precision,
                "average_precision_ci95": precision, "ndcg_20": q.ndcg_20, "ndcg_20_ci95": ndcg}),
        )?;
    } else {
        writeln!(out, "{} accounts, {found} of them key, intervals 95 % bootstrap", hits.len())?;
        for (name, value, [low, high]) in [
            ("AUC", q.auc, auc),
            ("average precision", q.average_precision, precision),
            ("nDCG@20", q.ndcg_20, ndcg),
        ] {
            writeln!(out, "{name:<22} {value:.3} [{low:.3}, {high:.3}]")?;
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
