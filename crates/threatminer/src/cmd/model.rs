//! `model info`.

use super::Setting;
use crate::output;
use std::io::Write;
use std::process::ExitCode;

pub fn info(context: &Setting, json: bool) -> anyhow::Result<ExitCode> {
    let model = context.model()?;
    let config = model.config();
    let mut out = output::stdout();
    if json {
        output::json_line(&mut out, config)?;
    } else {
        writeln!(out, "{}", config.name)?;
        writeln!(
            out,
            "  {} layers, {} wide, {} heads, {} pieces, windows of {} tokens",
            config.layers, config.hidden, config.heads, config.vocabulary, config.max_tokens
        )?;
        let t = &config.thresholds;
        writeln!(
            out,
            "  thresholds: gate {:.4}, relevance {}, event {}, argument {}, entity {}",
            t.gate, t.relevance, t.event, t.argument, t.entity
        )?;
        for (key, value) in &config.training {
            writeln!(
                out,
                "  {}: {}",
                key.replace('_', " "),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            )?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
