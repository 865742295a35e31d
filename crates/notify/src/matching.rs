//! Judging: what of a post makes a rule ring.

use crate::fold::{Words, fold, key};
use crate::rule::{BurstWhen, Per, RuleError, When};
use crate::watch::{Watch, Watchlist};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;
use tm_model::{CharIndex, EntityType, EventType, Language, Modality, Role, Span, Timestamp};

/// Length of a pattern, in bytes.
const PATTERN: usize = 2000;
/// Memory of a compiled pattern and of the automata made while it runs, in bytes.
const PATTERN_MEMORY: usize = 2 << 20;
/// Code points around a trigger within which a watched name belongs to its event.
const NEAR: u32 = 300;
/// Weeks whose average a burst is measured against, in windows.
const BASE: i64 = 28;

/// Compiles a regular expression of a rule. The engine takes linear time on any text; its size is bounded.
pub(crate) fn pattern(text: &str) -> Result<Regex, RuleError> {
    if text.len() > PATTERN {
        return Err(RuleError::Regex(format!("longer than {PATTERN} bytes")));
    }
    RegexBuilder::new(text)
        .size_limit(PATTERN_MEMORY)
        .dfa_size_limit(PATTERN_MEMORY)
        .build()
        .map_err(|e| RuleError::Regex(e.to_string()))
}

/// A post as rules see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Post.
    pub post: i64,
    /// Thread.
    pub thread: i64,
    /// Title of the thread.
    pub title: String,
    /// Forum.
    pub forum: String,
    /// Author: account and handle.
    pub author: Option<(i64, String)>,
    /// When it was posted.
    pub time: Option<Timestamp>,
    /// Language.
    pub language: Option<Language>,
    /// The words.
    pub text: String,
    /// Entities.
    pub entities: Vec<FactsEntity>,
    /// Event mentions, by place.
    pub events: Vec<FactsEvent>,
    /// Saved queries that find the post.
    pub found_by: BTreeSet<String>,
}

/// An entity of a post.
#[derive(Debug, Clone, PartialEq)]
pub struct FactsEntity {
    /// Type.
    pub kind: EntityType,
    /// Normalised value.
    pub value: String,
    /// Where.
    pub span: Span,
}

/// An event mention of a post.
#[derive(Debug, Clone, PartialEq)]
pub struct FactsEvent {
    /// Type.
    pub kind: EventType,
    /// Modality.
    pub modality: Modality,
    /// 0 to 1.
    pub confidence: f64,
    /// Where.
    pub trigger: Span,
    /// Role, words, place.
    pub arguments: Vec<(Role, String, Span)>,
    /// Threat event that it was joined to.
    pub threat: Option<FactsThreat>,
}

/// A threat event that a mention was joined to.
#[derive(Debug, Clone, PartialEq)]
pub struct FactsThreat {
    /// Identifier.
    pub id: String,
    /// In words.
    pub title: String,
    /// 0 to 1.
    pub severity: f64,
}

/// Something that rings.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// What it rings for; a rule rings once for each key.
    pub key: String,
    /// In words.
    pub title: String,
    /// What made it ring, in words.
    pub reasons: Vec<String>,
    /// 0 to 1.
    pub severity: f64,
    /// Threat event.
    pub threat: Option<String>,
    /// Where in the post; empty when it is the post as a whole.
    pub span: Span,
}

/// A rule that is ready to judge.
#[derive(Debug)]
pub struct Matcher {
    when: When,
    keywords: Words,
    regex: Option<Regex>,
    arguments: Vec<(Option<Role>, Option<Words>)>,
    entities: Vec<(EntityType, Option<String>)>,
    watches: Vec<(String, Watch)>,
    forums: BTreeSet<String>,
}

impl Matcher {
    /// Makes a rule ready; `lists` are the watchlists that it may name.
    ///
    /// # Errors
    /// [`RuleError`] when the rule makes no sense or names a watchlist that is not there.
    pub fn new(when: &When, lists: &[Watchlist]) -> Result<Matcher, RuleError> {
        when.check()?;
        let unusable = |field: &'static str| move |reason: String| RuleError::Value { field, reason };
        let watches = when.watchlists.iter().map(|id| {
            let list = lists.iter().find(|l| l.id == *id).ok_or(RuleError::NoWatchlist(*id))?;
            Ok((list.name.clone(), Watch::new(list).map_err(unusable("watchlists"))?))
        });
        let arguments = when.arguments.iter().map(|a| {
            let words = a.value.as_deref().map(|v| Words::new([v])).transpose();
            Ok((a.role, words.map_err(unusable("arguments"))?))
        });
        Ok(Matcher {
            keywords: Words::new(when.keywords.iter().map(String::as_str)).map_err(unusable("keywords"))?,
            regex: when.regex.as_deref().map(pattern).transpose()?,
            arguments: arguments.collect::<Result<_, _>>()?,
            entities: when.entities.iter().map(|e| (e.kind, e.value.as_deref().map(fold))).collect(),
            watches: watches.collect::<Result<_, _>>()?,
            forums: when.forums.iter().map(|f| fold(f.trim())).collect(),
            when: when.clone(),
        })
    }

    /// The rule.
    pub fn when(&self) -> &When {
        &self.when
    }

    /// What of a post rings at the time `now`, by place; posts that are too old do not.
    pub fn judge(&self, post: &Facts, now: Timestamp) -> Vec<Ring> {
        let days = i64::from(self.when.max_age_days()) * 86_400;
        // What was usual is older than what is news.
        let oldest = now.0.saturating_sub(self.when.burst.map_or(days, |b| days.max(b.memory())));
        if post.time.is_some_and(|t| t.0 < oldest) || self.when.key_hacker.is_some() {
            return Vec::new();
        }
        if !self.forums.is_empty() && !self.forums.contains(&fold(&post.forum)) {
            return Vec::new();
        }
        let language = post.language.unwrap_or(Language::Other);
        if !self.when.languages.is_empty() && !self.when.languages.contains(&language) {
            return Vec::new();
        }
        if self.when.query.as_ref().is_some_and(|q| !post.found_by.contains(q)) {
            return Vec::new();
        }
        let folded = fold(&post.text);
        if !self.when.about_events() {
            return self.of_post(post, &folded).into_iter().collect();
        }
        let mut rings: Vec<Ring> = Vec::new();
        for event in &post.events {
            if let Some(ring) = self.of_event(post, event, &folded)
                && !rings.iter().any(|r| r.key == ring.key)
            {
                rings.push(ring);
            }
        }
        rings
    }

    /// Conditions that a post fulfils as a whole; those of `near` places only. `None` when one does not hold.
    fn common(
        &self,
        post: &Facts,
        folded: &str,
        near: &dyn Fn(Span) -> bool,
    ) -> Option<Vec<(String, Option<Span>)>> {
        let mut found: Vec<(String, Option<Span>)> = Vec::new();
        if !self.when.keywords.is_empty() {
            let (word, span) = match self.keywords.find(folded, |_| true) {
                Some((i, span)) => (i, Some(span)),
                None => (self.keywords.find(&fold(&post.title), |_| true)?.0, None),
            };
            found.push((format!("keyword “{}”", self.when.keywords.get(word)?), span));
        }
        if let Some(regex) = &self.regex {
            let hit = regex.find(&post.text)?;
            let index = CharIndex::new(&post.text);
            found.push((
                "regex".into(),
                Some(Span::new(index.char_at(hit.start()), index.char_at(hit.end()))),
            ));
        }
        if !self.entities.is_empty() {
            let hit = post.entities.iter().find(|e| {
                self.entities
                    .iter()
                    .any(|(kind, value)| *kind == e.kind && value.as_ref().is_none_or(|v| same(v, &e.value)))
            })?;
            found.push((format!("{} {}", hit.kind, hit.value), Some(hit.span)));
        }
        if !self.watches.is_empty() {
            let (name, seen) =
                self.watches.iter().find_map(|(name, w)| Some((name, w.find(post, folded, near)?)))?;
            found.push((format!("watched “{}” ({name})", seen.item), seen.span));
        }
        if let Some(query) = &self.when.query {
            found.push((format!("query “{query}”"), None));
        }
        Some(found)
    }

    fn of_post(&self, post: &Facts, folded: &str) -> Option<Ring> {
        let found = self.common(post, folded, &|_| true)?;
        let span = found.iter().find_map(|f| f.1).unwrap_or(Span::new(0, 0));
        let reasons: Vec<String> = found.into_iter().map(|f| f.0).collect();
        let what = if reasons.is_empty() { "new post".to_owned() } else { reasons.join(", ") };
        let threats = || post.events.iter().filter_map(|e| e.threat.as_ref());
        let threat = threats().next();
        Some(Ring {
            key: self.key(post, threat.map(|t| t.id.as_str()), Per::Post),
            title: format!("{what}: {}", title(post)),
            reasons,
            severity: threats().map(|t| t.severity).fold(0.0, f64::max),
            threat: threat.map(|t| t.id.clone()),
            span,
        })
    }

    fn of_event(&self, post: &Facts, event: &FactsEvent, folded: &str) -> Option<Ring> {
        let w = &self.when;
        let severity = event.threat.as_ref().map_or(0.0, |t| t.severity);
        let kind = (w.events.is_empty() && w.families.is_empty())
            || w.events.contains(&event.kind)
            || w.families.contains(&event.kind.family());
        let holds = kind
            && (w.modality.is_empty() || w.modality.contains(&event.modality))
            && w.min_confidence.is_none_or(|least| event.confidence >= least)
            && w.min_severity.is_none_or(|least| severity >= least);
        if !holds {
            return None;
        }
        let mut reasons = vec![format!("{} {}", event.kind, event.modality)];
        if !self.arguments.is_empty() {
            let hit = event.arguments.iter().find(|(role, text, _)| {
                self.arguments.iter().any(|(r, words)| {
                    r.is_none_or(|r| r == *role) && words.as_ref().is_none_or(|w| w.stand_in(text))
                })
            })?;
            reasons.push(format!("{} “{}”", hit.0, hit.1));
        }
        let around =
            Span::new(event.trigger.start.saturating_sub(NEAR), event.trigger.end.saturating_add(NEAR));
        let near = |span: Span| around.overlaps(span) || event.arguments.iter().any(|a| a.2.overlaps(span));
        reasons.extend(self.common(post, folded, &near)?.into_iter().map(|f| f.0));
        let threat = event.threat.as_ref();
        let subject = threat.map_or_else(|| title(post), |t| t.title.clone());
        Some(Ring {
            key: self.key(post, threat.map(|t| t.id.as_str()), Per::Threat),
            title: format!("{}: {subject}", reasons.join(", ")),
            reasons,
            severity,
            threat: threat.map(|t| t.id.clone()),
            span: event.trigger,
        })
    }

    fn key(&self, post: &Facts, threat: Option<&str>, usual: Per) -> String {
        let alone = format!("post:{}", post.post);
        match self.when.per.unwrap_or(usual) {
            Per::Post => alone,
            Per::Thread => format!("thread:{}", post.thread),
            Per::Author => post.author.as_ref().map_or(alone, |a| format!("account:{}", a.0)),
            Per::Threat => threat.map_or(alone, |id| format!("threat:{id}")),
        }
    }
}

/// What a post is called where it has no title.
fn title(post: &Facts) -> String {
    let title = post.title.trim();
    if !title.is_empty() {
        return title.to_owned();
    }
    let flat: String = post.text.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.chars().take(80).collect()
}

/// Whether an entity's value is the one of a rule (folded; `*` at its end allows any ending).
fn same(wanted: &str, value: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(stem) => fold(value).starts_with(stem),
        None => fold(value) == wanted || (!key(wanted).is_empty() && key(value) == key(wanted)),
    }
}

/// A rate that is far above what it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Posts in the window.
    pub count: u32,
    /// Posts that an average window of the weeks before had.
    pub expected: f64,
    /// The newest post.
    pub post: i64,
}

impl BurstWhen {
    /// Seconds of the window.
    fn window(&self) -> i64 {
        i64::from(self.hours) * 3600
    }

    /// How far back hits have to be known, in seconds.
    pub fn memory(&self) -> i64 {
        self.window() * (BASE + 1)
    }

    /// Whether hits (post and time) are a burst at `now`. A rule that rang within a window waits for its end.
    pub fn judge(&self, hits: &[(i64, Timestamp)], now: Timestamp, last: Option<Timestamp>) -> Option<Burst> {
        let (window, start) = (self.window(), now.0.saturating_sub(self.window()));
        if last.is_some_and(|l| l.0 > start) {
            return None;
        }
        let within = |from: i64, to: i64| hits.iter().filter(move |h| h.1.0 > from && h.1.0 <= to);
        let count = within(start, now.0).count();
        let before = within(start.saturating_sub(window * BASE), start).count();
        let expected = before as f64 / BASE as f64;
        let newest = within(start, now.0).max_by_key(|h| (h.1, h.0))?;
        let many = count >= self.at_least as usize && count as f64 >= self.factor * expected;
        many.then_some(Burst { count: u32::try_from(count).unwrap_or(u32::MAX), expected, post: newest.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::WatchKind;

    const NOW: Timestamp = Timestamp(1_767_225_600);

    fn threat(id: &str, severity: f64) -> Option<FactsThreat> {
        Some(FactsThreat { id: id.into(), title: format!("event {id}"), severity })
    }

    /// A DDoS that is planned against bank.example, and an offer that has nothing to do with it, far below.
    fn post() -> Facts {
        let text =
            format!("завтра в 10 кладём bank.example, ddos{}selling logs of shop.example", " .".repeat(400));
        let far = text.chars().count() as u32 - 28;
        Facts {
            post: 9,
            thread: 4,
            title: "работа".into(),
            forum: "Тёмный Порт".into(),
            author: Some((3, "vega".into())),
            time: Some(Timestamp(NOW.0 - 60)),
            language: Some(Language::Ru),
            text,
            entities: vec![
                FactsEntity {
                    kind: EntityType::Domain,
                    value: "bank.example".into(),
                    span: Span::new(19, 31),
                },
                FactsEntity { kind: EntityType::Cve, value: "CVE-2025-4321".into(), span: Span::new(33, 37) },
            ],
            events: vec![
                FactsEvent {
                    kind: EventType::Ddos,
                    modality: Modality::Planned,
                    confidence: 0.9,
                    trigger: Span::new(12, 18),
                    arguments: vec![(Role::Target, "bank.example".into(), Span::new(19, 31))],
                    threat: threat("t1", 0.8),
                },
                FactsEvent {
                    kind: EventType::Sell,
                    modality: Modality::Asserted,
                    confidence: 0.6,
                    trigger: Span::new(far, far + 7),
                    arguments: vec![(Role::Asset, "logs".into(), Span::new(far + 8, far + 12))],
                    threat: None,
                },
            ],
            found_by: BTreeSet::from(["bank*".to_owned()]),
        }
    }

    fn lists() -> Vec<Watchlist> {
        let list = |id, kind, items: &[&str]| Watchlist {
            id,
            name: format!("list {id}"),
            kind,
            items: items.iter().map(|i| (*i).to_owned()).collect(),
        };
        vec![
            list(1, WatchKind::Organization, &["bank.example"]),
            list(2, WatchKind::Cve, &["CVE-2025-4321"]),
            list(3, WatchKind::Actor, &["vega"]),
            list(4, WatchKind::Organization, &["shop.example"]),
        ]
    }

    fn rings(json: &str, post: &Facts) -> Vec<Ring> {
        Matcher::new(&When::parse(json).unwrap(), &lists()).unwrap().judge(post, NOW)
    }

    fn check(json: &str, expect: &[&str]) {
        let keys: Vec<String> = rings(json, &post()).into_iter().map(|r| r.key).collect();
        assert_eq!(keys, expect, "{json}");
    }

    #[test]
    fn each_condition() {
        check(r#"{"keywords": ["кладём"]}"#, &["post:9"]);
        check(r#"{"keywords": ["работа"]}"#, &["post:9"]);
        check(r#"{"keywords": ["кладем", "nothing"]}"#, &["post:9"]);
        check(r#"{"keywords": ["клад"]}"#, &[]);
        check(r#"{"regex": "(?i)BANK\\.\\w+"}"#, &["post:9"]);
        check(r#"{"regex": "^bank"}"#, &[]);
        check(r#"{"events": ["ddos"]}"#, &["threat:t1"]);
        check(r#"{"families": ["attack", "trade"]}"#, &["threat:t1", "post:9"]);
        check(r#"{"modality": ["planned"]}"#, &["threat:t1"]);
        check(r#"{"events": ["sell"], "modality": ["planned"]}"#, &[]);
        check(r#"{"arguments": [{"role": "target", "value": "BANK.example"}]}"#, &["threat:t1"]);
        check(r#"{"arguments": [{"role": "asset"}]}"#, &["post:9"]);
        check(r#"{"arguments": [{"value": "nobody"}]}"#, &[]);
        check(r#"{"min_severity": 0.5}"#, &["threat:t1"]);
        check(r#"{"min_severity": 0.9}"#, &[]);
        check(r#"{"min_confidence": 0.7}"#, &["threat:t1"]);
        check(r#"{"entities": [{"type": "cve", "value": "CVE-2025-*"}]}"#, &["post:9"]);
        check(r#"{"entities": [{"type": "cve", "value": "CVE-2024-*"}]}"#, &[]);
        check(r#"{"entities": [{"type": "domain"}]}"#, &["post:9"]);
        check(r#"{"forums": ["тёмный порт"]}"#, &["post:9"]);
        check(r#"{"keywords": ["ddos"], "forums": ["other"]}"#, &[]);
        check(r#"{"languages": ["zh"]}"#, &[]);
        check(r#"{"languages": ["ru"]}"#, &["post:9"]);
        check(r#"{"query": "bank*"}"#, &["post:9"]);
        check(r#"{"query": "other"}"#, &[]);
        check(r#"{"watchlists": [2]}"#, &["post:9"]);
        check(r#"{"watchlists": [3]}"#, &["post:9"]);
    }

    #[test]
    fn a_watched_name_belongs_to_the_event_it_stands_beside() {
        check(r#"{"events": ["ddos"], "watchlists": [1]}"#, &["threat:t1"]);
        check(r#"{"events": ["ddos"], "watchlists": [4]}"#, &[]);
        check(r#"{"events": ["sell"], "watchlists": [4]}"#, &["post:9"]);
        check(r#"{"events": ["sell"], "watchlists": [1]}"#, &[]);
    }

    #[test]
    fn what_rings_once() {
        check(r#"{"keywords": ["ddos"], "per": "thread"}"#, &["thread:4"]);
        check(r#"{"keywords": ["ddos"], "per": "author"}"#, &["account:3"]);
        check(r#"{"keywords": ["ddos"], "per": "threat"}"#, &["threat:t1"]);
        check(r#"{"families": ["attack", "trade"], "per": "post"}"#, &["post:9"]);
    }

    #[test]
    fn a_ring_says_why_and_where() {
        let r = rings(r#"{"events": ["ddos"], "watchlists": [1]}"#, &post()).remove(0);
        assert_eq!(r.title, "ddos planned, watched “bank.example” (list 1): event t1");
        assert_eq!((r.severity, r.threat.as_deref(), r.span), (0.8, Some("t1"), Span::new(12, 18)));
        let r = rings(r#"{"regex": "bank"}"#, &post()).remove(0);
        assert_eq!((r.span, r.title.as_str()), (Span::new(19, 23), "regex: работа"));
    }

    #[test]
    fn old_posts_are_no_news() {
        let old = Facts { time: Some(Timestamp(NOW.0 - 31 * 86_400)), ..post() };
        assert!(rings(r#"{"keywords": ["ddos"]}"#, &old).is_empty());
        assert_eq!(rings(r#"{"keywords": ["ddos"], "max_age_days": 60}"#, &old).len(), 1);
        assert_eq!(rings(r#"{"keywords": ["ddos"]}"#, &Facts { time: None, ..post() }).len(), 1);
    }

    #[test]
    fn a_watchlist_that_is_not_there_is_named() {
        let when = When::parse(r#"{"watchlists": [77]}"#).unwrap();
        assert_eq!(Matcher::new(&when, &lists()).unwrap_err(), RuleError::NoWatchlist(77));
    }

    #[test]
    fn bursts_are_measured_against_what_was_usual() {
        let b = BurstWhen { hours: 1, at_least: 4, factor: 3.0 };
        let hits =
            |n: i64, from: i64, step: i64| (0..n).map(move |i| (i, Timestamp(NOW.0 - from - i * step)));
        let four: Vec<_> = hits(4, 0, 60).collect();
        assert_eq!(b.judge(&four, NOW, None), Some(Burst { count: 4, expected: 0.0, post: 0 }));
        assert_eq!(b.judge(&four[..3], NOW, None), None);
        // Four an hour are nothing new where two an hour are usual.
        let usual: Vec<_> = four.iter().copied().chain(hits(56, 3600, 1800)).collect();
        assert_eq!(b.judge(&usual, NOW, None), None);
        // What rang an hour ago does not ring again; afterwards it may.
        assert_eq!(b.judge(&four, NOW, Some(Timestamp(NOW.0 - 1800))), None);
        assert!(b.judge(&four, NOW, Some(Timestamp(NOW.0 - 3600))).is_some());
        // Posts from the future do not count.
        assert_eq!(b.judge(&[(1, Timestamp(NOW.0 + 5))], NOW, None), None);
    }
}
