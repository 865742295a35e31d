#![no_main]

use tm_collect::engine::{Reader, shown_time};
use tm_model::Timestamp;

libfuzzer_sys::fuzz_target!(|data: (i64, i32, Option<bool>, &str)| {
    let (fetched, offset, day_first, shown) = data;
    shown_time(shown, Timestamp(fetched), &Reader { offset: Some(offset), day_first });
});
