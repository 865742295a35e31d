//! Analyses, and what fusion and ranking read and write.

use super::import::ROWS;
use super::{
    BEGIN, Backend, Db, DbConnection, DbRow, LOCK_ROWS, damaged, ids, names, push_list, query, query_scalar,
};
use crate::Result;
use crate::records::{AliasRow, Analyzed, ArgumentRow, Interaction, StandingRow};
use sqlx::{ColumnIndex, QueryBuilder, Row, Transaction};
use std::collections::{BTreeSet, HashMap};
use tm_model::{EntityType, EventType, Mention, Modality, Post, PostAnalysis, Span, Threat, Timestamp};

/// Columns of [`post_of`].
pub(super) const POST: &str = "p.id, p.external_id, p.forum_id, p.thread_id, p.account_id, p.time, p.text, p.url, p.language, p.relevance,
    p.edited, p.links, p.mentions,
    (SELECT r.id FROM post r WHERE r.forum_id = p.forum_id AND r.external_id = p.reply_to) AS reply,
    p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time NULLS FIRST, q.id LIMIT 1) AS starts";

pub(super) fn post_of(r: &DbRow) -> Result<Post> {
    let language: Option<String> = r.try_get("language")?;
    Ok(Post {
        id: r.try_get("id")?,
        external_id: r.try_get("external_id")?,
        forum_id: r.try_get("forum_id")?,
        thread_id: r.try_get("thread_id")?,
        account_id: r.try_get("account_id")?,
        time: r.try_get::<Option<i64>, _>("time")?.map(Timestamp),
        starts: r.try_get("starts")?,
        text: r.try_get("text")?,
        reply_to: r.try_get("reply")?,
        url: r.try_get("url")?,
        edited: r.try_get::<Option<i64>, _>("edited")?.map(Timestamp),
        links: json_list(r.try_get("links")?)?,
        mentions: json_list(r.try_get("mentions")?)?,
        language: language.map(|l| l.parse().map_err(damaged)).transpose()?,
        relevance: r.try_get::<Option<f64>, _>("relevance")?.map(|x| x as f32),
    })
}

fn json_list(column: Option<&str>) -> Result<Vec<String>> {
    column.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(text).map_err(damaged))
}

/// The span in two columns.
pub(super) fn span<I: ColumnIndex<DbRow>>(r: &DbRow, start: I, end: I) -> Result<Span> {
    let at = |i: I| u32::try_from(r.try_get::<i64, _>(i)?).map_err(damaged);
    Ok(Span::new(at(start)?, at(end)?))
}

/// Replaces the analyses of posts and takes them out of quarantine.
async fn replace(t: &mut Transaction<'_, Db>, version: &str, batch: &[(i64, &PostAnalysis)]) -> Result<()> {
    let list: Vec<i64> = batch.iter().map(|(id, _)| *id).collect();
    for old in [
        "DELETE FROM entity_mention WHERE post_id IN (??)",
        "DELETE FROM event_mention WHERE post_id IN (??)",
        "DELETE FROM quarantine WHERE post_id IN (??)",
    ] {
        query(old).bind(ids(&list)).execute(&mut **t).await?;
    }
    for part in batch.chunks(ROWS) {
        let mut update: QueryBuilder<Db> = QueryBuilder::new("UPDATE post SET analyzed = ");
        update
            .push_bind(version)
            .push(", language = v.column2, relevance = v.column3, vector = v.column4 FROM (");
        update.push_values(part, |mut row, (id, analysis)| {
            // Only posts with events are compared by fusion; others need no vector.
            let vector: Option<Vec<u8>> = (!analysis.events.is_empty())
                .then(|| analysis.vector.iter().flat_map(|x| x.to_le_bytes()).collect());
            row.push_bind(id)
                .push_bind(analysis.language.as_str())
                .push_bind(f64::from(analysis.relevance))
                .push_bind(vector);
        });
        update.push(") AS v WHERE post.id = v.column1");
        update.build().persistent(false).execute(&mut **t).await?;
    }
    let entities = entity_ids(t, batch).await?;
    let hits: Vec<_> = batch.iter().flat_map(|(id, a)| a.entities.iter().map(move |e| (*id, e))).collect();
    for part in hits.chunks(ROWS) {
        let mut insert: QueryBuilder<Db> = QueryBuilder::new(
            "INSERT INTO entity_mention (post_id, entity_id, start, \"end\", source, confidence) ",
        );
        insert.push_values(part, |mut row, (post_id, e)| {
            row.push_bind(post_id)
                .push_bind(entities.get(&(e.kind, e.value.as_str())))
                .push_bind(i64::from(e.span.start))
                .push_bind(i64::from(e.span.end))
                .push_bind(e.source.as_str())
                .push_bind(f64::from(e.confidence));
        });
        insert.build().persistent(false).execute(&mut **t).await?;
    }
    let mut events = Vec::new();
    for (id, analysis) in batch {
        for e in &analysis.events {
            let arguments: Vec<ArgumentRow> = e
                .arguments
                .iter()
                .map(|a| ArgumentRow {
                    role: a.role,
                    start: a.span.start,
                    end: a.span.end,
                    text: a.text.clone(),
                    confidence: a.confidence,
                })
                .collect();
            events.push((*id, e, serde_json::to_string(&arguments).map_err(damaged)?));
        }
    }
    for part in events.chunks(ROWS) {
        let mut insert: QueryBuilder<Db> = QueryBuilder::new(
            "INSERT INTO event_mention (post_id, type, modality, confidence, trigger_start, trigger_end, trigger_text,
             arguments) ",
        );
        insert.push_values(part, |mut row, (id, e, arguments)| {
            row.push_bind(id)
                .push_bind(e.kind.as_str())
                .push_bind(e.modality.as_str())
                .push_bind(f64::from(e.confidence))
                .push_bind(i64::from(e.trigger.start))
                .push_bind(i64::from(e.trigger.end))
                .push_bind(&e.trigger_text)
                .push_bind(arguments);
        });
        insert.build().persistent(false).execute(&mut **t).await?;
    }
    super::label::apply_all(t, &list).await?;
    super::alerts::offer(t, &list).await?;
    if !batch.is_empty() {
        // Conclusions rest on analyses: what was concluded before is behind from now on. Last and always written, so that
        // who concludes meanwhile waits for this transaction or learns of it.
        query("INSERT INTO fact (key, value) VALUES ('concluded', 'no') ON CONFLICT (key) DO UPDATE SET value = 'no'")
            .execute(&mut **t)
            .await?;
    }
    Ok(())
}

/// Identifiers of the entities that analyses name; new ones get theirs in the order of type and value, so that two
/// transactions with the same ones wait for each other instead of for ever.
async fn entity_ids<'a>(
    t: &mut Transaction<'_, Db>,
    batch: &[(i64, &'a PostAnalysis)],
) -> Result<HashMap<(EntityType, &'a str), i64>> {
    let named: BTreeSet<(&str, &'a str, EntityType)> = batch
        .iter()
        .flat_map(|(_, a)| &a.entities)
        .map(|e| (e.kind.as_str(), e.value.as_str(), e.kind))
        .collect();
    let mut found = HashMap::with_capacity(named.len());
    let mut missing: Vec<_> = named.into_iter().collect();
    // The second look finds what this or another transaction has written since the first.
    for look in 0..2 {
        for part in missing.chunks(ROWS) {
            let mut select: QueryBuilder<Db> = QueryBuilder::new("SELECT v.column3, e.id FROM (");
            select.push_values(part.iter().enumerate(), |mut row, (i, (kind, value, _))| {
                row.push_bind(*kind).push_bind(*value).push_bind(i as i64);
            });
            select.push(") AS v JOIN entity e ON e.type = v.column1 AND e.value = v.column2");
            for r in select.build().persistent(false).fetch_all(&mut **t).await? {
                if let Some((_, value, kind)) = part.get(r.try_get::<i64, _>(0)? as usize) {
                    found.insert((*kind, *value), r.try_get(1)?);
                }
            }
        }
        missing.retain(|(_, value, kind)| !found.contains_key(&(*kind, *value)));
        if look == 0 {
            for part in missing.chunks(ROWS) {
                let mut insert: QueryBuilder<Db> = QueryBuilder::new("INSERT INTO entity (type, value) ");
                insert.push_values(part, |mut row, (kind, value, _)| {
                    row.push_bind(*kind).push_bind(*value);
                });
                insert.push(" ON CONFLICT DO NOTHING");
                insert.build().persistent(false).execute(&mut **t).await?;
            }
        }
    }
    match missing.first() {
        Some((kind, value, _)) => Err(damaged(format!("entity {kind} {value:?} cannot be found again"))),
        None => Ok(found),
    }
}

impl Backend {
    pub(super) async fn pending_(&self, version: &str) -> Result<u64> {
        // Not `IS DISTINCT FROM`: these three are ranges of an index, so that the question costs what is pending, not what is not.
        let n: i64 = query_scalar(
            "SELECT count(*) FROM post p WHERE (p.analyzed IS NULL OR p.analyzed < ? OR p.analyzed > ?)
             AND NOT EXISTS (SELECT 1 FROM quarantine x WHERE x.post_id = p.id AND x.version = ?)",
        )
        .bind(version)
        .bind(version)
        .bind(version)
        .fetch_one(&self.pool)
        .await?;
        Ok(n as u64)
    }

    pub(super) async fn next_pending_(&self, version: &str, after: i64, limit: u32) -> Result<Vec<Post>> {
        let rows = query(format!(
            "SELECT {POST} FROM post p WHERE p.id > ? AND (p.analyzed IS NULL OR p.analyzed < ? OR p.analyzed > ?)
             AND NOT EXISTS (SELECT 1 FROM quarantine x WHERE x.post_id = p.id AND x.version = ?) ORDER BY p.id LIMIT ?"
        ))
        .bind(after)
        .bind(version)
        .bind(version)
        .bind(version)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(post_of).collect()
    }

    pub(super) async fn store_analyses_(&self, version: &str, batch: &[Analyzed]) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        let batch: Vec<(i64, &PostAnalysis)> = batch.iter().map(|a| (a.post_id, &a.analysis)).collect();
        replace(&mut t, version, &batch).await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn store_analyses_of_(
        &self,
        version: &str,
        posts: &[Post],
        analyses: &[PostAnalysis],
    ) -> Result<u64> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        // In the order of identifiers, so that two workers that were handed the same posts wait for each other.
        let list: Vec<i64> = posts.iter().map(|p| p.id).collect();
        let now: HashMap<i64, String> =
            query(format!("SELECT p.id, p.text FROM post p WHERE p.id IN (??) ORDER BY p.id{LOCK_ROWS}"))
                .bind(ids(&list))
                .fetch_all(&mut *t)
                .await?
                .iter()
                .map(|r| Ok((r.try_get(0)?, r.try_get(1)?)))
                .collect::<Result<_>>()?;
        let batch: Vec<(i64, &PostAnalysis)> = posts
            .iter()
            .zip(analyses)
            .filter(|(p, _)| now.get(&p.id) == Some(&p.text))
            .map(|(p, analysis)| (p.id, analysis))
            .collect();
        replace(&mut t, version, &batch).await?;
        t.commit().await?;
        Ok((posts.len() - batch.len()) as u64)
    }

    pub(super) async fn mentions_(&self, posts: Option<&[i64]>) -> Result<Vec<Mention>> {
        // All posts, or those of a list.
        let only = |q: &mut QueryBuilder<Db>, column: &str| {
            if let Some(posts) = posts {
                push_list(q.push(format!(" AND {column}")), ids(posts));
            }
        };
        let mut q: QueryBuilder<Db> = QueryBuilder::new(
            "SELECT m.post_id, e.type, e.value, m.start, m.\"end\" FROM entity_mention m JOIN entity e ON e.id = m.entity_id
             WHERE m.post_id IN (SELECT post_id FROM event_mention)",
        );
        only(&mut q, "m.post_id");
        q.push(" ORDER BY m.post_id, m.start, m.rowid");
        let mut of_post: HashMap<i64, Vec<(EntityType, String, Span)>> = HashMap::new();
        for r in &q.build().fetch_all(&self.pool).await? {
            let kind: EntityType = r.try_get::<&str, _>(1)?.parse().map_err(damaged)?;
            let span = span(r, 3, 4)?;
            of_post.entry(r.try_get(0)?).or_default().push((kind, r.try_get(2)?, span));
        }
        let mut q: QueryBuilder<Db> = QueryBuilder::new(
            "SELECT q.post_id, t.id FROM quote q JOIN post p ON p.id = q.post_id
             JOIN post t ON t.forum_id = p.forum_id AND t.external_id = q.target
             WHERE q.post_id IN (SELECT post_id FROM event_mention)",
        );
        only(&mut q, "q.post_id");
        let mut answers: HashMap<i64, BTreeSet<i64>> = HashMap::new();
        for r in &q.build().fetch_all(&self.pool).await? {
            answers.entry(r.try_get(0)?).or_default().insert(r.try_get(1)?);
        }
        let mut q: QueryBuilder<Db> = QueryBuilder::new(
            "SELECT m.id, m.post_id, p.thread_id, p.forum_id, p.account_id, p.time, m.type, m.modality, m.confidence,
             m.trigger_start, m.trigger_end, m.trigger_text, m.arguments, p.vector,
             (SELECT a.id FROM post a WHERE a.forum_id = p.forum_id AND a.external_id = p.reply_to) AS answered
             FROM event_mention m JOIN post p ON p.id = m.post_id WHERE true",
        );
        only(&mut q, "m.post_id");
        q.push(" ORDER BY p.time NULLS FIRST, p.id, m.trigger_start, m.id");
        let rows = q.build().fetch_all(&self.pool).await?;
        rows.iter()
            .map(|r| {
                let post_id: i64 = r.try_get(1)?;
                let near = of_post.get(&post_id).map(Vec::as_slice).unwrap_or_default();
                let arguments: Vec<ArgumentRow> = serde_json::from_str(r.try_get(12)?).map_err(damaged)?;
                let vector: Option<Vec<u8>> = r.try_get(13)?;
                Ok(Mention {
                    id: r.try_get(0)?,
                    post_id,
                    thread_id: r.try_get(2)?,
                    forum_id: r.try_get(3)?,
                    account_id: r.try_get(4)?,
                    time: r.try_get::<Option<i64>, _>(5)?.map(Timestamp),
                    kind: r.try_get::<&str, _>(6)?.parse::<EventType>().map_err(damaged)?,
                    modality: r.try_get::<&str, _>(7)?.parse::<Modality>().map_err(damaged)?,
                    confidence: r.try_get::<f64, _>(8)? as f32,
                    trigger: span(r, 9, 10)?,
                    trigger_text: r.try_get(11)?,
                    arguments: arguments
                        .into_iter()
                        .map(|a| {
                            let span = Span::new(a.start, a.end);
                            let value =
                                near.iter().find(|(_, _, s)| s.overlaps(span)).map(|(_, v, _)| v.clone());
                            (a.role, a.text, span, value)
                        })
                        .collect(),
                    vector: vector
                        .unwrap_or_default()
                        .chunks_exact(4)
                        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                        .collect(),
                    answers: {
                        let mut all = answers.get(&post_id).cloned().unwrap_or_default();
                        all.extend(r.try_get::<Option<i64>, _>("answered")?);
                        all.into_iter().collect()
                    },
                    indicators: near
                        .iter()
                        .filter(|(kind, ..)| kind.is_indicator() && *kind != EntityType::Price)
                        .map(|(kind, value, _)| format!("{kind}:{value}"))
                        .collect(),
                })
            })
            .collect()
    }

    pub(super) async fn replace_threats_(&self, threats: &[Threat]) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        query("UPDATE event_mention SET threat_id = NULL WHERE threat_id IS NOT NULL")
            .execute(&mut *t)
            .await?;
        query("DELETE FROM threat").execute(&mut *t).await?;
        query("DELETE FROM threat_argument").execute(&mut *t).await?;
        for threat in threats {
            write_threat(&mut t, threat).await?;
        }
        conclusion_is_new(&mut t).await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn update_threats_(&self, changed: &[Threat], gone: &[String]) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        let ids: Vec<&str> =
            gone.iter().chain(changed.iter().map(|threat| &threat.id)).map(String::as_str).collect();
        for old in [
            "UPDATE event_mention SET threat_id = NULL WHERE threat_id IN (??)",
            "DELETE FROM threat_argument WHERE threat_id IN (??)",
            "DELETE FROM threat WHERE id IN (??)",
        ] {
            query(old).bind(names(&ids)).execute(&mut *t).await?;
        }
        for threat in changed {
            write_threat(&mut t, threat).await?;
        }
        conclusion_is_new(&mut t).await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn interactions_(&self) -> Result<Vec<Interaction>> {
        let accounts = query("SELECT id, forum_id, key FROM account").fetch_all(&self.pool).await?;
        let mut handles: HashMap<(i64, String), i64> = HashMap::new();
        for r in &accounts {
            handles.insert((r.try_get(1)?, r.try_get(2)?), r.try_get(0)?);
        }
        let mut quotes: HashMap<i64, Vec<i64>> = HashMap::new();
        let rows = query(
            "SELECT q.post_id, p.forum_id, q.author, (SELECT t.account_id FROM post t WHERE t.forum_id = p.forum_id AND
             t.external_id = q.target) FROM quote q JOIN post p ON p.id = q.post_id ORDER BY q.rowid",
        )
        .fetch_all(&self.pool)
        .await?;
        for r in &rows {
            let author: Option<String> = r.try_get(2)?;
            let by_post: Option<i64> = r.try_get(3)?;
            let by_name = || handles.get(&(r.try_get::<i64, _>(1).ok()?, author?.to_lowercase())).copied();
            if let Some(account) = by_post.or_else(by_name) {
                quotes.entry(r.try_get(0)?).or_default().push(account);
            }
        }
        let mut events: HashMap<i64, Vec<(EventType, Modality)>> = HashMap::new();
        let rows = query("SELECT post_id, type, modality FROM event_mention ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        for r in &rows {
            let kind = r.try_get::<&str, _>(1)?.parse().map_err(damaged)?;
            events
                .entry(r.try_get(0)?)
                .or_default()
                .push((kind, r.try_get::<&str, _>(2)?.parse().map_err(damaged)?));
        }
        let mut indicators: HashMap<i64, u32> = HashMap::new();
        let rows = query(
            "SELECT m.post_id, count(*) FROM entity_mention m WHERE m.source = 'pattern' GROUP BY m.post_id",
        )
        .fetch_all(&self.pool)
        .await?;
        for r in &rows {
            indicators.insert(r.try_get(0)?, r.try_get::<i64, _>(1)?.clamp(0, u32::MAX.into()) as u32);
        }
        let rows = query(
            "SELECT p.id, p.forum_id, p.thread_id, p.account_id, p.time, p.text, p.relevance, r.account_id AS answered,
             p.mentions AS marked, t.sticky AS pinned,
             p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time NULLS FIRST, q.id LIMIT 1) AS starts
             FROM post p JOIN thread t ON t.id = p.thread_id LEFT JOIN post r ON r.forum_id = p.forum_id AND r.external_id = p.reply_to ORDER BY p.time NULLS FIRST, p.id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                let (id, forum_id): (i64, i64) = (r.try_get(0)?, r.try_get(1)?);
                let text: String = r.try_get(5)?;
                // Handles with spaces are only known from what the forum marks.
                let marked = json_list(r.try_get("marked")?)?.into_iter().map(|h| h.to_lowercase());
                let mentions: BTreeSet<i64> = mentioned(&text)
                    .chain(marked)
                    .filter_map(|h| handles.get(&(forum_id, h)).copied())
                    .collect();
                Ok(Interaction {
                    post_id: id,
                    forum_id,
                    thread_id: r.try_get(2)?,
                    account_id: r.try_get(3)?,
                    time: r.try_get::<Option<i64>, _>(4)?.map(Timestamp),
                    length: text.chars().count() as u32,
                    relevance: r.try_get::<Option<f64>, _>(6)?.unwrap_or(0.0) as f32,
                    answers: r.try_get(7)?,
                    starts: r.try_get("starts")?,
                    pinned: r.try_get("pinned")?,
                    quotes: quotes.remove(&id).unwrap_or_default(),
                    mentions: mentions.into_iter().collect(),
                    indicators: indicators.get(&id).copied().unwrap_or(0),
                    events: events.remove(&id).unwrap_or_default(),
                    text,
                })
            })
            .collect()
    }

    pub(super) async fn replace_standings_(&self, standings: &[StandingRow]) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        query("DELETE FROM standing").execute(&mut *t).await?;
        for s in standings {
            query(
                "INSERT INTO standing (account_id, rank, score, parts, fields, history, answers, community, roles)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(s.account_id)
            .bind(i64::from(s.standing.rank))
            .bind(s.standing.score)
            .bind(serde_json::to_string(&s.standing.parts).map_err(damaged)?)
            .bind(serde_json::to_string(&s.fields).map_err(damaged)?)
            .bind(serde_json::to_string(&s.history).map_err(damaged)?)
            .bind(s.answers as i64)
            .bind(s.community.map(i64::from))
            .bind(serde_json::to_string(&s.roles).map_err(damaged)?)
            .execute(&mut *t)
            .await?;
        }
        t.commit().await?;
        Ok(())
    }
}

impl Backend {
    pub(super) async fn identifiers_(&self) -> Result<Vec<(i64, EntityType, String)>> {
        use EntityType as E;
        let kinds: Vec<&str> = EntityType::ALL
            .iter()
            .filter(|k| k.is_contact() || matches!(k, E::Btc | E::Eth | E::Xmr | E::Ltc | E::Doge | E::Trx))
            .map(|k| k.as_str())
            .collect();
        let rows = query(
            "SELECT DISTINCT p.account_id, e.type, e.value FROM entity e JOIN entity_mention m ON m.entity_id = e.id
             JOIN post p ON p.id = m.post_id WHERE p.account_id IS NOT NULL
             AND e.type IN (??) ORDER BY 1, 2, 3",
        )
        .bind(names(&kinds))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| Ok((r.try_get(0)?, r.try_get::<&str, _>(1)?.parse().map_err(damaged)?, r.try_get(2)?)))
            .collect()
    }

    pub(super) async fn replace_aliases_(&self, aliases: &[AliasRow]) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        query("DELETE FROM alias WHERE verdict IS NULL").execute(&mut *t).await?;
        for alias in aliases {
            query(
                "INSERT INTO alias (a, b, probability, reasons) VALUES (?, ?, ?, ?) ON CONFLICT (a, b)
                 DO UPDATE SET probability = excluded.probability, reasons = excluded.reasons",
            )
            .bind(alias.a)
            .bind(alias.b)
            .bind(alias.probability)
            .bind(serde_json::to_string(&alias.reasons).map_err(damaged)?)
            .execute(&mut *t)
            .await?;
        }
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn aliases_of_(&self, account: i64) -> Result<Vec<AliasRow>> {
        let rows = query(
            "SELECT a, b, probability, reasons, verdict FROM alias WHERE a = ? OR b = ? ORDER BY probability DESC, a, b",
        )
        .bind(account)
        .bind(account)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(AliasRow {
                    a: r.try_get(0)?,
                    b: r.try_get(1)?,
                    probability: r.try_get(2)?,
                    reasons: serde_json::from_str(r.try_get(3)?).map_err(damaged)?,
                    verdict: r.try_get(4)?,
                })
            })
            .collect()
    }
}

/// Counts conclusions, so that who watches sees that there is a new one.
async fn conclusion_is_new(t: &mut DbConnection) -> Result<()> {
    query(
        "INSERT INTO fact (key, value) VALUES ('conclusions', '1') ON CONFLICT (key)
         DO UPDATE SET value = CAST(CAST(fact.value AS BIGINT) + 1 AS TEXT)",
    )
    .execute(t)
    .await?;
    Ok(())
}

/// Writes a threat event that is not stored, with its arguments for filters, and ties its mentions to it.
async fn write_threat(t: &mut DbConnection, threat: &Threat) -> Result<()> {
    query("UPDATE event_mention SET threat_id = ? WHERE id IN (??)")
        .bind(&threat.id)
        .bind(ids(&threat.mentions))
        .execute(&mut *t)
        .await?;
    query(
        "INSERT INTO threat (id, type, title, status, severity, severity_parts, confidence, first_seen, last_seen,
         arguments, mentions, posts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
         (SELECT count(DISTINCT post_id) FROM event_mention WHERE threat_id = ?))",
    )
    .bind(&threat.id)
    .bind(threat.kind.as_str())
    .bind(&threat.title)
    .bind(threat.status.as_str())
    .bind(f64::from(threat.severity))
    .bind(serde_json::to_string(&threat.severity_parts).map_err(damaged)?)
    .bind(f64::from(threat.confidence))
    .bind(threat.first_seen.map(|t| t.0))
    .bind(threat.last_seen.map(|t| t.0))
    .bind(serde_json::to_string(&threat.arguments).map_err(damaged)?)
    .bind(threat.mentions.len() as i64)
    .bind(&threat.id)
    .execute(&mut *t)
    .await?;
    for part in threat.arguments.chunks(ROWS) {
        let mut insert: QueryBuilder<Db> =
            QueryBuilder::new("INSERT INTO threat_argument (threat_id, role, key, value) ");
        insert.push_values(part, |mut row, a| {
            row.push_bind(&threat.id)
                .push_bind(a.role.as_str())
                .push_bind(a.value.to_lowercase())
                .push_bind(&a.value);
        });
        insert.build().persistent(false).execute(&mut *t).await?;
    }
    Ok(())
}

/// Handles that a text mentions as `@handle`, lower-cased.
fn mentioned(text: &str) -> impl Iterator<Item = String> + '_ {
    text.match_indices('@').filter_map(|(at, _)| {
        let handle: String = text[at + 1..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            .take(64)
            .collect();
        let handle = handle.trim_end_matches(['.', '-']).to_lowercase();
        (!handle.is_empty()).then_some(handle)
    })
}
