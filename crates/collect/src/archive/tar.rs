//! Tar archives (POSIX ustar, GNU and pax names), read in one stream.

use super::{Broken, Member, Members};
use crate::{
    CollectError, Meter,
    bytes::ByteStream,
    input::{Reopen, read_error},
};
use std::{
    io::{self, Read},
    sync::Arc,
};
use tm_model::Timestamp;

const BLOCK: usize = 512;
/// Long names are cut here.
const LONGEST_NAME: u64 = 64 * 1024;

/// Whether these first bytes begin a tar archive: the sign that all but the oldest write, and a right checksum.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
        && head.get(..BLOCK).is_some_and(|block| Header::read(block).is_some())
}

struct Header {
    name: Vec<u8>,
    size: u64,
    modified: i64,
    kind: u8,
}

/// A number in octal digits, or as GNU writes large ones: big-endian behind a byte with the top bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let digits = field.iter().enumerate().map(|(i, b)| if i == 0 { b & 0x7f } else { *b });
        return digits.into_iter().try_fold(0u64, |n, b| n.checked_mul(256)?.checked_add(u64::from(b)));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

impl Header {
    fn read(block: &[u8]) -> Option<Header> {
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, b)| u64::from(if (148..156).contains(&i) { b' ' } else { *b }))
            .sum();
        if number(block.get(148..156)?) != Some(sum) {
            return None;
        }
        let mut name = until_nul(&block[..100]).to_vec();
        let prefix = until_nul(&block[345..500]);
        if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        Some(Header {
            name,
            size: number(&block[124..136])?,
            modified: number(&block[136..148]).and_then(|t| i64::try_from(t).ok()).unwrap_or(0),
            kind: block[156],
        })
    }
}

/// What the records before a member say about it.
#[derive(Default)]
struct Extra {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    modified: Option<i64>,
}

/// `LENGTH KEY=VALUE\n` records of pax.
fn pax(mut records: &[u8], extra: &mut Extra) {
    while let Some(blank) = memchr::memchr(b' ', records) {
        let length = std::str::from_utf8(&records[..blank]).ok().and_then(|n| n.parse::<usize>().ok());
        let Some(record) = length.filter(|n| *n > blank).and_then(|n| records.get(blank + 1..n)) else {
            return;
        };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(place) = memchr::memchr(b'=', record) {
            let (key, value) = (&record[..place], &record[place + 1..]);
            let text = std::str::from_utf8(value).unwrap_or_default();
            match key {
                b"path" => extra.name = Some(value.to_vec()),
                b"size" => extra.size = text.parse().ok(),
                b"mtime" => extra.modified = text.split('.').next().and_then(|t| t.parse().ok()),
                _ => {}
            }
        }
        records = &records[length.unwrap_or(records.len()).min(records.len())..];
    }
}

pub(crate) struct Tar {
    name: String,
    bytes: ByteStream,
    reopen: Reopen,
    /// Bytes read so far.
    place: u64,
    /// What is left of the last member, with what fills its last block.
    left: u64,
    members: u64,
    failure: Option<CollectError>,
}

impl Tar {
    pub(crate) fn new(name: String, bytes: ByteStream, reopen: Reopen) -> Tar {
        Tar { name, bytes, reopen, place: 0, left: 0, members: 0, failure: None }
    }

    fn fail(&mut self, reason: Option<&str>) {
        let path = self.name.clone();
        let row = self.members;
        self.failure = Some(match (self.bytes.take_error(), reason) {
            (Some(source), _) => read_error(&path, row, source),
            (None, Some(reason)) => {
                CollectError::Read { path, row, source: io::Error::other(reason.to_owned()) }
            }
            (None, None) => CollectError::Truncated { path, row },
        });
    }

    /// Reads the content of a record that describes the next member.
    fn content(&mut self, size: u64) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let kept = size.min(LONGEST_NAME);
        let whole = self.bytes.take(kept as usize, &mut content);
        self.place += content.len() as u64;
        self.left = size - kept + (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        whole.then_some(content)
    }
}

impl Members for Tar {
    fn next(&mut self) -> Option<Result<Member, Broken>> {
        let mut extra = Extra::default();
        let mut block = Vec::new();
        loop {
            if self.failure.is_some() {
                return None;
            }
            let left = std::mem::take(&mut self.left);
            if !self.bytes.skip(left) {
                self.fail(None);
                return None;
            }
            self.place += left;
            if !self.bytes.take(BLOCK, &mut block) {
                // Some writers leave out the empty blocks at the end.
                if !block.is_empty() || self.bytes.has_error() {
                    self.fail(None);
                }
                return None;
            }
            self.place += BLOCK as u64;
            if block.iter().all(|b| *b == 0) {
                return None;
            }
            let Some(header) = Header::read(&block) else {
                self.fail(Some("the archive is damaged"));
                return None;
            };
            match header.kind {
                b'L' => extra.name = self.content(header.size).map(|c| until_nul(&c).to_vec()),
                b'x' => {
                    if let Some(records) = self.content(header.size) {
                        pax(&records, &mut extra);
                    }
                }
                b'g' | b'K' => drop(self.content(header.size)),
                kind => {
                    let extra = std::mem::take(&mut extra);
                    let size = extra.size.unwrap_or(header.size);
                    let Some(left) = size.checked_next_multiple_of(BLOCK as u64) else {
                        self.fail(Some("the archive is damaged"));
                        return None;
                    };
                    self.left = left;
                    // Only plain files: links lead elsewhere, folders hold nothing.
                    if !matches!(kind, b'0' | 0 | b'7') {
                        continue;
                    }
                    self.members += 1;
                    let (place, reopen) = (self.place, Arc::clone(&self.reopen));
                    let open = move |meter: &Meter| -> io::Result<Box<dyn Read + Send>> {
                        let mut bytes = reopen(meter).map_err(io::Error::other)?;
                        if !bytes.skip(place) {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        Ok(Box::new(bytes.into_read().take(size)))
                    };
                    return Some(Ok(Member {
                        name: String::from_utf8_lossy(&extra.name.unwrap_or(header.name)).into_owned(),
                        modified: Some(Timestamp(extra.modified.unwrap_or(header.modified)))
                            .filter(|t| t.0 > 0),
                        size,
                        open: Arc::new(open),
                    }));
                }
            }
        }
    }

    /// Reads on in the stream: opening the archive again for each member would take quadratic time.
    fn content(&mut self, member: &Member, _: &Meter, most: usize) -> io::Result<Option<Vec<u8>>> {
        if member.size > most as u64 {
            return Ok(None);
        }
        let mut content = Vec::new();
        let whole = self.bytes.take(member.size as usize, &mut content);
        self.place += content.len() as u64;
        self.left -= content.len() as u64;
        if whole { Ok(Some(content)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn failure(&mut self) -> Option<CollectError> {
        self.failure.take()
    }
}
