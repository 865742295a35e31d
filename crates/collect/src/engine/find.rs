//! Selectors of fixed texts. Most elements are told from what is looked for by name or class alone; the whole selector is tried
//! on the rest.

use ego_tree::{NodeId, NodeRef};
use html5ever::{LocalName, local_name};
use scraper::error::SelectorErrorKind;
use scraper::node::Element;
use scraper::{ElementRef, Html, Node, Selector};

/// A selector of a fixed text, compiled once.
macro_rules! select {
    ($text:literal) => {{
        static SELECTOR: std::sync::LazyLock<$crate::engine::find::Select> =
            std::sync::LazyLock::new(|| $crate::engine::find::Select::new($text).expect("a valid selector"));
        &*SELECTOR
    }};
}
pub(super) use select;

/// A selector, with what an element must have for each of its alternatives.
#[derive(Debug, Clone)]
pub(super) struct Select {
    selector: Selector,
    musts: Vec<Must>,
}

/// What an alternative of a selector asks of the element itself and of those around it. It asks for more perhaps, never for
/// less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Must {
    tag: Option<LocalName>,
    id: Option<String>,
    class: Option<String>,
    attribute: Option<LocalName>,
    /// Marks of what is asked of the element beside its name, see [`Known::has`].
    has: u64,
    /// Marks of what is asked of elements around it, see [`Known::above`].
    above: u128,
}

impl Select {
    /// Compiles a selector.
    ///
    /// # Errors
    /// Why the text is none.
    pub(super) fn new(text: &str) -> Result<Select, SelectorErrorKind> {
        let selector = Selector::parse(text)?;
        // Names may be written in ways that are not looked into here; then every element is worth a closer look.
        let plain = !text.contains(['\\', '|', '/']);
        Ok(Select { selector, musts: if plain { musts(text) } else { vec![Must::default()] } })
    }

    /// Whether the element is one of those.
    pub(super) fn matches(&self, element: &ElementRef<'_>) -> bool {
        self.musts.iter().any(|m| m.fits(element.value())) && self.selector.matches(element)
    }
}

/// An element of a page, with marks of what it has: each class, identifier and attribute sets one bit, so that a missing bit
/// tells for sure.
#[derive(Debug)]
struct Known {
    node: NodeId,
    tag: LocalName,
    has: u64,
    /// Classes and identifiers of the elements around it.
    above: u128,
}

/// A parsed page with its elements in a list: most of what is looked for on a whole page is told by the list alone.
#[derive(Debug)]
pub(super) struct Page {
    html: Html,
    list: Vec<Known>,
}

impl Page {
    pub(super) fn new(html: Html) -> Page {
        let mut list = Vec::with_capacity(html.tree.nodes().len() / 2);
        // Nodes that are open around the next one, with the marks of all around what they hold.
        let mut open: Vec<(NodeId, u128)> = Vec::new();
        let root = html.tree.root();
        let mut node = Some(root);
        while let Some(here) = node {
            let parent = here.parent().map(|p| p.id());
            while open.last().is_some_and(|o| Some(o.0) != parent) {
                open.pop();
            }
            let above = open.last().map_or(0, |o| o.1);
            let mut inside = above;
            if let Some(element) = here.value().as_element() {
                let (has, names) = marks(element);
                inside |= names;
                list.push(Known { node: here.id(), tag: element.name.local.clone(), has, above });
            }
            if here.has_children() {
                open.push((here.id(), inside));
            }
            node = behind_node(root, here);
        }
        Page { html, list }
    }

    #[cfg(test)]
    pub(super) fn into_html(self) -> Html {
        self.html
    }
}

impl std::ops::Deref for Page {
    type Target = Html;

    fn deref(&self) -> &Html {
        &self.html
    }
}

/// Looking for all matches inside an element, or on a page.
pub(super) trait All<'a>: Sized {
    /// Matches in the order of the document.
    fn all(self, select: &Select) -> impl Iterator<Item = ElementRef<'a>>;
}

impl<'a> All<'a> for ElementRef<'a> {
    fn all(self, select: &Select) -> impl Iterator<Item = ElementRef<'a>> {
        let inside = *self;
        std::iter::successors(behind_node(inside, inside), move |node| behind_node(inside, *node))
            .filter_map(ElementRef::wrap)
            .filter(|e| select.matches(e))
    }
}

impl<'a> All<'a> for &'a Page {
    fn all(self, select: &Select) -> impl Iterator<Item = ElementRef<'a>> {
        self.list
            .iter()
            .filter(|k| select.musts.iter().any(|m| m.allows(k)))
            .filter_map(|k| ElementRef::wrap(self.html.tree.get(k.node)?))
            .filter(|e| select.matches(e))
    }
}

/// The node behind a node in the order of the document, inside another one.
fn behind_node<'a>(inside: NodeRef<'a, Node>, node: NodeRef<'a, Node>) -> Option<NodeRef<'a, Node>> {
    let mut up = node;
    node.first_child().or_else(|| {
        loop {
            if up.id() == inside.id() {
                return None;
            }
            if let Some(next) = up.next_sibling() {
                return Some(next);
            }
            up = up.parent()?;
        }
    })
}

/// A number from a name (FNV-1a), of which the highest bits tell as much as the others.
fn hash(kind: u8, name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(step(0xcbf2_9ce4_8422_2325, kind), step);
    (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The mark of a class (`.`) or identifier (`#`) in both forms.
fn mark(kind: u8, name: &str) -> (u64, u128) {
    let hash = hash(kind, name);
    (1 << (hash >> 58), 1 << (hash >> 57))
}

fn attribute_mark(name: &LocalName) -> u64 {
    1 << (name.get_hash() % 64)
}

/// All marks of an element; those of its classes and identifier.
fn marks(element: &Element) -> (u64, u128) {
    let (mut has, mut names) = (0, 0);
    let mut add = |(small, large): (u64, u128)| {
        has |= small;
        names |= large;
    };
    for (name, value) in &element.attrs {
        add((attribute_mark(&name.local), 0));
        if name.local == local_name!("class") {
            value.split_ascii_whitespace().for_each(|class| add(mark(b'.', class)));
        } else if name.local == local_name!("id") {
            add(mark(b'#', value));
        }
    }
    (has, names)
}

impl Must {
    /// Whether the marks of an element leave it possible.
    fn allows(&self, known: &Known) -> bool {
        self.tag.as_ref().is_none_or(|tag| known.tag == *tag)
            && known.has & self.has == self.has
            && known.above & self.above == self.above
    }

    fn fits(&self, element: &Element) -> bool {
        let value = |name: &LocalName| element.attrs.iter().find(|a| a.0.local == *name).map(|a| &*a.1);
        self.tag.as_ref().is_none_or(|tag| element.name.local == *tag)
            && self.class.as_ref().is_none_or(|class| {
                value(&local_name!("class")).is_some_and(|v| v.split_ascii_whitespace().any(|c| c == class))
            })
            && self.id.as_ref().is_none_or(|id| value(&local_name!("id")) == Some(id))
            && self.attribute.as_ref().is_none_or(|name| value(name).is_some())
    }
}

/// What each alternative of a selector asks.
fn musts(text: &str) -> Vec<Must> {
    let mut all = Vec::new();
    for (from, to) in pieces(text, |c| c == ',') {
        let alternative = text[from..to].trim();
        let parts = pieces(alternative, |c| c.is_whitespace() || matches!(c, '>' | '+' | '~'));
        let parts: Vec<(usize, usize)> = parts.into_iter().filter(|(from, to)| from < to).collect();
        let mut above = 0;
        for pair in parts.windows(2) {
            // A part before `+` or `~` is a sibling: it stands in the same elements.
            if !alternative[pair[0].1..pair[1].0].contains(['+', '~']) {
                above |= must(&alternative[pair[0].0..pair[0].1]).1;
            }
        }
        let last = parts.last().map_or("", |(from, to)| &alternative[*from..*to]);
        all.push(Must { above, ..must(last).0 });
    }
    all
}

/// Pieces of a text between signs that stand outside of brackets and quotes.
fn pieces(text: &str, sign: impl Fn(char) -> bool) -> Vec<(usize, usize)> {
    let (mut all, mut from, mut depth, mut quote) = (Vec::new(), 0, 0u32, None);
    for (at, c) in text.char_indices() {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(c),
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 && sign(c) => {
                all.push((from, at));
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    all.push((from, text.len()));
    all
}

/// What one part asks, such as `li.row[id^='x']:has(a)`, and the marks of its classes and identifier.
fn must(part: &str) -> (Must, u128) {
    let (mut must, mut names) = (Must::default(), 0);
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii())
            .collect()
    };
    // Names in capitals are those of HTML in small letters, and those of SVG as they stand.
    let atom = |name: &str| {
        let plain = !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase());
        plain.then(|| LocalName::from(name))
    };
    let mut rest = part;
    let tag = word(rest);
    rest = &rest[tag.len()..];
    must.tag = atom(&tag);
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        let name = word(rest);
        match sign {
            '.' | '#' if !name.is_empty() => {
                let (small, large) = mark(if sign == '.' { b'.' } else { b'#' }, &name);
                must.has |= small;
                names |= large;
                rest = &rest[name.len()..];
                if sign == '.' {
                    must.class = Some(name);
                } else {
                    must.id = Some(name);
                }
            }
            '[' => {
                must.attribute = atom(&word(rest.trim_start()));
                must.has |= must.attribute.as_ref().map_or(0, attribute_mark);
                rest = behind(rest, ']');
            }
            // What stands in brackets of a `:not` is not asked for.
            ':' => {
                rest = &rest[name.len()..];
                rest = rest.strip_prefix('(').map_or(rest, |inside| behind(inside, ')'));
            }
            _ => {}
        }
    }
    (must, names)
}

/// What stands behind the bracket that closes what was opened.
fn behind(text: &str, close: char) -> &str {
    let (mut depth, mut quote) = (0u32, None);
    for (at, c) in text.char_indices() {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(c),
            '[' | '(' => depth += 1,
            _ if c == close && depth == 0 => return &text[at + 1..],
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::super::dom;
    use super::*;

    #[test]
    fn what_selectors_ask() {
        let of = |text: &str| {
            let name = |n: &Option<LocalName>| n.as_ref().map_or("", |n| &**n).to_owned();
            let must = |m: &Must| {
                let class = m.class.clone().unwrap_or_default();
                format!("{}.{class}[{}] {}", name(&m.tag), name(&m.attribute), m.above.count_ones())
            };
            musts(text).iter().map(must).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(of("li.row, tr"), "li.row[] 0, tr.[] 0");
        assert_eq!(of("#a .b > a[href*='x, y > z'] , .h2 + *"), "a.[href] 2, .[] 0");
        assert_eq!(of("p:has(> a[href]):has(+ blockquote.q)"), "p.[] 0");
        assert_eq!(of(".x:not(.y) a:not(.c):not([d])"), "a.[] 1");
        assert_eq!(of(".z .y ~ [id^='t)'].u:first-of-type"), ".u[id] 1");
    }

    /// Each kind of selector finds what it finds without the look at name and class.
    #[test]
    fn nothing_is_missed() {
        let html = dom::page(
            "<DIV id=a class='x y\n z'><p class=y>1<a HREF=q data-k=v>2</a></p><ul><li class='y row'>3<li id=b>4</ul>\
             <svg viewBox='0'><a class=y>5</a></svg><blockquote><p>6</p></blockquote><p class='yy'>7</p><input type=text><template><td class=y>8</td></template><p class=z>9</div>",
        );
        for text in [
            "*",
            "div",
            "DIV",
            ".y",
            "p.y",
            "#a",
            "div#a .y",
            "li, a",
            "a[href]",
            "[data-k]",
            "[data-k='v']",
            "p:has(a)",
            "li:not(.row)",
            "ul > li",
            "p + ul",
            "p ~ p",
            "svg a",
            "div .y.row",
            "li:first-child",
            ".row , #b",
            "[id^='b']",
            "input[type=text]",
            "li:nth-child(2)",
            "[viewBox]",
            "[HREF]",
            "svg[viewBox]",
            "p.\\79",
            ":is(a, li)",
            "a:is(.y, [href])",
            "[ href ]",
            "li:not(.row, #x)",
            "div p:not(:has(a)), svg *",
            "[class|='y']",
            "#a .y + li, .x ~ p, .none a",
            "template ~ p.z",
            ".x p.z, .x td",
        ] {
            let select = Select::new(text).unwrap();
            let root = html.root_element().id();
            let listed: Vec<_> = html.all(&select).map(|e| e.id()).filter(|id| *id != root).collect();
            let ours: Vec<_> = html.root_element().all(&select).map(|e| e.id()).collect();
            let theirs: Vec<_> =
                html.root_element().select(&Selector::parse(text).unwrap()).map(|e| e.id()).collect();
            assert_eq!((&ours, &listed), (&theirs, &theirs), "{text}");
            let inner = dom::first(html.root_element(), select!("ul")).unwrap();
            let ours: Vec<_> = inner.all(&select).map(|e| e.id()).collect();
            let theirs: Vec<_> = inner.select(&Selector::parse(text).unwrap()).map(|e| e.id()).collect();
            assert_eq!(ours, theirs, "{text} inside");
            let mut done = inner.all(&select);
            while done.next().is_some() {}
            assert!(done.next().is_none(), "{text}");
        }
    }
}
