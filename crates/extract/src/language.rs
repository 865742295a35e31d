//! Language of a post, by its letters.
//!
//! The three languages have three scripts, so counting letters decides; URLs, handles and code would only mislead an
//! n-gram model on posts of a few words.

use tm_model::Language;

/// Letters below which a post is too short to tell.
const ENOUGH: usize = 2;

/// Tells English, Russian and Chinese by their scripts; everything else is [`Language::Other`].
///
/// ```
/// use tm_extract::detect_language;
/// use tm_model::Language;
/// assert_eq!(detect_language("продам логи, https://logs.example"), Language::Ru);
/// assert_eq!(detect_language("出售 CVV 料子"), Language::Zh);
/// ```
pub fn detect_language(text: &str) -> Language {
    let (mut latin, mut cyrillic, mut han, mut other) = (0usize, 0usize, 0usize, 0usize);
    for word in text.split_whitespace().filter(|w| !w.contains("://") && !w.contains('@')) {
        for c in word.chars() {
            match c {
                'a'..='z' | 'A'..='Z' => latin += 1,
                '\u{400}'..='\u{4ff}' => cyrillic += 1,
                '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => han += 1,
                c if c.is_alphabetic() => other += 1,
                _ => {}
            }
        }
    }
    // Latin names, product words and shouts stand in posts of all languages; the other scripts only in their own.
    let scores = [
        (han * 4, Language::Zh),
        (cyrillic * 4, Language::Ru),
        (latin, Language::En),
        (other, Language::Other),
    ];
    match scores.into_iter().max_by_key(|s| s.0) {
        Some((n, language)) if n >= ENOUGH => language,
        _ => Language::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_decide() {
        for (text, expect) in [
            ("selling fresh logs", Language::En),
            ("продам CVV fullz US EU dumps", Language::Ru),
            ("求购 RDP", Language::Zh),
            ("ありがとうございます", Language::Other),
            ("+1", Language::Other),
            ("", Language::Other),
        ] {
            assert_eq!(detect_language(text), expect, "{text}");
        }
    }
}
