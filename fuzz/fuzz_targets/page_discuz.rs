#![no_main]

mod page;

libfuzzer_sys::fuzz_target!(|data: &[u8]| page::page("discuz", data));
