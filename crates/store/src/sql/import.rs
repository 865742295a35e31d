//! Imports: posts in, once each, with how far the file is.

use super::{BEGIN, Backend, Db, lock_ingest, query, query_scalar};
use crate::Result;
use crate::records::{Batch, ImportKey, ImportState};
use sqlx::{QueryBuilder, Row, Transaction};
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use tm_model::{PostRecord, Reject};

/// Rows of one statement; SQLite allows 32766 parameters, PostgreSQL 65535.
pub(super) const ROWS: usize = 400;
/// Longest identifier, title, handle that is kept; longer ones are hostile.
const LONGEST: usize = 500;

/// Longest identifier in bytes that is kept as it is: an index of PostgreSQL holds no longer ones.
const LONGEST_KEY: usize = 2000;

/// A text without NUL, which PostgreSQL cannot hold: each becomes the replacement character, so that offsets stay.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// An identifier that fits an index: the end of an overlong one is replaced by a digest of the whole.
pub(super) fn bounded(key: &str) -> Cow<'_, str> {
    if key.len() <= LONGEST_KEY {
        return clean(key);
    }
    let head = &key[..key.floor_char_boundary(LONGEST_KEY - 65)];
    Cow::Owned(format!("{}~{}", clean(head), blake3::hash(key.as_bytes()).to_hex()))
}

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

impl Backend {
    pub(super) async fn begin_import_(&self, key: &ImportKey) -> Result<ImportState> {
        query(
            "INSERT INTO import (file, digest, forum, \"row\", stored, known, refused, finished) VALUES (?, ?, ?, 0, 0, 0, 0, FALSE)
             ON CONFLICT DO NOTHING",
        )
        .bind(&key.file)
        .bind(&key.digest)
        .bind(&key.forum)
        .execute(&self.pool)
        .await?;
        let id: i64 = query_scalar("SELECT id FROM import WHERE file = ? AND digest = ? AND forum = ?")
            .bind(&key.file)
            .bind(&key.digest)
            .bind(&key.forum)
            .fetch_one(&self.pool)
            .await?;
        self.import_state(id).await
    }

    async fn import_state(&self, id: i64) -> Result<ImportState> {
        let r = query("SELECT \"row\", stored, known, refused, finished FROM import WHERE id = ?")
            .bind(id)
            .fetch_one(&self.pool)
            .await?;
        let n = |i: usize| -> Result<u64> { Ok(r.try_get::<i64, _>(i)? as u64) };
        Ok(ImportState {
            id,
            row: n(0)?,
            stored: n(1)?,
            known: n(2)?,
            refused: n(3)?,
            finished: r.try_get(4)?,
        })
    }

    pub(super) async fn store_batch_(&self, import: i64, batch: &Batch) -> Result<ImportState> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        lock_ingest(&mut t).await?;
        let mut known = Known::default();
        let mut stored = 0u64;
        for posts in batch.posts.chunks(ROWS) {
            stored += insert(&mut t, &mut known, posts).await?;
        }
        for r in &batch.rejects {
            query("INSERT INTO reject (import_id, \"row\", reason, snippet) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(import)
                .bind(r.row as i64)
                .bind(clean(&r.reason))
                .bind(clean(&r.snippet))
                .execute(&mut *t)
                .await?;
        }
        query(
            "UPDATE import SET \"row\" = CASE WHEN \"row\" < ? THEN ? ELSE \"row\" END, stored = stored + ?, known = known + ?,
             refused = refused + ?, finished = CASE WHEN ? THEN TRUE ELSE finished END WHERE id = ?",
        )
        .bind(batch.row as i64)
        .bind(batch.row as i64)
        .bind(stored as i64)
        .bind((batch.posts.len() as u64 - stored) as i64)
        .bind(batch.rejects.len() as i64)
        .bind(batch.finished)
        .bind(import)
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        self.import_state(import).await
    }

    pub(super) async fn rejects_(&self, import: i64, limit: u32) -> Result<Vec<Reject>> {
        let rows = query(
            "SELECT i.file, r.\"row\", r.reason, r.snippet FROM reject r JOIN import i ON i.id = r.import_id
             WHERE r.import_id = ? ORDER BY r.\"row\" LIMIT ?",
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
    t: &mut Transaction<'_, Db>,
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
        rows.push((forum, bounded(&post.external_id()).into_owned(), thread, account, post));
    }
    // An identifier that is taken by other words gets a variant; the same words under it are the same post.
    let mut asked: QueryBuilder<Db> = QueryBuilder::new("SELECT p.forum_id, p.external_id, p.text FROM (");
    asked.push_values(&rows, |mut row, (forum, external, ..)| {
        row.push_bind(forum).push_bind(external);
    });
    asked.push(") v JOIN post p ON p.forum_id = v.column1 AND p.external_id = v.column2");
    let mut texts: HashMap<(i64, String), String> = asked
        .build()
        .persistent(false)
        .fetch_all(&mut **t)
        .await?
        .iter()
        .map(|r| Ok(((r.try_get(0)?, r.try_get(1)?), r.try_get(2)?)))
        .collect::<Result<_>>()?;
    // Only what is new is inserted: a refused row would use up an identifier of PostgreSQL.
    rows.retain_mut(|(forum, external, _, _, post)| {
        let text = clean(&post.text);
        match texts.entry((*forum, external.clone())) {
            Entry::Vacant(free) => {
                free.insert(text.into_owned());
                true
            }
            Entry::Occupied(taken) if *taken.get() == text => false,
            Entry::Occupied(_) => {
                *external = bounded(&post.variant_id()).into_owned();
                true
            }
        }
    });
    if rows.is_empty() {
        return Ok(0);
    }
    let mut query: QueryBuilder<Db> = QueryBuilder::new(
        "INSERT INTO post (forum_id, external_id, thread_id, account_id, time, edited, text, reply_to, url, links, mentions) ",
    );
    query.push_values(&rows, |mut row, (forum, external, thread, account, post)| {
        row.push_bind(forum)
            .push_bind(external)
            .push_bind(thread)
            .push_bind(account)
            .push_bind(post.time.map(|t| t.0))
            .push_bind(post.edited.map(|t| t.0))
            .push_bind(clean(&post.text))
            .push_bind(post.reply_to.as_deref().map(bounded))
            .push_bind(post.url.as_deref().map(clean))
            .push_bind(json_list(&post.links))
            .push_bind(json_list(&post.mentions));
    });
    query.push(" ON CONFLICT DO NOTHING RETURNING id, forum_id, external_id");
    let new: HashMap<(i64, String), i64> = query
        .build()
        .persistent(false)
        .fetch_all(&mut **t)
        .await?
        .iter()
        .map(|r| Ok(((r.try_get(1)?, r.try_get(2)?), r.try_get(0)?)))
        .collect::<Result<_>>()?;
    let mut done = HashSet::new();
    let mut quoting = Vec::new();
    for (forum, external, _, _, post) in rows {
        let Some(&id) = new.get(&(forum, external)) else { continue };
        // The same identifier twice in one batch: the first one was stored.
        if !done.insert(id) {
            continue;
        }
        quoting.push((id, post));
    }
    insert_quotes(t, &quoting).await?;
    Ok(new.len() as u64)
}

/// Writes what posts quote, in the order of the posts and of their quotes.
pub(super) async fn insert_quotes(t: &mut Transaction<'_, Db>, posts: &[(i64, &PostRecord)]) -> Result<()> {
    let quotes: Vec<_> = posts
        .iter()
        .flat_map(|(id, post)| post.quotes.iter().map(move |q| (*id, q)))
        .filter(|(_, q)| q.post.is_some() || q.author.is_some())
        .collect();
    for part in quotes.chunks(ROWS) {
        let mut query: QueryBuilder<Db> = QueryBuilder::new("INSERT INTO quote (post_id, target, author) ");
        query.push_values(part, |mut row, (id, quote)| {
            row.push_bind(id)
                .push_bind(quote.post.as_deref().map(bounded))
                .push_bind(quote.author.as_deref().map(short));
        });
        query.build().persistent(false).execute(&mut **t).await?;
    }
    Ok(())
}

/// A list as JSON; nothing for an empty one, which most are.
pub(super) fn json_list(items: &[String]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let items: Vec<Cow<'_, str>> = items.iter().map(|i| clean(i)).collect();
    serde_json::to_string(&items).ok()
}

pub(super) async fn forum_id(t: &mut Transaction<'_, Db>, known: &mut Known, name: &str) -> Result<i64> {
    let name = Some(short(name)).filter(|n| !n.is_empty()).unwrap_or_else(|| "unknown".into());
    if let Some(&id) = known.forums.get(&name) {
        return Ok(id);
    }
    // Looked for first: an insert that meets a known row uses up an identifier of PostgreSQL.
    let found =
        query_scalar("SELECT id FROM forum WHERE name = ?").bind(&name).fetch_optional(&mut **t).await?;
    let id = match found {
        Some(id) => id,
        None => {
            query_scalar("INSERT INTO forum (name) VALUES (?) RETURNING id")
                .bind(&name)
                .fetch_one(&mut **t)
                .await?
        }
    };
    known.forums.insert(name, id);
    Ok(id)
}

async fn thread_id(
    t: &mut Transaction<'_, Db>,
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
    let board = post.board.as_deref().map(short);
    let found = query_scalar(
        "UPDATE thread SET title = CASE WHEN ? = '' THEN title ELSE ? END, board = coalesce(?, board), sticky = ?
         WHERE forum_id = ? AND key = ? RETURNING id",
    )
    .bind(&title)
    .bind(&title)
    .bind(&board)
    .bind(post.sticky)
    .bind(forum)
    .bind(&key)
    .fetch_optional(&mut **t)
    .await?;
    let id = match found {
        Some(id) => id,
        None => query_scalar(
            "INSERT INTO thread (forum_id, key, title, board, sticky) VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(forum)
        .bind(&key)
        .bind(&title)
        .bind(&board)
        .bind(post.sticky)
        .fetch_one(&mut **t)
        .await?,
    };
    known.threads.insert((forum, key), id);
    Ok(id)
}

async fn account_id(t: &mut Transaction<'_, Db>, known: &mut Known, forum: i64, name: &str) -> Result<i64> {
    let key = name.to_lowercase();
    if let Some(&id) = known.accounts.get(&(forum, key.clone())) {
        return Ok(id);
    }
    let found = query_scalar("SELECT id FROM account WHERE forum_id = ? AND key = ?")
        .bind(forum)
        .bind(&key)
        .fetch_optional(&mut **t)
        .await?;
    let id = match found {
        Some(id) => id,
        None => {
            query_scalar("INSERT INTO account (forum_id, key, name) VALUES (?, ?, ?) RETURNING id")
                .bind(forum)
                .bind(&key)
                .bind(name)
                .fetch_one(&mut **t)
                .await?
        }
    };
    known.accounts.insert((forum, key), id);
    Ok(id)
}
