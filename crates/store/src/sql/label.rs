//! Corrections by analysts: kept, and applied to what the model found.

use super::{BEGIN, Backend, Db, DbConnection, DbRow, damaged, ids, push_list, query, query_scalar};
use crate::records::ArgumentRow;
use crate::{Result, StoreError};
use sqlx::{QueryBuilder, Row};
use tm_model::{CharIndex, Correction, Label, Span, Timestamp};

const LABEL: &str = "SELECT l.id, l.time, l.author, l.post_id, l.trigger_start, l.trigger_end, l.words, l.body, l.note, p.text
     FROM label l JOIN post p ON p.id = l.post_id";

fn label_of(r: &DbRow) -> Result<Label> {
    let place = |column: &str| -> Result<Option<u32>> {
        r.try_get::<Option<i64>, _>(column)?.map(|n| u32::try_from(n).map_err(damaged)).transpose()
    };
    let (start, end) = (place("trigger_start")?, place("trigger_end")?);
    Ok(Label {
        id: r.try_get("id")?,
        time: Timestamp(r.try_get("time")?),
        author: r.try_get("author")?,
        post_id: r.try_get("post_id")?,
        trigger: start.zip(end).map(|(start, end)| Span::new(start, end)),
        correction: serde_json::from_str(r.try_get("body")?).map_err(damaged)?,
        note: r.try_get("note")?,
    })
}

/// True when the post still has the words that the label spoke of.
fn stands(r: &DbRow, label: &Label) -> Result<bool> {
    let (text, words): (&str, &str) = (r.try_get("text")?, r.try_get("words")?);
    Ok(label.trigger.is_none_or(|span| span.slice(text) == Some(words)))
}

/// Changes the mentions of a post as the label says. Merges and splits change none: fusion reads them.
async fn apply(t: &mut DbConnection, label: &Label, text: &str) -> Result<()> {
    match (&label.correction, label.trigger) {
        (Correction::Relevance { relevant }, _) => {
            query("UPDATE post SET relevance = ? WHERE id = ?")
                .bind(if *relevant { 1.0 } else { 0.0 })
                .bind(label.post_id)
                .execute(&mut *t)
                .await?;
            if !relevant {
                query("DELETE FROM event_mention WHERE post_id = ? AND label_id IS NULL")
                    .bind(label.post_id)
                    .execute(&mut *t)
                    .await?;
            }
        }
        (Correction::Event { .. } | Correction::Nothing, Some(place)) => {
            query("DELETE FROM event_mention WHERE post_id = ? AND trigger_start < ? AND trigger_end > ?")
                .bind(label.post_id)
                .bind(i64::from(place.end))
                .bind(i64::from(place.start))
                .execute(&mut *t)
                .await?;
            if let Correction::Event { event, modality, trigger, arguments } = &label.correction {
                let index = CharIndex::new(text);
                let arguments: Vec<ArgumentRow> = arguments
                    .iter()
                    .map(|a| ArgumentRow {
                        role: a.role,
                        start: a.span.start,
                        end: a.span.end,
                        text: index.slice(a.span).to_owned(),
                        confidence: 1.0,
                    })
                    .collect();
                query(
                    "INSERT INTO event_mention (post_id, type, modality, confidence, trigger_start, trigger_end, trigger_text,
                     arguments, label_id) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)",
                )
                .bind(label.post_id)
                .bind(event.as_str())
                .bind(modality.as_str())
                .bind(i64::from(trigger.start))
                .bind(i64::from(trigger.end))
                .bind(index.slice(*trigger))
                .bind(serde_json::to_string(&arguments).map_err(damaged)?)
                .bind(label.id)
                .execute(&mut *t)
                .await?;
                // An event makes a post relevant.
                query("UPDATE post SET relevance = 1 WHERE id = ?")
                    .bind(label.post_id)
                    .execute(&mut *t)
                    .await?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Applies all labels of posts whose analyses were just written.
pub(super) async fn apply_all(t: &mut DbConnection, posts: &[i64]) -> Result<()> {
    let rows = query(format!("{LABEL} WHERE l.post_id IN (??) ORDER BY l.id"))
        .bind(ids(posts))
        .fetch_all(&mut *t)
        .await?;
    for r in &rows {
        let label = label_of(r)?;
        if stands(r, &label)? {
            apply(t, &label, r.try_get("text")?).await?;
        }
    }
    Ok(())
}

async fn conclusions_are_behind(t: &mut DbConnection) -> Result<()> {
    query("INSERT INTO fact (key, value) VALUES ('concluded', 'no') ON CONFLICT (key) DO UPDATE SET value = 'no'")
        .execute(t)
        .await?;
    Ok(())
}

impl Backend {
    pub(super) async fn add_label_(&self, label: &Label) -> Result<i64> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        let text: Option<String> = query_scalar("SELECT text FROM post WHERE id = ?")
            .bind(label.post_id)
            .fetch_optional(&mut *t)
            .await?;
        let text = text.ok_or_else(|| StoreError::Refused(format!("no post {}", label.post_id)))?;
        let words = |span: Span| {
            span.slice(&text).ok_or_else(|| {
                StoreError::Refused(format!(
                    "post {} has no words from {} to {}",
                    label.post_id, span.start, span.end
                ))
            })
        };
        let place = label.trigger.map(words).transpose()?;
        if place.is_none() && !matches!(label.correction, Correction::Relevance { .. }) {
            return Err(StoreError::Refused(format!(
                "a label of kind {} needs a trigger",
                label.correction.kind()
            )));
        }
        if let Correction::Event { trigger, arguments, .. } = &label.correction {
            words(*trigger)?;
            for argument in arguments {
                words(argument.span)?;
            }
        }
        let id: i64 = query_scalar(
            "INSERT INTO label (time, author, kind, post_id, trigger_start, trigger_end, words, body, note)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(label.time.0)
        .bind(&label.author)
        .bind(label.correction.kind())
        .bind(label.post_id)
        .bind(label.trigger.map(|s| i64::from(s.start)))
        .bind(label.trigger.map(|s| i64::from(s.end)))
        .bind(place.unwrap_or_default())
        .bind(serde_json::to_string(&label.correction).map_err(damaged)?)
        .bind(&label.note)
        .fetch_one(&mut *t)
        .await?;
        apply(&mut t, &Label { id, ..label.clone() }, &text).await?;
        conclusions_are_behind(&mut t).await?;
        t.commit().await?;
        Ok(id)
    }

    pub(super) async fn labels_(&self, posts: Option<&[i64]>) -> Result<Vec<Label>> {
        let mut q: QueryBuilder<Db> = QueryBuilder::new(LABEL);
        if let Some(posts) = posts {
            push_list(q.push(" WHERE l.post_id"), ids(posts));
        }
        q.push(" ORDER BY l.id");
        let rows = q.build().fetch_all(&self.pool).await?;
        let mut labels = Vec::with_capacity(rows.len());
        for r in &rows {
            let label = label_of(r)?;
            if stands(r, &label)? {
                labels.push(label);
            }
        }
        Ok(labels)
    }

    pub(super) async fn remove_label_(&self, id: i64) -> Result<bool> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        let removed: Option<(i64, String)> = query("DELETE FROM label WHERE id = ? RETURNING post_id, kind")
            .bind(id)
            .fetch_optional(&mut *t)
            .await?
            .map(|r| Ok::<_, sqlx::Error>((r.try_get(0)?, r.try_get(1)?)))
            .transpose()?;
        if let Some((post, kind)) = &removed {
            if kind != "same" && kind != "different" {
                // What the model said is gone: the post is analysed again.
                query("UPDATE post SET analyzed = NULL WHERE id = ?").bind(post).execute(&mut *t).await?;
            }
            conclusions_are_behind(&mut t).await?;
        }
        t.commit().await?;
        Ok(removed.is_some())
    }
}
