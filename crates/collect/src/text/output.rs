//! Plain text as it grows, and what comes out in the end.

use std::borrow::Cow;
use tm_model::QuoteTarget;

/// A post's own words, and what it quotes at the outermost level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Own words without quotes and markup; line breaks and code kept.
    pub text: String,
    /// Quoted posts and authors in the order of the text; quotes that name neither are left out.
    pub quotes: Vec<QuoteTarget>,
}

/// Removes control characters except line feed and tab; `\r\n` and a lone `\r` become `\n`.
pub fn strip_controls(text: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            c if odd(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text under construction. A break asked for twice, or beside a line feed, is made once.
#[derive(Default)]
pub(super) struct Output {
    pub text: String,
    pub quotes: Vec<QuoteTarget>,
    pending: bool,
}

impl Output {
    /// Starts a new line before whatever comes next.
    pub fn break_line(&mut self) {
        self.pending = true;
    }

    /// Adds text; line feeds at its beginning are swallowed where a break is due anyway.
    pub fn push(&mut self, mut piece: &str) {
        if self.pending {
            piece = piece.trim_start_matches(['\n', '\r']);
            if piece.is_empty() {
                return;
            }
            self.pending = false;
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
        }
        self.text.push_str(piece);
    }

    /// Adds lines that stand for themselves, such as code: their inner breaks and indents stay.
    pub fn push_block(&mut self, block: &str) {
        self.break_line();
        self.push(block.trim_matches(['\n', '\r']));
        self.break_line();
    }

    pub fn quote(&mut self, quote: QuoteTarget) {
        if quote.post.is_some() || quote.author.is_some() {
            self.quotes.push(quote);
        }
    }

    pub fn finish(self) -> Cleaned {
        Cleaned { text: self.text.trim().to_owned(), quotes: self.quotes }
    }
}

/// True when `label` is `target` cut short in its middle, as forums show long addresses.
pub(super) fn is_shortened(label: &str, target: &str) -> bool {
    // The label is shorter than what it shortens; longer ones are not searched.
    if label.len() > target.len() + 8 {
        return false;
    }
    let cut = label.split_once(" ... ").or_else(|| label.split_once("...")).or_else(|| label.split_once('…'));
    let bare = target.trim_start_matches("https://").trim_start_matches("http://");
    cut.is_some_and(|(head, tail)| {
        let head = head.trim_end();
        head.len() >= 4
            && (target.starts_with(head) || bare.starts_with(head))
            && target.ends_with(tail.trim_start())
    })
}

/// What to write for a link: its whole address where the label only shortens it, else the label, with the address
/// behind it where that is asked for.
pub(super) fn link_suffix(label: &str, target: &str, link_targets: bool) -> Option<String> {
    let (label, target) = (label.trim(), target.trim());
    let whole = target.contains("://") || target.starts_with("mailto:");
    let same = label == target || label.trim_end_matches('/') == target.trim_end_matches('/');
    (link_targets && whole && !same && !target.ends_with(label)).then(|| format!(" ({target})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_go_and_breaks_stay() {
        assert_eq!(strip_controls("a\r\nb\rc\0\u{7}\td\u{85}"), "a\nb\nc\td");
        assert!(matches!(strip_controls("plain\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn shortened_addresses_are_known() {
        let target = "https://drop.example/files/0123456789abcdef/build.zip";
        assert!(is_shortened("https://drop.example/files/0123 ... /build.zip", target));
        assert!(!is_shortened("see ... here", target));
        assert!(!is_shortened("mirror", target));
    }
}
