//! Words of three languages for the index.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// True for characters that are indexed one by one and in pairs.
pub(crate) fn ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Lower-cased runs of letters, digits and underscores; Chinese characters one by one, at neighbouring positions, so that
/// any string of them is a phrase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words;

/// Longest word that is indexed; longer runs are blobs.
const LONGEST: usize = 100;

pub(crate) struct Stream {
    tokens: Vec<Token>,
    next: usize,
}

pub(crate) fn cut(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut word: Option<usize> = None;
    let push = |from: usize, to: usize, tokens: &mut Vec<Token>| {
        let words = text[from..to].to_lowercase();
        if words.chars().count() <= LONGEST {
            let position = tokens.len();
            tokens.push(Token {
                offset_from: from,
                offset_to: to,
                position,
                text: words,
                position_length: 1,
            });
        }
    };
    for (at, c) in text.char_indices() {
        if (c.is_alphanumeric() || c == '_') && !ideograph(c) {
            word.get_or_insert(at);
            continue;
        }
        if let Some(from) = word.take() {
            push(from, at, &mut tokens);
        }
        if ideograph(c) {
            push(at, at + c.len_utf8(), &mut tokens);
        }
    }
    if let Some(from) = word {
        push(from, text.len(), &mut tokens);
    }
    tokens
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        Stream { tokens: cut(text), next: 0 }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        self.next += 1;
        self.next <= self.tokens.len()
    }
    fn token(&self) -> &Token {
        &self.tokens[self.next - 1]
    }
    fn token_mut(&mut self) -> &mut Token {
        &mut self.tokens[self.next - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_characters() {
        let words: Vec<String> = cut("IP杀手2.0, Продам Mr_Dump").into_iter().map(|t| t.text).collect();
        assert_eq!(words, ["ip", "杀", "手", "2", "0", "продам", "mr_dump"]);
    }
}
