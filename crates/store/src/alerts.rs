//! Rows of watchlists, alert rules, channels, alerts and deliveries.

use tm_model::{Span, Timestamp};

/// Names and values that rules watch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchlistRow {
    /// Identifier; 0 for one that is not stored yet.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// `keyword`, `organization`, `cve`, `indicator` or `actor`.
    pub kind: String,
    /// What is watched.
    pub items: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// Identifier; 0 for one that is not stored yet.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// `email`, `webhook`, `slack`, `telegram` or `syslog`.
    pub kind: String,
    /// JSON object that depends on the kind; holds secrets.
    pub settings: String,
    /// When it was made.
    pub created: Timestamp,
}

/// When to ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Identifier; 0 for one that is not stored yet.
    pub id: i64,
    /// Name, unique.
    pub name: String,
    /// Whether it is judged at all.
    pub enabled: bool,
    /// JSON object.
    pub conditions: String,
    /// Channels that it rings on.
    pub channels: Vec<i64>,
    /// `now`, `hourly` or `daily`.
    pub digest: String,
    /// Whether it knows what was there before it.
    pub primed: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// An alert on its way into the store. Words are masked already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    /// Rule that rings.
    pub rule: i64,
    /// Its name.
    pub rule_name: String,
    /// What it rings for: once for each rule and key.
    pub key: String,
    /// In words.
    pub title: String,
    /// 0 to 1.
    pub severity: f64,
    /// Time of the post.
    pub posted: Option<Timestamp>,
    /// Threat event.
    pub threat: Option<String>,
    /// Post.
    pub post: Option<i64>,
    /// Author, or the account that it is about.
    pub account: Option<i64>,
    /// Where in the post, and the sentence around it.
    pub evidence: Option<(Span, String)>,
    /// Channel, key that gathers deliveries, and when the first try is due.
    pub notify: Vec<(i64, String, Timestamp)>,
}

/// What judging some posts came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertRound {
    /// When.
    pub now: Timestamp,
    /// Posts that are judged.
    pub judged: Vec<i64>,
    /// What rings.
    pub alerts: Vec<NewAlert>,
    /// Rule, post and time that a rule about rates counts.
    pub hits: Vec<(i64, i64, Timestamp)>,
    /// Rule and key that counts as rung without ringing.
    pub known: Vec<(i64, String)>,
    /// Rules that know now what was there before them.
    pub primed: Vec<i64>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    /// Identifier; grows.
    pub id: i64,
    /// Rule that rang, which may be gone.
    pub rule: i64,
    /// Its name then.
    pub rule_name: String,
    /// When it rang.
    pub time: Timestamp,
    /// Time of the post.
    pub posted: Option<Timestamp>,
    /// In words.
    pub title: String,
    /// 0 to 1.
    pub severity: f64,
    /// `new`, `seen` or `closed`.
    pub state: String,
    /// Threat event.
    pub threat: Option<String>,
    /// Post.
    pub post: Option<i64>,
    /// Account.
    pub account: Option<i64>,
    /// Where in the post, and the sentence around it.
    pub evidence: Option<(Span, String)>,
}

/// Which alerts, newest first.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Alerts by identifier; others do not count.
    pub id: Option<i64>,
    /// State.
    pub state: Option<String>,
    /// Rule.
    pub rule: Option<i64>,
    /// Alerts of this delivery.
    pub delivery: Option<i64>,
    /// Only those with a lower identifier: where the last page ended.
    pub before: Option<i64>,
    /// Rows to skip.
    pub offset: u32,
    /// Rows to return; 0 means all.
    pub limit: u32,
}

/// What has to reach a channel, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Identifier; grows.
    pub id: i64,
    /// What gathers its alerts; the same in every try.
    pub key: String,
    /// Channel, which may be gone.
    pub channel: i64,
    /// Its name then.
    pub channel_name: String,
    /// `alerts` or `test`.
    pub kind: String,
    /// `waiting`, `delivered` or `given_up`.
    pub state: String,
    /// When it was stored.
    pub created: Timestamp,
    /// First try.
    pub due: Timestamp,
    /// Next try.
    pub next_try: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// When it was delivered or given up.
    pub finished: Option<Timestamp>,
    /// What the last try said.
    pub detail: Option<String>,
    /// Number of its alerts.
    pub alerts: u64,
}

/// Which deliveries, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Channel.
    pub channel: Option<i64>,
    /// Only those that wait for a try that is due by then; earliest first.
    pub due: Option<Timestamp>,
    /// Only those with a lower identifier: where the last page ended.
    pub before: Option<i64>,
    /// Rows to return; 0 means all.
    pub limit: u32,
}
