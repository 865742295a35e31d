//! Formats of files of posts, told from the name or from the content.

use std::{fmt, str::FromStr};

/// A format that posts are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values (or semicolons, tabs, bars) with a header row.
    Csv,
    /// An SQL dump of a forum's database.
    Sql,
    /// The JSON that Telegram Desktop exports.
    Telegram,
    /// A saved page.
    Html,
    /// A saved page with all that belongs to it in one file (`.mht`, `.mhtml`).
    Mhtml,
    /// A web archive.
    Warc,
    /// A folder, zip or tar archive of any of the others; told by its content only.
    Folder,
}

/// A format name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format '{0}', known are: jsonl csv sql telegram html mhtml warc")]
pub struct UnknownFormatName(pub String);

impl Format {
    /// The name used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Sql => "sql",
            Format::Telegram => "telegram",
            Format::Html => "html",
            Format::Mhtml => "mhtml",
            Format::Warc => "warc",
            Format::Folder => "folder",
        }
    }

    /// The format that a file name's extension tells, looked for before `.gz`, `.zst`, `.xz` and `.bz2`.
    pub fn from_name(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        let mut stem = name.as_str();
        for packed in [".gz", ".gzip", ".zst", ".zstd", ".xz", ".bz2"] {
            stem = stem.strip_suffix(packed).unwrap_or(stem);
        }
        match stem.rsplit_once('.')?.1 {
            "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
            "csv" | "tsv" | "tab" => Some(Format::Csv),
            "sql" | "mysql" | "pgsql" | "dump" => Some(Format::Sql),
            "html" | "htm" | "xhtml" => Some(Format::Html),
            "mht" | "mhtml" => Some(Format::Mhtml),
            "warc" => Some(Format::Warc),
            _ => None,
        }
    }

    /// The format of a file: what its name tells, unless its content is plainly something else.
    pub(crate) fn of(name: &str, head: &[u8]) -> Option<Format> {
        let content = Format::from_content(head);
        match (Format::from_name(name), content) {
            // Telegram's exports end in .json like lists of posts do, archives and pages under any name.
            (_, Some(Format::Telegram | Format::Warc | Format::Mhtml)) => content,
            (Some(Format::Jsonl | Format::Csv | Format::Sql), Some(Format::Html)) => content,
            (Some(named), _) => Some(named),
            (None, content) => content,
        }
    }

    /// The format that the first bytes of the unpacked content tell.
    pub fn from_content(head: &[u8]) -> Option<Format> {
        let head = head.trim_ascii_start();
        if head.is_empty() {
            return None;
        }
        if crate::telegram::is_telegram(head) {
            return Some(Format::Telegram);
        }
        if matches!(head[0], b'{' | b'[') {
            return Some(Format::Jsonl);
        }
        if crate::pages::is_warc(head) {
            return Some(Format::Warc);
        }
        if crate::pages::is_html(head) {
            return Some(Format::Html);
        }
        if crate::pages::is_mhtml(head) {
            return Some(Format::Mhtml);
        }
        const SQL: [&str; 14] = [
            "--",
            "/*",
            "#",
            "\\restrict",
            "create ",
            "insert ",
            "begin",
            "set ",
            "drop ",
            "pragma ",
            "copy ",
            "lock ",
            "use ",
            "replace into",
        ];
        let starts =
            |word: &str| head.len() >= word.len() && head[..word.len()].eq_ignore_ascii_case(word.as_bytes());
        if SQL.iter().any(|word| starts(word)) {
            return Some(Format::Sql);
        }
        let line = head.split(|&b| b == b'\n').next().unwrap_or(head);
        crate::table::has_text_column(line).then_some(Format::Csv)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormatName;
    fn from_str(name: &str) -> Result<Format, UnknownFormatName> {
        match name {
            "jsonl" => Ok(Format::Jsonl),
            "csv" => Ok(Format::Csv),
            "sql" => Ok(Format::Sql),
            "telegram" => Ok(Format::Telegram),
            "html" => Ok(Format::Html),
            "mhtml" => Ok(Format::Mhtml),
            "warc" => Ok(Format::Warc),
            _ => Err(UnknownFormatName(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell() {
        assert_eq!(Format::from_name("a/b.jsonl"), Some(Format::Jsonl));
        assert_eq!(Format::from_name("b.SQL.GZ"), Some(Format::Sql));
        assert_eq!(Format::from_name("b.tsv.zst"), Some(Format::Csv));
        assert_eq!(Format::from_name("b.gz"), None);
        assert_eq!("csv".parse(), Ok(Format::Csv));
        assert_eq!(
            "xml".parse::<Format>().unwrap_err().to_string(),
            "unknown format 'xml', known are: jsonl csv sql telegram html mhtml warc"
        );
    }

    #[test]
    fn content_tells() {
        assert_eq!(Format::from_content(b"\n {\"text\":1}"), Some(Format::Jsonl));
        assert_eq!(Format::from_content(b"-- MySQL dump"), Some(Format::Sql));
        assert_eq!(Format::from_content(b"INSERT INTO x"), Some(Format::Sql));
        assert_eq!(Format::from_content(b"id;author;message\n1;2;3"), Some(Format::Csv));
        assert_eq!(Format::from_content(b"WARC/1.1\r\n"), Some(Format::Warc));
        assert_eq!(Format::from_content(b"<!-- x --><!DOCTYPE html><html>"), Some(Format::Html));
        assert_eq!(
            Format::from_content(b"MIME-Version: 1.0\nContent-Type: multipart/related"),
            Some(Format::Mhtml)
        );
        assert_eq!(
            Format::of("result.json", b"{\"name\":\"c\",\"type\":\"x\",\"id\":1,\"messages\":["),
            Some(Format::Telegram)
        );
        assert_eq!(Format::of("a.sql", b"CREATE TABLE"), Some(Format::Sql));
        assert_eq!(Format::from_content(b"hello, world\n"), None);
        assert_eq!(Format::from_content(b""), None);
    }
}
