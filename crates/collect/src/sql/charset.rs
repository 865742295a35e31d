//! Bytes of a dump that are no UTF-8: which legacy charset they are in.
//!
//! Old forums hold windows-1251, gb18030 or big5 in columns that claim to be something else, and dump tools write those
//! bytes as they are. What the dump declares is believed when it names such a charset; else the charset is guessed from
//! the texts of the dump, column by column where a column has enough of them.

use super::Row;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// How values are read that are no UTF-8.
#[derive(Debug, Clone, Default)]
pub(crate) struct Charset {
    /// For all columns; `None` guesses value by value.
    legacy: Option<&'static Encoding>,
    /// Columns that are in another charset than the rest.
    columns: Vec<(String, &'static Encoding)>,
    /// Hardly any text is UTF-8: what happens to be valid UTF-8 is chance.
    only_legacy: bool,
}

impl Charset {
    /// The text of a value.
    pub(super) fn decode<'v>(&self, column: &str, value: &'v [u8]) -> Cow<'v, str> {
        match std::str::from_utf8(value) {
            Ok(text) if !self.only_legacy || value.is_ascii() => return Cow::Borrowed(text),
            Ok(_) => {}
            // A text cut off in the middle of a character, or one broken byte in it, is no other script.
            Err(_) if !self.only_legacy && mostly_utf8(value) => return String::from_utf8_lossy(value),
            Err(_) => {}
        }
        let own = self.columns.iter().find(|(name, _)| name == column).map(|(_, encoding)| *encoding);
        if let Some(encoding) = own.or(self.legacy) {
            return encoding.decode_without_bom_handling(value).0;
        }
        if is_binary(value) || value.iter().filter(|b| **b >= 0x80).count() < 3 {
            return String::from_utf8_lossy(value);
        }
        guess_of(value).decode_without_bom_handling(value).0
    }

    /// The charset that the beginning of a dump declares, where it is a legacy one that says something. Latin-1 says
    /// nothing: it is what databases were set up with, whatever was written into them.
    pub(super) fn declared(head: &[u8]) -> Option<&'static Encoding> {
        let after = |sign: &[u8]| {
            let place = memchr::memmem::find(head, sign)? + sign.len();
            let rest = head.get(place..)?.trim_ascii_start();
            let name = rest.iter().skip_while(|b| matches!(b, b'\'' | b'=' | b' '));
            let name: String = name
                .take(24)
                .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                .map(|b| *b as char)
                .collect();
            encoding_named(&name)
        };
        after(b"SET NAMES ").or_else(|| after(b"client_encoding"))
    }
}

/// Names of charsets as MySQL and PostgreSQL write them.
fn encoding_named(name: &str) -> Option<&'static Encoding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "cp1251" | "win1251" => encoding_rs::WINDOWS_1251,
        "koi8r" => encoding_rs::KOI8_R,
        "koi8u" => encoding_rs::KOI8_U,
        "cp866" | "win866" => encoding_rs::IBM866,
        "gbk" | "gb2312" | "gb18030" | "euc_cn" => encoding_rs::GB18030,
        "big5" => encoding_rs::BIG5,
        "cp1250" | "win1250" => encoding_rs::WINDOWS_1250,
        "cp1256" | "win1256" => encoding_rs::WINDOWS_1256,
        "cp1257" | "win1257" => encoding_rs::WINDOWS_1257,
        "greek" | "win1253" => encoding_rs::WINDOWS_1253,
        "hebrew" | "win1255" => encoding_rs::WINDOWS_1255,
        "latin5" | "win1254" => encoding_rs::WINDOWS_1254,
        "euckr" | "euc_kr" | "uhc" => encoding_rs::EUC_KR,
        "sjis" | "cp932" => encoding_rs::SHIFT_JIS,
        "ujis" | "eucjpms" | "euc_jp" => encoding_rs::EUC_JP,
        _ => return None,
    })
}

/// True for charsets in which a byte of a character may be a backslash.
pub(super) fn hides_backslashes(encoding: &'static Encoding) -> bool {
    [encoding_rs::GB18030, encoding_rs::BIG5, encoding_rs::SHIFT_JIS].contains(&encoding)
}

fn mostly_utf8(value: &[u8]) -> bool {
    let bad: usize = value.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    let high = value.iter().filter(|b| **b >= 0x80).count();
    bad * 5 < high
        || (bad < 4 && value.utf8_chunks().last().is_some_and(|c| c.valid().is_empty()) && bad < high)
}

fn is_binary(value: &[u8]) -> bool {
    value.iter().any(|b| *b < 0x20 && !matches!(b, b'\n' | b'\r' | b'\t'))
}

fn guess_of(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Texts that are no UTF-8, of one column.
#[derive(Default)]
struct Sample {
    bytes: Vec<u8>,
    values: usize,
}

/// Gathers texts of a dump to tell its charset from.
#[derive(Default)]
pub(crate) struct Sampler {
    columns: BTreeMap<String, Sample>,
    /// Values that are no UTF-8.
    legacy: usize,
    /// Bytes of values with characters beyond ASCII that are UTF-8, and of those that are not.
    utf8_bytes: usize,
    legacy_bytes: usize,
    /// Rows looked at.
    rows: usize,
    bytes: usize,
}

/// So many bytes of a column tell its charset.
const ENOUGH: usize = 16 * 1024;
/// A column with fewer is read as the others are.
const TOO_FEW: usize = 256;
/// So many rows are looked at for texts beyond ASCII before the posts themselves.
const ROWS: usize = 20_000;
const COLUMNS: usize = 200;

impl Sampler {
    /// Looks at the texts of a row; `only` says that it was read for nothing else.
    pub(crate) fn feed(&mut self, row: &Row, only: bool) {
        self.rows += usize::from(only);
        for (column, value) in row.values() {
            if value.is_ascii()
                || value.len() < 4
                || is_binary(value)
                || column.ends_with("ip")
                || column.contains("ipaddress")
            {
                continue;
            }
            if std::str::from_utf8(value).is_ok() {
                self.utf8_bytes += value.len();
                self.bytes += value.len();
                continue;
            }
            if mostly_utf8(value) {
                continue;
            }
            self.legacy += 1;
            self.legacy_bytes += value.len();
            if !self.columns.contains_key(column) && self.columns.len() < COLUMNS {
                self.columns.insert(column.to_owned(), Sample::default());
            }
            if let Some(sample) = self.columns.get_mut(column).filter(|s| s.bytes.len() < ENOUGH) {
                self.bytes += value.len();
                sample.values += 1;
                sample.bytes.extend_from_slice(&value[..value.len().min(ENOUGH)]);
                sample.bytes.push(b'\n');
            }
        }
    }

    /// True when looking at more rows would tell nothing new.
    pub(crate) fn is_sated(&self) -> bool {
        self.rows >= ROWS || self.bytes >= 4 * ENOUGH
    }

    /// True when there are texts that are no UTF-8.
    pub(crate) fn has_legacy(&self) -> bool {
        self.legacy > 0
    }

    /// How to read the dump.
    pub(crate) fn charset(&self, declared: Option<&'static Encoding>) -> Arc<Charset> {
        let all: Vec<u8> = self.columns.values().flat_map(|sample| &sample.bytes[..]).copied().collect();
        let legacy = declared.or_else(|| (!all.is_empty()).then(|| guess_of(&all)));
        let mut columns = Vec::new();
        for (name, sample) in &self.columns {
            let Some(legacy) = legacy.filter(|_| sample.bytes.len() >= TOO_FEW) else { continue };
            let own = guess_of(&sample.bytes);
            // Only where the common charset cannot be right: guesses on similar charsets waver.
            let fits = |e: &'static Encoding| !e.decode_without_bom_handling(&sample.bytes).1;
            if own != legacy && !fits(legacy) && fits(own) {
                columns.push((name.clone(), own));
            }
        }
        let only_legacy = self.legacy >= 8 && self.legacy_bytes > 20 * self.utf8_bytes;
        Arc::new(Charset { legacy, columns, only_legacy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(label: &str, text: &str) -> Vec<u8> {
        Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned()
    }

    #[test]
    fn declarations_are_read() {
        for (head, expect) in [
            ("/*!40101 SET NAMES cp1251 */;", Some(encoding_rs::WINDOWS_1251)),
            ("SET NAMES 'gbk';", Some(encoding_rs::GB18030)),
            ("SET client_encoding = 'WIN1251';", Some(encoding_rs::WINDOWS_1251)),
            ("/*!40101 SET NAMES utf8mb4 */;", None),
            ("/*!40101 SET NAMES latin1 */;", None),
            ("SET NAMES", None),
        ] {
            assert_eq!(Charset::declared(head.as_bytes()), expect, "{head}");
        }
    }

    #[test]
    fn broken_utf8_stays_utf8() {
        let charset = Charset::default();
        let mut cut = "заголовок темы".as_bytes().to_vec();
        cut.pop();
        assert!(charset.decode("title", &cut).starts_with("заголовок тем"));
        assert_eq!(charset.decode("title", b"x\xff"), "x\u{fffd}");
        let text = "Продам свежие логи, гарант приветствуется";
        assert_eq!(charset.decode("title", &encoded("windows-1251", text)), text);
    }
}
