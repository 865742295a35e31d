//! Posts that an engine stores as HTML: Invision, and IPB 3 with BBCode inside.

use super::{
    Bbcode, Cleaned, clean_bbcode, decode_entities,
    output::{Output, is_shortened, link_suffix},
};
use tm_model::QuoteTarget;

/// Cleans a post stored as HTML as [`clean_bbcode`](crate::clean_bbcode) cleans BBCode: block quotes are taken out and
/// noted, text is laid out as a browser would, pictures go unless they are smilies, code keeps its lines. Malformed
/// HTML is read as far as it makes sense, in linear time.
///
/// ```
/// let cleaned = tm_collect::clean_html(
///     "<blockquote class=\"ipsQuote\" data-ipsquote-contentcommentid=\"7\" data-ipsquote-username=\"vega\">\
///      <p>price?</p></blockquote><p><b>200</b> a month</p>",
///     false,
/// );
/// assert_eq!(cleaned.text, "200 a month");
/// assert_eq!(cleaned.quotes[0].post.as_deref(), Some("7"));
/// ```
pub fn clean_html(html: &str, link_targets: bool) -> Cleaned {
    Page::read(html, link_targets, true)
}

/// Cleans HTML in which BBCode tags stand as well. Brackets that an author typed are escaped in it, so entities are
/// decoded only behind the BBCode.
pub(crate) fn clean_html_around_bbcode(html: &str, link_targets: bool) -> Cleaned {
    let outer = Page::read(html, link_targets, false);
    let mut cleaned = clean_bbcode(&outer.text, &Bbcode { escaped: true, uid: None, link_targets });
    cleaned.quotes.splice(0..0, outer.quotes);
    for (into, from) in [(&mut cleaned.mentions, outer.mentions), (&mut cleaned.links, outer.links)] {
        for item in from {
            let item = decode_entities(&item).into_owned();
            if !into.contains(&item) {
                into.push(item);
            }
        }
    }
    cleaned
}

struct Page {
    out: Output,
    /// White space stood before what comes next.
    blank: bool,
    /// `pre` elements that are open.
    verbatim: usize,
    /// Name of the element that is passed over, and how deep it is nested in itself.
    skipped: Option<(String, usize)>,
    /// Where the label of the open link began, its address, and whether it addresses a member.
    link: Option<(usize, String, bool)>,
    link_targets: bool,
    decode: bool,
}

impl Page {
    fn read(html: &str, link_targets: bool, decode: bool) -> Cleaned {
        let out = Output::default();
        let mut page =
            Page { out, blank: false, verbatim: 0, skipped: None, link: None, link_targets, decode };
        let mut rest = html;
        // No comment ends behind `rest`: looking again would take quadratic time.
        let mut open_comment = false;
        loop {
            let place = memchr::memchr(b'<', rest.as_bytes());
            page.text(&rest[..place.unwrap_or(rest.len())]);
            let Some(place) = place else { break };
            rest = &rest[place..];
            if let Some(comment) = rest.strip_prefix("<!--").filter(|_| !open_comment) {
                match memchr::memmem::find(comment.as_bytes(), b"-->") {
                    Some(end) => {
                        rest = &comment[end + 3..];
                        continue;
                    }
                    None => open_comment = true,
                }
            }
            let inner = &rest[1..];
            let starts = inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
            let Some(end) = starts.then(|| tag_end(inner)).flatten() else {
                page.text("<");
                rest = inner;
                continue;
            };
            page.tag(&inner[..end]);
            rest = &inner[end + 1..];
        }
        page.out.finish()
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() || self.skipped.is_some() {
            return;
        }
        let decoded = if self.decode { decode_entities(text) } else { text.into() };
        if self.verbatim > 0 {
            self.out.push(&decoded);
            return;
        }
        for (i, word) in decoded.split([' ', '\n', '\t', '\r']).enumerate() {
            self.blank |= i > 0;
            if word.is_empty() {
                continue;
            }
            if self.blank && !self.out.breaks() && !self.out.text.is_empty() && !self.out.text.ends_with('\n')
            {
                self.out.push(" ");
            }
            self.blank = false;
            if word.contains('\u{a0}') {
                self.out.push(&word.replace('\u{a0}', " "));
            } else {
                self.out.push(word);
            }
        }
    }

    fn line(&mut self) {
        self.blank = false;
        self.out.break_line();
    }

    fn tag(&mut self, tag: &str) {
        let (close, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let length = tag.bytes().take(12).take_while(u8::is_ascii_alphanumeric).count();
        let name = tag[..length].to_ascii_lowercase();
        if let Some((skipped, depth)) = &mut self.skipped {
            if *skipped == name && !tag.ends_with('/') {
                match (close, *depth) {
                    (true, 0) => {
                        self.skipped = None;
                        self.line();
                    }
                    (true, _) => *depth -= 1,
                    (false, _) => *depth += 1,
                }
            }
            return;
        }
        let class = |sign: &str| attribute(tag, "class").is_some_and(|class| class.contains(sign));
        match name.as_str() {
            "blockquote" if !close => {
                self.out.quote(target(tag));
                self.skip(name);
            }
            "script" | "style" | "noscript" | "template" | "iframe" | "button" if !close => self.skip(name),
            "div" | "p" | "span"
                if !close
                    && ["ipsSpoiler_header", "ipsQuote_citation", "citation", "edit"]
                        .iter()
                        .any(|c| class(c)) =>
            {
                self.skip(name)
            }
            "br" => {
                self.blank = false;
                self.out.push("\n");
            }
            "img"
                if class("emoticon") || class("emoji") || class("Emoji") || tag.contains("data-emoticon") =>
            {
                let alt = attribute(tag, "alt").or_else(|| attribute(tag, "title")).unwrap_or_default();
                self.text(alt);
            }
            "pre" if close => {
                self.verbatim = self.verbatim.saturating_sub(1);
                self.line();
            }
            "pre" => {
                self.line();
                self.verbatim += 1;
            }
            "a" if close => self.end_link(),
            "a" => {
                let target = decode_entities(attribute(tag, "href").unwrap_or_default()).into_owned();
                let member = attribute(tag, "data-mentionid").is_some();
                self.link = Some((self.out.text.len(), target, member));
            }
            "td" | "th" if close => self.blank = true,
            "p" | "div" | "ul" | "ol" | "li" | "table" | "tr" | "hr" | "h1" | "h2" | "h3" | "h4" | "h5"
            | "h6" | "section" | "article" | "details" | "summary" | "center" | "dl" | "dt" | "dd"
            | "figure" => self.line(),
            _ => {}
        }
    }

    fn skip(&mut self, name: String) {
        self.line();
        self.skipped = Some((name, 0));
    }

    fn end_link(&mut self) {
        let Some((start, target, member)) = self.link.take() else { return };
        let label = self.out.text.get(start..).unwrap_or_default().to_owned();
        if member {
            return self.out.mention(&label);
        }
        self.out.link(start, &target);
        if is_shortened(label.trim(), &target) {
            let lead = label.len() - label.trim_start().len();
            self.out.text.truncate(start + lead);
            self.out.push(&target);
        } else if let Some(suffix) = link_suffix(&label, &target, self.link_targets) {
            self.out.push(&suffix);
        }
    }
}

/// Where the `>` stands that ends a tag; attribute values may hold one.
fn tag_end(inner: &str) -> Option<usize> {
    // A tag longer than this is none; without a bound, open quotes would take quadratic time.
    let bytes = &inner.as_bytes()[..inner.len().min(16 * 1024)];
    let mut at = 0;
    loop {
        let found = at + memchr::memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        let quote = bytes[found];
        // Only behind an equals sign a quote holds a value; elsewhere it is an apostrophe gone astray.
        if quote == b'>' {
            return Some(found);
        }
        let value = bytes[..found].trim_ascii_end().ends_with(b"=");
        at = match memchr::memchr(quote, &bytes[found + 1..]) {
            Some(end) if value => found + 2 + end,
            _ => found + 1,
        };
    }
}

/// The value of an attribute, still escaped.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    for place in memchr::memmem::find_iter(tag.as_bytes(), name.as_bytes()) {
        if !tag[..place].ends_with(|c: char| c.is_ascii_whitespace()) {
            continue;
        }
        let rest = tag[place + name.len()..].trim_start();
        let Some(value) = rest.strip_prefix('=') else {
            if rest.is_empty() || tag[place + name.len()..].starts_with(|c: char| c.is_ascii_whitespace()) {
                return Some("");
            }
            continue;
        };
        let value = value.trim_start();
        return Some(match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default(),
        });
    }
    None
}

/// Whom and what a block quote of Invision 4 or IPB 3.4 names.
fn target(tag: &str) -> QuoteTarget {
    let field = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| attribute(tag, name))?;
        crate::field::name(&decode_entities(value))
    };
    let post = field(["data-ipsquote-contentcommentid", "data-cid"])
        .filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
    QuoteTarget { post, author: field(["data-ipsquote-username", "data-author"]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, expect: &str) {
        assert_eq!(clean_html(html, false).text, expect, "{html}");
    }

    #[test]
    fn lays_out_as_a_browser_does() {
        check("<p>a\n  b</p>\n<p>c<br>d</p>", "a b\nc\nd");
        check("<ul><li>one</li><li>two</li></ul>tail", "one\ntwo\ntail");
        check("<pre class='ipsCode'>if a &lt; b {\n    c\n}</pre><p>end</p>", "if a < b {\n    c\n}\nend");
        check("1 < 2 && 3 > 2 <3", "1 < 2 && 3 > 2 <3");
        check(
            "<p>x <img class=\"ipsEmoji\" alt=\"😀\"> <img src=\"p.png\" alt=\"photo\">y</p><!-- c -->",
            "x 😀 y",
        );
        check(
            "<a href=\"https://drop.example/abcdefgh/x.zip\">https://drop.example/abc ... x.zip</a>",
            "https://drop.example/abcdefgh/x.zip",
        );
        check("<p data-x='a > b'>it's</p><script>alert('x')</script>!", "it's\n!");
        check("open <blockquote><p>never closed", "open");
    }

    #[test]
    fn names_whom_it_quotes_and_addresses() {
        let cleaned = clean_html(
            "<blockquote class='ipsBlockquote' data-author=\"O&#039;Hara\" data-cid=\"9\" data-time=\"1\"><blockquote>x</blockquote>y</blockquote>\
             <p><a data-mentionid=\"4\" href=\"/profile/4-vega/\">@vega</a> see <a href=\"http://a.example/?a=1&amp;b=2\">this</a> and https://b.example/x.</p>",
            false,
        );
        assert_eq!(cleaned.text, "@vega see this and https://b.example/x.");
        assert_eq!(cleaned.quotes, [QuoteTarget { post: Some("9".into()), author: Some("O'Hara".into()) }]);
        assert_eq!(cleaned.mentions, ["vega"]);
        assert_eq!(cleaned.links, ["http://a.example/?a=1&b=2", "https://b.example/x"]);
    }

    #[test]
    fn bbcode_inside_is_read_and_typed_brackets_stay() {
        let cleaned = clean_html_around_bbcode(
            "[quote name='vega' date='12 May 2010 - 10:10 PM' timestamp='1273' post='5']price?[/quote]<br />\n200 &#91;b&#93; &amp; up",
            false,
        );
        assert_eq!(cleaned.text, "200 [b] & up");
        assert_eq!(cleaned.quotes[0].post.as_deref(), Some("5"));
    }

    #[test]
    fn hostile_html_ends() {
        for piece in ["<", "<a ", "<a href=\"", "<!--", "<blockquote>", "</pre>", "<b='", "<div class=", "&#"]
        {
            clean_html(&piece.repeat(20_000), true);
        }
    }
}
