//! The fused things that an analyst reads.

use crate::{EventType, Modality, Role, Span, Timestamp};
use serde::{Deserialize, Serialize};

/// One event mention with its circumstances: what fusion works on.
#[derive(Debug, Clone, PartialEq)]
pub struct Mention {
    /// Identifier of the mention in the store.
    pub id: i64,
    /// Post that holds it.
    pub post_id: i64,
    /// Thread of the post.
    pub thread_id: i64,
    /// Forum of the post.
    pub forum_id: i64,
    /// Author of the post.
    pub account_id: Option<i64>,
    /// Time of the post.
    pub time: Option<Timestamp>,
    /// Type.
    pub kind: EventType,
    /// How the author stands to it.
    pub modality: Modality,
    /// 0 to 1.
    pub confidence: f32,
    /// Trigger within the post.
    pub trigger: Span,
    /// Words of the trigger.
    pub trigger_text: String,
    /// Role, words, place and, where an entity stands there, its normalised value.
    pub arguments: Vec<(Role, String, Span, Option<String>)>,
    /// Sentence vector of the post; may be empty.
    pub vector: Vec<f32>,
    /// Posts that the post answers or quotes, ascending.
    pub answers: Vec<i64>,
    /// Indicators (normalised values) of the post that tie it to others: contacts, hosts, hashes, wallets.
    pub indicators: Vec<String>,
}

/// Where a threat event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThreatStatus {
    /// Only asked for or about.
    Asked,
    /// Announced, not yet claimed.
    Planned,
    /// Claimed, offered or happening.
    Active,
    /// Talked about in general.
    Discussed,
    /// Said not to be so.
    Negated,
}

impl ThreatStatus {
    /// The name used in files and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            ThreatStatus::Asked => "asked",
            ThreatStatus::Planned => "planned",
            ThreatStatus::Active => "active",
            ThreatStatus::Discussed => "discussed",
            ThreatStatus::Negated => "negated",
        }
    }
}

/// A merged argument of a threat event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreatArgument {
    /// The part it plays.
    pub role: Role,
    /// The most frequent spelling.
    pub value: String,
    /// Number of mentions that carry it.
    pub count: u32,
    /// Posts that carry it, ascending.
    pub posts: Vec<i64>,
}

/// A threat event: mentions of the same happening, joined across posts, threads and forums.
#[derive(Debug, Clone, PartialEq)]
pub struct Threat {
    /// Stable identifier: `t` and twelve hexadecimal digits derived from its earliest mention.
    pub id: String,
    /// In words.
    pub title: String,
    /// Type.
    pub kind: EventType,
    /// Where it stands.
    pub status: ThreatStatus,
    /// 0 to 1.
    pub severity: f32,
    /// Named parts of the severity: name, value 0 to 1, weight, note in words.
    pub severity_parts: Vec<(String, f32, f32, String)>,
    /// 0 to 1.
    pub confidence: f32,
    /// Time of the earliest mention.
    pub first_seen: Option<Timestamp>,
    /// Time of the latest mention.
    pub last_seen: Option<Timestamp>,
    /// Merged arguments, most frequent first.
    pub arguments: Vec<ThreatArgument>,
    /// Identifiers of the mentions, by time.
    pub mentions: Vec<i64>,
}

/// Where an account stands in a ranking, with the named parts that add up to its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// From 1.
    pub rank: u32,
    /// The account's identifier, or its name where there is no store.
    pub account: String,
    /// 0 to 1.
    pub score: f64,
    /// Named parts; their sum is the score.
    pub parts: Vec<(String, f64)>,
}
