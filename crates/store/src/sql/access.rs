//! Users, sessions, tokens, the audit log; saved searches, marks and verdicts.

use super::{BEGIN, Backend, DbConnection, DbRow, damaged, query};
use crate::Result;
use crate::access::*;
use sqlx::Row;
use tm_model::Timestamp;

const USER: &str = "id, name, role, password, created, last_login, disabled";

fn time(r: &DbRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp(r.try_get(column)?))
}

fn maybe(r: &DbRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(r.try_get::<Option<i64>, _>(column)?.map(Timestamp))
}

fn user_of(r: &DbRow) -> Result<UserRow> {
    Ok(UserRow {
        id: r.try_get("id")?,
        name: r.try_get("name")?,
        role: r.try_get("role")?,
        password: r.try_get("password")?,
        created: time(r, "created")?,
        last_login: maybe(r, "last_login")?,
        disabled: r.try_get::<i64, _>("disabled")? != 0,
    })
}

fn token_of(r: &DbRow) -> Result<TokenRow> {
    Ok(TokenRow {
        id: r.try_get("id")?,
        user_id: r.try_get("user_id")?,
        name: r.try_get("name")?,
        hash: r.try_get("hash")?,
        scopes: serde_json::from_str(r.try_get("scopes")?).map_err(damaged)?,
        created: time(r, "created")?,
        last_used: maybe(r, "last_used")?,
        expires: maybe(r, "expires")?,
    })
}

impl Backend {
    pub(super) async fn has_users_(&self) -> Result<bool> {
        Ok(query("SELECT 1 FROM app_user LIMIT 1").fetch_optional(&self.pool).await?.is_some())
    }

    pub(super) async fn add_user_(&self, user: &NewUser) -> Result<Option<i64>> {
        let row = query(
            "INSERT INTO app_user (name, key, role, password, created, disabled) SELECT ?, ?, ?, ?, ?, 0
             WHERE ? = 0 OR NOT EXISTS (SELECT 1 FROM app_user) ON CONFLICT (key) DO NOTHING RETURNING id",
        )
        .bind(&user.name)
        .bind(user.name.to_lowercase())
        .bind(&user.role)
        .bind(&user.password)
        .bind(user.created.0)
        .bind(i64::from(user.first))
        .fetch_optional(&self.pool)
        .await?;
        row.map(|r| Ok(r.try_get("id")?)).transpose()
    }

    pub(super) async fn users_(&self) -> Result<Vec<UserRow>> {
        let rows =
            query(format!("SELECT {USER} FROM app_user ORDER BY key, id")).fetch_all(&self.pool).await?;
        rows.iter().map(user_of).collect()
    }

    pub(super) async fn user_named_(&self, name: &str) -> Result<Option<UserRow>> {
        let row = query(format!("SELECT {USER} FROM app_user WHERE key = ?"))
            .bind(name.to_lowercase())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(user_of).transpose()
    }

    /// True when an administrator who may log in is left beside `id`.
    async fn another_admin(t: &mut DbConnection, id: i64) -> Result<bool> {
        let row = query("SELECT 1 FROM app_user WHERE role = 'admin' AND disabled = 0 AND id <> ? LIMIT 1")
            .bind(id)
            .fetch_optional(t)
            .await?;
        Ok(row.is_some())
    }

    pub(super) async fn change_user_(&self, id: i64, change: &UserChange) -> Result<UserChanged> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        let row = query("SELECT role, disabled FROM app_user WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *t)
            .await?;
        let Some(row) = row else { return Ok(UserChanged::Missing) };
        let (role, disabled): (String, bool) = (row.try_get(0)?, row.try_get::<i64, _>(1)? != 0);
        let role_after = change.role.as_deref().unwrap_or(&role);
        let disabled_after = change.disabled.unwrap_or(disabled);
        let loses = role == "admin" && !disabled && (role_after != "admin" || disabled_after);
        if loses && !Backend::another_admin(&mut t, id).await? {
            return Ok(UserChanged::LastAdmin);
        }
        query("UPDATE app_user SET role = ?, disabled = ?, password = coalesce(?, password) WHERE id = ?")
            .bind(role_after)
            .bind(i64::from(disabled_after))
            .bind(&change.password)
            .bind(id)
            .execute(&mut *t)
            .await?;
        query("DELETE FROM session WHERE user_id = ?").bind(id).execute(&mut *t).await?;
        t.commit().await?;
        Ok(UserChanged::Done)
    }

    pub(super) async fn remove_user_(&self, id: i64) -> Result<UserChanged> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        if !Backend::another_admin(&mut t, id).await? {
            // Without another one nobody could make accounts, and with no account at all the door would stand open.
            let known = query("SELECT 1 FROM app_user WHERE id = ?").bind(id).fetch_optional(&mut *t).await?;
            return Ok(if known.is_some() { UserChanged::LastAdmin } else { UserChanged::Missing });
        }
        for of in ["session", "api_token", "saved_search"] {
            query(format!("DELETE FROM {of} WHERE user_id = ?")).bind(id).execute(&mut *t).await?;
        }
        let done = query("DELETE FROM app_user WHERE id = ?").bind(id).execute(&mut *t).await?;
        t.commit().await?;
        Ok(if done.rows_affected() > 0 { UserChanged::Done } else { UserChanged::Missing })
    }

    pub(super) async fn add_session_(&self, s: &SessionRow) -> Result<()> {
        let mut t = self.pool.begin_with(BEGIN).await?;
        query("DELETE FROM session WHERE expires <= ?").bind(s.created.0).execute(&mut *t).await?;
        query("UPDATE app_user SET last_login = ? WHERE id = ?")
            .bind(s.created.0)
            .bind(s.user_id)
            .execute(&mut *t)
            .await?;
        query("INSERT INTO session (hash, user_id, created, seen, expires) VALUES (?, ?, ?, ?, ?)")
            .bind(&s.hash)
            .bind(s.user_id)
            .bind(s.created.0)
            .bind(s.seen.0)
            .bind(s.expires.0)
            .execute(&mut *t)
            .await?;
        t.commit().await?;
        Ok(())
    }

    pub(super) async fn session_(&self, hash: &str) -> Result<Option<(SessionRow, UserRow)>> {
        let row = query(
            "SELECT s.hash, s.user_id, s.created AS began, s.seen, s.expires, u.id, u.name, u.role, u.password, u.created,
             u.last_login, u.disabled FROM session s JOIN app_user u ON u.id = s.user_id WHERE s.hash = ?",
        )
        .bind(hash)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|r| {
            let session = SessionRow {
                hash: r.try_get("hash")?,
                user_id: r.try_get("user_id")?,
                created: time(&r, "began")?,
                seen: time(&r, "seen")?,
                expires: time(&r, "expires")?,
            };
            Ok((session, user_of(&r)?))
        })
        .transpose()
    }

    pub(super) async fn session_seen_(&self, hash: &str, seen: Timestamp) -> Result<()> {
        query("UPDATE session SET seen = ? WHERE hash = ? AND seen < ?")
            .bind(seen.0)
            .bind(hash)
            .bind(seen.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(super) async fn end_session_(&self, hash: &str) -> Result<()> {
        query("DELETE FROM session WHERE hash = ?").bind(hash).execute(&self.pool).await?;
        Ok(())
    }

    pub(super) async fn add_token_(&self, token: &TokenRow) -> Result<i64> {
        let row = query(
            "INSERT INTO api_token (user_id, name, hash, scopes, created, last_used, expires)
             VALUES (?, ?, ?, ?, ?, NULL, ?) RETURNING id",
        )
        .bind(token.user_id)
        .bind(&token.name)
        .bind(&token.hash)
        .bind(serde_json::to_string(&token.scopes).map_err(damaged)?)
        .bind(token.created.0)
        .bind(token.expires.map(|t| t.0))
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("id")?)
    }

    pub(super) async fn tokens_(&self, user: i64) -> Result<Vec<TokenRow>> {
        let rows = query("SELECT * FROM api_token WHERE user_id = ? ORDER BY created DESC, id DESC")
            .bind(user)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(token_of).collect()
    }

    pub(super) async fn token_(&self, hash: &str) -> Result<Option<(TokenRow, UserRow)>> {
        let Some(row) =
            query("SELECT * FROM api_token WHERE hash = ?").bind(hash).fetch_optional(&self.pool).await?
        else {
            return Ok(None);
        };
        let token = token_of(&row)?;
        let user = query(format!("SELECT {USER} FROM app_user WHERE id = ?"))
            .bind(token.user_id)
            .fetch_optional(&self.pool)
            .await?;
        user.map(|r| Ok((token, user_of(&r)?))).transpose()
    }

    pub(super) async fn token_used_(&self, id: i64, used: Timestamp) -> Result<()> {
        query("UPDATE api_token SET last_used = ? WHERE id = ?")
            .bind(used.0)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(super) async fn remove_token_(&self, id: i64, user: i64) -> Result<bool> {
        let done = query("DELETE FROM api_token WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn add_audit_(&self, a: &AuditRow) -> Result<()> {
        query("INSERT INTO audit (time, app_user, action, object, address) VALUES (?, ?, ?, ?, ?)")
            .bind(a.time.0)
            .bind(&a.user)
            .bind(&a.action)
            .bind(&a.object)
            .bind(&a.address)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(super) async fn audit_(
        &self,
        before: Option<i64>,
        offset: u32,
        limit: u32,
    ) -> Result<(u64, Vec<AuditRow>)> {
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM audit").fetch_one(&self.pool).await?;
        let rows = query(
            "SELECT id, time, app_user, action, object, address FROM audit WHERE id < ? ORDER BY id DESC LIMIT ? OFFSET ?",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool)
        .await?;
        let rows = rows.iter().map(|r| {
            Ok(AuditRow {
                id: r.try_get("id")?,
                time: time(r, "time")?,
                user: r.try_get("app_user")?,
                action: r.try_get("action")?,
                object: r.try_get("object")?,
                address: r.try_get("address")?,
            })
        });
        Ok((total.max(0) as u64, rows.collect::<Result<_>>()?))
    }

    pub(super) async fn add_search_(&self, s: &SavedSearch) -> Result<i64> {
        let row = query(
            "INSERT INTO saved_search (user_id, name, query, created) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(s.user_id)
        .bind(&s.name)
        .bind(&s.query)
        .bind(s.created.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get("id")?)
    }

    pub(super) async fn searches_(&self, user: Option<i64>) -> Result<Vec<SavedSearch>> {
        let rows = query(
            "SELECT id, user_id, name, query, created FROM saved_search WHERE user_id IS NULL OR user_id = ?
             ORDER BY created DESC, id DESC",
        )
        .bind(user)
        .fetch_all(&self.pool)
        .await?;
        let rows = rows.iter().map(|r| {
            Ok(SavedSearch {
                id: r.try_get("id")?,
                user_id: r.try_get("user_id")?,
                name: r.try_get("name")?,
                query: r.try_get("query")?,
                created: time(r, "created")?,
            })
        });
        rows.collect()
    }

    pub(super) async fn remove_search_(&self, id: i64, user: Option<i64>) -> Result<bool> {
        let done = query("DELETE FROM saved_search WHERE id = ? AND (user_id IS NULL OR user_id = ?)")
            .bind(id)
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn marks_(&self) -> Result<Vec<MarkRow>> {
        let rows =
            query("SELECT account_id, mark, note, app_user, time FROM mark ORDER BY time DESC, account_id")
                .fetch_all(&self.pool)
                .await?;
        let rows = rows.iter().map(|r| {
            Ok(MarkRow {
                account_id: r.try_get("account_id")?,
                mark: r.try_get("mark")?,
                note: r.try_get("note")?,
                user: r.try_get("app_user")?,
                time: time(r, "time")?,
            })
        });
        rows.collect()
    }

    pub(super) async fn set_mark_(&self, m: &MarkRow) -> Result<()> {
        query(
            "INSERT INTO mark (account_id, mark, note, app_user, time) VALUES (?, ?, ?, ?, ?) ON CONFLICT (account_id)
             DO UPDATE SET mark = excluded.mark, note = excluded.note, app_user = excluded.app_user, time = excluded.time",
        )
        .bind(m.account_id)
        .bind(&m.mark)
        .bind(&m.note)
        .bind(&m.user)
        .bind(m.time.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn remove_mark_(&self, account: i64) -> Result<()> {
        query("DELETE FROM mark WHERE account_id = ?").bind(account).execute(&self.pool).await?;
        Ok(())
    }

    pub(super) async fn set_verdict_(&self, one: i64, other: i64, verdict: Option<&str>) -> Result<()> {
        let (a, b) = (one.min(other), one.max(other));
        let Some(verdict) = verdict else {
            // What was never a candidate is none again; others wait for a verdict as before.
            query("DELETE FROM alias WHERE a = ? AND b = ? AND reasons = '[]'")
                .bind(a)
                .bind(b)
                .execute(&self.pool)
                .await?;
            query("UPDATE alias SET verdict = NULL WHERE a = ? AND b = ?")
                .bind(a)
                .bind(b)
                .execute(&self.pool)
                .await?;
            return Ok(());
        };
        // A pair that ranking did not propose rests on the analyst's word alone.
        query(
            "INSERT INTO alias (a, b, probability, reasons, verdict) VALUES (?, ?, ?, '[]', ?)
             ON CONFLICT (a, b) DO UPDATE SET verdict = excluded.verdict",
        )
        .bind(a)
        .bind(b)
        .bind(if verdict == "accepted" { 1.0 } else { 0.0 })
        .bind(verdict)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
