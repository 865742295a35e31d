//! What has changed, for whoever keeps something derived from posts; and copies of the whole store.

use super::{SqliteStore, damaged};
use crate::records::ChangedPost;
use crate::{Result, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row, Sqlite, Transaction};
use std::collections::HashMap;
use std::path::Path;
use tm_model::Timestamp;

/// The last number that was given to a change. Writers are alone in their transaction, so the next ones are free.
pub(super) async fn last(t: &mut Transaction<'_, Sqlite>) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT coalesce(max(changed), 0) FROM post").fetch_one(&mut **t).await?)
}

impl SqliteStore {
    pub(super) async fn last_change_(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT coalesce(max(changed), 0) FROM post").fetch_one(&self.pool).await?)
    }

    pub(super) async fn changed_posts_(&self, after: i64, limit: u32) -> Result<Vec<ChangedPost>> {
        let rows = sqlx::query(
            "SELECT p.changed, p.id, p.thread_id, p.text, p.time, p.language, t.title, t.board, f.name AS forum, a.name AS author
             FROM post p JOIN thread t ON t.id = p.thread_id JOIN forum f ON f.id = p.forum_id
             LEFT JOIN account a ON a.id = p.account_id WHERE p.changed > ? ORDER BY p.changed LIMIT ?",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let mut posts = rows
            .iter()
            .map(|r| {
                let language: Option<&str> = r.try_get("language")?;
                Ok(ChangedPost {
                    change: r.try_get("changed")?,
                    id: r.try_get("id")?,
                    thread_id: r.try_get("thread_id")?,
                    text: r.try_get("text")?,
                    time: r.try_get::<Option<i64>, _>("time")?.map(Timestamp),
                    language: language.map(|l| l.parse().map_err(damaged)).transpose()?,
                    title: r.try_get("title")?,
                    board: r.try_get("board")?,
                    forum: r.try_get("forum")?,
                    author: r.try_get("author")?,
                    entities: Vec::new(),
                    events: Vec::new(),
                })
            })
            .collect::<Result<Vec<ChangedPost>>>()?;
        let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
        let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
        let rows = sqlx::query(
            "SELECT DISTINCT m.post_id, e.type, e.value FROM entity_mention m JOIN entity e ON e.id = m.entity_id
             WHERE m.post_id IN (SELECT value FROM json_each(?)) ORDER BY m.post_id, e.type, e.value",
        )
        .bind(super::list(&ids))
        .fetch_all(&self.pool)
        .await?;
        for r in &rows {
            let Some(post) = place.get(&r.try_get(0)?).and_then(|i| posts.get_mut(*i)) else { continue };
            post.entities.push((r.try_get::<&str, _>(1)?.parse().map_err(damaged)?, r.try_get(2)?));
        }
        let rows = sqlx::query(
            "SELECT DISTINCT post_id, type FROM event_mention WHERE post_id IN (SELECT value FROM json_each(?)) ORDER BY post_id, type",
        )
        .bind(super::list(&ids))
        .fetch_all(&self.pool)
        .await?;
        for r in &rows {
            let Some(post) = place.get(&r.try_get(0)?).and_then(|i| posts.get_mut(*i)) else { continue };
            post.events.push(r.try_get::<&str, _>(1)?.parse().map_err(damaged)?);
        }
        Ok(posts)
    }

    pub(super) async fn copy_to_(&self, path: &Path) -> Result<()> {
        let name = path.to_string_lossy().into_owned();
        sqlx::query("VACUUM INTO ?").bind(&name).execute(&self.pool).await?;
        Ok(())
    }

    /// Reads a store's file through without changing it: every page, every index, every reference. Returns the number of
    /// rows of each table, by name.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it is no SQLite file, [`StoreError::Newer`] when a newer program wrote it,
    /// [`StoreError::Damaged`] when something in it does not fit together.
    pub async fn check(path: &Path) -> Result<Vec<(String, u64)>> {
        let name = path.display().to_string();
        let fail = |source| StoreError::Open { path: name.clone(), source };
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut c = options.connect().await.map_err(fail)?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut c).await.map_err(fail)?;
        let known = super::MIGRATIONS.len() as i64;
        if version > known {
            return Err(StoreError::Newer { path: name, found: version, known });
        }
        if version == 0 {
            return Err(StoreError::Damaged(format!("{name} is no store of this program")));
        }
        let said: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check(10)").fetch_all(&mut c).await.map_err(fail)?;
        if said != ["ok"] {
            return Err(StoreError::Damaged(format!("{name}: {}", said.join("; "))));
        }
        if let Some(r) = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut c).await.map_err(fail)? {
            let table: String = r.try_get(0)?;
            return Err(StoreError::Damaged(format!(
                "{name}: a row of table {table} refers to one that is not there"
            )));
        }
        let counts = counts(&mut c).await.map_err(fail)?;
        c.close().await.map_err(fail)?;
        Ok(counts)
    }
}

/// Rows of each table.
async fn counts(c: &mut SqliteConnection) -> std::result::Result<Vec<(String, u64)>, sqlx::Error> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(&mut *c)
    .await?;
    let mut all = Vec::with_capacity(tables.len());
    for table in tables {
        let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
        let n: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *c).await?;
        all.push((table, n.max(0) as u64));
    }
    Ok(all)
}

/// Files that are about to become a store, or to stop being one.
impl SqliteStore {
    /// Gives a copy an identity of its own, so that nothing derived from the original is taken for its own.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub async fn rename(path: &Path) -> Result<()> {
        let name = path.display().to_string();
        let options = SqliteConnectOptions::new().filename(path);
        let mut c = options.connect().await.map_err(|source| StoreError::Open { path: name, source })?;
        sqlx::query("UPDATE fact SET value = lower(hex(randomblob(16))) WHERE key = 'identity'")
            .execute(&mut c)
            .await?;
        c.close().await?;
        Ok(())
    }

    /// Writes everything to the main file and folds up its log, which only works while nobody else has the store open:
    /// false says that somebody has. A file that cannot be read as a store is nobody's.
    pub async fn retire(path: &Path) -> bool {
        let options =
            SqliteConnectOptions::new().filename(path).busy_timeout(std::time::Duration::from_millis(500));
        let Ok(mut c) = options.connect().await else { return true };
        let mode: std::result::Result<String, sqlx::Error> =
            sqlx::query_scalar("PRAGMA journal_mode = DELETE").fetch_one(&mut c).await;
        let busy = |e: &sqlx::Error| {
            e.as_database_error()
                .and_then(|d| d.code())
                .is_some_and(|c| matches!(&*c, "5" | "6" | "261" | "517"))
        };
        let free = match &mode {
            Ok(mode) => mode == "delete",
            Err(e) => !busy(e),
        };
        let _ = c.close().await;
        free
    }
}
