//! The store of one machine: one SQLite file in WAL mode.

#[path = "sql/mod.rs"]
mod sql;

use crate::{Leadership, Result, StoreError};
use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, QueryBuilder, SqlSafeStr, SqlStr, Sqlite, Transaction,
};
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

/// Steps that bring a store from version i to i+1; version 0 is an empty file.
const MIGRATIONS: [&str; 8] = [
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
    include_str!("schema-6.sql"),
    include_str!("schema-7.sql"),
    include_str!("schema-8.sql"),
];

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, creates it when it is missing, brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the file cannot be used, [`StoreError::Newer`] when a newer program wrote it.
    pub async fn open(path: &Path) -> Result<SqliteStore> {
        let name = path.display().to_string();
        let fail = |source| StoreError::Open { path: name.clone(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A killed process loses nothing with NORMAL: the log is written before a commit returns. Only a power cut can
            // undo the last commits, and then whole ones.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(60))
            .foreign_keys(true)
            .pragma("cache_size", "-65536")
            .pragma("temp_store", "memory");
        // Steps rebuild tables that others refer to, which SQLite only allows with foreign keys off.
        let mut bare = options.clone().foreign_keys(false).connect().await.map_err(fail)?;
        let version: i64 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut bare).await.map_err(fail)?;
        let known = MIGRATIONS.len() as i64;
        if version > known {
            return Err(StoreError::Newer { path: name, found: version, known });
        }
        for (i, step) in MIGRATIONS.iter().enumerate().skip(version as usize) {
            let mut transaction = bare.begin_with("BEGIN IMMEDIATE").await?;
            // Another process may have opened the same new file and taken the step meanwhile.
            let now: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
            if now > i as i64 {
                continue;
            }
            sqlx::raw_sql(*step).execute(&mut *transaction).await?;
            // The version is part of the transaction: a kill leaves either schema whole.
            let set = format!("PRAGMA user_version = {}", i + 1);
            sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        bare.close().await.map_err(fail)?;
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(fail)?;
        Ok(SqliteStore { pool })
    }

    /// Writes everything to the main file and closes it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

// What the files of `sql` leave open.
type Backend = SqliteStore;
type Db = Sqlite;
type DbRow = SqliteRow;
type DbConnection = SqliteConnection;
/// A writer takes its turn at the beginning: an upgrade of a read could be refused.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// Rows need no locks: there is one writer.
const LOCK_ROWS: &str = "";
/// Ignores the case of ASCII letters.
const LIKE: &str = "LIKE";
const MONTH: &str = "strftime('%Y-%m', p.time, 'unixepoch')";
const VALUE_AS_NUMBER: &str = "max(CAST(m.value AS INTEGER), 0)";

/// `?` is what SQLite reads; a list is one JSON array, so that its length changes no statement.
fn spell(text: Cow<'static, str>) -> SqlStr {
    let text = if text.contains("IN (??)") {
        Cow::Owned(text.replace("IN (??)", "IN (SELECT value FROM json_each(?))"))
    } else {
        text
    };
    match text {
        Cow::Borrowed(text) => text.into_sql_str(),
        Cow::Owned(text) => AssertSqlSafe(text).into_sql_str(),
    }
}

/// Appends the condition that what stands before is one of a list.
fn push_list(query: &mut QueryBuilder<Db>, list: String) {
    query.push(" IN (SELECT value FROM json_each(").push_bind(list).push("))");
}

fn ids(list: &[i64]) -> String {
    let mut text = String::from("[");
    for (i, id) in list.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}

fn names<S: AsRef<str>>(list: &[S]) -> String {
    serde_json::Value::from_iter(list.iter().map(|name| name.as_ref())).to_string()
}

/// Posts are written by one transaction at a time: `BEGIN IMMEDIATE` sees to it.
#[allow(clippy::unused_async)]
async fn lock_ingest(_: &mut Transaction<'_, Db>) -> Result<()> {
    Ok(())
}

/// One process works on a file.
struct Alone;

#[async_trait]
impl Leadership for Alone {
    async fn holds(&mut self) -> bool {
        true
    }
}

impl SqliteStore {
    #[allow(clippy::unused_async)]
    async fn lead_(&self, _role: &str) -> Result<Option<Box<dyn Leadership>>> {
        Ok(Some(Box::new(Alone)))
    }
}
