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
    /// Handles that the markup addresses, each once.
    pub mentions: Vec<String>,
    /// Addresses that the text links to, whole, in its order, each once; those written out in it included.
    pub links: Vec<String>,
}

/// Removes control characters except line feed and tab; `\r\n` and a lone `\r` become `\n`.
pub fn strip_controls(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // The controls of Latin-1 follow 0xC2, and few other characters do.
    let may_be_odd = |b: u8| ((b < 0x20) & (b != b'\n') & (b != b'\t')) | (b == 0x7f) | (b == 0xc2);
    // Without a branch for each byte, so that many are looked at at once.
    let any = bytes.chunks(256).any(|part| part.iter().fold(false, |odd, b| odd | may_be_odd(*b)));
    if !any {
        return Cow::Borrowed(text);
    }
    let mut out: Option<String> = None;
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| may_be_odd(*b))) {
        let place = at + found;
        let next = bytes.get(place + 1).copied();
        let (length, instead) = match bytes[place] {
            b'\r' if next == Some(b'\n') => (1, ""),
            b'\r' => (1, "\n"),
            0xc2 if next.is_some_and(|b| (0x80..0xa0).contains(&b)) => (2, ""),
            0xc2 => {
                at = place + 2;
                continue;
            }
            _ => (1, ""),
        };
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(&text[copied..place]);
        out.push_str(instead);
        (copied, at) = (place + length, place + length);
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Most quotes, mentions and links that are kept of one post.
const MOST: usize = 500;

/// Text under construction. A break asked for twice, or beside a line feed, is made once.
#[derive(Default)]
pub(super) struct Output {
    pub text: String,
    pub quotes: Vec<QuoteTarget>,
    mentions: Vec<String>,
    /// Where the label of each link stands, and its address.
    links: Vec<(usize, usize, String)>,
    pending: bool,
}

impl Output {
    /// Starts a new line before whatever comes next.
    pub fn break_line(&mut self) {
        self.pending = true;
    }

    /// Whether what comes next begins a line.
    pub fn breaks(&self) -> bool {
        self.pending
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
        if (quote.post.is_some() || quote.author.is_some()) && self.quotes.len() < MOST {
            self.quotes.push(quote);
        }
    }

    /// Notes who is addressed.
    pub fn mention(&mut self, handle: &str) {
        if let Some(handle) = crate::field::name(handle.trim().trim_start_matches('@'))
            && self.mentions.len() < MOST
            && !self.mentions.contains(&handle)
        {
            self.mentions.push(handle);
        }
    }

    /// Notes the link whose label began at `from` and ends here.
    pub fn link(&mut self, from: usize, target: &str) {
        let target = target.trim();
        let whole = match target.get(..4) {
            Some(head) if head.eq_ignore_ascii_case("www.") => format!("http://{target}"),
            _ => target.to_owned(),
        };
        let known = ["http://", "https://", "ftp://", "magnet:"];
        let scheme = |s: &str| whole.get(..s.len()).is_some_and(|head| head.eq_ignore_ascii_case(s));
        if known.iter().any(|s| scheme(s)) && self.links.len() < MOST {
            self.links.push((from, self.text.len(), whole));
        }
    }

    pub fn finish(self) -> Cleaned {
        let Output { text, quotes, mentions, links: labelled, .. } = self;
        let mut links: Vec<String> = Vec::new();
        let mut add = |link: &str| {
            if links.len() < MOST && !links.iter().any(|known| known == link) {
                links.push(link.to_owned());
            }
        };
        let mut labelled = labelled.into_iter().peekable();
        let mut behind = 0;
        for (from, link) in plain_links(&text) {
            while let Some((_, end, target)) = labelled.next_if(|(start, ..)| *start <= from) {
                behind = behind.max(end);
                add(&target);
            }
            // A label that is an address itself, or the end of a shortened one, is no second link.
            if from >= behind {
                add(link);
            }
        }
        labelled.for_each(|(.., target)| add(&target));
        let text = if text.trim().len() == text.len() { text } else { text.trim().to_owned() };
        Cleaned { text, quotes, mentions, links }
    }
}

/// No address is longer; what is gets cut.
const LONGEST_LINK: usize = 4096;

/// Addresses written out in a text, with where they begin.
pub(crate) fn plain_links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // A hostile text may be all addresses.
    memchr::memmem::find_iter(text.as_bytes(), b"://")
        .take(10 * MOST)
        .filter_map(move |place| plain_link(text, place))
}

/// The address around `://`.
fn plain_link(text: &str, place: usize) -> Option<(usize, &str)> {
    let letters = text.as_bytes()[..place].iter().rev().take(6).take_while(|b| b.is_ascii_alphabetic());
    let word = &text[place - letters.count()..place];
    let scheme = ["https", "http", "ftp"].into_iter().find(|scheme| {
        word.len() >= scheme.len() && word[word.len() - scheme.len()..].eq_ignore_ascii_case(scheme)
    })?;
    let start = place - scheme.len();
    let rest = &text[start..text.floor_char_boundary(start + LONGEST_LINK)];
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '<' | '>' | '[' | ']' | '{' | '}' | '|' | '\\' | '^' | '`')
            // Chinese stands behind an address without a blank.
            || matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
    };
    let mut link = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let mut unopened = link.matches(')').count().saturating_sub(link.matches('(').count());
    loop {
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '…', '»', '”']);
        let bracket = unopened > 0 && shorter.ends_with(')');
        unopened -= usize::from(bracket);
        let shorter = &shorter[..shorter.len() - usize::from(bracket)];
        if shorter.len() == link.len() {
            break;
        }
        link = shorter;
    }
    (link.len() > scheme.len() + 3).then_some((start, link))
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
        assert!(matches!(strip_controls("plain\n© ж"), Cow::Borrowed(_)));
        assert_eq!(strip_controls("\u{a0}\u{9f}é\r"), "\u{a0}é\n");
    }

    #[test]
    fn plain_addresses_are_found_whole() {
        let check = |text: &str, expect: &[&str]| {
            let found: Vec<&str> = plain_links(text).map(|(_, link)| link).collect();
            assert_eq!(found, expect, "{text}");
        };
        check(
            "see https://a.example/x?y=1&z=(2), and HTTP://b.example.",
            &["https://a.example/x?y=1&z=(2)", "HTTP://b.example"],
        );
        check(
            "(http://a.example/b) xhttp://c.example/下载 ftp://d.example，好",
            &["http://a.example/b", "http://c.example/", "ftp://d.example"],
        );
        check("hxxp://a[.]b http:// :// ж://x", &[]);
        check("http://a)).", &["http://a"]);
    }

    #[test]
    fn shortened_addresses_are_known() {
        let target = "https://drop.example/files/0123456789abcdef/build.zip";
        assert!(is_shortened("https://drop.example/files/0123 ... /build.zip", target));
        assert!(!is_shortened("see ... here", target));
        assert!(!is_shortened("mirror", target));
    }
}
