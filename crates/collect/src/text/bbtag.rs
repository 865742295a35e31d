//! BBCode tags: where they are, what they mean, what their attributes say.

use super::decode_entities;
use std::sync::LazyLock;
use tm_model::QuoteTarget;

/// What a tag does to the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Others' words: taken out.
    Quote,
    /// Its content is taken as it stands.
    Verbatim,
    /// Markup around content that stays.
    Inline,
    /// As `Inline`, on lines of its own.
    Block,
    /// Starts a line; needs no end.
    Item,
    /// Between two cells of a table.
    Cell,
    /// Its content is no text: images, attachments.
    Drop,
    /// A link, whose label stays.
    Link,
    /// An account that is spoken to.
    Mention,
}

/// Tags by what they do.
const KINDS: [(Kind, &[&str]); 9] = [
    (Kind::Quote, &["quote"]),
    (Kind::Verbatim, &["code", "php", "html", "sql", "xml", "codebox", "icode", "noparse", "nobbc", "plain"]),
    (
        Kind::Inline,
        &[
            "b",
            "i",
            "u",
            "s",
            "color",
            "size",
            "font",
            "strike",
            "del",
            "ins",
            "em",
            "strong",
            "sub",
            "sup",
            "colour",
            "face",
            "highlight",
            "bgcolor",
            "backcolor",
            "background",
            "glow",
            "shadow",
            "tt",
            "rtl",
            "ltr",
            "abbr",
            "acronym",
            "anchor",
            "me",
            "black",
            "blue",
            "green",
            "red",
            "white",
            "big",
            "small",
            "video",
            "media",
            "youtube",
            "flash",
            "audio",
            "hide",
            "hidden",
            "span",
            "move",
            "align",
            "float",
            "indent",
            "spoiler",
            "free",
            "password",
            "ispoiler",
            "thread",
            "post",
            "tr",
            "th",
        ],
    ),
    (Kind::Item, &["*", "li", "hr", "br"]),
    (
        Kind::Block,
        &[
            "list", "ul", "ol", "center", "left", "right", "justify", "pre", "h", "h1", "h2", "h3", "h4",
            "h5", "h6", "heading", "table", "tbody", "p",
        ],
    ),
    (Kind::Cell, &["td"]),
    (Kind::Drop, &["img", "attach", "attachimg", "attachment", "postbg", "bg", "imgur", "smilie", "sigpic"]),
    (Kind::Link, &["url", "iurl", "link", "email", "ftp"]),
    (Kind::Mention, &["member", "user", "mention"]),
];

/// What the tag of this name does; `None` for words in brackets that are no tag.
fn kind(name: &str) -> Option<(&'static str, Kind)> {
    static SORTED: LazyLock<Vec<(&str, Kind)>> = LazyLock::new(|| {
        let all = KINDS.iter().flat_map(|(kind, names)| names.iter().map(|name| (*name, *kind)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(name, _)| *name);
        all
    });
    let mut lower = [0; LONGEST_NAME];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    let place = SORTED.binary_search_by(|(known, _)| known.as_bytes().cmp(lower)).ok()?;
    SORTED.get(place).copied()
}

/// A tag as it stands in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'t> {
    /// Lower-case.
    pub name: &'static str,
    pub close: bool,
    /// What stands behind the name: `="x" pid='1'`, or ` author=x`.
    pub attributes: &'t str,
    pub kind: Kind,
    /// Bytes from `[` to and with `]`.
    pub len: usize,
}

const LONGEST_NAME: usize = 10;
const LONGEST_TAG: usize = 1000;
const QUOTES: [&str; 6] = ["\"", "'", "&quot;", "&#039;", "&#39;", "&apos;"];

/// Reads the tag that `text`, which starts with `[`, begins with. With `uid` only tags that carry it count.
pub(super) fn tag<'t>(text: &'t str, uid: Option<&str>) -> Option<Tag<'t>> {
    let inner = &text[1..];
    let close = inner.starts_with('/');
    let inner = if close { &inner[1..] } else { inner };
    let name = if inner.starts_with('*') {
        "*"
    } else {
        let letters = inner.bytes().take(LONGEST_NAME + 1).take_while(u8::is_ascii_alphanumeric).count();
        &inner[..letters]
    };
    if name.is_empty() || name.len() > LONGEST_NAME {
        return None;
    }
    let (name_of, kind) = kind(name)?;
    let rest = &inner[name.len()..];
    let end = match rest.as_bytes().first()? {
        b']' => 0,
        b'=' => value_end(&rest[1..])? + 1,
        b' ' if !close => plain_end(rest)?,
        b':' if uid.is_some() => plain_end(rest)?,
        _ => return None,
    };
    let mut attributes = &rest[..end];
    if let Some(uid) = uid.filter(|uid| !uid.is_empty()) {
        attributes = attributes.strip_suffix(uid)?.strip_suffix(':')?;
        // Lists end as [/list:u:uid] and [/*:m:uid].
        attributes = if attributes.starts_with(':') { "" } else { attributes };
    }
    let len = text.len() - rest.len() + end + 1;
    Some(Tag { name: name_of, close, attributes, kind, len })
}

/// Where the `]` stands that ends a tag without a quoted value.
fn plain_end(rest: &str) -> Option<usize> {
    let head = &rest.as_bytes()[..rest.len().min(LONGEST_TAG)];
    let end = memchr::memchr2(b']', b'\n', head)?;
    (head[end] == b']').then_some(end)
}

/// Where the `]` stands that ends `value…]`; a quoted value may hold brackets.
fn value_end(rest: &str) -> Option<usize> {
    let Some(quote) = QUOTES.iter().find(|quote| rest.starts_with(**quote)) else { return plain_end(rest) };
    let head = &rest.as_bytes()[..rest.len().min(LONGEST_TAG)];
    for found in memchr::memmem::find_iter(&head[quote.len()..], quote.as_bytes()) {
        let after = found + 2 * quote.len();
        match head.get(after) {
            Some(b']') => return Some(after),
            // The bracket that ends the tag is the same wherever the search for it starts.
            Some(b' ' | b':') => return plain_end(&rest[after..]).map(|end| after + end),
            _ => {}
        }
    }
    plain_end(rest)
}

/// The value behind `=`, without the quotes around it.
pub(super) fn value(attributes: &str) -> &str {
    let value = attributes.strip_prefix('=').unwrap_or_default().trim();
    for quote in QUOTES {
        if let Some(inner) = value.strip_prefix(quote) {
            return inner.rfind(quote).map_or(inner, |end| &inner[..end]);
        }
    }
    value
}

/// Whom and what a quote's attributes name, in any of the ways engines write them:
/// `="name" pid='1' dateline='2'` (MyBB), ` author=name link=msg=1 date=2` (SMF), `="name" post_id=1` (phpBB),
/// `='name'` (FluxBB), `=name;1` and `=name;n1` (vBulletin), ` name='name' post='1'` (IPB 3), `="name, post: 1, member: 2"` (XenForo).
pub(super) fn quote_target(attributes: &str, escaped: bool) -> QuoteTarget {
    let decode = |text: &str| if escaped { decode_entities(text).into_owned() } else { text.to_owned() };
    let name = |text: &str| crate::field::name(&decode(text));
    if let Some(named) = attributes.trim_start().strip_prefix("author=") {
        let author =
            named.rfind(" link=").or_else(|| named.rfind(" date=")).map_or(named, |end| &named[..end]);
        let link = attributes.rfind(" link=").map(|start| &attributes[start + 6..]).unwrap_or_default();
        let link = link.split(' ').next().unwrap_or_default();
        let post = link
            .strip_prefix("msg=")
            .map(number)
            .or_else(|| link.rsplit_once("#msg").map(|(_, id)| number(id)));
        return QuoteTarget { post: post.flatten(), author: name(author) };
    }
    if let Some(named) = attributes.trim_start().strip_prefix("name=") {
        let quote = QUOTES.into_iter().find(|quote| named.starts_with(quote)).unwrap_or_default();
        let inner = &named[quote.len()..];
        let keys = [" date=", " timestamp=", " post="];
        let behind = keys.iter().filter_map(|key| inner.find(&format!("{quote}{key}"))).min();
        let author = behind.map_or(inner.strip_suffix(quote).unwrap_or(inner), |end| &inner[..end]);
        let post = attributes.rfind(" post=").map(|at| &attributes[at + 6..]);
        let post = post.and_then(|p| number(QUOTES.iter().find_map(|q| p.strip_prefix(q)).unwrap_or(p)));
        return QuoteTarget { post, author: name(author) };
    }
    let rest = attributes.strip_prefix('=').unwrap_or_default().trim();
    for quote in QUOTES {
        let Some(inner) = rest.strip_prefix(quote) else { continue };
        // The name may hold quotes itself, so the attributes behind it are looked for from the end.
        let (author, others) = match behind_name(inner, quote) {
            Some(found) => found,
            None => (inner.strip_suffix(quote).unwrap_or(inner), ""),
        };
        if let Some((author, post)) = author.split_once(", post: ") {
            return QuoteTarget { post: number(post), author: name(author) };
        }
        if others.is_empty()
            && let Some((author, post)) = author.rsplit_once(';').and_then(|(a, p)| Some((a, node(p)?)))
        {
            return QuoteTarget { post: Some(post), author: name(author) };
        }
        let post = ["pid=", "post_id=", "post="].iter().find_map(|key| {
            let start = others.find(key)? + key.len();
            number(others[start..].trim_start_matches(['\'', '"']))
        });
        return QuoteTarget { post, author: name(author) };
    }
    if let Some((author, post)) = rest.rsplit_once(';').and_then(|(a, p)| Some((a, node(p)?)))
        && !escaped
    {
        return QuoteTarget { post: Some(post), author: name(author) };
    }
    let (author, post) = match rest.split_once(" post_id=") {
        Some((author, post)) => (author, number(post)),
        None => (rest, None),
    };
    QuoteTarget { post, author: name(author) }
}

/// The identifier behind a name in vBulletin's quotes: digits, since version 5 with an `n` before them.
fn node(text: &str) -> Option<String> {
    let digits = text.strip_prefix('n').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| number(digits))?
}

/// Splits `name" key=…` at the quote that ends the name.
fn behind_name<'t>(inner: &'t str, quote: &str) -> Option<(&'t str, &'t str)> {
    let keys = [" pid=", " post_id=", " time=", " dateline=", " user_id=", " post="];
    let starts = keys.iter().filter_map(|key| inner.find(&format!("{quote}{key}")));
    let end = starts.min()?;
    Some((&inner[..end], &inner[end + quote.len()..]))
}

fn number(text: &str) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=20).contains(&digits).then(|| text[..digits].to_owned())
}

/// The header that Discuz! writes into a quote:
/// `[url=…pid=1…][color=#999999]NAME 发表于 DATE[/color][/url]`, or before X2 `原帖由 [i]NAME[/i] 于 DATE 发表`.
pub(super) fn discuz_target(inner: &str) -> QuoteTarget {
    let line = inner.trim_start().lines().next().unwrap_or_default();
    let mut head = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        head.push_str(&rest[..open]);
        match rest[open..].find(']') {
            Some(close) => rest = &rest[open + close + 1..],
            None => break,
        }
    }
    if !line.ends_with(rest) || !rest.starts_with('[') {
        head.push_str(rest);
    }
    let before = |sign: &str| head.split_once(sign).map(|(name, _)| name.to_owned());
    let older = |start: &str, sign: &str| {
        let (_, name) = head.split_once(start)?;
        name.split_once(sign).map(|(name, _)| name.to_owned())
    };
    let author = older("原帖由", " 于 ")
        .or_else(|| older("原帖由", "于"))
        .or_else(|| before(" 发表于 "))
        .or_else(|| before(" 發表於 "))
        .or_else(|| before(" posted on "));
    let Some(author) = author else { return QuoteTarget { post: None, author: None } };
    let post = line.find("pid=").and_then(|start| number(&line[start + 4..]));
    QuoteTarget { post, author: crate::field::name(&author) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attributes: &str, post: Option<&str>, author: &str) {
        let target = quote_target(attributes, false);
        assert_eq!((target.post.as_deref(), target.author.as_deref()), (post, Some(author)), "{attributes}");
    }

    #[test]
    fn quotes_name_their_target() {
        check("=\"night owl\" pid='12' dateline='170'", Some("12"), "night owl");
        check("='O'Hara' pid='12' dateline='170'", Some("12"), "O'Hara");
        check(" author=low tide link=msg=34 date=170", Some("34"), "low tide");
        check(" author=low tide link=topic=3.msg34#msg34 date=170", Some("34"), "low tide");
        check("=\"low tide\" post_id=3 time=170 user_id=64", Some("3"), "low tide");
        check("='br]acket'", None, "br]acket");
        check("=\"O'Hara\"", None, "O'Hara");
        check("=vega;99", Some("99"), "vega");
        check("=vega;n99", Some("99"), "vega");
        check("=\"br]acket;99\"", Some("99"), "br]acket");
        check(
            " name='O'Hara' date='12 May 2010 - 10:10 PM' timestamp='1273' post='12'",
            Some("12"),
            "O'Hara",
        );
        check(" name=\"vega\"", None, "vega");
        check("=\"vega, post: 7, member: 9\"", Some("7"), "vega");
        check("=медведь", None, "медведь");
        let escaped = quote_target("=&quot;a &amp; b&quot;", true);
        assert_eq!(escaped.author.as_deref(), Some("a & b"));
    }

    #[test]
    fn tags_are_told_from_brackets() {
        assert_eq!(tag("[b]x", None).map(|t| t.len), Some(3));
        assert_eq!(tag("[quote='a]b']x", None).map(|t| t.attributes), Some("='a]b'"));
        for no_tag in ["[.]", "[config]", "[", "[/", "[=x]", "[url", "[b\n]", "[toolongforatag]", "[код]"]
        {
            assert_eq!(tag(no_tag, None), None, "{no_tag}");
        }
        assert_eq!(tag("[b:1a2b]x", Some("1a2b")).map(|t| t.len), Some(8));
        assert_eq!(tag("[b]x", Some("1a2b")), None);
        assert_eq!(tag("[/list:u:1a2b]", Some("1a2b")).map(|t| t.close), Some(true));
    }

    #[test]
    fn discuz_headers() {
        let now = "[size=2][url=forum.php?mod=redirect&goto=findpost&pid=17&ptid=2][color=#999999]夜猫 发表于 \
                   2024-1-4 21:56[/color][/url][/size]\n你好";
        let target = discuz_target(now);
        assert_eq!((target.post.as_deref(), target.author.as_deref()), (Some("17"), Some("夜猫")));
        let old = "原帖由 [i]夜猫[/i] 于 2008-1-4 21:56 发表 [url=http://f.example/redirect.php?goto=findpost&pid=5]";
        let target = discuz_target(old);
        assert_eq!((target.post.as_deref(), target.author.as_deref()), (Some("5"), Some("夜猫")));
        assert_eq!(discuz_target("plain words"), QuoteTarget { post: None, author: None });
    }
}
