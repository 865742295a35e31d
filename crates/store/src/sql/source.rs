//! Sources: what crawls are pointed at, and how they fare.

use super::import::clean;
use super::{Backend, DbRow, damaged, query};
use crate::Result;
use crate::records::SourceRow;
use sqlx::Row;
use tm_model::Timestamp;

/// Longest page that is kept, in bytes.
const PAGE: usize = 1 << 20;

impl Backend {
    pub(super) async fn record_source_(&self, s: &SourceRow, page: Option<(&str, &str)>) -> Result<()> {
        let json = |v: serde_json::Result<String>| v.map_err(damaged);
        query(
            "INSERT INTO source (url, name, forum, engine, member, state, reason, started, ended, last_good, figures, shortfall,
               problems, page_url, page) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (url) DO UPDATE SET name = CASE WHEN excluded.forum IS NULL THEN source.name ELSE excluded.name END,
               forum = coalesce(excluded.forum, source.forum),
               engine = coalesce(excluded.engine, source.engine), member = excluded.member, state = excluded.state,
               reason = excluded.reason, started = excluded.started, ended = excluded.ended,
               last_good = coalesce(excluded.last_good, source.last_good), figures = excluded.figures,
               shortfall = excluded.shortfall, problems = excluded.problems, page_url = excluded.page_url, page = excluded.page",
        )
        .bind(&s.url)
        .bind(clean(&s.name))
        .bind(s.forum.as_deref().map(clean))
        .bind(&s.engine)
        .bind(s.member.as_deref().map(clean))
        .bind(&s.state)
        .bind(s.reason.as_deref().map(clean))
        .bind(s.started.0)
        .bind(s.ended.map(|t| t.0))
        .bind(s.last_good.map(|t| t.0))
        .bind(json(serde_json::to_string(&s.figures))?)
        .bind(json(serde_json::to_string(&s.shortfall))?)
        .bind(json(serde_json::to_string(&s.problems))?)
        .bind(page.map(|p| p.0))
        .bind(page.map(|p| clean(&p.1[..p.1.floor_char_boundary(PAGE)])))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn sources_(&self) -> Result<Vec<SourceRow>> {
        let rows = query(
            "SELECT id, url, name, forum, engine, member, state, reason, started, ended, last_good, figures, shortfall, problems,
             page_url FROM source ORDER BY name, url",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(row).collect()
    }

    pub(super) async fn source_page_(&self, id: i64) -> Result<Option<(String, String)>> {
        let row = query("SELECT page_url, page FROM source WHERE id = ? AND page IS NOT NULL")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).transpose()
    }
}

fn row(r: &DbRow) -> Result<SourceRow> {
    let time = |c: &str| Ok::<_, sqlx::Error>(r.try_get::<Option<i64>, _>(c)?.map(Timestamp));
    Ok(SourceRow {
        id: r.try_get("id")?,
        url: r.try_get("url")?,
        name: r.try_get("name")?,
        forum: r.try_get("forum")?,
        engine: r.try_get("engine")?,
        member: r.try_get("member")?,
        state: r.try_get("state")?,
        reason: r.try_get("reason")?,
        started: Timestamp(r.try_get("started")?),
        ended: time("ended")?,
        last_good: time("last_good")?,
        figures: serde_json::from_str(r.try_get("figures")?).map_err(damaged)?,
        shortfall: serde_json::from_str(r.try_get("shortfall")?).map_err(damaged)?,
        problems: serde_json::from_str(r.try_get("problems")?).map_err(damaged)?,
        page_url: r.try_get("page_url")?,
    })
}
