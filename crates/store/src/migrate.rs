//! From a store in SQLite to one in PostgreSQL: every table, row by row, checked afterwards.
//!
//! Tables are read from the source's own catalogue, in the order of their references, so that a new one is not forgotten. A part
//! of a table and how far it is are written in one transaction: a move that was cut off goes on where it was. At the end both
//! sides are read again; a table counts as moved when number and sum of digests of its rows are the same.

use crate::{PostgresStore, SqliteStore, StoreError};
use futures::{StreamExt, TryStreamExt};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, Row, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Rows of one transaction.
const ROWS: i64 = 5000;
/// Bytes after which a part is written to the server.
const PART: usize = 4 << 20;

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Migrated {
    /// Name.
    pub table: String,
    /// Rows, the same on both sides.
    pub rows: u64,
    /// Rows that an earlier, cut off move had brought over.
    pub before: u64,
    /// Sum of the digests of its rows, hexadecimal, the same on both sides.
    pub checksum: String,
    /// Texts in which NUL, which PostgreSQL cannot hold, became the replacement character.
    pub replaced: u64,
}

/// A move that failed. What was brought over stays, and the same call goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// One of the stores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target holds something already.
    #[error(
        "the target is not empty (table {table} has rows) and holds no move that was cut off: name a new database"
    )]
    Occupied {
        /// A table with rows.
        table: String,
    },
    /// The target holds the beginning of a move from elsewhere.
    #[error(
        "the target holds a move from {begun} that was cut off: go on with that one or name a new database"
    )]
    Elsewhere {
        /// The source of that move.
        begun: String,
    },
    /// The schemas do not match.
    #[error("table {table} is not the same in both stores: {why}")]
    Schema {
        /// The table.
        table: String,
        /// The difference.
        why: String,
    },
    /// Both sides were read again and differ.
    #[error(
        "table {table} differs after the move: {from} rows with checksum {from_sum} in the source, {to} rows with checksum {to_sum} \
         in the target; was the source written meanwhile?"
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows in the source.
        from: u64,
        /// Checksum of the source.
        from_sum: String,
        /// Rows in the target.
        to: u64,
        /// Checksum of the target.
        to_sum: String,
    },
}

impl From<sqlx::Error> for MigrateError {
    fn from(e: sqlx::Error) -> MigrateError {
        MigrateError::Store(e.into())
    }
}

type Result<T> = std::result::Result<T, MigrateError>;

/// Kinds of columns that the stores have.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Real,
    Flag,
    Text,
    Bytes,
}

/// A value of a row.
enum Cell {
    Null,
    Whole(i64),
    Real(f64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
}

struct Table {
    name: String,
    columns: Vec<(String, Kind)>,
    /// What its rows are walked by in the source: the row number, or the key of a table without one.
    order: Vec<(String, Kind)>,
    rows: u64,
}

impl Table {
    fn list(&self) -> String {
        self.columns.iter().map(|(c, _)| format!("\"{c}\"")).collect::<Vec<_>>().join(", ")
    }
}

/// Moves everything from one store to the other. `progress` is told the table, the rows that are done and those of all
/// passes; `source` names the source, so that only its own move is gone on with.
///
/// # Errors
/// [`MigrateError`]; the call can be repeated.
pub async fn migrate(
    from: &SqliteStore,
    to: &PostgresStore,
    source: &str,
    mut progress: impl FnMut(&str, u64, u64),
) -> Result<Vec<Migrated>> {
    let tables = tables(from, to).await?;
    let begun = begin(to, source, &tables).await?;
    // Copied once, read twice for the check.
    let total = tables.iter().map(|t| t.rows * 3).sum();
    let mut done = 0;
    let mut moved = Vec::new();
    for table in &tables {
        let before = begun.get(&table.name).map_or(0, |b| b.1);
        done += before;
        progress(&table.name, done, total);
        let replaced = copy(from, to, table, begun.get(&table.name), |rows| {
            done += rows;
            progress(&table.name, done, total);
        })
        .await?;
        moved.push(Migrated {
            table: table.name.clone(),
            rows: 0,
            before,
            checksum: String::new(),
            replaced,
        });
    }
    for (table, moved) in tables.iter().zip(&mut moved) {
        let sql = format!("SELECT {} FROM \"{}\"", table.list(), table.name);
        let mut count = |rows| {
            done += rows;
            progress(&table.name, done, total);
        };
        let ours = sum(sqlx::query(AssertSqlSafe(sql.clone())).fetch(&from.pool), table, &mut count).await?;
        let theirs = sum(sqlx::query(AssertSqlSafe(sql)).fetch(&to.pool), table, &mut count).await?;
        if ours != theirs {
            return Err(MigrateError::Differs {
                table: table.name.clone(),
                from: ours.rows,
                from_sum: ours.hex(),
                to: theirs.rows,
                to_sum: theirs.hex(),
            });
        }
        moved.rows = ours.rows;
        moved.checksum = ours.hex();
    }
    finish(to, &tables).await?;
    Ok(moved)
}

/// The tables of the source in the order of their references, with their columns as the target has them.
async fn tables(from: &SqliteStore, to: &PostgresStore) -> Result<Vec<Table>> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(&from.pool)
    .await?;
    let mut waiting: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in &names {
        let refers: Vec<String> = sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_list(?)")
            .bind(name)
            .fetch_all(&from.pool)
            .await?;
        waiting.insert(name.clone(), refers.into_iter().filter(|r| r != name).collect());
    }
    let mut tables = Vec::new();
    while !waiting.is_empty() {
        let next = waiting.iter().find(|(_, refers)| refers.iter().all(|r| !waiting.contains_key(r)));
        // References in a ring would be refused by the target; its error says which.
        let Some(name) = next.or_else(|| waiting.iter().next()).map(|(name, _)| name.clone()) else { break };
        waiting.remove(&name);
        tables.push(table(from, to, name).await?);
    }
    Ok(tables)
}

async fn table(from: &SqliteStore, to: &PostgresStore, name: String) -> Result<Table> {
    let differs = |why: String| MigrateError::Schema { table: name.clone(), why };
    let target: Vec<(String, String)> = sqlx::query_as(
        "SELECT column_name::text, data_type::text FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(&name)
    .fetch_all(&to.pool)
    .await?;
    let mut columns = Vec::new();
    for (column, kind) in target {
        let kind = match kind.as_str() {
            "bigint" => Kind::Whole,
            "double precision" => Kind::Real,
            "boolean" => Kind::Flag,
            "text" => Kind::Text,
            "bytea" => Kind::Bytes,
            other => return Err(differs(format!("column {column} has type {other}"))),
        };
        columns.push((column, kind));
    }
    let source: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, pk FROM pragma_table_info(?)").bind(&name).fetch_all(&from.pool).await?;
    let missing = source.iter().find(|(c, _)| !columns.iter().any(|(t, _)| t == c));
    if let Some((column, _)) = missing {
        return Err(differs(format!("the target has no column {column}")));
    }
    // `rowid` is SQLite's own number of a row, a column of the target where arrival matters.
    let missing = columns.iter().find(|(t, _)| t != "rowid" && !source.iter().any(|(c, _)| c == t));
    if let Some((column, _)) = missing {
        return Err(differs(format!("the source has no column {column}")));
    }
    let bare: i64 = sqlx::query_scalar("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'")
        .bind(&name)
        .fetch_one(&from.pool)
        .await?;
    let order = if bare == 0 {
        vec![("rowid".to_owned(), Kind::Whole)]
    } else {
        let mut keys: Vec<&(String, i64)> = source.iter().filter(|(_, pk)| *pk > 0).collect();
        keys.sort_by_key(|(_, pk)| *pk);
        let kind = |column: &str| columns.iter().find(|(c, _)| c == column).map_or(Kind::Text, |(_, k)| *k);
        keys.into_iter().map(|(c, _)| (c.clone(), kind(c))).collect()
    };
    let count = format!("SELECT count(*) FROM \"{name}\"");
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&from.pool).await?;
    Ok(Table { name, columns, order, rows: rows as u64 })
}

/// Makes sure that the target is empty or holds the beginning of this very move; returns how far each table is: the key of the
/// last row as JSON, and the number of rows.
async fn begin(
    to: &PostgresStore,
    source: &str,
    tables: &[Table],
) -> Result<BTreeMap<String, (String, u64)>> {
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('migration') IS NOT NULL").fetch_one(&to.pool).await?;
    if !there {
        for table in tables {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.name);
            if sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql)).fetch_one(&to.pool).await? {
                return Err(MigrateError::Occupied { table: table.name.clone() });
            }
        }
        let mut t = to.pool.begin().await?;
        sqlx::raw_sql(
            "CREATE TABLE migration (name TEXT PRIMARY KEY, last TEXT NOT NULL, rows BIGINT NOT NULL)",
        )
        .execute(&mut *t)
        .await?;
        sqlx::query("INSERT INTO migration VALUES ('', $1, 0)").bind(source).execute(&mut *t).await?;
        t.commit().await?;
    }
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, last, rows FROM migration").fetch_all(&to.pool).await?;
    let mut begun: BTreeMap<String, (String, u64)> =
        rows.into_iter().map(|(name, last, rows)| (name, (last, rows as u64))).collect();
    match begun.remove("") {
        Some((begun_from, _)) if begun_from != source => Err(MigrateError::Elsewhere { begun: begun_from }),
        _ => Ok(begun),
    }
}

/// Brings over the rows of a table behind those that are there; returns in how many texts NUL was replaced.
async fn copy(
    from: &SqliteStore,
    to: &PostgresStore,
    table: &Table,
    begun: Option<&(String, u64)>,
    mut progress: impl FnMut(u64),
) -> Result<u64> {
    let keys: Vec<String> = table.order.iter().map(|(c, _)| format!("\"{c}\"")).collect();
    let keys = keys.join(", ");
    let marks = vec!["?"; table.order.len()].join(", ");
    let (name, list) = (&table.name, table.list());
    let first = format!("SELECT {keys}, {list} FROM \"{name}\" ORDER BY {keys} LIMIT {ROWS}");
    let next = format!(
        "SELECT {keys}, {list} FROM \"{name}\" WHERE ({keys}) > ({marks}) ORDER BY {keys} LIMIT {ROWS}"
    );
    let copy = format!("COPY \"{name}\" ({list}) FROM STDIN");
    let mut last: Option<Vec<serde_json::Value>> = match begun {
        Some((last, _)) => Some(serde_json::from_str(last).map_err(|e| StoreError::Damaged(e.to_string()))?),
        None => None,
    };
    let mut replaced = 0;
    loop {
        let mut query = sqlx::query(AssertSqlSafe(if last.is_some() { next.clone() } else { first.clone() }));
        for key in last.iter().flatten() {
            query = match key.as_i64() {
                Some(n) => query.bind(n),
                None => query.bind(key.as_str().unwrap_or_default().to_owned()),
            };
        }
        let rows = query.fetch_all(&from.pool).await?;
        let Some(end) = rows.last() else { return Ok(replaced) };
        let end: Vec<serde_json::Value> = table
            .order
            .iter()
            .enumerate()
            .map(|(i, (_, kind))| {
                Ok(match cell(end, i, *kind)? {
                    Cell::Whole(n) => n.into(),
                    Cell::Text(text) => text.into(),
                    _ => serde_json::Value::Null,
                })
            })
            .collect::<Result<_>>()?;
        let mut t = to.pool.begin().await?;
        let mut sink = t.copy_in_raw(&copy).await?;
        let mut part = String::with_capacity(PART + (PART >> 2));
        for row in &rows {
            for (i, (_, kind)) in table.columns.iter().enumerate() {
                let cell = cell(row, i + table.order.len(), *kind)?;
                replaced += u64::from(matches!(&cell, Cell::Text(text) if text.contains('\0')));
                part.push_str(if i > 0 { "\t" } else { "" });
                write_cell(&mut part, &cell);
            }
            part.push('\n');
            if part.len() >= PART {
                sink.send(part.as_bytes()).await?;
                part.clear();
            }
        }
        sink.send(part.as_bytes()).await?;
        sink.finish().await?;
        sqlx::query(
            "INSERT INTO migration VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET last = excluded.last,
             rows = migration.rows + excluded.rows",
        )
        .bind(name)
        .bind(serde_json::Value::from(end.clone()).to_string())
        .bind(rows.len() as i64)
        .execute(&mut *t)
        .await?;
        t.commit().await?;
        progress(rows.len() as u64);
        last = Some(end);
    }
}

/// Lets new rows get identifiers behind those that were moved, and forgets the move.
async fn finish(to: &PostgresStore, tables: &[Table]) -> Result<()> {
    let mut t = to.pool.begin().await?;
    for table in tables {
        let numbered: Option<String> = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1 AND is_identity = 'YES'",
        )
        .bind(&table.name)
        .fetch_optional(&mut *t)
        .await?;
        let Some(column) = numbered else { continue };
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('\"{0}\"', '{column}'), coalesce(max(\"{column}\"), 1), count(*) > 0)
             FROM \"{0}\"",
            table.name
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *t).await?;
    }
    sqlx::raw_sql("DROP TABLE migration").execute(&mut *t).await?;
    t.commit().await?;
    sqlx::raw_sql("ANALYZE").execute(&to.pool).await?;
    Ok(())
}

/// Number of rows, and the sum of their digests: the order of the rows does not matter, a row that stands twice does.
#[derive(Default, PartialEq)]
struct Sum {
    rows: u64,
    lanes: [u64; 4],
}

impl Sum {
    fn add(&mut self, line: &str) {
        self.rows += 1;
        let digest = blake3::hash(line.as_bytes());
        for (lane, bytes) in self.lanes.iter_mut().zip(digest.as_bytes().chunks_exact(8)) {
            let word = bytes.iter().rev().fold(0u64, |word, b| word << 8 | u64::from(*b));
            *lane = lane.wrapping_add(word);
        }
    }

    fn hex(&self) -> String {
        self.lanes.iter().fold(String::new(), |text, lane| format!("{text}{lane:016x}"))
    }
}

async fn sum<R>(
    rows: impl futures::Stream<Item = std::result::Result<R, sqlx::Error>>,
    table: &Table,
    progress: &mut impl FnMut(u64),
) -> Result<Sum>
where
    R: Cells,
{
    let mut sum = Sum::default();
    let mut line = String::new();
    let mut rows = std::pin::pin!(
        rows.chunks(1000).map(|part| part.into_iter().collect::<std::result::Result<Vec<R>, _>>())
    );
    while let Some(part) = rows.try_next().await? {
        for row in &part {
            line.clear();
            for (i, (_, kind)) in table.columns.iter().enumerate() {
                line.push('\t');
                write_cell(&mut line, &row.cell(i, *kind)?);
            }
            sum.add(&line);
        }
        progress(part.len() as u64);
    }
    Ok(sum)
}

/// A row of either database.
trait Cells: Sized {
    fn cell(&self, at: usize, kind: Kind) -> Result<Cell>;
}

impl Cells for SqliteRow {
    fn cell(&self, at: usize, kind: Kind) -> Result<Cell> {
        cell(self, at, kind)
    }
}

impl Cells for PgRow {
    fn cell(&self, at: usize, kind: Kind) -> Result<Cell> {
        cell(self, at, kind)
    }
}

fn cell<'r, R: Row>(row: &'r R, at: usize, kind: Kind) -> Result<Cell>
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    f64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    Ok(match kind {
        Kind::Whole => row.try_get::<Option<i64>, _>(at)?.map_or(Cell::Null, Cell::Whole),
        Kind::Real => row.try_get::<Option<f64>, _>(at)?.map_or(Cell::Null, Cell::Real),
        Kind::Flag => row.try_get::<Option<bool>, _>(at)?.map_or(Cell::Null, Cell::Flag),
        Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Cell::Null, Cell::Text),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Cell::Null, Cell::Bytes),
    })
}

/// Writes a value in the text form of COPY.
fn write_cell(out: &mut String, cell: &Cell) {
    // Writing to a String cannot fail.
    let _ = match cell {
        Cell::Null => write!(out, "\\N"),
        Cell::Whole(n) => write!(out, "{n}"),
        // The shortest form that reads back to the same bits.
        Cell::Real(x) => write!(out, "{x:?}"),
        Cell::Flag(yes) => write!(out, "{}", if *yes { 't' } else { 'f' }),
        Cell::Text(text) => {
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\t' => out.push_str("\\t"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\0' => out.push('\u{fffd}'),
                    c => out.push(c),
                }
            }
            Ok(())
        }
        Cell::Bytes(bytes) => {
            out.push_str("\\\\x");
            bytes.iter().try_for_each(|b| write!(out, "{b:02x}"))
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_for_copy() {
        let text = |cell: Cell| {
            let mut out = String::new();
            write_cell(&mut out, &cell);
            out
        };
        assert_eq!(text(Cell::Text("a\tb\\c\nd\r\0e".into())), "a\\tb\\\\c\\nd\\r\u{fffd}e");
        assert_eq!(text(Cell::Bytes(vec![0, 255])), "\\\\x00ff");
        assert_eq!((text(Cell::Real(0.1)), text(Cell::Null)), ("0.1".to_owned(), "\\N".to_owned()));
    }

    #[test]
    fn sums_do_not_depend_on_the_order_but_on_the_number() {
        let sum = |lines: &[&str]| {
            let mut sum = Sum::default();
            lines.iter().for_each(|l| sum.add(l));
            (sum.rows, sum.hex())
        };
        assert_eq!(sum(&["a", "b"]), sum(&["b", "a"]));
        assert_ne!(sum(&["a", "a"]).1, sum(&["b", "b"]).1);
        assert_ne!(sum(&["a", "a", "b"]).1, sum(&["b"]).1);
    }
}
