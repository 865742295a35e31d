//! pg_dump's `COPY … FROM stdin`: one row a line, values between tabs.

use super::{Cut, SqlReader, State, Step, Table, values::MAX_VALUES};
use crate::bytes::Line;
use std::sync::Arc;

impl SqlReader {
    /// `COPY table (columns) FROM stdin …;` up to its first line.
    pub(super) fn copy(&mut self, wants: &mut dyn FnMut(&Arc<Table>) -> bool) -> Result<(), Cut> {
        self.blanks()?;
        let name = self.name()?;
        self.blanks()?;
        self.table = match self.bytes.peek() {
            Some(b'(') => self.column_list(name)?,
            _ => self
                .tables
                .get(&name)
                .cloned()
                .unwrap_or_else(|| Arc::new(Table { name, columns: Vec::new() })),
        };
        self.blanks()?;
        let from = self.word();
        self.blanks()?;
        let stdin = self.word();
        self.skip_statement()?;
        if from != "FROM" || stdin != "STDIN" {
            return Ok(());
        }
        // The rest of the line that the statement stands on.
        self.line();
        let table = Arc::clone(&self.table);
        if wants(&table) {
            self.row.begin(&table);
            self.state = State::Copy;
            return Ok(());
        }
        self.skip_copy()
    }

    pub(super) fn skip_copy(&mut self) -> Result<(), Cut> {
        let mut line = Vec::new();
        loop {
            match self.bytes.read_line(&mut line, 4) {
                Line::End => return Err(Cut),
                Line::TooLong => {}
                _ if line.strip_suffix(b"\r").unwrap_or(&line) == b"\\." => return Ok(()),
                _ => {}
            }
        }
    }

    /// Reads one line of values; `None` behind the last.
    pub(super) fn copy_line(&mut self) -> Result<Option<Step>, Cut> {
        if matches!(self.bytes.look(4), [b'\\', b'.'] | [b'\\', b'.', b'\n' | b'\r', ..]) {
            self.line();
            return Ok(None);
        }
        self.row.clear();
        let (mut null, mut extra) = (false, false);
        loop {
            let rest = self.bytes.rest();
            let Some(i) = memchr::memchr3(b'\t', b'\n', b'\\', rest) else {
                let n = rest.len();
                if n == 0 {
                    return Err(Cut);
                }
                self.row.push(rest);
                self.bytes.advance(n);
                continue;
            };
            let byte = rest[i];
            self.row.push(&rest[..i]);
            self.bytes.advance(i + 1);
            if byte == b'\\' {
                null |= self.copy_escape()?;
                continue;
            }
            if self.row.len() < MAX_VALUES {
                self.row.close_value(null);
            } else {
                extra = true;
            }
            null = false;
            if byte == b'\n' {
                break;
            }
        }
        let (values, columns) = (self.row.len(), self.row.columns());
        Ok(Some(if self.row.too_large() {
            Step::Refused("a value is larger than is read; the row is left out".to_owned())
        } else if extra || values != columns {
            Step::Refused(format!("the row has {values} values, but its table {columns} columns"))
        } else {
            Step::Row
        }))
    }

    /// Reads what follows a backslash; true for `\N`.
    fn copy_escape(&mut self) -> Result<bool, Cut> {
        let byte = self.bytes.next().ok_or(Cut)?;
        let plain = match byte {
            b'N' => return Ok(true),
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'0'..=b'7' => self.digits(u32::from(byte - b'0'), 8, 2),
            b'x' => self.digits(0, 16, 2),
            other => other,
        };
        self.row.push_byte(plain);
        Ok(false)
    }

    fn digits(&mut self, mut value: u32, radix: u32, most: usize) -> u8 {
        for _ in 0..most {
            let Some(digit) = self.bytes.peek().and_then(|b| (b as char).to_digit(radix)) else { break };
            value = value * radix + digit;
            self.bytes.advance(1);
        }
        value as u8
    }
}
