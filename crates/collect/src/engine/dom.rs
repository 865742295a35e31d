//! Looking things up in a parsed page.

use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A selector of a fixed text, compiled once.
macro_rules! select {
    ($text:literal) => {{
        static SELECTOR: std::sync::LazyLock<scraper::Selector> =
            std::sync::LazyLock::new(|| scraper::Selector::parse($text).expect("a valid selector"));
        &*SELECTOR
    }};
}
pub(super) use select;

/// Text longer than this is no title, name or date.
const LONGEST: usize = 500;

/// The first match inside an element.
pub(super) fn first<'a>(inside: ElementRef<'a>, selector: &Selector) -> Option<ElementRef<'a>> {
    inside.select(selector).next()
}

/// The words of an element with white space collapsed; at most some hundred characters, for titles and names.
pub(super) fn line(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    let mut blank = false;
    // Scripts between words (vBulletin 3 has one behind each name) are no words.
    let words = element.descendants().filter_map(|node| {
        let inside = |name| matches!(name, "script" | "style" | "template");
        let parent = node.parent().and_then(|p| p.value().as_element().map(|e| inside(e.name())));
        node.value().as_text().filter(|_| parent != Some(true))
    });
    for c in words.flat_map(|text| text.chars()) {
        if c.is_whitespace() {
            blank = !out.is_empty();
        } else {
            if blank {
                out.push(' ');
                blank = false;
            }
            out.push(c);
            if out.len() > LONGEST {
                break;
            }
        }
    }
    out
}

/// The words that stand in the element itself, not in elements inside it.
pub(super) fn direct(element: ElementRef<'_>) -> String {
    let text: String =
        element.children().filter_map(|n| n.value().as_text().map(|t| t.to_string())).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same with the `title` of elements inside, where engines put the whole date behind "Today" or "35 minutes ago".
pub(super) fn dated(element: ElementRef<'_>) -> String {
    let mut out = String::new();
    for node in element.children() {
        if let Some(text) = node.value().as_text() {
            out.push_str(text);
        } else if let Some(title) = node.value().as_element().and_then(|e| e.attr("title")) {
            out.push_str(title);
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same, `None` when empty.
pub(super) fn words(element: ElementRef<'_>) -> Option<String> {
    Some(line(element)).filter(|l| !l.is_empty())
}

/// An address of the page, resolved.
pub(super) fn link(base: &Url, element: ElementRef<'_>) -> Option<Url> {
    base.join(element.value().attr("href")?.trim()).ok()
}

/// The value of a query parameter, with `;` between parameters as well as `&`.
pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query()?.split(['&', ';']).find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name && !value.is_empty()).then(|| value.to_owned())
    })
}

/// The digits that a text begins with.
pub(super) fn leading_number(text: &str) -> Option<String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).take(18).collect();
    (!digits.is_empty()).then_some(digits)
}

/// The first number of a text, with separators of thousands.
pub(super) fn count(text: &str) -> Option<u64> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let mut digits = String::new();
    let mut chars = text[from..].chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '0'..='9' => digits.push(c),
            ',' | '.' | '\u{a0}' | '\u{202f}' if chars.peek().is_some_and(char::is_ascii_digit) => {}
            _ => break,
        }
    }
    digits.parse().ok()
}

/// A page of an engine has one path or one of a few: the last part of the path without its folder.
pub(super) fn script(url: &Url) -> &str {
    url.path().rsplit('/').next().unwrap_or("")
}

/// The same address with another last part and query, without fragment.
pub(super) fn sibling(url: &Url, script: &str, query: &str) -> Option<Url> {
    let mut to = url.join(script).ok()?;
    to.set_query((!query.is_empty()).then_some(query));
    to.set_fragment(None);
    Some(to)
}

/// Elements nested deeper than this are cut off with all that follows: no forum needs it, and a parser's work grows with
/// the depth (browsers stop at 512).
const DEEPEST: usize = 1500;

/// Parses a page.
pub(super) fn page(body: &str) -> Html {
    Html::parse_document(shallow(body))
}

/// Parses a piece of a page, such as a post in a JSON answer.
pub(super) fn fragment(body: &str) -> Html {
    Html::parse_fragment(shallow(body))
}

/// The text up to where elements are nested too deep. Counts tags without parsing: elements that are not closed count as
/// well, those that need not be closed do not.
fn shallow(body: &str) -> &str {
    const OPEN: [&str; 33] = [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "tr",
        "td",
        "th",
        "tbody",
        "thead",
        "tfoot",
        "colgroup",
        "option",
        "optgroup",
        "html",
        "head",
        "body",
        "rp",
        "rt",
        "plaintext",
    ];
    let bytes = body.as_bytes();
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(found) = memchr::memchr(b'<', &bytes[at..]) {
        let tag = at + found;
        at = tag + 1;
        let closing = bytes.get(at) == Some(&b'/');
        let name = &bytes[(at + usize::from(closing)).min(bytes.len())..];
        let length = name.iter().take_while(|b| b.is_ascii_alphanumeric()).take(12).count();
        let name = &name[..length];
        if length == 0 || OPEN.iter().any(|o| o.as_bytes().eq_ignore_ascii_case(name)) {
            continue;
        }
        if closing {
            depth = depth.saturating_sub(1);
            continue;
        }
        // What a script compares is no tag.
        if let Some(end) = ["script", "style"].iter().find(|n| n.as_bytes().eq_ignore_ascii_case(name)) {
            let end = format!("</{end}");
            let behind = memchr::memmem::find(&bytes[at..], end.as_bytes());
            at = behind.map_or(bytes.len(), |b| at + b + end.len());
            continue;
        }
        depth += 1;
        if depth > DEEPEST {
            return &body[..tag];
        }
    }
    body
}

/// The digits behind a prefix in an element's `id`.
pub(super) fn id_behind(element: ElementRef<'_>, prefix: &str) -> Option<String> {
    leading_number(element.value().attr("id")?.strip_prefix(prefix)?)
}

/// Offset from UTC in a page's words: `UTC+03:00`, `GMT+8`, `UTC - 5 hours`; in seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    for (at, name) in text.match_indices("UTC").chain(text.match_indices("GMT")) {
        let rest = text[at + name.len()..].trim_start();
        let sign = match rest.chars().next() {
            Some('+') => 1,
            Some('-' | '\u{2212}' | '–') => -1,
            _ => continue,
        };
        let rest = rest.trim_start_matches(['+', '-', '\u{2212}', '–', ' ']);
        let hours: i32 = leading_number(rest)?.parse().ok().filter(|h| *h <= 14)?;
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let minutes = behind
            .strip_prefix(':')
            .and_then(leading_number)
            .and_then(|m| m.parse::<i32>().ok())
            .filter(|m| *m < 60)
            .or_else(|| behind.starts_with(".5").then_some(30))
            .unwrap_or(0);
        return Some(sign * (hours * 3600 + minutes * 60));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_zones() {
        assert_eq!(offset("All times are UTC+05:30"), Some(19_800));
        assert_eq!(offset("GMT - 3.5 hours"), Some(-12_600));
        // Found by fuzzing: no minutes, not an overflow.
        assert_eq!(offset("UTC+3:999999999"), Some(10_800));
        assert_eq!(offset("UTC+99"), None);
    }

    #[test]
    fn scripts_are_no_words() {
        let html = page("<p>low\n level <script>menu('x')</script><style>p{}</style> <b>!</b></p>");
        assert_eq!(line(first(html.root_element(), select!("p")).unwrap()), "low level !");
    }
}
