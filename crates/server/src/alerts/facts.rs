//! Posts of the store as rules see them.

use std::collections::{BTreeSet, HashMap, HashSet};
use tm_model::Post;
use tm_notify::{Facts, FactsEntity, FactsEvent, FactsThreat};
use tm_search::{Document, Index};
use tm_store::{PostFilter, Store, StoreError, ThreatRow};

/// Posts with all that rules ask of them, in the order of `posts`. `queries` are the saved queries that rules name.
pub(super) async fn facts(
    store: &dyn Store,
    posts: Vec<Post>,
    queries: &BTreeSet<String>,
) -> Result<Vec<Facts>, StoreError> {
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let threads: HashSet<i64> = posts.iter().map(|p| p.thread_id).collect();
    let mut threads: Vec<i64> = threads.into_iter().collect();
    threads.sort_unstable();
    let threads: HashMap<i64, _> = store.threads(&threads).await?.into_iter().map(|t| (t.id, t)).collect();
    let accounts: BTreeSet<i64> = posts.iter().filter_map(|p| p.account_id).collect();
    let of = PostFilter { ids: Some(accounts.into_iter().collect()), ..PostFilter::default() };
    let names: HashMap<i64, String> =
        store.accounts(&of).await?.1.into_iter().map(|a| (a.id, a.name)).collect();
    let mut entities: HashMap<i64, Vec<FactsEntity>> = HashMap::new();
    for e in store.entities_of(&ids).await? {
        entities.entry(e.post_id).or_default().push(FactsEntity {
            kind: e.kind,
            value: e.value,
            span: e.span,
        });
    }
    let mut threats: HashMap<String, Option<ThreatRow>> = HashMap::new();
    let mut events: HashMap<i64, Vec<FactsEvent>> = HashMap::new();
    for e in store.events_of(&ids).await? {
        let mut threat = None;
        if let Some(id) = e.threat_id {
            if !threats.contains_key(&id) {
                threats.insert(id.clone(), store.threat(&id).await?);
            }
            threat = threats.get(&id).and_then(|t| t.as_ref()).map(|t| FactsThreat {
                id,
                title: t.title.clone(),
                severity: t.severity,
            });
        }
        events.entry(e.post_id).or_default().push(FactsEvent {
            kind: e.kind,
            modality: e.modality,
            confidence: e.confidence,
            trigger: e.trigger,
            arguments: e
                .arguments
                .into_iter()
                .map(|a| (a.role, a.text, tm_model::Span::new(a.start, a.end)))
                .collect(),
            threat,
        });
    }
    let mut all: Vec<Facts> = posts
        .into_iter()
        .map(|p| {
            let thread = threads.get(&p.thread_id);
            Facts {
                post: p.id,
                thread: p.thread_id,
                title: thread.map(|t| t.title.clone()).unwrap_or_default(),
                forum: thread.map(|t| t.forum.clone()).unwrap_or_default(),
                author: p.account_id.and_then(|a| Some((a, names.get(&a)?.clone()))),
                time: p.time,
                language: p.language,
                text: p.text,
                entities: entities.remove(&p.id).unwrap_or_default(),
                events: events.remove(&p.id).unwrap_or_default(),
                found_by: BTreeSet::new(),
            }
        })
        .collect();
    if !queries.is_empty() && !all.is_empty() {
        let documents: Vec<Document> = all
            .iter()
            .map(|f| Document {
                id: f.post,
                text: f.text.clone(),
                title: f.title.clone(),
                author: f.author.as_ref().map(|a| a.1.clone()).unwrap_or_default(),
                forum: f.forum.clone(),
                board: threads.get(&f.thread).and_then(|t| t.board.clone()).unwrap_or_default(),
                language: f.language,
                time: f.time,
                thread: f.thread,
                entities: f.entities.iter().map(|e| (e.kind, e.value.clone())).collect(),
                events: f.events.iter().map(|e| e.kind).collect(),
            })
            .collect();
        let queries = queries.clone();
        let found = tokio::task::spawn_blocking(move || find(&documents, &queries)).await;
        let found = found.unwrap_or_default();
        for f in &mut all {
            let own = found.iter().filter(|(_, posts)| posts.contains(&f.post));
            f.found_by = own.map(|(query, _)| query.clone()).collect();
        }
    }
    Ok(all)
}

/// Which posts each query finds: an index of these posts alone is asked, so that nothing waits for the one of the store.
fn find(documents: &[Document], queries: &BTreeSet<String>) -> Vec<(String, HashSet<i64>)> {
    let made = tempfile::tempdir().map_err(|e| e.to_string()).and_then(|folder| {
        let index = Index::open(folder.path()).map_err(|e| e.to_string())?;
        index.add(documents).map_err(|e| e.to_string())?;
        index.commit(&tm_search::Progress::default()).map_err(|e| e.to_string())?;
        Ok((folder, index))
    });
    let (_folder, index) = match made {
        Ok(made) => made,
        Err(error) => {
            tracing::warn!(error, "saved queries cannot be judged");
            return Vec::new();
        }
    };
    queries
        .iter()
        .filter_map(|query| match index.search(query, None, None, 0, documents.len()) {
            Ok(hits) => Some((query.clone(), hits.posts.into_iter().collect())),
            Err(error) => {
                tracing::warn!(%error, query, "a rule's query cannot be read");
                None
            }
        })
        .collect()
}

/// Checks that a query can be read.
pub(super) fn readable(query: &str) -> Result<(), String> {
    tm_search::understand(query).map(|_| ()).map_err(|e| e.to_string())
}
