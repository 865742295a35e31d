//! Markup to plain text: the author's own words, and what they quote.

mod bbcode;
mod bbtag;
mod entity;
mod html;
mod markdown;
mod output;
mod page;
mod s9e;

pub use bbcode::{Bbcode, clean_bbcode};
pub use entity::decode_entities;
pub use html::flatten_html;
pub use markdown::clean_markdown;
pub(crate) use output::plain_links;
pub use output::{Cleaned, strip_controls};
pub use page::clean_html;
pub(crate) use page::clean_html_around_bbcode;
pub use s9e::clean_s9e;
