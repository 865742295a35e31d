//! ThreatMiner: mines hacker forums for threat intelligence.

mod cli;
mod cmd;
mod collection;
mod config;
mod output;
mod progress;
mod role;

use std::process::ExitCode;

/// Training allocates and frees tensors of megabytes all the time; the system's allocator gives each back to the kernel
/// and faults it in anew, a third of the run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::parse();
    output::start_logging(arguments.global.quiet);
    match cmd::run(arguments) {
        Ok(code) => code,
        // `threatminer actors | head` is no error.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}
