//! Rows of access: users, sessions, tokens, the audit log, and what analysts keep and decide.

use tm_model::Timestamp;

/// Someone who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Identifier.
    pub id: i64,
    /// Name.
    pub name: String,
    /// `viewer`, `analyst` or `admin`.
    pub role: String,
    /// Hash of the password, argon2id in PHC form.
    pub password: String,
    /// When it was made.
    pub created: Timestamp,
    /// Last login with the password.
    pub last_login: Option<Timestamp>,
    /// True when it may not log in.
    pub disabled: bool,
}

/// A user that is to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Name; unique whatever its case.
    pub name: String,
    /// `viewer`, `analyst` or `admin`.
    pub role: String,
    /// Hash of the password, argon2id in PHC form.
    pub password: String,
    /// When.
    pub created: Timestamp,
    /// Make it only when there is no user yet.
    pub first: bool,
}

/// What is to change about a user; none leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// `viewer`, `analyst` or `admin`.
    pub role: Option<String>,
    /// Hash of a new password.
    pub password: Option<String>,
    /// Whether it may log in.
    pub disabled: Option<bool>,
}

/// What became of a change to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChanged {
    /// It is done; its sessions have ended.
    Done,
    /// There is no such user.
    Missing,
    /// It would leave nobody who may administer; nothing was changed.
    LastAdmin,
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Hash of what the browser holds.
    pub hash: String,
    /// Whose.
    pub user_id: i64,
    /// When it began.
    pub created: Timestamp,
    /// Last request, to the minute.
    pub seen: Timestamp,
    /// When it ends whatever happens.
    pub expires: Timestamp,
}

/// A token for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Identifier; ignored when it is added.
    pub id: i64,
    /// Whose.
    pub user_id: i64,
    /// Name.
    pub name: String,
    /// Hash of the token.
    pub hash: String,
    /// `read`, `write`, `admin`.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Last request, to the minute.
    pub last_used: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Identifier, growing; ignored when it is added.
    pub id: i64,
    /// When.
    pub time: Timestamp,
    /// Name of the user; none without accounts.
    pub user: Option<String>,
    /// What was done, such as `view actor`.
    pub action: String,
    /// To what, such as `actor 17`.
    pub object: String,
    /// From where.
    pub address: String,
}

/// A query that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSearch {
    /// Identifier; ignored when it is added.
    pub id: i64,
    /// Whose; none is everyone's.
    pub user_id: Option<i64>,
    /// Name.
    pub name: String,
    /// The query.
    pub query: String,
    /// When.
    pub created: Timestamp,
}

/// What an analyst says of an account of a forum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRow {
    /// The account.
    pub account_id: i64,
    /// `key`, `not_key` or `watch`.
    pub mark: String,
    /// Why.
    pub note: String,
    /// Who said so.
    pub user: Option<String>,
    /// When.
    pub time: Timestamp,
}

/// Whether something is new, cheap to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    /// Highest identifier of a post.
    pub newest_post: i64,
    /// How often ranking and fusion were concluded.
    pub conclusions: u64,
    /// Time of the youngest state of a source, in unix seconds.
    pub sources: i64,
}

/// A value of a facet with the number of threat events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetRow {
    /// `type`, `status`, `forum`, `lang` or `severity`.
    pub facet: &'static str,
    /// The value; of `severity` the lower bound of a quarter.
    pub value: String,
    /// Threat events that the other filters leave.
    pub count: u64,
}
