//! Watchlists, alert rules, channels, alerts and deliveries.

use super::read::{page, time};
use super::{SqliteStore, damaged};
use crate::Result;
use crate::alerts::*;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};
use tm_model::{Span, Timestamp};

/// Identifiers in one statement: parameters are limited.
const PART: usize = 500;

/// Longest detail of a try that is kept, in bytes.
const DETAIL: usize = 500;

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(damaged)
}

impl SqliteStore {
    pub(super) async fn watchlists_(&self) -> Result<Vec<WatchlistRow>> {
        let rows = sqlx::query("SELECT id, name, kind, items, created FROM watchlist ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|r| {
                Ok(WatchlistRow {
                    id: r.try_get("id")?,
                    name: r.try_get("name")?,
                    kind: r.try_get("kind")?,
                    items: serde_json::from_str(r.try_get("items")?).map_err(damaged)?,
                    created: Timestamp(r.try_get("created")?),
                })
            })
            .collect()
    }

    pub(super) async fn save_watchlist_(&self, w: &WatchlistRow) -> Result<Option<i64>> {
        let items = json(&w.items)?;
        let query = if w.id == 0 {
            sqlx::query_scalar(
                "INSERT INTO watchlist (name, kind, items, created) VALUES (?, ?, ?, ?) RETURNING id",
            )
            .bind(&w.name)
            .bind(&w.kind)
            .bind(items)
            .bind(w.created.0)
        } else {
            sqlx::query_scalar("UPDATE watchlist SET name = ?, kind = ?, items = ? WHERE id = ? RETURNING id")
                .bind(&w.name)
                .bind(&w.kind)
                .bind(items)
                .bind(w.id)
        };
        Ok(query.fetch_optional(&self.pool).await?)
    }

    pub(super) async fn delete_watchlist_(&self, id: i64) -> Result<bool> {
        let done = sqlx::query("DELETE FROM watchlist WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn channels_(&self) -> Result<Vec<ChannelRow>> {
        let rows = sqlx::query("SELECT id, name, kind, settings, created FROM alert_channel ORDER BY id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|r| {
                Ok(ChannelRow {
                    id: r.try_get("id")?,
                    name: r.try_get("name")?,
                    kind: r.try_get("kind")?,
                    settings: r.try_get("settings")?,
                    created: Timestamp(r.try_get("created")?),
                })
            })
            .collect()
    }

    pub(super) async fn save_channel_(&self, c: &ChannelRow) -> Result<Option<i64>> {
        let query = if c.id == 0 {
            sqlx::query_scalar(
                "INSERT INTO alert_channel (name, kind, settings, created) VALUES (?, ?, ?, ?) RETURNING id",
            )
            .bind(&c.name)
            .bind(&c.kind)
            .bind(&c.settings)
            .bind(c.created.0)
        } else {
            sqlx::query_scalar(
                "UPDATE alert_channel SET name = ?, kind = ?, settings = ? WHERE id = ? RETURNING id",
            )
            .bind(&c.name)
            .bind(&c.kind)
            .bind(&c.settings)
            .bind(c.id)
        };
        Ok(query.fetch_optional(&self.pool).await?)
    }

    pub(super) async fn delete_channel_(&self, id: i64, now: Timestamp) -> Result<bool> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query("DELETE FROM alert_channel WHERE id = ?").bind(id).execute(&mut *t).await?;
        sqlx::query(
            "UPDATE delivery SET state = 'given_up', finished = ?, detail = 'the channel was removed'
             WHERE channel_id = ? AND state = 'waiting'",
        )
        .bind(now.0)
        .bind(id)
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn rules_(&self) -> Result<Vec<RuleRow>> {
        let rows = sqlx::query(
            "SELECT id, name, enabled, conditions, channels, digest, primed, created FROM alert_rule ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(RuleRow {
                    id: r.try_get("id")?,
                    name: r.try_get("name")?,
                    enabled: r.try_get::<i64, _>("enabled")? == 1,
                    conditions: r.try_get("conditions")?,
                    channels: serde_json::from_str(r.try_get("channels")?).map_err(damaged)?,
                    digest: r.try_get("digest")?,
                    primed: r.try_get::<i64, _>("primed")? == 1,
                    created: Timestamp(r.try_get("created")?),
                })
            })
            .collect()
    }

    pub(super) async fn save_rule_(&self, rule: &RuleRow) -> Result<Option<i64>> {
        let channels = json(&rule.channels)?;
        let query = if rule.id == 0 {
            sqlx::query_scalar(
                "INSERT INTO alert_rule (name, enabled, conditions, channels, digest, primed, created)
                 VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            )
            .bind(&rule.name)
            .bind(i64::from(rule.enabled))
            .bind(&rule.conditions)
            .bind(channels)
            .bind(&rule.digest)
            .bind(i64::from(rule.primed))
            .bind(rule.created.0)
        } else {
            sqlx::query_scalar(
                "UPDATE alert_rule SET name = ?, enabled = ?, conditions = ?, channels = ?, digest = ?, primed = ?
                 WHERE id = ? RETURNING id",
            )
            .bind(&rule.name)
            .bind(i64::from(rule.enabled))
            .bind(&rule.conditions)
            .bind(channels)
            .bind(&rule.digest)
            .bind(i64::from(rule.primed))
            .bind(rule.id)
        };
        Ok(query.fetch_optional(&self.pool).await?)
    }

    pub(super) async fn delete_rule_(&self, id: i64) -> Result<bool> {
        let done = sqlx::query("DELETE FROM alert_rule WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn unjudged_(&self, limit: u32) -> Result<Vec<i64>> {
        Ok(sqlx::query_scalar("SELECT post_id FROM alert_pending ORDER BY post_id LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?)
    }

    pub(super) async fn rule_hits_(&self, rule: i64, since: Timestamp) -> Result<Vec<(i64, Timestamp)>> {
        let rows = sqlx::query(
            "SELECT post_id, time FROM alert_hit WHERE rule_id = ? AND time >= ? ORDER BY time, post_id",
        )
        .bind(rule)
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, Timestamp(r.try_get(1)?)))).collect()
    }

    pub(super) async fn last_rung_(&self, rule: i64) -> Result<Option<Timestamp>> {
        let time: Option<i64> = sqlx::query_scalar("SELECT max(time) FROM alert WHERE rule_id = ?")
            .bind(rule)
            .fetch_one(&self.pool)
            .await?;
        Ok(time.map(Timestamp))
    }

    pub(super) async fn record_alerts_(&self, round: &AlertRound) -> Result<Vec<i64>> {
        let mut t = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut stored = Vec::new();
        for (rule, key) in &round.known {
            remember(&mut t, *rule, key).await?;
        }
        for alert in &round.alerts {
            if !remember(&mut t, alert.rule, &alert.key).await? {
                continue;
            }
            let evidence = alert.evidence.as_ref();
            let id: i64 = sqlx::query_scalar(
                "INSERT INTO alert (rule_id, rule_name, key, time, posted, title, severity, state, threat_id, post_id, account_id,
                 start, stop, sentence) VALUES (?, ?, ?, ?, ?, ?, ?, 'new', ?, ?, ?, ?, ?, ?) RETURNING id",
            )
            .bind(alert.rule)
            .bind(&alert.rule_name)
            .bind(&alert.key)
            .bind(round.now.0)
            .bind(alert.posted.map(|t| t.0))
            .bind(&alert.title)
            .bind(alert.severity.clamp(0.0, 1.0))
            .bind(&alert.threat)
            .bind(alert.post)
            .bind(alert.account)
            .bind(evidence.map(|e| i64::from(e.0.start)))
            .bind(evidence.map(|e| i64::from(e.0.end)))
            .bind(evidence.map(|e| e.1.as_str()))
            .fetch_one(&mut *t)
            .await?;
            for (channel, key, due) in &alert.notify {
                attach(&mut t, id, *channel, key, *due, round.now).await?;
            }
            stored.push(id);
        }
        for (rule, post, time) in &round.hits {
            sqlx::query(
                "INSERT INTO alert_hit (rule_id, post_id, time) VALUES (?, ?, ?) ON CONFLICT (rule_id, post_id) DO NOTHING",
            )
            .bind(rule)
            .bind(post)
            .bind(time.0)
            .execute(&mut *t)
            .await?;
        }
        for rule in &round.primed {
            sqlx::query("UPDATE alert_rule SET primed = 1 WHERE id = ?").bind(rule).execute(&mut *t).await?;
        }
        for part in round.judged.chunks(PART) {
            let mut q: QueryBuilder<Sqlite> =
                QueryBuilder::new("DELETE FROM alert_pending WHERE post_id IN (");
            let mut ids = q.separated(", ");
            part.iter().for_each(|id| {
                ids.push_bind(*id);
            });
            q.push(")");
            q.build().execute(&mut *t).await?;
        }
        t.commit().await?;
        Ok(stored)
    }

    pub(super) async fn alerts_(&self, f: &AlertFilter) -> Result<(u64, Vec<AlertRow>)> {
        let conditions = |q: &mut QueryBuilder<Sqlite>| {
            if let Some(id) = f.id {
                q.push(" AND a.id = ").push_bind(id);
            }
            if let Some(state) = &f.state {
                q.push(" AND a.state = ").push_bind(state.clone());
            }
            if let Some(rule) = f.rule {
                q.push(" AND a.rule_id = ").push_bind(rule);
            }
            if let Some(delivery) = f.delivery {
                q.push(" AND a.id IN (SELECT alert_id FROM delivery_alert WHERE delivery_id = ")
                    .push_bind(delivery)
                    .push(")");
            }
        };
        let mut total: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT count(*) FROM alert a WHERE 1 = 1");
        conditions(&mut total);
        let total: i64 = total.build_query_scalar().fetch_one(&self.pool).await?;
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new("SELECT a.* FROM alert a WHERE 1 = 1");
        conditions(&mut q);
        if let Some(before) = f.before {
            q.push(" AND a.id < ").push_bind(before);
        }
        q.push(" ORDER BY a.id DESC");
        page(&mut q, f.limit, f.offset);
        let rows = q.build().fetch_all(&self.pool).await?;
        Ok((total.max(0) as u64, rows.iter().map(alert_of).collect::<Result<_>>()?))
    }

    pub(super) async fn set_alert_state_(&self, id: i64, state: &str) -> Result<bool> {
        let done = sqlx::query("UPDATE alert SET state = ? WHERE id = ?")
            .bind(state)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn add_delivery_(
        &self,
        channel: &ChannelRow,
        key: &str,
        now: Timestamp,
    ) -> Result<DeliveryRow> {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO delivery (key, channel_id, channel_name, kind, state, created, due, next_try, attempts)
             VALUES (?, ?, ?, 'test', 'waiting', ?, ?, ?, 0) RETURNING id",
        )
        .bind(key)
        .bind(channel.id)
        .bind(&channel.name)
        .bind(now.0)
        .bind(now.0)
        .bind(now.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(DeliveryRow {
            id,
            key: key.to_owned(),
            channel: channel.id,
            channel_name: channel.name.clone(),
            kind: "test".into(),
            state: "waiting".into(),
            created: now,
            due: now,
            next_try: now,
            attempts: 0,
            finished: None,
            detail: None,
            alerts: 0,
        })
    }

    pub(super) async fn deliveries_(&self, f: &DeliveryFilter) -> Result<Vec<DeliveryRow>> {
        let mut q: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT d.*, (SELECT count(*) FROM delivery_alert x WHERE x.delivery_id = d.id) AS alerts
             FROM delivery d WHERE 1 = 1",
        );
        if let Some(channel) = f.channel {
            q.push(" AND d.channel_id = ").push_bind(channel);
        }
        if let Some(before) = f.before {
            q.push(" AND d.id < ").push_bind(before);
        }
        match f.due {
            Some(due) => {
                q.push(" AND d.state = 'waiting' AND d.next_try <= ").push_bind(due.0);
                q.push(" ORDER BY d.next_try, d.id")
            }
            None => q.push(" ORDER BY d.id DESC"),
        };
        page(&mut q, f.limit, 0);
        let rows = q.build().fetch_all(&self.pool).await?;
        rows.iter().map(delivery_of).collect()
    }

    pub(super) async fn claim_delivery_(&self, id: i64, attempts: u32, next_try: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE delivery SET attempts = attempts + 1, next_try = ? WHERE id = ? AND attempts = ? AND state = 'waiting'",
        )
        .bind(next_try.0)
        .bind(id)
        .bind(i64::from(attempts))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(super) async fn record_try_(
        &self,
        id: i64,
        state: &str,
        finished: Option<Timestamp>,
        detail: &str,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE delivery SET state = ?, finished = ?, detail = ? WHERE id = ? AND state = 'waiting'",
        )
        .bind(state)
        .bind(finished.map(|t| t.0))
        .bind(&detail[..detail.floor_char_boundary(DETAIL)])
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Notes that a rule has rung for a key; false when it has before.
async fn remember(t: &mut SqliteConnection, rule: i64, key: &str) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO alert_seen (rule_id, key) VALUES (?, ?) ON CONFLICT (rule_id, key) DO NOTHING",
    )
    .bind(rule)
    .bind(key)
    .execute(t)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts an alert into the delivery of a key, which is made if there is none. One that was tried already is what its
/// receiver may have seen: the alert gets a delivery of its own then.
async fn attach(
    t: &mut SqliteConnection,
    alert: i64,
    channel: i64,
    key: &str,
    due: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let open: Option<i64> =
        sqlx::query_scalar("SELECT id FROM delivery WHERE key = ? AND attempts = 0 AND state = 'waiting'")
            .bind(key)
            .fetch_optional(&mut *t)
            .await?;
    let id = match open {
        Some(id) => id,
        None => {
            let taken: Option<i64> = sqlx::query_scalar("SELECT id FROM delivery WHERE key = ?")
                .bind(key)
                .fetch_optional(&mut *t)
                .await?;
            let key = if taken.is_some() { format!("{key}:{alert}") } else { key.to_owned() };
            let name: Option<String> = sqlx::query_scalar("SELECT name FROM alert_channel WHERE id = ?")
                .bind(channel)
                .fetch_optional(&mut *t)
                .await?;
            // A channel that was removed meanwhile gets nothing.
            let Some(name) = name else { return Ok(()) };
            sqlx::query_scalar(
                "INSERT INTO delivery (key, channel_id, channel_name, kind, state, created, due, next_try, attempts)
                 VALUES (?, ?, ?, 'alerts', 'waiting', ?, ?, ?, 0) RETURNING id",
            )
            .bind(key)
            .bind(channel)
            .bind(name)
            .bind(now.0)
            .bind(due.0)
            .bind(due.0)
            .fetch_one(&mut *t)
            .await?
        }
    };
    sqlx::query("INSERT INTO delivery_alert (delivery_id, alert_id) VALUES (?, ?)")
        .bind(id)
        .bind(alert)
        .execute(&mut *t)
        .await?;
    Ok(())
}

/// Offers posts to the rules, in the transaction that stores their analyses; without rules nothing is kept.
pub(super) async fn offer(t: &mut SqliteConnection, posts: impl Iterator<Item = i64>) -> Result<()> {
    let rules: i64 =
        sqlx::query_scalar("SELECT count(*) FROM alert_rule WHERE enabled = 1").fetch_one(&mut *t).await?;
    if rules == 0 {
        return Ok(());
    }
    for post in posts {
        sqlx::query("INSERT INTO alert_pending (post_id) VALUES (?) ON CONFLICT (post_id) DO NOTHING")
            .bind(post)
            .execute(&mut *t)
            .await?;
    }
    Ok(())
}

fn alert_of(r: &SqliteRow) -> Result<AlertRow> {
    let start: Option<i64> = r.try_get("start")?;
    let stop: Option<i64> = r.try_get("stop")?;
    let sentence: Option<String> = r.try_get("sentence")?;
    let place = |n: i64| u32::try_from(n).map_err(damaged);
    let evidence = match (start, stop, sentence) {
        (Some(start), Some(stop), Some(words)) => Some((Span::new(place(start)?, place(stop)?), words)),
        _ => None,
    };
    Ok(AlertRow {
        id: r.try_get("id")?,
        rule: r.try_get("rule_id")?,
        rule_name: r.try_get("rule_name")?,
        time: Timestamp(r.try_get("time")?),
        posted: time(r, "posted")?,
        title: r.try_get("title")?,
        severity: r.try_get("severity")?,
        state: r.try_get("state")?,
        threat: r.try_get("threat_id")?,
        post: r.try_get("post_id")?,
        account: r.try_get("account_id")?,
        evidence,
    })
}

fn delivery_of(r: &SqliteRow) -> Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: r.try_get("id")?,
        key: r.try_get("key")?,
        channel: r.try_get("channel_id")?,
        channel_name: r.try_get("channel_name")?,
        kind: r.try_get("kind")?,
        state: r.try_get("state")?,
        created: Timestamp(r.try_get("created")?),
        due: Timestamp(r.try_get("due")?),
        next_try: Timestamp(r.try_get("next_try")?),
        attempts: u32::try_from(r.try_get::<i64, _>("attempts")?).map_err(damaged)?,
        finished: time(r, "finished")?,
        detail: r.try_get("detail")?,
        alerts: r.try_get::<i64, _>("alerts")?.max(0) as u64,
    })
}
