//! `export`: what is known, as JSON Lines or CSV, on standard output.

use super::{Setting, known, unbuilt};
use crate::cli::{Export, ExportFormat, What};
use crate::output;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use tm_exchange::TableWriter;
use tm_model::mask_secrets;
use tm_store::{PostFilter, Store, ThreatFilter};

/// Posts that are read together.
const BATCH: u32 = 5000;

pub fn run(setting: &Setting, options: &Export) -> anyhow::Result<ExitCode> {
    let csv = match options.format {
        ExportFormat::Jsonl => false,
        ExportFormat::Csv => true,
        ExportFormat::Stix => return unbuilt("export stix"),
        ExportFormat::Misp => return unbuilt("export misp"),
        ExportFormat::Parquet => return unbuilt("export parquet"),
    };
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let mut out = TableWriter::new(output::stdout(), csv);
        let rows = write(&*store, options, &mut out).await?;
        out.finish()?.flush()?;
        if rows == 0 {
            output::note("nothing to export");
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn write<W: Write>(
    store: &dyn Store,
    options: &Export,
    out: &mut TableWriter<W>,
) -> anyhow::Result<u64> {
    let mut rows = 0u64;
    let mask = |text: &str| if options.unmasked { text.to_owned() } else { mask_secrets(text) };
    match options.what {
        What::Threats => {
            for t in store.threats(&ThreatFilter::default()).await?.1 {
                out.row(&known::threat_json(&t))?;
                rows += 1;
            }
        }
        What::Actors => {
            let all = PostFilter { sort: "rank".into(), ..PostFilter::default() };
            for a in store.accounts(&all).await?.1 {
                out.row(&known::account_json(&a))?;
                rows += 1;
            }
        }
        What::Entities => {
            for e in store.entities(&PostFilter::default()).await?.1 {
                out.row(&json!({"type": e.kind, "value": mask(&e.value), "posts": e.posts, "first_seen": e.first, "last_seen": e.last}))?;
                rows += 1;
            }
        }
        What::Posts | What::Events => {
            let mut after = 0;
            loop {
                let posts = store
                    .posts(&PostFilter { after: Some(after), limit: BATCH, ..PostFilter::default() })
                    .await?;
                let Some(last) = posts.last() else { break };
                after = last.id;
                rows += batch(store, options, &posts, out, &mask).await?;
            }
        }
    }
    Ok(rows)
}

async fn batch<W: Write>(
    store: &dyn Store,
    options: &Export,
    posts: &[tm_model::Post],
    out: &mut TableWriter<W>,
    mask: &dyn Fn(&str) -> String,
) -> anyhow::Result<u64> {
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
    let mut rows = 0;
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
            out.row(&json!({"id": p.external_id, "forum": thread.map(|t| &t.forum), "board": thread.and_then(|t| t.board.as_ref()),
                "thread": thread.and_then(|t| t.key.as_ref()), "title": thread.map(|t| &t.title), "author": name(p), "time": p.time, "text": mask(&p.text),
                "reply_to": p.reply_to.and_then(|r| external.get(&r)), "quotes": quoted.remove(&p.id).unwrap_or_default(),
                "mentions": p.mentions, "links": p.links.iter().map(|l| mask(l)).collect::<Vec<_>>(), "edited": p.edited,
                "sticky": thread.is_some_and(|t| t.sticky), "url": p.url, "language": p.language, "relevance": p.relevance}))?;
            rows += 1;
        }
        return Ok(rows);
    }
    let by_id: HashMap<i64, &tm_model::Post> = posts.iter().map(|p| (p.id, p)).collect();
    for e in store.events_of(&ids).await? {
        let Some(p) = by_id.get(&e.post_id) else { continue };
        let arguments: Vec<Value> = e
            .arguments
            .iter()
            .map(|a| json!({"role": a.role, "text": mask(&a.text), "start": a.start, "end": a.end, "confidence": a.confidence}))
            .collect();
        out.row(&json!({"post": p.external_id, "forum": threads.get(&p.thread_id).map(|t| &t.forum), "author": name(p), "time": p.time,
            "type": e.kind, "family": e.kind.family(), "modality": e.modality, "confidence": e.confidence,
            "trigger": {"text": e.trigger_text, "start": e.trigger.start, "end": e.trigger.end}, "arguments": arguments,
            "threat": e.threat_id}))?;
        rows += 1;
    }
    Ok(rows)
}
