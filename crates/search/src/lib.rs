//! Full-text search over posts in three languages.
//!
//! The index is derived from the store and can be deleted at any time; [`Index::covers`] tells how far it is. Texts are cut
//! into lower-cased words, Chinese into single characters and pairs, so that a query of any length finds its place.
//! Queries: words (all must occur), `"phrases"`, `field:value` (author, forum, board, title, lang), `time:FROM..TO`,
//! `AND`, `OR`, `NOT`/`-`, `prefix*`, parentheses.
#![deny(missing_docs)]

mod query;
mod tokens;

use std::path::Path;
use tantivy::collector::{Count, TopDocs};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{DateTime, IndexReader, IndexWriter, Order, TantivyDocument, Term};
use tm_model::Timestamp;

/// A search that failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query does not parse.
    #[error("query: {0}")]
    Query(String),
    /// The index cannot be opened, read or written; it can be deleted and is then built anew.
    #[error("search index: {0}; delete its folder to have it built anew")]
    Index(#[from] tantivy::TantivyError),
    /// The folder of the index cannot be made.
    #[error("search index: {0}")]
    Io(#[from] std::io::Error),
}

/// A post as it is indexed.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Identifier in the store.
    pub id: i64,
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
    /// Language code.
    pub language: String,
    /// Time.
    pub time: Option<Timestamp>,
}

/// Hits of a query.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// Number of all posts that match.
    pub total: usize,
    /// Identifiers of the posts asked for, best first.
    pub posts: Vec<i64>,
    /// Forums of the matches with counts, most first.
    pub forums: Vec<(String, u64)>,
    /// Languages of the matches with counts, most first.
    pub languages: Vec<(String, u64)>,
    /// Words and phrases of the query, for highlighting; lower case.
    pub words: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub id: Field,
    pub text: Field,
    pub title: Field,
    pub author: Field,
    pub forum: Field,
    pub board: Field,
    pub language: Field,
    pub time: Field,
}

/// The index in its folder.
pub struct Index {
    index: tantivy::Index,
    reader: IndexReader,
    fields: Fields,
}

/// Memory of the writer.
const WRITER_BYTES: usize = 64 << 20;

fn schema() -> (Schema, Fields) {
    let mut b = Schema::builder();
    let words = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("words")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions),
    );
    let fields = Fields {
        id: b.add_i64_field("id", STORED | FAST | INDEXED),
        text: b.add_text_field("text", words.clone()),
        title: b.add_text_field("title", words.clone()),
        author: b.add_text_field("author", words.clone()),
        forum: b.add_text_field("forum", words.clone() | STORED),
        board: b.add_text_field("board", words),
        language: b.add_text_field("lang", STRING | STORED),
        time: b.add_date_field("time", INDEXED | FAST),
    };
    (b.build(), fields)
}

impl Index {
    /// Opens the index in `folder`, makes it when there is none; one that cannot be read is replaced by an empty one.
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Index, SearchError> {
        std::fs::create_dir_all(folder)?;
        let (schema, fields) = schema();
        let make = || -> Result<tantivy::Index, SearchError> {
            let directory =
                tantivy::directory::MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
            Ok(tantivy::Index::open_or_create(directory, schema.clone())?)
        };
        let index = match make() {
            Ok(index) => index,
            Err(_) => {
                // Damaged or of another version: it holds nothing that the store does not.
                std::fs::remove_dir_all(folder)?;
                std::fs::create_dir_all(folder)?;
                make()?
            }
        };
        index.tokenizers().register("words", tokens::Words);
        let reader = index.reader()?;
        Ok(Index { index, reader, fields })
    }

    /// Highest post identifier that the index holds, 0 when it is empty: posts above it are still to be added.
    pub fn covers(&self) -> i64 {
        let searcher = self.reader.searcher();
        let top = TopDocs::with_limit(1).order_by_fast_field::<i64>("id", Order::Desc);
        let found = searcher.search(&tantivy::query::AllQuery, &top);
        found.ok().and_then(|hits| hits.first().and_then(|h| h.0)).unwrap_or(0)
    }

    /// Adds posts and makes them visible; those that are in it already are replaced.
    ///
    /// # Errors
    /// [`SearchError`] when the folder cannot be written.
    pub fn add(&self, documents: &[Document]) -> Result<(), SearchError> {
        let mut writer: IndexWriter = self.index.writer_with_num_threads(1, WRITER_BYTES)?;
        let f = &self.fields;
        for d in documents {
            writer.delete_term(Term::from_field_i64(f.id, d.id));
            let mut doc = TantivyDocument::new();
            doc.add_i64(f.id, d.id);
            doc.add_text(f.text, &d.text);
            doc.add_text(f.title, &d.title);
            doc.add_text(f.author, &d.author);
            doc.add_text(f.forum, &d.forum);
            doc.add_text(f.board, &d.board);
            doc.add_text(f.language, &d.language);
            if let Some(time) = d.time {
                doc.add_date(f.time, DateTime::from_timestamp_secs(time.0));
            }
            writer.add_document(doc)?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        self.reader.reload()?;
        Ok(())
    }

    /// Runs a query. `forum` and `language` restrict it.
    ///
    /// # Errors
    /// [`SearchError::Query`] says what in the query is wrong.
    pub fn search(
        &self,
        text: &str,
        forum: Option<&str>,
        language: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> Result<Hits, SearchError> {
        let parsed = query::parse(text, &self.fields)?;
        let query = query::restrict(parsed.query, &self.fields, forum, language);
        let searcher = self.reader.searcher();
        let top = TopDocs::with_limit(limit.max(1)).and_offset(offset).order_by_score();
        let (total, found) = searcher.search(&*query, &(Count, top))?;
        let mut posts = Vec::with_capacity(found.len());
        for (_, address) in found.into_iter().take(limit) {
            let doc: TantivyDocument = searcher.doc(address)?;
            posts.extend(doc.get_first(self.fields.id).and_then(|v| v.as_i64()));
        }
        // Facets from the best thousand: enough to choose by, and bounded.
        let sample = TopDocs::with_limit(1000).order_by_score();
        let (mut forums, mut languages) = (Vec::new(), Vec::new());
        for (_, address) in searcher.search(&*query, &sample)? {
            let doc: TantivyDocument = searcher.doc(address)?;
            for (field, list) in [(self.fields.forum, &mut forums), (self.fields.language, &mut languages)] {
                if let Some(value) = doc.get_first(field).and_then(|v| v.as_str()) {
                    bump(list, value);
                }
            }
        }
        for list in [&mut forums, &mut languages] {
            list.sort_by(|a: &(String, u64), b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        }
        Ok(Hits { total, posts, forums, languages, words: parsed.words })
    }
}

fn bump(list: &mut Vec<(String, u64)>, value: &str) {
    match list.iter_mut().find(|e| e.0 == value) {
        Some(entry) => entry.1 += 1,
        None => list.push((value.to_owned(), 1)),
    }
}

/// Cuts a text around the first hit into pieces, hits marked; at most `length` code points.
pub fn snippet(text: &str, words: &[String], length: usize) -> Vec<(String, bool)> {
    let chars: Vec<char> = text.chars().collect();
    // One lower-case character for each, so that positions agree.
    let lower: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let mut hits: Vec<(usize, usize)> = Vec::new();
    for word in words {
        let word: Vec<char> = word.chars().collect();
        if word.is_empty() || word.len() > lower.len() {
            continue;
        }
        let boundary = word[0].is_alphanumeric() && !tokens::ideograph(word[0]);
        for at in 0..=lower.len() - word.len() {
            let inside =
                boundary && at > 0 && lower[at - 1].is_alphanumeric() && !tokens::ideograph(lower[at - 1]);
            if !inside && lower[at..at + word.len()] == word[..] {
                hits.push((at, at + word.len()));
            }
        }
    }
    hits.sort_unstable();
    let first = hits.first().map_or(0, |h| h.0);
    let mut start = first.saturating_sub(length / 3);
    while start > 0 && start < first && !chars[start - 1].is_whitespace() && first - start < length / 2 {
        start -= 1;
    }
    let end = (start + length).min(chars.len());
    let mut pieces: Vec<(String, bool)> = Vec::new();
    let mut at = start;
    if start > 0 {
        pieces.push(("…".into(), false));
    }
    for (a, b) in hits {
        if a < at || b > end {
            continue;
        }
        if a > at {
            pieces.push((chars[at..a].iter().collect(), false));
        }
        pieces.push((chars[a..b].iter().collect(), true));
        at = b;
    }
    if at < end {
        pieces.push((chars[at..end].iter().collect(), false));
    }
    if end < chars.len() {
        pieces.push(("…".into(), false));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        let doc = |id, text: &str, author: &str, forum: &str, language: &str, time| Document {
            id,
            text: text.into(),
            title: "thread".into(),
            author: author.into(),
            forum: forum.into(),
            board: "Market".into(),
            language: language.into(),
            time: Some(Timestamp(time)),
        };
        index
            .add(&[
                doc(1, "Selling fresh CVV, valid rate 85%", "plastikov", "Порт", "en", 1_735_700_000),
                doc(2, "Продам дампы с пином", "Mr_Dump", "Порт", "ru", 1_740_800_000),
                doc(3, "IP杀手2.0发布，支持IPv6", "毒蝎子", "暗影论坛", "zh", 1_750_239_000),
                doc(4, "who sells cvv? not fresh", "newbie", "Board", "en", 1_750_300_000),
            ])
            .unwrap();
        (folder, index)
    }

    #[test]
    fn queries() {
        let (_folder, index) = index();
        let find = |q: &str| {
            let mut hits = index.search(q, None, None, 0, 10).unwrap().posts;
            hits.sort_unstable();
            hits
        };
        assert_eq!(find("cvv"), [1, 4]);
        assert_eq!(find("fresh cvv"), [1, 4]);
        assert_eq!(find("\"fresh cvv\""), [1]);
        assert_eq!(find("cvv NOT sells"), [1]);
        assert_eq!(find("cvv -sells"), [1]);
        assert_eq!(find("дампы OR 杀手"), [2, 3]);
        assert_eq!(find("发布"), [3]);
        assert_eq!(find("sell*"), [1, 4]);
        assert_eq!(find("author:Mr_Dump"), [2]);
        assert_eq!(find("forum:порт cvv"), [1]);
        assert_eq!(find("time:2025-06-01..2025-06-18"), [3]);
        assert_eq!(find("(дампы OR cvv) lang:ru"), [2]);
        assert_eq!(find("-cvv"), [2, 3]);
        assert_eq!(index.covers(), 4);
        for bad in ["\"open", "(a", "time:yesterday", "nofield:x", "a AND", ""] {
            assert!(matches!(index.search(bad, None, None, 0, 10), Err(SearchError::Query(_))), "{bad}");
        }
    }

    #[test]
    fn facets_and_restrictions() {
        let (_folder, index) = index();
        let hits = index.search("cvv", None, None, 0, 1).unwrap();
        assert_eq!((hits.total, hits.posts.len()), (2, 1));
        assert_eq!(hits.forums, [("Board".to_owned(), 1), ("Порт".to_owned(), 1)]);
        assert_eq!(index.search("cvv", Some("Board"), None, 0, 9).unwrap().posts, [4]);
    }

    #[test]
    fn adding_again_replaces() {
        let (folder, index) = index();
        index.add(&[Document { id: 4, text: "changed".into(), ..Document::default() }]).unwrap();
        drop(index);
        let index = Index::open(folder.path()).unwrap();
        assert_eq!(index.search("cvv", None, None, 0, 9).unwrap().posts, [1]);
    }

    #[test]
    fn snippets_mark_hits() {
        let pieces = snippet("Selling fresh CVV here", &["cvv".into()], 100);
        assert_eq!(pieces, [("Selling fresh ".into(), false), ("CVV".into(), true), (" here".into(), false)]);
        assert!(snippet(&"x ".repeat(500), &[], 50).len() == 2);
    }
}
