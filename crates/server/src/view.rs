//! Rows of the store in the shapes of the API, secrets masked.

use serde_json::{Value, json};
use std::collections::HashMap;
use tm_model::{CharIndex, EntityType, Post, Span, Timestamp, mask_secrets};
use tm_store::{AccountRow, EntityRow, EntitySummaryRow, EventRow, MarkRow, SourceRow, ThreadRow, ThreatRow};

/// Code points of an excerpt.
const EXCERPT: usize = 180;

pub(crate) fn time(t: Option<Timestamp>) -> Value {
    t.map_or(Value::Null, |t| json!(t.to_string()))
}

/// Three decimals are what a reader can use.
pub(crate) fn round(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

/// The text as it may be shown.
pub(crate) fn masked(post: &Post) -> String {
    mask_secrets(&post.text)
}

pub(crate) fn threat(t: &ThreatRow) -> Value {
    json!({
        "id": t.id, "title": mask_secrets(&t.title), "type": t.kind, "family": t.kind.family(), "status": t.status,
        "severity": round(t.severity), "confidence": round(t.confidence),
        "first_seen": time(t.first), "last_seen": time(t.last),
        "mentions": t.mentions, "posts": t.posts, "forums": t.forums,
        "participants": t.participants.iter().take(3).map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>(),
    })
}

pub(crate) fn actor(a: &AccountRow, mark: Option<&MarkRow>) -> Value {
    let s = a.standing.as_ref();
    let parts: serde_json::Map<String, Value> =
        s.map(|s| s.standing.parts.iter().map(|(k, v)| (k.clone(), json!(v))).collect()).unwrap_or_default();
    json!({
        "id": a.id, "name": a.name, "forum": a.forum,
        "rank": s.map_or(0, |s| s.standing.rank), "score": s.map_or(0.0, |s| s.standing.score), "parts": parts,
        "posts": a.posts, "threads_started": a.threads_started, "answers_received": s.map_or(0, |s| s.answers),
        "first_seen": time(a.first), "last_seen": time(a.last),
        "fields": s.map(|s| s.fields.iter().take(3).map(|f| f.0.clone()).collect::<Vec<_>>()).unwrap_or_default(),
        "mark": mark.map(|m| &m.mark),
    })
}

/// What an analyst said of an account.
pub(crate) fn mark(m: &MarkRow) -> Value {
    json!({"mark": m.mark, "note": m.note, "by": m.user, "time": m.time.to_string()})
}

pub(crate) fn source(s: &SourceRow) -> Value {
    let figures: serde_json::Map<String, Value> =
        s.figures.iter().map(|(k, n)| (k.clone(), json!(n))).collect();
    json!({
        "id": s.id, "name": s.name, "url": s.url, "forum": s.forum, "engine": s.engine, "member": s.member,
        "state": s.state, "reason": s.reason, "started": s.started.to_string(), "ended": time(s.ended),
        "last_good": time(s.last_good), "figures": figures, "shortfall": s.shortfall, "problems": s.problems,
        "page": s.page_url,
    })
}

pub(crate) fn entity(e: &EntitySummaryRow) -> Value {
    json!({"id": e.id, "type": e.kind, "value": mask_secrets(&e.value), "posts": e.posts,
        "tags": tm_extract::tags_of(e.kind, &e.value), "first_seen": time(e.first), "last_seen": time(e.last)})
}

/// What a named thing is known as; null when no list knows it.
pub(crate) fn link(kind: EntityType, value: &str) -> Value {
    tm_extract::link(kind, value).map_or(Value::Null, |link| {
        let (id, source) = link.identifier().unzip();
        json!({"name": link.name, "aliases": link.aliases, "id": id, "source": source, "identifiers": link.identifiers})
    })
}

pub(crate) fn entity_count(e: &EntitySummaryRow) -> Value {
    json!({"id": e.id, "type": e.kind, "value": mask_secrets(&e.value), "count": e.posts})
}

/// A quoted post, if stored, and the quoted author, if known.
pub(crate) type Quoted = (Option<i64>, Option<String>);

/// What posts need beside themselves to be shown.
#[derive(Default)]
pub(crate) struct Around {
    pub threads: HashMap<i64, ThreadRow>,
    pub names: HashMap<i64, String>,
    pub entities: HashMap<i64, Vec<EntityRow>>,
    pub events: HashMap<i64, Vec<EventRow>>,
    pub quotes: HashMap<i64, Vec<Quoted>>,
}

impl Around {
    pub fn account(&self, id: Option<i64>) -> Value {
        id.and_then(|id| Some(json!({"id": id, "name": self.names.get(&id)?}))).unwrap_or(Value::Null)
    }

    pub fn post_ref(&self, p: &Post) -> Value {
        let thread = self.threads.get(&p.thread_id);
        let text = masked(p);
        let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut excerpt: String = flat.chars().take(EXCERPT).collect();
        if flat.chars().count() > EXCERPT {
            excerpt.push('…');
        }
        json!({
            "id": p.id, "forum": thread.map(|t| &t.forum), "thread_id": p.thread_id, "thread": thread.map(|t| &t.title),
            "board": thread.and_then(|t| t.board.as_ref()), "account": self.account(p.account_id), "time": time(p.time),
            "excerpt": excerpt,
        })
    }

    pub fn post(&self, p: &Post) -> Value {
        let thread = self.threads.get(&p.thread_id);
        let entities: Vec<Value> = self
            .entities
            .get(&p.id)
            .into_iter()
            .flatten()
            .map(|e| {
                json!({"id": e.entity_id, "type": e.kind, "value": mask_secrets(&e.value), "start": e.span.start,
                    "end": e.span.end, "source": e.source, "confidence": round(e.confidence),
                    "tags": tm_extract::tags_of(e.kind, &e.value)})
            })
            .collect();
        let events: Vec<Value> = self.events.get(&p.id).into_iter().flatten().map(event).collect();
        let quotes: Vec<Value> = self
            .quotes
            .get(&p.id)
            .into_iter()
            .flatten()
            .map(|(post, author)| json!({"post_id": post, "author": author}))
            .collect();
        json!({
            "id": p.id, "external_id": p.external_id, "forum": thread.map(|t| &t.forum),
            "board": thread.and_then(|t| t.board.as_ref()), "thread_id": p.thread_id, "thread": thread.map(|t| &t.title),
            "account": self.account(p.account_id), "time": time(p.time), "language": p.language, "text": masked(p),
            "url": p.url, "relevance": p.relevance.map(|r| round(r.into())), "reply_to": p.reply_to, "quotes": quotes,
            "entities": entities, "events": events,
        })
    }
}

fn event(e: &EventRow) -> Value {
    let arguments: Vec<Value> = e
        .arguments
        .iter()
        .map(|a| json!({"role": a.role, "start": a.start, "end": a.end, "confidence": round(a.confidence.into())}))
        .collect();
    json!({
        "id": e.id, "type": e.kind, "family": e.kind.family(), "modality": e.modality, "confidence": round(e.confidence),
        "threat_id": e.threat_id, "corrected": e.label_id.is_some(), "trigger": {"start": e.trigger.start, "end": e.trigger.end}, "arguments": arguments,
    })
}

/// One line of a threat's timeline.
pub(crate) fn timeline(e: &EventRow, p: &Post, around: &Around) -> Value {
    let text = masked(p);
    let sentence: Span = tm_extract::sentence_around(&text, e.trigger);
    let index = CharIndex::new(&text);
    let mut spans =
        vec![json!({"start": e.trigger.start, "end": e.trigger.end, "kind": "trigger", "label": e.kind})];
    spans.extend(
        e.arguments
            .iter()
            .filter(|a| sentence.contains(Span::new(a.start, a.end)))
            .map(|a| json!({"start": a.start, "end": a.end, "kind": "argument", "label": a.role})),
    );
    let thread = around.threads.get(&p.thread_id);
    json!({
        "time": time(p.time), "post_id": p.id, "thread_id": p.thread_id, "thread": thread.map(|t| &t.title),
        "forum": thread.map(|t| &t.forum), "account": around.account(p.account_id),
        "sentence": index.slice(sentence), "sentence_start": sentence.start, "spans": spans,
        "type": e.kind, "modality": e.modality, "confidence": round(e.confidence),
        "mention": e.id, "corrected": e.label_id.is_some(),
    })
}

/// Entities that are worth a chip beside a threat: no prices, no dates.
pub(crate) fn telling(kind: EntityType) -> bool {
    !matches!(kind, EntityType::Price | EntityType::Date)
}
