//! The store of a cluster: PostgreSQL 15 or newer.

#[path = "sql/mod.rs"]
mod sql;

use crate::{Leadership, Result, StoreError};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Postgres, QueryBuilder, SqlSafeStr, SqlStr, Transaction,
};
use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// Steps of the schema with the version they lead to. The first makes all that SQLite's first four make.
const MIGRATIONS: [(i64, &str); 5] = [
    (4, include_str!("postgres/schema-4.sql")),
    (5, include_str!("postgres/schema-5.sql")),
    (6, include_str!("postgres/schema-6.sql")),
    (7, include_str!("postgres/schema-7.sql")),
    (8, include_str!("postgres/schema-8.sql")),
];

/// Advisory locks: of the schema's steps, of writing posts, and of leading roles (a role's own number is added).
const SCHEMA_LOCK: i64 = 0x7468_7265_6174_0001;
const INGEST_LOCK: i64 = 0x7468_7265_6174_0002;
const ROLE_LOCK: &str = "threatminer role ";

/// Connections of a process.
const CONNECTIONS: u32 = 8;
/// How long a statement waits for a connection, through a restart of the server.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a living connection may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Oldest server version that is known to work.
const OLDEST: i32 = 150_000;

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pub(crate) pool: PgPool,
    /// For connections of their own, which hold locks.
    options: PgConnectOptions,
}

impl PostgresStore {
    /// Connects to `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the database cannot be used, [`StoreError::Newer`] when a newer program wrote it,
    /// [`StoreError::Unfit`] when the server is too old or the database not in UTF-8.
    pub async fn open(url: &str) -> Result<PostgresStore> {
        // Without the password: the name stands in errors and logs.
        let mut name = "postgres://".to_owned();
        let fail = |name: &str, source| StoreError::Open { path: name.to_owned(), source };
        let options: PgConnectOptions = url.parse().map_err(|e| fail(&name, e))?;
        let database = options.get_database().unwrap_or_else(|| options.get_username()).to_owned();
        let _ = write!(name, "{}:{}/{database}", options.get_host(), options.get_port());
        let options = options
            .application_name("threatminer")
            .log_slow_statements(tracing::log::LevelFilter::Debug, Duration::from_secs(5));
        let mut bare = options.clone().connect().await.map_err(|e| fail(&name, e))?;
        let number: String = sqlx::query_scalar("SHOW server_version_num")
            .fetch_one(&mut bare)
            .await
            .map_err(|e| fail(&name, e))?;
        if number.parse::<i32>().is_ok_and(|n| n < OLDEST) {
            return Err(StoreError::Unfit {
                path: name,
                why: "the server is older than PostgreSQL 15".into(),
            });
        }
        let encoding: String = sqlx::query_scalar("SHOW server_encoding")
            .fetch_one(&mut bare)
            .await
            .map_err(|e| fail(&name, e))?;
        if encoding != "UTF8" {
            let why = format!("the database is in {encoding}; make it with ENCODING 'UTF8'");
            return Err(StoreError::Unfit { path: name, why });
        }
        steps(&mut bare, &name).await?;
        bare.close().await.map_err(|e| fail(&name, e))?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options.clone())
            .await
            .map_err(|e| fail(&name, e))?;
        Ok(PostgresStore { pool, options })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Takes the steps of the schema that are missing. An advisory lock has other processes that start meanwhile wait.
async fn steps(connection: &mut PgConnection, name: &str) -> Result<()> {
    let mut t = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK).execute(&mut *t).await?;
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('schema_version') IS NOT NULL").fetch_one(&mut *t).await?;
    if !there {
        sqlx::raw_sql("CREATE TABLE schema_version (version BIGINT NOT NULL)").execute(&mut *t).await?;
        sqlx::raw_sql("INSERT INTO schema_version VALUES (0)").execute(&mut *t).await?;
    }
    let found: i64 = sqlx::query_scalar("SELECT version FROM schema_version").fetch_one(&mut *t).await?;
    let known = MIGRATIONS.last().map_or(0, |m| m.0);
    if found > known {
        return Err(StoreError::Newer { path: name.to_owned(), found, known });
    }
    for (version, step) in MIGRATIONS.iter().filter(|m| m.0 > found) {
        sqlx::raw_sql(*step).execute(&mut *t).await?;
        sqlx::query("UPDATE schema_version SET version = $1").bind(version).execute(&mut *t).await?;
    }
    t.commit().await?;
    Ok(())
}

// What the files of `sql` leave open.
type Backend = PostgresStore;
type Db = Postgres;
type DbRow = PgRow;
type DbConnection = PgConnection;
const BEGIN: &str = "BEGIN";
/// Keeps others from writing the same posts; references to them stay possible.
const LOCK_ROWS: &str = " FOR NO KEY UPDATE";
/// Under the collation of all columns this ignores the case of ASCII letters only, as SQLite does.
const LIKE: &str = "ILIKE";
const MONTH: &str = "to_char(to_timestamp(p.time) AT TIME ZONE 'UTC', 'YYYY-MM')";
const VALUE_AS_NUMBER: &str = "CASE WHEN m.value ~ '^[0-9]{1,18}$' THEN m.value::bigint ELSE 0 END";

/// Numbers the values. Quoted text is left alone; a list is one array.
fn spell(text: Cow<'static, str>) -> SqlStr {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut number, mut quoted) = (0, false);
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if !quoted && rest.starts_with("IN (??)") {
            number += 1;
            let _ = write!(out, "= ANY(${number})");
            rest = &rest["IN (??)".len()..];
            continue;
        }
        if c == '\'' {
            quoted = !quoted;
        }
        if c == '?' && !quoted {
            number += 1;
            let _ = write!(out, "${number}");
        } else {
            out.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    AssertSqlSafe(out).into_sql_str()
}

/// Appends the condition that what stands before is one of a list.
fn push_list<T>(query: &mut QueryBuilder<Db>, list: Vec<T>)
where
    Vec<T>: for<'t> sqlx::Encode<'t, Db> + sqlx::Type<Db>,
{
    query.push(" = ANY(").push_bind(list).push(")");
}

fn ids(list: &[i64]) -> Vec<i64> {
    list.to_vec()
}

fn names<S: AsRef<str>>(list: &[S]) -> Vec<String> {
    list.iter().map(|name| name.as_ref().to_owned()).collect()
}

/// Posts are written by one transaction at a time. Their identifiers then become visible in their order, on which everything
/// rests that reads on from the last one it has seen; and two imports cannot wait for each other.
async fn lock_ingest(t: &mut Transaction<'_, Db>) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(INGEST_LOCK).execute(&mut **t).await?;
    Ok(())
}

/// A connection that holds an advisory lock: the server takes it back when the connection ends, however it ends.
struct Led {
    connection: PgConnection,
}

#[async_trait]
impl Leadership for Led {
    async fn holds(&mut self) -> bool {
        // A peer that vanished without a word answers nothing.
        tokio::time::timeout(ANSWER, self.connection.ping()).await.is_ok_and(|answer| answer.is_ok())
    }
}

impl PostgresStore {
    async fn lead_(&self, role: &str) -> Result<Option<Box<dyn Leadership>>> {
        let mut connection = self.options.clone().connect().await?;
        let got: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(format!("{ROLE_LOCK}{role}"))
            .fetch_one(&mut connection)
            .await?;
        if got {
            return Ok(Some(Box::new(Led { connection })));
        }
        connection.close().await?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_and_quotes_left_alone() {
        let spelt = |text: &'static str| spell(text.into()).as_str().to_owned();
        assert_eq!(
            spelt("SELECT '?', 'it''s ?' FROM a WHERE b = ? AND c IN (??) LIMIT ?"),
            "SELECT '?', 'it''s ?' FROM a WHERE b = $1 AND c = ANY($2) LIMIT $3"
        );
    }
}
