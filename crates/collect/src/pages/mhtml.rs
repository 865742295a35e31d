//! MHTML (RFC 2557): a page with all that belongs to it in one message, as browsers save it.

use super::address::mail_date;
use mailparse::{MailHeaderMap, parse_content_type, parse_headers};
use tm_model::Timestamp;
use url::Url;

/// A page in a message.
pub(super) struct Part {
    pub url: Option<Url>,
    pub content_type: String,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Message {
    pub date: Option<Timestamp>,
    pub pages: Vec<Part>,
}

/// Parts of parts nest no deeper.
const DEEPEST: usize = 4;
/// More parts are no page.
const MOST_PARTS: usize = 20_000;
/// Headers of a message are longer than those of no part.
const HEADERS: usize = 64 * 1024;

/// Whether these first bytes begin such a message.
pub(crate) fn is_mhtml(head: &[u8]) -> bool {
    let head = &head[..head.len().min(4096)];
    let first = head.iter().position(|b| matches!(b, b':' | b'\n'));
    if first
        .is_none_or(|i| head[i] != b':' || !head[..i].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'))
    {
        return false;
    }
    let lower = head.to_ascii_lowercase();
    let has = |sign: &str| memchr::memmem::find(&lower, sign.as_bytes()).is_some();
    has("mime-version:") && (has("multipart/related") || has("content-type: text/html"))
}

/// Finds the pages of a message.
pub(super) fn parts(bytes: &[u8]) -> Message {
    let mut message = Message::default();
    // Own stack instead of recursion: a hostile message may nest as deep as it is long.
    let mut open = vec![(bytes, 0)];
    let mut seen = 0;
    while let Some((part, depth)) = open.pop() {
        seen += 1;
        if seen > MOST_PARTS {
            break;
        }
        let Some(length) = header_length(part) else { continue };
        let Ok((headers, _)) = parse_headers(&part[..length]) else { continue };
        let body = &part[length..];
        if depth == 0 {
            message.date = headers.get_first_value("Date").and_then(|date| mail_date(&date));
        }
        let declared = headers.get_first_value("Content-Type").unwrap_or_default();
        let kind = parse_content_type(&declared);
        if kind.mimetype.starts_with("multipart/") {
            let Some(boundary) = kind.params.get("boundary").filter(|b| !b.is_empty() && depth < DEEPEST)
            else {
                continue;
            };
            // The stack hands over last things first.
            let mut inner: Vec<_> = split(body, boundary).map(|part| (part, depth + 1)).collect();
            inner.reverse();
            open.extend(inner);
            continue;
        }
        if !matches!(kind.mimetype.as_str(), "text/html" | "application/xhtml+xml" | "application/json") {
            continue;
        }
        let encoding = headers.get_first_value("Content-Transfer-Encoding").unwrap_or_default();
        let location = headers
            .get_first_value("Content-Location")
            .or_else(|| headers.get_first_value("Snapshot-Content-Location"));
        let url = location.and_then(|l| Url::parse(l.trim()).ok());
        message.pages.push(Part {
            url: url.filter(|url| matches!(url.scheme(), "http" | "https")),
            content_type: declared,
            bytes: transfer_decoded(body, encoding.trim()),
        });
    }
    message
}

/// Where the headers of a part end, with the blank line.
fn header_length(part: &[u8]) -> Option<usize> {
    let head = &part[..part.len().min(HEADERS)];
    if head.starts_with(b"\r\n") || head.starts_with(b"\n") {
        return Some(0);
    }
    let crlf = memchr::memmem::find(head, b"\r\n\r\n").map(|i| i + 4);
    let lf = memchr::memmem::find(head, b"\n\n").map(|i| i + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The parts between lines that begin with `--boundary`.
fn split<'b>(body: &'b [u8], boundary: &str) -> impl Iterator<Item = &'b [u8]> {
    let sign = format!("--{boundary}");
    let mut starts: Vec<usize> = memchr::memmem::find_iter(body, sign.as_bytes())
        .filter(|at| *at == 0 || body[at - 1] == b'\n')
        .take(MOST_PARTS)
        .collect();
    // Without a last boundary the message was cut off; what there is of the last part is read.
    starts.push(body.len());
    let length = sign.len();
    (1..starts.len()).filter_map(move |i| {
        let part = body.get(starts[i - 1] + length..starts[i])?;
        if part.starts_with(b"--") {
            return None;
        }
        let line = memchr::memchr(b'\n', part)?;
        let part = &part[line + 1..];
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    })
}

fn transfer_decoded(body: &[u8], encoding: &str) -> Vec<u8> {
    match encoding.to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => base64(body),
        _ => body.to_vec(),
    }
}

/// RFC 2045, 6.7; what is malformed stays as written.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(place) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..place]);
        rest = &rest[place + 1..];
        let hex = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
        match rest {
            [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => rest = tail,
            _ => match (hex(rest.first()), hex(rest.get(1))) {
                (Some(high), Some(low)) => {
                    out.push((high << 4 | low) as u8);
                    rest = &rest[2..];
                }
                _ => out.push(b'='),
            },
        }
    }
    out.extend_from_slice(rest);
    out
}

/// RFC 2045, 6.8: signs outside of the alphabet are passed over.
fn base64(body: &[u8]) -> Vec<u8> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut out = Vec::with_capacity(body.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for digit in body.iter().copied().take_while(|b| *b != b'=').filter_map(value) {
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_message_are_found() {
        let text = "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://forum.example/t/1\r\nDate: Thu, 4 Jan 2024 12:00:00 -0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype=\"text/html\";\r\n\tboundary=\"----B--x\"\r\n\r\n\r\n------B--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Location: https://forum.example/t/1\r\n\r\n<p>=D1=84 a=3Db soft=\r\nly</p>\r\n------B--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n------B--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\naGk8L2I+\r\n------B--x--\r\n";
        assert!(is_mhtml(text.as_bytes()));
        let message = parts(text.as_bytes());
        assert_eq!(message.date, Some(Timestamp(1_704_369_600)));
        let bodies: Vec<String> =
            message.pages.iter().map(|p| String::from_utf8_lossy(&p.bytes).into_owned()).collect();
        assert_eq!(bodies, ["<p>ф a=b softly</p>", "<b>hi</b>"]);
        assert_eq!(message.pages[0].url.as_ref().map(Url::as_str), Some("https://forum.example/t/1"));
        // Cut off inside the first part: what there is of it is read.
        let cut = text.find("softly").map_or(text.find("soft=").unwrap(), |i| i);
        assert_eq!(parts(&text.as_bytes()[..cut]).pages.len(), 1);
    }

    #[test]
    fn hostile_messages_end() {
        let nested = "Content-Type: multipart/x; boundary=a\n\n--a\n".repeat(20_000);
        assert!(parts(nested.as_bytes()).pages.is_empty());
        parts(&b"\n".repeat(100_000));
        parts(&b"a:".repeat(100_000));
        assert!(!is_mhtml(b"hello: world\n") && !is_mhtml(b""));
    }
}
