//! Imports: posts in, once each, with how far the file is.

use super::SqliteStore;
use crate::Result;
use crate::records::{Batch, ImportKey, ImportState};
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};
use std::collections::HashMap;
use tm_model::{PostRecord, Reject};

/// Rows of one INSERT; SQLite allows 32766 parameters.
const ROWS: usize = 400;
/// Longest identifier, title, handle that is kept; longer ones are hostile.
const LONGEST: usize = 500;

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>().trim().to_owned()
}

/// Identifiers of what a batch has seen already.
#[derive(Default)]
pub(super) struct Known {
    forums: HashMap<String, i64>,
    threads: HashMap<(i64, String), i64>,
    accounts: HashMap<(i64, String), i64>,
}

impl SqliteStore {
    pub(super) async fn begin_import_(&self, key: &ImportKey) -> Result<ImportState> {
        sqlx::query(
            "INSERT INTO import (file, digest, forum, row, stored, known, refused, finished) VALUES (?, ?, ?, 0, 0, 0, 0, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(&key.file)
        .bind(&key.digest)
        .bind(&key.forum)
        .execute(&self.pool)
        .await?;
        let id: i64 = sqlx::query_scalar("SELECT id FROM import WHERE file = ? AND digest = ? AND forum = ?")
            .bind(&key.file)
            .bind(&key.digest)
            .bind(&key.forum)
            .fetch_one(&self.pool)
            .await?;
        self.import_state(id).await
    }

    async fn import_state(&self, id: i64) -> Result<ImportState> {
        let r = sqlx::query("SELECT row, stored, known, refused, finished FROM import WHERE id = ?")
            .bind(id)
            .fetch_one(&self.pool)
            .await?;
        let n = |i: usize| -> Result<u64> { Ok(r.try_get::<i64, _>(i)? as u64) };
        Ok(ImportState { id, row: n(0)?, stored: n(1)?, known: n(2)?, refused: n(3)?, finished: n(4)? == 1 })
    }

    pub(super) async fn store_batch_(&self, import: i64, batch: &Batch) -> Result<ImportState> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut known = Known::default();
        let mut stored = 0u64;
        for posts in batch.posts.chunks(ROWS) {
            stored += insert(&mut t, &mut known, posts).await?;
        }
        for r in &batch.rejects {
            sqlx::query("INSERT INTO reject (import_id, row, reason, snippet) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(import)
                .bind(r.row as i64)
                .bind(&r.reason)
                .bind(&r.snippet)
                .execute(&mut *t)
                .await?;
        }
        sqlx::query(
            "UPDATE import SET row = max(row, ?), stored = stored + ?, known = known + ?, refused = refused + ?,
             finished = max(finished, ?) WHERE id = ?",
        )
        .bind(batch.row as i64)
        .bind(stored as i64)
        .bind((batch.posts.len() as u64 - stored) as i64)
        .bind(batch.rejects.len() as i64)
        .bind(i64::from(batch.finished))
        .bind(import)
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        self.import_state(import).await
    }

    pub(super) async fn rejects_(&self, import: i64, limit: u32) -> Result<Vec<Reject>> {
        let rows = sqlx::query(
            "SELECT i.file, r.row, r.reason, r.snippet FROM reject r JOIN import i ON i.id = r.import_id
             WHERE r.import_id = ? ORDER BY r.row LIMIT ?",
        )
        .bind(import)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                let row: i64 = r.try_get(1)?;
                Ok(Reject {
                    file: r.try_get(0)?,
                    row: row as u64,
                    reason: r.try_get(2)?,
                    snippet: r.try_get(3)?,
                })
            })
            .collect()
    }
}

/// Inserts posts that are not known; returns how many.
pub(super) async fn insert(
    t: &mut Transaction<'_, Sqlite>,
    known: &mut Known,
    posts: &[PostRecord],
) -> Result<u64> {
    let mut rows = Vec::with_capacity(posts.len());
    for post in posts {
        let forum = forum_id(t, known, post.forum.as_deref().unwrap_or("unknown")).await?;
        let thread = thread_id(t, known, forum, post).await?;
        let account = match post.author.as_deref().map(short).filter(|a| !a.is_empty()) {
            Some(name) => Some(account_id(t, known, forum, &name).await?),
            None => None,
        };
        rows.push((forum, post.external_id(), thread, account, post));
    }
    // An identifier that is taken by other words gets a variant; the same words under it are the same post.
    let asked: Vec<(i64, &str)> = rows.iter().map(|r| (r.0, r.1.as_str())).collect();
    let mut texts: HashMap<(i64, String), String> = sqlx::query(
        "SELECT p.forum_id, p.external_id, p.text FROM json_each(?) j
         JOIN post p ON p.forum_id = j.value ->> 0 AND p.external_id = j.value ->> 1",
    )
    .bind(serde_json::to_string(&asked).map_err(super::damaged)?)
    .fetch_all(&mut **t)
    .await?
    .iter()
    .map(|r| Ok(((r.try_get(0)?, r.try_get(1)?), r.try_get(2)?)))
    .collect::<Result<_>>()?;
    for (forum, external, _, _, post) in &mut rows {
        let taken = texts.entry((*forum, external.clone())).or_insert_with(|| post.text.clone());
        if *taken != post.text {
            *external = post.variant_id();
        }
    }
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
        "INSERT INTO post (forum_id, external_id, thread_id, account_id, time, edited, text, reply_to, url, links, mentions, changed) ",
    );
    let mut change = super::change::last(t).await?;
    query.push_values(&rows, |mut row, (forum, external, thread, account, post)| {
        row.push_bind(forum)
            .push_bind(external)
            .push_bind(thread)
            .push_bind(account)
            .push_bind(post.time.map(|t| t.0))
            .push_bind(post.edited.map(|t| t.0))
            .push_bind(&post.text)
            .push_bind(&post.reply_to)
            .push_bind(&post.url)
            .push_bind(json_list(&post.links))
            .push_bind(json_list(&post.mentions));
        change += 1;
        row.push_bind(change);
    });
    query.push(" ON CONFLICT DO NOTHING RETURNING id, forum_id, external_id");
    let new: HashMap<(i64, String), i64> = query
        .build()
        .fetch_all(&mut **t)
        .await?
        .iter()
        .map(|r| Ok(((r.try_get(1)?, r.try_get(2)?), r.try_get(0)?)))
        .collect::<Result<_>>()?;
    let mut done = std::collections::HashSet::new();
    for (forum, external, _, _, post) in rows {
        let Some(&id) = new.get(&(forum, external)) else { continue };
        // The same identifier twice in one batch: the first one was stored.
        if !done.insert(id) {
            continue;
        }
        insert_quotes(t, id, post).await?;
    }
    Ok(new.len() as u64)
}

pub(super) async fn insert_quotes(t: &mut Transaction<'_, Sqlite>, id: i64, post: &PostRecord) -> Result<()> {
    for quote in post.quotes.iter().filter(|q| q.post.is_some() || q.author.is_some()) {
        sqlx::query("INSERT INTO quote (post_id, target, author) VALUES (?, ?, ?)")
            .bind(id)
            .bind(&quote.post)
            .bind(quote.author.as_deref().map(short))
            .execute(&mut **t)
            .await?;
    }
    Ok(())
}

/// A list as JSON; nothing for an empty one, which most are.
pub(super) fn json_list(items: &[String]) -> Option<String> {
    if items.is_empty() { None } else { serde_json::to_string(items).ok() }
}

pub(super) async fn forum_id(t: &mut Transaction<'_, Sqlite>, known: &mut Known, name: &str) -> Result<i64> {
    let name = Some(short(name)).filter(|n| !n.is_empty()).unwrap_or_else(|| "unknown".into());
    if let Some(&id) = known.forums.get(&name) {
        return Ok(id);
    }
    sqlx::query("INSERT INTO forum (name) VALUES (?) ON CONFLICT DO NOTHING")
        .bind(&name)
        .execute(&mut **t)
        .await?;
    let id =
        sqlx::query_scalar("SELECT id FROM forum WHERE name = ?").bind(&name).fetch_one(&mut **t).await?;
    known.forums.insert(name, id);
    Ok(id)
}

async fn thread_id(
    t: &mut Transaction<'_, Sqlite>,
    known: &mut Known,
    forum: i64,
    post: &PostRecord,
) -> Result<i64> {
    let title = post.title.as_deref().map(short).unwrap_or_default();
    let key = post
        .thread
        .as_deref()
        .map(short)
        .filter(|k| !k.is_empty())
        .unwrap_or_else(|| format!("title:{title}"));
    if let Some(&id) = known.threads.get(&(forum, key.clone())) {
        return Ok(id);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO thread (forum_id, key, title, board, sticky) VALUES (?, ?, ?, ?, ?) ON CONFLICT (forum_id, key) DO UPDATE
         SET title = CASE WHEN excluded.title = '' THEN title ELSE excluded.title END, board = coalesce(excluded.board, board),
         sticky = excluded.sticky RETURNING id",
    )
    .bind(forum)
    .bind(&key)
    .bind(&title)
    .bind(post.board.as_deref().map(short))
    .bind(post.sticky)
    .fetch_one(&mut **t)
    .await?;
    known.threads.insert((forum, key), id);
    Ok(id)
}

async fn account_id(
    t: &mut Transaction<'_, Sqlite>,
    known: &mut Known,
    forum: i64,
    name: &str,
) -> Result<i64> {
    let key = name.to_lowercase();
    if let Some(&id) = known.accounts.get(&(forum, key.clone())) {
        return Ok(id);
    }
    sqlx::query("INSERT INTO account (forum_id, key, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(forum)
        .bind(&key)
        .bind(name)
        .execute(&mut **t)
        .await?;
    let id = sqlx::query_scalar("SELECT id FROM account WHERE forum_id = ? AND key = ?")
        .bind(forum)
        .bind(&key)
        .fetch_one(&mut **t)
        .await?;
    known.accounts.insert((forum, key), id);
    Ok(id)
}
