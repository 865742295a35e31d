//! Standard output for data, standard error for everything else.
#![allow(clippy::print_stderr)]

use std::io::{IsTerminal, Write};

/// Logs go to standard error; `RUST_LOG` chooses what, default are warnings and, unless quiet, notes of this program.
pub fn start_logging(quiet: bool) {
    let default = if quiet { "error" } else { "warn,threatminer=info" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// True when somewhere in the chain standard output was closed by its reader.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

/// Prints an error with its causes on one line.
pub fn error(error: &anyhow::Error) {
    let mut line = String::from("error");
    for cause in error.chain().map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !line.ends_with(&cause) && !line.contains(&format!(": {cause}")) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    eprintln!("{line}");
}

/// Prints a note for people, not data.
pub fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Buffered standard output.
pub fn stdout() -> std::io::BufWriter<std::io::Stdout> {
    std::io::BufWriter::new(std::io::stdout())
}

/// Writes one JSON value on a line.
///
/// # Errors
/// When standard output cannot be written.
pub fn json_line(out: &mut impl Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Cuts a text to `width` code points for a table.
pub fn fit(text: &str, width: usize) -> String {
    let mut cut: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(width).collect();
    if text.chars().count() > width {
        cut.pop();
        cut.push('…');
    }
    cut
}
