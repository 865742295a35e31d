//! Looking things up in a parsed page.

pub(super) use super::find::{All, Page, Select, select};
use super::tokens::{Tokens, newlines};
use ego_tree::{NodeId, NodeRef, Tree};
use html5ever::QualName;
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink, create_element};
use scraper::{ElementRef, Html, HtmlTreeSink, Node};
use url::Url;

/// Text longer than this is no title, name or date.
const LONGEST: usize = 500;

/// The first match inside an element.
pub(super) fn first<'a>(inside: impl All<'a>, select: &Select) -> Option<ElementRef<'a>> {
    inside.all(select).next()
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

/// Where elements are nested deeper than this a page is cut off: no forum needs it, and a parser's work grows with the depth
/// (browsers stop at 512).
const DEEPEST: usize = 1500;
/// The same for the elements that one stands in, each with its attributes counted. A parser opens `b` and its like anew in
/// each paragraph, so that a page pays for them as often as it has paragraphs.
const HEAVIEST: usize = 6000;
/// Nodes and attributes of a page; one of a thousand posts has some ten thousand.
const MOST: usize = 1_000_000;
/// Bytes between two looks at the tree. What a piece can add is bounded by its tags times [`HEAVIEST`].
const PIECE: usize = 1024;

/// Parses a page.
pub(super) fn page(body: &str) -> Page {
    let sink = sink(Html::new_document(), Node::Document, body);
    Page::new(bounded(TreeBuilder::new(sink, TreeBuilderOpts::default()), body))
}

/// Parses a piece of a page, such as a post in a JSON answer.
pub(super) fn fragment(body: &str) -> Html {
    let sink = sink(Html::new_fragment(), Node::Fragment, body);
    let inside = QualName::new(None, html5ever::ns!(html), html5ever::local_name!("body"));
    let inside = create_element(&sink, inside, Vec::new());
    bounded(TreeBuilder::new_for_fragment(sink, inside, None, TreeBuilderOpts::default()), body)
}

/// An empty tree with room for what a text of that length mostly becomes.
fn sink(mut html: Html, root: Node, body: &str) -> HtmlTreeSink {
    html.tree = Tree::with_capacity(root, 16 + (body.len() / 20).min(10_000));
    HtmlTreeSink::new(html)
}

/// Parses up to where the tree grows too large. The tree is measured, not the text: what a tag does to the tree only the
/// parser knows.
fn bounded(builder: TreeBuilder<NodeId, HtmlTreeSink>, body: &str) -> Html {
    let text = newlines(body);
    let mut tokens = Tokens::new(&text, &builder);
    let (mut look, mut seen, mut weight) = (PIECE, 0, 0);
    while tokens.step() {
        if tokens.at() < look {
            continue;
        }
        look = tokens.at() + PIECE;
        let mut html = builder.sink.0.borrow_mut();
        // Nobody reads them, and every byte may be one.
        html.errors.clear();
        let nodes = html.tree.nodes();
        let fresh = nodes.len() - seen;
        seen += fresh;
        let mut deep = false;
        for node in nodes.rev().take(fresh) {
            weight += weight_of(node);
            deep = deep || is_deep(node);
        }
        if deep || weight > MOST {
            break;
        }
    }
    tokens.end();
    Html { errors: Vec::new(), ..builder.sink.finish() }
}

/// An element with its attributes.
fn weight_of(node: NodeRef<'_, Node>) -> usize {
    1 + node.value().as_element().map_or(0, |element| element.attrs.len())
}

/// Whether too much is open around a node. Asked of the last child without children of its own: the deepest node or a
/// sibling of it is one.
fn is_deep(node: NodeRef<'_, Node>) -> bool {
    if node.has_children() || node.next_sibling().is_some() {
        return false;
    }
    let (mut depth, mut weight) = (0, weight_of(node));
    for around in node.ancestors() {
        depth += 1;
        weight += weight_of(around);
        if depth > DEEPEST || weight > HEAVIEST {
            return true;
        }
    }
    false
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

    fn weight(html: &Html) -> usize {
        html.tree.nodes().map(weight_of).sum()
    }

    fn depth(html: &Html) -> usize {
        html.tree.nodes().map(|node| node.ancestors().count()).max().unwrap_or(0)
    }

    #[test]
    fn what_is_opened_anew_in_each_paragraph_is_bounded() {
        let bold: String = (0..1400).map(|id| format!("<b id={id}>")).collect();
        let many = format!("<p>{bold}{}", "<p>x".repeat(3000));
        // One piece may go beyond the bound: 256 paragraphs of 1,400 elements with an attribute.
        for html in [page(&many).into_html(), fragment(&many)] {
            assert!(weight(&html) < MOST + 256 * 2 * 1500, "{}", weight(&html));
        }
        let attributes: String = (0..20_000).map(|n| format!(" a{n}")).collect();
        let html = page(&format!("<p><b{attributes}>{}", "<p>x".repeat(3000)));
        assert!(weight(&html) < MOST, "{}", weight(&html));
    }

    #[test]
    fn depth_is_that_of_the_tree() {
        let hidden = "<div title=\"</div>\">".repeat(20_000);
        for html in [page(&hidden).into_html(), fragment(&hidden)] {
            assert!(depth(&html) < DEEPEST + PIECE, "{}", depth(&html));
        }
        // What is closed of itself, or shallow again, is read to the end.
        let long = format!("<p>{}<i>end</i>", "<b>x</b><br><img src=a><p>".repeat(20_000));
        let html = page(&long);
        assert_eq!(html.all(select!("i")).map(line).collect::<Vec<_>>(), ["end"]);
        let wide = format!("<div>{}</div>слова 词 &amp; &#1078;", "я".repeat(5000));
        assert_eq!(page(&wide).into_html(), Html { errors: Vec::new(), ..Html::parse_document(&wide) });
        assert_eq!(fragment(&wide), Html { errors: Vec::new(), ..Html::parse_fragment(&wide) });
    }
}
