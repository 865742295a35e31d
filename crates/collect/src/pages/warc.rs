//! WARC 1.0 and 1.1 (ISO 28500): the records of a web archive, plain or with one gzip member a record.

use super::{LARGEST, PageReader, Pages, Saved};
use crate::{
    CollectError, Item, Posts,
    bytes::{ByteStream, Line},
    input::read_error,
};
use std::io::Read;
use tm_model::Timestamp;
use url::Url;

pub(crate) fn is_warc(head: &[u8]) -> bool {
    head.starts_with(b"WARC/1.") || head.starts_with(b"WARC/0.")
}

/// Longest line of a header, and most lines.
const LINE: usize = 16 * 1024;
const LINES: usize = 500;

pub(crate) struct WarcPosts {
    name: String,
    bytes: ByteStream,
    reader: PageReader,
    records: u64,
    done: bool,
    truncated: bool,
}

/// The fields of a record that matter here.
#[derive(Default)]
struct Fields {
    kind: String,
    target: String,
    date: String,
    content_type: String,
    length: Option<u64>,
}

impl WarcPosts {
    pub(crate) fn new(name: String, bytes: ByteStream) -> WarcPosts {
        WarcPosts {
            reader: PageReader::new(name.clone()),
            name,
            bytes,
            records: 0,
            done: false,
            truncated: false,
        }
    }

    /// Reads the header of the next record, passing over what is none. `None` at the end.
    fn header(&mut self) -> Option<Fields> {
        let mut line = Vec::new();
        let mut lost = 0u64;
        loop {
            match self.bytes.read_line(&mut line, LINE) {
                Line::End => {
                    if lost > 0 {
                        self.lost();
                    }
                    return None;
                }
                _ if is_warc(&line) => break,
                _ if line.trim_ascii().is_empty() => {}
                _ => lost += 1,
            }
        }
        if lost > 0 {
            self.lost();
        }
        self.records += 1;
        let mut fields = Fields::default();
        for _ in 0..LINES {
            if self.bytes.read_line(&mut line, LINE) == Line::End || line.trim_ascii().is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let Some((key, value)) = text.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "warc-type" => fields.kind = value.to_ascii_lowercase(),
                "warc-target-uri" => fields.target = value.trim_matches(['<', '>']).to_owned(),
                "warc-date" => fields.date = value.to_owned(),
                "content-type" => fields.content_type = value.to_ascii_lowercase(),
                "content-length" => fields.length = value.parse().ok(),
                _ => {}
            }
        }
        Some(fields)
    }

    fn lost(&mut self) {
        let place = format!("behind record {}", self.records);
        self.reader.refuse(&place, "what stands here is no record; reading went on at the next one");
    }

    /// Reads one record; false at the end.
    fn record(&mut self) -> bool {
        let Some(fields) = self.header() else { return false };
        let Some(length) = fields.length else {
            self.reader.refuse(&format!("record {}", self.records), "it has no length; left out");
            return true;
        };
        let http = fields.kind == "response" && fields.content_type.starts_with("application/http");
        if !(http || fields.kind == "resource" || fields.kind == "response") {
            return self.bytes.skip(length) || self.cut();
        }
        if length > LARGEST as u64 {
            self.reader.note_other();
            return self.bytes.skip(length) || self.cut();
        }
        let mut content = Vec::new();
        if !self.bytes.take(length as usize, &mut content) {
            return self.cut();
        }
        let name =
            format!("record {} ({})", self.records, fields.target.chars().take(200).collect::<String>());
        let (status, headers, body) = if http {
            match response(&content) {
                Some(parsed) => parsed,
                None => {
                    self.reader.refuse(&name, "its answer has no status line; left out");
                    return true;
                }
            }
        } else {
            (200, vec![("content-type".to_owned(), fields.content_type.clone())], content)
        };
        let kind = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, v)| v.as_str());
        let page = kind.is_empty() || ["html", "json", "text/plain"].iter().any(|sign| kind.contains(sign));
        if !page || (300..400).contains(&status) {
            self.reader.note_other();
            return true;
        }
        let url = Url::parse(&fields.target).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
        let fetched = Timestamp::parse(&fields.date).ok();
        self.reader.read(Saved { name: &name, url, status, headers, bytes: &body, fetched });
        true
    }

    /// The file ends inside a record.
    fn cut(&mut self) -> bool {
        self.truncated = true;
        false
    }
}

/// An answer of a server: status, headers with lower-case names, body without transfer and content encodings.
type Response = (u16, Vec<(String, String)>, Vec<u8>);

fn response(content: &[u8]) -> Option<Response> {
    let crlf = memchr::memmem::find(content, b"\r\n\r\n").map(|i| (i, i + 4));
    let lf = memchr::memmem::find(content, b"\n\n").map(|i| (i, i + 2));
    let (end, start) = match (crlf, lf) {
        (Some(a), Some(b)) => {
            if a.0 < b.0 {
                a
            } else {
                b
            }
        }
        (a, b) => a.or(b)?,
    };
    let head = String::from_utf8_lossy(&content[..end.min(256 * 1024)]);
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/")?.split_whitespace().nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .take(LINES)
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let has = |key: &str, sign: &str| {
        headers.iter().any(|(k, v)| k == key && v.to_ascii_lowercase().contains(sign))
    };
    let body = &content[start..];
    // Some archivers keep the header of an encoding that they took out.
    let body = if has("transfer-encoding", "chunked") { unchunked(body) } else { body.to_vec() };
    let body = unpacked(body, &|sign| has("content-encoding", sign));
    Some((status, headers, body))
}

/// RFC 9112, 7.1; a body that is not written so stays as it is.
fn unchunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(line) = memchr::memchr(b'\n', &rest[..rest.len().min(200)]) {
        let size = String::from_utf8_lossy(&rest[..line]);
        let size = size.split(';').next().unwrap_or_default().trim();
        let Some(size) = Some(size).filter(|s| !s.is_empty()).and_then(|s| usize::from_str_radix(s, 16).ok())
        else {
            break;
        };
        rest = &rest[line + 1..];
        if size == 0 {
            return out;
        }
        let chunk = &rest[..rest.len().min(size)];
        out.extend_from_slice(chunk);
        rest = &rest[chunk.len()..];
        rest = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).unwrap_or(rest);
    }
    if out.is_empty() { body.to_vec() } else { out }
}

fn unpacked(body: Vec<u8>, encoded: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let read = |reader: &mut dyn Read, out: &mut Vec<u8>| {
        // What was unpacked before an error is read all the same.
        let _ = reader.take(LARGEST as u64).read_to_end(out);
    };
    if body.starts_with(&[0x1f, 0x8b]) {
        read(&mut flate2::read::MultiGzDecoder::new(&body[..]), &mut out);
    } else if body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        if let Ok(mut decoder) = zstd::stream::read::Decoder::with_buffer(&body[..]) {
            read(&mut decoder, &mut out);
        }
    } else if encoded("deflate") {
        read(&mut flate2::read::ZlibDecoder::new(&body[..]), &mut out);
        if out.is_empty() {
            read(&mut flate2::read::DeflateDecoder::new(&body[..]), &mut out);
        }
    } else if encoded("br") {
        read(&mut brotli_decompressor::Decompressor::new(&body[..], 64 * 1024), &mut out);
    }
    if out.is_empty() { body } else { out }
}

impl Posts for WarcPosts {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        loop {
            if let Some(item) = self.reader.next() {
                return Some(Ok(item));
            }
            if self.done {
                let row = self.reader.row();
                if let Some(source) = self.bytes.take_error() {
                    return Some(Err(read_error(&self.name, row, source)));
                }
                let truncated = std::mem::take(&mut self.truncated);
                return truncated.then(|| Err(CollectError::Truncated { path: self.name.clone(), row }));
            }
            self.done = !self.record();
        }
    }
    fn row(&self) -> u64 {
        self.reader.row()
    }
    fn pages(&self) -> Option<Pages> {
        Some(self.reader.pages().clone())
    }
}
