#![no_main]

libfuzzer_sys::fuzz_target!(|data: (Option<&str>, &[u8])| {
    let (content_type, bytes) = data;
    tm_collect::crawl::decode(bytes, content_type);
});
