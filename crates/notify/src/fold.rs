//! Texts and names as they are compared: one character for one, so that places stay true.

use aho_corasick::{AhoCorasick, MatchKind};
use tm_model::{CharIndex, Span};

/// Lower case, full-width forms as ASCII, white space as blanks, `ё` as `е`.
pub(crate) fn fold(text: &str) -> String {
    text.chars()
        .map(|c| {
            let c = match c {
                '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
                c if c.is_whitespace() => ' ',
                c => c,
            };
            match c.to_lowercase().next().unwrap_or(c) {
                'ё' => 'е',
                c => c,
            }
        })
        .collect()
}

/// A name without what people write differently: letters and digits only.
pub(crate) fn key(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Chinese and Japanese have no blanks between words, so that a word may stand anywhere.
fn ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Many words or phrases that are looked for at once.
#[derive(Debug)]
pub(crate) struct Words {
    machine: Option<AhoCorasick>,
    /// Whether any ending is allowed.
    open: Vec<bool>,
}

impl Words {
    /// Words that end in `*` may go on.
    pub(crate) fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Words, String> {
        let (mut folded, mut open) = (Vec::new(), Vec::new());
        for word in words {
            let word = word.trim();
            let stem = word.trim_end_matches('*').trim_end();
            folded.push(fold(stem).split(' ').filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "));
            open.push(stem.len() < word.len());
        }
        if folded.is_empty() {
            return Ok(Words { machine: None, open });
        }
        let machine = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&folded)
            .map_err(|e| e.to_string())?;
        Ok(Words { machine: Some(machine), open })
    }

    /// The first place in a folded text that passes `wanted`: which word, and where.
    pub(crate) fn find(&self, folded: &str, mut wanted: impl FnMut(Span) -> bool) -> Option<(usize, Span)> {
        let machine = self.machine.as_ref()?;
        let index = CharIndex::new(folded);
        machine.find_overlapping_iter(folded).find_map(|m| {
            let which = m.pattern().as_usize();
            let (before, after) = (&folded[..m.start()], &folded[m.end()..]);
            let word = &folded[m.start()..m.end()];
            let joins = |inner: Option<char>, outer: Option<char>| {
                let letter = |c: char| c.is_alphanumeric() && !ideograph(c);
                inner.is_some_and(letter) && outer.is_some_and(letter)
            };
            let inside = joins(word.chars().next(), before.chars().next_back())
                || (!self.open[which] && joins(word.chars().next_back(), after.chars().next()));
            let span = Span::new(index.char_at(m.start()), index.char_at(m.end()));
            (!m.is_empty() && !inside && wanted(span)).then_some((which, span))
        })
    }

    /// Whether one of the words stands in a text.
    pub(crate) fn stand_in(&self, text: &str) -> bool {
        self.find(&fold(text), |_| true).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, text: &str, expect: Option<&str>) {
        let words = Words::new([word]).unwrap();
        let found = words.find(&fold(text), |_| true).and_then(|(_, s)| s.slice(text));
        assert_eq!(found, expect, "{word} in {text}");
    }

    #[test]
    fn words_in_three_languages() {
        check("Bank", "the BANK is open", Some("BANK"));
        check("bank", "banks and embankment", None);
        check("bank*", "banks", Some("bank"));
        check("Пример Банк", "слил пример банк вчера", Some("пример банк"));
        check("банк*", "базы банков", Some("банк"));
        check("Ёлка", "елка", Some("елка"));
        check("银行", "出售某银行数据", Some("银行"));
        check("ＡＢＣ银行", "abc银行", Some("abc银行"));
        check("two words", "two\nwords", Some("two\nwords"));
        check(".onion", "x.onion", Some(".onion"));
        // İ becomes two characters in lower case; places must hold.
        check("x", "İİ x", Some("x"));
    }

    #[test]
    fn nothing_is_found_of_nothing() {
        assert!(Words::new([]).unwrap().find("text", |_| true).is_none());
        assert_eq!(key("IP-Killer 杀手"), "ipkiller杀手");
    }
}
