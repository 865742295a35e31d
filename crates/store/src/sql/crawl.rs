//! Crawls: posts in, followed as their authors change them, with what the crawl has seen.

use super::import::{Known, bounded, clean, forum_id, insert, insert_quotes, json_list};
use super::{BEGIN, Backend, VALUE_AS_NUMBER, lock_ingest, query, query_scalar};
use crate::Result;
use crate::records::Crawled;
use sqlx::Row;
use tm_model::PostRecord;

/// No character sorts behind it.
const LAST: char = char::MAX;

impl Backend {
    pub(super) async fn crawl_mark_(&self, forum: &str, key: &str) -> Result<Option<String>> {
        Ok(query_scalar(
            "SELECT m.value FROM crawl_mark m JOIN forum f ON f.id = m.forum_id WHERE f.name = ? AND m.key = ?",
        )
        .bind(forum)
        .bind(bounded(key))
        .fetch_optional(&self.pool)
        .await?)
    }

    pub(super) async fn crawl_marks_(&self, forum: &str, prefix: &str) -> Result<Vec<(String, String)>> {
        // No LIKE: keys hold addresses, full of its wildcards. No character sorts behind U+10FFFF.
        let rows = query(
            "SELECT m.key, m.value FROM crawl_mark m JOIN forum f ON f.id = m.forum_id
             WHERE f.name = ? AND m.key >= ? AND m.key < ? ORDER BY m.key",
        )
        .bind(forum)
        .bind(prefix)
        .bind(format!("{prefix}{LAST}"))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
    }

    pub(super) async fn crawl_sum_(&self, forum: &str, prefix: &str) -> Result<(u64, u64)> {
        let row = query(format!(
            "SELECT count(*), CAST(coalesce(sum({VALUE_AS_NUMBER}), 0) AS BIGINT) FROM crawl_mark m
             JOIN forum f ON f.id = m.forum_id WHERE f.name = ? AND m.key >= ? AND m.key < ?"
        ))
        .bind(forum)
        .bind(prefix)
        .bind(format!("{prefix}{LAST}"))
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
        let mut t = self.pool.begin_with(BEGIN).await?;
        lock_ingest(&mut t).await?;
        let mut seen = Known::default();
        let forum_id = forum_id(&mut t, &mut seen, forum).await?;
        let mut done = Crawled::default();
        for post in posts {
            let row = query("SELECT id, text, edited FROM post WHERE forum_id = ? AND external_id = ?")
                .bind(forum_id)
                .bind(bounded(&post.external_id()))
                .fetch_optional(&mut *t)
                .await?;
            let Some(row) = row else {
                let post = PostRecord { forum: Some(forum.to_owned()), ..post.clone() };
                done.new += insert(&mut t, &mut seen, std::slice::from_ref(&post)).await?;
                continue;
            };
            let (id, text, edited): (i64, String, Option<i64>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let now = clean(&post.text);
            if text == now {
                done.known += 1;
                continue;
            }
            query("INSERT INTO revision (post_id, edited, text) VALUES (?, ?, ?)")
                .bind(id)
                .bind(edited)
                .bind(&text)
                .execute(&mut *t)
                .await?;
            query(
                "UPDATE post SET text = ?, edited = ?, links = ?, mentions = ?, analyzed = NULL WHERE id = ?",
            )
            .bind(&*now)
            .bind(post.edited.map(|t| t.0))
            .bind(json_list(&post.links))
            .bind(json_list(&post.mentions))
            .bind(id)
            .execute(&mut *t)
            .await?;
            // Other words deserve another try.
            for derived in ["DELETE FROM quote WHERE post_id = ?", "DELETE FROM quarantine WHERE post_id = ?"]
            {
                query(derived).bind(id).execute(&mut *t).await?;
            }
            insert_quotes(&mut t, &[(id, post)]).await?;
            done.changed += 1;
        }
        for (key, value) in marks {
            if value.is_empty() {
                query("DELETE FROM crawl_mark WHERE forum_id = ? AND key = ?")
                    .bind(forum_id)
                    .bind(bounded(key))
                    .execute(&mut *t)
                    .await?;
            } else {
                query(
                    "INSERT INTO crawl_mark (forum_id, key, value) VALUES (?, ?, ?)
                     ON CONFLICT (forum_id, key) DO UPDATE SET value = excluded.value",
                )
                .bind(forum_id)
                .bind(bounded(key))
                .bind(clean(value))
                .execute(&mut *t)
                .await?;
            }
        }
        t.commit().await?;
        Ok(done)
    }
}
