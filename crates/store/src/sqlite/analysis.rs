//! Analyses, and what fusion and ranking read and write.

use super::{SqliteStore, damaged};
use crate::Result;
use crate::records::{AliasRow, Analyzed, ArgumentRow, Interaction, StandingRow};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use std::collections::{BTreeSet, HashMap};
use tm_model::{EntityType, EventType, Mention, Modality, Post, Span, Threat, Timestamp};

/// Columns of [`post_of`].
pub(super) const POST: &str = "p.id, p.external_id, p.forum_id, p.thread_id, p.account_id, p.time, p.text, p.url, p.language, p.relevance,
    p.edited, p.links, p.mentions,
    (SELECT r.id FROM post r WHERE r.forum_id = p.forum_id AND r.external_id = p.reply_to) AS reply,
    p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time, q.id LIMIT 1) AS starts";

pub(super) fn post_of(r: &SqliteRow) -> Result<Post> {
    let language: Option<String> = r.try_get("language")?;
    Ok(Post {
        id: r.try_get("id")?,
        external_id: r.try_get("external_id")?,
        forum_id: r.try_get("forum_id")?,
        thread_id: r.try_get("thread_id")?,
        account_id: r.try_get("account_id")?,
        time: r.try_get::<Option<i64>, _>("time")?.map(Timestamp),
        starts: r.try_get::<i64, _>("starts")? == 1,
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

impl SqliteStore {
    pub(super) async fn pending_(&self, version: &str) -> Result<u64> {
        // Three ranges of an index instead of a walk over all posts: `serve` asks every few seconds.
        let n: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM post WHERE analyzed IS NULL) + (SELECT count(*) FROM post WHERE analyzed < ?)
             + (SELECT count(*) FROM post WHERE analyzed > ?)",
        )
        .bind(version)
        .bind(version)
        .fetch_one(&self.pool)
        .await?;
        Ok(n as u64)
    }

    /// Identifiers of the next posts that `version` has not analysed. A few posts behind millions of analysed ones are found
    /// without reading those: each other version, and none, is a range of the index in the order of identifiers.
    async fn next_pending_ids(&self, version: &str, after: i64, limit: u32) -> Result<Vec<i64>> {
        let mut ids: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM post WHERE analyzed IS NULL AND id > ? ORDER BY id LIMIT ?")
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        let mut last = String::new();
        loop {
            let next: Option<String> =
                sqlx::query_scalar("SELECT min(analyzed) FROM post WHERE analyzed > ?")
                    .bind(&last)
                    .fetch_one(&self.pool)
                    .await?;
            let Some(other) = next else { break };
            if other != version {
                let more: Vec<i64> = sqlx::query_scalar(
                    "SELECT id FROM post WHERE analyzed = ? AND id > ? ORDER BY id LIMIT ?",
                )
                .bind(&other)
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
                ids.extend(more);
            }
            last = other;
        }
        ids.sort_unstable();
        ids.truncate(limit as usize);
        Ok(ids)
    }

    pub(super) async fn next_pending_(&self, version: &str, after: i64, limit: u32) -> Result<Vec<Post>> {
        let ids = self.next_pending_ids(version, after, limit).await?;
        let sql =
            format!("SELECT {POST} FROM post p WHERE p.id IN (SELECT value FROM json_each(?)) ORDER BY p.id");
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(super::list(&ids)).fetch_all(&self.pool).await?;
        rows.iter().map(post_of).collect()
    }

    pub(super) async fn store_analyses_(&self, version: &str, batch: &[Analyzed]) -> Result<()> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut change = super::change::last(&mut t).await?;
        let ids: Vec<i64> = batch.iter().map(|a| a.post_id).collect();
        let ids = super::list(&ids);
        for table in ["entity_mention", "event_mention"] {
            let sql = format!("DELETE FROM {table} WHERE post_id IN (SELECT value FROM json_each(?))");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&ids).execute(&mut *t).await?;
        }
        let mut entities: HashMap<(EntityType, &str), i64> = HashMap::new();
        for Analyzed { post_id, analysis } in batch {
            // Only posts with events are compared by fusion; others need no vector.
            let vector: Option<Vec<u8>> = (!analysis.events.is_empty())
                .then(|| analysis.vector.iter().flat_map(|x| x.to_le_bytes()).collect());
            change += 1;
            sqlx::query("UPDATE post SET analyzed = ?, language = ?, relevance = ?, vector = ?, changed = ? WHERE id = ?")
                .bind(version)
                .bind(analysis.language.as_str())
                .bind(f64::from(analysis.relevance))
                .bind(vector)
                .bind(change)
                .bind(post_id)
                .execute(&mut *t)
                .await?;
            for e in &analysis.entities {
                if !entities.contains_key(&(e.kind, e.value.as_str())) {
                    let id = sqlx::query_scalar(
                        "INSERT INTO entity (type, value) VALUES (?, ?) ON CONFLICT (type, value) DO UPDATE SET value = value
                         RETURNING id",
                    )
                    .bind(e.kind.as_str())
                    .bind(&e.value)
                    .fetch_one(&mut *t)
                    .await?;
                    entities.insert((e.kind, &e.value), id);
                }
            }
            if !analysis.entities.is_empty() {
                let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                    "INSERT INTO entity_mention (post_id, entity_id, start, \"end\", source, confidence) ",
                );
                // A post of nothing but addresses can hold thousands; parameters are limited.
                for part in analysis.entities.chunks(2000) {
                    query.reset();
                    query.push_values(part, |mut row, e| {
                        row.push_bind(post_id)
                            .push_bind(entities.get(&(e.kind, e.value.as_str())))
                            .push_bind(e.span.start)
                            .push_bind(e.span.end)
                            .push_bind(e.source.as_str())
                            .push_bind(f64::from(e.confidence));
                    });
                    query.build().execute(&mut *t).await?;
                }
            }
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
                sqlx::query(
                    "INSERT INTO event_mention (post_id, type, modality, confidence, trigger_start, trigger_end, trigger_text,
                     arguments) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(post_id)
                .bind(e.kind.as_str())
                .bind(e.modality.as_str())
                .bind(f64::from(e.confidence))
                .bind(e.trigger.start)
                .bind(e.trigger.end)
                .bind(&e.trigger_text)
                .bind(serde_json::to_string(&arguments).map_err(damaged)?)
                .execute(&mut *t)
                .await?;
            }
        }
        super::label::apply_all(&mut t, &ids).await?;
        super::alerts::offer(&mut t, batch.iter().map(|a| a.post_id)).await?;
        // Conclusions rest on analyses: what was concluded before is behind from now on.
        sqlx::query("INSERT INTO fact (key, value) VALUES ('concluded', 'no') ON CONFLICT (key) DO UPDATE SET value = 'no'")
            .execute(&mut *t)
            .await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn mentions_(&self, posts: Option<&[i64]>) -> Result<Vec<Mention>> {
        // All posts, or those of a list.
        let only = |q: &mut QueryBuilder<Sqlite>, column: &str| {
            if let Some(posts) = posts {
                q.push(format!(" AND {column} IN (SELECT value FROM json_each("))
                    .push_bind(super::list(posts))
                    .push("))");
            }
        };
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT m.post_id, e.type, e.value, m.start, m.\"end\" FROM entity_mention m JOIN entity e ON e.id = m.entity_id
             WHERE m.post_id IN (SELECT post_id FROM event_mention)",
        );
        only(&mut q, "m.post_id");
        q.push(" ORDER BY m.post_id, m.start");
        let entities = q.build().fetch_all(&self.pool).await?;
        let mut of_post: HashMap<i64, Vec<(EntityType, String, Span)>> = HashMap::new();
        for r in &entities {
            let kind: EntityType = r.try_get::<&str, _>(1)?.parse().map_err(damaged)?;
            let span = Span::new(r.try_get(3)?, r.try_get(4)?);
            of_post.entry(r.try_get(0)?).or_default().push((kind, r.try_get(2)?, span));
        }
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT q.post_id, t.id FROM quote q JOIN post p ON p.id = q.post_id
             JOIN post t ON t.forum_id = p.forum_id AND t.external_id = q.target
             WHERE q.post_id IN (SELECT post_id FROM event_mention)",
        );
        only(&mut q, "q.post_id");
        let mut answers: HashMap<i64, BTreeSet<i64>> = HashMap::new();
        for r in &q.build().fetch_all(&self.pool).await? {
            answers.entry(r.try_get(0)?).or_default().insert(r.try_get(1)?);
        }
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT m.id, m.post_id, p.thread_id, p.forum_id, p.account_id, p.time, m.type, m.modality, m.confidence,
             m.trigger_start, m.trigger_end, m.trigger_text, m.arguments, p.vector,
             (SELECT a.id FROM post a WHERE a.forum_id = p.forum_id AND a.external_id = p.reply_to) AS answered
             FROM event_mention m JOIN post p ON p.id = m.post_id WHERE 1 = 1",
        );
        only(&mut q, "m.post_id");
        q.push(" ORDER BY p.time, p.id, m.trigger_start, m.id");
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
                    trigger: Span::new(r.try_get(9)?, r.try_get(10)?),
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
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE event_mention SET threat_id = NULL WHERE threat_id IS NOT NULL")
            .execute(&mut *t)
            .await?;
        sqlx::query("DELETE FROM threat").execute(&mut *t).await?;
        sqlx::query("DELETE FROM threat_argument").execute(&mut *t).await?;
        for threat in threats {
            write_threat(&mut t, threat).await?;
        }
        sqlx::query(
            "INSERT INTO fact (key, value) VALUES ('conclusions', '1') ON CONFLICT (key)
             DO UPDATE SET value = CAST(CAST(fact.value AS BIGINT) + 1 AS TEXT)",
        )
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn update_threats_(&self, changed: &[Threat], gone: &[String]) -> Result<()> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for id in gone.iter().chain(changed.iter().map(|threat| &threat.id)) {
            sqlx::query("UPDATE event_mention SET threat_id = NULL WHERE threat_id = ?")
                .bind(id)
                .execute(&mut *t)
                .await?;
            sqlx::query("DELETE FROM threat WHERE id = ?").bind(id).execute(&mut *t).await?;
            sqlx::query("DELETE FROM threat_argument WHERE threat_id = ?").bind(id).execute(&mut *t).await?;
        }
        for threat in changed {
            write_threat(&mut t, threat).await?;
        }
        sqlx::query(
            "INSERT INTO fact (key, value) VALUES ('conclusions', '1') ON CONFLICT (key)
             DO UPDATE SET value = CAST(CAST(fact.value AS BIGINT) + 1 AS TEXT)",
        )
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn interactions_(&self) -> Result<Vec<Interaction>> {
        let accounts = sqlx::query("SELECT id, forum_id, key FROM account").fetch_all(&self.pool).await?;
        let mut handles: HashMap<(i64, String), i64> = HashMap::new();
        for r in &accounts {
            handles.insert((r.try_get(1)?, r.try_get(2)?), r.try_get(0)?);
        }
        let mut quotes: HashMap<i64, Vec<i64>> = HashMap::new();
        let rows = sqlx::query(
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
        let rows = sqlx::query("SELECT post_id, type, modality FROM event_mention ORDER BY id")
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
        let rows = sqlx::query(
            "SELECT m.post_id, count(*) FROM entity_mention m WHERE m.source = 'pattern' GROUP BY m.post_id",
        )
        .fetch_all(&self.pool)
        .await?;
        for r in &rows {
            indicators.insert(r.try_get(0)?, r.try_get(1)?);
        }
        let rows = sqlx::query(
            "SELECT p.id, p.forum_id, p.thread_id, p.account_id, p.time, p.text, p.relevance, r.account_id AS answered,
             p.mentions AS marked, t.sticky AS pinned,
             p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time, q.id LIMIT 1) AS starts
             FROM post p JOIN thread t ON t.id = p.thread_id LEFT JOIN post r ON r.forum_id = p.forum_id AND r.external_id = p.reply_to ORDER BY p.time, p.id",
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
                    starts: r.try_get::<i64, _>("starts")? == 1,
                    pinned: r.try_get::<i64, _>("pinned")? == 1,
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
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM standing").execute(&mut *t).await?;
        for s in standings {
            sqlx::query(
                "INSERT INTO standing (account_id, rank, score, parts, fields, history, answers, community, roles)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(s.account_id)
            .bind(s.standing.rank)
            .bind(s.standing.score)
            .bind(serde_json::to_string(&s.standing.parts).map_err(damaged)?)
            .bind(serde_json::to_string(&s.fields).map_err(damaged)?)
            .bind(serde_json::to_string(&s.history).map_err(damaged)?)
            .bind(s.answers as i64)
            .bind(s.community)
            .bind(serde_json::to_string(&s.roles).map_err(damaged)?)
            .execute(&mut *t)
            .await?;
        }
        t.commit().await?;
        Ok(())
    }
}

impl SqliteStore {
    pub(super) async fn identifiers_(&self) -> Result<Vec<(i64, EntityType, String)>> {
        use EntityType as E;
        let kinds: Vec<&str> = EntityType::ALL
            .iter()
            .filter(|k| k.is_contact() || matches!(k, E::Btc | E::Eth | E::Xmr | E::Ltc | E::Doge | E::Trx))
            .map(|k| k.as_str())
            .collect();
        let rows = sqlx::query(
            "SELECT DISTINCT p.account_id, e.type, e.value FROM entity e JOIN entity_mention m ON m.entity_id = e.id
             JOIN post p ON p.id = m.post_id WHERE p.account_id IS NOT NULL
             AND e.type IN (SELECT value FROM json_each(?)) ORDER BY 1, 2, 3",
        )
        .bind(serde_json::to_string(&kinds).map_err(damaged)?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| Ok((r.try_get(0)?, r.try_get::<&str, _>(1)?.parse().map_err(damaged)?, r.try_get(2)?)))
            .collect()
    }

    pub(super) async fn replace_aliases_(&self, aliases: &[AliasRow]) -> Result<()> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM alias WHERE verdict IS NULL").execute(&mut *t).await?;
        for alias in aliases {
            sqlx::query(
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
        let rows = sqlx::query(
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

/// Writes a threat event that is not stored, and ties its mentions to it.
async fn write_threat(t: &mut SqliteConnection, threat: &Threat) -> Result<()> {
    sqlx::query("UPDATE event_mention SET threat_id = ? WHERE id IN (SELECT value FROM json_each(?))")
        .bind(&threat.id)
        .bind(super::list(&threat.mentions))
        .execute(&mut *t)
        .await?;
    sqlx::query(
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
    for a in &threat.arguments {
        sqlx::query("INSERT INTO threat_argument (threat_id, role, key, value) VALUES (?, ?, ?, ?)")
            .bind(&threat.id)
            .bind(a.role.as_str())
            .bind(a.value.to_lowercase())
            .bind(&a.value)
            .execute(&mut *t)
            .await?;
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
