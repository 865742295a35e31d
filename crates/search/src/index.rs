//! The index in its folder: opening, repair, writing, searching.

use crate::facets::{Counter, pack};
use crate::query::{compile, parse, restrict};
use crate::tokens::Cut;
use crate::{Fields, Hits, Marks, SearchError, entity_key, schema};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tantivy::collector::TopDocs;
use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{DateTime, IndexReader, IndexWriter, TantivyDocument, TantivyError, Term};
use tm_model::{EntityType, EventType, Language, Timestamp};

/// Memory of the writer.
const WRITER_BYTES: usize = 96 << 20;

/// An index up to this size is read through for damage whenever it is opened: a fraction of a second. Larger ones are
/// checked by [`Index::verify`].
const CHECKED_BYTES: u64 = 256 << 20;

/// A post as it is indexed.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Identifier in the store.
    pub id: i64,
    /// Identifier of its thread.
    pub thread: i64,
    /// The words.
    pub text: String,
    /// Title of the thread.
    pub title: String,
    /// Author.
    pub author: String,
    /// Forum.
    pub forum: String,
    /// Board.
    pub board: String,
    /// Language.
    pub language: Option<Language>,
    /// Time.
    pub time: Option<Timestamp>,
    /// Entities, with their normalised values.
    pub entities: Vec<(EntityType, String)>,
    /// Types of its events.
    pub events: Vec<EventType>,
}

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Which store it is of.
    pub store: String,
    /// Last change of the store that it has seen.
    pub change: i64,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.change, self.store)
    }
}

impl FromStr for Progress {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Progress, Self::Err> {
        let (change, store) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Progress { change: change.parse()?, store: store.to_owned() })
    }
}

struct Inner {
    index: tantivy::Index,
    reader: IndexReader,
}

/// The index in its folder. One process writes it at a time; others search what is there.
pub struct Index {
    folder: PathBuf,
    fields: Fields,
    inner: RwLock<Arc<Inner>>,
    writer: Mutex<Option<Writer>>,
    repaired: Option<String>,
}

struct Writer {
    writer: IndexWriter,
    /// Highest post in the index: a higher one replaces nothing.
    highest: i64,
}

fn inner(folder: &Path) -> Result<Inner, TantivyError> {
    let directory = MmapDirectory::open(folder)?;
    let index = tantivy::Index::open_or_create(directory, schema().0)?;
    index.tokenizers().register("words", Cut::Words);
    index.tokenizers().register("stems", Cut::Stems);
    let reader = index.reader()?;
    Ok(Inner { index, reader })
}

/// Whether an index that cannot be opened for this reason is lost, rather than out of reach.
fn lost(error: &TantivyError) -> bool {
    use std::io::ErrorKind as K;
    let reachable = |kind: K| !matches!(kind, K::PermissionDenied | K::ReadOnlyFilesystem | K::StorageFull);
    match error {
        TantivyError::LockFailure(..)
        | TantivyError::OpenDirectoryError(_)
        | TantivyError::OpenWriteError(_) => false,
        TantivyError::IoError(e) => reachable(e.kind()),
        _ => true,
    }
}

impl Index {
    /// Opens the index in `folder`, makes it when there is none. One that is damaged or was made by another version is
    /// replaced by an empty one, which [`Index::repaired`] tells.
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be used, or when what should be replaced is being written.
    pub fn open(folder: &Path) -> Result<Index, SearchError> {
        let io = |source| SearchError::Io { path: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let mut repaired = None;
        let opened = match inner(folder) {
            Ok(opened) if bytes_in(folder) <= CHECKED_BYTES => match damage(&opened.index)? {
                None => Ok(opened),
                Some(what) => Err(what),
            },
            Ok(opened) => Ok(opened),
            Err(e) if lost(&e) => Err(e.to_string()),
            Err(e) => return Err(e.into()),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(why) => {
                // It holds nothing that the store does not.
                clear(folder).map_err(|e| match e {
                    Some(e) => io(e),
                    None => SearchError::Busy,
                })?;
                repaired = Some(why);
                inner(folder)?
            }
        };
        Ok(Index {
            folder: folder.to_owned(),
            fields: schema().1,
            inner: RwLock::new(Arc::new(opened)),
            writer: Mutex::new(None),
            repaired,
        })
    }

    /// Why the index was replaced by an empty one when it was opened, if it was.
    pub fn repaired(&self) -> Option<&str> {
        self.repaired.as_deref()
    }

    fn inner(&self) -> Arc<Inner> {
        Arc::clone(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which changes of which store the index has seen; none when it is empty.
    ///
    /// # Errors
    /// [`SearchError`] when its state cannot be read.
    pub fn progress(&self) -> Result<Option<Progress>, SearchError> {
        let metas = self.inner().index.load_metas()?;
        Ok(metas.payload.and_then(|p| p.parse().ok()))
    }

    /// Number of posts in it.
    pub fn len(&self) -> u64 {
        self.inner().reader.searcher().num_docs()
    }

    /// Whether it holds no post.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        bytes_in(&self.folder)
    }

    /// Reads the whole index; what is damaged, in words, or none.
    ///
    /// # Errors
    /// [`SearchError`] when it cannot be read at all.
    pub fn verify(&self) -> Result<Option<String>, SearchError> {
        damage(&self.inner().index)
    }

    /// Replaces the index by an empty one, to be filled anew.
    ///
    /// # Errors
    /// [`SearchError::Busy`] while another process writes it; others when its folder cannot be written.
    pub fn reset(&self) -> Result<(), SearchError> {
        let mut writer = self.writer();
        *writer = None;
        clear(&self.folder).map_err(|e| match e {
            Some(source) => SearchError::Io { path: self.folder.display().to_string(), source },
            None => SearchError::Busy,
        })?;
        let fresh = inner(&self.folder)?;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }

    /// Takes the right to write; until [`Index::release`] no other process has it.
    ///
    /// # Errors
    /// [`SearchError::Busy`] while another process has it.
    pub fn claim(&self) -> Result<(), SearchError> {
        let mut held = self.writer();
        if held.is_some() {
            return Ok(());
        }
        let inner = self.inner();
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter = inner.index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        // Posts are indexed again once they are analysed; what they were before should not stay for long.
        policy.set_del_docs_ratio_before_merge(0.3);
        writer.set_merge_policy(Box::new(policy));
        inner.reader.reload()?;
        let mut highest = 0;
        for segment in inner.reader.searcher().segment_readers() {
            highest = highest.max(segment.fast_fields().i64("id")?.max_value());
        }
        *held = Some(Writer { writer, highest });
        Ok(())
    }

    /// Gives the right to write back, once merges that run are done.
    ///
    /// # Errors
    /// [`SearchError`] when a merge failed.
    pub fn release(&self) -> Result<(), SearchError> {
        let Some(held) = self.writer().take() else { return Ok(()) };
        held.writer.wait_merging_threads()?;
        self.inner().reader.reload()?;
        Ok(())
    }

    /// Adds posts, replacing what the index holds of them. They can be found after [`Index::commit`].
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be written or another process writes it.
    pub fn add(&self, documents: &[Document]) -> Result<(), SearchError> {
        self.claim()?;
        let mut held = self.writer();
        let Some(Writer { writer, highest }) = held.as_mut() else { return Err(SearchError::Busy) };
        let f = &self.fields;
        for d in documents {
            if d.id <= *highest {
                writer.delete_term(Term::from_field_i64(f.id, d.id));
            }
            *highest = d.id.max(*highest);
            let mut doc = TantivyDocument::new();
            doc.add_i64(f.id, d.id);
            doc.add_i64(f.thread, d.thread);
            for (field, text) in [
                (f.text, &d.text),
                (f.stems, &d.text),
                (f.title, &d.title),
                (f.stems, &d.title),
                (f.author, &d.author),
                (f.forum, &d.forum),
                (f.forum_name, &d.forum),
                (f.board, &d.board),
            ] {
                doc.add_text(field, text);
            }
            doc.add_text(f.language, d.language.map_or("", Language::as_str));
            for kind in sorted(d.events.iter().map(|e| e.as_str().to_owned())) {
                doc.add_text(f.kind, kind);
            }
            for kind in sorted(d.entities.iter().map(|e| e.0.as_str().to_owned())) {
                doc.add_text(f.has, kind);
            }
            for value in sorted(d.entities.iter().map(|e| entity_key(&e.1))) {
                doc.add_text(f.entity, value);
            }
            if let Some(time) = d.time {
                doc.add_date(f.time, DateTime::from_timestamp_secs(time.0));
            }
            doc.add_u64(f.facts, pack(&d.events, d.language, d.time));
            writer.add_document(doc)?;
        }
        Ok(())
    }

    /// Makes what was added visible and durable, together with how far the index is now.
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be written.
    pub fn commit(&self, progress: &Progress) -> Result<(), SearchError> {
        self.claim()?;
        let mut held = self.writer();
        let Some(Writer { writer, .. }) = held.as_mut() else { return Err(SearchError::Busy) };
        let mut prepared = writer.prepare_commit()?;
        prepared.set_payload(&progress.to_string());
        prepared.commit()?;
        self.inner().reader.reload()?;
        Ok(())
    }

    /// Runs a query. `forum`, by its whole name, and `language` narrow it.
    ///
    /// # Errors
    /// [`SearchError::Query`] says what in the query is wrong, and where.
    pub fn search(
        &self,
        text: &str,
        forum: Option<&str>,
        language: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Hits, SearchError> {
        let node = parse(text)?;
        let mut hits = Hits { parsed: node.to_string(), ..Hits::default() };
        let mut marks = Marks::default();
        let query = restrict(compile(&node, &self.fields, &mut marks)?, &self.fields, forum, language);
        hits.words = marks;
        let searcher = self.inner().reader.searcher();
        (hits.total, hits.facets) = searcher.search(&*query, &Counter)?;
        if offset >= hits.total || limit == 0 {
            return Ok(hits);
        }
        // No more than there are: the room for them is taken at once.
        let limit = limit.min(hits.total - offset);
        let top = TopDocs::with_limit(limit).and_offset(offset).order_by_score();
        let mut found = Vec::with_capacity(limit);
        for (score, address) in searcher.search(&*query, &top)? {
            let column = searcher.segment_reader(address.segment_ord).fast_fields().i64("id")?;
            found.extend(column.first(address.doc_id).map(|id| (score, id)));
        }
        // Where scores are equal the newest post comes first, however the index is cut into segments.
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        hits.posts = found.into_iter().map(|h| h.1).collect();
        Ok(hits)
    }
}

fn sorted(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = values.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Files whose content is not what was written.
fn damage(index: &tantivy::Index) -> Result<Option<String>, SearchError> {
    match index.validate_checksum() {
        Ok(files) if files.is_empty() => Ok(None),
        Ok(files) => {
            let names = sorted(files.iter().map(|f| f.display().to_string()));
            Ok(Some(format!("{} of its files are damaged: {}", names.len(), names.join(", "))))
        }
        // A file too short for its footer is an error of reading it.
        Err(e) if lost(&e) => Ok(Some(e.to_string())),
        Err(e) => Err(e.into()),
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
}

/// Empties the folder; `Err(None)` while another process writes the index.
fn clear(folder: &Path) -> Result<(), Option<std::io::Error>> {
    let lock = MmapDirectory::open(folder)
        .map_err(|e| Some(std::io::Error::other(e.to_string())))?
        .acquire_lock(&INDEX_WRITER_LOCK);
    if matches!(lock, Err(tantivy::directory::error::LockError::LockBusy)) {
        return Err(None);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // The lock stays while it is held.
        if path.file_name().is_some_and(|n| n == ".tantivy-writer.lock") {
            continue;
        }
        if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(change: i64) -> Progress {
        Progress { store: "s".into(), change }
    }

    fn doc(id: i64, text: &str, author: &str, forum: &str, language: Language, time: i64) -> Document {
        Document {
            id,
            thread: id / 2,
            text: text.into(),
            title: "Старая тема".into(),
            author: author.into(),
            forum: forum.into(),
            board: "Market".into(),
            language: Some(language),
            time: Some(Timestamp(time)),
            ..Document::default()
        }
    }

    fn index() -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        let mut docs = vec![
            doc(1, "Selling fresh CVV, valid rate 85%", "plastikov", "Порт", Language::En, 1_735_700_000),
            doc(2, "Продам дампы с пином", "Mr_Dump", "Порт", Language::Ru, 1_740_800_000),
            doc(3, "IP杀手2.0发布，支持IPv6", "毒蝎子", "暗影论坛", Language::Zh, 1_750_239_000),
            doc(4, "who sells сvv? not fresh", "newbie", "Board", Language::En, 1_750_300_000),
        ];
        docs[0].events = vec![EventType::Sell, EventType::Sell];
        docs[2].events = vec![EventType::Release, EventType::Update];
        docs[2].entities =
            vec![(EntityType::Ipv4, "203.0.113.7".into()), (EntityType::Malware, "IP Killer".into())];
        index.add(&docs).unwrap();
        index.commit(&progress(4)).unwrap();
        (folder, index)
    }

    fn find(index: &Index, query: &str) -> Vec<i64> {
        let mut hits =
            index.search(query, None, None, 0, 10).unwrap_or_else(|e| panic!("{query}: {e}")).posts;
        hits.sort_unstable();
        hits
    }

    #[test]
    fn queries() {
        let (_folder, index) = index();
        for (query, expected) in [
            ("cvv", &[1, 4][..]),
            ("fresh cvv", &[1, 4]),
            ("\"fresh cvv\"", &[1]),
            ("cvv NOT sells", &[]),
            ("cvv -\"sells\"", &[1]),
            ("дампы OR 杀手", &[2, 3]),
            ("дамп", &[2]),
            ("\"дамп\"", &[]),
            ("sell", &[1, 4]),
            ("发布", &[3]),
            ("手2", &[3]),
            ("发手", &[]),
            ("发", &[3]),
            ("IP杀手2.0", &[3]),
            ("\"ip杀\"", &[3]),
            ("杀手2", &[3]),
            ("sell*", &[1, 4]),
            ("author:Mr_Dump", &[2]),
            ("author:mr_*", &[2]),
            ("author:毒蝎", &[3]),
            ("forum:порт cvv", &[1]),
            ("forum:(порт OR board) cvv", &[1, 4]),
            ("time:2025-06-01..2025-06-18", &[3]),
            ("time:2025-06", &[3, 4]),
            ("time:2025", &[1, 2, 3, 4]),
            ("time:..2025-02", &[1]),
            ("(дампы OR cvv) lang:ru", &[2]),
            ("-cvv", &[2, 3]),
            ("type:sell", &[1]),
            ("type:spread", &[3]),
            ("has:ipv4", &[3]),
            ("entity:203.0.113.7", &[3]),
            ("entity:203.0.113.*", &[3]),
            ("entity:203.0.113", &[]),
            ("entity:\"ip killer\"", &[3]),
            ("entity:.*", &[]),
            ("thread:1", &[2, 3]),
            ("title:тема", &[1, 2, 3, 4]),
            ("темы lang:zh", &[3]),
            ("plasticov~1", &[1]),
            ("dampy~2", &[]),
            ("\"selling cvv\"~1", &[1]),
            ("\"selling rate\"~1", &[]),
            ("board:market -(cvv OR дампы)", &[3]),
        ] {
            assert_eq!(find(&index, query), expected, "{query}");
        }
        assert_eq!(index.progress().unwrap(), Some(progress(4)));
        let error = index.search("ok (a", None, None, 0, 10).unwrap_err();
        assert_eq!(error.to_string(), "query: character 4: this ( is not closed");
    }

    #[test]
    fn exact_words_come_before_other_forms() {
        let (_folder, index) = index();
        assert_eq!(index.search("sells", None, None, 0, 9).unwrap().posts, [4, 1]);
        assert_eq!(index.search("selling", None, None, 0, 9).unwrap().posts, [1, 4]);
    }

    #[test]
    fn facets_and_restrictions() {
        let (_folder, index) = index();
        let hits = index.search("cvv OR 发布", None, None, 0, 1).unwrap();
        let pair = |v: &str, n| (v.to_owned(), n);
        assert_eq!((hits.total, hits.posts.len()), (3, 1));
        assert_eq!(hits.facets.forums, [pair("Board", 1), pair("Порт", 1), pair("暗影论坛", 1)]);
        assert_eq!(hits.facets.languages, [pair("en", 2), pair("zh", 1)]);
        assert_eq!(hits.facets.months, [pair("2025-01", 1), pair("2025-06", 2)]);
        assert_eq!(hits.facets.types, [pair("release", 1), pair("sell", 1), pair("update", 1)]);
        assert_eq!(hits.parsed, "cvv OR 发布");
        assert_eq!(index.search("cvv", Some("Board"), None, 0, 9).unwrap().posts, [4]);
        assert_eq!(index.search("cvv", None, Some("zh"), 0, 9).unwrap().total, 0);
        // Pages far behind the last cost nothing.
        assert!(index.search("cvv", None, None, usize::MAX, usize::MAX).unwrap().posts.is_empty());
        assert_eq!(index.search("cvv", None, None, 1, usize::MAX).unwrap().posts.len(), 1);
    }

    #[test]
    fn adding_again_replaces() {
        let (folder, index) = index();
        index.add(&[Document { id: 4, text: "changed".into(), ..Document::default() }]).unwrap();
        index.commit(&progress(5)).unwrap();
        index.release().unwrap();
        drop(index);
        let index = Index::open(folder.path()).unwrap();
        assert_eq!((find(&index, "cvv"), index.len(), index.repaired()), (vec![1], 4, None));
        assert_eq!(index.progress().unwrap(), Some(progress(5)));
    }

    #[test]
    fn one_writes_others_read() {
        let (folder, index) = index();
        let other = Index::open(folder.path()).unwrap();
        assert!(matches!(other.add(&[Document::default()]), Err(SearchError::Busy)));
        assert!(matches!(other.reset(), Err(SearchError::Busy)));
        assert_eq!(find(&other, "cvv"), [1, 4]);
        index.release().unwrap();
        other.add(&[Document { id: 9, text: "cvv".into(), ..Document::default() }]).unwrap();
        other.commit(&progress(9)).unwrap();
        assert_eq!(find(&other, "cvv"), [1, 4, 9]);
    }

    #[test]
    fn each_damage_is_seen_and_replaced() {
        for damage in ["flip", "cut", "remove", "meta", "schema"] {
            let (folder, index) = index();
            index.release().unwrap();
            drop(index);
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
            files.sort();
            let postings = files.iter().find(|f| f.extension().is_some_and(|e| e == "idx")).unwrap();
            let meta = folder.path().join("meta.json");
            let mut bytes = std::fs::read(postings).unwrap();
            match damage {
                "flip" => {
                    bytes[40] ^= 0x10;
                    std::fs::write(postings, &bytes).unwrap();
                }
                "cut" => std::fs::write(postings, &bytes[..bytes.len() / 2]).unwrap(),
                "remove" => std::fs::remove_file(postings).unwrap(),
                "meta" => std::fs::write(&meta, "{}").unwrap(),
                _ => {
                    let old = std::fs::read_to_string(&meta).unwrap().replace("\"stems\"", "\"stens\"");
                    std::fs::write(&meta, old).unwrap();
                }
            }
            let index = Index::open(folder.path()).unwrap_or_else(|e| panic!("{damage}: {e}"));
            assert!(index.repaired().is_some(), "{damage}");
            assert_eq!((index.len(), index.progress().unwrap()), (0, None), "{damage}");
            index.add(&[Document { id: 1, text: "cvv".into(), ..Document::default() }]).unwrap();
            index.commit(&progress(1)).unwrap();
            assert_eq!(find(&index, "cvv"), [1], "{damage}");
        }
    }

    #[test]
    fn a_reset_leaves_an_empty_index_in_use() {
        let (_folder, index) = index();
        assert_eq!(index.verify().unwrap(), None);
        index.reset().unwrap();
        assert_eq!((index.len(), index.progress().unwrap(), find(&index, "cvv").len()), (0, None, 0));
        index.add(&[Document { id: 1, text: "cvv".into(), ..Document::default() }]).unwrap();
        index.commit(&progress(1)).unwrap();
        assert_eq!(find(&index, "cvv"), [1]);
    }

    #[test]
    fn hostile_texts_and_queries_are_only_text() {
        let (_folder, index) = index();
        let long = "a".repeat(100_000);
        let texts = [
            "<script>alert(1)</script> ' OR 1=1; DROP TABLE post; --",
            "\u{202e}gpj.exe\u{202c} \u{200b}\u{200b}z\u{200b}e\u{200b}r\u{200b}o \0\u{fffd}\u{10ffff}",
            long.as_str(),
            "((((((((((\"\"\"\"\\\\\\\\****~~~~",
        ];
        let docs: Vec<Document> = texts
            .iter()
            .zip(10..)
            .map(|(t, id)| Document {
                id,
                text: (*t).into(),
                title: (*t).into(),
                author: (*t).into(),
                forum: (*t).into(),
                board: (*t).into(),
                ..Document::default()
            })
            .collect();
        index.add(&docs).unwrap();
        index.commit(&progress(20)).unwrap();
        assert_eq!(find(&index, "zero"), [11]);
        assert_eq!(find(&index, "\"drop table\""), [10]);
        assert!(index.search("a OR b", Some(texts[0]), None, 0, 9).is_ok());
        for query in texts.iter().copied().chain([
            "(a+)+$",
            ".*.*.*",
            "[",
            "a{1,99999}",
            "\\",
            "a\\",
            "entity:(a+)+*",
            "entity:[*",
            "\u{0}",
            "x:y",
            "'; --",
        ]) {
            // Whatever it is: an answer or a complaint, in no time.
            let _ = index.search(query, None, None, 0, 9);
        }
        assert_eq!(find(&index, "entity:[*"), Vec::<i64>::new());
    }
}
