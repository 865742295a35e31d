//! Reads for the presentation.

use super::analysis::{POST, post_of};
use super::facets::restrict_threats;
use super::{SqliteStore, damaged, list};
use crate::Result;
use crate::records::*;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use std::collections::HashMap;
use tm_model::{EntityType, Post, Span, Standing, Timestamp};

pub(super) fn time(r: &SqliteRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(r.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

fn count(r: &SqliteRow, column: &str) -> Result<u64> {
    Ok(r.try_get::<i64, _>(column)?.max(0) as u64)
}

/// `%text%` with the wildcards of LIKE escaped by `\`.
pub(super) fn like(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

/// Appends the conditions of a filter on `post p`; the query ends with a condition already.
fn restrict(q: &mut QueryBuilder<Sqlite>, f: &PostFilter) {
    if let Some(ids) = &f.ids {
        q.push(" AND p.id IN (SELECT value FROM json_each(").push_bind(list(ids)).push("))");
    }
    if let Some(id) = f.thread {
        q.push(" AND p.thread_id = ").push_bind(id);
    }
    if let Some(id) = f.account {
        q.push(" AND p.account_id = ").push_bind(id);
    }
    if let Some(id) = f.entity {
        q.push(" AND p.id IN (SELECT post_id FROM entity_mention WHERE entity_id = ").push_bind(id).push(")");
    }
    if let Some(id) = &f.threat {
        q.push(" AND p.id IN (SELECT post_id FROM event_mention WHERE threat_id = ")
            .push_bind(id.clone())
            .push(")");
    }
    if let Some(name) = &f.forum {
        q.push(" AND p.forum_id = (SELECT id FROM forum WHERE name = ").push_bind(name.clone()).push(")");
    }
    if let Some(started) = f.started {
        q.push(" AND (p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time, q.id LIMIT 1)) = ")
            .push_bind(i64::from(started));
    }
    if let Some(after) = f.after {
        q.push(" AND p.id > ").push_bind(after);
    }
}

pub(super) fn page(q: &mut QueryBuilder<Sqlite>, limit: u32, offset: u32) {
    q.push(" LIMIT ").push_bind(if limit == 0 { -1 } else { i64::from(limit) });
    q.push(" OFFSET ").push_bind(i64::from(offset));
}

const ACCOUNT: &str = "SELECT a.id, a.name, f.name AS forum, s.rank, s.score, s.parts, s.fields, s.history, s.answers, s.community, s.roles,
    (SELECT count(*) FROM post p WHERE p.account_id = a.id) AS posts,
    (SELECT min(time) FROM post p WHERE p.account_id = a.id) AS first,
    (SELECT max(time) FROM post p WHERE p.account_id = a.id) AS last,
    (SELECT count(*) FROM post p WHERE p.account_id = a.id AND
     p.id = (SELECT q.id FROM post q WHERE q.thread_id = p.thread_id ORDER BY q.time, q.id LIMIT 1)) AS started
    FROM account a JOIN forum f ON f.id = a.forum_id LEFT JOIN standing s ON s.account_id = a.id WHERE 1";

fn account_of(r: &SqliteRow) -> Result<AccountRow> {
    let id: i64 = r.try_get("id")?;
    let rank: Option<i64> = r.try_get("rank")?;
    let standing = match rank {
        None => None,
        Some(rank) => Some(StandingRow {
            account_id: id,
            standing: Standing {
                rank: rank as u32,
                account: id.to_string(),
                score: r.try_get("score")?,
                parts: serde_json::from_str(r.try_get("parts")?).map_err(damaged)?,
            },
            fields: serde_json::from_str(r.try_get("fields")?).map_err(damaged)?,
            history: serde_json::from_str(r.try_get("history")?).map_err(damaged)?,
            answers: count(r, "answers")?,
            community: r.try_get::<Option<i64>, _>("community")?.and_then(|c| u32::try_from(c).ok()),
            roles: serde_json::from_str(r.try_get("roles")?).map_err(damaged)?,
        }),
    };
    Ok(AccountRow {
        id,
        name: r.try_get("name")?,
        forum: r.try_get("forum")?,
        posts: count(r, "posts")?,
        threads_started: count(r, "started")?,
        first: time(r, "first")?,
        last: time(r, "last")?,
        standing,
    })
}

fn entity_of(r: &SqliteRow) -> Result<EntitySummaryRow> {
    Ok(EntitySummaryRow {
        id: r.try_get("id")?,
        kind: r.try_get::<&str, _>("type")?.parse::<EntityType>().map_err(damaged)?,
        value: r.try_get("value")?,
        posts: count(r, "posts")?,
        first: time(r, "first")?,
        last: time(r, "last")?,
    })
}

const ENTITY: &str = "SELECT e.id, e.type, e.value, count(DISTINCT m.post_id) AS posts, min(p.time) AS first, max(p.time) AS last
    FROM entity e JOIN entity_mention m ON m.entity_id = e.id JOIN post p ON p.id = m.post_id WHERE 1";

fn event_of(r: &SqliteRow) -> Result<EventRow> {
    Ok(EventRow {
        id: r.try_get("id")?,
        post_id: r.try_get("post_id")?,
        kind: r.try_get::<&str, _>("type")?.parse().map_err(damaged)?,
        modality: r.try_get::<&str, _>("modality")?.parse().map_err(damaged)?,
        confidence: r.try_get("confidence")?,
        trigger: Span::new(r.try_get("trigger_start")?, r.try_get("trigger_end")?),
        trigger_text: r.try_get("trigger_text")?,
        arguments: serde_json::from_str(r.try_get("arguments")?).map_err(damaged)?,
        threat_id: r.try_get("threat_id")?,
        label_id: r.try_get("label_id")?,
    })
}

impl SqliteStore {
    pub(super) async fn counts_(&self) -> Result<Counts> {
        let r = sqlx::query(
            "SELECT (SELECT count(*) FROM post) AS posts, (SELECT count(*) FROM post WHERE relevance >= 0.5) AS relevant,
             (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM thread) AS threads,
             (SELECT count(*) FROM forum) AS forums, (SELECT count(*) FROM threat) AS threats,
             (SELECT count(*) FROM event_mention) AS mentions,
             (SELECT count(DISTINCT entity_id) FROM entity_mention) AS entities",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Counts {
            posts: count(&r, "posts")?,
            relevant_posts: count(&r, "relevant")?,
            accounts: count(&r, "accounts")?,
            threads: count(&r, "threads")?,
            forums: count(&r, "forums")?,
            threats: count(&r, "threats")?,
            mentions: count(&r, "mentions")?,
            entities: count(&r, "entities")?,
        })
    }

    pub(super) async fn forums_(&self) -> Result<Vec<ForumRow>> {
        let rows = sqlx::query(
            "SELECT f.id, f.name, (SELECT count(*) FROM account a WHERE a.forum_id = f.id) AS accounts, count(p.id) AS posts,
             min(p.time) AS first, max(p.time) AS last,
             (SELECT language FROM post l WHERE l.forum_id = f.id AND l.language <> 'other' GROUP BY language
              ORDER BY count(*) DESC, language LIMIT 1) AS language
             FROM forum f LEFT JOIN post p ON p.forum_id = f.id GROUP BY f.id ORDER BY posts DESC, f.name",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(ForumRow {
                    id: r.try_get("id")?,
                    name: r.try_get("name")?,
                    posts: count(r, "posts")?,
                    accounts: count(r, "accounts")?,
                    language: r.try_get("language")?,
                    first: time(r, "first")?,
                    last: time(r, "last")?,
                })
            })
            .collect()
    }

    pub(super) async fn entity_types_(&self) -> Result<Vec<(String, u64)>> {
        let rows = sqlx::query(
            "SELECT e.type, count(*) AS n FROM entity e WHERE EXISTS (SELECT 1 FROM entity_mention m WHERE m.entity_id = e.id)
             GROUP BY e.type ORDER BY n DESC, e.type",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get("type")?, count(r, "n")?))).collect()
    }

    pub(super) async fn events_by_month_(&self) -> Result<Vec<(String, String, u64)>> {
        let rows = sqlx::query(
            "SELECT strftime('%Y-%m', p.time, 'unixepoch') AS month, m.type, count(*) AS n
             FROM event_mention m JOIN post p ON p.id = m.post_id WHERE p.time IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get("month")?, r.try_get("type")?, count(r, "n")?))).collect()
    }

    pub(super) async fn threats_(&self, f: &ThreatFilter) -> Result<(u64, Vec<ThreatRow>)> {
        let mut total: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT count(*) AS n FROM threat t WHERE 1");
        restrict_threats(&mut total, f, "");
        let total = count(&total.build().fetch_one(&self.pool).await?, "n")?;
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT t.* FROM threat t WHERE 1");
        restrict_threats(&mut q, f, "");
        q.push(match f.sort.as_str() {
            "last_seen" => " ORDER BY t.last_seen DESC, t.id",
            "first_seen" => " ORDER BY t.first_seen DESC, t.id",
            "mentions" => " ORDER BY t.mentions DESC, t.severity DESC, t.id",
            _ => " ORDER BY t.severity DESC, t.mentions DESC, t.id",
        });
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        Ok((total, self.threat_rows(&rows).await?))
    }

    /// Adds forums and participants to threat rows.
    async fn threat_rows(&self, rows: &[SqliteRow]) -> Result<Vec<ThreatRow>> {
        let ids: Vec<String> = rows.iter().map(|r| Ok(r.try_get("id")?)).collect::<Result<_>>()?;
        let ids = serde_json::to_string(&ids).map_err(damaged)?;
        let mut forums: HashMap<String, Vec<String>> = HashMap::new();
        let found = sqlx::query(
            "SELECT m.threat_id, f.name FROM event_mention m JOIN post p ON p.id = m.post_id JOIN forum f ON f.id = p.forum_id
             WHERE m.threat_id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2 ORDER BY count(*) DESC, f.name",
        )
        .bind(&ids)
        .fetch_all(&self.pool)
        .await?;
        for r in &found {
            forums.entry(r.try_get(0)?).or_default().push(r.try_get(1)?);
        }
        let mut people: HashMap<String, Vec<(i64, String)>> = HashMap::new();
        let found = sqlx::query(
            "SELECT m.threat_id, a.id, a.name FROM event_mention m JOIN post p ON p.id = m.post_id
             JOIN account a ON a.id = p.account_id WHERE m.threat_id IN (SELECT value FROM json_each(?))
             GROUP BY 1, 2 ORDER BY count(*) DESC, a.id",
        )
        .bind(&ids)
        .fetch_all(&self.pool)
        .await?;
        for r in &found {
            people.entry(r.try_get(0)?).or_default().push((r.try_get(1)?, r.try_get(2)?));
        }
        rows.iter()
            .map(|r| {
                let id: String = r.try_get("id")?;
                Ok(ThreatRow {
                    kind: r.try_get::<&str, _>("type")?.parse().map_err(damaged)?,
                    title: r.try_get("title")?,
                    status: r.try_get("status")?,
                    severity: r.try_get("severity")?,
                    severity_parts: serde_json::from_str(r.try_get("severity_parts")?).map_err(damaged)?,
                    confidence: r.try_get("confidence")?,
                    first: time(r, "first_seen")?,
                    last: time(r, "last_seen")?,
                    arguments: serde_json::from_str(r.try_get("arguments")?).map_err(damaged)?,
                    mentions: count(r, "mentions")?,
                    posts: count(r, "posts")?,
                    forums: forums.remove(&id).unwrap_or_default(),
                    participants: people.remove(&id).unwrap_or_default(),
                    id,
                })
            })
            .collect()
    }

    pub(super) async fn threat_(&self, id: &str) -> Result<Option<ThreatRow>> {
        let rows = sqlx::query("SELECT * FROM threat WHERE id = ?").bind(id).fetch_all(&self.pool).await?;
        Ok(self.threat_rows(&rows).await?.pop())
    }

    pub(super) async fn threat_mentions_(&self, id: &str) -> Result<Vec<EventRow>> {
        let rows = sqlx::query(
            "SELECT m.* FROM event_mention m JOIN post p ON p.id = m.post_id WHERE m.threat_id = ?
             ORDER BY p.time, p.id, m.trigger_start",
        )
        .bind(id)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(event_of).collect()
    }

    pub(super) async fn threats_of_account_(&self, account: i64) -> Result<Vec<(ThreatRow, u64)>> {
        let rows = sqlx::query(
            "SELECT t.*, n.n AS own FROM threat t JOIN (SELECT m.threat_id AS id, count(*) AS n FROM event_mention m
             JOIN post p ON p.id = m.post_id WHERE p.account_id = ? AND m.threat_id IS NOT NULL GROUP BY 1) n ON n.id = t.id
             ORDER BY n.n DESC, t.severity DESC, t.id",
        )
        .bind(account)
        .fetch_all(&self.pool)
        .await?;
        let own = rows.iter().map(|r| count(r, "own")).collect::<Result<Vec<_>>>()?;
        Ok(self.threat_rows(&rows).await?.into_iter().zip(own).collect())
    }

    pub(super) async fn accounts_(&self, f: &PostFilter) -> Result<(u64, Vec<AccountRow>)> {
        let conditions = |q: &mut QueryBuilder<Sqlite>| {
            if let Some(forum) = &f.forum {
                q.push(" AND f.name = ").push_bind(forum.clone());
            }
            if let Some(text) = &f.text {
                q.push(" AND a.name LIKE ").push_bind(like(text)).push(" ESCAPE '\\'");
            }
            if let Some(ids) = &f.ids {
                q.push(" AND a.id IN (SELECT value FROM json_each(").push_bind(list(ids)).push("))");
            }
        };
        let mut total: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT count(*) AS n FROM account a JOIN forum f ON f.id = a.forum_id WHERE 1",
        );
        conditions(&mut total);
        let total = count(&total.build().fetch_one(&self.pool).await?, "n")?;
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(ACCOUNT);
        conditions(&mut q);
        q.push(match f.sort.as_str() {
            "posts" => " ORDER BY posts DESC, a.id",
            "last_seen" => " ORDER BY last DESC, a.id",
            "first_seen" => " ORDER BY first DESC, a.id",
            _ => " ORDER BY s.rank IS NULL, s.rank, a.id",
        });
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        Ok((total, rows.iter().map(account_of).collect::<Result<_>>()?))
    }

    pub(super) async fn account_(&self, id: i64) -> Result<Option<AccountRow>> {
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(ACCOUNT);
        q.push(" AND a.id = ").push_bind(id);
        q.build().fetch_optional(&self.pool).await?.as_ref().map(account_of).transpose()
    }

    pub(super) async fn entities_(&self, f: &PostFilter) -> Result<(u64, Vec<EntitySummaryRow>)> {
        let conditions = |q: &mut QueryBuilder<Sqlite>| {
            if let Some(kind) = f.entity_type {
                q.push(" AND e.type = ").push_bind(kind.as_str());
            }
            if let Some(text) = &f.text {
                q.push(" AND e.value LIKE ").push_bind(like(text)).push(" ESCAPE '\\'");
            }
        };
        let mut total: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT count(*) AS n FROM entity e WHERE EXISTS (SELECT 1 FROM entity_mention m WHERE m.entity_id = e.id)",
        );
        conditions(&mut total);
        let total = count(&total.build().fetch_one(&self.pool).await?, "n")?;
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(ENTITY);
        conditions(&mut q);
        q.push(" GROUP BY e.id ORDER BY posts DESC, e.id");
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        Ok((total, rows.iter().map(entity_of).collect::<Result<_>>()?))
    }

    pub(super) async fn entity_(&self, id: i64) -> Result<Option<EntitySummaryRow>> {
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(ENTITY);
        q.push(" AND e.id = ").push_bind(id).push(" GROUP BY e.id");
        q.build().fetch_optional(&self.pool).await?.as_ref().map(entity_of).transpose()
    }

    pub(super) async fn entity_counts_(&self, f: &PostFilter) -> Result<Vec<EntitySummaryRow>> {
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(ENTITY);
        restrict(&mut q, f);
        if let Some(kind) = f.entity_type {
            q.push(" AND e.type = ").push_bind(kind.as_str());
        }
        q.push(" GROUP BY e.id ORDER BY posts DESC, e.id");
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        rows.iter().map(entity_of).collect()
    }

    pub(super) async fn posts_(&self, f: &PostFilter) -> Result<Vec<Post>> {
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(format!("SELECT {POST} FROM post p WHERE 1"));
        restrict(&mut q, f);
        q.push(match (f.after.is_some(), f.oldest_first) {
            (true, _) => " ORDER BY p.id",
            (false, true) => " ORDER BY p.time, p.id",
            (false, false) => " ORDER BY p.time DESC, p.id DESC",
        });
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        rows.iter().map(post_of).collect()
    }

    pub(super) async fn threads_(&self, ids: &[i64]) -> Result<Vec<ThreadRow>> {
        let rows = sqlx::query(
            "SELECT t.id, f.name AS forum, t.title, t.board, t.key, t.sticky, (SELECT count(*) FROM post p WHERE p.thread_id = t.id) AS posts
             FROM thread t JOIN forum f ON f.id = t.forum_id WHERE t.id IN (SELECT value FROM json_each(?)) ORDER BY t.id",
        )
        .bind(list(ids))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(ThreadRow {
                    id: r.try_get("id")?,
                    forum: r.try_get("forum")?,
                    title: r.try_get("title")?,
                    board: r.try_get("board")?,
                    key: Some(r.try_get::<String, _>("key")?).filter(|k| !k.starts_with("title:")),
                    sticky: r.try_get::<i64, _>("sticky")? == 1,
                    posts: count(r, "posts")?,
                })
            })
            .collect()
    }

    pub(super) async fn entities_of_(&self, posts: &[i64]) -> Result<Vec<EntityRow>> {
        let rows = sqlx::query(
            "SELECT m.post_id, m.entity_id, e.type, e.value, m.start, m.\"end\" AS stop, m.source, m.confidence
             FROM entity_mention m JOIN entity e ON e.id = m.entity_id
             WHERE m.post_id IN (SELECT value FROM json_each(?)) ORDER BY m.post_id, m.start, m.rowid",
        )
        .bind(list(posts))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(EntityRow {
                    post_id: r.try_get("post_id")?,
                    entity_id: r.try_get("entity_id")?,
                    kind: r.try_get::<&str, _>("type")?.parse().map_err(damaged)?,
                    value: r.try_get("value")?,
                    span: Span::new(r.try_get("start")?, r.try_get("stop")?),
                    source: r.try_get("source")?,
                    confidence: r.try_get("confidence")?,
                })
            })
            .collect()
    }

    pub(super) async fn events_of_(&self, posts: &[i64]) -> Result<Vec<EventRow>> {
        let rows = sqlx::query(
            "SELECT * FROM event_mention WHERE post_id IN (SELECT value FROM json_each(?)) ORDER BY post_id, trigger_start, id",
        )
        .bind(list(posts))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(event_of).collect()
    }

    pub(super) async fn quotes_of_(&self, posts: &[i64]) -> Result<Vec<(i64, Option<i64>, Option<String>)>> {
        let rows = sqlx::query(
            "SELECT q.post_id, (SELECT t.id FROM post t WHERE t.forum_id = p.forum_id AND t.external_id = q.target) AS target,
             q.author FROM quote q JOIN post p ON p.id = q.post_id
             WHERE q.post_id IN (SELECT value FROM json_each(?)) ORDER BY q.rowid",
        )
        .bind(list(posts))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get("post_id")?, r.try_get("target")?, r.try_get("author")?))).collect()
    }
}
