//! `import`: files to posts in the store.

use super::Setting;
use crate::cli::Import;
use crate::{output, progress};
use anyhow::Context;
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tm_collect::{Format, Hidden, Item, Options, Pages, Personal};
use tm_store::{Batch, ImportKey, ImportState, Store};

/// Posts of one transaction.
const BATCH: usize = 4000;
/// Refusals that are listed in words; all are counted, and kept in the store.
const LISTED: u32 = 10;

pub fn run(setting: &Setting, options: &Import) -> anyhow::Result<ExitCode> {
    let format: Option<Format> = options.format.as_deref().map(str::parse).transpose()?;
    let files: Vec<PathBuf> =
        if options.files.is_empty() { vec![PathBuf::from("-")] } else { options.files.clone() };
    if options.keep_personal {
        tracing::warn!("e-mail and network addresses of members are kept, as --keep-personal asks");
        output::note(
            "e-mail and network addresses of members and private chats are kept, as --keep-personal asks",
        );
    }
    let wanted = Wanted { format, forum: options.forum.as_deref(), keep_personal: options.keep_personal };
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let (mut refused, mut lost) = (0, false);
        let mut out = output::stdout();
        for path in &files {
            let name = path.display().to_string();
            let started = std::time::Instant::now();
            let Imported { state, left_out } = import(setting, &*store, path, &wanted).await?;
            refused += state.refused;
            let nothing = state.stored + state.known == 0 && left_out.is_unknown();
            lost |= nothing;
            let seconds = started.elapsed().as_secs_f64().max(1e-9);
            if options.json {
                output::json_line(
                    &mut out,
                    &json!({"file": name, "stored": state.stored, "known": state.known,
                    "refused": state.refused, "hidden": left_out.hidden.total(), "empty": left_out.empty,
                    "private": left_out.private, "pages": left_out.pages.as_ref().map(pages_json),
                    "seconds": (seconds * 1e3).round() / 1e3}),
                )?;
            } else {
                writeln!(
                    out,
                    "{name}: {} posts stored, {} known already, {} rows set aside ({:.1} s)",
                    state.stored, state.known, state.refused, seconds
                )?;
                left_out.tell(&mut out)?;
            }
            if nothing {
                output::note(format!(
                    "{name}: nothing was stored, because no forum engine knows its pages; a selector file may describe them"
                ));
            }
            if left_out.private > 0 && !options.keep_personal {
                output::note(format!(
                    "{name}: {} messages of private chats, or of chats whose \"type\" is no channel or group or does not \
                     stand before their \"messages\", were left out; put it there, or use --keep-personal",
                    left_out.private
                ));
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
        Ok(if refused > 0 || lost { ExitCode::from(1) } else { ExitCode::SUCCESS })
    })
}

/// How files are imported.
#[derive(Default)]
pub struct Wanted<'a> {
    /// Format of all files, where it is named.
    pub format: Option<Format>,
    /// Forum of all posts, where it is named.
    pub forum: Option<&'a str>,
    /// Keeps what is members' own affair.
    pub keep_personal: bool,
}

/// What an import came to, of this call only.
pub struct Imported {
    pub state: ImportState,
    pub left_out: LeftOut,
}

/// What was not stored though it was sound.
pub struct LeftOut {
    /// Posts that visitors of the forum do not see.
    pub hidden: Hidden,
    /// Posts without words of their own that answer nobody: pictures.
    pub empty: u64,
    /// Messages of private chats.
    pub private: u64,
    pub pages: Option<Pages>,
}

impl LeftOut {
    /// Whether pages were read of which no engine knew a single one with posts.
    fn is_unknown(&self) -> bool {
        self.pages.as_ref().is_some_and(|p| p.unknown > 0 && p.with_posts == 0)
    }

    fn tell(&self, out: &mut impl Write) -> std::io::Result<()> {
        let h = &self.hidden;
        let mut parts: Vec<String> = [
            (h.deleted, "deleted"),
            (h.unapproved, "not approved"),
            (h.drafts, "drafts"),
            (h.moved, "in stubs of moved threads"),
            (self.empty, "without words of their own"),
            (self.private, "in private chats"),
        ]
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
        if let Some(p) = &self.pages {
            let more = [(p.duplicates, "on another page already"), (p.withheld, "withheld by the forum")];
            parts.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
        }
        if !parts.is_empty() {
            writeln!(out, "  posts left out: {}", parts.join(", "))?;
        }
        let Some(p) = &self.pages else { return Ok(()) };
        writeln!(
            out,
            "  pages: {} of a known forum engine, {} of them with posts, {} closed to the visitor; {} of no known engine; \
             {} other files",
            p.read, p.with_posts, p.closed, p.unknown, p.other
        )?;
        if p.undated > 0 {
            writeln!(out, "  {} posts without a time that can be read", p.undated)?;
        }
        if !p.unknown_names.is_empty() {
            writeln!(out, "  of no known engine: {}", p.unknown_names.join(", "))?;
        }
        Ok(())
    }
}

fn pages_json(p: &Pages) -> serde_json::Value {
    json!({"read": p.read, "with_posts": p.with_posts, "closed": p.closed, "unknown": p.unknown,
        "unknown_names": p.unknown_names, "other": p.other, "duplicates": p.duplicates, "withheld": p.withheld,
        "undated": p.undated})
}

/// Opens standard input: as a stream, or behind a temporary file where the format needs one.
fn open_stdin(
    format: Option<Format>,
    options: Options,
) -> anyhow::Result<(tm_collect::Import, Option<tempfile::NamedTempFile>)> {
    let mut head = Vec::new();
    std::io::stdin().lock().take(64 * 1024).read_to_end(&mut head).context("cannot read standard input")?;
    if !tm_collect::needs_a_file(&head, format) {
        let whole = std::io::Cursor::new(head).chain(std::io::stdin());
        return Ok((tm_collect::open_reader("standard input", whole, format, options)?, None));
    }
    let mut file =
        tempfile::NamedTempFile::new().context("cannot make a temporary file for standard input")?;
    file.write_all(&head)
        .and_then(|()| std::io::copy(&mut std::io::stdin().lock(), &mut file))
        .context("cannot keep standard input in a temporary file")?;
    file.flush()?;
    Ok((tm_collect::open(file.path(), format, options)?, Some(file)))
}

/// Imports one file or folder.
pub async fn import(
    setting: &Setting,
    store: &dyn Store,
    path: &Path,
    wanted: &Wanted<'_>,
) -> anyhow::Result<Imported> {
    let stdin = path.as_os_str() == "-";
    let options = Options { keep_personal: wanted.keep_personal, ..Options::default() };
    let (mut reader, spool) = match stdin {
        true => open_stdin(wanted.format, options)?,
        false => (tm_collect::open(path, wanted.format, options)?, None),
    };
    let meter = reader.meter().clone();
    let bar = progress::bytes(meter.total().unwrap_or(0), "importing", setting.global.quiet);
    let key = ImportKey {
        file: path.display().to_string(),
        digest: digest(path, stdin),
        forum: wanted.forum.unwrap_or("").into(),
    };
    let before = store.begin_import(&key).await?;
    // A pipe cannot be told from the one before, nor a folder by its date: they are read whole, and known posts are
    // recognised by themselves.
    let skip = if stdin || before.finished || path.is_dir() { 0 } else { before.row };
    if skip > 0 {
        output_resume(setting, &key.file, skip);
    }
    let named = wanted.forum.map(str::to_owned);
    let fallback = path.file_name().map_or_else(|| "unknown".to_owned(), |n| stem(&n.to_string_lossy()));
    let fallback = if stdin { "unknown".to_owned() } else { fallback };
    let mut batch = Batch::default();
    let mut failure = None;
    let mut empty = 0u64;
    let mut ticks = 0u32;
    while let Some(item) = tokio::task::block_in_place(|| reader.next()) {
        batch.row = batch.row.max(reader.row());
        ticks += 1;
        if ticks.is_multiple_of(256) {
            bar.set_length(meter.total().unwrap_or(0));
            bar.set_position(meter.read());
        }
        match item {
            Ok(Item::Post(mut post)) => {
                if batch.row <= skip {
                    continue;
                }
                if post.text.trim().is_empty() && post.quotes.is_empty() && post.links.is_empty() {
                    // Only a picture: nothing of the author's own to analyse or to show, and nobody answered.
                    empty += 1;
                    continue;
                }
                post.forum = named.clone().or(post.forum.take()).or_else(|| Some(fallback.clone()));
                batch.posts.push(*post);
            }
            Ok(Item::Reject(reject)) => {
                if batch.row > skip {
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
            bar.set_message(format!("{} rows", reader.row()));
        }
    }
    batch.finished = failure.is_none();
    let after = store.store_batch(before.id, &batch).await?;
    if wanted.keep_personal {
        let forum = named.or_else(|| reader.forum().map(str::to_owned)).unwrap_or(fallback);
        keep_personal(store, &forum, reader.take_personal()).await?;
    }
    bar.finish_and_clear();
    drop(spool);
    if let Some(e) = failure {
        return Err(
            anyhow::Error::new(e).context(format!("import of {} stopped; what was read is stored", key.file))
        );
    }
    let left_out =
        LeftOut { hidden: reader.hidden(), empty, private: reader.private(), pages: reader.pages() };
    let state = ImportState {
        stored: after.stored - before.stored,
        known: after.known - before.known,
        refused: after.refused - before.refused,
        ..after
    };
    Ok(Imported { state, left_out })
}

/// Keeps personal data as facts of the store: `personal/FORUM/ACCOUNT`, a JSON object of lists. Nothing shows or exports
/// them; they are there for who asks the store.
async fn keep_personal(
    store: &dyn Store,
    forum: &str,
    accounts: Vec<(String, Personal)>,
) -> anyhow::Result<()> {
    let number = accounts.len();
    for (handle, personal) in accounts {
        let value = json!({"emails": personal.emails, "addresses": personal.addresses}).to_string();
        store.set_fact(&format!("personal/{forum}/{handle}"), &value).await?;
    }
    output::note(format!("personal data of {number} accounts kept, as facts named personal/{forum}/ACCOUNT"));
    Ok(())
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
