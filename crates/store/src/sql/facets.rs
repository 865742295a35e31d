//! Filters of threat events, what they leave of each facet, and whether anything is new.

use super::read::like;
use super::{Backend, Db, LIKE, names, push_list, query};
use crate::Result;
use crate::access::{FacetRow, Pulse};
use crate::records::ThreatFilter;
use sqlx::{QueryBuilder, Row};

/// Appends the conditions of a filter on `threat t`, all but that of one facet; the query ends with a condition already.
pub(super) fn restrict_threats(q: &mut QueryBuilder<Db>, f: &ThreatFilter, but: &str) {
    if !f.types.is_empty() && but != "type" {
        let types: Vec<&str> = f.types.iter().map(|t| t.as_str()).collect();
        push_list(q.push(" AND t.type"), names(&types));
    }
    if let Some(status) = f.status.as_ref().filter(|_| but != "status") {
        q.push(" AND t.status = ").push_bind(status.clone());
    }
    if let Some(text) = &f.text {
        q.push(format!(" AND (t.title {LIKE} ")).push_bind(like(text));
        q.push(format!(" ESCAPE '\\' OR t.arguments {LIKE} ")).push_bind(like(text)).push(" ESCAPE '\\')");
    }
    if let Some(forum) = f.forum.as_ref().filter(|_| but != "forum") {
        q.push(
            " AND t.id IN (SELECT m.threat_id FROM event_mention m JOIN post p ON p.id = m.post_id
             JOIN forum f ON f.id = p.forum_id WHERE f.name = ",
        )
        .push_bind(forum.clone())
        .push(")");
    }
    if let Some(language) = f.language.as_ref().filter(|_| but != "lang") {
        q.push(
            " AND t.id IN (SELECT m.threat_id FROM event_mention m JOIN post p ON p.id = m.post_id
             WHERE p.language = ",
        )
        .push_bind(language.clone())
        .push(")");
    }
    if f.min_severity > 0.0 && but != "severity" {
        q.push(" AND t.severity >= ").push_bind(f.min_severity);
    }
    if let Some(since) = f.since {
        q.push(" AND t.last_seen >= ").push_bind(since.0);
    }
    if let Some(until) = f.until {
        q.push(" AND t.first_seen <= ").push_bind(until.0);
    }
    for (role, wanted) in [("place", &f.place), ("target", &f.target)] {
        if let Some(value) = wanted {
            q.push(" AND t.id IN (SELECT a.threat_id FROM threat_argument a WHERE a.role = ")
                .push_bind(role)
                .push(format!(" AND a.key {LIKE} "))
                .push_bind(like(&value.to_lowercase()))
                .push(" ESCAPE '\\')");
        }
    }
}

impl Backend {
    pub(super) async fn threat_facets_(&self, f: &ThreatFilter) -> Result<Vec<FacetRow>> {
        const FACETS: [(&str, &str, &str); 5] = [
            ("type", "t.type", ""),
            ("status", "t.status", ""),
            (
                "forum",
                "f.name",
                " JOIN event_mention m ON m.threat_id = t.id JOIN post p ON p.id = m.post_id JOIN forum f ON f.id = p.forum_id",
            ),
            (
                "lang",
                "p.language",
                " JOIN event_mention m ON m.threat_id = t.id JOIN post p ON p.id = m.post_id AND p.language IS NOT NULL",
            ),
            (
                "severity",
                "CASE WHEN t.severity >= 0.75 THEN '0.75' WHEN t.severity >= 0.5 THEN '0.5' WHEN t.severity >= 0.25 THEN '0.25' ELSE '0' END",
                "",
            ),
        ];
        let mut out = Vec::new();
        for (facet, value, join) in FACETS {
            let mut q: QueryBuilder<Db> = QueryBuilder::new(format!(
                "SELECT {value} AS value, count(DISTINCT t.id) AS n FROM threat t{join} WHERE 1 = 1"
            ));
            restrict_threats(&mut q, f, facet);
            q.push(" GROUP BY 1 ORDER BY 2 DESC, 1");
            for r in q.build().fetch_all(&self.pool).await? {
                let count: i64 = r.try_get("n")?;
                out.push(FacetRow { facet, value: r.try_get("value")?, count: count.max(0) as u64 });
            }
        }
        Ok(out)
    }

    pub(super) async fn pulse_(&self) -> Result<Pulse> {
        let r = query(
            "SELECT (SELECT coalesce(max(id), 0) FROM post) AS newest,
             (SELECT value FROM fact WHERE key = 'conclusions') AS conclusions,
             (SELECT coalesce(max(coalesce(ended, started)), 0) FROM source) AS sources",
        )
        .fetch_one(&self.pool)
        .await?;
        let conclusions: Option<String> = r.try_get("conclusions")?;
        Ok(Pulse {
            newest_post: r.try_get("newest")?,
            conclusions: conclusions.and_then(|n| n.parse().ok()).unwrap_or(0),
            sources: r.try_get("sources")?,
        })
    }

    pub(super) async fn posts_above_(&self, after: i64) -> Result<Vec<(String, u64)>> {
        let rows = query(
            "SELECT f.name, count(*) AS n FROM post p JOIN forum f ON f.id = p.forum_id WHERE p.id > ?
             GROUP BY f.name ORDER BY f.name",
        )
        .bind(after)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get("name")?, r.try_get::<i64, _>("n")?.max(0) as u64))).collect()
    }
}
