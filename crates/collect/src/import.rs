//! One import: a file or stream of posts, item by item.

use crate::{
    CollectError, Format, Hidden, Meter,
    archive::{Folder, Members, Tar, Zip, is_tar, is_zip},
    bytes::ByteStream,
    collection::Collection,
    dump::SqlPosts,
    input::{Reopen, open_file, unpack, unpack_counted},
    jsonl::JsonlPosts,
    pages::{Pages, SinglePage, WarcPosts},
    table::CsvPosts,
    telegram::TelegramPosts,
};
use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
};
use tm_model::{PostRecord, Reject, Timestamp};

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Largest line, row or value in bytes; what is larger is rejected without being held in memory. 64 MiB unless told.
    pub max_value: usize,
    /// Writes the address of a labelled link behind its label, as `label (address)`. Off unless told: a post's text
    /// is then what a reader sees.
    pub link_targets: bool,
    /// Keeps what is members' own affair and has a place: private chats of Telegram exports, and personal data in the
    /// snippets of rejects. Off unless told.
    pub keep_personal: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_value: 64 * 1024 * 1024, link_targets: false, keep_personal: false }
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

/// Something that posts are read from.
pub(crate) trait Posts: Send {
    /// The next post or reject; an error is the last.
    fn next(&mut self) -> Option<Result<Item, CollectError>>;
    /// Line, row, message or post that was read last, from 1; it never decreases, and the same input gives the same.
    fn row(&self) -> u64;
    fn engine(&self) -> Option<&'static str> {
        None
    }
    fn forum(&self) -> Option<&str> {
        None
    }
    fn hidden(&self) -> Hidden {
        Hidden::default()
    }
    /// Messages of private chats that were left out.
    fn private(&self) -> u64 {
        0
    }
    fn pages(&self) -> Option<Pages> {
        None
    }
}

/// A file or stream of posts. Iterating hands over posts and rejects in the order of the input; the first error is the
/// last item.
pub struct Import {
    format: Format,
    meter: Meter,
    source: Box<dyn Posts>,
    done: bool,
}

/// An input that stands at its beginning, unpacked.
pub(crate) struct Opened {
    pub name: String,
    pub bytes: ByteStream,
    /// Opens it once more.
    pub reopen: Reopen,
    pub meter: Meter,
    pub modified: Option<Timestamp>,
}

/// The reader of a format.
pub(crate) fn posts_of(format: Format, opened: Opened, options: &Options) -> Result<Box<dyn Posts>, CollectError> {
    let Opened { name, bytes, reopen, meter, modified } = opened;
    Ok(match format {
        Format::Jsonl => Box::new(JsonlPosts::new(name, bytes, options)),
        Format::Csv => Box::new(CsvPosts::new(name, bytes, options)?),
        Format::Sql => Box::new(SqlPosts::new(name, reopen, meter, options.clone())),
        Format::Telegram => Box::new(TelegramPosts::new(name, bytes, options)),
        Format::Warc => Box::new(WarcPosts::new(name, bytes)),
        Format::Html | Format::Mhtml => Box::new(SinglePage::new(name, bytes, modified, format)),
        Format::Folder => return Err(CollectError::UnknownFormat { path: name }),
    })
}

/// Opens a file or folder of posts. Compression is told by the first bytes, never by the name; the format by `format`,
/// else by name and content.
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
    let failed = |source| CollectError::Open { path: name.clone(), source };
    if path.is_dir() {
        let meter = Meter::new(Some(Folder::size(path)));
        let members = Box::new(Folder::new(path).map_err(failed)?);
        return Ok(Import::of_members(name.clone(), members, meter, options));
    }
    let (file, size) = open_file(path)?;
    let modified = file.metadata().ok().and_then(|data| data.modified().ok());
    let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = modified.and_then(|time| i64::try_from(time.as_secs()).ok()).map(Timestamp);
    let meter = Meter::new(size);
    let mut bytes = unpack(&name, file, &meter)?;
    let head = bytes.look(4096);
    let (zip, tar) = (is_zip(head), is_tar(head));
    // What is no regular file cannot be read a second time.
    let needs_file = |kind| if size.is_none() { Err(CollectError::NeedsFile { path: name.clone(), kind }) } else { Ok(()) };
    let (path, inside) = (path.to_owned(), name.clone());
    let reopen: Reopen = Arc::new(move |meter| {
        let (file, _) = open_file(&path)?;
        unpack(&inside, file, meter)
    });
    if zip {
        needs_file("a zip archive")?;
        let members = Box::new(Zip::new(Path::new(&name)).map_err(failed)?);
        return Ok(Import::of_members(name.clone(), members, Meter::new(size), options));
    }
    if tar {
        needs_file("a tar archive")?;
        let members = Box::new(Tar::new(name.clone(), bytes, reopen));
        return Ok(Import::of_members(name, members, meter, options));
    }
    let format = match format {
        Some(format) => format,
        None => Format::of(&name, head).ok_or_else(|| CollectError::UnknownFormat { path: name.clone() })?,
    };
    let meter = match (format, size) {
        (Format::Sql, None) => return Err(CollectError::NeedsFile { path: name, kind: "an SQL dump" }),
        (Format::Sql, Some(size)) => Meter::new(Some(2 * size)),
        _ => meter,
    };
    let opened = Opened { name, bytes, reopen, meter: meter.clone(), modified };
    Ok(Import { format, meter, source: posts_of(format, opened, &options)?, done: false })
}

/// Reads posts from a stream, such as standard input; `name` is what rejects and errors call it.
///
/// # Errors
/// As [`open`], and [`CollectError::NeedsFile`] for what cannot be read from a stream: SQL dumps are read twice.
pub fn open_reader(
    name: &str,
    reader: impl Read + Send + 'static,
    format: Option<Format>,
    options: Options,
) -> Result<Import, CollectError> {
    let meter = Meter::new(None);
    let mut bytes = unpack(name, reader, &meter)?;
    let head = bytes.look(4096);
    let path = name.to_owned();
    if let Some(kind) = needs_file(head, format) {
        return Err(CollectError::NeedsFile { path, kind });
    }
    let format = match format {
        Some(format) => format,
        // An empty stream holds no posts, whatever its format.
        None if head.is_empty() => Format::Jsonl,
        None => Format::of(name, head).ok_or_else(|| CollectError::UnknownFormat { path: path.clone() })?,
    };
    let again = path.clone();
    let reopen: Reopen =
        Arc::new(move |_| Err(CollectError::NeedsFile { path: again.clone(), kind: "a stream" }));
    let opened = Opened { name: path, bytes, reopen, meter: meter.clone(), modified: None };
    Ok(Import { format, meter, source: posts_of(format, opened, &options)?, done: false })
}

fn needs_file(head: &[u8], format: Option<Format>) -> Option<&'static str> {
    if is_zip(head) {
        Some("a zip archive")
    } else if is_tar(head) {
        Some("a tar archive")
    } else if format.or_else(|| Format::from_content(head)) == Some(Format::Sql) {
        Some("an SQL dump")
    } else {
        None
    }
}

/// Whether an input whose first bytes are these has to be in a file: archives, and SQL dumps, packed or not.
pub fn needs_a_file(head: &[u8], format: Option<Format>) -> bool {
    match unpack_counted("", io::Cursor::new(head.to_vec())) {
        Ok(mut bytes) => needs_file(bytes.look(4096), format).is_some(),
        Err(_) => false,
    }
}

impl Import {
    fn of_members(name: String, members: Box<dyn Members>, meter: Meter, options: Options) -> Import {
        let source = Box::new(Collection::new(name, members, meter.clone(), options));
        Import { format: Format::Folder, meter, source, done: false }
    }
    /// The format that is read.
    pub fn format(&self) -> Format {
        self.format
    }
    /// Bytes read so far and in all, for a progress bar. The meter can be cloned to another thread before the first
    /// item is asked for: the first reading of an SQL dump happens then.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
    /// Line (JSONL, CSV), row of the posts' table (SQL), message (Telegram) or post (pages) that was read last, from 1;
    /// it never decreases.
    pub fn row(&self) -> u64 {
        self.source.row()
    }
    /// Name of the forum engine whose tables are read; known for SQL dumps after the first item was asked for.
    pub fn engine(&self) -> Option<&'static str> {
        self.source.engine()
    }
    /// Name of the forum, where the dump stores one; known after the first item was asked for.
    pub fn forum(&self) -> Option<&str> {
        self.source.forum()
    }
    /// Posts and threads of SQL dumps that were left out because a visitor does not see them.
    pub fn hidden(&self) -> Hidden {
        self.source.hidden()
    }
    /// Messages of private chats in a Telegram export that were left out.
    pub fn private(&self) -> u64 {
        self.source.private()
    }
    /// What saved pages came to, where some were read.
    pub fn pages(&self) -> Option<Pages> {
        self.source.pages()
    }
}

impl Iterator for Import {
    type Item = Result<Item, CollectError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.source.next();
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
