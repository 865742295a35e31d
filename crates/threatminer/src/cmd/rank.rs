//! `rank`: key hackers of the store or of an edge list.

use super::Setting;
use crate::cli::Rank;
use crate::output::{self, fit};
use anyhow::Context;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use tm_store::PostFilter;

pub fn run(setting: &Setting, options: &Rank) -> anyhow::Result<ExitCode> {
    if let Some(path) = &options.edges {
        return edges(path, options);
    }
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let filter = PostFilter {
            sort: "rank".into(),
            limit: options.limit.unwrap_or(0) as u32,
            ..PostFilter::default()
        };
        let rows: Vec<_> =
            store.accounts(&filter).await?.1.into_iter().filter(|a| a.standing.is_some()).collect();
        if rows.is_empty() {
            output::note("no ranked account; import posts and run threatminer analyze first");
            return Ok(ExitCode::from(1));
        }
        let mut out = output::stdout();
        for a in &rows {
            let Some(s) = &a.standing else { continue };
            if options.json {
                output::json_line(&mut out, &tm_server::tables::account(a))?;
            } else {
                let parts: Vec<String> =
                    s.standing.parts.iter().map(|(n, v)| format!("{n} {v:.2}")).collect();
                writeln!(
                    out,
                    "{:>5}  {:<24} {:.3}  {}",
                    s.standing.rank,
                    fit(&a.name, 24),
                    s.standing.score,
                    parts.join(" + ")
                )?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Longest line that is read as one.
const LONGEST_LINE: u64 = 1 << 20;
/// Lines set aside that are named one by one.
const REFUSALS_SHOWN: u64 = 20;

/// TSV: from, to, weight (1 when missing), unix time, topic. Lines that start with # are comments.
///
/// Returns the interactions and how many lines were set aside; each is named on standard error.
pub fn read_edges(path: &std::path::Path) -> anyhow::Result<(tm_graph::Interactions, u64)> {
    let name = path.display().to_string();
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
        Box::new(std::io::BufReader::with_capacity(1 << 20, file))
    };
    let (mut list, mut refused) = (tm_graph::Interactions::default(), 0u64);
    let (mut reader, mut line, mut number) = (reader, Vec::new(), 0u64);
    loop {
        line.clear();
        // A line that never ends must not fill the memory.
        if (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .with_context(|| format!("cannot read {name}"))?
            == 0
        {
            break;
        }
        number += 1;
        let row = line.trim_ascii_end();
        if row.is_empty() || row.starts_with(b"#") {
            continue;
        }
        if let Err(e) = list.read(row) {
            // A header names its columns.
            if number == 1 && row.contains(&b'\t') {
                continue;
            }
            refused += 1;
            if refused <= REFUSALS_SHOWN {
                output::note(format!("{name}, line {number}: {e}; set aside"));
            }
        }
    }
    if refused > REFUSALS_SHOWN {
        output::note(format!("{name}: {refused} lines set aside in all"));
    }
    Ok((list, refused))
}

fn edges(path: &std::path::Path, options: &Rank) -> anyhow::Result<ExitCode> {
    let (list, refused) = read_edges(path)?;
    let ranked = tm_graph::rank::rank_interactions(&list)?;
    let mut out = output::stdout();
    for r in ranked.iter().take(options.limit.unwrap_or(usize::MAX)) {
        if options.json {
            output::json_line(&mut out, r)?;
        } else {
            let parts: Vec<String> = r.parts.iter().map(|(n, v)| format!("{n} {v:.3}")).collect();
            writeln!(
                out,
                "{:>5}  {:<24} {:.4}  {}",
                r.rank,
                fit(&r.account, 24),
                r.score,
                parts.join(" + ")
            )?;
        }
    }
    out.flush()?;
    Ok(if refused > 0 || ranked.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
