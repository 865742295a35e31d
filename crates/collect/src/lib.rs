//! Bytes to posts: dump importers and text cleaning.
//!
//! [`open`] reads a file or folder of posts as a stream of [`Item`]s in bounded memory, plain or compressed (gzip,
//! Zstandard, xz, bzip2, zip, tar). Formats: JSON lines (one [`PostRecord`](tm_model::PostRecord) a line), CSV with a
//! header row, SQL dumps of ten forum engines as mysqldump, pg_dump and sqlite write them, Telegram Desktop's JSON,
//! saved pages of the engines that the crawler knows, as HTML, MHTML or in web archives. A line or row that cannot be
//! used becomes an [`Item::Reject`] and reading goes on; an error ends the stream, after every post before it was handed
//! over.
//!
//! What stands between a dump and a post is done here as well: quotes, edit notes and markup are taken out of the
//! text, entities are decoded, names of boards, threads and authors are looked up, hidden posts are left out and
//! [counted](Import::hidden).
//!
//! ```
//! use tm_collect::{open_reader, Format, Item, Options};
//!
//! let lines = &br#"{"id": 7, "author": "vega", "text": "selling access, escrow only"}"#[..];
//! let mut import = open_reader("posts.jsonl", lines, Some(Format::Jsonl), Options::default())?;
//! match import.next().transpose()? {
//!     Some(Item::Post(post)) => assert_eq!(post.author.as_deref(), Some("vega")),
//!     other => panic!("{other:?}"),
//! }
//! assert!(import.next().is_none());
//! # Ok::<(), tm_collect::CollectError>(())
//! ```
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod bytes;
mod collection;
pub mod crawl;
mod dump;
pub mod engine;
mod error;
mod field;
mod format;
mod import;
mod input;
mod jsonl;
mod pages;
mod sql;
mod table;
mod telegram;
mod text;

pub use dump::{Hidden, Personal};
pub use error::CollectError;
pub use format::{Format, UnknownFormatName};
pub(crate) use import::Posts;
pub use import::{Import, Item, Options, needs_a_file, open, open_bytes, open_reader};
pub use input::Meter;
pub use pages::Pages;
pub use text::{
    Bbcode, Cleaned, clean_bbcode, clean_html, clean_markdown, clean_s9e, decode_entities, flatten_html,
    strip_controls,
};
