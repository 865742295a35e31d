//! What ends an import.

use std::io;

/// An error that ends an import. Posts before it were handed over. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// File name as given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading or unpacking failed in the middle.
    #[error(
        "reading {path} failed after row {row}: {source}; the posts before it are kept, get a sound copy for the rest"
    )]
    Read {
        /// File name as given.
        path: String,
        /// Last line or row that was read whole.
        row: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// The file ends in the middle of its compressed data or of a statement.
    #[error(
        "{path} ends early, after row {row}; the posts before it are kept, get a complete copy for the rest"
    )]
    Truncated {
        /// File name as given.
        path: String,
        /// Last line or row that was read whole.
        row: u64,
    },
    /// Neither the name nor the content tells the format.
    #[error(
        "cannot tell the format of {path}; name it with the format option: jsonl, csv, sql, telegram, html, mhtml or warc"
    )]
    UnknownFormat {
        /// File name as given.
        path: String,
    },
    /// The file is packed in a way that is not read here.
    #[error(
        "{path} is a {kind} file; unpack it first (gzip, zstd, xz, bzip2, zip and tar are read as they are)"
    )]
    Packed {
        /// File name as given.
        path: String,
        /// Name of the compression or archive format.
        kind: &'static str,
    },
    /// The text is in an encoding that is not read here.
    #[error("{path} is encoded in {encoding}; convert it to UTF-8 first, for example with iconv")]
    Encoding {
        /// File name as given.
        path: String,
        /// Name of the encoding.
        encoding: &'static str,
    },
    /// The header row of a CSV file names no column for the text of a post.
    #[error("{path} has no text column; name one 'text' (or message, body, content, post); found: {}", .columns.join(", "))]
    NoTextColumn {
        /// File name as given.
        path: String,
        /// Columns found.
        columns: Vec<String>,
    },
    /// An SQL dump without the tables of a known forum engine.
    #[error(
        "{path} holds no tables of a known forum engine ({engines}); tables found: {}",
        if .tables.is_empty() { "none".to_owned() } else { .tables.join(", ") }
    )]
    UnknownSchema {
        /// File name as given.
        path: String,
        /// Engines that are known.
        engines: String,
        /// Tables found, in the order of the file, at most 60.
        tables: Vec<String>,
    },
    /// Rows of a posts table that say nowhere which value belongs to which column.
    #[error(
        "the rows of table {table} in {path} name no columns and there is no CREATE TABLE for it; \
         dump again with the schema, or with --complete-insert"
    )]
    MissingColumns {
        /// File name as given.
        path: String,
        /// Table in question.
        table: String,
    },
    /// SQL dumps are read twice and archives from their end, which a stream does not allow.
    #[error("{path} is {kind}, which cannot be read from a stream; save it to a file and import that")]
    NeedsFile {
        /// Name of the stream as given.
        path: String,
        /// What it is.
        kind: &'static str,
    },
}
