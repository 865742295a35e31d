//! A folder or archive: every member read as what it is, pages by the engines that made them.

use crate::{
    CollectError, Format, Hidden, Item, Meter, Options, Personal, Posts,
    archive::{Broken, Member, Members, is_tar, is_zip},
    import::{Opened, posts_of},
    input::{Reopen, unpack_counted},
    pages::{LARGEST, PageReader, Pages},
};
use std::{io::Cursor, sync::Arc};

/// Files that are no text: not even looked into.
const NO_TEXT: [&str; 40] = [
    "png",
    "jpg",
    "jpeg",
    "gif",
    "webp",
    "svg",
    "ico",
    "bmp",
    "avif",
    "css",
    "js",
    "mjs",
    "map",
    "woff",
    "woff2",
    "ttf",
    "eot",
    "otf",
    "mp4",
    "webm",
    "ogv",
    "mp3",
    "ogg",
    "wav",
    "m4a",
    "mov",
    "avi",
    "pdf",
    "exe",
    "dll",
    "apk",
    "swf",
    "webmanifest",
    "tgs",
    "oga",
    "tif",
    "tiff",
    "heic",
    "sqlite",
    "db",
];

pub(crate) struct Collection {
    name: String,
    members: Box<dyn Members>,
    meter: Meter,
    options: Options,
    pages: PageReader,
    /// The member that is read as a file of posts.
    inner: Option<Box<dyn Posts>>,
    /// Rows of the members before it.
    before: u64,
    hidden: Hidden,
    private: u64,
    inner_pages: Pages,
    personal: Vec<(String, Personal)>,
    engine: Option<&'static str>,
    done: bool,
}

impl Collection {
    pub(crate) fn new(name: String, members: Box<dyn Members>, meter: Meter, options: Options) -> Collection {
        Collection {
            pages: PageReader::new(name.clone()),
            name,
            members,
            meter,
            options,
            inner: None,
            before: 0,
            hidden: Hidden::default(),
            private: 0,
            inner_pages: Pages::default(),
            personal: Vec::new(),
            engine: None,
            done: false,
        }
    }

    /// Takes up the next member; false behind the last.
    fn take_up(&mut self) -> bool {
        match self.members.next() {
            None => return false,
            Some(Err(Broken { name, reason })) => self.pages.refuse(&name, &reason),
            Some(Ok(member)) => {
                let end = member.name.rsplit(['/', '.']).next().unwrap_or_default().to_ascii_lowercase();
                if NO_TEXT.contains(&end.as_str()) {
                    self.pages.note_other();
                } else if let Err(error) = self.read(member) {
                    self.refuse(&error);
                }
            }
        }
        true
    }

    fn refuse(&mut self, error: &CollectError) {
        // The file that the error names is inside of this one.
        self.pages.refuse("left out", &error.to_string());
    }

    fn read(&mut self, member: Member) -> Result<(), CollectError> {
        let name = format!("{}: {}", self.name, member.name);
        let failed = |source| CollectError::Read { path: name.clone(), row: 0, source };
        let content = self.members.content(&member, &self.meter, LARGEST).map_err(failed)?;
        let content: Option<Arc<[u8]>> = content.map(Arc::from);
        let in_memory = content.is_some();
        let (inside, meter) = (name.clone(), self.meter.clone());
        let open: Reopen = match content {
            Some(content) => Arc::new(move |_| unpack_counted(&inside, Cursor::new(Arc::clone(&content)))),
            None => {
                let member = member.clone();
                Arc::new(move |meter| {
                    let failed = |source| CollectError::Read { path: inside.clone(), row: 0, source };
                    unpack_counted(&inside, (member.open)(meter).map_err(failed)?)
                })
            }
        };
        let mut bytes = open(&meter)?;
        let head = bytes.look(4096);
        if is_zip(head) || is_tar(head) {
            self.pages.refuse(&member.name, "an archive inside of an archive; unpack it first");
            return Ok(());
        }
        // A page is told from a list of posts by what reads it: both may be JSON.
        let format = Format::of(&member.name, head);
        let page = match format {
            Some(Format::Html | Format::Mhtml) => true,
            Some(Format::Jsonl) => member.name.to_ascii_lowercase().ends_with(".json"),
            Some(_) => false,
            // Mirrors save pages under the names of the addresses.
            None => head.trim_ascii_start().starts_with(b"<"),
        };
        if page {
            let mut whole = Vec::new();
            if bytes.take(LARGEST, &mut whole) {
                self.pages.refuse(&member.name, &format!("the page is larger than {LARGEST} bytes"));
                return Ok(());
            }
            if let Some(source) = bytes.take_error() {
                return Err(CollectError::Read { path: name, row: 0, source });
            }
            if format == Some(Format::Mhtml) {
                self.pages.read_mhtml(&member.name, &whole, member.modified);
                return Ok(());
            }
            let lists = format == Some(Format::Jsonl) && crate::jsonl::begins_with_a_post(&whole);
            if !lists {
                self.pages.read_file(&member.name, &whole, member.modified);
                return Ok(());
            }
            bytes = open(&meter)?;
        }
        let Some(format) = format else {
            self.pages.note_other();
            return Ok(());
        };
        if format == Format::Sql && !in_memory {
            self.meter.expect(member.size);
        }
        let opened =
            Opened { name, bytes, reopen: open, meter: self.meter.clone(), modified: member.modified };
        self.inner = Some(posts_of(format, opened, &self.options)?);
        Ok(())
    }

    /// A refusal with the row of the whole, which no other has, and the member with its own row in words.
    fn placed(&self, mut item: Item) -> Item {
        if let Item::Reject(reject) = &mut item {
            if let Some(member) = reject.file.strip_prefix(&self.name).and_then(|m| m.strip_prefix(": ")) {
                reject.reason = format!("{member}, row {}: {}", reject.row, reject.reason);
            }
            reject.file.clone_from(&self.name);
            reject.row = self.row();
        }
        item
    }

    /// Puts away the member that was read to its end.
    fn put_away(&mut self, mut inner: Box<dyn Posts>) {
        self.personal.append(&mut inner.take_personal());
        self.before += inner.row();
        self.hidden.add(inner.hidden());
        self.private += inner.private();
        self.engine = self.engine.or(inner.engine());
        if let Some(pages) = inner.pages() {
            self.inner_pages.add(&pages);
        }
    }
}

impl Posts for Collection {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        loop {
            if let Some(item) = self.pages.next() {
                return Some(Ok(self.placed(item)));
            }
            if let Some(mut inner) = self.inner.take() {
                match inner.next() {
                    Some(Ok(item)) => {
                        self.inner = Some(inner);
                        return Some(Ok(self.placed(item)));
                    }
                    // A damaged member does not end the others.
                    Some(Err(error)) => self.refuse(&error),
                    None => {}
                }
                self.put_away(inner);
                continue;
            }
            if self.done {
                return self.members.failure().map(Err);
            }
            self.done = !self.take_up();
        }
    }

    fn row(&self) -> u64 {
        self.before + self.pages.row() + self.inner.as_ref().map_or(0, |inner| inner.row())
    }
    fn engine(&self) -> Option<&'static str> {
        self.inner.as_ref().and_then(|inner| inner.engine()).or(self.engine)
    }
    fn forum(&self) -> Option<&str> {
        self.inner.as_ref().and_then(|inner| inner.forum())
    }
    fn hidden(&self) -> Hidden {
        let mut hidden = self.hidden;
        if let Some(inner) = &self.inner {
            hidden.add(inner.hidden());
        }
        hidden
    }
    fn take_personal(&mut self) -> Vec<(String, Personal)> {
        std::mem::take(&mut self.personal)
    }
    fn private(&self) -> u64 {
        self.private + self.inner.as_ref().map_or(0, |inner| inner.private())
    }
    fn pages(&self) -> Option<Pages> {
        let mut pages = self.pages.pages().clone();
        pages.add(&self.inner_pages);
        if let Some(inner) = self.inner.as_ref().and_then(|inner| inner.pages()) {
            pages.add(&inner);
        }
        Some(pages)
    }
}
