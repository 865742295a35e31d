//! Rows as the store hands them out, and filters.

use tm_model::{
    EntityType, EventType, Modality, PostAnalysis, PostRecord, Reject, Role, Span, Standing, Timestamp,
};

/// What identifies an import: the file, what it looked like, and the forum it is imported for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportKey {
    /// File name as given.
    pub file: String,
    /// Size and time of change in words; another digest is another import.
    pub digest: String,
    /// Forum that was asked for, or empty.
    pub forum: String,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportState {
    /// Identifier.
    pub id: i64,
    /// Last row whose posts are stored.
    pub row: u64,
    /// Posts stored by this import.
    pub stored: u64,
    /// Posts that were known already.
    pub known: u64,
    /// Rows set aside.
    pub refused: u64,
    /// True when the file was read to its end.
    pub finished: bool,
}

/// Posts and refusals of a stretch of a file.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Posts; each names its forum.
    pub posts: Vec<PostRecord>,
    /// Rows set aside.
    pub rejects: Vec<Reject>,
    /// Last row that the batch covers.
    pub row: u64,
    /// True for the last batch of a file.
    pub finished: bool,
}

/// What became of the posts of a crawl.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crawled {
    /// New ones.
    pub new: u64,
    /// Known ones with other words now.
    pub changed: u64,
    /// Known ones, unchanged.
    pub known: u64,
}

/// What a crawl was pointed at, and how the last one went.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct SourceRow {
    /// Identifier.
    pub id: i64,
    /// Address that was named.
    pub url: String,
    /// Name as configured, else the forum's, else the host's.
    pub name: String,
    /// Forum under which its posts are stored, once known.
    pub forum: Option<String>,
    /// Engine.
    pub engine: Option<String>,
    /// Account that the pages greeted.
    pub member: Option<String>,
    /// `running`, `good`, `login_needed`, `refused`, `challenge`, `down` or `unreadable`.
    pub state: String,
    /// What the page said.
    pub reason: Option<String>,
    /// When the last crawl began.
    pub started: Timestamp,
    /// When it ended; none while it runs, or when it was killed.
    pub ended: Option<Timestamp>,
    /// When the last crawl ended that ended well.
    pub last_good: Option<Timestamp>,
    /// Figures of the last crawl, name and count, in order.
    pub figures: Vec<(String, u64)>,
    /// Where less was got than the forum counts.
    pub shortfall: Vec<Shortfall>,
    /// What went wrong, the first of it in words.
    pub problems: Vec<String>,
    /// Address of the page that was kept.
    pub page_url: Option<String>,
}

/// A thread or board with fewer posts than the forum counts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shortfall {
    /// `thread` or `board`.
    pub what: String,
    /// Its title.
    pub title: String,
    /// Posts that were got.
    pub got: u64,
    /// Posts that the forum counts.
    pub counted: u64,
}

/// An analysed post.
#[derive(Debug, Clone)]
pub struct Analyzed {
    /// The post.
    pub post_id: i64,
    /// What was found.
    pub analysis: PostAnalysis,
}

/// A post that was set aside because it cannot be analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Post.
    pub post_id: i64,
    /// Forum's name.
    pub forum: String,
    /// Identifier within the forum.
    pub external_id: String,
    /// Version of the model that it was too much for.
    pub version: String,
    /// What happened.
    pub reason: String,
    /// When it was set aside.
    pub time: Timestamp,
}

/// Counts for the overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Counts {
    pub posts: u64,
    pub relevant_posts: u64,
    pub accounts: u64,
    pub threads: u64,
    pub forums: u64,
    pub threats: u64,
    pub mentions: u64,
    pub entities: u64,
}

/// A forum with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct ForumRow {
    /// Identifier.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Posts.
    pub posts: u64,
    /// Accounts.
    pub accounts: u64,
    /// Language of most of its posts.
    pub language: Option<String>,
    /// Time of the first post.
    pub first: Option<Timestamp>,
    /// Time of the last post.
    pub last: Option<Timestamp>,
}

/// A thread.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadRow {
    /// Identifier.
    pub id: i64,
    /// Forum's name.
    pub forum: String,
    /// Title.
    pub title: String,
    /// Board.
    pub board: Option<String>,
    /// The forum's own identifier; none when the title served as one.
    pub key: Option<String>,
    /// Pinned.
    pub sticky: bool,
    /// Number of posts.
    pub posts: u64,
}

/// An account with its standing.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountRow {
    /// Identifier.
    pub id: i64,
    /// Handle.
    pub name: String,
    /// Forum's name.
    pub forum: String,
    /// Posts.
    pub posts: u64,
    /// Threads started.
    pub threads_started: u64,
    /// Time of the first post.
    pub first: Option<Timestamp>,
    /// Time of the last post.
    pub last: Option<Timestamp>,
    /// Standing, once ranked.
    pub standing: Option<StandingRow>,
}

/// Standing of an account with what is shown beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingRow {
    /// The account.
    pub account_id: i64,
    /// Rank, score and parts.
    pub standing: Standing,
    /// Research fields with their share, strongest first.
    pub fields: Vec<(String, f64)>,
    /// Label of a quarter, rank, number of ranked accounts, score.
    pub history: Vec<(String, u32, u32, f64)>,
    /// Answers and quotes received.
    pub answers: u64,
    /// Community; its number stays from one ranking to the next.
    pub community: Option<u32>,
    /// Roles, strongest first.
    pub roles: Vec<RoleRow>,
}

/// A role that an account plays, with its evidence.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RoleRow {
    /// Name of the role.
    pub role: String,
    /// How much of the account's behaviour it is, 0 to 1.
    pub strength: f64,
    /// Number of posts that show it.
    pub count: u32,
    /// Some of them.
    pub posts: Vec<i64>,
}

/// Two accounts that may be one person.
#[derive(Debug, Clone, PartialEq)]
pub struct AliasRow {
    /// The lower identifier.
    pub a: i64,
    /// The higher identifier.
    pub b: i64,
    /// 0 to 1.
    pub probability: f64,
    /// Words for the analyst, and what each adds to the log-odds.
    pub reasons: Vec<(String, f64)>,
    /// `accepted` or `rejected`, once an analyst has decided.
    pub verdict: Option<String>,
}

/// An entity with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct EntitySummaryRow {
    /// Identifier.
    pub id: i64,
    /// Type.
    pub kind: EntityType,
    /// Normalised value.
    pub value: String,
    /// Posts that hold it (within the filter).
    pub posts: u64,
    /// Time of the first of them.
    pub first: Option<Timestamp>,
    /// Time of the last of them.
    pub last: Option<Timestamp>,
}

/// An entity mention.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityRow {
    /// Post.
    pub post_id: i64,
    /// Entity.
    pub entity_id: i64,
    /// Type.
    pub kind: EntityType,
    /// Normalised value.
    pub value: String,
    /// Where.
    pub span: Span,
    /// `pattern`, `model` or `gazetteer`.
    pub source: String,
    /// 0 to 1.
    pub confidence: f64,
}

/// An event argument.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ArgumentRow {
    /// Role.
    pub role: Role,
    /// First code point.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Words.
    pub text: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// An event mention.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Identifier.
    pub id: i64,
    /// Post.
    pub post_id: i64,
    /// Type.
    pub kind: EventType,
    /// Modality.
    pub modality: Modality,
    /// 0 to 1.
    pub confidence: f64,
    /// Where.
    pub trigger: Span,
    /// Words.
    pub trigger_text: String,
    /// Arguments.
    pub arguments: Vec<ArgumentRow>,
    /// Threat event that it was joined to.
    pub threat_id: Option<String>,
    /// Correction that it comes from; none for what the model found.
    pub label_id: Option<i64>,
}

/// A threat event as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreatRow {
    /// Identifier.
    pub id: String,
    /// Type.
    pub kind: EventType,
    /// Title.
    pub title: String,
    /// Status.
    pub status: String,
    /// 0 to 1.
    pub severity: f64,
    /// Name, value, weight, note.
    pub severity_parts: Vec<(String, f32, f32, String)>,
    /// 0 to 1.
    pub confidence: f64,
    /// Time of the earliest mention.
    pub first: Option<Timestamp>,
    /// Time of the latest mention.
    pub last: Option<Timestamp>,
    /// Merged arguments.
    pub arguments: Vec<tm_model::ThreatArgument>,
    /// Number of mentions.
    pub mentions: u64,
    /// Number of posts.
    pub posts: u64,
    /// Names of the forums.
    pub forums: Vec<String>,
    /// Accounts by mentions: identifier, name.
    pub participants: Vec<(i64, String)>,
}

/// Which threat events.
#[derive(Debug, Clone, Default)]
pub struct ThreatFilter {
    /// Types, any of them; empty means all.
    pub types: Vec<EventType>,
    /// Status.
    pub status: Option<String>,
    /// Forum's name.
    pub forum: Option<String>,
    /// Words that the title or an argument holds.
    pub text: Option<String>,
    /// At least so severe, 0 to 1.
    pub min_severity: f64,
    /// Spoken of in a post in this language (`en`, `ru`, `zh`, `other`).
    pub language: Option<String>,
    /// Last seen then or later.
    pub since: Option<Timestamp>,
    /// First seen then or earlier.
    pub until: Option<Timestamp>,
    /// Part of a place that it names.
    pub place: Option<String>,
    /// Part of a target that it names.
    pub target: Option<String>,
    /// `severity`, `last_seen`, `first_seen` or `mentions`.
    pub sort: String,
    /// Rows to skip.
    pub offset: u32,
    /// Rows to return.
    pub limit: u32,
}

/// Which posts, accounts or entities; fields that make no sense for the question are ignored.
#[derive(Debug, Clone, Default)]
pub struct PostFilter {
    /// Post identifiers.
    pub ids: Option<Vec<i64>>,
    /// Thread.
    pub thread: Option<i64>,
    /// Account.
    pub account: Option<i64>,
    /// Posts that hold this entity.
    pub entity: Option<i64>,
    /// Posts of this threat event.
    pub threat: Option<String>,
    /// Forum's name.
    pub forum: Option<String>,
    /// Type of entity.
    pub entity_type: Option<EntityType>,
    /// Part of a name or value.
    pub text: Option<String>,
    /// Posts that started a thread (true) or answered in one (false).
    pub started: Option<bool>,
    /// Oldest first, in the order of a thread.
    pub oldest_first: bool,
    /// Posts above this identifier, by identifier.
    pub after: Option<i64>,
    /// Order of accounts: `rank`, `posts` or `last_seen`.
    pub sort: String,
    /// Rows to skip.
    pub offset: u32,
    /// Rows to return; 0 means all.
    pub limit: u32,
}

/// One post as the graph sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// Post.
    pub post_id: i64,
    /// Forum.
    pub forum_id: i64,
    /// Thread.
    pub thread_id: i64,
    /// Author.
    pub account_id: Option<i64>,
    /// Time.
    pub time: Option<Timestamp>,
    /// Length of the text in code points.
    pub length: u32,
    /// Relevance.
    pub relevance: f32,
    /// Account of the post that it answers.
    pub answers: Option<i64>,
    /// Accounts that it quotes.
    pub quotes: Vec<i64>,
    /// Accounts of its forum that it mentions as `@handle`.
    pub mentions: Vec<i64>,
    /// Number of indicators in it.
    pub indicators: u32,
    /// Types of the events in it, with modality.
    pub events: Vec<(EventType, Modality)>,
    /// True for the first post of its thread.
    pub starts: bool,
    /// True when its thread is pinned.
    pub pinned: bool,
    /// The words.
    pub text: String,
}
