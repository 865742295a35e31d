//! Posts: as a collector hands them over, and as the store keeps them.

use crate::{Language, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// A post as collected: one line of a JSONL import, one row of a dump, one post of a page.
///
/// Only `text` is required. Identifiers are those of the forum and unique within it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PostRecord {
    /// Identifier within the forum; derived from the content when missing (see [`PostRecord::external_id`]).
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the forum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forum: Option<String>,
    /// Board (section) of the forum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Identifier of the thread within the forum; the title serves when it is missing.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Title of the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Handle of the author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The author's own words: no quotes, no signature, no markup; line breaks kept.
    pub text: String,
    /// Identifier of the post that it answers.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// What it quotes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<QuoteTarget>,
    /// Handles that the text addresses (`@name`), as the forum marks them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// Addresses that the text links to, whole, in order, each once; those written out in the text included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited: Option<Timestamp>,
    /// Its thread is pinned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The post or the author that a post quotes. In JSON a bare string or number is a post identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "QuoteForm", into = "QuoteForm")]
pub struct QuoteTarget {
    /// Identifier of the quoted post within the forum, when the markup tells it.
    pub post: Option<String>,
    /// Handle of the quoted author, when the markup tells it.
    pub author: Option<String>,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(untagged)]
enum QuoteForm {
    Number(i64),
    Id(String),
    Full {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        post: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        author: Option<String>,
    },
}

impl From<QuoteForm> for QuoteTarget {
    fn from(form: QuoteForm) -> QuoteTarget {
        match form {
            QuoteForm::Number(n) => QuoteTarget { post: Some(n.to_string()), author: None },
            QuoteForm::Id(id) => QuoteTarget { post: Some(id), author: None },
            QuoteForm::Full { post, author } => QuoteTarget { post, author },
        }
    }
}

impl From<QuoteTarget> for QuoteForm {
    fn from(quote: QuoteTarget) -> QuoteForm {
        match quote {
            QuoteTarget { post: Some(id), author: None } => QuoteForm::Id(id),
            QuoteTarget { post, author } => QuoteForm::Full { post, author },
        }
    }
}

impl PostRecord {
    /// Identifier for a post whose own one is taken by a post with other words: exporters that merge sources do that, and
    /// neither may be lost.
    pub fn variant_id(&self) -> String {
        let digest = blake3::hash(self.text.as_bytes()).to_hex();
        format!("{}~{}", self.external_id(), &digest[..8])
    }

    /// The forum's own identifier, or one derived from thread, author, time and text, so that the same row read twice
    /// is recognised.
    pub fn external_id(&self) -> String {
        if let Some(id) = self.id.as_deref().filter(|id| !id.is_empty()) {
            return id.to_owned();
        }
        let mut hasher = blake3::Hasher::new();
        let time = self.time.map(|t| t.0.to_string());
        let parts = [self.thread.as_deref(), self.title.as_deref(), self.author.as_deref(), time.as_deref()];
        for part in parts.into_iter().chain([Some(self.text.as_str())]) {
            // A length before each part keeps ("ab","c") and ("a","bc") apart.
            let part = part.unwrap_or("");
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        format!("x{}", &hasher.finalize().to_hex()[..24])
    }
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Raw {
        Number(serde_json_number::Number),
        Text(String),
    }
    Ok(Option::<Raw>::deserialize(d)?.map(|raw| match raw {
        Raw::Number(n) => n.0.to_string(),
        Raw::Text(t) => t,
    }))
}

/// Identifiers are written as numbers by many exporters; only whole ones make sense.
mod serde_json_number {
    #[derive(serde::Deserialize)]
    pub(super) struct Number(pub(super) i64);
}

/// A row or line that was set aside on import: where it stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// File name as given.
    pub file: String,
    /// Line (JSONL, CSV) or statement row (SQL), from 1.
    pub row: u64,
    /// What was wrong, in words that say what to do.
    pub reason: String,
    /// Beginning of what was read, at most 200 characters.
    pub snippet: String,
}

/// What a stored post quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The quoted post, when the store has it.
    pub post_id: Option<i64>,
    /// The quoted author's handle, when it is known.
    pub author: Option<String>,
}

/// A post as the store keeps it. Identifiers are the store's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Identifier in the store.
    pub id: i64,
    /// Identifier within the forum.
    pub external_id: String,
    /// Forum.
    pub forum_id: i64,
    /// Thread.
    pub thread_id: i64,
    /// Author, when known.
    pub account_id: Option<i64>,
    /// When it was posted.
    pub time: Option<Timestamp>,
    /// True for the first post of its thread.
    pub starts: bool,
    /// The author's own words.
    pub text: String,
    /// The post that it answers, when the store has it.
    pub reply_to: Option<i64>,
    /// Where it stands.
    pub url: Option<String>,
    /// When it was last edited.
    pub edited: Option<Timestamp>,
    /// Addresses that the text links to, whole.
    pub links: Vec<String>,
    /// Handles that the forum marks as addressed.
    pub mentions: Vec<String>,
    /// Language, once analysed.
    pub language: Option<Language>,
    /// Probability that it carries threat intelligence, once analysed.
    pub relevance: Option<f32>,
}

impl Post {
    /// The words of a span of this post.
    pub fn slice(&self, span: Span) -> &str {
        span.slice(&self.text).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_contract_form() {
        let line = r#"{"id":7,"forum":"f","thread":12,"author":"a","time":"2025-06-18T09:30:00Z","text":"hi",
            "quotes":["3",4,{"author":"b"}],"reply_to":"3","extra":1}"#;
        let post: PostRecord = serde_json::from_str(line).unwrap();
        assert_eq!((post.id.as_deref(), post.thread.as_deref()), (Some("7"), Some("12")));
        assert_eq!(post.quotes[1].post.as_deref(), Some("4"));
        assert_eq!(post.quotes[2].author.as_deref(), Some("b"));
        let again: PostRecord = serde_json::from_str(&serde_json::to_string(&post).unwrap()).unwrap();
        assert_eq!(post, again);
    }

    #[test]
    fn derived_ids_depend_on_each_part() {
        let post = |author: &str, text: &str| PostRecord {
            author: Some(author.into()),
            text: text.into(),
            ..PostRecord::default()
        };
        assert_eq!(post("a", "bc").external_id(), post("a", "bc").external_id());
        assert_ne!(post("ab", "c").external_id(), post("a", "bc").external_id());
    }
}
