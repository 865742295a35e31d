//! One import: a file or stream of posts, item by item.

use crate::{
    CollectError, Format, Hidden, Meter,
    dump::SqlPosts,
    input::{open_file, unpack},
    jsonl::JsonlPosts,
    table::CsvPosts,
};
use std::{io::Read, path::Path};
use tm_model::{PostRecord, Reject};

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Largest line, row or value in bytes; what is larger is rejected without being held in memory. 64 MiB unless told.
    pub max_value: usize,
    /// Writes the address of a labelled link behind its label, as `label (address)`. Off unless told: a post's text
    /// is then what a reader sees.
    pub link_targets: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_value: 64 * 1024 * 1024, link_targets: false }
    }
}

/// One step of an import.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A post.
    Post(Box<PostRecord>),
    /// A line or row that was set aside.
    Reject(Reject),
}

pub(crate) enum Source {
    Jsonl(JsonlPosts),
    Csv(Box<CsvPosts>),
    Sql(Box<SqlPosts>),
}

/// A file or stream of posts. Iterating hands over posts and rejects in the order of the input; the first error is the
/// last item.
pub struct Import {
    format: Format,
    meter: Meter,
    source: Source,
    done: bool,
}

/// Opens a file of posts. Compression is told by the first bytes, the format by `format`, else by the name, else by
/// the content.
///
/// # Errors
/// [`CollectError`] when the file cannot be opened, is packed or encoded in a way that is not read here, is of no known
/// format, or is a CSV file without a text column.
pub fn open(
    path: impl AsRef<Path>,
    format: Option<Format>,
    options: Options,
) -> Result<Import, CollectError> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let (file, size) = open_file(path)?;
    let once = Meter::new(size);
    let mut bytes = unpack(&name, file, &once)?;
    let format = match format.or_else(|| Format::from_name(&name)) {
        Some(format) => format,
        None => Format::from_content(bytes.look(4096))
            .ok_or_else(|| CollectError::UnknownFormat { path: name.clone() })?,
    };
    let (source, meter) = match format {
        Format::Jsonl => (Source::Jsonl(JsonlPosts::new(name, bytes, &options)), once),
        Format::Csv => (Source::Csv(Box::new(CsvPosts::new(name, bytes, &options)?)), once),
        Format::Sql => {
            // What is no regular file cannot be read a second time.
            let Some(size) = size else { return Err(CollectError::NeedsFile { path: name }) };
            let twice = Meter::new(Some(2 * size));
            (Source::Sql(Box::new(SqlPosts::new(path.to_owned(), twice.clone(), options))), twice)
        }
    };
    Ok(Import { format, meter, source, done: false })
}

/// Reads posts from a stream, such as standard input; `name` is what rejects and errors call it.
///
/// # Errors
/// As [`open`], and [`CollectError::NeedsFile`] for SQL dumps: they are read twice.
pub fn open_reader(
    name: &str,
    reader: impl Read + Send + 'static,
    format: Option<Format>,
    options: Options,
) -> Result<Import, CollectError> {
    let meter = Meter::new(None);
    let mut bytes = unpack(name, reader, &meter)?;
    let format = match format.or_else(|| Format::from_name(name)) {
        Some(format) => format,
        // An empty stream holds no posts, whatever its format.
        None if bytes.look(1).is_empty() => Format::Jsonl,
        None => Format::from_content(bytes.look(4096))
            .ok_or_else(|| CollectError::UnknownFormat { path: name.to_owned() })?,
    };
    let source = match format {
        Format::Jsonl => Source::Jsonl(JsonlPosts::new(name.to_owned(), bytes, &options)),
        Format::Csv => Source::Csv(Box::new(CsvPosts::new(name.to_owned(), bytes, &options)?)),
        Format::Sql => return Err(CollectError::NeedsFile { path: name.to_owned() }),
    };
    Ok(Import { format, meter, source, done: false })
}

impl Import {
    /// The format that is read.
    pub fn format(&self) -> Format {
        self.format
    }
    /// Bytes read so far and in all, for a progress bar. The meter can be cloned to another thread before the first
    /// item is asked for: the first reading of an SQL dump happens then.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
    /// Line (JSONL, CSV) or row of the posts' table (SQL) that was read last, from 1; it never decreases.
    pub fn row(&self) -> u64 {
        match &self.source {
            Source::Jsonl(posts) => posts.row(),
            Source::Csv(posts) => posts.row(),
            Source::Sql(posts) => posts.row(),
        }
    }
    /// Name of the forum engine whose tables are read; known for SQL dumps after the first item was asked for.
    pub fn engine(&self) -> Option<&'static str> {
        match &self.source {
            Source::Sql(posts) => posts.engine(),
            _ => None,
        }
    }
    /// Name of the forum, where the dump stores one; known after the first item was asked for.
    pub fn forum(&self) -> Option<&str> {
        match &self.source {
            Source::Sql(posts) => posts.forum(),
            _ => None,
        }
    }
    /// Posts and threads of an SQL dump that were left out because a visitor does not see them.
    pub fn hidden(&self) -> Hidden {
        match &self.source {
            Source::Sql(posts) => posts.hidden(),
            _ => Hidden::default(),
        }
    }
}

impl Iterator for Import {
    type Item = Result<Item, CollectError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.source {
            Source::Jsonl(posts) => posts.next(),
            Source::Csv(posts) => posts.next(),
            Source::Sql(posts) => posts.next(),
        };
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl std::fmt::Debug for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("format", &self.format)
            .field("row", &self.row())
            .finish_non_exhaustive()
    }
}
