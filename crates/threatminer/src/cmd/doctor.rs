//! `doctor`: is everything in order?

use super::Setting;
use crate::cli::Doctor;
use crate::output;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;
use tm_extract::{Analyzer, Rules};
use tm_model::EntityType;

/// Posts that are listed as set aside.
const LISTED: u32 = 20;

pub fn run(setting: &Setting, options: &Doctor) -> anyhow::Result<ExitCode> {
    let mut checks: Vec<(&str, Result<String, String>)> = Vec::new();
    let rules = Rules::bundled().map_err(|e| e.to_string()).and_then(|r| match r.check().as_slice() {
        [] => Ok(format!("{} rules, all examples pass", r.len())),
        failures => Err(format!("{} examples fail, run threatminer rules check", failures.len())),
    });
    checks.push(("rules", rules));
    let model = setting.model().map_err(|e| format!("{e:#}")).and_then(|m| {
        let name = m.config().name.clone();
        let found = Analyzer::model_only(m).analyze(&["selling fresh CVV, 12$ each, telegram @x_demo"]);
        if found.iter().any(|a| a.relevance >= 0.5) {
            Ok(name)
        } else {
            Err(format!("{name} does not recognise a plain sale"))
        }
    });
    checks.push(("model", model));
    let found = Rules::bundled().map(|r| r.find("C2 203.0.113[.]7")).unwrap_or_default();
    let works = found.first().is_some_and(|e| e.kind == EntityType::Ipv4 && e.value == "203.0.113.7");
    checks.push((
        "patterns",
        if works {
            Ok("a defanged address is found".into())
        } else {
            Err("a defanged address is missed".into())
        },
    ));
    let path = setting.store_path();
    let url = setting.store_url();
    // An address may hold a password.
    let name = if url.is_some() { "PostgreSQL".to_owned() } else { path.display().to_string() };
    let store = if url.is_some() || path.exists() {
        setting.runtime()?.block_on(async {
            let store = setting.open_store().await.map_err(|e| format!("{e:#}"))?;
            let c = store.counts().await.map_err(|e| e.to_string())?;
            let (set_aside, rows) = store.quarantined(LISTED).await.map_err(|e| e.to_string())?;
            for r in rows {
                output::note(format!("set aside: post {} of {}: {}", r.external_id, r.forum, r.reason));
            }
            let more = if set_aside > 0 {
                format!(", {set_aside} posts that cannot be analysed")
            } else {
                String::new()
            };
            Ok(format!("{name}: {} posts, {} threat events{more}", c.posts, c.threats))
        })
    } else {
        Ok(format!("{} is not there yet; import makes it", path.display()))
    };
    checks.push(("store", store));
    let mut out = output::stdout();
    for (name, result) in &checks {
        if options.json {
            output::json_line(
                &mut out,
                &json!({"check": name, "ok": result.is_ok(), "says": result.as_ref().unwrap_or_else(|e| e)}),
            )?;
        } else {
            let mark = if result.is_ok() { "ok  " } else { "FAIL" };
            writeln!(out, "{mark} {name:<9} {}", result.as_ref().unwrap_or_else(|e| e))?;
        }
    }
    out.flush()?;
    Ok(if checks.iter().all(|c| c.1.is_ok()) { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
