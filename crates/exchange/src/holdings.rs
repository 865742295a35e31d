//! What is handed over: the findings with their evidence, free of any store.

use serde::Serialize;
use tm_model::{EntityType, EventType, Modality, Role, Timestamp};

/// Everything that one export says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Holdings {
    /// Forums that the findings come from.
    pub forums: Vec<ForumNote>,
    /// Threat events, most severe first.
    pub threats: Vec<ThreatItem>,
    /// Accounts, best rank first.
    pub actors: Vec<Actor>,
    /// Entities, most posts first.
    pub entities: Vec<Entity>,
    /// Single event mentions, where they are what was asked for.
    pub events: Vec<EventNote>,
    /// Single posts, where they are what was asked for.
    pub posts: Vec<PostNote>,
    /// Event mentions a month: label `YYYY-MM`, type, number.
    pub months: Vec<(String, EventType, u64)>,
}

/// A forum with its figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ForumNote {
    /// Name.
    pub name: String,
    /// Posts stored.
    pub posts: u64,
    /// Accounts seen.
    pub accounts: u64,
    /// First post.
    pub first: Option<Timestamp>,
    /// Last post.
    pub last: Option<Timestamp>,
}

/// A post that a statement rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Forum.
    pub forum: String,
    /// The forum's own identifier of the post.
    pub post: String,
    /// Title of the thread.
    pub thread: String,
    /// Handle of the author, when known.
    pub author: Option<String>,
    /// When it was posted.
    pub time: Option<Timestamp>,
    /// Where it stands, when known.
    pub url: Option<String>,
}

/// A sentence of a timeline.
#[derive(Debug, Clone, Serialize)]
pub struct Sentence {
    /// The post.
    pub evidence: Evidence,
    /// Words, secrets masked.
    pub text: String,
    /// Type of the event that it tells.
    pub kind: EventType,
    /// How its author stands to it.
    pub modality: Modality,
}

/// Who takes part in a threat event.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Participant {
    /// Handle.
    pub name: String,
    /// Forum.
    pub forum: String,
    /// Event mentions of this account in the threat event.
    pub mentions: u64,
}

/// A fused threat event.
#[derive(Debug, Clone, Serialize)]
pub struct ThreatItem {
    /// Stable identifier.
    pub id: String,
    /// In words.
    pub title: String,
    /// Type.
    pub kind: EventType,
    /// Status: asked, planned, active, discussed, negated.
    pub status: String,
    /// 0 to 1.
    pub severity: f64,
    /// Named parts of the severity: name, value 0 to 1, weight, note.
    pub severity_parts: Vec<(String, f32, f32, String)>,
    /// 0 to 1.
    pub confidence: f64,
    /// Earliest mention.
    pub first: Option<Timestamp>,
    /// Latest mention.
    pub last: Option<Timestamp>,
    /// Role, value, number of mentions.
    pub arguments: Vec<(Role, String, u32)>,
    /// Accounts that speak of it, most mentions first.
    pub participants: Vec<Participant>,
    /// Forums.
    pub forums: Vec<String>,
    /// Event mentions in all; `timeline` may hold fewer.
    pub mentions: u64,
    /// Sentences by time.
    pub timeline: Vec<Sentence>,
    /// Entities that stand in its posts, as type and value.
    pub entities: Vec<(EntityType, String)>,
}

/// An account.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Actor {
    /// Handle.
    pub name: String,
    /// Forum.
    pub forum: String,
    /// Posts.
    pub posts: u64,
    /// Threads started.
    pub threads_started: u64,
    /// First post.
    pub first: Option<Timestamp>,
    /// Last post.
    pub last: Option<Timestamp>,
    /// Rank from 1, once ranked.
    pub rank: Option<u32>,
    /// Score, once ranked.
    pub score: f64,
    /// Named parts that add up to the score.
    pub parts: Vec<(String, f64)>,
    /// Research fields and their share, strongest first.
    pub fields: Vec<(String, f64)>,
    /// Ways to reach the account, as type and value.
    pub contacts: Vec<(EntityType, String)>,
    /// Identifiers of threat events that it takes part in.
    pub threats: Vec<String>,
    /// Posts that the entry rests on, a few.
    pub evidence: Vec<Evidence>,
}

/// An entity.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    /// Type.
    pub kind: EntityType,
    /// Normalised value, masked where it must be.
    pub value: String,
    /// Posts that hold it.
    pub posts: u64,
    /// First of them.
    pub first: Option<Timestamp>,
    /// Last of them.
    pub last: Option<Timestamp>,
    /// Warnings such as `private` or `well_known`.
    pub tags: Vec<String>,
    /// Posts that hold it, a few.
    pub evidence: Vec<Evidence>,
}

impl Entity {
    /// Whether a blocklist should have it: an indicator of network or file that no warning list excuses.
    pub fn blockable(&self) -> bool {
        use EntityType as E;
        let kind = matches!(
            self.kind,
            E::Ipv4
                | E::Ipv6
                | E::Cidr
                | E::Domain
                | E::Onion
                | E::Url
                | E::Md5
                | E::Sha1
                | E::Sha256
                | E::Sha512
        );
        kind && self.tags.is_empty()
    }
}

/// A single event mention.
#[derive(Debug, Clone, Serialize)]
pub struct EventNote {
    /// The sentence that tells it.
    pub sentence: Sentence,
    /// 0 to 1.
    pub confidence: f64,
    /// Role and words.
    pub arguments: Vec<(Role, String)>,
    /// Offset of the trigger in the post, in code points.
    pub offset: u32,
}

/// A single post.
#[derive(Debug, Clone, Serialize)]
pub struct PostNote {
    /// Which one.
    pub evidence: Evidence,
    /// Words, secrets masked.
    pub text: String,
}

/// Traffic Light Protocol: who may see an export (FIRST, <https://www.first.org/tlp/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tlp {
    /// Anybody.
    Clear,
    /// The community.
    Green,
    /// The own organisation and its clients.
    #[default]
    Amber,
    /// The recipients only.
    Red,
}

impl Tlp {
    /// Name as in tags: `clear`, `green`, `amber`, `red`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tlp::Clear => "clear",
            Tlp::Green => "green",
            Tlp::Amber => "amber",
            Tlp::Red => "red",
        }
    }
}
