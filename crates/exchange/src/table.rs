//! Tables: JSON Lines (RFC 8259 values, one a line), CSV (RFC 4180), Apache Parquet.

use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;

/// A row that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The output cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A row is no JSON object.
    #[error("a row of a table must be an object")]
    NoObject,
    /// The Parquet writer refused.
    #[error("parquet: {0}")]
    Parquet(#[from] ParquetError),
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text; nested values as JSON.
    Text,
    /// Whole number.
    Whole,
    /// Number with a fraction.
    Real,
    /// Moment: RFC 3339 in rows, UTC milliseconds in Parquet.
    Time,
    /// Yes or no.
    Flag,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Key of the rows' objects.
    pub name: &'static str,
    /// What its cells hold.
    pub kind: ColumnKind,
}

/// Form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// An object a line.
    Jsonl,
    /// A line a row, with a header.
    Csv,
    /// Apache Parquet, Zstandard inside, every column optional.
    Parquet,
}

/// Rows of a row group: enough to compress well, little enough to keep in memory.
const GROUP: usize = 20_000;

/// Writes objects as a table. Nested values become JSON text in CSV and Parquet.
pub struct TableWriter<W: Write + Send> {
    columns: Vec<Column>,
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Jsonl(W),
    Csv(Box<csv::Writer<W>>),
    Parquet { writer: Box<SerializedFileWriter<W>>, rows: Vec<Value> },
}

impl<W: Write + Send> TableWriter<W> {
    /// A writer of rows with these columns; JSON Lines take the rows as they are.
    ///
    /// # Errors
    /// [`ExchangeError`] when the output cannot be written.
    pub fn new(out: W, form: TableForm, columns: &[Column]) -> Result<TableWriter<W>, ExchangeError> {
        let form = match form {
            TableForm::Jsonl => Form::Jsonl(out),
            TableForm::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns.iter().map(|c| c.name)).map_err(std::io::Error::other)?;
                Form::Csv(Box::new(writer))
            }
            TableForm::Parquet => {
                let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
                let schema = Type::group_type_builder("threatminer").with_fields(fields).build()?;
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_created_by("threatminer".into())
                    .build();
                let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
                Form::Parquet { writer: Box::new(writer), rows: Vec::new() }
            }
        };
        Ok(TableWriter { columns: columns.to_vec(), form })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// [`ExchangeError`] when the output cannot be written or the row is no object.
    pub fn row(&mut self, row: &Value) -> Result<(), ExchangeError> {
        let object = row.as_object().ok_or(ExchangeError::NoObject)?;
        match &mut self.form {
            Form::Jsonl(out) => {
                serde_json::to_writer(&mut *out, row).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Form::Csv(writer) => {
                let cells = self.columns.iter().map(|c| cell(object.get(c.name)));
                writer.write_record(cells).map_err(std::io::Error::other)?;
            }
            Form::Parquet { writer, rows } => {
                rows.push(row.clone());
                if rows.len() == GROUP {
                    write_group(writer, &self.columns, rows)?;
                }
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
            Form::Csv(writer) => writer.into_inner().map_err(|e| ExchangeError::Io(e.into_error())),
            Form::Parquet { mut writer, mut rows } => {
                write_group(&mut writer, &self.columns, &mut rows)?;
                Ok(writer.into_inner()?)
            }
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

fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let kind = match column.kind {
        ColumnKind::Text => Physical::BYTE_ARRAY,
        ColumnKind::Whole | ColumnKind::Time => Physical::INT64,
        ColumnKind::Real => Physical::DOUBLE,
        ColumnKind::Flag => Physical::BOOLEAN,
    };
    let builder = Type::primitive_type_builder(column.name, kind).with_repetition(Repetition::OPTIONAL);
    let builder = match column.kind {
        ColumnKind::Text => {
            builder.with_logical_type(Some(LogicalType::String)).with_converted_type(ConvertedType::UTF8)
        }
        ColumnKind::Time => builder.with_converted_type(ConvertedType::TIMESTAMP_MILLIS),
        _ => builder,
    };
    Ok(Arc::new(builder.build()?))
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    columns: &[Column],
    rows: &mut Vec<Value>,
) -> Result<(), ExchangeError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut group = writer.next_row_group()?;
    for column in columns {
        let cells = || rows.iter().map(|r| r.get(column.name).filter(|v| !v.is_null()));
        match column.kind {
            ColumnKind::Text => {
                let text = |v: &Value| {
                    ByteArray::from(v.as_str().map_or_else(|| v.to_string(), str::to_owned).into_bytes())
                };
                write_column::<ByteArrayType, _>(&mut group, cells().map(|c| c.map(text)))?;
            }
            ColumnKind::Whole => {
                write_column::<Int64Type, _>(&mut group, cells().map(|c| c.and_then(Value::as_i64)))?
            }
            ColumnKind::Real => {
                write_column::<DoubleType, _>(&mut group, cells().map(|c| c.and_then(Value::as_f64)))?
            }
            ColumnKind::Flag => {
                write_column::<BoolType, _>(&mut group, cells().map(|c| c.and_then(Value::as_bool)))?
            }
            ColumnKind::Time => {
                let moment = |v: &Value| {
                    let read = v.as_str().and_then(|s| tm_model::Timestamp::parse(s).ok());
                    read.map(|t| t.0).or_else(|| v.as_i64()).map(|s| s.saturating_mul(1000))
                };
                write_column::<Int64Type, _>(&mut group, cells().map(|c| c.and_then(moment)))?;
            }
        }
    }
    group.close()?;
    rows.clear();
    Ok(())
}

/// Writes a column; what is none becomes a null.
fn write_column<T: parquet::data_type::DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ExchangeError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(&values, Some(&levels), None)?;
        column.close()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    use serde_json::json;

    const COLUMNS: [Column; 3] = [
        Column { name: "a", kind: ColumnKind::Text },
        Column { name: "b", kind: ColumnKind::Whole },
        Column { name: "c", kind: ColumnKind::Text },
    ];

    fn write(form: TableForm) -> Vec<u8> {
        let mut w = TableWriter::new(Vec::new(), form, &COLUMNS).unwrap();
        w.row(&json!({"a": "x, \"y\"", "b": 1, "c": ["z"]})).unwrap();
        w.row(&json!({"b": null, "a": "=cmd()", "d": "not a column"})).unwrap();
        w.finish().unwrap()
    }

    #[test]
    fn csv_quotes_and_disarms() {
        let text = String::from_utf8(write(TableForm::Csv)).unwrap();
        assert_eq!(text, "a,b,c\n\"x, \"\"y\"\"\",1,\"[\"\"z\"\"]\"\n'=cmd(),,\n");
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        let w = TableWriter::new(Vec::new(), TableForm::Csv, &COLUMNS).unwrap();
        assert_eq!(w.finish().unwrap(), b"a,b,c\n");
    }

    #[test]
    fn jsonl_is_one_object_a_line() {
        assert_eq!(String::from_utf8(write(TableForm::Jsonl)).unwrap().lines().count(), 2);
    }

    #[test]
    fn parquet_reads_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&write(TableForm::Parquet)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get_string(0).unwrap(), "x, \"y\"");
        assert_eq!(rows[0].get_long(1).unwrap(), 1);
        assert_eq!(rows[0].get_string(2).unwrap(), "[\"z\"]");
        assert_eq!(rows[1].get_string(0).unwrap(), "=cmd()");
        assert!(rows[1].get_long(1).is_err(), "a null is no number");
    }
}
