//! What is worked out about one threat event when it is looked at: its status over time, how far it can be believed, which
//! words carried each decision. The command line and the API say the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tm_extract::{Analyzer, Why};
use tm_graph::credibility::{Credibility, Stand, Statement, credibility, status_over_time};
use tm_model::{EventType, Post, Role, Span, mask_secrets};
use tm_store::{EventRow, PostFilter, Store, StoreError, ThreatFilter, ThreatRow};

/// Mentions whose words are weighed: the first and the surest ones. Each costs some milliseconds.
const WEIGHED: usize = 10;
/// Names of an event by which earlier ones are looked for.
const NAMES: usize = 3;

/// What is worked out about a threat event.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Where it stood when.
    pub status_over_time: Vec<Stand>,
    /// How far it can be believed.
    pub credibility: Credibility,
    /// For mentions by identifier, the words that carried the decision; only some are weighed.
    pub why: HashMap<i64, Vec<Why>>,
}

/// Works out what is to be known about a threat event. `mentions` by time; `posts` are theirs. Without an analyzer no words
/// are weighed.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub async fn detail(
    store: &dyn Store,
    threat: &ThreatRow,
    mentions: &[EventRow],
    posts: &[Post],
    analyzer: Option<&Arc<Analyzer>>,
) -> Result<Detail, StoreError> {
    let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let checkable: BTreeSet<i64> = store
        .entities_of(&ids)
        .await?
        .iter()
        .filter(|e| e.kind.is_indicator() && !e.kind.is_contact() && e.kind != tm_model::EntityType::Price)
        .map(|e| e.post_id)
        .collect();
    let accounts: BTreeSet<i64> = posts.iter().filter_map(|p| p.account_id).collect();
    let filter = PostFilter { ids: Some(accounts.into_iter().collect()), ..PostFilter::default() };
    let standing: BTreeMap<i64, f64> = store
        .accounts(&filter)
        .await?
        .1
        .iter()
        .filter_map(|a| Some((a.id, a.standing.as_ref()?.standing.score)))
        .collect();
    let masked: HashMap<i64, String> = posts.iter().map(|p| (p.id, mask_secrets(&p.text))).collect();
    let statements: Vec<Statement<'_>> = mentions
        .iter()
        .filter_map(|m| {
            let post = by_id.get(&m.post_id)?;
            let text = masked.get(&m.post_id)?.as_str();
            Some(Statement {
                post: post.id,
                account: post.account_id,
                forum: post.forum_id,
                time: post.time,
                kind: m.kind,
                modality: m.modality,
                sentence: tm_extract::sentence_around(text, m.trigger).slice(text).unwrap_or(""),
                text,
                checkable: checkable.contains(&post.id),
            })
        })
        .collect();
    let earlier = earlier(store, threat).await?;
    let mut why = HashMap::new();
    if let Some(analyzer) = analyzer {
        let mut order: Vec<&EventRow> = mentions.iter().filter(|m| m.label_id.is_none()).collect();
        // The first one began the event; of the others the surest.
        if order.len() > 1 {
            order[1..].sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.id.cmp(&b.id)));
        }
        let asked: Vec<(i64, String, EventType, Span)> = order
            .into_iter()
            .take(WEIGHED)
            .filter_map(|m| Some((m.id, by_id.get(&m.post_id)?.text.clone(), m.kind, m.trigger)))
            .collect();
        let analyzer = Arc::clone(analyzer);
        let weigh = move || {
            asked.into_iter().map(|(id, text, kind, at)| (id, analyzer.why(&text, kind, at))).collect()
        };
        // A reader that fails leaves the words unweighed; the rest of the answer stands.
        why = tokio::task::spawn_blocking(weigh).await.unwrap_or_default();
    }
    Ok(Detail {
        status_over_time: status_over_time(&statements),
        credibility: credibility(&statements, &|a| standing.get(&a).copied(), earlier),
        why,
    })
}

/// Number of threat events of the same family that began before and name the same thing.
async fn earlier(store: &dyn Store, threat: &ThreatRow) -> Result<usize, StoreError> {
    let names = threat
        .arguments
        .iter()
        .filter(|a| matches!(a.role, Role::Asset | Role::Target | Role::Vulnerability))
        .filter(|a| a.value.chars().count() >= 4);
    let mut found: BTreeSet<String> = BTreeSet::new();
    for name in names.take(NAMES) {
        let filter = ThreatFilter { text: Some(name.value.clone()), limit: 50, ..ThreatFilter::default() };
        let (_, rows) = store.threats(&filter).await?;
        found.extend(
            rows.into_iter()
                .filter(|r| {
                    r.id != threat.id && r.kind.family() == threat.kind.family() && r.first < threat.first
                })
                .map(|r| r.id),
        );
    }
    Ok(found.len())
}
