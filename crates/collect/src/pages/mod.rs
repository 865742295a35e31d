//! Saved pages: each read by the engine that made it, the same post on several pages handed over once.

mod address;
mod mhtml;
mod warc;

pub(crate) use mhtml::is_mhtml;
pub(crate) use warc::{WarcPosts, is_warc};

use crate::{
    CollectError, Format, Item, Posts,
    bytes::ByteStream,
    crawl::decode,
    engine::{self, Document, Reader},
    field::reject,
    input::read_error,
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};
use tm_model::{PostRecord, Timestamp};
use url::Url;

/// What saved pages came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    /// Pages that an engine knows.
    pub read: u64,
    /// Of these, pages that show posts.
    pub with_posts: u64,
    /// Of these, pages that only say that one has to log in, that something is missing or refused.
    pub closed: u64,
    /// Pages that no engine knows.
    pub unknown: u64,
    /// Names of the first of them.
    pub unknown_names: Vec<String>,
    /// Files that are no pages: pictures, scripts, styles.
    pub other: u64,
    /// Posts that were handed over before, from another page or another copy of it.
    pub duplicates: u64,
    /// Posts whose words the forum withholds from the visitor that saved the page.
    pub withheld: u64,
    /// Posts without a time, because what the page shows for it cannot be read.
    pub undated: u64,
}

impl Pages {
    /// Adds what others came to.
    pub(crate) fn add(&mut self, other: &Pages) {
        self.read += other.read;
        self.with_posts += other.with_posts;
        self.closed += other.closed;
        self.unknown += other.unknown;
        self.unknown_names.extend_from_slice(&other.unknown_names);
        self.unknown_names.truncate(LISTED);
        self.other += other.other;
        self.duplicates += other.duplicates;
        self.withheld += other.withheld;
        self.undated += other.undated;
    }
}

/// Names of unknown pages that are kept.
const LISTED: usize = 10;
/// Largest page in bytes.
pub(crate) const LARGEST: usize = 32 * 1024 * 1024;

/// A page with what is known of how it was got.
pub(crate) struct Saved<'a> {
    /// The file, archive member or record, for messages.
    pub name: &'a str,
    /// Where it stood, if anything but the page itself says so.
    pub url: Option<Url>,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: &'a [u8],
    /// When it was got, as nearly as is known.
    pub fetched: Option<Timestamp>,
}

/// Reads pages one after the other.
pub(crate) struct PageReader {
    pages: Pages,
    /// Hashes of forum and identifier of every post handed over.
    seen: HashSet<u64>,
    /// Names of forums by host or engine, as the first page of each said that says any.
    forums: HashMap<String, String>,
    queue: VecDeque<Item>,
    /// Items handed over.
    row: u64,
    file: String,
}

impl PageReader {
    pub(crate) fn new(file: String) -> PageReader {
        PageReader {
            pages: Pages::default(),
            seen: HashSet::new(),
            forums: HashMap::new(),
            queue: VecDeque::new(),
            row: 0,
            file,
        }
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(crate) fn note_other(&mut self) {
        self.pages.other += 1;
    }

    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// The next post or reject of the pages read so far.
    pub(crate) fn next(&mut self) -> Option<Item> {
        let mut item = self.queue.pop_front()?;
        self.row += 1;
        if let Item::Reject(reject) = &mut item {
            reject.row = self.row;
        }
        Some(item)
    }

    pub(crate) fn refuse(&mut self, name: &str, reason: &str) {
        self.queue.push_back(Item::Reject(reject(&self.file, 0, format!("{name}: {reason}"), b"", false)));
    }

    /// Reads a page; false when no engine knows it.
    pub(crate) fn read(&mut self, saved: Saved<'_>) -> bool {
        let content_type =
            saved.headers.iter().find(|(name, _)| name == "content-type").map(|(_, v)| v.as_str());
        let body = decode(saved.bytes, content_type);
        let own = address::of_page(&body);
        let found = saved.url.or(own.url);
        let known = found.is_some();
        let path = if known { None } else { address::of_answer(&body) };
        let url = match found.or_else(|| Url::parse(NOWHERE).ok()?.join(path.as_deref().unwrap_or("")).ok()) {
            Some(url) => url,
            None => return false,
        };
        let document = Document {
            url,
            status: saved.status,
            headers: saved.headers,
            body,
            fetched: own.saved.or(saved.fetched).unwrap_or(Timestamp(0)),
        };
        let Some(engine) = engine::detect(&document) else {
            self.pages.unknown += 1;
            if self.pages.unknown_names.len() < LISTED {
                self.pages.unknown_names.push(saved.name.to_owned());
            }
            return false;
        };
        self.pages.read += 1;
        let reading = engine.read(&document, &Reader::default());
        if !reading.access.is_open() {
            self.pages.closed += 1;
            return true;
        }
        let host = if known { document.url.host_str().unwrap_or_default().to_owned() } else { String::new() };
        let named = reading.forum.clone().or_else(|| engine::site_name(&document));
        let forum = self.forum(&host, named, engine.name());
        self.pages.with_posts += u64::from(!reading.posts.is_empty());
        for post in reading.posts {
            if post.withheld {
                self.pages.withheld += 1;
                continue;
            }
            self.pages.undated += u64::from(post.unread_time.is_some());
            self.post(post.record, &forum, known);
        }
        for problem in &reading.problems {
            self.refuse(saved.name, problem);
        }
        true
    }

    /// The forum of a page: what the page says; one that says nothing belongs to the first of its host, or of its engine
    /// where no address is known, that did. Other forums of the same host or engine stay apart.
    fn forum(&mut self, host: &str, named: Option<String>, engine: &str) -> Option<String> {
        let place = if host.is_empty() { format!("{engine}:") } else { host.to_owned() };
        match named {
            Some(name) => {
                self.forums.entry(place).or_insert_with(|| name.clone());
                Some(name)
            }
            None => self.forums.get(&place).cloned().or_else(|| (!host.is_empty()).then(|| host.to_owned())),
        }
    }

    fn post(&mut self, mut record: PostRecord, forum: &Option<String>, address_known: bool) {
        record.forum = forum.clone().or(record.forum);
        if !address_known {
            // Relative links were completed with a host that does not exist.
            record.url = None;
            record.links.retain(|link| !link.starts_with(NOWHERE));
        }
        let mut hasher = DefaultHasher::new();
        (&record.forum, record.external_id()).hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            self.queue.push_back(Item::Post(Box::new(record)));
        } else {
            self.pages.duplicates += 1;
        }
    }

    /// Reads the pages of an MHTML file; how many there were.
    pub(crate) fn read_mhtml(&mut self, name: &str, bytes: &[u8], modified: Option<Timestamp>) -> usize {
        let message = mhtml::parts(bytes);
        let mut known = false;
        for part in &message.pages {
            let fetched = message.date.or(modified);
            let headers = vec![("content-type".to_owned(), part.content_type.clone())];
            let url = part.url.clone();
            // Frames are advertisements more often than not: only a message without any known page counts as unknown.
            let (unknown, names) = (self.pages.unknown, self.pages.unknown_names.len());
            if self.read(Saved { name, url, status: 200, headers, bytes: &part.bytes, fetched }) {
                known = true;
            } else {
                self.pages.unknown = unknown;
                self.pages.unknown_names.truncate(names);
            }
        }
        if message.pages.is_empty() {
            self.refuse(name, "the message holds no page");
        } else if !known {
            self.pages.unknown += 1;
            if self.pages.unknown_names.len() < LISTED {
                self.pages.unknown_names.push(name.to_owned());
            }
        }
        message.pages.len()
    }

    /// Reads a page from a folder or archive.
    pub(crate) fn read_file(&mut self, name: &str, bytes: &[u8], modified: Option<Timestamp>) -> bool {
        let url = address::of_path(name);
        self.read(Saved { name, url, status: 200, headers: Vec::new(), bytes, fetched: modified })
    }
}

/// One saved page.
pub(crate) struct SinglePage {
    name: String,
    bytes: Option<ByteStream>,
    modified: Option<Timestamp>,
    format: Format,
    reader: PageReader,
}

impl SinglePage {
    pub(crate) fn new(
        name: String,
        bytes: ByteStream,
        modified: Option<Timestamp>,
        format: Format,
    ) -> SinglePage {
        SinglePage { reader: PageReader::new(name.clone()), name, bytes: Some(bytes), modified, format }
    }
}

impl Posts for SinglePage {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        if let Some(mut bytes) = self.bytes.take() {
            let mut whole = Vec::new();
            if bytes.take(LARGEST, &mut whole) {
                self.reader.refuse(&self.name.clone(), &format!("the page is larger than {LARGEST} bytes"));
            } else if let Some(source) = bytes.take_error() {
                return Some(Err(read_error(&self.name, 0, source)));
            } else if self.format == Format::Mhtml {
                self.reader.read_mhtml(&self.name.clone(), &whole, self.modified);
            } else {
                self.reader.read_file(&self.name.clone(), &whole, self.modified);
            }
        }
        self.reader.next().map(Ok)
    }
    fn row(&self) -> u64 {
        self.reader.row()
    }
    fn pages(&self) -> Option<Pages> {
        Some(self.reader.pages().clone())
    }
}

/// Stands for the address of a page that does not tell its own; the domain never exists (RFC 2606).
const NOWHERE: &str = "http://saved-page.invalid/";

/// Whether these first bytes begin a page of HTML.
pub(crate) fn is_html(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let starts = |sign: &str| head.get(..sign.len()).is_some_and(|h| h.eq_ignore_ascii_case(sign.as_bytes()));
    if ["<!doctype html", "<html", "<head", "<body"].iter().any(|sign| starts(sign)) {
        return true;
    }
    // A comment, an XML declaration or nothing but tags may stand before.
    head.starts_with(b"<") && {
        let lower = head[..head.len().min(4096)].to_ascii_lowercase();
        ["<html", "<head", "<!doctype html"]
            .iter()
            .any(|sign| memchr::memmem::find(&lower, sign.as_bytes()).is_some())
    }
}
