//! Rules as they are written.

use crate::matching::pattern;
use serde::{Deserialize, Serialize};
use tm_model::{EntityType, EventType, Family, Language, Modality, Role};

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It asks for nothing.
    #[error(
        "a rule needs a condition: keywords, regex, events, families, arguments, entities, watchlists, query, \
        key_hacker or burst with one of them"
    )]
    Empty,
    /// The regular expression does not compile, or grows too large.
    #[error("regex: {0}")]
    Regex(String),
    /// Conditions that cannot stand together.
    #[error("{0}")]
    Together(String),
    /// A value that makes no sense.
    #[error("{field}: {reason}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A watchlist that is not there.
    #[error("there is no watchlist {0}")]
    NoWatchlist(i64),
}

/// When a rule rings. All conditions that are given must hold; of a list one entry is enough.
///
/// `events`, `families`, `modality`, `arguments`, `min_severity` and `min_confidence` speak of one event mention and must
/// hold for the same one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Words or phrases in text or title; case and width do not count, `name*` allows any ending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Regular expression over the text, in the syntax of the `regex` crate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Types of the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventType>,
    /// Families of the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<Family>,
    /// How the author stands to the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modality: Vec<Modality>,
    /// Arguments of the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<ArgumentIs>,
    /// Entities of the post.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<EntityIs>,
    /// Watchlists by identifier; near an event when the rule speaks of one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watchlists: Vec<i64>,
    /// Forums by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forums: Vec<String>,
    /// Languages of the post.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// Severity of the threat event that the mention belongs to, at least; 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<f64>,
    /// Confidence of the mention, at least; 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_confidence: Option<f64>,
    /// A saved query in the language of the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// An account that became a key hacker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_hacker: Option<KeyHackerWhen>,
    /// The other conditions hold far more often than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<BurstWhen>,
    /// Posts older than so many days do not ring: what an import of an old forum brings is no news.
    pub max_age_days: u32,
    /// What rings once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
}

/// An argument of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgumentIs {
    /// The part that it plays; any when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Words that it holds, as in `keywords`; any when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityIs {
    /// Type.
    #[serde(rename = "type")]
    pub kind: EntityType,
    /// Value; `CVE-2025-*` allows any ending, and every value when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Who counts as a key hacker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHackerWhen {
    /// Ranks from 1 to this one.
    pub top: u32,
}

/// What counts as a burst.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BurstWhen {
    /// Length of the window.
    pub hours: u32,
    /// Posts in the window, at least.
    pub at_least: u32,
    /// Times as many as in an average window of the weeks before, at least.
    pub factor: f64,
}

impl Default for BurstWhen {
    fn default() -> BurstWhen {
        BurstWhen { hours: 24, at_least: 5, factor: 3.0 }
    }
}

/// What rings once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each post.
    Post,
    /// Each thread.
    Thread,
    /// Each author.
    Author,
    /// Each threat event; a post without one for itself.
    Threat,
}

/// When alerts are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// At once.
    Now,
    /// Together at the full hour.
    Hourly,
    /// Together at six in the morning (UTC).
    Daily,
}

impl Digest {
    /// The name used in files and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Digest::Now => "now",
            Digest::Hourly => "hourly",
            Digest::Daily => "daily",
        }
    }
}

impl std::str::FromStr for Digest {
    type Err = RuleError;
    fn from_str(s: &str) -> Result<Digest, RuleError> {
        [Digest::Now, Digest::Hourly, Digest::Daily].into_iter().find(|d| d.as_str() == s).ok_or_else(|| {
            RuleError::Value { field: "digest", reason: format!("'{s}' is none of now, hourly, daily") }
        })
    }
}

/// Days after which a post is no news, when a rule says nothing.
const MAX_AGE_DAYS: u32 = 30;
/// Entries of a list in a rule.
const LIST: usize = 1000;
/// Code points of a word or value.
const WORD: usize = 500;

impl When {
    /// Reads a rule from JSON and checks it.
    ///
    /// # Errors
    /// [`RuleError`] says which condition is wrong and why.
    pub fn parse(json: &str) -> Result<When, RuleError> {
        let bad = |reason: String| RuleError::Value { field: "when", reason };
        // A list would be read as the fields in their order.
        if !json.trim_start().starts_with('{') {
            return Err(bad("must be an object".into()));
        }
        let when: When = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        when.check()?;
        Ok(when)
    }

    /// Days after which a post does not ring.
    pub fn max_age_days(&self) -> u32 {
        if self.max_age_days == 0 { MAX_AGE_DAYS } else { self.max_age_days }
    }

    /// Whether the rule speaks of an event mention.
    pub fn about_events(&self) -> bool {
        !self.events.is_empty()
            || !self.families.is_empty()
            || !self.modality.is_empty()
            || !self.arguments.is_empty()
            || self.min_severity.is_some()
            || self.min_confidence.is_some()
    }

    /// Whether the rule looks at posts at all.
    pub fn about_posts(&self) -> bool {
        self.about_events()
            || !self.keywords.is_empty()
            || self.regex.is_some()
            || !self.entities.is_empty()
            || !self.watchlists.is_empty()
            || self.query.is_some()
            || !self.languages.is_empty()
    }

    /// Whether the rule has to know what was there before it.
    pub fn needs_past(&self) -> bool {
        self.key_hacker.is_some() || self.burst.is_some()
    }

    /// Checks that the rule makes sense.
    ///
    /// # Errors
    /// [`RuleError`] says which condition is wrong and why.
    pub fn check(&self) -> Result<(), RuleError> {
        let value = |field, reason: String| Err(RuleError::Value { field, reason });
        if let Some(key) = &self.key_hacker {
            if self.about_posts() || self.burst.is_some() {
                return Err(RuleError::Together(
                    "key_hacker is about accounts: only forums can stand beside it".into(),
                ));
            }
            if key.top == 0 || key.top > 10_000 {
                return value("key_hacker.top", "must be between 1 and 10000".into());
            }
            return Ok(());
        }
        if !self.about_posts() && self.forums.is_empty() {
            return Err(RuleError::Empty);
        }
        if let Some(b) = &self.burst {
            if b.hours == 0 || b.hours > 24 * 28 {
                return value("burst.hours", "must be between 1 and 672".into());
            }
            if b.at_least < 2 {
                return value("burst.at_least", "must be at least 2".into());
            }
            if !(b.factor.is_finite() && b.factor >= 1.0) {
                return value("burst.factor", "must be at least 1".into());
            }
        }
        for (field, share) in [("min_severity", self.min_severity), ("min_confidence", self.min_confidence)] {
            if share.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
                return value(field, "must be between 0 and 1".into());
            }
        }
        if self.max_age_days > 36_500 {
            return value("max_age_days", "must be at most 36500".into());
        }
        let arguments = self.arguments.iter().filter_map(|a| a.value.as_ref());
        let entities = self.entities.iter().filter_map(|e| e.value.as_ref());
        let words = [
            ("keywords", self.keywords.iter().collect::<Vec<_>>()),
            ("arguments", arguments.collect()),
            ("entities", entities.collect()),
            ("forums", self.forums.iter().collect()),
            ("query", self.query.iter().collect()),
        ];
        for (field, list) in words {
            if list.len() > LIST {
                return value(field, format!("has more than {LIST} entries; a watchlist can hold them"));
            }
            for word in list {
                if word.trim().trim_end_matches('*').trim().is_empty() {
                    return value(field, "holds an empty entry".into());
                }
                if word.chars().count() > WORD {
                    return value(field, format!("holds an entry of more than {WORD} characters"));
                }
            }
        }
        if let Some(empty) = self.arguments.iter().find(|a| a.role.is_none() && a.value.is_none()) {
            return value("arguments", format!("{empty:?} asks for nothing: give role, value or both"));
        }
        if let Some(regex) = &self.regex {
            pattern(regex)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: &str) {
        match When::parse(json) {
            Ok(_) => assert_eq!("", expect, "{json}"),
            Err(e) => assert!(
                !expect.is_empty() && e.to_string().contains(expect),
                "{json}: {e}, expected '{expect}'"
            ),
        }
    }

    #[test]
    fn rules_that_make_sense() {
        check(r#"{"keywords": ["банк*"]}"#, "");
        check(
            r#"{"events": ["ddos"], "modality": ["planned"], "arguments": [{"role": "target", "value": "x"}]}"#,
            "",
        );
        check(r#"{"entities": [{"type": "cve", "value": "CVE-2025-*"}], "burst": {"hours": 6}}"#, "");
        check(r#"{"key_hacker": {"top": 20}, "forums": ["Dark Harbour"]}"#, "");
        check(r#"{"forums": ["Dark Harbour"]}"#, "");
    }

    #[test]
    fn rules_that_do_not() {
        check("{}", "needs a condition");
        check("[]", "when");
        check(r#"{"keyword": ["x"]}"#, "unknown field");
        check(r#"{"events": ["hack"]}"#, "unknown variant");
        check(r#"{"keywords": ["*"]}"#, "empty entry");
        check(r#"{"regex": "(a"}"#, "regex");
        check(r#"{"regex": "(\\w{1000}){1000}"}"#, "regex");
        check(r#"{"key_hacker": {"top": 20}, "keywords": ["x"]}"#, "about accounts");
        check(r#"{"key_hacker": {"top": 0}}"#, "between 1 and");
        check(r#"{"burst": {"hours": 24}}"#, "needs a condition");
        check(r#"{"keywords": ["x"], "burst": {"at_least": 1}}"#, "at least 2");
        check(r#"{"keywords": ["x"], "min_severity": 7}"#, "between 0 and 1");
        check(r#"{"arguments": [{}]}"#, "asks for nothing");
    }

    #[test]
    fn written_and_read_again() {
        let json = r#"{"events":["ddos"],"watchlists":[3],"max_age_days":7,"per":"thread"}"#;
        let when = When::parse(json).unwrap();
        assert_eq!(serde_json::to_string(&when).unwrap(), json);
    }
}
