//! BBCode, as MyBB, SMF, FluxBB, Discuz! and older versions of phpBB store it.

use super::{
    Cleaned,
    bbtag::{Kind, Tag, discuz_target, quote_target, tag, value},
    decode_entities,
    output::{Output, is_shortened, link_suffix},
};
use std::collections::HashMap;

/// How BBCode is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bbcode<'a> {
    /// The text is HTML-escaped; entities are decoded.
    pub escaped: bool,
    /// Only tags that end in `:uid` are tags (phpBB 3.0 and 3.1).
    pub uid: Option<&'a str>,
    /// Writes the address of a labelled link behind its label.
    pub link_targets: bool,
}

/// A stretch of the text.
enum Part<'t> {
    Text(&'t str),
    /// A tag with its source; `partner` is the part that ends it, where it has an end.
    Open {
        tag: Tag<'t>,
        source: &'t str,
        partner: Option<usize>,
    },
    Close {
        name: &'static str,
        kind: Kind,
        source: &'t str,
        partner: Option<usize>,
    },
    /// Content taken as it stands, and whether it stands on lines of its own.
    Verbatim(&'t str, bool),
}

/// Tags beyond this number stay as written: no author writes so many.
const MAX_PARTS: usize = 200_000;

/// Cleans BBCode: quotes, images, attachments and edit notes are taken out, markup is dropped, links keep their label,
/// code and lists keep their lines. Words in brackets that are no tag, and tags that never end, stay as written.
///
/// Works in linear time without recursion, however deep tags are nested.
///
/// ```
/// use tm_collect::{Bbcode, clean_bbcode};
/// let cleaned = clean_bbcode("[quote=\"vega\" pid='7']price?[/quote]\n[b]200[/b] a month", &Bbcode::default());
/// assert_eq!(cleaned.text, "200 a month");
/// assert_eq!(cleaned.quotes[0].post.as_deref(), Some("7"));
/// ```
pub fn clean_bbcode(text: &str, style: &Bbcode<'_>) -> Cleaned {
    let mut parts = split(text, style);
    pair(&mut parts);
    write(text, &parts, style)
}

fn split<'t>(text: &'t str, style: &Bbcode<'_>) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    // Tags of verbatim text that have no end behind `at`: looking again would take quadratic time.
    let mut endless: Vec<&str> = Vec::new();
    while let Some(found) = memchr::memchr(b'[', &text.as_bytes()[at..]).filter(|_| parts.len() < MAX_PARTS) {
        let place = at + found;
        let Some(tag) = tag(&text[place..], style.uid) else {
            at = place + 1;
            continue;
        };
        let end = place + tag.len;
        if tag.kind == Kind::Verbatim {
            let close = if tag.close || endless.contains(&tag.name) {
                None
            } else {
                closing(text, end, tag.name, style)
            };
            let Some((inner, after)) = close else {
                if !tag.close {
                    endless.push(tag.name);
                }
                at = end;
                continue;
            };
            parts.push(Part::Text(&text[start..place]));
            let inline = matches!(tag.name, "icode" | "noparse" | "nobbc" | "plain");
            parts.push(Part::Verbatim(&text[end..inner], !inline));
            (start, at) = (after, after);
            continue;
        }
        if start < place {
            parts.push(Part::Text(&text[start..place]));
        }
        let source = &text[place..end];
        parts.push(match tag.close {
            true => Part::Close { name: tag.name, kind: tag.kind, source, partner: None },
            false => Part::Open { tag, source, partner: None },
        });
        (start, at) = (end, end);
    }
    if start < text.len() {
        parts.push(Part::Text(&text[start..]));
    }
    parts
}

/// Finds `[/name]`; returns where its content ends and where the text goes on.
fn closing(text: &str, from: usize, name: &str, style: &Bbcode<'_>) -> Option<(usize, usize)> {
    memchr::memmem::find_iter(&text.as_bytes()[from..], b"[/").find_map(|found| {
        let place = from + found;
        let close = tag(&text[place..], style.uid).filter(|tag| tag.close && tag.name == name)?;
        Some((place, place + close.len))
    })
}

/// Joins each closing tag to the last open one of its name.
fn pair(parts: &mut [Part<'_>]) {
    let mut open: HashMap<&'static str, Vec<usize>> = HashMap::new();
    for i in 0..parts.len() {
        match &parts[i] {
            Part::Open { tag, .. } => open.entry(tag.name).or_default().push(i),
            Part::Close { name, .. } => {
                let Some(start) = open.get_mut(name).and_then(Vec::pop) else { continue };
                if let Part::Open { partner, .. } = &mut parts[start] {
                    *partner = Some(i);
                }
                if let Part::Close { partner, .. } = &mut parts[i] {
                    *partner = Some(start);
                }
            }
            _ => {}
        }
    }
}

fn write(whole: &str, parts: &[Part<'_>], style: &Bbcode<'_>) -> Cleaned {
    let mut out = Output::default();
    // Where the label of each open link began, and its address.
    let mut links: Vec<(usize, String)> = Vec::new();
    // Where the name in each open mention began.
    let mut mentions: Vec<usize> = Vec::new();
    let mut i = 0;
    while i < parts.len() {
        match &parts[i] {
            Part::Text(text) => push(&mut out, text, style),
            Part::Verbatim(code, true) => out.push_block(&plain(code, style)),
            Part::Verbatim(words, false) => push(&mut out, words, style),
            Part::Open { tag, source, partner } => match (tag.kind, *partner) {
                (Kind::Quote, Some(end)) => {
                    let mut target = quote_target(tag.attributes, style.escaped);
                    if tag.attributes.is_empty() {
                        target = discuz_target(between(whole, source, &parts[end]));
                    }
                    out.quote(target);
                    out.break_line();
                    i = end;
                }
                (Kind::Drop, Some(end)) => i = end,
                (Kind::Drop, None) if tag.name.starts_with("attach") => {}
                (Kind::Inline, Some(end))
                    if tag.attributes == "=s" && is_edit_note(between(whole, source, &parts[end])) =>
                {
                    out.break_line();
                    i = end;
                }
                (Kind::Item | Kind::Block, _) if tag.kind == Kind::Item || partner.is_some() => {
                    out.break_line()
                }
                (Kind::Cell, Some(_)) => {}
                (Kind::Mention, Some(_)) => {
                    let written = matches!(parts.get(i + 1), Some(Part::Text(name)) if name.starts_with('@'));
                    out.push(if written { "" } else { "@" });
                    mentions.push(out.text.len());
                }
                (Kind::Link, Some(_)) => {
                    links.push((out.text.len(), decode(value(tag.attributes), style)));
                }
                (Kind::Inline, Some(_)) => {}
                (_, None) if style.uid.is_some() => {}
                _ => push(&mut out, source, style),
            },
            Part::Close { kind, source, partner, .. } => match (kind, partner) {
                (Kind::Block, Some(_)) => out.break_line(),
                (Kind::Item, _) => {}
                (Kind::Cell, Some(_)) => out.push(" "),
                (Kind::Link, Some(_)) => end_link(&mut out, links.pop(), style),
                (Kind::Mention, Some(_)) => {
                    let name =
                        mentions.pop().and_then(|start| out.text.get(start..)).unwrap_or_default().to_owned();
                    out.mention(&name);
                }
                (_, Some(_)) => {}
                (_, None) if style.uid.is_some() => {}
                _ => push(&mut out, source, style),
            },
        }
        i += 1;
    }
    out.finish()
}

/// The text between an opening tag and the part that ends it.
fn between<'t>(whole: &'t str, open: &str, close: &Part<'_>) -> &'t str {
    let Part::Close { source: close, .. } = close else { return "" };
    let offset = |part: &str| part.as_ptr() as usize - whole.as_ptr() as usize;
    whole.get(offset(open) + open.len()..offset(close)).unwrap_or_default()
}

fn end_link(out: &mut Output, link: Option<(usize, String)>, style: &Bbcode<'_>) {
    let Some((start, target)) = link else { return };
    let label = out.text.get(start..).unwrap_or_default().to_owned();
    if let Some(handle) = label.trim().strip_prefix('@')
        && (target.contains("mod=space")
            || target.contains("action=profile")
            || target.contains("member.php"))
    {
        // Engines without a tag for it address by a link to the profile.
        return out.mention(handle);
    }
    out.link(start, if target.is_empty() { label.trim() } else { &target });
    if is_shortened(label.trim(), &target) {
        out.text.truncate(start);
        out.push(&target);
    } else if let Some(suffix) = link_suffix(&label, &target, style.link_targets && !target.is_empty()) {
        out.push(&suffix);
    }
}

/// Discuz! writes who edited a post into the post.
fn is_edit_note(inner: &str) -> bool {
    let head = &inner.as_bytes()[..inner.len().min(100)];
    let signs = ["本帖最后由", "本帖最後由", "last edited by"];
    signs.iter().any(|sign| memchr::memmem::find(head, sign.as_bytes()).is_some())
}

fn decode(text: &str, style: &Bbcode<'_>) -> String {
    if style.escaped { decode_entities(text).into_owned() } else { text.to_owned() }
}

/// Text as a reader sees it: escaped texts write indents with spaces that do not break.
fn plain<'t>(text: &'t str, style: &Bbcode<'_>) -> std::borrow::Cow<'t, str> {
    if !style.escaped {
        return text.into();
    }
    let decoded = decode_entities(text);
    if decoded.contains('\u{a0}') { decoded.replace('\u{a0}', " ").into() } else { decoded }
}

fn push(out: &mut Output, text: &str, style: &Bbcode<'_>) {
    out.push(&plain(text, style));
}
