//! `label`: what an analyst corrects.

use super::Setting;
use crate::cli::{Label as Options, LabelCommand};
use crate::output;
use anyhow::{Context, bail, ensure};
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use tm_model::{
    CharIndex, Correction, LabelledArgument, Modality, Post, Role, Span, Timestamp, mask_secrets,
};
use tm_server::fusion::{self, Circumstances};
use tm_store::{EventRow, PostFilter, Store};

pub fn run(setting: &Setting, options: &Options) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let as_said = Circumstances { time: now()?, author: None, note: options.note.clone() };
        let ids = match &options.command {
            None => vec![correct(&*store, options, &as_said).await?],
            Some(LabelCommand::Merge { one, other }) => fusion::merge(&*store, one, other, &as_said).await?,
            Some(LabelCommand::Split { id, mentions }) => {
                fusion::split(&*store, id, mentions, &as_said).await?
            }
            Some(LabelCommand::Undo { label }) => {
                ensure!(
                    store.remove_label(*label).await?,
                    "no correction {label}; threatminer label list shows all"
                );
                vec![*label]
            }
            Some(LabelCommand::List { json }) => return list(&*store, *json).await,
            Some(LabelCommand::Export) => return export(&*store).await,
        };
        // What was said counts at once.
        let context = fusion::context(&*store).await?;
        let (_, threats) = fusion::refuse(&*store, context).await?;
        let mut out = output::stdout();
        if options.json {
            output::json_line(&mut out, &json!({"labels": ids, "threats": threats}))?;
        } else {
            let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
            writeln!(out, "correction {}; {threats} threat events now", ids.join(", "))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

fn now() -> anyhow::Result<Timestamp> {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).context("the clock is wrong")?;
    Ok(Timestamp(since.as_secs() as i64))
}

/// The place of words in a text: `START-END` in code points, or the words themselves, where they stand nearest to `near`.
fn place(text: &str, words: &str, near: u32) -> anyhow::Result<Span> {
    if let Some((start, end)) = words.split_once('-')
        && let (Ok(start), Ok(end)) = (start.parse::<u32>(), end.parse::<u32>())
        && start < end
        && Span::new(start, end).slice(text).is_some()
    {
        return Ok(Span::new(start, end));
    }
    let length = words.chars().count() as u32;
    ensure!(length > 0, "no words given");
    text.match_indices(words)
        .map(|(at, _)| text[..at].chars().count() as u32)
        .min_by_key(|start| (start.abs_diff(near), *start))
        .map(|start| Span::new(start, start + length))
        .with_context(|| format!("the post does not hold '{words}'"))
}

/// A correction of one post.
async fn correct(store: &dyn Store, o: &Options, as_said: &Circumstances) -> anyhow::Result<i64> {
    let Some(id) = o.post else {
        bail!("give a post, or merge, split, undo, list or export; see threatminer label --help")
    };
    let filter = PostFilter { ids: Some(vec![id]), ..PostFilter::default() };
    let post: Post = store.posts(&filter).await?.pop().with_context(|| format!("no post {id}"))?;
    if let Some(relevant) = o.relevant {
        ensure!(
            o.mention.is_none() && o.trigger.is_none() && o.kind.is_none() && !o.no_event,
            "--relevant stands alone"
        );
        let correction = Correction::Relevance { relevant: relevant.yes() };
        return Ok(store.add_label(&as_said.label(id, None, correction)).await?);
    }
    let events = store.events_of(&[id]).await?;
    let known: Option<&EventRow> = match o.mention {
        None => None,
        Some(m) => Some(events.iter().find(|e| e.id == m).with_context(|| {
            let ids: Vec<String> = events.iter().map(|e| e.id.to_string()).collect();
            format!(
                "post {id} has no mention {m}; it has {}",
                if ids.is_empty() { "none".into() } else { ids.join(", ") }
            )
        })?),
    };
    let index = CharIndex::new(&post.text);
    let near = known.map_or(0, |e| e.trigger.start);
    let trigger = match (&o.trigger, known) {
        (Some(words), _) => place(&post.text, words, near)?,
        (None, Some(e)) => e.trigger,
        (None, None) => bail!("which event? give --mention ID or --trigger WORDS"),
    };
    let at = known.map_or(trigger, |e| e.trigger);
    if o.no_event {
        ensure!(
            o.kind.is_none() && o.modality.is_none() && o.arguments.is_empty(),
            "--no-event has no type, modality or arguments"
        );
        return Ok(store.add_label(&as_said.label(id, Some(at), Correction::Nothing)).await?);
    }
    let event = match (&o.kind, known) {
        (Some(kind), _) => kind.parse()?,
        (None, Some(e)) => e.kind,
        (None, None) => bail!("what event is '{}'? give --type", index.slice(trigger)),
    };
    let modality = match (&o.modality, known) {
        (Some(m), _) => m.parse()?,
        (None, Some(e)) => e.modality,
        (None, None) => Modality::Asserted,
    };
    let arguments: Vec<LabelledArgument> = if o.arguments.is_empty() {
        let kept = known.map(|e| e.arguments.as_slice()).unwrap_or_default();
        kept.iter().map(|a| LabelledArgument { role: a.role, span: Span::new(a.start, a.end) }).collect()
    } else {
        o.arguments
            .iter()
            .filter(|a| a.as_str() != "none")
            .map(|a| {
                let (role, words) =
                    a.split_once('=').with_context(|| format!("'{a}': expected ROLE=WORDS"))?;
                Ok(LabelledArgument {
                    role: role.parse::<Role>()?,
                    span: place(&post.text, words, trigger.start)?,
                })
            })
            .collect::<anyhow::Result<_>>()?
    };
    let correction = Correction::Event { event, modality, trigger, arguments };
    Ok(store.add_label(&as_said.label(id, Some(at), correction)).await?)
}

async fn list(store: &dyn Store, as_json: bool) -> anyhow::Result<ExitCode> {
    let labels = store.labels(None).await?;
    if labels.is_empty() {
        output::note("no corrections");
        return Ok(ExitCode::from(1));
    }
    let ids = labels.iter().map(|l| l.post_id).collect();
    let posts = store.posts(&PostFilter { ids: Some(ids), ..PostFilter::default() }).await?;
    let mut out = output::stdout();
    for l in &labels {
        let text =
            posts.iter().find(|p| p.id == l.post_id).map(|p| mask_secrets(&p.text)).unwrap_or_default();
        let words = |s: Span| s.slice(&text).unwrap_or("").to_owned();
        if as_json {
            output::json_line(&mut out, l)?;
            continue;
        }
        let said = match &l.correction {
            Correction::Relevance { relevant } => {
                format!("relevant: {}", if *relevant { "yes" } else { "no" })
            }
            Correction::Event { event, modality, trigger, arguments } => {
                let list: Vec<String> =
                    arguments.iter().map(|a| format!("{} {}", a.role, words(a.span))).collect();
                format!("{event}, {modality}, '{}'; {}", words(*trigger), list.join(", "))
            }
            Correction::Nothing => format!("no event at '{}'", l.trigger.map(words).unwrap_or_default()),
            Correction::Same { other } => {
                format!("same happening as post {} at {}", other.post_id, other.trigger.start)
            }
            Correction::Different { other } => {
                format!("another happening than post {} at {}", other.post_id, other.trigger.start)
            }
        };
        writeln!(
            out,
            "{:>5}  {}  post {:<6} {said}{}",
            l.id,
            l.time.day(),
            l.post_id,
            l.note.as_ref().map(|n| format!("  ({n})")).unwrap_or_default()
        )?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Corrected posts in the form of training data. Their words are not masked: a model is trained on them.
async fn export(store: &dyn Store) -> anyhow::Result<ExitCode> {
    let lines = fusion::training_data(store).await?;
    if lines.is_empty() {
        output::note("no corrected post");
        return Ok(ExitCode::from(1));
    }
    let mut out = output::stdout();
    for line in &lines {
        output::json_line(&mut out, line)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_stand_nearest() {
        let text = "продам базу, базу дорого";
        assert_eq!(place(text, "базу", 0).unwrap(), Span::new(7, 11));
        assert_eq!(place(text, "базу", 20).unwrap(), Span::new(13, 17));
        assert_eq!(place(text, "0-6", 0).unwrap(), Span::new(0, 6));
        assert!(place(text, "купля", 0).is_err() && place(text, "", 0).is_err());
    }
}
