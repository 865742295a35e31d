//! From the store to what is handed to other tools ([`tm_exchange::Holdings`]), and to what ranking reads.

use std::collections::HashMap;
use tm_exchange::{
    Actor, Entity, EventNote, Evidence, ForumNote, Holdings, Participant, PostNote, Sentence, ThreatItem,
};
use tm_graph::rank::PostFacts;
use tm_model::{EntityType, Post, Span, Timestamp, mask_secrets};
use tm_store::{
    AccountRow, EntitySummaryRow, EventRow, Interaction, PostFilter, Store, StoreError, ThreadRow,
    ThreatFilter, ThreatRow,
};

/// What ranking needs to know of posts; those without an author are left out.
pub fn post_facts(interactions: Vec<Interaction>) -> Vec<PostFacts> {
    interactions
        .into_iter()
        .filter_map(|i| {
            Some(PostFacts {
                account: i.account_id?,
                thread: i.thread_id,
                starts: i.starts,
                time: i.time,
                length: i.length,
                relevance: i.relevance,
                indicators: i.indicators,
                events: i.events,
                answers: i.answers,
                quotes: i.quotes,
                mentions: i.mentions,
            })
        })
        .collect()
}

/// What an export is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Threat events with everything they name.
    Threats,
    /// Accounts by rank.
    Actors,
    /// Entities by posts.
    Entities,
    /// Event mentions.
    Events,
    /// Posts.
    Posts,
    /// What a report shows: threat events, the key accounts, the foremost entities, figures over time.
    Report,
}

/// How much of it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// What.
    pub matter: Matter,
    /// Only what was seen since then.
    pub since: Option<Timestamp>,
    /// Only threat events at least so severe, 0 to 1.
    pub min_severity: f64,
    /// At most so many of each; 0 means all.
    pub limit: u32,
    /// Hide card numbers and passwords.
    pub masked: bool,
}

/// Posts named as the evidence of an entity or account.
const EVIDENCE: u32 = 3;
/// Entities of one threat event.
const ENTITIES: u32 = 60;
/// Sentences of one threat event.
const SENTENCES: usize = 25;
/// Posts that are read together.
const BATCH: u32 = 2000;

/// Reads what the scope asks for.
///
/// # Errors
/// [`StoreError`] when the store fails.
pub async fn holdings(store: &dyn Store, scope: &Scope) -> Result<Holdings, StoreError> {
    let mut g =
        Gatherer { store, scope, threads: HashMap::new(), names: HashMap::new(), out: Holdings::default() };
    g.out.forums = store
        .forums()
        .await?
        .into_iter()
        .map(|f| ForumNote {
            name: f.name,
            posts: f.posts,
            accounts: f.accounts,
            first: f.first,
            last: f.last,
        })
        .collect();
    match scope.matter {
        Matter::Threats => g.threats().await?,
        Matter::Actors => g.actors(scope.limit).await?,
        Matter::Entities => g.entities(scope.limit).await?,
        Matter::Events | Matter::Posts => g.posts().await?,
        Matter::Report => {
            g.threats().await?;
            // Entities of the threat events stand with them; the table of the report shows those most spoken of.
            g.out.entities.clear();
            g.actors(scope.limit).await?;
            g.entities(scope.limit.saturating_mul(2)).await?;
            g.out.entities.retain(|e| !matches!(e.kind, EntityType::Price | EntityType::Date));
            let since = scope.since.map(Timestamp::month);
            for (month, kind, n) in store.events_by_month().await? {
                let late = since.as_ref().is_none_or(|s| month >= *s);
                if let (Ok(kind), true) = (kind.parse(), late) {
                    g.out.months.push((month, kind, n));
                }
            }
        }
    }
    Ok(g.out)
}

struct Gatherer<'a> {
    store: &'a dyn Store,
    scope: &'a Scope,
    threads: HashMap<i64, ThreadRow>,
    names: HashMap<i64, AccountRow>,
    out: Holdings,
}

impl Gatherer<'_> {
    fn mask(&self, text: &str) -> String {
        if self.scope.masked { mask_secrets(text) } else { text.to_owned() }
    }

    fn late(&self, last: Option<Timestamp>) -> bool {
        self.scope.since.is_none_or(|since| last.is_some_and(|l| l >= since))
    }

    /// Reads the threads and authors of posts that are not known yet.
    async fn learn(&mut self, posts: &[Post]) -> Result<(), StoreError> {
        let mut threads: Vec<i64> =
            posts.iter().map(|p| p.thread_id).filter(|t| !self.threads.contains_key(t)).collect();
        threads.sort_unstable();
        threads.dedup();
        if !threads.is_empty() {
            self.threads.extend(self.store.threads(&threads).await?.into_iter().map(|t| (t.id, t)));
        }
        let mut accounts: Vec<i64> =
            posts.iter().filter_map(|p| p.account_id).filter(|a| !self.names.contains_key(a)).collect();
        accounts.sort_unstable();
        accounts.dedup();
        if !accounts.is_empty() {
            let of = PostFilter { ids: Some(accounts), ..PostFilter::default() };
            self.names.extend(self.store.accounts(&of).await?.1.into_iter().map(|a| (a.id, a)));
        }
        Ok(())
    }

    /// After [`Gatherer::learn`].
    fn evidence(&self, p: &Post) -> Evidence {
        let thread = self.threads.get(&p.thread_id);
        Evidence {
            forum: thread.map(|t| t.forum.clone()).unwrap_or_default(),
            post: p.external_id.clone(),
            thread: thread.map(|t| t.title.clone()).unwrap_or_default(),
            author: p.account_id.and_then(|a| self.names.get(&a)).map(|a| a.name.clone()),
            time: p.time,
            url: p.url.clone(),
        }
    }

    async fn evidence_of(&mut self, filter: PostFilter) -> Result<Vec<Evidence>, StoreError> {
        let posts = self.store.posts(&PostFilter { limit: EVIDENCE, ..filter }).await?;
        self.learn(&posts).await?;
        Ok(posts.iter().map(|p| self.evidence(p)).collect())
    }

    /// The sentence around a trigger. Masking keeps offsets, so it comes first.
    fn sentence(&self, e: &EventRow, p: &Post) -> Sentence {
        let text = self.mask(&p.text);
        let span: Span = tm_extract::sentence_around(&text, e.trigger);
        Sentence {
            evidence: self.evidence(p),
            text: span.slice(&text).unwrap_or_default().trim().to_owned(),
            kind: e.kind,
            modality: e.modality,
        }
    }

    async fn threats(&mut self) -> Result<(), StoreError> {
        let all = ThreatFilter { sort: "severity".into(), ..ThreatFilter::default() };
        let (_, mut rows) = self.store.threats(&all).await?;
        rows.retain(|t| self.late(t.last) && t.severity >= self.scope.min_severity);
        if self.scope.limit > 0 {
            rows.truncate(self.scope.limit as usize);
        }
        // One entry an entity, however many threat events name it.
        let mut known: HashMap<i64, usize> = HashMap::new();
        for row in rows {
            self.threat(row, &mut known).await?;
        }
        Ok(())
    }

    async fn threat(&mut self, row: ThreatRow, known: &mut HashMap<i64, usize>) -> Result<(), StoreError> {
        let of = || PostFilter { threat: Some(row.id.clone()), ..PostFilter::default() };
        let posts = self.store.posts(&PostFilter { oldest_first: true, ..of() }).await?;
        self.learn(&posts).await?;
        let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
        let mentions = self.store.threat_mentions(&row.id).await?;
        let timeline: Vec<Sentence> = mentions
            .iter()
            .filter_map(|m| Some(self.sentence(m, by_id.get(&m.post_id)?)))
            .take(SENTENCES)
            .collect();
        let mut spoke: HashMap<i64, u64> = HashMap::new();
        for account in mentions.iter().filter_map(|m| by_id.get(&m.post_id)?.account_id) {
            *spoke.entry(account).or_default() += 1;
        }
        let mut participants: Vec<Participant> = spoke
            .into_iter()
            .filter_map(|(id, mentions)| {
                let a = self.names.get(&id)?;
                Some(Participant { name: a.name.clone(), forum: a.forum.clone(), mentions })
            })
            .collect();
        participants.sort_by(|a, b| (b.mentions, &a.forum, &a.name).cmp(&(a.mentions, &b.forum, &b.name)));
        let mut entities = Vec::new();
        for e in self.store.entity_counts(&PostFilter { limit: ENTITIES, ..of() }).await? {
            // Counts and times are those of the whole store, not of this threat event.
            if known.get(&e.id).is_none()
                && let Some(whole) = self.store.entity(e.id).await?
            {
                let made = self.entity(&whole).await?;
                known.insert(e.id, self.out.entities.len());
                self.out.entities.push(made);
            }
            if let Some(&at) = known.get(&e.id) {
                entities.push((e.kind, self.out.entities[at].value.clone()));
            }
        }
        let arguments = row.arguments.iter().map(|a| (a.role, self.mask(&a.value), a.count)).collect();
        self.out.threats.push(ThreatItem {
            title: self.mask(&row.title),
            id: row.id,
            kind: row.kind,
            status: row.status,
            severity: row.severity,
            severity_parts: row.severity_parts,
            confidence: row.confidence,
            first: row.first,
            last: row.last,
            arguments,
            participants,
            forums: row.forums,
            mentions: row.mentions,
            timeline,
            entities,
        });
        Ok(())
    }

    async fn entity(&mut self, e: &EntitySummaryRow) -> Result<Entity, StoreError> {
        Ok(Entity {
            kind: e.kind,
            value: self.mask(&e.value),
            posts: e.posts,
            first: e.first,
            last: e.last,
            tags: tm_extract::tags_of(e.kind, &e.value).into_iter().map(str::to_owned).collect(),
            evidence: self.evidence_of(PostFilter { entity: Some(e.id), ..PostFilter::default() }).await?,
        })
    }

    async fn entities(&mut self, limit: u32) -> Result<(), StoreError> {
        let (_, rows) = self.store.entities(&PostFilter { limit, ..PostFilter::default() }).await?;
        for e in rows {
            if self.late(e.last) {
                let made = self.entity(&e).await?;
                self.out.entities.push(made);
            }
        }
        Ok(())
    }

    async fn actors(&mut self, limit: u32) -> Result<(), StoreError> {
        let by_rank = PostFilter { sort: "rank".into(), limit, ..PostFilter::default() };
        let (_, rows) = self.store.accounts(&by_rank).await?;
        for a in rows {
            if !self.late(a.last) {
                continue;
            }
            let own = || PostFilter { account: Some(a.id), ..PostFilter::default() };
            let held = self.store.entity_counts(&PostFilter { limit: ENTITIES, ..own() }).await?;
            let contacts =
                held.iter().filter(|e| e.kind.is_contact()).map(|e| (e.kind, self.mask(&e.value))).collect();
            let threats = self.store.threats_of_account(a.id).await?.into_iter().map(|(t, _)| t.id).collect();
            let evidence = self.evidence_of(own()).await?;
            let (rank, score, parts, fields) = match a.standing {
                Some(s) => (Some(s.standing.rank), s.standing.score, s.standing.parts, s.fields),
                None => (None, 0.0, Vec::new(), Vec::new()),
            };
            self.out.actors.push(Actor {
                name: a.name,
                forum: a.forum,
                posts: a.posts,
                threads_started: a.threads_started,
                first: a.first,
                last: a.last,
                rank,
                score,
                parts,
                fields,
                contacts,
                threats,
                evidence,
            });
        }
        Ok(())
    }

    async fn posts(&mut self) -> Result<(), StoreError> {
        let mut after = 0;
        let limit = if self.scope.limit == 0 { usize::MAX } else { self.scope.limit as usize };
        loop {
            let next = PostFilter { after: Some(after), limit: BATCH, ..PostFilter::default() };
            let posts = self.store.posts(&next).await?;
            let Some(last) = posts.last() else { return Ok(()) };
            after = last.id;
            self.learn(&posts).await?;
            if self.scope.matter == Matter::Posts {
                let within = posts.iter().filter(|p| self.late(p.time));
                let notes: Vec<PostNote> = within
                    .map(|p| PostNote { evidence: self.evidence(p), text: self.mask(&p.text) })
                    .collect();
                self.out.posts.extend(notes);
                self.out.posts.truncate(limit);
            } else {
                let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
                let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
                for e in self.store.events_of(&ids).await? {
                    let Some(p) = by_id.get(&e.post_id).filter(|p| self.late(p.time)) else { continue };
                    let arguments = e.arguments.iter().map(|a| (a.role, self.mask(&a.text))).collect();
                    let sentence = self.sentence(&e, p);
                    self.out.events.push(EventNote {
                        sentence,
                        confidence: e.confidence,
                        arguments,
                        offset: e.trigger.start,
                    });
                }
                self.out.events.truncate(limit);
            }
            if self.out.posts.len().max(self.out.events.len()) >= limit {
                return Ok(());
            }
        }
    }
}
