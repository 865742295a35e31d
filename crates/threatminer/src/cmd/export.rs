//! `export`: what is known, for other tools, on standard output.

use super::{Setting, known};
use crate::cli::{Export, ExportFormat, TlpName, What};
use crate::output;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use tm_exchange::{Column, ColumnKind, Holdings, TableForm, TableWriter, Tlp, misp, stix};
use tm_model::{Timestamp, mask_secrets};
use tm_server::gather::{Matter, Scope, holdings};
use tm_store::{PostFilter, Store, ThreatFilter};

/// Posts that are read together.
const BATCH: u32 = 5000;

impl From<TlpName> for Tlp {
    fn from(name: TlpName) -> Tlp {
        match name {
            TlpName::Clear => Tlp::Clear,
            TlpName::Green => Tlp::Green,
            TlpName::Amber => Tlp::Amber,
            TlpName::Red => Tlp::Red,
        }
    }
}

/// A date option in words that say what was expected.
pub fn since(text: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    text.map(|s| Timestamp::parse(s).with_context(|| format!("--since {s:?} is no date such as 2026-01-31")))
        .transpose()
}

pub fn run(setting: &Setting, options: &Export) -> anyhow::Result<ExitCode> {
    anyhow::ensure!((0.0..=1.0).contains(&options.min_severity), "--min-severity must be 0 to 1");
    let since = since(options.since.as_deref())?;
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let form = match options.format {
            ExportFormat::Jsonl => TableForm::Jsonl,
            ExportFormat::Csv => TableForm::Csv,
            ExportFormat::Parquet => TableForm::Parquet,
            ExportFormat::Stix | ExportFormat::Misp => return objects(&*store, options, since).await,
        };
        let mut table = Table {
            out: TableWriter::new(output::stdout(), form, columns(options.what))?,
            since,
            left: if options.limit == 0 { u64::MAX } else { options.limit.into() },
            rows: 0,
        };
        write(&*store, options, &mut table).await?;
        let rows = table.rows;
        table.out.finish()?.flush()?;
        Ok(found(rows > 0))
    })
}

fn found(anything: bool) -> ExitCode {
    if anything {
        return ExitCode::SUCCESS;
    }
    output::note("nothing to export");
    ExitCode::from(1)
}

/// STIX and MISP.
async fn objects(store: &dyn Store, options: &Export, since: Option<Timestamp>) -> anyhow::Result<ExitCode> {
    let scope = Scope {
        matter: match options.what {
            What::Threats => Matter::Threats,
            What::Actors => Matter::Actors,
            What::Entities => Matter::Entities,
            What::Events => Matter::Events,
            What::Posts => Matter::Posts,
        },
        since,
        min_severity: options.min_severity,
        limit: options.limit,
        masked: !options.unmasked,
    };
    let held = holdings(store, &scope).await?;
    let value = match options.format {
        ExportFormat::Misp => misp::events(&held, options.tlp.into()),
        _ => stix::bundle(&held, options.tlp.into()),
    };
    let mut out = output::stdout();
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)?;
    out.flush()?;
    let Holdings { threats, actors, entities, events, posts, .. } = &held;
    let n = threats.len() + actors.len() + entities.len() + events.len() + posts.len();
    Ok(found(n > 0))
}

/// Columns of CSV and Parquet.
fn columns(what: What) -> &'static [Column] {
    macro_rules! columns {
        ($($name:literal $kind:ident),* $(,)?) => { &[$(Column { name: $name, kind: ColumnKind::$kind }),*] };
    }
    match what {
        What::Threats => {
            columns!["id" Text, "title" Text, "type" Text, "family" Text, "status" Text, "severity" Real,
            "confidence" Real, "first_seen" Time, "last_seen" Time, "mentions" Whole, "posts" Whole, "forums" Text,
            "participants" Text, "arguments" Text, "severity_parts" Text]
        }
        What::Actors => {
            columns!["rank" Whole, "account" Text, "forum" Text, "score" Real, "parts" Text, "posts" Whole,
            "threads_started" Whole, "answers_received" Whole, "first_seen" Time, "last_seen" Time, "fields" Text]
        }
        What::Entities => {
            columns!["type" Text, "value" Text, "posts" Whole, "first_seen" Time, "last_seen" Time, "tags" Text]
        }
        What::Posts => {
            columns!["id" Text, "forum" Text, "board" Text, "thread" Text, "title" Text, "author" Text, "time" Time,
            "text" Text, "reply_to" Text, "quotes" Text, "mentions" Text, "links" Text, "edited" Time, "sticky" Flag, "url" Text,
            "language" Text, "relevance" Real]
        }
        What::Events => {
            columns!["post" Text, "forum" Text, "author" Text, "time" Time, "type" Text, "family" Text,
            "modality" Text, "confidence" Real, "trigger" Text, "arguments" Text, "threat" Text]
        }
    }
}

/// A table on the way out, within the scope that was asked for.
struct Table<W: Write + Send> {
    out: TableWriter<W>,
    since: Option<Timestamp>,
    left: u64,
    rows: u64,
}

impl<W: Write + Send> Table<W> {
    /// Writes a row that was last seen then, unless it lies outside the scope.
    fn row(&mut self, seen: Option<Timestamp>, row: &Value) -> anyhow::Result<()> {
        let late = self.since.is_none_or(|since| seen.is_some_and(|s| s >= since));
        if late && self.left > 0 {
            self.out.row(row)?;
            self.left -= 1;
            self.rows += 1;
        }
        Ok(())
    }
}

async fn write<W: Write + Send>(
    store: &dyn Store,
    options: &Export,
    out: &mut Table<W>,
) -> anyhow::Result<()> {
    let mask = |text: &str| if options.unmasked { text.to_owned() } else { mask_secrets(text) };
    match options.what {
        What::Threats => {
            let by_severity = ThreatFilter { sort: "severity".into(), ..ThreatFilter::default() };
            for t in store.threats(&by_severity).await?.1 {
                if t.severity >= options.min_severity {
                    out.row(t.last, &known::threat_json(&t))?;
                }
            }
        }
        What::Actors => {
            let all = PostFilter { sort: "rank".into(), ..PostFilter::default() };
            for a in store.accounts(&all).await?.1 {
                out.row(a.last, &known::account_json(&a))?;
            }
        }
        What::Entities => {
            for e in store.entities(&PostFilter::default()).await?.1 {
                let tags = tm_extract::tags_of(e.kind, &e.value);
                out.row(
                    e.last,
                    &json!({"type": e.kind, "value": mask(&e.value), "posts": e.posts, "first_seen": e.first,
                    "last_seen": e.last, "tags": tags}),
                )?;
            }
        }
        What::Posts | What::Events => {
            let mut after = 0;
            while out.left > 0 {
                let posts = store
                    .posts(&PostFilter { after: Some(after), limit: BATCH, ..PostFilter::default() })
                    .await?;
                let Some(last) = posts.last() else { break };
                after = last.id;
                batch(store, options, &posts, out, &mask).await?;
            }
        }
    }
    Ok(())
}

async fn batch<W: Write + Send>(
    store: &dyn Store,
    options: &Export,
    posts: &[tm_model::Post],
    out: &mut Table<W>,
    mask: &dyn Fn(&str) -> String,
) -> anyhow::Result<()> {
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
    let threads: HashMap<i64, _> = store.threads(&threads).await?.into_iter().map(|t| (t.id, t)).collect();
    let accounts = PostFilter {
        ids: Some(posts.iter().filter_map(|p| p.account_id).collect()),
        ..PostFilter::default()
    };
    let names: HashMap<i64, String> =
        store.accounts(&accounts).await?.1.into_iter().map(|a| (a.id, a.name)).collect();
    let name = |p: &tm_model::Post| p.account_id.and_then(|a| names.get(&a).cloned());
    if options.what == What::Posts {
        let mut external: HashMap<i64, String> =
            posts.iter().map(|p| (p.id, p.external_id.clone())).collect();
        let quotes = store.quotes_of(&ids).await?;
        let far: Vec<i64> = quotes
            .iter()
            .filter_map(|q| q.1)
            .chain(posts.iter().filter_map(|p| p.reply_to))
            .filter(|id| !external.contains_key(id))
            .collect();
        for p in store.posts(&PostFilter { ids: Some(far), ..PostFilter::default() }).await? {
            external.insert(p.id, p.external_id);
        }
        let mut quoted: HashMap<i64, Vec<Value>> = HashMap::new();
        for (post, target, author) in quotes {
            let target = target.and_then(|t| external.get(&t).cloned());
            quoted.entry(post).or_default().push(match (target, author) {
                (Some(id), None) => json!(id),
                (post, author) => json!({"post": post, "author": author}),
            });
        }
        for p in posts {
            let thread = threads.get(&p.thread_id);
            out.row(p.time, &json!({"id": p.external_id, "forum": thread.map(|t| &t.forum), "board": thread.and_then(|t| t.board.as_ref()),
                "thread": thread.and_then(|t| t.key.as_ref()), "title": thread.map(|t| &t.title), "author": name(p), "time": p.time, "text": mask(&p.text),
                "reply_to": p.reply_to.and_then(|r| external.get(&r)), "quotes": quoted.remove(&p.id).unwrap_or_default(),
                "mentions": p.mentions, "links": p.links.iter().map(|l| mask(l)).collect::<Vec<_>>(), "edited": p.edited,
                "sticky": thread.is_some_and(|t| t.sticky), "url": p.url, "language": p.language, "relevance": p.relevance}))?;
        }
        return Ok(());
    }
    let by_id: HashMap<i64, &tm_model::Post> = posts.iter().map(|p| (p.id, p)).collect();
    for e in store.events_of(&ids).await? {
        let Some(p) = by_id.get(&e.post_id) else { continue };
        let arguments: Vec<Value> = e
            .arguments
            .iter()
            .map(|a| json!({"role": a.role, "text": mask(&a.text), "start": a.start, "end": a.end, "confidence": a.confidence}))
            .collect();
        out.row(p.time, &json!({"post": p.external_id, "forum": threads.get(&p.thread_id).map(|t| &t.forum), "author": name(p), "time": p.time,
            "type": e.kind, "family": e.kind.family(), "modality": e.modality, "confidence": e.confidence,
            "trigger": {"text": e.trigger_text, "start": e.trigger.start, "end": e.trigger.end}, "arguments": arguments,
            "threat": e.threat_id}))?;
    }
    Ok(())
}
