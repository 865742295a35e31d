//! `export`: what is known, for other tools, on standard output.

use super::Setting;
use crate::cli::{Export, ExportFormat, TlpName, What};
use crate::output;
use anyhow::Context;
use std::io::Write;
use std::process::ExitCode;
use tm_exchange::{Holdings, TableForm, Tlp, misp, stix};
use tm_model::Timestamp;
use tm_server::gather::{Matter, Scope, holdings};
use tm_server::tables;
use tm_store::Store;

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
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let form = match options.format {
            ExportFormat::Jsonl => TableForm::Jsonl,
            ExportFormat::Csv => TableForm::Csv,
            ExportFormat::Parquet => TableForm::Parquet,
            ExportFormat::Stix | ExportFormat::Misp => return objects(&*store, options, &scope).await,
        };
        let (mut out, rows) = tables::write(&*store, form, &scope, output::stdout()).await?;
        out.flush()?;
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
async fn objects(store: &dyn Store, options: &Export, scope: &Scope) -> anyhow::Result<ExitCode> {
    let held = holdings(store, scope).await?;
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
