//! `mcp`: read-only tools for an assistant, one JSON-RPC message a line.

use super::{Setting, analyze};
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;
use tm_server::mcp::Tools;

/// Longest message, in bytes.
const LONGEST: u64 = 4 << 20;

pub fn run(setting: &Setting) -> anyhow::Result<ExitCode> {
    let runtime = setting.runtime()?;
    let mut tools = runtime.block_on(async {
        let store = setting.open_store().await?;
        let index = analyze::index(setting, &*store).await?;
        anyhow::Ok(Tools::new(store, Some(index)))
    })?;
    // One message after the other: whoever asks waits for the answer anyway.
    let mut input = std::io::stdin().lock();
    let mut out = std::io::stdout().lock();
    loop {
        let mut line = Vec::new();
        if (&mut input).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(answer) = runtime.block_on(tools.answer(&line)) {
            // A message is a line: line breaks inside of it are escaped.
            writeln!(out, "{answer}")?;
            out.flush()?;
        }
    }
}
