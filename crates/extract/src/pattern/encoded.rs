//! What is written in a code: locations in base 64, hexadecimal or percent signs, armoured keys.

use super::host;
use super::validate::{Candidate, Valid, url};
use sha1::{Digest, Sha1};
use std::ops::Range;

/// A location behind base 64 (RFC 4648, both alphabets), hexadecimal digits or percent signs (RFC 3986).
pub(super) fn encoded_url(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words();
    let found = if words.contains('%') {
        location(&percent(words))
    } else if words.len().is_multiple_of(2) && words.bytes().all(|b| b.is_ascii_hexdigit()) {
        location(&hex(words)?)
    } else {
        let plain: String = words.chars().filter(|c| !c.is_whitespace()).collect();
        // Where the coded text begins is not known when more of the alphabet stands before it.
        (0..4).find_map(|skip| location(&base64(plain.get(skip..)?)?))
    };
    Some(Valid { start: c.start, end: c.end, value: found?, confidence: 0.97 })
}

/// The first location of a decoded text, normalised.
fn location(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let colon = text.find("://")?;
    let Range { start, end } = host::at_colon(&text, colon, 0)?;
    url(&Candidate { text: &text, start, end }).map(|valid| valid.value)
}

fn percent(words: &str) -> Vec<u8> {
    let b = words.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        let code = (b[i] == b'%').then(|| words.get(i + 1..i + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(b[i]);
                i += 1;
            }
        }
    }
    out
}

fn hex(words: &str) -> Option<Vec<u8>> {
    words
        .as_bytes()
        .chunks_exact(2)
        .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
        .collect()
}

/// Decodes base 64 up to the padding; an incomplete tail is left out.
fn base64(words: &str) -> Option<Vec<u8>> {
    let (mut buffer, mut bits, mut out) = (0u32, 0, Vec::with_capacity(words.len() / 4 * 3));
    for c in words.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// The fingerprint of an armoured public key (RFC 4880, sections 6.2 and 12.2: version 4).
pub(super) fn key_block(c: &Candidate<'_>) -> Option<Valid> {
    let body = c.words().split_once("BLOCK-----")?.1.rsplit_once("-----END")?.0;
    let mut coded = String::new();
    for line in body.lines().map(str::trim) {
        // Headers like `Version: …` stand first, the checksum last.
        if line.contains(": ") {
            continue;
        }
        if line.starts_with('=') {
            break;
        }
        coded.push_str(line);
    }
    let bytes = base64(&coded)?;
    let (&tag, rest) = bytes.split_first()?;
    let byte = |i: usize| rest.get(i).map(|b| usize::from(*b));
    let (kind, length, head): (u8, usize, usize) = if tag & 0xc0 == 0xc0 {
        let (length, head) = match byte(0)? {
            n @ 0..192 => (n, 1),
            n @ 192..224 => (((n - 192) << 8) + byte(1)? + 192, 2),
            255 => ((byte(1)? << 24) | (byte(2)? << 16) | (byte(3)? << 8) | byte(4)?, 5),
            _ => return None,
        };
        (tag & 0x3f, length, head)
    } else {
        let (length, head) = match tag & 3 {
            0 => (byte(0)?, 1),
            1 => ((byte(0)? << 8) | byte(1)?, 2),
            2 => ((byte(0)? << 24) | (byte(1)? << 16) | (byte(2)? << 8) | byte(3)?, 4),
            _ => return None,
        };
        ((tag >> 2) & 0xf, length, head)
    };
    let packet = rest.get(head..head.checked_add(length)?)?;
    if kind != 6 || tag & 0x80 == 0 || packet.first() != Some(&4) {
        return None;
    }
    let mut hasher = Sha1::new();
    hasher.update([0x99]);
    hasher.update(u16::try_from(packet.len()).ok()?.to_be_bytes());
    hasher.update(packet);
    c.pass(hasher.finalize().iter().map(|b| format!("{b:02X}")).collect())
}
