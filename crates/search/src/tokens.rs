//! Words of three languages for the index.
//!
//! A text is cut into *units*: words (runs of letters, digits and underscores) and single Chinese characters. The index holds
//! words folded (lower case, without diacritics and invisible characters, full-width forms as ASCII), and Chinese in pairs of
//! neighbours: any string of two or more characters is found without a dictionary, and a word of two characters, which most
//! are, is one look-up instead of an intersection of positions. docs/search.md compares this with words by a dictionary.

use rust_stemmers::{Algorithm, Stemmer};
use std::collections::VecDeque;
use std::str::CharIndices;
use std::sync::LazyLock;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::char::{compose, decompose_compatible, is_combining_mark};

/// Longest word in code points that is indexed, enough for a SHA-512 digest; longer runs are blobs.
const LONGEST: usize = 140;

/// True for characters that are written without spaces between words.
pub(crate) fn ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Characters that a reader does not see: zero-width ones, soft hyphens, direction marks, variation selectors. Those who hide
/// words from searches put them inside of words.
fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}')
}

/// A word or a Chinese character of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// First byte in the text.
    pub from: usize,
    /// One past its last byte.
    pub to: usize,
    /// Folded form.
    pub text: String,
    /// True for a single Chinese character.
    pub ideograph: bool,
}

/// Cuts a text into units, one at a time: a text of a hundred megabytes needs no more memory than its longest word.
pub(crate) struct Units<'a> {
    chars: CharIndices<'a>,
    length: usize,
    held: Option<(usize, char)>,
}

/// Units of a text.
pub(crate) fn units(text: &str) -> Units<'_> {
    Units { chars: text.char_indices(), length: text.len(), held: None }
}

impl Units<'_> {
    fn next_char(&mut self) -> Option<(usize, char)> {
        self.held.take().or_else(|| self.chars.next())
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        loop {
            let (from, first) = self.next_char()?;
            if ideograph(first) {
                let mut text = String::new();
                fold(first, &mut text);
                return Some(Unit { from, to: from + first.len_utf8(), text, ideograph: true });
            }
            if !first.is_alphanumeric() && first != '_' {
                continue;
            }
            let mut text = String::new();
            let (mut count, mut to) = (0usize, from + first.len_utf8());
            let mut next = Some((from, first));
            while let Some((at, c)) = next {
                let letter = (c.is_alphanumeric() || c == '_') && !ideograph(c);
                if letter || is_combining_mark(c) {
                    if count <= LONGEST {
                        fold(c, &mut text);
                    }
                    count += usize::from(letter);
                    to = at + c.len_utf8();
                } else if !invisible(c) {
                    self.held = Some((at, c));
                    break;
                }
                next = self.chars.next();
            }
            debug_assert!(to <= self.length);
            if count <= LONGEST && !text.is_empty() {
                return Some(Unit { from, to, text, ideograph: false });
            }
        }
    }
}

/// Appends the folded form of a character of a word.
fn fold(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    if is_combining_mark(c) {
        // A Russian short i is a letter of its own, written in one piece or in two; other marks are decoration.
        if c == '\u{306}' && out.ends_with('и') {
            out.pop();
            out.push('й');
        }
        return;
    }
    for c in c.to_lowercase() {
        match c {
            'ё' => out.push('е'),
            '\u{400}'..='\u{52f}' => out.push(c),
            _ if ideograph(c) && !matches!(c, '\u{f900}'..='\u{faff}') => out.push(c),
            _ => decompose_compatible(c, |part| {
                if !is_combining_mark(part) {
                    out.extend(part.to_lowercase());
                } else if let Some(whole) =
                    // Kana and Hangul keep their marks: those are other letters.
                    out
                        .chars()
                        .last()
                        .filter(|l| matches!(l, '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}'))
                        .and_then(|l| compose(l, part))
                {
                    out.pop();
                    out.push(whole);
                }
            }),
        }
    }
}

/// Folded form of a whole value, for fields that are compared and not cut.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::new();
    text.chars().filter(|c| !invisible(*c)).for_each(|c| fold(c, &mut out));
    out
}

/// Latin letters and the Cyrillic ones that look the same.
const LOOK_ALIKE: [(char, char); 14] = [
    ('a', 'а'),
    ('c', 'с'),
    ('e', 'е'),
    ('h', 'н'),
    ('i', 'і'),
    ('j', 'ј'),
    ('k', 'к'),
    ('m', 'м'),
    ('o', 'о'),
    ('p', 'р'),
    ('s', 'ѕ'),
    ('t', 'т'),
    ('x', 'х'),
    ('y', 'у'),
];

/// The same word in one script, when it mixes two that look alike (`сvv` with a Cyrillic с): as Latin, as Cyrillic.
pub(crate) fn unmixed(word: &str) -> [Option<String>; 2] {
    let cyrillic = |c: char| matches!(c, '\u{400}'..='\u{52f}');
    if word.is_ascii() || !word.chars().any(cyrillic) || !word.chars().any(|c| c.is_ascii_alphabetic()) {
        return [None, None];
    }
    let map = |latin: bool| -> Option<String> {
        word.chars()
            .map(|c| match (latin, cyrillic(c), c.is_ascii_alphabetic()) {
                (true, true, _) => LOOK_ALIKE.iter().find(|p| p.1 == c).map(|p| p.0),
                (false, _, true) => LOOK_ALIKE.iter().find(|p| p.0 == c).map(|p| p.1),
                _ => Some(c),
            })
            .collect()
    };
    [map(true), map(false)]
}

/// Stem of a folded word by the Snowball rules of its script's language; none where it is the word itself.
pub(crate) fn stem(word: &str) -> Option<String> {
    static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));
    static RUSSIAN: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::Russian));
    if word.len() > 60 || word.chars().count() < 3 {
        return None;
    }
    let stemmer = if word.bytes().all(|b| b.is_ascii_lowercase()) {
        &*ENGLISH
    } else if word.chars().all(|c| matches!(c, 'а'..='я')) {
        &*RUSSIAN
    } else {
        return None;
    };
    Some(stemmer.stem(word).into_owned()).filter(|s| s != word && !s.is_empty())
}

/// Tokens of the index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Words at their positions, Chinese in pairs; the last character of a run alone.
    Words,
    /// Stems of the words whose stem is another string.
    Stems,
}

/// The tokens of one text.
pub(crate) struct Stream<'a> {
    cut: Cut,
    units: Units<'a>,
    ahead: Option<Unit>,
    position: usize,
    waiting: VecDeque<Token>,
    token: Token,
}

impl Stream<'_> {
    /// Puts the tokens of the next unit into the queue; false at the end.
    fn fill(&mut self) -> bool {
        let Some(unit) = self.ahead.take().or_else(|| self.units.next()) else { return false };
        self.ahead = self.units.next();
        let position = self.position;
        self.position += 1;
        let mut push = |text: String| {
            self.waiting.push_back(Token {
                offset_from: unit.from,
                offset_to: unit.to,
                position,
                text,
                position_length: 1,
            });
        };
        match self.cut {
            Cut::Stems => {
                if !unit.ideograph
                    && let Some(stem) = stem(&unit.text)
                {
                    push(stem);
                }
            }
            Cut::Words if unit.ideograph => {
                match self.ahead.as_ref().filter(|n| n.ideograph && n.from == unit.to) {
                    Some(next) => push(format!("{}{}", unit.text, next.text)),
                    None => push(unit.text),
                }
            }
            Cut::Words => {
                unmixed(&unit.text).into_iter().flatten().for_each(&mut push);
                push(unit.text);
            }
        }
        true
    }
}

impl Tokenizer for Cut {
    type TokenStream<'a> = Stream<'a>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        Stream {
            cut: *self,
            units: units(text),
            ahead: None,
            position: 0,
            waiting: VecDeque::new(),
            token: Token::default(),
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            if let Some(token) = self.waiting.pop_front() {
                self.token = token;
                return true;
            }
            if !self.fill() {
                return false;
            }
        }
    }
    fn token(&self) -> &Token {
        &self.token
    }
    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, mut how: Cut) -> Vec<(usize, String)> {
        let mut stream = how.token_stream(text);
        let mut all = Vec::new();
        while stream.advance() {
            all.push((stream.token().position, stream.token().text.clone()));
        }
        all
    }

    fn words(text: &str) -> Vec<String> {
        units(text).map(|u| u.text).collect()
    }

    #[test]
    fn words_and_characters() {
        assert_eq!(words("IP杀手2.0, Продам Mr_Dump"), ["ip", "杀", "手", "2", "0", "продам", "mr_dump"]);
        let pairs = cut("IP杀手发布 新", Cut::Words);
        let of = |p: usize, t: &str| (p, t.to_owned());
        assert_eq!(
            pairs,
            [of(0, "ip"), of(1, "杀手"), of(2, "手发"), of(3, "发布"), of(4, "布"), of(5, "新")]
        );
    }

    #[test]
    fn folding_sees_through_disguise() {
        assert_eq!(
            words("Ｃｖｖ rés\u{200b}umé е\u{308}лка Ёлка мой мои\u{306} z\u{336}a\u{336}p"),
            ["cvv", "resume", "елка", "елка", "мой", "мой", "zap"]
        );
        assert_eq!(words("ﬁne ǅ İstanbul ß"), ["fine", "dz", "istanbul", "ß"]);
        assert_eq!(words("\u{202e}cvv\u{202c} a\u{ad}b"), ["cvv", "ab"]);
    }

    #[test]
    fn mixed_scripts_are_unmixed() {
        assert_eq!(unmixed("сvv")[0].as_deref(), Some("cvv"));
        assert_eq!(unmixed("кapтa")[1].as_deref(), Some("карта"));
        assert_eq!(unmixed("cvv"), [None, None]);
        assert_eq!(unmixed("карта"), [None, None]);
        let both = cut("buy сvv", Cut::Words);
        assert_eq!(both.iter().filter(|t| t.0 == 1).count(), 3 - usize::from(unmixed("сvv")[1].is_none()));
    }

    #[test]
    fn stems_where_they_differ() {
        let stems: Vec<String> =
            cut("selling sold cards Продаю дампы 出售 x1", Cut::Stems).into_iter().map(|t| t.1).collect();
        assert_eq!(stems, ["sell", "card", "прода", "дамп"]);
        assert_eq!(stem("cvv"), None);
    }

    #[test]
    fn units_cover_what_they_were_made_of() {
        let text = "\u{200b}a\u{301}b\u{200b}c 出\u{200d}售 \u{306}";
        for unit in units(text) {
            assert!(text.is_char_boundary(unit.from) && text.is_char_boundary(unit.to), "{unit:?}");
        }
        assert_eq!(words(&"x".repeat(141)), Vec::<String>::new());
        assert_eq!(words(&"x".repeat(140)).len(), 1);
    }
}
