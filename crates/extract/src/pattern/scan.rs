//! One walk over a text that finds the places where a rule could match, so that no rule reads the whole text.
//!
//! Running every rule's expression over every byte costs some microseconds a byte. Nearly all indicators announce
//! themselves: by a dot, colon or at sign between what could be parts of a name, by a long run of letters and digits,
//! by a number of the right length, or by a word ("telegram", "CVE"). The walk looks for these signs only; a rule names
//! its sign with `near` (words) or `sign`, and its expression reads a window around it.

use super::host::{self, Form};
use super::money::money_ahead;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use serde::Deserialize;
use std::ops::Range;

/// Signs that are no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sign {
    /// 25 or more letters and digits in a row.
    Run,
    /// A number of 13 to 19 digits, in groups or not.
    LongNumber,
    /// A number before a currency.
    Amount,
    /// Two capitals and two digits at the start of a word.
    AccountNumber,
    /// A colon or hyphen between hexadecimal digits.
    HexColon,
    /// A backslash behind a colon or percent sign.
    DriveColon,
    /// A plus sign before a digit.
    Plus,
    /// A number, a colon and text in base 64.
    FuzzyHash,
}

impl Sign {
    /// Number of signs.
    pub(super) const COUNT: usize = 8;
    /// All signs, each at its own number.
    pub(super) const ALL: [Sign; Sign::COUNT] = [
        Sign::Run,
        Sign::LongNumber,
        Sign::Amount,
        Sign::AccountNumber,
        Sign::HexColon,
        Sign::DriveColon,
        Sign::Plus,
        Sign::FuzzyHash,
    ];
}

/// Shortest run of letters and digits that is looked at: the shortest wallets have 26.
const RUN: usize = 25;

/// What a byte announces.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Nothing,
    Dot,
    Colon,
    Bracket,
    Digit,
    Plus,
    Backslash,
    Hyphen,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Nothing; 256];
    table[b'.' as usize] = Class::Dot;
    table[b':' as usize] = Class::Colon;
    table[b'[' as usize] = Class::Bracket;
    table[b'(' as usize] = Class::Bracket;
    table[b'{' as usize] = Class::Bracket;
    table[b'+' as usize] = Class::Plus;
    table[b'\\' as usize] = Class::Backslash;
    table[b'-' as usize] = Class::Hyphen;
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = Class::Digit;
        digit += 1;
    }
    table
};

/// Where something could be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Written like a host, address or location.
    Host(Range<usize>, Form),
    /// A sign; rules that wait for it look from `from` on, at most to `to`.
    Sign { sign: Sign, from: usize, to: usize },
}

/// Words that announce rules.
#[derive(Debug)]
pub(super) struct Words {
    automaton: Option<AhoCorasick>,
}

impl Words {
    pub(super) fn new(words: &[String]) -> Words {
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .ok()
            .filter(|_| !words.is_empty());
        Words { automaton }
    }

    /// Calls `found` for every occurrence of every word, overlapping ones too.
    pub(super) fn each(&self, text: &str, mut found: impl FnMut(usize, Range<usize>)) {
        let Some(automaton) = &self.automaton else { return };
        for m in automaton.find_overlapping_iter(text) {
            found(m.pattern().as_usize(), m.range());
        }
    }
}

/// Calls `found` for each place of a text, from left to right.
pub(super) fn scan(text: &str, mut found: impl FnMut(Place)) {
    runs(text, &mut found);
    let b = text.as_bytes();
    let mut i = 0;
    // What stands before was read as a host already.
    let mut floor = 0;
    while i < b.len() {
        let class = CLASSES[b[i] as usize];
        if class == Class::Nothing {
            i += 1;
            continue;
        }
        i = match class {
            Class::Nothing => i + 1,
            Class::Dot => match b.get(i + 1) {
                Some(c)
                    if c.is_ascii_alphanumeric()
                        || *c >= 0x80
                        || matches!(c, b']' | b')' | b'}' | b'[' | b'{' | b'_')
                        || *c == b' ' && i > 0 && b[i - 1] == b' ' =>
                {
                    let at = if *c == b' ' { i - 1 } else { i };
                    let after = dotted(text, at, &mut floor, &mut found);
                    after.max(i + 1)
                }
                _ => i + 1,
            },
            Class::Bracket => match b.get(i + 1) {
                // A dot, an opening bracket, a blank, the first letter of a word for a dot or an at sign.
                Some(
                    b'.' | b'd' | b'D' | b'p' | b'P' | b' ' | b'[' | b'(' | b'{' | b'\\' | 0xd0 | 0xd1 | 0xe7,
                ) => {
                    let after = dotted(text, i, &mut floor, &mut found);
                    after.max(i + 1)
                }
                _ => i + 1,
            },
            Class::Backslash => {
                if b.get(i + 1) == Some(&b'.') {
                    dotted(text, i, &mut floor, &mut found).max(i + 1)
                } else {
                    if i > 0 && matches!(b[i - 1], b':' | b'%') {
                        found(Place::Sign {
                            sign: Sign::DriveColon,
                            from: word_start(b, i - 1),
                            to: (i + 300).min(b.len()),
                        });
                    }
                    i + 1
                }
            }
            Class::Colon => {
                let slash = matches!(b.get(i + 1), Some(b'/' | b']' | b')' | b'[' | b'\\' | b' '));
                if slash && let Some(range) = host::at_colon(text, i, floor) {
                    floor = range.end;
                    let after = range.end;
                    found(Place::Host(range, Form::Url));
                    after.max(i + 1)
                } else {
                    hex_colon(b, i, &mut found);
                    fuzzy_hash(b, i, &mut found);
                    i + 1
                }
            }
            Class::Hyphen => {
                // Hardware addresses are written with hyphens as well: two digits on each side.
                if i >= 2
                    && i + 2 < b.len()
                    && b[i - 1].is_ascii_hexdigit()
                    && b[i - 2].is_ascii_hexdigit()
                    && b[i + 1].is_ascii_hexdigit()
                    && b[i + 2].is_ascii_hexdigit()
                    && b.get(i + 3) == Some(&b'-')
                    && (i == 2 || !b[i - 3].is_ascii_alphanumeric() && b[i - 3] != b'-')
                {
                    found(Place::Sign { sign: Sign::HexColon, from: i - 2, to: (i + 20).min(b.len()) });
                }
                i + 1
            }
            Class::Plus => {
                if b.get(i + 1).is_some_and(u8::is_ascii_digit) {
                    found(Place::Sign { sign: Sign::Plus, from: i, to: (i + 32).min(b.len()) });
                }
                i + 1
            }
            Class::Digit => number(text, i, &mut found),
        };
    }
}

/// A dot or one of its spellings at `i`; returns where to go on.
fn dotted(text: &str, i: usize, floor: &mut usize, found: &mut impl FnMut(Place)) -> usize {
    match host::at_dot(text, i, *floor) {
        Ok((range, form)) => {
            *floor = range.end;
            let after = range.end;
            found(Place::Host(range, form));
            after
        }
        Err(after) => after,
    }
}

fn word_start(b: &[u8], mut i: usize) -> usize {
    let from = i;
    while i > 0
        && from - i < 40
        && (b[i - 1].is_ascii_alphanumeric() || matches!(b[i - 1], b'%' | b'_' | b':'))
    {
        i -= 1;
    }
    i
}

/// Hexadecimal digits around a colon: IPv6, hardware addresses. Announced once, at the first colon of a group.
fn hex_colon(b: &[u8], i: usize, found: &mut impl FnMut(Place)) {
    let mut start = i;
    while start > 0 && i - start < 5 && b[start - 1].is_ascii_hexdigit() {
        start -= 1;
    }
    // A later colon of the same group was seen with its first one; `::1` begins with a colon.
    if start > 0 && (b[start - 1] == b':' || b[start - 1].is_ascii_alphanumeric()) {
        return;
    }
    let mut end = i + 1;
    while end < b.len() && (b[end].is_ascii_hexdigit() || b[end] == b':') && end - start < 64 {
        end += 1;
    }
    let colons = b[start..end].iter().filter(|c| **c == b':').count();
    if colons >= 2 && end - start > 2 {
        found(Place::Sign { sign: Sign::HexColon, from: start, to: (end + 24).min(b.len()) });
    }
}

/// A block size, a colon and a long stretch of base 64: ssdeep.
fn fuzzy_hash(b: &[u8], i: usize, found: &mut impl FnMut(Place)) {
    let digits = b[..i].iter().rev().take(10).take_while(|c| c.is_ascii_digit()).count();
    if !(1..10).contains(&digits) {
        return;
    }
    let base64 = |c: &&u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'+');
    let end = i + 1 + b[i + 1..].iter().take(150).take_while(|c| base64(c) || **c == b':').count();
    if end - i > 24 {
        found(Place::Sign { sign: Sign::FuzzyHash, from: i - digits, to: end });
    }
}

/// Numbers: cards, amounts, account numbers. Returns where the run of digits ends.
fn number(text: &str, i: usize, found: &mut impl FnMut(Place)) -> usize {
    let b = text.as_bytes();
    let mut end = i + 1;
    while end < b.len() && b[end].is_ascii_digit() {
        end += 1;
    }
    let before = i.checked_sub(1).map(|p| b[p]);
    if end - i >= 2
        && i >= 2
        && b[i - 1].is_ascii_uppercase()
        && b[i - 2].is_ascii_uppercase()
        && (i == 2 || !b[i - 3].is_ascii_alphanumeric())
        && (end - i > 10 || b.get(end).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b' '))
    {
        found(Place::Sign { sign: Sign::AccountNumber, from: i - 2, to: (i + 48).min(b.len()) });
    }
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return end;
    }
    // Groups of digits with single blanks or hyphens between them.
    if end - i >= 4 && (b'2'..=b'6').contains(&b[i]) {
        let (mut digits, mut at) = (end - i, end);
        while digits < 20
            && b.get(at).is_some_and(|c| matches!(c, b' ' | b'-'))
            && b.get(at + 1).is_some_and(u8::is_ascii_digit)
        {
            at += 1;
            while at < b.len() && b[at].is_ascii_digit() {
                at += 1;
                digits += 1;
            }
        }
        if (13..=24).contains(&digits) {
            found(Place::Sign { sign: Sign::LongNumber, from: i, to: at });
        }
    }
    // A currency behind the number; groups and fractions belong to it.
    if !before.is_some_and(|c| matches!(c, b'.' | b',')) {
        let mut at = end;
        while at < b.len() && at - i < 24 && (b[at].is_ascii_digit() || matches!(b[at], b'.' | b',' | b' ')) {
            at += 1;
        }
        if money_ahead(text, at) {
            found(Place::Sign { sign: Sign::Amount, from: i, to: boundary(text, (at + 24).min(b.len())) });
        }
    }
    end
}

fn boundary(text: &str, mut i: usize) -> usize {
    while i < text.len() && !text.is_char_boundary(i) {
        i += 1;
    }
    i
}

/// Runs of letters and digits: one of any `RUN` neighbours stands at a multiple of `RUN`, so only these are looked at.
fn runs(text: &str, found: &mut impl FnMut(Place)) {
    let b = text.as_bytes();
    let mut i = RUN - 1;
    let mut done = 0;
    while i < b.len() {
        if !b[i].is_ascii_alphanumeric() {
            i += RUN;
            continue;
        }
        let mut start = i;
        while start > done && b[start - 1].is_ascii_alphanumeric() {
            start -= 1;
        }
        let mut end = i + 1;
        while end < b.len() && b[end].is_ascii_alphanumeric() {
            end += 1;
        }
        // Beyond any digest or wallet: encoded data.
        if (RUN..=160).contains(&(end - start)) {
            found(Place::Sign { sign: Sign::Run, from: start, to: end });
        }
        done = end;
        i = end + RUN - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, Form)]) {
        let mut got = Vec::new();
        scan(text, |place| {
            if let Place::Host(range, form) = place {
                got.push((text[range].to_owned(), form));
            }
        });
        let got: Vec<(&str, Form)> = got.iter().map(|(t, f)| (t.as_str(), *f)).collect();
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn hosts_and_their_kin() {
        check(
            "at 203.0.113.7, or 198.51.100.0/24.",
            &[("203.0.113.7", Form::Ipv4), ("198.51.100.0/24", Form::Cidr)],
        );
        check("203[.]0(.)113 [.] 7", &[("203[.]0(.)113 [.] 7", Form::Ipv4)]);
        check(
            "see hxxps[:]//evil[.]example:8080/a?b=1). Then",
            &[("hxxps[:]//evil[.]example:8080/a?b=1", Form::Url)],
        );
        check("joe.doe at corp dot example now", &[("joe.doe at corp dot example", Form::Email)]);
        check("mail first.last@a.b.example", &[("first.last@a.b.example", Form::Email)]);
        check("x.com、y.org", &[("x.com", Form::Domain), ("y.org", Form::Domain)]);
        check("end. Next one ... and so on.", &[]);
        check("look at this.that", &[("this.that", Form::Domain)]);
        check("www.a.example/x", &[("www.a.example/x", Form::Url)]);
    }

    #[test]
    fn runs_are_found_wherever_they_stand() {
        for shift in 0..60 {
            let text = format!("{} {} end", "x ".repeat(shift), "a1".repeat(16));
            let mut n = 0;
            scan(&text, |p| n += usize::from(matches!(p, Place::Sign { sign: Sign::Run, .. })));
            assert_eq!(n, 1, "{shift}");
        }
    }
}
