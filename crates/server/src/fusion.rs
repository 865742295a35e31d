//! Fusion from and into the store, trends, and corrections: what the command line, the worker and the API share.

use std::collections::{BTreeMap, BTreeSet};
use tm_graph::fuse::{Context, Live};
use tm_graph::trends::{Fact, Trends, trends as compute};
use tm_model::{Anchor, Correction, EventType, Family, Label, Mention, Role, Span, Timestamp};
use tm_store::{EventRow, PostFilter, Store, StoreError};

/// What fusion knows beside the mentions, from the store.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub async fn context(store: &dyn Store) -> Result<Context, StoreError> {
    let (_, accounts) = store.accounts(&PostFilter::default()).await?;
    let standing =
        accounts.iter().filter_map(|a| Some((a.id, a.standing.as_ref()?.standing.score))).collect();
    let names = accounts.into_iter().map(|a| (a.id, a.name)).collect();
    Ok(Context { standing, names, labels: store.labels(None).await? })
}

/// Joins all mentions anew and replaces the threat events; the state from which fusion goes on, and their number.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub async fn refuse(store: &dyn Store, context: Context) -> Result<(Watch, usize), StoreError> {
    let mentions = store.mentions().await?;
    let mut live = Live::new(context);
    let seen = mentions.iter().map(|m| m.post_id).collect();
    live.place(mentions);
    let threats = live.threats();
    store.replace_threats(&threats).await?;
    Ok((Watch { live, seen }, threats.len()))
}

/// Fusion that goes on as posts are analysed; [`refuse`] begins it with all that is known.
#[derive(Debug)]
pub struct Watch {
    live: Live,
    /// Posts whose mentions are placed.
    seen: BTreeSet<i64>,
}

impl Watch {
    /// Places the mentions of posts that were just analysed and writes the threat events that change by them; their number,
    /// or `None` when a post was analysed before: then only a full fusion tells.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot answer.
    pub async fn follow(&mut self, store: &dyn Store, posts: &[i64]) -> Result<Option<usize>, StoreError> {
        if posts.iter().any(|p| self.seen.contains(p)) {
            return Ok(None);
        }
        let mentions: Vec<Mention> = store.mentions_of(posts).await?;
        let accounts: BTreeSet<i64> = mentions.iter().filter_map(|m| m.account_id).collect();
        let filter = PostFilter { ids: Some(accounts.into_iter().collect()), ..PostFilter::default() };
        self.live.know(store.accounts(&filter).await?.1.into_iter().map(|a| (a.id, a.name)));
        self.seen.extend(mentions.iter().map(|m| m.post_id));
        let change = self.live.add(mentions);
        store.update_threats(&change.changed, &change.gone).await?;
        Ok(Some(change.changed.len()))
    }
}

/// Trends over all mentions of the store.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub async fn trends(store: &dyn Store) -> Result<Trends, StoreError> {
    let mentions = store.mentions().await?;
    let facts: Vec<Fact> = mentions
        .iter()
        .filter_map(|m| {
            let names = m.arguments.iter().filter_map(|(role, text, _, value)| {
                let name = value.as_deref().unwrap_or(text).split_whitespace().collect::<Vec<_>>().join(" ");
                let kind = match role {
                    Role::Asset if m.kind == EventType::Malware || m.kind.family() == Family::Spread => {
                        "malware"
                    }
                    Role::Target => "target",
                    Role::Place => "place",
                    _ => return None,
                };
                Some((kind, tm_model::mask_secrets(&name)))
            });
            Some(Fact { time: m.time?, kind: m.kind, names: names.collect() })
        })
        .collect();
    Ok(compute(&facts))
}

/// A correction that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// What it speaks of is not there.
    #[error("{0}")]
    Missing(String),
    /// It makes no sense.
    #[error("{0}")]
    Refused(String),
    /// The store cannot answer.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for LabelError {
    fn from(e: StoreError) -> LabelError {
        match e {
            StoreError::Refused(what) => LabelError::Refused(what),
            other => LabelError::Store(other),
        }
    }
}

fn anchor(m: &EventRow) -> Anchor {
    Anchor { post_id: m.post_id, trigger: m.trigger }
}

/// Who corrects, when and why.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// When.
    pub time: Timestamp,
    /// Who, where users have names.
    pub author: Option<String>,
    /// Why.
    pub note: Option<String>,
}

impl Circumstances {
    /// A label of these circumstances.
    pub fn label(&self, post_id: i64, trigger: Option<Span>, correction: Correction) -> Label {
        Label {
            id: 0,
            time: self.time,
            author: self.author.clone(),
            post_id,
            trigger,
            correction,
            note: self.note.clone(),
        }
    }
}

async fn of_threat(store: &dyn Store, id: &str) -> Result<Vec<EventRow>, LabelError> {
    let mentions = store.threat_mentions(id).await?;
    if mentions.is_empty() {
        return Err(LabelError::Missing(format!("no threat event '{id}'")));
    }
    Ok(mentions)
}

/// Says that two threat events are one happening. Identifiers of the labels.
///
/// # Errors
/// [`LabelError`] when one of them is not there, or both are the same.
pub async fn merge(
    store: &dyn Store,
    one: &str,
    other: &str,
    as_said: &Circumstances,
) -> Result<Vec<i64>, LabelError> {
    if one == other {
        return Err(LabelError::Refused("the two are the same event".into()));
    }
    let (a, b) = (of_threat(store, one).await?, of_threat(store, other).await?);
    let mut ids = Vec::new();
    if let (Some(a), Some(b)) = (a.first(), b.first()) {
        let correction = Correction::Same { other: anchor(b) };
        ids.push(store.add_label(&as_said.label(a.post_id, Some(a.trigger), correction)).await?);
    }
    Ok(ids)
}

/// Says that mentions (by identifier) of a threat event are another happening than the rest of it. They stay together.
/// Identifiers of the labels.
///
/// # Errors
/// [`LabelError`] when one of them is not there, or nothing would be left.
pub async fn split(
    store: &dyn Store,
    threat: &str,
    mentions: &[i64],
    as_said: &Circumstances,
) -> Result<Vec<i64>, LabelError> {
    let all = of_threat(store, threat).await?;
    let (out, rest): (Vec<&EventRow>, Vec<&EventRow>) = all.iter().partition(|m| mentions.contains(&m.id));
    if out.len() != mentions.iter().collect::<BTreeSet<_>>().len() {
        let missing: Vec<String> =
            mentions.iter().filter(|id| all.iter().all(|m| m.id != **id)).map(i64::to_string).collect();
        return Err(LabelError::Missing(format!(
            "threat event '{threat}' has no mention {}; it has {}",
            missing.join(", "),
            all.iter().map(|m| m.id.to_string()).collect::<Vec<_>>().join(", ")
        )));
    }
    let (Some(first), false) = (out.first(), rest.is_empty()) else {
        return Err(LabelError::Refused("a split needs mentions to take out, and some that stay".into()));
    };
    let mut ids = Vec::new();
    // Against each of the rest: whichever of them fusion places first keeps the others away.
    for m in &rest {
        if anchor(m) == anchor(first) {
            continue;
        }
        let correction = Correction::Different { other: anchor(m) };
        ids.push(store.add_label(&as_said.label(first.post_id, Some(first.trigger), correction)).await?);
    }
    for m in &out[1..] {
        let correction = Correction::Same { other: anchor(m) };
        ids.push(store.add_label(&as_said.label(first.post_id, Some(first.trigger), correction)).await?);
        for other in &rest {
            let correction = Correction::Different { other: anchor(other) };
            ids.push(store.add_label(&as_said.label(m.post_id, Some(m.trigger), correction)).await?);
        }
    }
    Ok(ids)
}

/// Corrected posts as training data, one JSON object a post in the form of `data/events`: all events that the post has now,
/// those of the model included, since an analyst who corrects a post has read it.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub async fn training_data(store: &dyn Store) -> Result<Vec<serde_json::Value>, StoreError> {
    let labels = store.labels(None).await?;
    let mut relevant: BTreeMap<i64, Option<bool>> = BTreeMap::new();
    for label in &labels {
        match label.correction {
            Correction::Relevance { relevant: is } => {
                relevant.insert(label.post_id, Some(is));
            }
            Correction::Event { .. } | Correction::Nothing => {
                relevant.entry(label.post_id).or_default();
            }
            Correction::Same { .. } | Correction::Different { .. } => {}
        }
    }
    let ids: Vec<i64> = relevant.keys().copied().collect();
    let mut events: BTreeMap<i64, Vec<EventRow>> = BTreeMap::new();
    for e in store.events_of(&ids).await? {
        events.entry(e.post_id).or_default().push(e);
    }
    let posts =
        store.posts(&PostFilter { ids: Some(ids), oldest_first: true, ..PostFilter::default() }).await?;
    let entities = store.entities_of(&posts.iter().map(|p| p.id).collect::<Vec<_>>()).await?;
    let forums: BTreeMap<i64, String> = store.forums().await?.into_iter().map(|f| (f.id, f.name)).collect();
    Ok(posts
        .iter()
        .map(|p| {
            let held = events.get(&p.id).map(Vec::as_slice).unwrap_or_default();
            let list: Vec<serde_json::Value> = held
                .iter()
                .map(|e| {
                    let args: Vec<serde_json::Value> = e
                        .arguments
                        .iter()
                        .map(|a| serde_json::json!({"role": a.role, "span": [a.start, a.end]}))
                        .collect();
                    serde_json::json!({"type": e.kind, "modality": e.modality, "trigger": [e.trigger.start, e.trigger.end], "args": args})
                })
                .collect();
            let named: Vec<serde_json::Value> = entities
                .iter()
                .filter(|e| e.post_id == p.id && e.source != "pattern" && !e.span.is_empty())
                .map(|e| serde_json::json!({"type": e.kind, "span": [e.span.start, e.span.end]}))
                .collect();
            let is = relevant.get(&p.id).copied().flatten().unwrap_or(!list.is_empty());
            let forum = forums.get(&p.forum_id).map_or("", String::as_str);
            serde_json::json!({"id": format!("feedback-{forum}-{}", p.external_id), "source": "feedback",
                "lang": p.language, "text": p.text, "relevant": is, "events": list, "entities": named})
        })
        .collect())
}
