//! The only truth: posts, what was extracted from them, and what was concluded.
//!
//! [`Store`] is the cut line between the stages and their storage. [`SqliteStore`] keeps everything in one SQLite file in
//! WAL mode, [`PostgresStore`] in a PostgreSQL database that many processes share. [`WorkQueue`] hands out what is to be
//! analysed: [`LocalQueue`] within a process, [`NatsQueue`] between them; it can be lost without loss. Every method that writes does so in one transaction: after a kill the next run finds either all of it or
//! none of it.
#![deny(missing_docs)]
// One text of the SQL for two databases, see `sql/mod.rs`.
#![allow(clippy::duplicate_mod)]

mod access;
mod alerts;
mod migrate;
mod postgres;
mod queue;
mod records;
mod sqlite;

pub use access::{
    AuditRow, FacetRow, MarkRow, NewUser, Pulse, SavedSearch, SessionRow, TokenRow, UserChange, UserChanged,
    UserRow,
};
pub use alerts::{
    AlertFilter, AlertRound, AlertRow, ChannelRow, DeliveryFilter, DeliveryRow, NewAlert, RuleRow,
    WatchlistRow,
};
pub use migrate::{MigrateError, Migrated, migrate};
pub use postgres::PostgresStore;
pub use queue::{
    Lease, LocalQueue, NatsOptions, NatsQueue, Offer, Parcel, QueueError, QueueResult, Received, TRIES,
    WorkQueue,
};
pub use records::{
    AccountRow, AliasRow, Analyzed, ArgumentRow, Batch, Counts, Crawled, EntityRow, EntitySummaryRow,
    EventRow, ForumRow, ImportKey, ImportState, Interaction, PostFilter, QuarantineRow, RoleRow, Shortfall,
    SourceRow, StandingRow, ThreadRow, ThreatFilter, ThreatRow,
};
pub use sqlite::SqliteStore;

use async_trait::async_trait;
use tm_model::{EntityType, Label, Mention, Post, PostAnalysis, PostRecord, Reject, Threat, Timestamp};

/// A store operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or created.
    #[error("cannot open store {path}: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The file was written by a newer version of the program.
    #[error(
        "store {path} has schema version {found}, this program knows up to {known}: use a newer threatminer"
    )]
    Newer {
        /// The file.
        path: String,
        /// Version in the file.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The database cannot hold a store.
    #[error("store {path} cannot be used: {why}")]
    Unfit {
        /// The database.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database refused an operation.
    #[error("store: {0}")]
    Database(#[from] sqlx::Error),
    /// What was asked for makes no sense for what is stored.
    #[error("{0}")]
    Refused(String),
    /// A stored value cannot be read back: the file was changed by something else.
    #[error("store: damaged value: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the same operation may succeed a little later: the server restarts, the network is cut, two writers met.
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Database(e) | StoreError::Open { source: e, .. } => match e {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
                // Connection lost; server going down, starting or out of connections; deadlock or serialization; SQLite busy.
                sqlx::Error::Database(e) => e.code().is_some_and(|c| {
                    // SQLite's codes are short numbers.
                    c.starts_with("08") && c.len() == 5
                        || c.starts_with("57P")
                        || (c.starts_with("53") && c.len() == 5)
                        || matches!(&*c, "40001" | "40P01" | "55P03" | "5" | "517")
                }),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether what was written or read is the reason, so that other posts would fare better.
    pub fn is_about_data(&self) -> bool {
        match self {
            StoreError::Damaged(_) => true,
            StoreError::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_)) => true,
            StoreError::Database(sqlx::Error::Database(e)) => {
                e.code().is_some_and(|c| match c.parse::<u32>() {
                    // SQLite: a broken constraint, a value too big. The lowest byte is the kind.
                    Ok(code) if c.len() < 5 => matches!(code & 0xff, 18 | 19),
                    // PostgreSQL: data exceptions, broken constraints, limits exceeded.
                    _ => c.starts_with("22") || c.starts_with("23") || c.starts_with("54"),
                })
            }
            _ => false,
        }
    }
}

/// The right to do what only one process may do, until it is dropped or lost.
#[async_trait]
pub trait Leadership: Send {
    /// Whether it is still held.
    async fn holds(&mut self) -> bool;
}

/// Result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What every size of installation can do. Identifiers are the store's own unless said.
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins or goes on with the import of a file.
    async fn begin_import(&self, key: &ImportKey) -> Result<ImportState>;
    /// Stores a batch of posts and refusals and how far the import is, in one transaction. Posts that are known already
    /// (same forum and external identifier) are counted, not stored again. Returns the state afterwards.
    async fn store_batch(&self, import: i64, batch: &Batch) -> Result<ImportState>;
    /// Rows that an import set aside, at most `limit`.
    async fn rejects(&self, import: i64, limit: u32) -> Result<Vec<Reject>>;

    /// What a crawl of a forum has seen under a key.
    async fn crawl_mark(&self, forum: &str, key: &str) -> Result<Option<String>>;
    /// All that a crawl of a forum has seen under keys that begin with `prefix`, by key.
    async fn crawl_marks(&self, forum: &str, prefix: &str) -> Result<Vec<(String, String)>>;
    /// Number of marks under keys that begin with `prefix`, and the sum of their values read as whole numbers (others 0).
    async fn crawl_sum(&self, forum: &str, prefix: &str) -> Result<(u64, u64)>;
    /// Writes how a source fares, under its address; `page` is the address and the text of the page that shows what is
    /// wrong, none forgets it. The identifier stays, and what is not known this time: forum with name, engine, `last_good`.
    async fn record_source(&self, source: &SourceRow, page: Option<(&str, &str)>) -> Result<()>;
    /// All sources, by name and address.
    async fn sources(&self) -> Result<Vec<SourceRow>>;
    /// Address and text of the page that was kept of a source.
    async fn source_page(&self, id: i64) -> Result<Option<(String, String)>>;
    /// Stores what a crawl read, posts and marks, in one transaction. A known post whose words or edit time differ is
    /// replaced and pending again; its earlier words are kept as a revision. An empty mark forgets.
    async fn store_crawled(
        &self,
        forum: &str,
        posts: &[PostRecord],
        marks: &[(String, String)],
    ) -> Result<Crawled>;

    /// Number of posts that are not analysed by `version`.
    async fn pending(&self, version: &str) -> Result<u64>;
    /// At most `limit` posts that are not analysed by `version`, by identifier, above `after`.
    async fn next_pending(&self, version: &str, after: i64, limit: u32) -> Result<Vec<Post>>;
    /// Writes the analyses of a batch in one transaction, replacing older ones.
    async fn store_analyses(&self, version: &str, batch: &[Analyzed]) -> Result<()>;

    /// All event mentions with their circumstances, by time and identifier.
    async fn mentions(&self) -> Result<Vec<Mention>>;
    /// Replaces all threat events.
    async fn replace_threats(&self, threats: &[Threat]) -> Result<()>;
    /// All interactions: one row a post, with whom it answers and quotes.
    async fn interactions(&self) -> Result<Vec<Interaction>>;
    /// Replaces all standings.
    async fn replace_standings(&self, standings: &[StandingRow]) -> Result<()>;
    /// Contacts, wallets and keys that accounts name: account, type, normalised value; each once, in this order.
    async fn identifiers(&self) -> Result<Vec<(i64, EntityType, String)>>;
    /// Replaces the alias candidates; those on which an analyst has decided stay with their verdict.
    async fn replace_aliases(&self, aliases: &[AliasRow]) -> Result<()>;
    /// Alias candidates of an account, most probable first.
    async fn aliases_of(&self, account: i64) -> Result<Vec<AliasRow>>;
    /// A fact about the store.
    async fn fact(&self, key: &str) -> Result<Option<String>>;
    /// Writes a fact about the store.
    async fn set_fact(&self, key: &str, value: &str) -> Result<()>;

    /// Counts for the overview.
    async fn counts(&self) -> Result<Counts>;
    /// All forums.
    async fn forums(&self) -> Result<Vec<ForumRow>>;
    /// Distinct values of each entity type, most first.
    async fn entity_types(&self) -> Result<Vec<(String, u64)>>;
    /// Event mentions a month and type.
    async fn events_by_month(&self) -> Result<Vec<(String, String, u64)>>;
    /// Threat events that pass a filter, with the number of all that do.
    async fn threats(&self, filter: &ThreatFilter) -> Result<(u64, Vec<ThreatRow>)>;
    /// One threat event.
    async fn threat(&self, id: &str) -> Result<Option<ThreatRow>>;
    /// Event mentions of a threat event, by time.
    async fn threat_mentions(&self, id: &str) -> Result<Vec<EventRow>>;
    /// Threat events that an account takes part in, with its number of mentions.
    async fn threats_of_account(&self, account: i64) -> Result<Vec<(ThreatRow, u64)>>;
    /// Accounts by rank (or another order), with the number of all.
    async fn accounts(&self, filter: &PostFilter) -> Result<(u64, Vec<AccountRow>)>;
    /// One account.
    async fn account(&self, id: i64) -> Result<Option<AccountRow>>;
    /// Entities that pass a filter (`entity_type`, `text`), most posts first, with the number of all that do.
    async fn entities(&self, filter: &PostFilter) -> Result<(u64, Vec<EntitySummaryRow>)>;
    /// One entity.
    async fn entity(&self, id: i64) -> Result<Option<EntitySummaryRow>>;
    /// Entities of the posts that pass a filter, with the number of posts, most first.
    async fn entity_counts(&self, filter: &PostFilter) -> Result<Vec<EntitySummaryRow>>;
    /// Posts that pass a filter, newest first unless it says otherwise.
    async fn posts(&self, filter: &PostFilter) -> Result<Vec<Post>>;
    /// Threads by identifier.
    async fn threads(&self, ids: &[i64]) -> Result<Vec<ThreadRow>>;
    /// Entity mentions of posts.
    async fn entities_of(&self, posts: &[i64]) -> Result<Vec<EntityRow>>;
    /// Event mentions of posts.
    async fn events_of(&self, posts: &[i64]) -> Result<Vec<EventRow>>;
    /// What posts quote: post, quoted post if stored, quoted author.
    async fn quotes_of(&self, posts: &[i64]) -> Result<Vec<(i64, Option<i64>, Option<String>)>>;

    // Several processes on one store.

    /// Writes the analyses of posts in one transaction, replacing older ones. A post whose words have changed since it was
    /// read stays pending. Returns how many such there were. `analyses` stand in the order of `posts`.
    async fn store_analyses_of(
        &self,
        version: &str,
        posts: &[Post],
        analyses: &[PostAnalysis],
    ) -> Result<u64>;
    /// At most `limit` posts that are not analysed by `version`, with identifiers below `below`, newest first.
    async fn pending_ids(&self, version: &str, below: i64, limit: u32) -> Result<Vec<i64>>;
    /// Those of the posts that are not analysed by `version`, by identifier.
    async fn pending_of(&self, version: &str, posts: &[i64]) -> Result<Vec<Post>>;
    /// Makes at most `limit` posts above `after` pending again; returns the last of them, none when there are no more.
    async fn forget_analyses(&self, after: i64, limit: u32) -> Result<Option<i64>>;
    /// Sets a post aside that cannot be analysed by `version`: it is no longer pending for that version.
    async fn quarantine(&self, version: &str, post: i64, reason: &str, at: Timestamp) -> Result<()>;
    /// Number of posts set aside, and the first `limit` of them.
    async fn quarantined(&self, limit: u32) -> Result<(u64, Vec<QuarantineRow>)>;
    /// Gives all posts that were set aside another chance; returns how many.
    async fn release_quarantine(&self) -> Result<u64>;
    /// Replaces a fact if it still has the value `from`; says whether it had.
    async fn swap_fact(&self, key: &str, from: &str, to: &str) -> Result<bool>;
    /// Becomes the one process that plays a role; `None` while another one does. A store of one machine says yes to all.
    async fn lead(&self, role: &str) -> Result<Option<Box<dyn Leadership>>>;

    // Access: users, sessions, tokens, audit; what analysts keep and decide; what is new.

    /// True when there is a user.
    async fn has_users(&self) -> Result<bool>;
    /// Makes a user and returns its identifier; none when the name is taken, or when it was to be the first and is not.
    async fn add_user(&self, user: &NewUser) -> Result<Option<i64>>;
    /// All users, by name.
    async fn users(&self) -> Result<Vec<UserRow>>;
    /// The user of a name, whatever its case.
    async fn user_named(&self, name: &str) -> Result<Option<UserRow>>;
    /// Changes a user and ends its sessions.
    async fn change_user(&self, id: i64, change: &UserChange) -> Result<UserChanged>;
    /// Removes a user with its sessions, tokens and saved searches.
    async fn remove_user(&self, id: i64) -> Result<UserChanged>;
    /// Begins a session, notes the login of its user and forgets sessions that have ended.
    async fn add_session(&self, session: &SessionRow) -> Result<()>;
    /// The session with this hash and its user, ended or not.
    async fn session(&self, hash: &str) -> Result<Option<(SessionRow, UserRow)>>;
    /// Notes a request of a session.
    async fn session_seen(&self, hash: &str, seen: Timestamp) -> Result<()>;
    /// Ends a session.
    async fn end_session(&self, hash: &str) -> Result<()>;
    /// Keeps a token and returns its identifier.
    async fn add_token(&self, token: &TokenRow) -> Result<i64>;
    /// Tokens of a user, newest first.
    async fn tokens(&self, user: i64) -> Result<Vec<TokenRow>>;
    /// The token with this hash and its user, ended or not.
    async fn token(&self, hash: &str) -> Result<Option<(TokenRow, UserRow)>>;
    /// Notes a request with a token.
    async fn token_used(&self, id: i64, used: Timestamp) -> Result<()>;
    /// Removes a token of a user; false when there is none.
    async fn remove_token(&self, id: i64, user: i64) -> Result<bool>;
    /// Adds to the audit log.
    async fn add_audit(&self, entry: &AuditRow) -> Result<()>;
    /// Entries of the audit log below an identifier, newest first, with the number of all.
    async fn audit(&self, before: Option<i64>, offset: u32, limit: u32) -> Result<(u64, Vec<AuditRow>)>;
    /// Keeps a search and returns its identifier.
    async fn add_search(&self, search: &SavedSearch) -> Result<i64>;
    /// Saved searches of a user and those without an owner, newest first.
    async fn searches(&self, user: Option<i64>) -> Result<Vec<SavedSearch>>;
    /// Removes a saved search that the user may see; false when there is none.
    async fn remove_search(&self, id: i64, user: Option<i64>) -> Result<bool>;
    /// Marks of accounts, newest first.
    async fn marks(&self) -> Result<Vec<MarkRow>>;
    /// Marks an account, in place of an older mark.
    async fn set_mark(&self, mark: &MarkRow) -> Result<()>;
    /// Removes the mark of an account.
    async fn remove_mark(&self, account: i64) -> Result<()>;
    /// Writes an analyst's verdict on two accounts, `accepted`, `rejected` or none; also on a pair that is no candidate.
    async fn set_verdict(&self, one: i64, other: i64, verdict: Option<&str>) -> Result<()>;
    /// What the other filters leave of each facet of threat events, most first.
    async fn threat_facets(&self, filter: &ThreatFilter) -> Result<Vec<FacetRow>>;
    /// Whether anything is new.
    async fn pulse(&self) -> Result<Pulse>;
    /// Posts above an identifier: forum and number.
    async fn posts_above(&self, after: i64) -> Result<Vec<(String, u64)>>;

    // Alerts. `save_` makes a new row when the identifier is 0 and answers with the identifier; none when there is no such row.

    /// All watchlists.
    async fn watchlists(&self) -> Result<Vec<WatchlistRow>>;
    /// Makes or changes a watchlist.
    async fn save_watchlist(&self, watchlist: &WatchlistRow) -> Result<Option<i64>>;
    /// Removes a watchlist; false when there is none.
    async fn delete_watchlist(&self, id: i64) -> Result<bool>;
    /// All channels.
    async fn channels(&self) -> Result<Vec<ChannelRow>>;
    /// Makes or changes a channel.
    async fn save_channel(&self, channel: &ChannelRow) -> Result<Option<i64>>;
    /// Removes a channel and gives up what waits for it; false when there is none.
    async fn delete_channel(&self, id: i64, now: Timestamp) -> Result<bool>;
    /// All alert rules.
    async fn rules(&self) -> Result<Vec<RuleRow>>;
    /// Makes or changes an alert rule.
    async fn save_rule(&self, rule: &RuleRow) -> Result<Option<i64>>;
    /// Removes an alert rule with what it remembers; its alerts stay. False when there is none.
    async fn delete_rule(&self, id: i64) -> Result<bool>;
    /// At most `limit` posts that are analysed and that no rule has judged, by identifier. Posts come here with their
    /// analyses while a rule is enabled.
    async fn unjudged(&self, limit: u32) -> Result<Vec<i64>>;
    /// Posts that a rule about rates has counted since then, by time.
    async fn rule_hits(&self, rule: i64, since: Timestamp) -> Result<Vec<(i64, Timestamp)>>;
    /// When a rule rang last.
    async fn last_rung(&self, rule: i64) -> Result<Option<Timestamp>>;
    /// Stores what judging came to, in one transaction: alerts whose rule has not rung for their key, their deliveries, what
    /// rules remember, and that the posts are judged. Identifiers of the new alerts come back.
    async fn record_alerts(&self, round: &AlertRound) -> Result<Vec<i64>>;
    /// Alerts that pass a filter, newest first, with the number of all that do.
    async fn alerts(&self, filter: &AlertFilter) -> Result<(u64, Vec<AlertRow>)>;
    /// Changes the state of an alert; false when there is none.
    async fn set_alert_state(&self, id: i64, state: &str) -> Result<bool>;
    /// Stores a delivery that tries a channel.
    async fn add_delivery(&self, channel: &ChannelRow, key: &str, now: Timestamp) -> Result<DeliveryRow>;
    /// Deliveries that pass a filter.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>>;
    /// Takes a delivery for one try: counts it and puts the next one off. False when another took it.
    async fn claim_delivery(&self, id: i64, attempts: u32, next_try: Timestamp) -> Result<bool>;
    /// Writes how a try went: the state afterwards, when it ended for good, and in words.
    async fn record_try(&self, id: i64, state: &str, finished: Option<Timestamp>, detail: &str)
    -> Result<()>;

    // Corrections by analysts, and fusion of what is new.
    /// Keeps a correction and applies it to the mentions of its post, in one transaction; it is applied anew after each
    /// later analysis. Returns its identifier.
    async fn add_label(&self, label: &Label) -> Result<i64>;
    /// Corrections of posts (none: of all), by identifier; those that rest because the post has other words now are left out.
    async fn labels(&self, posts: Option<&[i64]>) -> Result<Vec<Label>>;
    /// Takes a correction back; its post is pending again. False when there is none.
    async fn remove_label(&self, id: i64) -> Result<bool>;
    /// Event mentions of posts with their circumstances, by time and identifier.
    async fn mentions_of(&self, posts: &[i64]) -> Result<Vec<Mention>>;
    /// Writes threat events that are new or have changed, and forgets those named in `gone`, in one transaction.
    async fn update_threats(&self, changed: &[Threat], gone: &[String]) -> Result<()>;
}
