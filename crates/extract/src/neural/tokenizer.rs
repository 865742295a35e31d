//! SentencePiece unigram tokenizer (Kudo 2018) with the XLM-R vocabulary, cut to the pieces that are used.
//!
//! Texts are split at white space; each word gets the marker `▁` in front and is cut into the pieces with the highest
//! sum of log probabilities (Viterbi). Each piece remembers which code points of the original text it covers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use tm_model::Span;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Identifiers of the four special tokens, in the order of XLM-R.
pub(crate) const BOS: u32 = 0;
/// End of sequence.
pub(crate) const EOS: u32 = 2;
/// Piece that stands for characters outside the vocabulary.
pub(crate) const UNK: u32 = 3;
/// First identifier of an ordinary piece.
pub(crate) const FIRST_PIECE: u32 = 4;

/// A word longer than this is cut: Viterbi is linear in the length, but such "words" are blobs of base64 anyway.
const MAX_WORD: usize = 512;
/// SentencePiece gives an unknown character the lowest score of the vocabulary less this.
const UNK_PENALTY: f32 = 10.0;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Row of the embedding table.
    pub id: u32,
    /// Code points of the original text.
    pub span: Span,
    /// True when the piece begins a white-space separated word.
    pub word_start: bool,
}

/// The tokenizer; see the module's text.
#[derive(Debug)]
pub struct Tokenizer {
    trie: HashMap<u64, u32, BuildHasherDefault<Mix>>,
    /// Piece that ends at a trie node, with its score.
    ends: Vec<Option<(u32, f32)>>,
    unk_score: f32,
    normal: HashMap<char, Box<[char]>, BuildHasherDefault<Mix>>,
}

/// Multiplicative hashing: keys are small integers that an attacker cannot choose freely, and a trie step must be fast.
#[derive(Debug, Default, Clone)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

impl Tokenizer {
    /// Builds the trie from the ordinary pieces (identifiers from 4 on, in this order) with their log probabilities
    /// and the character mapping of the vocabulary's normaliser.
    pub fn new(pieces: &[(String, f32)], normal: &[(char, Vec<char>)]) -> Tokenizer {
        let mut trie = HashMap::with_capacity_and_hasher(pieces.len() * 4, BuildHasherDefault::default());
        let mut ends: Vec<Option<(u32, f32)>> = vec![None];
        for (i, (piece, score)) in pieces.iter().enumerate() {
            let mut node = 0u32;
            for c in piece.chars() {
                let next = ends.len() as u32;
                node = *trie.entry(key(node, c)).or_insert(next);
                if node == next {
                    ends.push(None);
                }
            }
            ends[node as usize].get_or_insert((i as u32 + FIRST_PIECE, *score));
        }
        let lowest = pieces.iter().map(|p| p.1).fold(0.0f32, f32::min);
        Tokenizer {
            trie,
            ends,
            unk_score: lowest - UNK_PENALTY,
            normal: normal.iter().map(|(c, to)| (*c, to.clone().into_boxed_slice())).collect(),
        }
    }

    /// Cuts `text` into pieces. No special tokens are added.
    pub fn encode(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.len() / 3 + 2);
        let mut word: Vec<(char, Span)> = Vec::with_capacity(32);
        let mut cluster: Vec<char> = Vec::with_capacity(4);
        let mut chars = text.chars().enumerate().peekable();
        while let Some((i, c)) = chars.next() {
            if c.is_ascii_graphic() && !chars.peek().is_some_and(|(_, n)| is_combining_mark(*n)) {
                self.push(&mut tokens, &mut word, c, Span::new(i as u32, i as u32 + 1));
                continue;
            }
            // A base character and its marks compose to one (и + breve = й), as in the vocabulary.
            cluster.clear();
            cluster.push(c);
            let mut end = i as u32 + 1;
            while let Some((_, mark)) = chars.next_if(|(_, n)| is_combining_mark(*n)) {
                cluster.push(mark);
                end += 1;
                if cluster.len() > 32 {
                    break;
                }
            }
            let span = Span::new(i as u32, end);
            match (cluster.as_slice(), self.normal.get(&c)) {
                ([_], Some(to)) => to.iter().for_each(|&n| self.push(&mut tokens, &mut word, n, span)),
                _ => {
                    for n in cluster.iter().copied().nfkc() {
                        self.push(&mut tokens, &mut word, n, span);
                    }
                }
            }
        }
        self.flush(&mut tokens, &mut word);
        tokens
    }

    fn push(&self, tokens: &mut Vec<Token>, word: &mut Vec<(char, Span)>, c: char, span: Span) {
        if c.is_whitespace() {
            self.flush(tokens, word);
        } else if !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
        {
            if word.len() == MAX_WORD {
                self.flush(tokens, word);
            }
            word.push((c, span));
        }
    }

    /// Cuts the collected word by Viterbi and appends its pieces.
    fn flush(&self, tokens: &mut Vec<Token>, word: &mut Vec<(char, Span)>) {
        if word.is_empty() {
            return;
        }
        // Position 0 is the marker, position i the i-th character of the word.
        let n = word.len() + 1;
        let char_at = |i: usize| if i == 0 { '▁' } else { word[i - 1].0 };
        let mut best = vec![(f32::NEG_INFINITY, 0usize, UNK); n + 1];
        best[0].0 = 0.0;
        for start in 0..n {
            let base = best[start].0;
            if base == f32::NEG_INFINITY {
                continue;
            }
            let mut node = 0u32;
            let mut single = false;
            for end in start..n {
                let Some(&next) = self.trie.get(&key(node, char_at(end))) else { break };
                node = next;
                if let Some((id, score)) = self.ends[node as usize] {
                    single |= end == start;
                    if base + score > best[end + 1].0 {
                        best[end + 1] = (base + score, start, id);
                    }
                }
            }
            if !single && base + self.unk_score > best[start + 1].0 {
                best[start + 1] = (base + self.unk_score, start, UNK);
            }
        }
        let first = tokens.len();
        let mut end = n;
        while end > 0 {
            let (_, start, id) = best[end];
            let (from, to) = (start.max(1), end.max(1));
            // A bare marker covers nothing of the text; it gets the empty span before the word.
            let span = if to > from || start >= 1 {
                Span::new(word[from - 1].1.start, word[to - 2].1.end)
            } else {
                Span::new(word[0].1.start, word[0].1.start)
            };
            tokens.push(Token { id, span, word_start: start == 0 });
            end = start;
        }
        tokens[first..].reverse();
        // SentencePiece fuses neighbouring unknown characters.
        let mut write = first;
        for read in first..tokens.len() {
            if write > first && tokens[read].id == UNK && tokens[write - 1].id == UNK {
                tokens[write - 1].span.end = tokens[read].span.end;
            } else {
                tokens[write] = tokens[read];
                write += 1;
            }
        }
        tokens.truncate(write);
        word.clear();
    }
}

fn key(node: u32, c: char) -> u64 {
    (u64::from(node) << 21) | u64::from(u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> Tokenizer {
        let pieces = [
            ("▁", -3.0),
            ("▁sell", -4.0),
            ("ing", -4.0),
            ("▁s", -6.0),
            ("ell", -6.0),
            ("й", -5.0),
            ("料", -5.0),
            ("▁出", -5.0),
            ("出", -6.0),
            ("1", -5.0),
            (".", -5.0),
        ];
        let pieces: Vec<(String, f32)> = pieces.iter().map(|(p, s)| (p.to_string(), *s)).collect();
        Tokenizer::new(&pieces, &[('１', vec!['1'])])
    }

    fn check(text: &str, expect: &[(&str, u32, u32)]) {
        let names = ["▁", "▁sell", "ing", "▁s", "ell", "й", "料", "▁出", "出", "1", "."];
        let got: Vec<(&str, u32, u32)> = tokenizer()
            .encode(text)
            .iter()
            .map(|t| (if t.id == UNK { "?" } else { names[(t.id - 4) as usize] }, t.span.start, t.span.end))
            .collect();
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn takes_the_best_path() {
        check(" selling  出料", &[("▁sell", 1, 5), ("ing", 5, 8), ("▁出", 10, 11), ("料", 11, 12)]);
    }

    #[test]
    fn normalises_and_keeps_offsets() {
        check("и\u{306}１", &[("▁", 0, 0), ("й", 0, 2), ("1", 2, 3)]);
        check("\u{200b}sell\u{feff}", &[("▁sell", 1, 5)]);
    }

    #[test]
    fn unknown_characters_fuse() {
        check("😀😀.", &[("▁", 0, 0), ("?", 0, 2), (".", 2, 3)]);
    }

    #[test]
    fn endless_words_are_cut() {
        assert_eq!(tokenizer().encode(&"1".repeat(2000)).len(), 2000 + 4);
    }
}
