//! Prints the posts of a file as JSON lines; what was set aside goes to standard error.

use std::{
    io::{BufWriter, Write},
    process::ExitCode,
};
use tm_collect::{Item, Options, open};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        let _ = writeln!(std::io::stderr(), "usage: dump_posts FILE");
        return ExitCode::from(2);
    };
    match print(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn print(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut import = open(path, None, Options::default())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for item in import.by_ref() {
        match item? {
            Item::Post(post) => {
                serde_json::to_writer(&mut out, &post)?;
                out.write_all(b"\n")?;
            }
            Item::Reject(reject) => {
                writeln!(std::io::stderr(), "row {}: {} ({})", reject.row, reject.reason, reject.snippet)?
            }
        }
    }
    out.flush()?;
    writeln!(
        std::io::stderr(),
        "{:?}, hidden: {:?}, pages: {:?}",
        import.engine(),
        import.hidden(),
        import.pages()
    )?;
    Ok(())
}
