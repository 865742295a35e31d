//! JSON lines and CSV.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tm_collect::{Format, Options, open_bytes};

fuzz_target!(|bytes: &[u8]| {
    for format in [Format::Jsonl, Format::Csv] {
        let options = Options { max_value: 4096, ..Options::default() };
        if let Ok(import) = open_bytes("fuzz", bytes.to_vec(), Some(format), options) {
            assert!(import.take(100_000).count() < 100_000);
        }
    }
});
