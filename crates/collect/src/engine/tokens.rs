//! Cuts a page into the tokens of the HTML standard (13.2.5) for html5ever's tree builder.
//!
//! html5ever's own tokenizer reads character by character from a queue of buffers, since its input may arrive in pieces and
//! scripts may write into it. A page that is there as a whole is cut several times faster by looking for the next `<`. The
//! attributes of a tag are bounded as well: each is compared with all before it. The tree is the same, which the tests
//! compare.

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Doctype, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::{Attribute, LocalName, QualName, ns};
use memchr::{memchr, memchr2};
use std::borrow::Cow;
use std::cell::RefCell;

/// Attributes of a tag that are kept; no forum writes more than some thirty.
pub(super) const MOST_ATTRIBUTES: usize = 256;

/// What the text up to the next tag means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Markup.
    Data,
    /// Up to the end tag of the element, with references read: `title`, `textarea`.
    Words,
    /// Up to the end tag of the element as it stands: `style`, `iframe` and the like.
    Raw,
    /// A script.
    Script,
    /// Up to the end of the page.
    Plain,
}

/// A page on the way into a tree.
pub(super) struct Tokens<'a, S> {
    text: &'a str,
    /// The same once more: pieces of it are shared, not copied.
    shared: StrTendril,
    at: usize,
    mode: Mode,
    /// Name of the element that `mode` lasts for.
    last: LocalName,
    sink: &'a S,
}

/// Line ends as the standard wants them before anything else (13.2.3.5).
pub(super) fn newlines(body: &str) -> Cow<'_, str> {
    match memchr(b'\r', body.as_bytes()) {
        Some(_) => Cow::Owned(body.replace("\r\n", "\n").replace('\r', "\n")),
        None => Cow::Borrowed(body),
    }
}

impl<'a, S: TokenSink> Tokens<'a, S> {
    /// Begins with a text without `\r`.
    pub(super) fn new(text: &'a str, sink: &'a S) -> Tokens<'a, S> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let shared = StrTendril::from_slice(text);
        Tokens { text, shared, at: 0, mode: Mode::Data, last: LocalName::default(), sink }
    }

    /// Bytes that were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Hands the next token over; false at the end.
    pub(super) fn step(&mut self) -> bool {
        if self.at >= self.text.len() {
            return false;
        }
        match self.mode {
            Mode::Data => self.data(),
            Mode::Words | Mode::Raw => self.element(),
            Mode::Script => {
                let end = self.at + script_end(&self.text[self.at..]);
                self.words(end, false, true);
                self.end_tag(end);
            }
            Mode::Plain => self.words(self.text.len(), false, true),
        }
        true
    }

    /// Tells that there is no more.
    pub(super) fn end(&self) {
        self.send(Token::EOFToken);
        self.sink.end();
    }

    fn send(&self, token: Token) {
        // Pages are decoded already, and no script is run.
        let _ = self.sink.process_token(token, 1);
    }

    fn piece(&self, from: usize, to: usize) -> StrTendril {
        match (u32::try_from(from), u32::try_from(to - from)) {
            (Ok(from), Ok(length)) => self.shared.subtendril(from, length),
            _ => StrTendril::from_slice(&self.text[from..to]),
        }
    }

    /// Text up to `to`, with references read or not, with U+0000 replaced or not.
    fn words(&mut self, to: usize, references: bool, replace: bool) {
        let from = std::mem::replace(&mut self.at, to);
        let text = &self.text[from..to];
        if text.is_empty() {
            return;
        }
        let has = |byte| memchr(byte, text.as_bytes()).is_some();
        let plain = !(references && has(b'&') || replace && has(0));
        self.send(Token::CharacterTokens(if plain {
            self.piece(from, to)
        } else {
            StrTendril::from(read(text, references, false))
        }));
    }

    fn data(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        match (rest[0], rest.get(1), rest.get(2)) {
            (0, ..) => {
                self.at += 1;
                self.send(Token::NullCharacterToken);
            }
            (b'<', Some(b'!'), _) => self.declaration(),
            (b'<', Some(b'?'), _) => self.bogus(self.at + 1),
            (b'<', Some(b'/'), Some(b'>')) => self.at += 3,
            (b'<', Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => {
                self.tag(TagKind::EndTag, self.at + 2);
            }
            (b'<', Some(b'/'), Some(_)) => self.bogus(self.at + 2),
            (b'<', Some(letter), _) if letter.is_ascii_alphabetic() => {
                self.tag(TagKind::StartTag, self.at + 1);
            }
            (b'<', Some(b'/'), None) => self.words(self.at + 2, false, false),
            (b'<', ..) => self.words(self.at + 1, false, false),
            _ => {
                let length = memchr2(b'<', 0, rest).unwrap_or(rest.len());
                self.words(self.at + length, true, false);
            }
        }
    }

    /// The text of an element that holds no markup, and its end tag.
    fn element(&mut self) {
        let bytes = self.text.as_bytes();
        let mut end = self.at;
        while let Some(at) = memchr(b'<', &bytes[end..]) {
            end += at;
            if ends(&bytes[end..], self.last.as_bytes()) {
                break;
            }
            end += 1;
        }
        if !bytes.get(end..).is_some_and(|rest| ends(rest, self.last.as_bytes())) {
            end = bytes.len();
        }
        self.words(end, self.mode == Mode::Words, true);
        self.end_tag(end);
    }

    fn end_tag(&mut self, at: usize) {
        if at < self.text.len() {
            self.tag(TagKind::EndTag, at + 2);
        }
    }

    /// `<!` and what follows it.
    fn declaration(&mut self) {
        let rest = &self.text[self.at + 2..];
        if let Some(inside) = rest.strip_prefix("--") {
            let (length, whole) = comment(inside);
            let from = self.at + 4;
            self.at = from + whole;
            self.comment(from, from + length);
        } else if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("doctype")) {
            let length = memchr(b'>', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
            let doctype = doctype(&self.text[self.at..self.at + 2 + length]);
            self.at += 2 + length;
            self.send(Token::DoctypeToken(doctype));
        } else if rest.starts_with("[CDATA[")
            && self.sink.adjusted_current_node_present_but_not_in_html_namespace()
        {
            let inside = &rest[7..];
            let length = inside.find("]]>").unwrap_or(inside.len());
            self.at += 9;
            let end = self.at + length;
            while self.at < end {
                let bytes = &self.text.as_bytes()[self.at..end];
                match memchr(0, bytes) {
                    Some(0) => {
                        self.at += 1;
                        self.send(Token::NullCharacterToken);
                    }
                    other => self.words(self.at + other.unwrap_or(bytes.len()), false, false),
                }
            }
            self.at = self.text.len().min(end + 3);
        } else {
            self.bogus(self.at + 2);
        }
    }

    /// What is no markup counts as a comment up to the next `>`.
    fn bogus(&mut self, from: usize) {
        let bytes = &self.text.as_bytes()[from..];
        let length = memchr(b'>', bytes).unwrap_or(bytes.len());
        self.at = self.text.len().min(from + length + 1);
        self.comment(from, from + length);
    }

    fn comment(&self, from: usize, to: usize) {
        let text = &self.text[from..to];
        self.send(Token::CommentToken(match memchr(0, text.as_bytes()) {
            Some(_) => StrTendril::from(read(text, false, false)),
            None => self.piece(from, to),
        }));
    }

    /// A name of a tag or attribute, in lower case.
    fn name(&self, from: usize, to: usize) -> LocalName {
        let text = &self.text[from..to];
        if text.bytes().any(|b| b.is_ascii_uppercase() || b == 0) {
            LocalName::from(text.to_ascii_lowercase().replace('\0', "\u{fffd}"))
        } else {
            LocalName::from(text)
        }
    }

    /// A tag whose name begins at `from`. One that does not end is dropped with the rest of the page.
    fn tag(&mut self, kind: TagKind, from: usize) {
        let bytes = self.text.as_bytes();
        let mut at = skip(bytes, from, |b| !is_blank(b) && !matches!(b, b'/' | b'>'));
        let name = self.name(from, at);
        let mut tag =
            Tag { kind, name, self_closing: false, attrs: Vec::new(), had_duplicate_attributes: false };
        self.at = bytes.len();
        loop {
            at = skip(bytes, at, is_blank);
            match bytes.get(at) {
                None => return,
                Some(b'>') => break,
                Some(b'/') => {
                    at += 1;
                    if bytes.get(at) == Some(&b'>') {
                        tag.self_closing = true;
                        break;
                    }
                    continue;
                }
                Some(_) => {}
            }
            // A `=` in front belongs to the name.
            let begin = at;
            at = skip(bytes, at + 1, |b| !is_blank(b) && !matches!(b, b'/' | b'>' | b'='));
            let end = at;
            at = skip(bytes, at, is_blank);
            let (mut value, mut next) = (at..at, at);
            if bytes.get(at) == Some(&b'=') {
                at = skip(bytes, at + 1, is_blank);
                (value, next) = match bytes.get(at) {
                    None => return,
                    Some(quote @ (b'"' | b'\'')) => {
                        let Some(length) = memchr(*quote, &bytes[at + 1..]) else { return };
                        (at + 1..at + 1 + length, at + length + 2)
                    }
                    Some(_) => {
                        let end = skip(bytes, at, |b| !is_blank(b) && b != b'>');
                        (at..end, end)
                    }
                };
            }
            at = next;
            // Nothing reads those of an end tag.
            if kind == TagKind::EndTag || tag.attrs.len() >= MOST_ATTRIBUTES {
                continue;
            }
            let name = self.name(begin, end);
            if tag.attrs.iter().any(|a| a.name.local == name) {
                tag.had_duplicate_attributes = true;
                continue;
            }
            let text = &self.text[value.clone()];
            let value = match memchr2(b'&', 0, text.as_bytes()) {
                Some(_) => StrTendril::from(read(text, true, true)),
                None => self.piece(value.start, value.end),
            };
            tag.attrs.push(Attribute { name: QualName::new(None, ns!(), name), value });
        }
        self.at = at + 1;
        self.mode = Mode::Data;
        if kind == TagKind::StartTag {
            self.last = tag.name.clone();
        }
        self.mode = match self.sink.process_token(Token::TagToken(tag), 1) {
            TokenSinkResult::RawData(RawKind::Rcdata) => Mode::Words,
            TokenSinkResult::RawData(RawKind::Rawtext) => Mode::Raw,
            TokenSinkResult::RawData(_) => Mode::Script,
            TokenSinkResult::Plaintext => Mode::Plain,
            _ => Mode::Data,
        };
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b' ')
}

fn skip(bytes: &[u8], from: usize, over: impl Fn(u8) -> bool) -> usize {
    bytes
        .get(from..)
        .map_or(bytes.len(), |rest| from + rest.iter().position(|b| !over(*b)).unwrap_or(rest.len()))
}

/// Whether a tag of that name, with `<` or `</` in front, begins the bytes: behind the name something must end it.
fn is_named(bytes: &[u8], open: &[u8], name: &[u8]) -> bool {
    bytes.strip_prefix(open).is_some_and(|rest| {
        rest.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
            && rest.get(name.len()).is_some_and(|b| is_blank(*b) || matches!(b, b'/' | b'>'))
    })
}

fn ends(bytes: &[u8], name: &[u8]) -> bool {
    is_named(bytes, b"</", name)
}

/// Where a script ends: at its end tag, but not at one that stands in a script inside `<!--` (13.2.5.15 to 31).
fn script_end(text: &str) -> usize {
    #[derive(Clone, Copy, PartialEq)]
    enum Inside {
        Script,
        Comment,
        ScriptInComment,
    }
    let bytes = text.as_bytes();
    let (mut at, mut inside) = (0, Inside::Script);
    loop {
        let rest = &bytes[at..];
        let next = if inside == Inside::Script { memchr(b'<', rest) } else { memchr2(b'<', b'-', rest) };
        let Some(found) = next else { return bytes.len() };
        at += found;
        let rest = &bytes[at..];
        at += match inside {
            Inside::Script | Inside::Comment if ends(rest, b"script") => return at,
            Inside::Script if rest.starts_with(b"<!--") => {
                inside = Inside::Comment;
                // Its dashes may be those of `-->` as well.
                2
            }
            Inside::Comment | Inside::ScriptInComment if rest.starts_with(b"-->") => {
                inside = Inside::Script;
                3
            }
            Inside::Comment if is_named(rest, b"<", b"script") => {
                inside = Inside::ScriptInComment;
                7
            }
            Inside::ScriptInComment if ends(rest, b"script") => {
                inside = Inside::Comment;
                8
            }
            _ => 1,
        };
    }
}

/// How long the words of a comment are behind `<!--`, and all of it (13.2.5.43 to 52).
fn comment(inside: &str) -> (usize, usize) {
    if inside.starts_with('>') {
        return (0, 1);
    }
    if inside.starts_with("->") {
        return (0, 2);
    }
    let mut from = 0;
    while let Some(at) = inside[from..].find("--") {
        let at = from + at;
        let behind = &inside[at + 2..];
        if behind.starts_with('>') {
            return (at, at + 3);
        }
        if behind.starts_with("!>") {
            return (at, at + 4);
        }
        from = at + 1;
    }
    let end = ["--!", "--", "-"].iter().find_map(|tail| inside.strip_suffix(tail)).unwrap_or(inside);
    (end.len(), inside.len())
}

/// Keeps the one doctype of a text.
#[derive(Default)]
struct Kept(RefCell<Doctype>);

impl TokenSink for Kept {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        if let Token::DoctypeToken(doctype) = token {
            self.0.replace(doctype);
        }
        TokenSinkResult::Continue
    }
}

/// Reads `<!DOCTYPE …>`. It stands once on a page, so html5ever may take its time.
fn doctype(text: &str) -> Doctype {
    let tokenizer = Tokenizer::new(Kept::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(text));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.take()
}

/// Text with U+0000 replaced and, where they count, character references read.
fn read(text: &str, references: bool, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) =
        if references { memchr2(b'&', 0, rest.as_bytes()) } else { memchr(0, rest.as_bytes()) }
    {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\0') {
            out.push('\u{fffd}');
            rest = &rest[1..];
        } else if let Some(length) = reference(rest, attribute, &mut out) {
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Reads the character reference that a text begins with (13.2.5.72 to 80); its length.
fn reference(text: &str, attribute: bool, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(1) == Some(&b'#') {
        let (radix, from) = if matches!(bytes.get(2), Some(b'x' | b'X')) { (16, 3) } else { (10, 2) };
        let mut number = 0u32;
        let mut at = from;
        while let Some(digit) = bytes.get(at).and_then(|b| char::from(*b).to_digit(radix)) {
            number = number.saturating_mul(radix).saturating_add(digit);
            at += 1;
        }
        if at == from {
            return None;
        }
        let replaced = match number {
            0x80..=0x9f => C1_REPLACEMENTS[number as usize - 0x80],
            _ => None,
        };
        let c = replaced.or_else(|| char::from_u32(number).filter(|c| *c != '\0'));
        out.push(c.unwrap_or('\u{fffd}'));
        return Some(at + usize::from(bytes.get(at) == Some(&b';')));
    }
    let mut found = None;
    let mut end = 1;
    // Each beginning of a name is in the table as well, so that a stranger ends the search.
    while bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b';') {
        end += 1;
        match NAMED_ENTITIES.get(&text[1..end]) {
            Some(&(0, _)) => {}
            Some(&chars) => found = Some((end, chars)),
            None => break,
        }
    }
    let (end, (first, second)) = found?;
    let next = bytes.get(end);
    // In addresses `&copy=1` is a parameter.
    if attribute && bytes[end - 1] != b';' && next.is_some_and(|b| *b == b'=' || b.is_ascii_alphanumeric()) {
        return None;
    }
    out.extend([first, second].into_iter().filter(|c| *c != 0).filter_map(char::from_u32));
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::super::dom;
    use proptest::prelude::*;
    use scraper::Html;

    /// The tree is the one that html5ever makes of the same text.
    fn same(text: &str) {
        let bare = |html: Html| Html { errors: Vec::new(), ..html };
        let (ours, theirs) = (bare(dom::page(text).into_html()), bare(Html::parse_document(text)));
        assert_eq!(ours.html(), theirs.html(), "page {text:?}");
        assert!(ours == theirs, "page {text:?}\n{:?}\n{:?}", ours.tree, theirs.tree);
        let (ours, theirs) = (bare(dom::fragment(text)), bare(Html::parse_fragment(text)));
        assert!(ours == theirs, "piece {text:?}\n{:?}\n{:?}", ours.tree, theirs.tree);
    }

    #[test]
    fn what_browsers_agree_on() {
        for text in [
            "",
            "\u{feff}<p>x",
            "<!DOCTYPE html><title>a &amp; b</title><p>1<p>2",
            "<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.0//EN\" 'x'><p><table>",
            "<!DOCTYPE html PUBLIC \"a>b\"><p>x<table>",
            "<!DOCTYPE",
            "a < b <3 </ x> </> <?php ?> <!x> <![CDATA[y]]> <!",
            "<svg><![CDATA[a<b\0]]></svg><math><mi>x</mi><![CDATA[z",
            "<!-- a -- b --><!--><!---><!----><!-- x --!>y<!-- z --->w<!-- open --",
            "<!--a-->b<!--\0-->c<!---!>d-->e<!-- f -",
            "<a href='?a=1&copy=2&lt;&ltx&amp;y&notit;&notin;&#x41;&#66&#0;&#128;&#xD800;&#1114112;&#;&#x;&;&'>x",
            "&copy=2 &ltx &notit; &notin; &#x41;&#66 &#0; &#128; &#xD800; &#99999999999; &#; &#x &amp",
            "<DIV CLASS=Big Id='x' id=y/ =z a=\"1\"b=2 c>x</DIV x=y></div/>",
            "<br/><br /><p/>x<input disabled value=a/b>",
            "<a b='c",
            "<a b=c",
            "<a ",
            "x</a",
            "x</",
            "x<",
            "<title>a</titles></title x>b",
            "<textarea>\n<b>&lt;</textarea>c<pre>\n\nx</pre><listing>\ny",
            "<style>a<b></style><iframe><p></iframe><noscript><p></noscript><xmp>&lt;</xmp>",
            "<script>a<!--<script>b</script>c--></script>d<script><!--x</script>e<script><!--></script>f",
            "<script><!--<script >x</script/>-->y</SCRIPT>z<script>a</scripted>b",
            "<plaintext>a<b>\0",
            "a\0b<p\0 x\0=\0>c\0</p><title>\0</title>",
            "a\r\nb\rc<pre>\r\n\r\nd</pre><a title='x\r\ny'>",
            "<table>a<tr>b<td>c</table>d<b><p>e</b>f</p><i><a><a>g",
            "<select><option>a<option>b</select><template><td>x</template>",
            "&#10;&#13;<pre>&#10;x</pre> &NotEqualTilde; &acE;",
        ] {
            same(text);
        }
    }

    #[test]
    fn attributes_are_bounded() {
        let many: String = (0..5000).map(|n| format!(" a{n}=1")).collect();
        let html = dom::page(&format!("<p class=x{many} id=y>words</p>"));
        let p = dom::first(html.root_element(), dom::select!("p.x")).unwrap();
        assert_eq!((p.value().attrs.len(), dom::line(p).as_str()), (super::MOST_ATTRIBUTES, "words"));
    }

    proptest! {
        #[test]
        fn any_soup_is_the_same_tree(parts in prop::collection::vec(prop::sample::select(vec![
            "<", ">", "</", "/>", "<!", "<!--", "-->", "--!>", "-", "--", "<?", "=", "'", "\"", "&", ";", "&amp;", "&lt", "&#x4",
            "&not", "in;", "#", " ", "\n", "\r", "\t", "\0", "a", "B", "я", "词", "1", "<p>", "</p>", "<b>", "</b>", "<a href=",
            "<div class='x'", "</div>", "<table>", "<tr>", "<td>", "</table>", "<script>", "</script>", "<script ", "<style>",
            "</style>", "<title>", "</title>", "<textarea>", "</textarea>", "<svg>", "</svg>", "<math>", "<![CDATA[", "]]>", "<select>",
            "<option>", "<pre>", "<!DOCTYPE html>", "<!doctype ", "PUBLIC ", "<template>", "</template>", "<br>", "</br>", "<form>",
            "<noscript>", "</noscript>", "<iframe>", "<plaintext>", "<body x=1>", "<html y=2>", "<head>", "</body>", "<frameset>",
            "<font color=red>", "<foreignObject>", "<i>", "</i>", "<nobr>", "<button>", "<li>", "<dd>", "<h1>", "<h2>", "<img src=x>",
        ]), 0..40)) {
            same(&parts.concat());
        }
    }
}
