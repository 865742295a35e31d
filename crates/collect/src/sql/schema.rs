//! Column names from `CREATE TABLE`.

use super::{Cut, SqlReader, values::MAX_VALUES};

/// Words that start a key or constraint where a column could stand.
const NO_COLUMN: [&str; 11] = [
    "PRIMARY",
    "KEY",
    "UNIQUE",
    "INDEX",
    "CONSTRAINT",
    "FULLTEXT",
    "SPATIAL",
    "CHECK",
    "FOREIGN",
    "EXCLUDE",
    "PERIOD",
];

impl SqlReader {
    /// Reads `( column type …, … )` and returns the columns, lower-case.
    pub(super) fn column_definitions(&mut self) -> Result<Vec<String>, Cut> {
        self.bytes.advance(1);
        let mut columns = Vec::new();
        loop {
            self.blanks()?;
            let first = self.bytes.peek().ok_or(Cut)?;
            if first == b')' {
                self.bytes.advance(1);
                return Ok(columns);
            }
            let quoted = matches!(first, b'`' | b'"' | b'[');
            let name = self.identifier()?;
            let key = !quoted && NO_COLUMN.iter().any(|word| name.eq_ignore_ascii_case(word));
            if !key && !name.is_empty() && columns.len() < MAX_VALUES {
                columns.push(name.to_lowercase());
            }
            if self.skip_definition()? {
                return Ok(columns);
            }
        }
    }

    /// Passes over the rest of a definition; true when it was the last one.
    fn skip_definition(&mut self) -> Result<bool, Cut> {
        let mut depth = 0usize;
        loop {
            self.blanks()?;
            let byte = self.bytes.next().ok_or(Cut)?;
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 => return Ok(true),
                b')' => depth -= 1,
                b',' if depth == 0 => return Ok(false),
                b'\'' | b'"' | b'`' => self.skip_quoted(byte)?,
                _ => {}
            }
        }
    }
}
