//! `import`: files to posts in the store.

use super::Setting;
use crate::cli::Import;
use crate::{output, progress};
use anyhow::Context;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tm_collect::{Format, Item, Options};
use tm_store::{Batch, ImportKey, ImportState, Store};

/// Posts of one transaction.
const BATCH: usize = 4000;
/// Refusals that are listed in words; all are counted, and kept in the store.
const LISTED: u32 = 10;

pub fn run(setting: &Setting, options: &Import) -> anyhow::Result<ExitCode> {
    let format: Option<Format> = options.format.as_deref().map(str::parse).transpose()?;
    let files: Vec<PathBuf> =
        if options.files.is_empty() { vec![PathBuf::from("-")] } else { options.files.clone() };
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let mut refused = 0;
        let mut out = output::stdout();
        for path in &files {
            let name = path.display().to_string();
            let started = std::time::Instant::now();
            let state = import(setting, &*store, path, format, options.forum.as_deref()).await?;
            refused += state.refused;
            let seconds = started.elapsed().as_secs_f64().max(1e-9);
            if options.json {
                output::json_line(
                    &mut out,
                    &json!({"file": name, "stored": state.stored, "known": state.known,
                    "refused": state.refused, "seconds": (seconds * 1e3).round() / 1e3}),
                )?;
            } else {
                writeln!(
                    out,
                    "{name}: {} posts stored, {} known already, {} rows set aside ({:.1} s)",
                    state.stored, state.known, state.refused, seconds
                )?;
            }
            for r in store.rejects(state.id, LISTED).await? {
                output::note(format!("{}, row {}: {}; set aside", r.file, r.row, r.reason));
            }
            if state.refused > u64::from(LISTED) {
                output::note(format!(
                    "and {} more; all are in the store, table reject",
                    state.refused - u64::from(LISTED)
                ));
            }
        }
        out.flush()?;
        Ok(if refused > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
    })
}

/// Imports one file; the state counts this call only.
pub async fn import(
    setting: &Setting,
    store: &dyn Store,
    path: &Path,
    format: Option<Format>,
    forum: Option<&str>,
) -> anyhow::Result<ImportState> {
    let stdin = path.as_os_str() == "-";
    let mut spool = None;
    let mut reader = if stdin {
        if format == Some(Format::Sql) {
            // A dump is read twice, a pipe only once.
            let mut file =
                tempfile::NamedTempFile::new().context("cannot make a temporary file for the dump")?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file).context("cannot read standard input")?;
            let reader = tm_collect::open(file.path(), format, Options::default())?;
            spool = Some(file);
            reader
        } else {
            tm_collect::open_reader(
                "standard input",
                std::io::stdin(),
                Some(format.unwrap_or(Format::Jsonl)),
                Options::default(),
            )?
        }
    } else {
        tm_collect::open(path, format, Options::default())?
    };
    let meter = reader.meter().clone();
    let bar = progress::bytes(meter.total().unwrap_or(0), "importing", setting.global.quiet);
    let key = ImportKey {
        file: path.display().to_string(),
        digest: digest(path, stdin),
        forum: forum.unwrap_or("").into(),
    };
    let before = store.begin_import(&key).await?;
    // A pipe cannot be told from the one before: it is read whole, and known posts are recognised by themselves.
    let skip = if stdin || before.finished { 0 } else { before.row };
    if skip > 0 {
        output_resume(setting, &key.file, skip);
    }
    let named = forum.map(str::to_owned);
    let fallback = path.file_name().map_or_else(|| "unknown".to_owned(), |n| stem(&n.to_string_lossy()));
    let mut batch = Batch::default();
    let mut failure = None;
    let mut hollow = 0u64;
    while let Some(item) = tokio::task::block_in_place(|| reader.next()) {
        batch.row = batch.row.max(reader.row());
        match item {
            Ok(Item::Post(mut post)) => {
                if batch.row <= skip {
                    continue;
                }
                if post.text.trim().is_empty() && post.quotes.is_empty() && post.links.is_empty() {
                    // Only a picture: nothing of the author's own to analyse or to show, and nobody answered.
                    hollow += 1;
                    continue;
                }
                post.forum = named
                    .clone()
                    .or(post.forum.take())
                    .or_else(|| Some(if stdin { "unknown".into() } else { fallback.clone() }));
                batch.posts.push(*post);
            }
            Ok(Item::Reject(reject)) => {
                if reject.row > skip {
                    batch.rejects.push(reject);
                }
            }
            Err(e) => {
                failure = Some(e);
                break;
            }
        }
        if batch.posts.len() + batch.rejects.len() >= BATCH {
            store.store_batch(before.id, &std::mem::take(&mut batch)).await?;
            bar.set_position(meter.read());
        }
    }
    batch.finished = failure.is_none();
    let after = store.store_batch(before.id, &batch).await?;
    bar.finish_and_clear();
    drop(spool);
    let hidden = reader.hidden().total();
    if hidden + hollow > 0 && !setting.global.quiet {
        output::note(format!(
            "{}: left out {hidden} hidden posts and {hollow} without words of their own",
            key.file
        ));
    }
    if let Some(e) = failure {
        return Err(
            anyhow::Error::new(e).context(format!("import of {} stopped; what was read is stored", key.file))
        );
    }
    Ok(ImportState {
        stored: after.stored - before.stored,
        known: after.known - before.known,
        refused: after.refused - before.refused,
        ..after
    })
}

fn output_resume(setting: &Setting, file: &str, row: u64) {
    if !setting.global.quiet {
        output::note(format!("{file}: going on behind row {row}, where an earlier import was cut off"));
    }
}

/// `forum.sql.gz` → `forum`.
fn stem(name: &str) -> String {
    name.split('.').next().filter(|s| !s.is_empty()).unwrap_or(name).to_owned()
}

/// What tells two files of one name apart: size and time of change.
fn digest(path: &Path, stdin: bool) -> String {
    if stdin {
        return "pipe".into();
    }
    match std::fs::metadata(path) {
        Ok(m) => {
            let changed = m.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
            format!("{} bytes, changed {}", m.len(), changed.map_or(0, |d| d.as_nanos()))
        }
        Err(_) => "unknown".into(),
    }
}
