//! Whatever the bytes begin like: archives, compressed files, pages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tm_collect::{Options, open_bytes};

fuzz_target!(|bytes: &[u8]| {
    let options = Options { max_value: 4096, link_targets: true, ..Options::default() };
    if let Ok(import) = open_bytes("fuzz", bytes.to_vec(), None, options) {
        // A damaged input ends; a hundred thousand items of so few bytes would mean that it does not.
        assert!(import.take(100_000).count() < 100_000);
    }
});
