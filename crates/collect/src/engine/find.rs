//! Selectors of fixed texts. Most elements are told from what is looked for by name or class alone; the whole selector is tried
//! on the rest.

use ego_tree::NodeRef;
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

/// What the last part of a selector asks of an element itself. It asks for more perhaps, never for less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Must {
    tag: Option<LocalName>,
    id: Option<String>,
    class: Option<String>,
    attribute: Option<LocalName>,
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

/// Looking for all matches inside an element, or on a page.
pub(super) trait All<'a>: Sized {
    /// Matches in the order of the document.
    fn all<'s>(self, select: &'s Select) -> Matches<'a, 's>;
}

impl<'a> All<'a> for ElementRef<'a> {
    fn all<'s>(self, select: &'s Select) -> Matches<'a, 's> {
        Matches { inside: *self, node: Some(*self), select }
    }
}

impl<'a> All<'a> for &'a Html {
    fn all<'s>(self, select: &'s Select) -> Matches<'a, 's> {
        Matches { inside: self.tree.root(), node: Some(self.tree.root()), select }
    }
}

/// Matches inside an element.
pub(super) struct Matches<'a, 's> {
    inside: NodeRef<'a, Node>,
    /// The node that was looked at last; `None` behind the last one.
    node: Option<NodeRef<'a, Node>>,
    select: &'s Select,
}

impl<'a> Matches<'a, '_> {
    /// The node behind a node in the order of the document, inside the element.
    fn behind(&self, node: NodeRef<'a, Node>) -> Option<NodeRef<'a, Node>> {
        let mut up = node;
        node.first_child().or_else(|| {
            loop {
                if up.id() == self.inside.id() {
                    return None;
                }
                if let Some(next) = up.next_sibling() {
                    return Some(next);
                }
                up = up.parent()?;
            }
        })
    }
}

impl<'a> Iterator for Matches<'a, '_> {
    type Item = ElementRef<'a>;

    fn next(&mut self) -> Option<ElementRef<'a>> {
        loop {
            self.node = self.behind(self.node?);
            let element = ElementRef::wrap(self.node?);
            if let Some(element) = element.filter(|e| self.select.matches(e)) {
                return Some(element);
            }
        }
    }
}

impl Must {
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

/// What each alternative of a selector asks of the element itself.
fn musts(text: &str) -> Vec<Must> {
    let (mut all, mut depth, mut quote) = (Vec::new(), 0u32, None);
    // Where the last part of the alternative begins.
    let mut from = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(c),
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                all.push(must(text[from..at].trim()));
                from = at + 1;
            }
            // A blank in front of the comma ends nothing.
            _ if depth == 0
                && (c.is_whitespace() || matches!(c, '>' | '+' | '~'))
                && !matches!(text[at..].trim_start().chars().next(), None | Some(',')) =>
            {
                from = at + 1;
            }
            _ => {}
        }
    }
    all
}

/// What one part asks, such as `li.row[id^='x']:has(a)`.
fn must(part: &str) -> Must {
    let mut must = Must::default();
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii())
            .collect()
    };
    let mut rest = part;
    let tag = word(rest);
    rest = &rest[tag.len()..];
    // Names in capitals are those of HTML in small letters, and those of SVG as they stand.
    let atom = |name: &str| {
        let plain = !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase());
        plain.then(|| LocalName::from(name))
    };
    must.tag = atom(&tag);
    while let Some(sign) = rest.chars().next() {
        rest = &rest[sign.len_utf8()..];
        let name = word(rest);
        match sign {
            '.' if !name.is_empty() => must.class = Some(name.clone()),
            '#' if !name.is_empty() => must.id = Some(name.clone()),
            '[' => {
                must.attribute = atom(name.trim());
                rest = behind(rest, ']');
                continue;
            }
            // What stands in brackets of a `:not` is not asked for.
            ':' => {
                rest = &rest[name.len()..];
                rest = rest.strip_prefix('(').map_or(rest, |inside| behind(inside, ')'));
                continue;
            }
            _ => continue,
        }
        rest = &rest[name.len()..];
    }
    must
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
    fn what_selectors_ask_of_the_element() {
        let of = |text: &str| musts(text).iter().map(|m| format!("{m:?}")).collect::<Vec<_>>();
        let must = |tag: &str, class: &str, attribute: &str| {
            let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
            let atom = |s: &str| (!s.is_empty()).then(|| LocalName::from(s));
            format!("{:?}", Must { tag: atom(tag), id: None, class: some(class), attribute: atom(attribute) })
        };
        assert_eq!(of("li.row, tr"), [must("li", "row", ""), must("tr", "", "")]);
        assert_eq!(of("#a .b > a[href*='x, y > z'] , h2 + *"), [must("a", "", "href"), must("", "", "")]);
        assert_eq!(of("p:has(> a[href]):has(+ blockquote.q)"), [must("p", "", "")]);
        assert_eq!(of("a:not(.c):not([d])"), [must("a", "", "")]);
        assert_eq!(of("[id^='t)'].u:first-of-type"), [must("", "u", "id")]);
    }

    /// Each kind of selector finds what it finds without the look at name and class.
    #[test]
    fn nothing_is_missed() {
        let html = dom::page(
            "<DIV id=a class='x y\n z'><p class=y>1<a HREF=q data-k=v>2</a></p><ul><li class='y row'>3<li id=b>4</ul>\
             <svg viewBox='0'><a class=y>5</a></svg><blockquote><p>6</p></blockquote><p class='yy'>7</p><input type=text></div>",
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
        ] {
            let select = Select::new(text).unwrap();
            let ours: Vec<_> = html.root_element().all(&select).map(|e| e.id()).collect();
            let theirs: Vec<_> =
                html.root_element().select(&Selector::parse(text).unwrap()).map(|e| e.id()).collect();
            assert_eq!(ours, theirs, "{text}");
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
