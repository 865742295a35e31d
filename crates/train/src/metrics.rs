//! Scores predictions against labels: the figures of `threatminer eval`.
//!
//! Matching is greedy and one to one, exact spans first, then overlapping ones. Intervals are 95 % percentile bootstrap
//! intervals over posts (Efron 1979), 1000 samples, fixed seed.

use crate::calibration::calibration_error;
use crate::data::GoldPost;
use crate::random::Random;
use serde::Serialize;
use std::collections::BTreeMap;
use tm_model::{EntityType, EventType, PostAnalysis, Source, Span};

/// True positives, false positives, false negatives.
type Counts = [u32; 3];

/// Precision, recall and F1 with their counts and the interval of F1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Precision.
    pub p: f64,
    /// Recall.
    pub r: f64,
    /// Harmonic mean.
    pub f1: f64,
    /// True positives.
    pub tp: u32,
    /// False positives.
    #[serde(rename = "fp")]
    pub false_positives: u32,
    /// False negatives.
    #[serde(rename = "fn")]
    pub false_negatives: u32,
    /// 95 % interval of F1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci95: Option<[f64; 2]>,
}

fn f1(c: Counts) -> f64 {
    if c[0] == 0 { 0.0 } else { 2.0 * f64::from(c[0]) / f64::from(2 * c[0] + c[1] + c[2]) }
}

impl Score {
    fn new(c: Counts) -> Score {
        let ratio = |a: u32, b: u32| if a + b == 0 { 0.0 } else { f64::from(a) / f64::from(a + b) };
        let [tp, false_positives, false_negatives] = c;
        Score {
            p: ratio(c[0], c[1]),
            r: ratio(c[0], c[2]),
            f1: f1(c),
            tp,
            false_positives,
            false_negatives,
            ci95: None,
        }
    }
    fn over(rows: &[Counts]) -> Score {
        let add = |a: Counts, b: &Counts| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let mut score = Score::new(rows.iter().fold([0; 3], add));
        let mut random = Random::new(1);
        let mut samples: Vec<f64> = (0..1000)
            .map(|_| f1((0..rows.len()).fold([0; 3], |a, _| add(a, &rows[random.below(rows.len())]))))
            .collect();
        samples.sort_by(f64::total_cmp);
        score.ci95 = Some([samples[25], samples[974]]);
        score
    }
}

/// Figures of `eval events`.
#[derive(Debug, Clone, Serialize)]
pub struct EventScores {
    /// Posts scored.
    pub posts: usize,
    /// Relevance at 0.5.
    pub relevance: Score,
    /// Average precision of relevance.
    pub relevance_ap: f64,
    /// Event types of a post, as sets.
    pub post_types: Score,
    /// Mean F1 over the types that occur.
    pub post_types_macro_f1: f64,
    /// Each type.
    pub per_type: BTreeMap<String, Score>,
    /// Triggers with exact span and type.
    pub trigger_exact: Score,
    /// Triggers with overlapping span and same type.
    pub trigger_overlap: Score,
    /// Arguments with same event type and role, overlapping span, in posts where the type was found.
    pub arguments: Score,
    /// Share of overlapping triggers with the right modality.
    pub modality_accuracy: f64,
    /// Expected calibration error of relevance, and of events against the types of their post.
    pub relevance_calibration: f64,
    /// See above.
    pub event_calibration: f64,
    /// Expected calibration error of each type with at least fifty answers.
    pub per_type_calibration: BTreeMap<String, f64>,
}

/// Figures of `eval entities`.
#[derive(Debug, Clone, Serialize)]
pub struct EntityScores {
    /// Texts scored.
    pub posts: usize,
    /// Exact span and type.
    pub exact: Score,
    /// Overlapping span, same type.
    pub overlap: Score,
    /// Exact, each type.
    pub per_type: BTreeMap<String, Score>,
    /// Expected calibration error of the model's own finds.
    pub calibration: f64,
}

fn span(s: (u32, u32)) -> Span {
    Span::new(s.0, s.1)
}

/// Greedy matching; returns counts and the matched pairs.
fn pair<K: PartialEq>(gold: &[(K, Span)], found: &[(K, Span)]) -> (Counts, Vec<(usize, usize)>) {
    let mut free: Vec<usize> = (0..found.len()).collect();
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for exact in [true, false] {
        for (g, (kind, place)) in gold.iter().enumerate() {
            if pairs.iter().any(|p| p.0 == g) {
                continue;
            }
            let fits = |&&f: &&usize| {
                let (k, s) = &found[f];
                k == kind && if exact { s == place } else { s.overlaps(*place) }
            };
            if let Some(&f) = free.iter().find(fits) {
                free.retain(|&x| x != f);
                pairs.push((g, f));
            }
        }
    }
    let hits = pairs.len() as u32;
    ([hits, free.len() as u32, gold.len() as u32 - hits], pairs)
}

fn exact<K: PartialEq + Clone>(gold: &[(K, Span)], found: &[(K, Span)]) -> Counts {
    let mut rest = found.to_vec();
    let mut hits = 0;
    for g in gold {
        if let Some(i) = rest.iter().position(|f| f == g) {
            rest.swap_remove(i);
            hits += 1;
        }
    }
    [hits, found.len() as u32 - hits, gold.len() as u32 - hits]
}

/// Average precision; equal scores share one threshold.
pub fn average_precision(scored: &[(f32, bool)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = sorted.iter().filter(|s| s.1).count();
    let (mut hits, mut sum, mut i) = (0usize, 0.0, 0);
    while i < sorted.len() {
        let j = sorted[i..].iter().position(|s| s.0 != sorted[i].0).map_or(sorted.len(), |k| i + k);
        let new = sorted[i..j].iter().filter(|s| s.1).count();
        hits += new;
        sum += new as f64 * hits as f64 / j as f64;
        i = j;
    }
    if positives == 0 { 0.0 } else { sum / positives as f64 }
}

/// Scores event extraction.
pub fn score_events(gold: &[GoldPost], found: &[PostAnalysis]) -> EventScores {
    let (mut relevance, mut types, mut triggers, mut overlaps, mut arguments) =
        (vec![], vec![], vec![], vec![], vec![]);
    let mut per_type = vec![[0u32; 3]; EventType::ALL.len()];
    let (mut right, mut matched) = (0u32, 0u32);
    let mut scored = Vec::new();
    let mut answers: Vec<Vec<(f32, bool)>> = vec![Vec::new(); EventType::ALL.len()];
    for (g, f) in gold.iter().zip(found) {
        let is = g.relevant == Some(true);
        let says = f.relevance >= 0.5;
        scored.push((f.relevance, is));
        relevance.push([u32::from(is && says), u32::from(says && !is), u32::from(is && !says)]);
        let events = g.events.as_deref().unwrap_or_default();
        let mut row = [0; 3];
        for t in EventType::ALL {
            let (a, b) = (events.iter().any(|e| e.kind == *t), f.events.iter().any(|e| e.kind == *t));
            let c = [u32::from(a && b), u32::from(b && !a), u32::from(a && !b)];
            (0..3).for_each(|i| row[i] += c[i]);
            (0..3).for_each(|i| per_type[t.index()][i] += c[i]);
        }
        types.push(row);
        for e in &f.events {
            answers[e.kind.index()].push((e.confidence, events.iter().any(|g| g.kind == e.kind)));
        }
        let gold_triggers: Vec<_> = events.iter().map(|e| (e.kind, span(e.trigger))).collect();
        let found_triggers: Vec<_> = f.events.iter().map(|e| (e.kind, e.trigger)).collect();
        triggers.push(exact(&gold_triggers, &found_triggers));
        let (counts, pairs) = pair(&gold_triggers, &found_triggers);
        overlaps.push(counts);
        matched += pairs.len() as u32;
        right += pairs.iter().filter(|(a, b)| events[*a].modality == f.events[*b].modality).count() as u32;
        let both = |t: EventType| events.iter().any(|e| e.kind == t) && f.events.iter().any(|e| e.kind == t);
        let gold_arguments: Vec<_> = events
            .iter()
            .filter(|e| both(e.kind))
            .flat_map(|e| e.args.iter().map(|a| ((e.kind, a.role), span(a.span))))
            .collect();
        let found_arguments: Vec<_> = f
            .events
            .iter()
            .filter(|e| both(e.kind))
            .flat_map(|e| e.arguments.iter().map(|a| ((e.kind, a.role), a.span)))
            .collect();
        arguments.push(pair(&gold_arguments, &found_arguments).0);
    }
    let per: BTreeMap<String, Score> = EventType::ALL
        .iter()
        .filter(|t| per_type[t.index()] != [0; 3])
        .map(|t| (t.to_string(), Score::new(per_type[t.index()])))
        .collect();
    let occurring: Vec<f64> = per.values().filter(|s| s.tp + s.false_negatives > 0).map(|s| s.f1).collect();
    EventScores {
        posts: gold.len(),
        relevance: Score::over(&relevance),
        relevance_ap: average_precision(&scored),
        post_types: Score::over(&types),
        post_types_macro_f1: occurring.iter().sum::<f64>() / occurring.len().max(1) as f64,
        per_type: per,
        trigger_exact: Score::over(&triggers),
        trigger_overlap: Score::over(&overlaps),
        arguments: Score::over(&arguments),
        modality_accuracy: f64::from(right) / f64::from(matched.max(1)),
        relevance_calibration: calibration_error(&scored),
        event_calibration: calibration_error(&answers.concat()),
        per_type_calibration: EventType::ALL
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.len() >= 50)
            .map(|(t, a)| (t.to_string(), calibration_error(a)))
            .collect(),
    }
}

/// Scores entity extraction on the types that the labels use.
pub fn score_entities(gold: &[GoldPost], found: &[PostAnalysis]) -> EntityScores {
    let used: Vec<EntityType> = EntityType::ALL
        .iter()
        .copied()
        .filter(|t| gold.iter().any(|g| g.entities.iter().any(|e| e.kind == Some(*t))))
        .collect();
    let (mut exacts, mut overlaps) = (vec![], vec![]);
    let mut per_type: BTreeMap<String, Counts> = BTreeMap::new();
    let mut answers = Vec::new();
    for (g, f) in gold.iter().zip(found) {
        let labels: Vec<_> = g.entities.iter().filter_map(|e| Some((e.kind?, span(e.span)))).collect();
        let hits: Vec<_> =
            f.entities.iter().filter(|e| used.contains(&e.kind)).map(|e| (e.kind, e.span)).collect();
        let own = f.entities.iter().filter(|e| used.contains(&e.kind) && e.source == Source::Model);
        answers.extend(own.map(|e| (e.confidence, labels.contains(&(e.kind, e.span)))));
        exacts.push(exact(&labels, &hits));
        overlaps.push(pair(&labels, &hits).0);
        for t in &used {
            let only =
                |list: &[(EntityType, Span)]| list.iter().filter(|x| x.0 == *t).copied().collect::<Vec<_>>();
            let c = exact(&only(&labels), &only(&hits));
            let sum = per_type.entry(t.to_string()).or_default();
            (0..3).for_each(|i| sum[i] += c[i]);
        }
    }
    EntityScores {
        posts: gold.len(),
        exact: Score::over(&exacts),
        overlap: Score::over(&overlaps),
        per_type: per_type.into_iter().map(|(t, c)| (t, Score::new(c))).collect(),
        calibration: calibration_error(&answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_by_hand() {
        assert_eq!(average_precision(&[(0.9, true), (0.8, false), (0.7, true)]), (1.0 + 2.0 / 3.0) / 2.0);
        assert_eq!(average_precision(&[(0.5, true), (0.5, false)]), 0.5);
    }

    #[test]
    fn exact_pairs_come_first() {
        let s = |a, b| (1, Span::new(a, b));
        let (counts, pairs) = pair(&[s(0, 4), s(5, 9)], &[s(3, 9), s(0, 4)]);
        assert_eq!((counts, pairs), ([2, 0, 0], vec![(0, 1), (1, 0)]));
    }

    #[test]
    fn intervals_hold_the_value() {
        let score = Score::over(&vec![[3, 1, 1]; 20]);
        assert_eq!((score.f1, score.ci95), (0.75, Some([0.75, 0.75])));
    }
}
