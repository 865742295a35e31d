//! Sentences, for timelines.

use tm_model::{CharIndex, Span};

/// Longest sentence that is shown; posts without any full stop are cut around the trigger.
const LONGEST: u32 = 280;

/// The sentence or line around `place`.
///
/// Line breaks, full stops with a blank behind, and the marks of Chinese end a sentence. A sentence over 280 code
/// points is cut to that length around `place`, at blanks where there are some.
pub fn sentence_around(text: &str, place: Span) -> Span {
    let index = CharIndex::new(text);
    let chars: Vec<char> = text.chars().collect();
    let n = chars.len() as u32;
    let (mut start, mut end) = (place.start.min(n), place.end.clamp(place.start.min(n), n));
    let ends = |i: usize| match chars[i] {
        '\n' | '。' | '！' | '？' | '；' => true,
        '.' | '!' | '?' | ';' => chars.get(i + 1).is_none_or(|c| c.is_whitespace()),
        _ => false,
    };
    while start > 0 && !ends(start as usize - 1) && place.start - start < LONGEST {
        start -= 1;
    }
    while end < n && !ends(end as usize) && end - start < LONGEST + place.len() {
        end += 1;
    }
    if end < n && chars[end as usize] != '\n' {
        end += 1;
    }
    if end - start > LONGEST {
        let before = (LONGEST - place.len().min(LONGEST)) / 2;
        start = start.max(place.start.saturating_sub(before));
        end = end.min((start + LONGEST).max(place.end));
    }
    while start < place.start && chars[start as usize].is_whitespace() {
        start += 1;
    }
    while end > place.end.max(start) && chars[end as usize - 1].is_whitespace() {
        end -= 1;
    }
    debug_assert!(index.len() == n);
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, word: &str, expect: &str) {
        let start = text[..text.find(word).unwrap()].chars().count() as u32;
        let place = Span::new(start, start + word.chars().count() as u32);
        assert_eq!(sentence_around(text, place).slice(text), Some(expect));
    }

    #[test]
    fn sentences_in_three_languages() {
        check("Hi all. Selling v2.0 of it! DM me", "Selling", "Selling v2.0 of it!");
        check("Привет\nпродам логи\nв лс", "логи", "продам логи");
        check("大家好。出售料子！联系我", "出售", "出售料子！");
    }

    #[test]
    fn endless_sentences_are_cut() {
        let text = format!("{}TRIGGER{}", "a ".repeat(400), " b".repeat(400));
        let cut = sentence_around(&text, Span::new(800, 807));
        assert!(cut.len() <= 280 && cut.contains(Span::new(800, 807)));
    }
}
