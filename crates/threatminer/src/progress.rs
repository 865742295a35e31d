//! Progress bars of long commands: on a terminal with rate and time left, nowhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar over `total` units named `what`; silent when quiet or when standard error is no terminal.
pub fn bar(total: u64, what: &str, quiet: bool) -> ProgressBar {
    make(total, what, quiet, "{human_pos}/{human_len} ({per_sec}, {eta} left)")
}

/// A bar over bytes.
pub fn bytes(total: u64, what: &str, quiet: bool) -> ProgressBar {
    make(total, what, quiet, "{bytes}/{total_bytes} ({bytes_per_sec}, {eta} left) {msg}")
}

fn make(total: u64, what: &str, quiet: bool, tail: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = format!("{{spinner}} {{prefix}} [{{wide_bar}}] {tail}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}
