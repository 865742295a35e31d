//! The XML that phpBB stores since 3.2 (s9e TextFormatter): markup is kept beside its meaning, in `<s>` and `<e>`.

use super::{
    Cleaned, decode_entities,
    output::{Output, is_shortened, link_suffix},
};
use tm_model::QuoteTarget;

/// Cleans stored s9e XML as [`clean_bbcode`](crate::clean_bbcode) cleans BBCode. Malformed XML is read as far as it
/// makes sense.
///
/// ```
/// let cleaned = tm_collect::clean_s9e(
///     r#"<r><QUOTE author="vega" post_id="7"><s>[quote]</s>price?<e>[/quote]</e></QUOTE>
/// <B><s>[b]</s>200<e>[/b]</e></B> &amp; up</r>"#,
///     false,
/// );
/// assert_eq!(cleaned.text, "200 & up");
/// assert_eq!(cleaned.quotes[0].post.as_deref(), Some("7"));
/// ```
pub fn clean_s9e(xml: &str, link_targets: bool) -> Cleaned {
    let mut out = Output::default();
    let mut links: Vec<(usize, String)> = Vec::new();
    // How many quotes, and how many elements whose content is no text, are open.
    let (mut quotes, mut dropped) = (0usize, 0usize);
    // Where the name in an open mention began.
    let mut mention = None;
    let mut rest = xml;
    loop {
        let place = memchr::memchr(b'<', rest.as_bytes());
        let text = &rest[..place.unwrap_or(rest.len())];
        if quotes == 0 && dropped == 0 && !text.is_empty() {
            out.push(&decode_entities(text));
        }
        let Some(place) = place else { break };
        rest = &rest[place + 1..];
        let Some(end) = tag_end(rest) else { break };
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let (close, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let empty = tag.ends_with('/');
        let name = tag.split([' ', '/', '\n', '\t']).next().unwrap_or_default();
        match name {
            "QUOTE" if close => {
                quotes = quotes.saturating_sub(1);
                out.break_line();
            }
            "QUOTE" => {
                if quotes == 0 && dropped == 0 {
                    let field = |key| attribute(tag, key).and_then(|value| crate::field::name(&value));
                    out.quote(QuoteTarget { post: field("post_id"), author: field("author") });
                }
                quotes += usize::from(!empty);
                out.break_line();
            }
            // Start and end marks, what the parser ignored, images and attachments.
            "s" | "e" | "i" | "IMG" | "ATTACHMENT" if close => dropped = dropped.saturating_sub(1),
            "s" | "e" | "i" | "IMG" | "ATTACHMENT" => dropped += usize::from(!empty),
            _ if quotes > 0 || dropped > 0 => {}
            "br" if !rest.starts_with('\n') => out.push("\n"),
            "CODE" | "LIST" | "LI" | "HR" => out.break_line(),
            "URL" if close => {
                if let Some((start, target)) = links.pop() {
                    out.link(start, &target);
                    let label = out.text.get(start..).unwrap_or_default();
                    if is_shortened(label.trim(), &target) {
                        out.text.truncate(start);
                        out.push(&target);
                    } else if let Some(suffix) = link_suffix(label, &target, link_targets) {
                        out.push(&suffix);
                    }
                }
            }
            "MENTION" if !close => mention = Some(out.text.len()),
            "MENTION" => {
                let name =
                    mention.take().and_then(|start| out.text.get(start..)).unwrap_or_default().to_owned();
                out.mention(&name);
            }
            "URL" if !empty => links.push((out.text.len(), attribute(tag, "url").unwrap_or_default())),
            _ => {}
        }
    }
    out.finish()
}

/// Where the `>` stands that ends a tag; attribute values may hold one.
fn tag_end(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 0;
    loop {
        let found = at + memchr::memchr2(b'>', b'"', &bytes[at..])?;
        if bytes[found] == b'>' {
            return Some(found);
        }
        at = found + 2 + memchr::memchr(b'"', &bytes[found + 1..])?;
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    Some(decode_entities(&value[..value.find('"')?]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(xml: &str, text: &str, quotes: usize) {
        let cleaned = clean_s9e(xml, false);
        assert_eq!(cleaned.text, text);
        assert_eq!(cleaned.quotes.len(), quotes);
    }

    #[test]
    fn markup_goes_and_words_stay() {
        check("<t>Привет<br/>\nмир</t>", "Привет\nмир", 0);
        check(
            "<r><LIST><s>[list]</s>\n<LI><s>[*]</s>one</LI>\n<LI><s>[*]</s>two</LI>\n<e>[/list]</e></LIST></r>",
            "one\ntwo",
            0,
        );
        check(
            "<r>a\n<CODE><s>[code]</s>if (x &lt; 1) {\n  y();\n}<e>[/code]</e></CODE>b</r>",
            "a\nif (x < 1) {\n  y();\n}\nb",
            0,
        );
        check(
            "<r>get <URL url=\"https://d.example/abcdef/x.zip\"><LINK_TEXT text=\"https://d.example/abc ... \
             zip\">https://d.example/abcdef/x.zip</LINK_TEXT></URL> <EMOJI seq=\"1f680\">🚀</EMOJI><E>:)</E></r>",
            "get https://d.example/abcdef/x.zip 🚀:)",
            0,
        );
        check(
            "<r><IMG src=\"http://i/x\"><s>[img]</s><URL url=\"u\">u</URL><e>[/img]</e></IMG>ok</r>",
            "ok",
            0,
        );
    }

    #[test]
    fn only_outer_quotes_count() {
        let cleaned = clean_s9e(
            "<r><QUOTE author=\"a &quot;b&quot;\" post_id=\"4\"><QUOTE author=\"c\">x</QUOTE>y</QUOTE>mine</r>",
            false,
        );
        assert_eq!(cleaned.text, "mine");
        assert_eq!(cleaned.quotes, [QuoteTarget { post: Some("4".into()), author: Some("a \"b\"".into()) }]);
    }

    #[test]
    fn hostile_xml_ends() {
        check(&"<QUOTE>".repeat(10_000), "", 0);
        check("<r>a<b", "a", 0);
        check("<r>a<URL url=\"", "a", 0);
        check("</QUOTE></s>ok", "ok", 0);
    }

    #[test]
    fn targets_are_written_where_asked_for() {
        let xml = "<r>see <URL url=\"http://m.example/f\"><s>[url]</s>mirror<e>[/url]</e></URL></r>";
        assert_eq!(clean_s9e(xml, true).text, "see mirror (http://m.example/f)");
        assert_eq!(clean_s9e(xml, false).text, "see mirror");
    }
}
