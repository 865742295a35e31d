//! Full-text search over posts in three languages.
//!
//! The index is derived from the store and can be deleted at any time; [`Index::progress`] tells which changes of the store it
//! has seen. One that is damaged or of another store is replaced by an empty one when it is opened, to be filled anew.
//!
//! Queries: words (all must occur, in any of their forms), `"phrases"`, `"phrase words"~3`, `field:value` (author, board,
//! entity, forum, has, lang, text, thread, time, title, type), `AND`, `OR`, `NOT`/`-`, parentheses, `prefix*`, `fuzzy~1`, and
//! `\` before a sign that is meant as itself. docs/search.md has the whole of it.
#![deny(missing_docs)]

mod facets;
mod index;
mod marks;
mod query;
mod tokens;

pub use facets::Facets;
pub use index::{Document, Index, Progress};
pub use marks::{Marks, snippet};
pub use query::QueryError;

use tantivy::TantivyError;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STRING, Schema, TextFieldIndexing, TextOptions,
};

/// A search that failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query cannot be read.
    #[error("query: {0}")]
    Query(QueryError),
    /// Another process writes the index.
    #[error("the search index is being written by another process")]
    Busy,
    /// The index cannot be opened, read or written; it can be deleted and is then built anew.
    #[error("search index: {0}; delete its folder to have it built anew")]
    Index(TantivyError),
    /// The folder of the index cannot be used.
    #[error("search index in {path}: {source}")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl From<QueryError> for SearchError {
    fn from(e: QueryError) -> SearchError {
        SearchError::Query(e)
    }
}

impl From<TantivyError> for SearchError {
    fn from(e: TantivyError) -> SearchError {
        match e {
            TantivyError::LockFailure(tantivy::directory::error::LockError::LockBusy, _) => SearchError::Busy,
            e => SearchError::Index(e),
        }
    }
}

/// Hits of a query.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// Number of all posts that match.
    pub total: usize,
    /// Identifiers of the posts asked for, best first.
    pub posts: Vec<i64>,
    /// Counts of all posts that match.
    pub facets: Facets,
    /// What to highlight in them.
    pub words: Marks,
    /// How the query was understood, in its own language.
    pub parsed: String,
}

/// Reads a query without running it; returns how it is understood.
///
/// # Errors
/// [`QueryError`] says what cannot be read, and where.
pub fn understand(query: &str) -> Result<String, QueryError> {
    query::parse(query).map(|node| node.to_string())
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub id: Field,
    pub thread: Field,
    pub text: Field,
    pub stems: Field,
    pub title: Field,
    pub author: Field,
    pub forum: Field,
    pub forum_name: Field,
    pub board: Field,
    pub language: Field,
    pub kind: Field,
    pub has: Field,
    pub entity: Field,
    pub time: Field,
    pub facts: Field,
}

/// Nothing is stored: texts come from the store, identifiers and facets from columns.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut b = Schema::builder();
    let cut = |tokenizer: &str, option: IndexRecordOption, norms: bool| {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(option)
            .set_fieldnorms(norms);
        TextOptions::default().set_indexing_options(indexing)
    };
    let positions = IndexRecordOption::WithFreqsAndPositions;
    let raw = || {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        id: b.add_i64_field("id", FAST | INDEXED),
        thread: b.add_i64_field("thread", INDEXED),
        text: b.add_text_field("text", cut("words", positions, true)),
        stems: b.add_text_field("stems", cut("stems", IndexRecordOption::WithFreqs, false)),
        title: b.add_text_field("title", cut("words", positions, false)),
        author: b.add_text_field("author", cut("words", positions, false)),
        forum: b.add_text_field("forum", cut("words", positions, false)),
        forum_name: b.add_text_field("forum_name", raw().set_fast("raw")),
        board: b.add_text_field("board", cut("words", positions, false)),
        language: b.add_text_field("language", STRING),
        kind: b.add_text_field("type", raw()),
        has: b.add_text_field("has", raw()),
        entity: b.add_text_field("entity", raw()),
        time: b.add_date_field("time", INDEXED | FAST),
        facts: b.add_u64_field("facts", FAST),
    };
    (b.build(), fields)
}

/// Longest value of an entity that is indexed, in bytes.
const ENTITY_BYTES: usize = 300;

/// How the value of an entity is compared: folded, cut to a bounded length.
pub(crate) fn entity_key(value: &str) -> String {
    let mut key = tokens::folded(value.trim());
    let end = (0..=ENTITY_BYTES.min(key.len())).rev().find(|i| key.is_char_boundary(*i)).unwrap_or(0);
    key.truncate(end);
    key
}
