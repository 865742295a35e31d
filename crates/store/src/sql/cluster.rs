//! What several processes need to work on one store: what is pending, what is set aside, who concludes.

use super::analysis::{POST, post_of};
use super::import::{bounded, clean};
use super::{Backend, ids, query, query_scalar};
use crate::Result;
use crate::records::QuarantineRow;
use sqlx::Row;
use tm_model::{Post, Timestamp};

/// Longest reason that is kept, in characters.
const REASON: usize = 500;

impl Backend {
    pub(super) async fn pending_ids_(&self, version: &str, below: i64, limit: u32) -> Result<Vec<i64>> {
        Ok(query_scalar(
            "SELECT p.id FROM post p WHERE p.id < ? AND (p.analyzed IS NULL OR p.analyzed < ? OR p.analyzed > ?)
             AND NOT EXISTS (SELECT 1 FROM quarantine x WHERE x.post_id = p.id AND x.version = ?) ORDER BY p.id DESC LIMIT ?",
        )
        .bind(below)
        .bind(version)
        .bind(version)
        .bind(version)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    pub(super) async fn pending_of_(&self, version: &str, posts: &[i64]) -> Result<Vec<Post>> {
        let rows = query(format!(
            "SELECT {POST} FROM post p WHERE p.id IN (??) AND p.analyzed IS DISTINCT FROM ?
             AND NOT EXISTS (SELECT 1 FROM quarantine x WHERE x.post_id = p.id AND x.version = ?) ORDER BY p.id"
        ))
        .bind(ids(posts))
        .bind(version)
        .bind(version)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(post_of).collect()
    }

    pub(super) async fn forget_analyses_(&self, after: i64, limit: u32) -> Result<Option<i64>> {
        let last: Option<i64> = query_scalar(
            "SELECT max(x.id) FROM (SELECT p.id FROM post p WHERE p.id > ? ORDER BY p.id LIMIT ?) x",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        if let Some(last) = last {
            query("UPDATE post SET analyzed = NULL WHERE id > ? AND id <= ?")
                .bind(after)
                .bind(last)
                .execute(&self.pool)
                .await?;
        }
        Ok(last)
    }

    pub(super) async fn quarantine_(
        &self,
        version: &str,
        post: i64,
        reason: &str,
        at: Timestamp,
    ) -> Result<()> {
        let reason: String = reason.chars().take(REASON).collect();
        query(
            "INSERT INTO quarantine (post_id, version, reason, time) SELECT id, ?, ?, ? FROM post WHERE id = ?
             ON CONFLICT (post_id) DO UPDATE SET version = excluded.version, reason = excluded.reason, time = excluded.time",
        )
        .bind(version)
        .bind(clean(&reason))
        .bind(at.0)
        .bind(post)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn quarantined_(&self, limit: u32) -> Result<(u64, Vec<QuarantineRow>)> {
        let total: i64 = query_scalar("SELECT count(*) FROM quarantine").fetch_one(&self.pool).await?;
        let rows = query(
            "SELECT x.post_id, f.name, p.external_id, x.version, x.reason, x.time FROM quarantine x
             JOIN post p ON p.id = x.post_id JOIN forum f ON f.id = p.forum_id ORDER BY x.post_id LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let rows = rows
            .iter()
            .map(|r| {
                Ok(QuarantineRow {
                    post_id: r.try_get(0)?,
                    forum: r.try_get(1)?,
                    external_id: r.try_get(2)?,
                    version: r.try_get(3)?,
                    reason: r.try_get(4)?,
                    time: Timestamp(r.try_get(5)?),
                })
            })
            .collect::<Result<_>>()?;
        Ok((total.max(0) as u64, rows))
    }

    pub(super) async fn release_quarantine_(&self) -> Result<u64> {
        Ok(query("DELETE FROM quarantine").execute(&self.pool).await?.rows_affected())
    }

    pub(super) async fn swap_fact_(&self, key: &str, from: &str, to: &str) -> Result<bool> {
        let done = query("UPDATE fact SET value = ? WHERE key = ? AND value = ?")
            .bind(clean(to))
            .bind(bounded(key))
            .bind(clean(from))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}
