//! Indicators of posts, from another Rust program: JSON lines with `id` and `text` in, one line a post out.
//!
//! ```text
//! echo '{"id":"1","text":"C2 at 203.0.113[.]7"}' | cargo run --release -p tm-extract --example indicators
//! ```
#![allow(clippy::print_stdout)]

use std::io::BufRead;
use tm_extract::Rules;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Compiled once; `find` takes it by reference, so that threads can share it.
    let rules = Rules::bundled()?;
    for line in std::io::stdin().lock().lines() {
        let post: serde_json::Value = serde_json::from_str(&line?)?;
        let entities = rules.find(post["text"].as_str().unwrap_or_default());
        let found: Vec<_> = entities
            .iter()
            .map(|e| {
                serde_json::json!({"type": e.kind, "value": e.value, "text": e.text, "start": e.span.start,
                    "end": e.span.end, "source": e.source, "confidence": e.confidence})
            })
            .collect();
        println!("{}", serde_json::json!({"id": post["id"], "entities": found}));
    }
    Ok(())
}
