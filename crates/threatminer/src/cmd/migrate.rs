//! `migrate`: an SQLite store into PostgreSQL.

use super::Setting;
use crate::cli::Migrate;
use crate::{output, progress};
use anyhow::Context;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use tm_store::{PostgresStore, SqliteStore};

pub fn run(setting: &Setting, options: &Migrate) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(options.from.exists(), "{} is not there", options.from.display());
    anyhow::ensure!(options.to.starts_with("postgres"), "--to takes a postgres:// address");
    // The same file under another spelling is the same move.
    let source =
        options.from.canonicalize().with_context(|| format!("cannot read {}", options.from.display()))?;
    setting.runtime()?.block_on(async {
        let from = SqliteStore::open(&options.from).await?;
        let to = PostgresStore::open(&options.to).await?;
        let started = std::time::Instant::now();
        let bar = progress::bar(0, "moving", setting.global.quiet);
        let source = source.display().to_string();
        let tables = tm_store::migrate(&from, &to, &source, |table, done, total| {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_prefix(format!("moving {table}"));
        })
        .await?;
        bar.finish_and_clear();
        let mut out = output::stdout();
        for t in &tables {
            if options.json {
                output::json_line(&mut out, t)?;
            } else {
                writeln!(
                    out,
                    "{:<16} {:>10} rows  {}",
                    t.table,
                    t.rows,
                    t.checksum.get(..16).unwrap_or_default()
                )?;
            }
            if t.replaced > 0 {
                output::note(format!("{}: NUL in {} texts became U+FFFD", t.table, t.replaced));
            }
        }
        let (rows, seconds) = (tables.iter().map(|t| t.rows).sum::<u64>(), started.elapsed().as_secs_f64());
        if options.json {
            output::json_line(
                &mut out,
                &json!({"tables": tables.len(), "rows": rows, "seconds": (seconds * 1e3).round() / 1e3}),
            )?;
        } else {
            writeln!(out, "{} tables, {rows} rows moved and checked ({seconds:.1} s)", tables.len())?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}
