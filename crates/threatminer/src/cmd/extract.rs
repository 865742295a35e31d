//! `entities` and `events`: posts in, findings out, no store.

use super::Setting;
use crate::cli::Extract;
use crate::output;
use anyhow::Context;
use serde::Serialize;
use serde_json::json;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use tm_extract::{Analyzer, Rules, link, tags_of};
use tm_model::{
    Argument, EntityHit, EntityType, EventHit, EventType, Family, Language, Modality, PostAnalysis, Span,
};

/// Posts that are read before they are analysed together on all threads.
const BATCH: usize = 1024;
/// The same in bytes, so that long posts do not pile up.
const BATCH_BYTES: usize = 8 << 20;

pub fn entities(context: &Setting, options: &Extract) -> anyhow::Result<ExitCode> {
    let wanted = options.types.iter().map(|t| t.parse()).collect::<Result<Vec<EntityType>, _>>()?;
    // Indicators alone need neither the model's memory nor its time.
    let analyzer = if !wanted.is_empty() && wanted.iter().all(|t| t.is_indicator()) {
        Analyzer::indicators_only(Rules::bundled()?)
    } else {
        context.analyzer()?
    };
    stream(options, &analyzer, &|id, a| {
        let entities = a
            .entities
            .iter()
            .filter(|e| wanted.is_empty() || wanted.contains(&e.kind))
            .filter(|e| e.confidence >= options.min_confidence)
            .map(|hit| Tagged { hit, tags: tags_of(hit.kind, &hit.value), link: known(hit) })
            .collect();
        Line { id, language: a.language, relevance: None, events: None, entities: Some(entities) }
    })
}

pub fn events(context: &Setting, options: &Extract) -> anyhow::Result<ExitCode> {
    let analyzer = Analyzer::new(Rules::parse("none", "")?, context.model()?);
    let wanted = options.types.iter().map(|t| t.parse()).collect::<Result<Vec<EventType>, _>>()?;
    stream(options, &analyzer, &|id, a| {
        let events: Vec<Value<'_>> = a
            .events
            .iter()
            .filter(|e| wanted.is_empty() || wanted.contains(&e.kind))
            .filter(|e| e.confidence >= options.min_confidence)
            .map(Value::from)
            .collect();
        Line { id, language: a.language, relevance: Some(a.relevance), events: Some(events), entities: None }
    })
}

type Show<'s> = dyn for<'a> Fn(&'a serde_json::Value, &'a PostAnalysis) -> Line<'a> + 's;

/// A line of output: the shapes of the command-line contract.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a serde_json::Value,
    language: Language,
    #[serde(skip_serializing_if = "Option::is_none")]
    relevance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Value<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<Vec<Tagged<'a>>>,
}

/// An entity with what its value is known for.
#[derive(Serialize)]
struct Tagged<'a> {
    #[serde(flatten)]
    hit: &'a EntityHit,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Known>,
}

/// What a named thing is known as.
#[derive(Serialize)]
struct Known {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

fn known(hit: &EntityHit) -> Option<Known> {
    if hit.kind.is_indicator() && hit.kind != EntityType::AttackTechnique {
        return None;
    }
    let link = link(hit.kind, &hit.value)?;
    let (id, source) = link.identifier().unzip();
    Some(Known { name: link.name, id, source })
}

#[derive(Serialize)]
struct Value<'a> {
    #[serde(rename = "type")]
    kind: EventType,
    family: Family,
    modality: Modality,
    confidence: f32,
    trigger: Trigger<'a>,
    arguments: &'a [Argument],
}

#[derive(Serialize)]
struct Trigger<'a> {
    text: &'a str,
    #[serde(flatten)]
    span: Span,
}

impl<'a> From<&'a EventHit> for Value<'a> {
    fn from(e: &'a EventHit) -> Value<'a> {
        Value {
            kind: e.kind,
            family: e.kind.family(),
            modality: e.modality,
            confidence: e.confidence,
            trigger: Trigger { text: &e.trigger_text, span: e.trigger },
            arguments: &e.arguments,
        }
    }
}

fn stream(options: &Extract, analyzer: &Analyzer, show: &Show<'_>) -> anyhow::Result<ExitCode> {
    let (name, input): (String, Box<dyn Read>) = match &options.file {
        Some(path) if path.as_os_str() != "-" => {
            let file =
                std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            (path.display().to_string(), Box::new(file))
        }
        _ => ("standard input".into(), Box::new(std::io::stdin())),
    };
    let mut input = std::io::BufReader::with_capacity(1 << 20, input);
    let mut out = output::stdout();
    if options.text {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        let text = String::from_utf8_lossy(&bytes);
        let found = analyzer.analyze_all(&[text.trim_end_matches(['\r', '\n'])]);
        for analysis in &found {
            output::json_line(&mut out, &show(&json!("1"), analysis))?;
        }
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut refused, mut row) = (0u64, 0u64);
    let mut line = Vec::new();
    loop {
        let mut batch: Vec<(serde_json::Value, String)> = Vec::with_capacity(BATCH);
        let mut bytes = 0;
        // What has come is answered before more is waited for.
        while batch.len() < BATCH && bytes < BATCH_BYTES && (batch.is_empty() || !input.buffer().is_empty()) {
            line.clear();
            if input.read_until(b'\n', &mut line).with_context(|| format!("cannot read {name}"))? == 0 {
                break;
            }
            row += 1;
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            match read_post(text) {
                Ok((id, text)) => {
                    bytes += text.len();
                    batch.push((id.unwrap_or_else(|| json!(row.to_string())), text));
                }
                Err(reason) => {
                    refused += 1;
                    output::note(format!("{name}, line {row}: {reason}; set aside"));
                }
            }
        }
        if batch.is_empty() {
            break;
        }
        let texts: Vec<&str> = batch.iter().map(|b| b.1.as_str()).collect();
        for ((id, _), analysis) in batch.iter().zip(analyzer.analyze_all(&texts)) {
            output::json_line(&mut out, &show(id, &analysis))?;
        }
        out.flush()?;
    }
    if refused > 0 {
        output::note(format!("{refused} of {row} lines were set aside"));
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// The identifier as it was written (so that callers find their posts again) and the text.
fn read_post(line: &str) -> Result<(Option<serde_json::Value>, String), String> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    let id = value.get("id").filter(|v| !v.is_null()).cloned();
    match value.get("text") {
        Some(serde_json::Value::String(text)) => Ok((id, text.clone())),
        Some(_) => Err("'text' is no string".into()),
        None => Err("no 'text'".into()),
    }
}
