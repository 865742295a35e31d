//! What is known, in the formats of other tools. So far: JSON Lines (RFC 8259 values, one a line) and CSV (RFC 4180).
#![deny(missing_docs)]

use serde_json::Value;
use std::io::Write;

/// A row that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The output cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A row is no JSON object.
    #[error("a row of a table must be an object")]
    NoObject,
}

/// Writes objects as JSON Lines or as CSV. The columns of CSV are the keys of the first row; nested values are written as
/// JSON.
pub struct TableWriter<W: Write> {
    form: Form<W>,
}

enum Form<W: Write> {
    Jsonl(W),
    Csv { writer: Box<csv::Writer<W>>, columns: Vec<String> },
}

impl<W: Write> TableWriter<W> {
    /// A writer of CSV or of JSON Lines.
    pub fn new(out: W, csv: bool) -> TableWriter<W> {
        let form = if csv {
            Form::Csv { writer: Box::new(csv::Writer::from_writer(out)), columns: Vec::new() }
        } else {
            Form::Jsonl(out)
        };
        TableWriter { form }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`ExchangeError`] when the output cannot be written or the row is no object.
    pub fn row(&mut self, row: &Value) -> Result<(), ExchangeError> {
        match &mut self.form {
            Form::Jsonl(out) => {
                serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Form::Csv { writer, columns } => {
                let object = row.as_object().ok_or(ExchangeError::NoObject)?;
                if columns.is_empty() {
                    *columns = object.keys().cloned().collect();
                    writer.write_record(columns.iter()).map_err(std::io::Error::other)?;
                }
                let cells: Vec<String> = columns.iter().map(|c| cell(object.get(c))).collect();
                writer.write_record(&cells).map_err(std::io::Error::other)?;
            }
        }
        Ok(())
    }

    /// Writes what is buffered and gives the output back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(self) -> Result<W, ExchangeError> {
        match self.form {
            Form::Jsonl(out) => Ok(out),
            Form::Csv { writer, .. } => writer.into_inner().map_err(|e| ExchangeError::Io(e.into_error())),
        }
    }
}

/// A cell. Spreadsheets run text that begins with `=`, `+`, `-` or `@` as a formula: a quote in front stops that, because
/// what hackers wrote must not run in an analyst's spreadsheet.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) if s.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{s}"),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(csv: bool) -> String {
        let mut w = TableWriter::new(Vec::new(), csv);
        w.row(&json!({"a": "x, \"y\"", "b": 1, "c": ["z"]})).unwrap();
        w.row(&json!({"b": null, "a": "=cmd()", "d": "not a column"})).unwrap();
        String::from_utf8(w.finish().unwrap()).unwrap()
    }

    #[test]
    fn csv_quotes_and_disarms() {
        assert_eq!(write(true), "a,b,c\n\"x, \"\"y\"\"\",1,\"[\"\"z\"\"]\"\n'=cmd(),,\n");
    }

    #[test]
    fn jsonl_is_one_object_a_line() {
        assert_eq!(write(false).lines().count(), 2);
    }
}
