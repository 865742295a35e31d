//! Texts as engines store them: BBCode, s9e XML, HTML, Markdown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tm_collect::{
    Bbcode, clean_bbcode, clean_html, clean_markdown, clean_s9e, decode_entities, flatten_html, strip_controls,
};

fuzz_target!(|text: &str| {
    for escaped in [false, true] {
        for uid in [None, Some("1a")] {
            clean_bbcode(text, &Bbcode { escaped, uid, link_targets: escaped });
        }
        clean_html(text, escaped);
        clean_s9e(text, escaped);
        clean_markdown(text, escaped);
    }
    decode_entities(text);
    flatten_html(text);
    strip_controls(text);
});
