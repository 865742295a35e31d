//! `rank`: key hackers of the store or of an edge list.

use super::{Setting, known};
use crate::cli::Rank;
use crate::output::{self, fit};
use anyhow::Context;
use std::io::{BufRead, Write};
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
                output::json_line(&mut out, &known::account_json(a))?;
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

/// TSV: from, to, weight (1 when missing), unix time, topic. Lines that start with # are comments.
fn edges(path: &std::path::Path, options: &Rank) -> anyhow::Result<ExitCode> {
    let name = path.display().to_string();
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
        Box::new(std::io::BufReader::new(file))
    };
    let (mut list, mut refused) = (Vec::new(), 0u64);
    for (i, line) in reader.split(b'\n').enumerate() {
        let line = line.with_context(|| format!("cannot read {name}"))?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let weight = fields
            .get(2)
            .filter(|w| !w.trim().is_empty())
            .map_or(Some(1.0), |w| w.trim().parse::<f64>().ok());
        match (fields.as_slice(), weight.filter(|w| w.is_finite() && *w >= 0.0)) {
            ([from, to, ..], Some(weight)) if !from.trim().is_empty() && !to.trim().is_empty() => {
                list.push((from.trim().to_owned(), to.trim().to_owned(), weight));
            }
            // A header names its columns.
            _ if i == 0 && fields.len() >= 2 => {}
            _ => {
                refused += 1;
                output::note(format!(
                    "{name}, line {}: expected from, to and a weight of at least 0, separated by tabs; set aside",
                    i + 1
                ));
            }
        }
    }
    let ranked = tm_graph::rank::rank_edges(&list);
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
