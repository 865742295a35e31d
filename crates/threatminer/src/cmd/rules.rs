//! `rules check`: do the examples of a pack hold?

use crate::output;
use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tm_extract::Rules;

pub fn check(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut out = output::stdout();
    let mut packs = Vec::new();
    if files.is_empty() {
        packs.push(("bundled rules".to_owned(), Rules::bundled()?));
    }
    for path in files {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.display().to_string();
        packs.push((name.clone(), Rules::parse(&name, &text)?));
    }
    let mut failed = 0;
    for (name, rules) in &packs {
        let failures = rules.check();
        failed += failures.len();
        for failure in &failures {
            writeln!(out, "{failure}")?;
        }
        writeln!(out, "{name}: {} rules, {} examples failed", rules.len(), failures.len())?;
    }
    out.flush()?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
