//! Prints what the engines read of a saved page: `read_page FILE ADDRESS [ENGINE]`.

use std::{io::Write, process::ExitCode};
use tm_collect::engine::{Document, Reader, detect, engine};
use tm_model::Timestamp;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: read_page FILE ADDRESS [ENGINE]".into());
    };
    let bytes = std::fs::read(&file)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let document = Document {
        url: address.parse()?,
        status: 200,
        headers: Vec::new(),
        body: tm_collect::crawl::decode(&bytes, None),
        fetched: Timestamp(i64::try_from(now)?),
    };
    let found = match arguments.next() {
        Some(name) => engine(&name),
        None => detect(&document),
    };
    let Some(found) = found else { return Err("no engine knows this page".into()) };
    let reading = found.read(&document, &Reader::default());
    writeln!(std::io::stdout(), "engine: {}\n{reading:#?}", found.name())?;
    Ok(())
}
