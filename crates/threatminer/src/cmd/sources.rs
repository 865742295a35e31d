//! `sources`: what is collected and how it fares.

use super::Setting;
use crate::cli::Sources;
use crate::collection::{Source, collector};
use crate::output;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use tm_model::Timestamp;
use tm_store::SourceRow;

/// A source: what the store remembers of it, what the configuration says.
struct Known<'a> {
    row: Option<SourceRow>,
    configured: Option<&'a Source>,
}

pub fn run(setting: &Setting, options: &Sources) -> anyhow::Result<ExitCode> {
    if options.check {
        return check(setting);
    }
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let mut all: BTreeMap<String, Known<'_>> = BTreeMap::new();
        for row in store.sources().await? {
            all.insert(row.url.clone(), Known { row: Some(row), configured: None });
        }
        for source in &setting.config.sources {
            let none = || Known { row: None, configured: None };
            all.entry(source.url.to_string()).or_insert_with(none).configured = Some(source);
        }
        if let Some(name) = &options.name {
            all.retain(|url, k| {
                url == name
                    || k.row.as_ref().is_some_and(|r| r.name == *name || r.forum.as_ref() == Some(name))
                    || k.configured.is_some_and(|s| s.name.as_ref() == Some(name))
            });
        }
        if all.is_empty() {
            output::note(match &options.name {
                Some(name) => format!("no source is called {name:?}"),
                None => "nothing was collected yet; threatminer crawl URL begins".to_owned(),
            });
            return Ok(ExitCode::from(1));
        }
        let mut out = output::stdout();
        if options.page {
            for known in all.values() {
                let Some(row) = &known.row else { continue };
                if let Some((_, page)) = store.source_page(row.id).await? {
                    out.write_all(page.as_bytes())?;
                    out.flush()?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
            output::note("no page was kept");
            return Ok(ExitCode::from(1));
        }
        if !options.json {
            writeln!(
                out,
                "{:<28} {:<13} {:<20} {:>8} {:>9} {:>6}  next",
                "source", "state", "last", "new", "requests", "short"
            )?;
        }
        for (url, known) in &all {
            if options.json {
                output::json_line(&mut out, &value(url, known))?;
            } else {
                line(&mut out, url, known, options.name.is_some())?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

fn check(setting: &Setting) -> anyhow::Result<ExitCode> {
    for source in &setting.config.sources {
        source.check()?;
    }
    let mut out = output::stdout();
    for source in &setting.config.sources {
        writeln!(
            out,
            "{}: next {}",
            source.url,
            next(source).map_or_else(|| "never".to_owned(), |t| t.to_string())
        )?;
    }
    out.flush()?;
    Ok(if setting.config.sources.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn next(source: &Source) -> Option<Timestamp> {
    let cron = collector::schedule(source).ok()??;
    collector::next(&cron, jiff::Timestamp::now().as_second()).map(Timestamp)
}

fn figure(row: &SourceRow, name: &str) -> u64 {
    row.figures.iter().find(|f| f.0 == name).map_or(0, |f| f.1)
}

fn value(url: &str, known: &Known<'_>) -> Value {
    let next = known.configured.and_then(next).map(|t| t.to_string());
    let mut value = match &known.row {
        None => json!({"url": url, "name": known.configured.and_then(|s| s.name.clone()), "state": null}),
        Some(r) => json!({
            "url": url, "name": r.name, "forum": r.forum, "engine": r.engine, "member": r.member,
            "state": r.state, "reason": r.reason, "started": r.started.to_string(),
            "ended": r.ended.map(|t| t.to_string()), "last_good": r.last_good.map(|t| t.to_string()),
            "figures": r.figures.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<serde_json::Map<_, _>>(),
            "shortfall": r.shortfall, "problems": r.problems, "page_url": r.page_url,
        }),
    };
    value["schedule"] =
        known.configured.map(|s| s.schedule.clone().unwrap_or_else(|| "0 * * * *".into())).into();
    value["next"] = next.into();
    value
}

fn line(out: &mut impl Write, url: &str, known: &Known<'_>, long: bool) -> anyhow::Result<()> {
    let next = known.configured.and_then(next).map_or_else(|| "-".to_owned(), |t| t.to_string());
    let Some(r) = &known.row else {
        let name = known.configured.and_then(|s| s.name.as_deref()).unwrap_or(url);
        writeln!(
            out,
            "{:<28} {:<13} {:<20} {:>8} {:>9} {:>6}  {next}",
            output::fit(name, 28),
            "not yet",
            "-",
            "-",
            "-",
            "-"
        )?;
        return Ok(());
    };
    let last = r.ended.unwrap_or(r.started).to_string();
    writeln!(
        out,
        "{:<28} {:<13} {last:<20} {:>8} {:>9} {:>6}  {next}",
        output::fit(&r.name, 28),
        r.state,
        figure(r, "new"),
        figure(r, "requests"),
        r.shortfall.len(),
    )?;
    if let Some(reason) = &r.reason {
        writeln!(out, "    {}", output::fit(reason, 160))?;
    }
    if !long {
        return Ok(());
    }
    writeln!(
        out,
        "    {url}, {}, {}",
        r.engine.as_deref().unwrap_or("engine unknown"),
        r.member.as_deref().map_or_else(|| "as a guest".to_owned(), |m| format!("as {m}"))
    )?;
    for (name, n) in r.figures.iter().filter(|f| f.1 > 0) {
        writeln!(out, "    {name}: {n}")?;
    }
    for s in &r.shortfall {
        writeln!(out, "    {} {}: {} of {} posts", s.what, output::fit(&s.title, 60), s.got, s.counted)?;
    }
    for p in &r.problems {
        writeln!(out, "    problem: {}", output::fit(p, 160))?;
    }
    if let Some(page) = &r.page_url {
        writeln!(out, "    a page is kept of {page} (--page prints it)")?;
    }
    Ok(())
}
