//! Crawls: posts in, followed as their authors change them, with what the crawl has seen.

use super::SqliteStore;
use super::import::{Known, forum_id, insert, insert_quotes, json_list};
use crate::Result;
use crate::records::Crawled;
use sqlx::Row;
use tm_model::PostRecord;

impl SqliteStore {
    pub(super) async fn crawl_mark_(&self, forum: &str, key: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(
            "SELECT m.value FROM crawl_mark m JOIN forum f ON f.id = m.forum_id WHERE f.name = ? AND m.key = ?",
        )
        .bind(forum)
        .bind(key)
        .fetch_optional(&self.pool)
        .await?)
    }

    pub(super) async fn crawl_marks_(&self, forum: &str, prefix: &str) -> Result<Vec<(String, String)>> {
        // No LIKE: keys hold addresses, full of its wildcards. No character sorts behind U+10FFFF.
        let rows = sqlx::query(
            "SELECT m.key, m.value FROM crawl_mark m JOIN forum f ON f.id = m.forum_id
             WHERE f.name = ? AND m.key >= ?2 AND m.key < ?2 || char(1114111) ORDER BY m.key",
        )
        .bind(forum)
        .bind(prefix)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
    }

    pub(super) async fn crawl_sum_(&self, forum: &str, prefix: &str) -> Result<(u64, u64)> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(max(CAST(m.value AS INTEGER), 0)), 0) FROM crawl_mark m JOIN forum f ON f.id = m.forum_id
             WHERE f.name = ? AND m.key >= ?2 AND m.key < ?2 || char(1114111)",
        )
        .bind(forum)
        .bind(prefix)
        .fetch_one(&self.pool)
        .await?;
        Ok((row.try_get::<i64, _>(0)?.max(0) as u64, row.try_get::<i64, _>(1)?.max(0) as u64))
    }

    pub(super) async fn store_crawled_(
        &self,
        forum: &str,
        posts: &[PostRecord],
        marks: &[(String, String)],
    ) -> Result<Crawled> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut seen = Known::default();
        let forum_id = forum_id(&mut t, &mut seen, forum).await?;
        let mut done = Crawled::default();
        // New ones are stored together: each statement costs a change of threads.
        let mut new: Vec<PostRecord> = Vec::new();
        for post in posts {
            if new.iter().any(|n| n.id == post.id) {
                // It stands twice on the page: compared with itself.
                done.new += insert(&mut t, &mut seen, &std::mem::take(&mut new)).await?;
            }
            let row = sqlx::query("SELECT id, text, edited FROM post WHERE forum_id = ? AND external_id = ?")
                .bind(forum_id)
                .bind(post.external_id())
                .fetch_optional(&mut *t)
                .await?;
            let Some(row) = row else {
                new.push(PostRecord { forum: Some(forum.to_owned()), ..post.clone() });
                continue;
            };
            let (id, text, edited): (i64, String, Option<i64>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if text == post.text {
                done.known += 1;
                continue;
            }
            sqlx::query("INSERT INTO revision (post_id, edited, text) VALUES (?, ?, ?)")
                .bind(id)
                .bind(edited)
                .bind(&text)
                .execute(&mut *t)
                .await?;
            sqlx::query(
                "UPDATE post SET text = ?, edited = ?, links = ?, mentions = ?, analyzed = NULL, changed = ? WHERE id = ?",
            )
            .bind(&post.text)
            .bind(post.edited.map(|t| t.0))
            .bind(json_list(&post.links))
            .bind(json_list(&post.mentions))
            .bind(super::change::last(&mut t).await? + 1)
            .bind(id)
            .execute(&mut *t)
            .await?;
            sqlx::query("DELETE FROM quote WHERE post_id = ?").bind(id).execute(&mut *t).await?;
            insert_quotes(&mut t, id, post).await?;
            done.changed += 1;
        }
        if !new.is_empty() {
            done.new += insert(&mut t, &mut seen, &new).await?;
        }
        for (key, value) in marks {
            if value.is_empty() {
                sqlx::query("DELETE FROM crawl_mark WHERE forum_id = ? AND key = ?")
                    .bind(forum_id)
                    .bind(key)
                    .execute(&mut *t)
                    .await?;
            } else {
                sqlx::query(
                    "INSERT INTO crawl_mark (forum_id, key, value) VALUES (?, ?, ?)
                     ON CONFLICT (forum_id, key) DO UPDATE SET value = excluded.value",
                )
                .bind(forum_id)
                .bind(key)
                .bind(value)
                .execute(&mut *t)
                .await?;
            }
        }
        t.commit().await?;
        Ok(done)
    }
}
