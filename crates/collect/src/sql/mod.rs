//! SQL dumps as a stream of rows.
//!
//! Statements are never held as a whole: mysqldump writes a million posts into one `INSERT`. Tables that nobody asked
//! for are passed over at the speed of a search for quotes.

mod charset;
mod copy;
mod row;
mod schema;
mod skip;
mod values;

pub(crate) use charset::{Charset, Sampler};
pub(crate) use row::Row;

use crate::bytes::ByteStream;
use std::{collections::HashMap, sync::Arc};

/// A table as far as the dump described it before its rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Name without database or schema.
    pub name: String,
    /// Columns in the order of the values, lower-case; empty when the dump does not tell.
    pub columns: Vec<String>,
}

/// What reading on came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A row, to be read from [`SqlReader::row`].
    Row,
    /// A row that cannot be used, and why.
    Refused(String),
    /// The end of the dump.
    End,
}

/// How literals are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Dialect {
    /// A backslash in a plain literal starts an escape.
    backslash: bool,
    /// `#` starts a comment.
    hash_comments: bool,
    /// Characters of two bytes may end in what looks like a backslash.
    pairs: bool,
}

enum State {
    Statement,
    Tuples,
    Copy,
}

/// The dump ended where something had to follow.
struct Cut;

/// More columns, over all tables, or longer names than a forum has would only cost memory.
const MAX_COLUMNS: usize = 200_000;
const MAX_NAME: usize = 256;

pub(crate) struct SqlReader {
    bytes: ByteStream,
    dialect: Dialect,
    tables: HashMap<String, Arc<Table>>,
    columns: usize,
    table: Arc<Table>,
    listed: Option<Arc<Table>>,
    state: State,
    row: Row,
    cut: bool,
    declared: Option<&'static encoding_rs::Encoding>,
}

impl SqlReader {
    pub(crate) fn new(mut bytes: ByteStream, max_value: usize) -> SqlReader {
        let head = bytes.look(64 * 1024);
        let declared = Charset::declared(head);
        let dialect = sniff(head, declared);
        SqlReader {
            bytes,
            dialect,
            tables: HashMap::new(),
            columns: 0,
            table: Arc::new(Table { name: String::new(), columns: Vec::new() }),
            listed: None,
            state: State::Statement,
            row: Row::new(max_value),
            cut: false,
            declared,
        }
    }

    /// The legacy charset that the dump declares.
    pub(crate) fn declared(&self) -> Option<&'static encoding_rs::Encoding> {
        self.declared
    }

    /// Sets how values are read that are no UTF-8.
    pub(crate) fn set_charset(&mut self, charset: Arc<Charset>) {
        self.row.set_charset(charset);
    }

    /// Passes over the rows that are left of the statement.
    pub(crate) fn skip_rows(&mut self) {
        let skipped = match self.state {
            State::Statement => Ok(()),
            State::Tuples => self.skip_values(),
            State::Copy => self.skip_copy(),
        };
        self.cut |= skipped.is_err();
        self.state = State::Statement;
    }

    /// The row that [`Step::Row`] stands for, or what was read of a refused one.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// True when the dump ended inside a statement.
    pub(crate) fn cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn take_error(&mut self) -> Option<std::io::Error> {
        self.bytes.take_error()
    }

    /// Tables that the dump declared so far.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values()
    }

    /// Reads on to the next row of a table that `wants` says yes to; it is asked once a statement.
    pub(crate) fn next(&mut self, wants: &mut dyn FnMut(&Arc<Table>) -> bool) -> Step {
        loop {
            let step = match self.state {
                State::Statement => match self.statement(wants) {
                    Ok(true) => continue,
                    Ok(false) => return Step::End,
                    Err(Cut) => Err(Cut),
                },
                State::Tuples => self.tuple(),
                State::Copy => self.copy_line(),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => self.state = State::Statement,
                Err(Cut) => {
                    self.cut = true;
                    return Step::End;
                }
            }
        }
    }

    /// Reads one statement up to its rows, or passes over it. False at the end of the dump.
    fn statement(&mut self, wants: &mut dyn FnMut(&Arc<Table>) -> bool) -> Result<bool, Cut> {
        self.blanks()?;
        let Some(first) = self.bytes.peek() else { return Ok(false) };
        match first {
            // psql commands, like the \restrict of newer versions of pg_dump, end with their line.
            b'\\' => self.line(),
            b';' => self.bytes.advance(1),
            _ => {
                let word = self.word();
                match word.as_str() {
                    "INSERT" | "REPLACE" => self.insert(wants)?,
                    "CREATE" => self.create()?,
                    "COPY" => self.copy(wants)?,
                    "DELIMITER" => self.delimiter(),
                    // SQL Server separates batches by a word alone on its line.
                    "GO" => {}
                    _ => self.skip_statement()?,
                }
            }
        }
        Ok(true)
    }

    /// `INSERT [modifiers] [INTO] table [(columns)] VALUES`; what follows are tuples.
    fn insert(&mut self, wants: &mut dyn FnMut(&Arc<Table>) -> bool) -> Result<(), Cut> {
        const MODIFIERS: [&str; 10] = [
            "INTO",
            "IGNORE",
            "OR",
            "REPLACE",
            "LOW_PRIORITY",
            "HIGH_PRIORITY",
            "DELAYED",
            "ROLLBACK",
            "ABORT",
            "FAIL",
        ];
        self.blanks()?;
        let mut name = self.name()?;
        while MODIFIERS.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            let first = self.bytes.peek();
            self.blanks()?;
            // A table may be called like a modifier; it is then followed by its columns or values.
            if first.is_some_and(|b| matches!(b, b'(' | b';')) {
                break;
            }
            name = self.name()?;
        }
        self.blanks()?;
        if self.bytes.peek() == Some(b'(') {
            self.table = self.column_list(name)?;
        } else {
            self.table = match self.tables.get(&name) {
                Some(table) => Arc::clone(table),
                None => Arc::new(Table { name, columns: Vec::new() }),
            };
        }
        loop {
            self.blanks()?;
            match self.bytes.peek() {
                Some(b) if b.is_ascii_alphabetic() => {
                    let word = self.word();
                    if matches!(word.as_str(), "VALUES" | "VALUE") {
                        break;
                    }
                    if matches!(word.as_str(), "SELECT" | "SET" | "DEFAULT" | "WITH" | "TABLE") {
                        return self.skip_statement();
                    }
                }
                None => return Err(Cut),
                Some(_) => return self.skip_statement(),
            }
        }
        let table = Arc::clone(&self.table);
        if !wants(&table) {
            return self.skip_values();
        }
        self.row.begin(&table);
        self.state = State::Tuples;
        Ok(())
    }

    /// `(column, …)` before `VALUES` or `FROM stdin`.
    fn column_list(&mut self, name: String) -> Result<Arc<Table>, Cut> {
        self.bytes.advance(1);
        let mut columns = Vec::new();
        loop {
            self.blanks()?;
            match self.bytes.peek().ok_or(Cut)? {
                b')' => {
                    self.bytes.advance(1);
                    break;
                }
                b',' => self.bytes.advance(1),
                _ => {
                    let column = self.identifier()?;
                    if columns.len() < values::MAX_VALUES {
                        columns.push(column.to_lowercase());
                    }
                }
            }
        }
        // Dumps with one row a statement repeat the list a million times.
        if let Some(table) =
            self.listed.as_ref().filter(|table| table.name == name && table.columns == columns)
        {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(Table { name, columns });
        self.listed = Some(Arc::clone(&table));
        Ok(table)
    }

    /// `CREATE [TEMPORARY …] TABLE [IF NOT EXISTS] name (columns)`; any other `CREATE` is passed over.
    fn create(&mut self) -> Result<(), Cut> {
        for _ in 0..4 {
            self.blanks()?;
            let word = self.word();
            match word.as_str() {
                "TABLE" => return self.create_table(),
                "TEMPORARY" | "TEMP" | "UNLOGGED" | "GLOBAL" | "LOCAL" | "OR" | "REPLACE" => {}
                _ => break,
            }
        }
        self.skip_statement()
    }

    fn create_table(&mut self) -> Result<(), Cut> {
        self.blanks()?;
        let mut name = self.name()?;
        if name.eq_ignore_ascii_case("if") {
            for _ in 0..2 {
                self.blanks()?;
                self.word();
            }
            self.blanks()?;
            name = self.name()?;
        }
        self.blanks()?;
        if self.bytes.peek() != Some(b'(') {
            return self.skip_statement();
        }
        let columns = self.column_definitions()?;
        if self.columns < MAX_COLUMNS && !columns.is_empty() {
            self.columns += columns.len();
            self.tables.insert(name.clone(), Arc::new(Table { name, columns }));
        }
        self.skip_statement()
    }

    /// An upper-case word; empty where none stands.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(byte) = self.bytes.peek() {
            if !(byte.is_ascii_alphanumeric() || byte == b'_') {
                // An unknown sign is passed over, so that reading goes on whatever stands here.
                if word.is_empty() && !matches!(byte, b'(' | b')' | b';' | b'\'' | b'"' | b'`') {
                    self.bytes.advance(1);
                }
                break;
            }
            self.bytes.advance(1);
            if word.len() < MAX_NAME {
                word.push(byte.to_ascii_uppercase() as char);
            }
        }
        word
    }

    /// A name with any database or schema before it cut off.
    fn name(&mut self) -> Result<String, Cut> {
        loop {
            let name = self.identifier()?;
            self.blanks()?;
            if self.bytes.peek() != Some(b'.') {
                return Ok(name);
            }
            self.bytes.advance(1);
            self.blanks()?;
        }
    }

    /// One name, plain or in backticks, double quotes or brackets.
    fn identifier(&mut self) -> Result<String, Cut> {
        let close = match self.bytes.peek().ok_or(Cut)? {
            b'`' => b'`',
            b'"' => b'"',
            b'\'' => b'\'',
            b'[' => b']',
            _ => 0,
        };
        let mut name = Vec::new();
        if close == 0 {
            while let Some(byte) = self.bytes.peek() {
                if byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b',' | b';' | b'.') {
                    break;
                }
                self.bytes.advance(1);
                if name.len() < MAX_NAME {
                    name.push(byte);
                }
            }
            if name.is_empty() {
                // Nothing that could be a name: passed over, so that every loop comes to an end.
                self.bytes.advance(1);
            }
        } else {
            self.bytes.advance(1);
            loop {
                let byte = self.bytes.next().ok_or(Cut)?;
                if byte == close {
                    if self.bytes.peek() != Some(close) {
                        break;
                    }
                    self.bytes.advance(1);
                }
                if name.len() < MAX_NAME {
                    name.push(byte);
                }
            }
        }
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}

/// Tells how the dump writes literals from its first bytes.
fn sniff(head: &[u8], declared: Option<&'static encoding_rs::Encoding>) -> Dialect {
    let has = |needle: &str| memchr::memmem::find(head, needle.as_bytes()).is_some();
    let mysql =
        has("MySQL dump") || has("MariaDB dump") || has("/*!4") || has("ENGINE=") || has("phpMyAdmin");
    let postgres =
        has("PostgreSQL database dump") || has("standard_conforming_strings") || has(" FROM stdin");
    // Only MySQL writes backticks; only a dialect with escapes puts a backslash before a quote inside a literal.
    let backslash = mysql || (!postgres && !has("PRAGMA ") && (has("`") || has("\\'")));
    let pairs = backslash && declared.is_some_and(charset::hides_backslashes);
    Dialect { backslash, hash_comments: backslash, pairs }
}
