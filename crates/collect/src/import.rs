//! One import: a file or stream of posts, item by item.

use crate::{
    CollectError, Format, Hidden, Meter, Personal,
    archive::{Folder, Members, OpenPlace, Tar, Zip, is_tar, is_zip},
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
    fs::File,
    io::{self, Cursor, Read},
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
    /// Keeps what is members' own affair: e-mail and network addresses of accounts (see [`Import::take_personal`]),
    /// private chats of Telegram exports, personal data in the snippets of rejects. Passwords and hashes are never
    /// read. Off unless told.
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
    /// Personal data by handle, where it is kept.
    fn take_personal(&mut self) -> Vec<(String, Personal)> {
        Vec::new()
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
pub(crate) fn posts_of(
    format: Format,
    opened: Opened,
    options: &Options,
) -> Result<Box<dyn Posts>, CollectError> {
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
    let bytes = unpack(&name, file, &meter)?;
    let (path, inside, place) = (path.to_owned(), name.clone(), path.to_owned());
    let reopen: Reopen = Arc::new(move |meter| {
        let (file, _) = open_file(&path)?;
        unpack(&inside, file, meter)
    });
    let place: OpenPlace = Arc::new(move || Ok(Box::new(File::open(&place)?)));
    import(Opened { name, bytes, reopen, meter, modified }, place, size, format, options)
}

/// Reads posts from bytes in memory; `name` is what rejects and errors call them.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(
    name: &str,
    bytes: Vec<u8>,
    format: Option<Format>,
    options: Options,
) -> Result<Import, CollectError> {
    let whole: Arc<[u8]> = bytes.into();
    let size = Some(whole.len() as u64);
    let meter = Meter::new(size);
    let name = name.to_owned();
    let bytes = unpack(&name, Cursor::new(Arc::clone(&whole)), &meter)?;
    let (inside, again) = (name.clone(), Arc::clone(&whole));
    let reopen: Reopen = Arc::new(move |meter| unpack(&inside, Cursor::new(Arc::clone(&again)), meter));
    let place: OpenPlace = Arc::new(move || Ok(Box::new(Cursor::new(Arc::clone(&whole)))));
    import(Opened { name, bytes, reopen, meter, modified: None }, place, size, format, options)
}

/// `size` is that of a file; what is none cannot be read a second time.
fn import(
    mut opened: Opened,
    place: OpenPlace,
    size: Option<u64>,
    format: Option<Format>,
    options: Options,
) -> Result<Import, CollectError> {
    let name = opened.name.clone();
    let head = opened.bytes.look(4096);
    if size.is_none()
        && let Some(kind) = needs_file(head, format.or_else(|| Format::of(&name, head)))
    {
        return Err(CollectError::NeedsFile { path: name, kind });
    }
    if is_zip(head) {
        let members = Zip::new(place).map_err(|source| CollectError::Open { path: name.clone(), source })?;
        return Ok(Import::of_members(name, Box::new(members), Meter::new(size), options));
    }
    if is_tar(head) {
        let members = Tar::new(name.clone(), opened.bytes, opened.reopen);
        return Ok(Import::of_members(name, Box::new(members), opened.meter, options));
    }
    let format = match format {
        Some(format) => format,
        // Nothing holds no posts, whatever its format.
        None if head.is_empty() && Format::from_name(&name).is_none() => Format::Jsonl,
        None => Format::of(&name, head).ok_or(CollectError::UnknownFormat { path: name })?,
    };
    if format == Format::Sql {
        // The bytes that were looked at are read again.
        opened.meter = Meter::new(size.map(|size| 2 * size));
    }
    let meter = opened.meter.clone();
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
    let bytes = unpack(name, reader, &meter)?;
    let path = name.to_owned();
    let reopen: Reopen =
        Arc::new(move |_| Err(CollectError::NeedsFile { path: path.clone(), kind: "a stream" }));
    let place: OpenPlace = Arc::new(|| Err(io::ErrorKind::Unsupported.into()));
    let opened = Opened { name: name.to_owned(), bytes, reopen, meter, modified: None };
    import(opened, place, None, format, options)
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
    match unpack_counted("", Cursor::new(head.to_vec())) {
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
    /// E-mail and network addresses of accounts, by handle: with [`Options::keep_personal`], and once the import is at
    /// its end. Handed over once.
    pub fn take_personal(&mut self) -> Vec<(String, Personal)> {
        self.source.take_personal()
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
