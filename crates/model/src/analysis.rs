//! What extraction says about one post.

use crate::{EntityType, EventType, Language, Modality, Role, Span};
use serde::{Deserialize, Serialize};

/// Which engine found an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A pattern rule with its validator.
    Pattern,
    /// The neural tagger.
    Model,
    /// A list of known names.
    Gazetteer,
}

impl Source {
    /// The name used in files and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Pattern => "pattern",
            Source::Model => "model",
            Source::Gazetteer => "gazetteer",
        }
    }
}

/// An entity mention in a post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityHit {
    /// Type.
    #[serde(rename = "type")]
    pub kind: EntityType,
    /// Normalised: refanged, lower-cased where case carries nothing, punycode for IDN, checksum case for wallets.
    pub value: String,
    /// As it stands in the post.
    pub text: String,
    /// Where.
    #[serde(flatten)]
    pub span: Span,
    /// Who found it.
    pub source: Source,
    /// 0 to 1.
    pub confidence: f32,
}

/// An argument of an event mention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Argument {
    /// The part it plays.
    pub role: Role,
    /// As it stands in the post.
    pub text: String,
    /// Where.
    #[serde(flatten)]
    pub span: Span,
    /// 0 to 1.
    pub confidence: f32,
}

/// An event mention in a post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventHit {
    /// Type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// How the author stands to it.
    pub modality: Modality,
    /// 0 to 1.
    pub confidence: f32,
    /// The word or short phrase that most clearly says it.
    pub trigger: Span,
    /// The trigger's words as they stand in the post.
    pub trigger_text: String,
    /// Who, whom, what, for how much, and so on.
    pub arguments: Vec<Argument>,
}

/// All that extraction says about one post.
#[derive(Debug, Clone, PartialEq)]
pub struct PostAnalysis {
    /// Language of the text.
    pub language: Language,
    /// Probability that the post carries threat intelligence, 0 to 1.
    pub relevance: f32,
    /// Entity mentions, by start.
    pub entities: Vec<EntityHit>,
    /// Event mentions, by start of the trigger.
    pub events: Vec<EventHit>,
    /// Sentence vector of unit length, for posts that the encoder read; empty otherwise.
    pub vector: Vec<f32>,
}
