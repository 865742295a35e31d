//! Positions in a text, counted in Unicode code points.

use serde::{Deserialize, Serialize};

/// A stretch of text; `start` and `end` count Unicode code points, `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First code point.
    pub start: u32,
    /// One past the last code point.
    pub end: u32,
}

impl Span {
    /// A span from `start` to `end`, in code points.
    pub const fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }
    /// Number of code points.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }
    /// True when nothing is covered.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }
    /// True when the two share at least one code point.
    pub const fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }
    /// True when `other` lies wholly inside.
    pub const fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
    /// The words covered, or `None` when the span lies outside `text`. Walks the text: use [`CharIndex`] for many.
    pub fn slice(self, text: &str) -> Option<&str> {
        if self.is_empty() {
            return None;
        }
        let mut bounds = text.char_indices().map(|(i, _)| i).chain([text.len()]);
        let start = bounds.nth(self.start as usize)?;
        let end = bounds.nth((self.len() - 1) as usize)?;
        text.get(start..end)
    }
}

/// Translates between byte offsets and code points of one text in constant or logarithmic time.
///
/// ASCII texts, by far the most in English forums, need no table.
#[derive(Debug)]
pub struct CharIndex<'a> {
    text: &'a str,
    /// Byte offset of each code point; empty for ASCII.
    bytes: Vec<u32>,
}

impl<'a> CharIndex<'a> {
    /// Builds the table in one walk over `text`.
    pub fn new(text: &'a str) -> CharIndex<'a> {
        let bytes =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(i, _)| i as u32).collect() };
        CharIndex { text, bytes }
    }
    /// Number of code points in the text.
    pub fn len(&self) -> u32 {
        if self.bytes.is_empty() { self.text.len() as u32 } else { self.bytes.len() as u32 }
    }
    /// True for the empty text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
    /// Code point that starts at or contains byte `byte`; the length for positions past the end.
    pub fn char_at(&self, byte: usize) -> u32 {
        if self.bytes.is_empty() {
            return byte.min(self.text.len()) as u32;
        }
        if byte >= self.text.len() {
            return self.bytes.len() as u32;
        }
        match self.bytes.binary_search(&(byte as u32)) {
            Ok(i) => i as u32,
            Err(i) => (i - 1) as u32,
        }
    }
    /// Byte offset of code point `index`; the text's length for positions past the end.
    pub fn byte_at(&self, index: u32) -> usize {
        if self.bytes.is_empty() {
            return (index as usize).min(self.text.len());
        }
        self.bytes.get(index as usize).map_or(self.text.len(), |&b| b as usize)
    }
    /// Span of a byte range.
    pub fn span(&self, bytes: std::ops::Range<usize>) -> Span {
        Span::new(self.char_at(bytes.start), self.char_at(bytes.end))
    }
    /// The words that a span covers; empty when it lies outside.
    pub fn slice(&self, span: Span) -> &'a str {
        let (start, end) = (self.byte_at(span.start), self.byte_at(span.end));
        self.text.get(start..end.max(start)).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_not_bytes() {
        let text = "a日б😀z";
        let index = CharIndex::new(text);
        assert_eq!(index.len(), 5);
        assert_eq!(index.span(1..4), Span::new(1, 2));
        assert_eq!(index.slice(Span::new(2, 4)), "б😀");
        assert_eq!(Span::new(2, 4).slice(text), Some("б😀"));
        assert_eq!(index.slice(Span::new(4, 99)), "z");
        assert_eq!(Span::new(4, 99).slice(text), None);
        assert_eq!(index.char_at(text.len()), 5);
    }

    #[test]
    fn ascii_needs_no_table() {
        let index = CharIndex::new("abc");
        assert!(index.bytes.is_empty());
        assert_eq!(index.slice(Span::new(1, 3)), "bc");
    }
}
