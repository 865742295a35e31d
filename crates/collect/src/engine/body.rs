//! The author's own words of a post's body: no quotes, no edit notes, no buttons.

use super::dom;
use ego_tree::iter::Edge;
use scraper::{ElementRef, Node};
use tm_model::QuoteTarget;
use url::Url;

/// How an engine marks what is not the author's own.
pub(super) struct Marks<'a> {
    /// Elements that hold a quote.
    pub quote: &'a dom::Select,
    /// Elements that are neither words of the author nor a quote: signatures, notes, buttons.
    pub drop: &'a dom::Select,
    /// Links that address a member.
    pub mention: &'a dom::Select,
    /// Whom and what a quote quotes.
    pub target: &'a dyn Fn(&Url, ElementRef<'_>) -> QuoteTarget,
}

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub text: String,
    pub quotes: Vec<QuoteTarget>,
    pub mentions: Vec<String>,
    pub links: Vec<String>,
}

/// Most quotes and links that are kept of one post.
const MOST: usize = 500;

/// Where Cloudflare leads whoever has no script; behind it stands the hidden address.
const PROTECTED: &str = "/cdn-cgi/l/email-protection#";

/// Reads a body. Walks without recursion, however deep the markup is nested.
pub(super) fn own(base: &Url, body: ElementRef<'_>, marks: &Marks<'_>) -> Own {
    let mut own = Own::default();
    let mut out = Writer::default();
    // The element inside which nothing is the author's own.
    let mut skip = None;
    // Where the words of the link that is open began, and its address.
    let mut open: Option<(usize, Url)> = None;
    let mut verbatim = 0usize;
    // The bracket behind a picture that was taken out comes next.
    let mut unbracket = false;
    for edge in body.traverse() {
        match edge {
            Edge::Open(node) => {
                if skip.is_some() {
                    continue;
                }
                match node.value() {
                    Node::Text(text) => {
                        let text: &str = text;
                        let text =
                            text.strip_prefix(']').filter(|_| std::mem::take(&mut unbracket)).unwrap_or(text);
                        if verbatim > 0 { out.verbatim(text) } else { out.flow(text) }
                    }
                    Node::Element(element) => {
                        let Some(here) = ElementRef::wrap(node) else { continue };
                        if node.id() != body.id() && marks.quote.matches(&here) {
                            if own.quotes.len() < MOST {
                                own.quotes.push((marks.target)(base, here));
                            }
                            out.line();
                            skip = Some(node.id());
                            continue;
                        }
                        if node.id() != body.id() && marks.drop.matches(&here) {
                            skip = Some(node.id());
                            continue;
                        }
                        match element.name() {
                            "script" | "style" | "noscript" | "button" | "form" | "template" | "svg" => {
                                skip = Some(node.id());
                            }
                            "br" => out.newline(),
                            "pre" | "textarea" => {
                                out.line();
                                verbatim += 1;
                            }
                            "img" => {
                                // Smilies are written as pictures.
                                let class = element.attr("class").unwrap_or("");
                                if class.contains("smil")
                                    || class.contains("emoji")
                                    || class.contains("emoticon")
                                {
                                    out.flow(element.attr("alt").unwrap_or(""));
                                }
                            }
                            "a" => {
                                if let Some(code) = element.attr("data-cfemail").and_then(cloudflare) {
                                    out.flow(&code);
                                    skip = Some(node.id());
                                    continue;
                                }
                                if let Some(code) = element.attr("href").and_then(|h| h.split_once(PROTECTED))
                                {
                                    // The words of the link stay, its address is the hidden one.
                                    let address = cloudflare(code.1).map(|a| format!("mailto:{a}"));
                                    let known = address.as_ref().is_none_or(|a| own.links.contains(a));
                                    if !known && own.links.len() < MOST {
                                        own.links.extend(address);
                                    }
                                } else if marks.mention.matches(&here) {
                                    let name = dom::line(here);
                                    let name = name.trim_start_matches('@').trim();
                                    if !name.is_empty()
                                        && !own.mentions.iter().any(|m| m == name)
                                        && own.mentions.len() < MOST
                                    {
                                        own.mentions.push(name.to_owned());
                                    }
                                } else if let Some(url) = dom::link(base, here) {
                                    open = Some((out.text.len(), url));
                                }
                            }
                            "span" if element.attr("data-cfemail").is_some() => {
                                if let Some(code) = element.attr("data-cfemail").and_then(cloudflare) {
                                    out.flow(&code);
                                }
                                skip = Some(node.id());
                            }
                            "li" => {
                                out.line();
                            }
                            name if block(name) || code_box(element) => out.line(),
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            Edge::Close(node) => {
                if let Some(inside) = skip {
                    if inside == node.id() {
                        skip = None;
                    }
                    continue;
                }
                let Node::Element(element) = node.value() else { continue };
                match element.name() {
                    "pre" | "textarea" => {
                        verbatim = verbatim.saturating_sub(1);
                        out.line();
                    }
                    "a" => {
                        if let Some((from, url)) = open.take() {
                            let behind = node.next_sibling().and_then(|n| n.value().as_text());
                            if behind.is_some_and(|b| b.starts_with(']'))
                                && let Some(start) = picture(&out.text, from)
                            {
                                let kept = out.text[..start].trim_end_matches(' ').len();
                                out.blank |= kept < start;
                                out.text.truncate(kept);
                                unbracket = true;
                                continue;
                            }
                            let label = out.text.get(from..).unwrap_or("").trim();
                            if bare(&url, label) {
                                continue;
                            }
                            out.unshorten(from, url.as_str());
                            let known = own.links.iter().any(|l| l == url.as_str());
                            if matches!(url.scheme(), "http" | "https" | "ftp" | "magnet")
                                && !known
                                && own.links.len() < MOST
                            {
                                own.links.push(url.into());
                            }
                        }
                    }
                    name if block(name) || name == "li" || code_box(element) => out.line(),
                    _ => {}
                }
            }
        }
    }
    own.text = crate::strip_controls(out.text.trim()).into_owned();
    bare_links(&own.text, &mut own.links);
    own
}

/// Where `[Image: ` (in any language) begins before a link of bare address: MyBB writes that, and `]` behind it, for
/// members who do not want to see pictures.
fn picture(text: &str, link: usize) -> Option<usize> {
    let start = text.get(..link)?.rfind('[')?;
    let word = text[start + 1..link].trim_end().strip_suffix(':')?;
    let bare = text[link..].trim_start().starts_with("http");
    (bare && !word.is_empty() && word.chars().all(char::is_alphabetic)).then_some(start)
}

/// A name of a host in the author's words, of which the engine (SMF, NodeBB) made a link: all that it says stands in
/// the text, and engines glue words without blanks before it to the name.
fn bare(link: &Url, label: &str) -> bool {
    let root = link.path() == "/" && link.query().is_none() && link.fragment().is_none();
    root && !label.contains([':', '/', '@'])
        && Url::parse(&format!("{}://{label}/", link.scheme())).is_ok_and(|named| named == *link)
}

/// Addresses that the author wrote and the engine did not make a link of.
fn bare_links(text: &str, links: &mut Vec<String>) {
    let scheme = |text: &str| {
        text.find("http").filter(|at| {
            let rest = text[at + 4..].strip_prefix('s').unwrap_or(&text[at + 4..]);
            rest.starts_with("://")
        })
    };
    for word in text
        .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '“' | '”' | '，' | '。' | '、'))
    {
        let Some(from) = scheme(word) else { continue };
        // Punctuation of the sentence, and brackets that were opened before the address.
        let word = word[from..]
            .trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']', '}', '）', '》', '；', '：']);
        let Ok(url) = Url::parse(word) else { continue };
        let known =
            links.iter().any(|l| l == url.as_str() || l.trim_end_matches('/') == word || l.starts_with(word));
        if url.host_str().is_some_and(|h| h.contains('.')) && !known && links.len() < MOST {
            links.push(url.into());
        }
    }
}

/// SMF writes a block of code as `code` alone.
fn code_box(element: &scraper::node::Element) -> bool {
    element.name() == "code" && element.attr("class").is_some_and(|c| c.contains("bbc_code"))
}

fn block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "ul"
            | "ol"
            | "dl"
            | "dt"
            | "dd"
            | "table"
            | "tr"
            | "blockquote"
            | "hr"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "section"
            | "article"
            | "details"
            | "summary"
            | "center"
            | "fieldset"
    )
}

/// An address that Cloudflare hides: hexadecimal, the first byte is the key of the others.
pub(super) fn cloudflare(code: &str) -> Option<String> {
    let bytes: Vec<u8> = code
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()))
        .collect::<Option<_>>()?;
    let (key, rest) = bytes.split_first()?;
    String::from_utf8(rest.iter().map(|b| b ^ key).collect()).ok().filter(|s| !s.is_empty())
}

/// Text as a browser would lay it out.
#[derive(Default)]
struct Writer {
    text: String,
    /// A blank stood before what comes next.
    blank: bool,
}

impl Writer {
    fn flow(&mut self, text: &str) {
        for c in text.chars() {
            // No-break blanks indent code in engines that write it without `pre`.
            if c.is_whitespace() && c != '\u{a0}' {
                self.blank = true;
            } else {
                if self.blank && !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push(' ');
                }
                self.blank = false;
                self.text.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    fn verbatim(&mut self, text: &str) {
        self.blank = false;
        self.text.push_str(text);
    }

    fn newline(&mut self) {
        self.blank = false;
        self.text.push('\n');
    }

    /// What follows begins a line.
    fn line(&mut self) {
        self.blank = false;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Replaces the words of a link that only shorten its address by the address.
    fn unshorten(&mut self, from: usize, url: &str) {
        let Some(label) = self.text.get(from..).map(str::trim) else { return };
        let dots = label.find("...").or_else(|| label.find('…'));
        let Some(dots) =
            dots.filter(|_| label.contains("://") || label.starts_with("www.") || label.contains('/'))
        else {
            return;
        };
        let head = label[..dots].trim_end();
        let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
        let head = head.split_once("://").map_or(head, |(_, rest)| rest);
        if head.len() > 3 && bare.starts_with(head) {
            let lead = self.text.len() - self.text[from..].trim_start().len();
            self.text.truncate(lead);
            self.text.push_str(url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dom::select;
    use super::*;

    fn check(html: &str, expect: &str) {
        let page = dom::page(html);
        let base = Url::parse("http://forum.example/").unwrap();
        let marks = Marks {
            quote: select!("blockquote"),
            drop: select!(".signature"),
            mention: select!("a.mention"),
            target: &|_, _| QuoteTarget { post: None, author: None },
        };
        let body = dom::first(page.root_element(), select!("body")).unwrap();
        assert_eq!(own(&base, body, &marks).text, expect);
    }

    #[test]
    fn lays_out_as_a_browser_does() {
        check("a<br />\nb  c<p>d</p><p>e</p>", "a\nb c\nd\ne");
        check("x<blockquote>q<br>r</blockquote>y<div class=signature>s</div>", "x\ny");
        check("<pre><code>if a {\n    b\n}</code></pre>end", "if a {\n    b\n}\nend");
        check(
            "see <a href='http://a.example/long/path/file.html'>http://a.example/lo ... le.html</a>",
            "see http://a.example/long/path/file.html",
        );
        check("a [Image: <a href='http://a.example/x.png'>http://a.example/x.png</a>] b", "a b");
        check("[Проект: <a href='http://a.example/'>the site</a>] b", "[Проект: the site] b");
        check("at <a href='//c2.a.example'>c2.a.example</a> now", "at c2.a.example now");
        check("<img class='smilies' alt=':)'> <img alt='photo.png'>ok<script>alert(1)</script>", ":) ok");
        check(
            "<a data-cfemail='422e2b2c2702263027232f6c27232f322e27'>[email protected]</a>",
            "line@dream.eample",
        );
    }

    #[test]
    fn hidden_addresses_of_links() {
        let page = dom::page(
            "write to <a href='/cdn-cgi/l/email-protection#422e2b2c2702263027232f6c27232f322e27'>me</a> or <a class='__cf_email__' \
             href='/cdn-cgi/l/email-protection' data-cfemail='422e2b2c2702263027232f6c27232f322e27'>[email&#160;protected]</a>",
        );
        let marks = Marks {
            quote: select!("blockquote"),
            drop: select!(".signature"),
            mention: select!("a.mention"),
            target: &|_, _| QuoteTarget { post: None, author: None },
        };
        let base = Url::parse("http://forum.example/").unwrap();
        let own = own(&base, dom::first(page.root_element(), select!("body")).unwrap(), &marks);
        assert_eq!(own.text, "write to me or line@dream.eample");
        assert_eq!(own.links, ["mailto:line@dream.eample"]);
    }

    #[test]
    fn nesting_without_end_is_cut() {
        let html = format!("first{}deep", "<div>".repeat(300_000));
        check(&html, "first");
    }

    #[test]
    fn links_are_those_of_the_author() {
        let page = dom::page(
            "<body>C2 <a href='//c2.a.example'>c2.a.example</a> 在<a href='http://在c2.b.example'>在c2.b.example</a>
            <a href='http://c.example/'>here</a> (https://d.example/x?y=1). <a href='http://e.example/f/g.html'>http://e.example/f/g.html</a>
            https://e.example, http:// https://nohost",
        );
        let marks = Marks {
            quote: select!("blockquote"),
            drop: select!(".signature"),
            mention: select!("a.mention"),
            target: &|_, _| QuoteTarget { post: None, author: None },
        };
        let body = dom::first(page.root_element(), select!("body")).unwrap();
        let own = own(&Url::parse("http://forum.example/").unwrap(), body, &marks);
        assert_eq!(
            own.links,
            [
                "http://c.example/",
                "http://e.example/f/g.html",
                "https://d.example/x?y=1",
                "https://e.example/"
            ]
        );
    }

    #[test]
    fn deep_nesting_is_read() {
        let html = format!("{}deep{}", "<div>".repeat(400), "</div>".repeat(400));
        check(&html, "deep");
    }
}
