//! Text as patterns see it: zero-width characters gone, full-width forms in ASCII, with a way back to the original.

use std::borrow::Cow;
use std::ops::Range;

/// A text with its folded form.
#[derive(Debug)]
pub(super) struct Folded<'a> {
    folded: Cow<'a, str>,
    /// For each byte of the folded text the byte of the original where its character starts, and at the end the
    /// original's length; empty when nothing was folded.
    back: Vec<u32>,
    /// Original end of the character of each folded byte.
    ends: Vec<u32>,
}

enum Fold {
    Keep,
    Drop,
    To(char),
}

fn fold(c: char, before: Option<char>, after: Option<char>) -> Fold {
    let host = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    match c {
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' | '\u{202a}'..='\u{202e}' => {
            Fold::Drop
        }
        '\u{ff01}'..='\u{ff5e}'
            if matches!(
                c,
                '\u{ff0c}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff08}' | '\u{ff09}' | '\u{ff01}' | '\u{ff1f}'
            ) =>
        {
            Fold::Keep
        }
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).map_or(Fold::Keep, Fold::To),
        // An ideographic full stop between ASCII characters is a dot typed with the wrong keyboard.
        '。' | '｡' if host(before) && host(after) => Fold::To('.'),
        '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{3000}' => Fold::To(' '),
        _ => Fold::Keep,
    }
}

/// Whether folding changes anything. Most texts in any script hold nothing to fold, and telling that costs a look at the
/// lead bytes: only four of them begin characters that are folded.
fn changes(text: &str) -> bool {
    let b = text.as_bytes();
    let mut i = 0;
    while i < b.len() {
        let c = b[i];
        if c < 0xc2 || !matches!(c, 0xc2 | 0xe2 | 0xe3 | 0xef) {
            i += 1;
            continue;
        }
        let next = (b.get(i + 1).copied().unwrap_or(0), b.get(i + 2).copied().unwrap_or(0));
        let host = |n: Option<&u8>| n.is_some_and(u8::is_ascii_alphanumeric);
        let folded = match (c, next.0, next.1) {
            (0xc2, 0xa0 | 0xad, _) => true,
            (0xe2, 0x80 | 0x81, _) => true,
            // Ideographic blank; ideographic full stop between ASCII or full-width letters.
            (0xe3, 0x80, 0x80) => true,
            (0xe3, 0x80, 0x82) => {
                (i > 0 && host(b.get(i - 1)) || i >= 3 && b[i - 3] == 0xef)
                    && (host(b.get(i + 3)) || b.get(i + 3) == Some(&0xef))
            }
            (0xef, 0xbb, _) => true,
            // Full-width forms but , : ; ( ) ! ?, which end words.
            (0xef, 0xbc, last) => !matches!(last, 0x8c | 0x9a | 0x9b | 0x88 | 0x89 | 0x81 | 0x9f),
            (0xef, 0xbd, last) => last <= 0x9e || last == 0xa1,
            _ => false,
        };
        if folded {
            return true;
        }
        i += 1;
    }
    false
}

impl<'a> Folded<'a> {
    pub fn new(text: &'a str) -> Folded<'a> {
        if !changes(text) {
            return Folded { folded: Cow::Borrowed(text), back: Vec::new(), ends: Vec::new() };
        }
        let mut folded = String::with_capacity(text.len());
        let (mut back, mut ends) = (Vec::with_capacity(text.len() + 1), Vec::with_capacity(text.len()));
        let mut before = None;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let end = at + c.len_utf8();
            let kept = match fold(c, before, chars.peek().map(|n| n.1)) {
                Fold::Keep => c,
                Fold::To(to) => to,
                Fold::Drop => continue,
            };
            folded.push(kept);
            back.extend(std::iter::repeat_n(at as u32, kept.len_utf8()));
            ends.extend(std::iter::repeat_n(end as u32, kept.len_utf8()));
            before = Some(kept);
        }
        back.push(text.len() as u32);
        Folded { folded: Cow::Owned(folded), back, ends }
    }

    pub fn text(&self) -> &str {
        &self.folded
    }

    /// Bytes of the original that a range of the folded text came from.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        if self.back.is_empty() || range.is_empty() {
            return range;
        }
        self.back[range.start] as usize..self.ends[range.end - 1] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_it_changes() {
        for (text, expect) in [
            ("plain", false),
            ("привет, мир", false),
            ("你好。再见，（好）！？：；", false),
            ("a。b", true),
            ("ａ", true),
            ("1．2", true),
            ("a\u{200b}b", true),
            ("a\u{a0}b", true),
            ("ａ。ｂ", true),
            ("a\u{3000}b", true),
        ] {
            assert_eq!(changes(text), expect, "{text}");
            assert_eq!(Folded::new(text).text() != text, expect, "{text}");
        }
    }

    #[test]
    fn folds_and_finds_back() {
        let text = "а\u{200b}２０3。0 ｂ";
        let f = Folded::new(text);
        assert_eq!(f.text(), "а203.0 b");
        let at = f.text().find("203.0").unwrap();
        assert_eq!(&text[f.original(at..at + 5)], "２０3。0");
    }
}
