//! Lists: pages by cursor or offset, as JSON or as a table.

use crate::problem::ApiError;
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tm_exchange::{Column, TableForm, TableWriter};

/// Largest page.
pub(crate) const MOST: u32 = 500;
/// Rows of a table without a limit, and at most.
const TABLE: u32 = 10_000;
/// Rows that may come or go before the last one shown without a cursor losing its place.
const SLACK: u32 = 100;

/// Which part of a list, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// Rows to skip when the store is asked.
    pub offset: u32,
    /// Rows to ask the store for.
    pub limit: u32,
    /// Rows to show.
    most: usize,
    /// The last row that was shown: the page begins behind it, wherever it stands now.
    behind: Option<Anchor>,
    form: Option<TableForm>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Anchor {
    /// Position at which the page begins when the row is gone.
    at: u32,
    id: String,
}

impl Window {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// [`ApiError::Bad`] for a cursor or format that is none.
    pub(crate) fn of(
        cursor: Option<&str>,
        offset: Option<u32>,
        limit: Option<u32>,
        format: Option<&str>,
    ) -> Result<Window, ApiError> {
        let form = match format.unwrap_or("json") {
            "" | "json" => None,
            "csv" => Some(TableForm::Csv),
            "jsonl" => Some(TableForm::Jsonl),
            other => {
                return Err(ApiError::Bad(format!("unknown format '{other}', known are: json csv jsonl")));
            }
        };
        let limit = match form {
            None => limit.unwrap_or(50).clamp(1, MOST),
            Some(_) => limit.unwrap_or(TABLE).clamp(1, TABLE),
        };
        let behind = cursor.map(str::trim).filter(|c| !c.is_empty()).map(anchor).transpose()?;
        Ok(match behind {
            None => Window { offset: offset.unwrap_or(0), limit, most: limit as usize, behind: None, form },
            Some(anchor) => {
                let offset = anchor.at.saturating_sub(1 + SLACK);
                let limit_ = (anchor.at - offset).saturating_add(limit).saturating_add(SLACK);
                Window { offset, limit: limit_, most: limit as usize, behind: Some(anchor), form }
            }
        })
    }

    /// The page from the rows that the store gave for `offset` and `limit` (or, with `all`, from the whole list).
    ///
    /// # Errors
    /// [`ApiError::Failed`] when a table cannot be written.
    pub(crate) fn answer(
        &self,
        total: u64,
        mut items: Vec<Value>,
        facets: Option<Value>,
        columns: &[Column],
    ) -> Result<Response, ApiError> {
        let mut first = self.offset;
        if let Some(anchor) = &self.behind {
            let place = items.iter().position(|i| id_of(i) == anchor.id).map(|p| p + 1);
            let skip = place.unwrap_or(anchor.at.saturating_sub(self.offset) as usize).min(items.len());
            items.drain(..skip);
            first = first.saturating_add(skip as u32);
        }
        items.truncate(self.most);
        if let Some(form) = self.form {
            return table(form, &items, columns);
        }
        let end = first.saturating_add(items.len() as u32);
        let next =
            items.last().filter(|_| u64::from(end) < total).map(|last| format!("{end}.{}", id_of(last)));
        let mut page = json!({"total": total, "items": items, "next": next.map(|n| hex(&n))});
        if let Some(facets) = facets {
            page["facets"] = facets;
        }
        Ok(Json(page).into_response())
    }

    /// As [`Window::answer`], of a list that is at hand as a whole.
    ///
    /// # Errors
    /// [`ApiError::Failed`] when a table cannot be written.
    pub(crate) fn of_all(&self, all: Vec<Value>, columns: &[Column]) -> Result<Response, ApiError> {
        let total = all.len() as u64;
        let rows = all.into_iter().skip(self.offset as usize).take(self.limit as usize).collect();
        self.answer(total, rows, None, columns)
    }
}

/// What tells one row of a list from another.
fn id_of(item: &Value) -> String {
    match &item["id"] {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn anchor(cursor: &str) -> Result<Anchor, ApiError> {
    let bad = || ApiError::Bad("this cursor is none; take what 'next' of the page before said".into());
    if cursor.len() > 400 || !cursor.len().is_multiple_of(2) || !cursor.is_ascii() {
        return Err(bad());
    }
    let bytes: Option<Vec<u8>> =
        (0..cursor.len()).step_by(2).map(|i| u8::from_str_radix(cursor.get(i..i + 2)?, 16).ok()).collect();
    let text = String::from_utf8(bytes.ok_or_else(bad)?).map_err(|_| bad())?;
    let (at, id) = text.split_once('.').ok_or_else(bad)?;
    Ok(Anchor { at: at.parse().map_err(|_| bad())?, id: id.to_owned() })
}

fn table(form: TableForm, items: &[Value], columns: &[Column]) -> Result<Response, ApiError> {
    let failed = |e: tm_exchange::ExchangeError| ApiError::Failed(e.to_string());
    let mut out = TableWriter::new(Vec::new(), form, columns).map_err(failed)?;
    for item in items {
        out.row(item).map_err(failed)?;
    }
    let bytes = out.finish().map_err(failed)?;
    let (kind, name) = match form {
        TableForm::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"threatminer.csv\""),
        _ => ("application/x-ndjson", "attachment; filename=\"threatminer.jsonl\""),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

/// Columns of a table, by name and kind.
macro_rules! columns {
    ($($name:literal $kind:ident),* $(,)?) => {
        &[$(tm_exchange::Column { name: $name, kind: tm_exchange::ColumnKind::$kind }),*]
    };
}
pub(crate) use columns;

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a list by cursors; before each page `change` may do something to it.
    async fn walk(mut all: Vec<i64>, change: impl Fn(usize, &mut Vec<i64>)) -> Vec<i64> {
        let (mut cursor, mut seen): (Option<String>, Vec<i64>) = (None, Vec::new());
        for n in 0.. {
            change(n, &mut all);
            let window =
                Window::of(cursor.as_deref(), None, Some(3), None).unwrap_or_else(|_| panic!("a cursor"));
            let rows: Vec<Value> = all
                .iter()
                .skip(window.offset as usize)
                .take(window.limit as usize)
                .map(|id| json!({"id": id}))
                .collect();
            let answer =
                window.answer(all.len() as u64, rows, None, &[]).unwrap_or_else(|_| panic!("a page"));
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            let page: Value = serde_json::from_slice(&body).unwrap();
            seen.extend(page["items"].as_array().unwrap().iter().filter_map(|i| i["id"].as_i64()));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return seen,
            }
        }
        seen
    }

    #[tokio::test]
    async fn a_walk_shows_each_row_once() {
        assert_eq!(walk((0..10).collect(), |_, _| {}).await, (0..10).collect::<Vec<i64>>());
        assert_eq!(walk((0..9).collect(), |_, _| {}).await, (0..9).collect::<Vec<i64>>());
        assert!(walk(Vec::new(), |_, _| {}).await.is_empty());
    }

    #[tokio::test]
    async fn rows_that_come_on_top_move_nothing() {
        let seen = walk((0..10).collect(), |n, all| {
            if n > 0 {
                all.splice(0..0, (0..20).map(|i| 1000 + 100 * n as i64 + i));
            }
        });
        assert_eq!(seen.await, (0..10).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn a_row_that_is_gone_leaves_its_place() {
        let seen = walk((0..10).collect(), |n, all| {
            if n == 1 {
                all.retain(|id| *id != 2);
            }
        });
        assert_eq!(
            seen.await,
            [0, 1, 2, 4, 5, 6, 7, 8, 9],
            "by position then: one row is missed, none is twice"
        );
    }

    #[test]
    fn cursors_that_are_none_are_refused() {
        for bad in ["x", "zz", "3", "ab", "ff", "é0", &"0".repeat(500)] {
            assert!(Window::of(Some(bad), None, None, None).is_err(), "{bad}");
        }
        assert!(Window::of(None, None, None, Some("xml")).is_err());
        let w = Window::of(None, Some(7), Some(9999), None).unwrap_or_else(|_| panic!("a window"));
        assert_eq!((w.offset, w.limit), (7, MOST));
        let w = Window::of(Some(&hex(&format!("{}.x", u32::MAX))), None, Some(500), None);
        assert!(w.is_ok(), "no overflow");
    }
}
