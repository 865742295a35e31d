//! `backup` and `restore`: the store as one file, verified.

use super::Setting;
use crate::cli::{Backup, Restore};
use crate::output;
use anyhow::Context;
use serde_json::json;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::NamedTempFile;
use tm_store::SqliteStore;

/// Copies the store while others use it. The file appears under its name only once it is whole and was read back.
pub fn backup(setting: &Setting, options: &Backup) -> anyhow::Result<ExitCode> {
    let source = setting.store_path();
    anyhow::ensure!(source.exists(), "there is no store {}", source.display());
    let target = &options.file;
    anyhow::ensure!(
        options.force || !target.exists(),
        "{} is there already; --force replaces it",
        target.display()
    );
    anyhow::ensure!(!same_file(&source, target), "{} is the store itself", target.display());
    let started = std::time::Instant::now();
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let place = NamedTempFile::new_in(folder_of(target))
            .with_context(|| format!("cannot write to {}", folder_of(target).display()))?;
        let before = store.counts().await?.posts;
        store
            .copy_to(place.path())
            .await
            .with_context(|| format!("the copy to {} failed", target.display()))?;
        let after = store.counts().await?.posts;
        let counts = SqliteStore::check(place.path()).await.context("the copy is not sound")?;
        let posts = rows(&counts, "post");
        anyhow::ensure!(
            (before..=after).contains(&posts),
            "the copy holds {posts} posts, the store held {before} before it and {after} after it"
        );
        let bytes = settle(place, target)?;
        report(
            options.json,
            &json!({"file": target.display().to_string(), "posts": posts, "bytes": bytes}),
            || {
                format!(
                    "{}: {posts} posts, {:.1} MB, verified ({:.1} s)",
                    target.display(),
                    bytes as f64 / 1e6,
                    started.elapsed().as_secs_f64()
                )
            },
        )
    })
}

/// Puts a backup in the place of the store.
pub fn restore(setting: &Setting, options: &Restore) -> anyhow::Result<ExitCode> {
    let (source, target) = (&options.file, setting.store_path());
    anyhow::ensure!(source.exists(), "there is no file {}", source.display());
    anyhow::ensure!(!same_file(source, &target), "{} is the store itself", source.display());
    anyhow::ensure!(
        options.force || !target.exists(),
        "there is a store {} already; --force replaces it",
        target.display()
    );
    setting.runtime()?.block_on(async {
        let wanted = SqliteStore::check(source).await.context("nothing was restored: the backup is not sound")?;
        let place = NamedTempFile::new_in(folder_of(&target))
            .with_context(|| format!("cannot write to {}", folder_of(&target).display()))?;
        std::fs::copy(source, place.path()).with_context(|| format!("copying {}", source.display()))?;
        let found = SqliteStore::check(place.path()).await.context("nothing was restored: the copy is not sound")?;
        anyhow::ensure!(found == wanted, "nothing was restored: the copy differs from the backup");
        SqliteStore::rename(place.path()).await?;
        if target.exists() {
            anyhow::ensure!(
                SqliteStore::retire(&target).await,
                "nothing was restored: another process uses {}; stop it first",
                target.display()
            );
        }
        // What the old store left beside itself must not be taken for a part of the new one.
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&beside(&target, suffix))?;
        }
        let bytes = settle(place, &target)?;
        let index = setting.index_folder();
        if index.exists() {
            std::fs::remove_dir_all(&index).with_context(|| format!("removing the old index {}", index.display()))?;
        }
        let posts = rows(&wanted, "post");
        report(options.json, &json!({"store": target.display().to_string(), "posts": posts, "bytes": bytes}), || {
            format!("{}: {posts} posts restored and verified; the search index is built anew when it is needed", target.display())
        })
    })
}

fn report(
    as_json: bool,
    value: &serde_json::Value,
    words: impl FnOnce() -> String,
) -> anyhow::Result<ExitCode> {
    let mut out = output::stdout();
    if as_json {
        output::json_line(&mut out, value)?
    } else {
        writeln!(out, "{}", words())?
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn rows(counts: &[(String, u64)], table: &str) -> u64 {
    counts.iter().find(|c| c.0 == table).map_or(0, |c| c.1)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Gives a file its name once it is on the disk; a power cut leaves the old file or the new one. Returns its size.
fn settle(place: NamedTempFile, target: &Path) -> anyhow::Result<u64> {
    let fail = || format!("cannot write {}", target.display());
    // Opened anew: SQLite wrote it through a handle of its own.
    let file = File::open(place.path()).with_context(fail)?;
    file.sync_all().with_context(fail)?;
    let bytes = file.metadata().with_context(fail)?.len();
    for suffix in ["-wal", "-shm", "-journal"] {
        remove(&beside(place.path(), suffix))?;
    }
    place.persist(target).with_context(fail)?;
    File::open(folder_of(target)).and_then(|f| f.sync_all()).with_context(fail)?;
    Ok(bytes)
}
