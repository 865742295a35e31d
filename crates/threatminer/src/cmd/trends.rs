//! `trends`: what is spoken of more than usual, and what the coming weeks may bring.

use super::Setting;
use crate::cli::Trends as Options;
use crate::output::{self, fit};
use std::io::Write;
use std::process::ExitCode;

pub fn run(setting: &Setting, options: &Options) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let t = tm_server::fusion::trends(&*store).await?;
        let mut out = output::stdout();
        if options.json {
            output::json_line(&mut out, &t)?;
            out.flush()?;
            return Ok(ExitCode::from(u8::from(t.weeks.is_empty())));
        }
        if let (Some(first), Some(last)) = (t.weeks.first(), t.weeks.last()) {
            writeln!(out, "weeks from {first} to {last}, mentions of the last eight, last one rightmost")?;
        }
        let bursts = t.series.iter().filter(|s| s.burst.is_some()).count();
        for s in &t.series {
            let last: Vec<String> = s.counts.iter().rev().take(8).rev().map(|c| format!("{c:>4}")).collect();
            let burst = s.burst.map(|b| format!("  {b:.1} times the usual (p {:.4})", s.p.unwrap_or(0.0)));
            writeln!(
                out,
                "  {:<8} {:<28} {}{}",
                s.kind,
                fit(&s.name, 28),
                last.join(""),
                burst.unwrap_or_default()
            )?;
        }
        writeln!(out, "{bursts} bursts at a false discovery rate of {:.0} %", tm_graph::trends::FDR * 100.0)?;
        if !t.outlook.is_empty() {
            writeln!(out, "\nexpected mentions, interval {:.0} %", t.level * 100.0)?;
            for e in &t.outlook {
                writeln!(
                    out,
                    "  {:<9} week of {}  {:>7.1}  {} to {}",
                    e.family, e.week, e.expected, e.low, e.high
                )?;
            }
        }
        if let Some(b) = &t.backtest {
            writeln!(
                out,
                "such forecasts of {} past weeks: {:.0} % within the interval, mean error {:.2}, naive {:.2}",
                b.weeks,
                b.coverage * 100.0,
                b.mae,
                b.naive_mae
            )?;
        }
        for note in &t.notes {
            writeln!(out, "note: {note}")?;
        }
        out.flush()?;
        Ok(ExitCode::from(u8::from(t.weeks.is_empty())))
    })
}
