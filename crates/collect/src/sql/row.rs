//! One row: the values of a tuple, in memory that is used again for the next.

use super::{Charset, Table};
use std::{borrow::Cow, sync::Arc};

#[derive(Debug, Clone, Copy)]
struct Value {
    start: usize,
    end: usize,
    null: bool,
}

/// Columns that say nothing of a member beside what is shown to everybody.
fn is_public(column: &str) -> bool {
    const SHOWN: [&str; 15] = [
        "subject",
        "title",
        "message",
        "pagetext",
        "post_text",
        "body",
        "post",
        "rawtext",
        "content",
        "dateline",
        "post_time",
        "poster_time",
        "posted",
        "post_date",
        "visible",
    ];
    (column.ends_with("id") && !column.contains("session")) || SHOWN.contains(&column)
}

/// The values of a row by column name.
pub(crate) struct Row {
    table: Arc<Table>,
    data: Vec<u8>,
    values: Vec<Value>,
    open: usize,
    too_large: bool,
    max_value: usize,
    charset: Arc<Charset>,
}

impl Row {
    pub(super) fn new(max_value: usize) -> Row {
        let table = Arc::new(Table { name: String::new(), columns: Vec::new() });
        Row {
            table,
            data: Vec::new(),
            values: Vec::new(),
            open: 0,
            too_large: false,
            max_value,
            charset: Arc::default(),
        }
    }

    pub(super) fn begin(&mut self, table: &Arc<Table>) {
        self.table = Arc::clone(table);
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.data.clear();
        self.data.shrink_to(1024 * 1024);
        self.values.clear();
        self.open = 0;
        self.too_large = false;
    }

    /// Adds bytes to the open value. The whole row stays under twice the largest value.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let value = self.data.len() - self.open + bytes.len();
        if value > self.max_value || self.data.len() + bytes.len() > self.max_value.saturating_mul(2) {
            self.too_large = true;
        } else if !self.too_large {
            self.data.extend_from_slice(bytes);
        }
    }

    pub(super) fn push_byte(&mut self, byte: u8) {
        self.push(&[byte]);
    }

    /// What was pushed of the open value so far.
    pub(super) fn open_value(&self) -> &[u8] {
        &self.data[self.open..]
    }

    /// Puts other bytes in the place of the open value.
    pub(super) fn replace_open(&mut self, bytes: &[u8]) {
        self.data.truncate(self.open);
        self.push(bytes);
    }

    pub(super) fn close_value(&mut self, null: bool) {
        let end = self.data.len();
        self.values.push(Value { start: self.open, end, null });
        self.open = end;
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn columns(&self) -> usize {
        self.table.columns.len()
    }

    pub(super) fn too_large(&self) -> bool {
        self.too_large
    }

    /// The beginning of what was read, for a reject's snippet. Only identifiers, titles, texts and times, unless `all`:
    /// the other columns are the members' own affair. Where it is not known which value belongs to which column, that
    /// is a number at the beginning at most.
    pub(crate) fn head(&self, all: bool) -> Vec<u8> {
        let mut head: Vec<u8> = Vec::new();
        let aligned = self.values.len() == self.table.columns.len();
        for (i, value) in self.values.iter().enumerate() {
            let bytes = self.data.get(value.start..value.end).unwrap_or_default();
            let column = self.table.columns.get(i).filter(|_| aligned);
            let number = i == 0 && !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
            if !(all || number || column.is_some_and(|name| is_public(name))) {
                continue;
            }
            if !head.is_empty() {
                head.extend_from_slice(b" | ");
            }
            head.extend_from_slice(&bytes[..bytes.len().min(800)]);
            if head.len() > 800 {
                break;
            }
        }
        head
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The bytes of a column; `None` when it is NULL or there is no such column.
    pub(crate) fn bytes(&self, column: &str) -> Option<&[u8]> {
        let place = self.table.columns.iter().position(|name| name == column)?;
        let value = self.values.get(place).filter(|value| !value.null)?;
        self.data.get(value.start..value.end)
    }

    /// The text of a column; bytes that are no UTF-8 are read in the charset of the dump, and become U+FFFD where that
    /// has no character for them.
    pub(crate) fn text(&self, column: &str) -> Cow<'_, str> {
        self.charset.decode(column, self.bytes(column).unwrap_or_default())
    }

    pub(super) fn set_charset(&mut self, charset: Arc<Charset>) {
        self.charset = charset;
    }

    /// Columns and their bytes; NULLs are left out.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let values = self.table.columns.iter().zip(&self.values).filter(|(_, value)| !value.null);
        values.filter_map(|(name, value)| Some((name.as_str(), self.data.get(value.start..value.end)?)))
    }

    /// The whole number in a column.
    pub(crate) fn int(&self, column: &str) -> Option<i64> {
        std::str::from_utf8(self.bytes(column)?).ok()?.trim().parse().ok()
    }

    /// The identifier in a column; zero and below mean that there is none.
    pub(crate) fn id(&self, column: &str) -> Option<u64> {
        self.int(column).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0)
    }
}
