//! `report`: findings for people, as one HTML file or Markdown.

use super::{Setting, export};
use crate::cli::{Report, ReportFormat};
use crate::output;
use anyhow::Context;
use std::io::Write;
use std::process::ExitCode;
use tm_exchange::report::{Heading, ReportForm, render};
use tm_server::gather::{Matter, Scope, holdings};
use tm_server::tables;

pub fn run(setting: &Setting, options: &Report) -> anyhow::Result<ExitCode> {
    anyhow::ensure!((0.0..=1.0).contains(&options.min_severity), "--min-severity must be 0 to 1");
    let since = export::since(options.since.as_deref())?;
    let form = match options.format {
        ReportFormat::Html => ReportForm::Html,
        ReportFormat::Markdown => ReportForm::Markdown,
    };
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let scope = Scope {
            matter: Matter::Report,
            since,
            min_severity: options.min_severity,
            limit: options.limit,
            masked: true,
        };
        let held = holdings(&*store, &scope).await?;
        let heading = Heading { title: options.title.clone(), scope: tables::scope_in_words(&held, &scope) };
        let text = render(&held, &heading, form, options.tlp.into())?;
        match &options.output {
            Some(path) => {
                std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
                output::note(format!("report written to {}", path.display()));
            }
            None => {
                let mut out = output::stdout();
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
        }
        if held.threats.is_empty() && held.actors.is_empty() {
            output::note("nothing to report; import posts and run threatminer analyze first");
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    })
}
