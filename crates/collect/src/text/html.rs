//! The little HTML that engines store inside BBCode.

use super::output::is_shortened;

/// Flattens HTML inside stored texts: `<br>` becomes a line break, links keep their label (or their whole address where
/// the label only shortens it), images keep their `alt` text (smilies are written so), comments and other tags go.
/// Entities stay as they are, so that what an author typed is never taken for a tag.
pub fn flatten_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Where a link's label began, and its address.
    let mut link: Option<(usize, String)> = None;
    // No comment or tag ends behind `rest`: looking again at each sign would take quadratic time.
    let (mut open_comment, mut open_tag) = (false, false);
    while let Some(place) = memchr::memchr(b'<', rest.as_bytes()) {
        out.push_str(&rest[..place]);
        rest = &rest[place..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = if open_comment { None } else { memchr::memmem::find(comment.as_bytes(), b"-->") };
            match end {
                Some(end) => rest = &comment[end + 3..],
                None => {
                    open_comment = true;
                    out.push('<');
                    rest = &rest[1..];
                }
            }
            continue;
        }
        let tag = rest.get(1..).unwrap_or_default();
        let starts = tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        let end = if starts && !open_tag { memchr::memchr(b'>', tag.as_bytes()) } else { None };
        let Some(end) = end else {
            open_tag |= starts;
            out.push('<');
            rest = &rest[1..];
            continue;
        };
        let tag = &tag[..end];
        rest = &rest[end + 2..];
        let name: String =
            tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').take(12).collect();
        match name.trim_end_matches('/').to_ascii_lowercase().as_str() {
            "br" | "/p" | "/div" | "/li" => out.push('\n'),
            "img" => out.push_str(attribute(tag, "alt").unwrap_or_default()),
            "a" => link = attribute(tag, "href").map(|href| (out.len(), href.to_owned())),
            "/a" => {
                if let Some((start, href)) = link.take()
                    && is_shortened(&out[start..], &href)
                {
                    out.truncate(start);
                    out.push_str(&href);
                }
            }
            _ => {}
        }
    }
    out.push_str(rest);
    out
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[start..].split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_reader_sees() {
        assert_eq!(flatten_html("a<br>b<br />c &lt;d&gt; 1 < 2"), "a\nb\nc &lt;d&gt; 1 < 2");
        assert_eq!(
            flatten_html("<!-- s:) --><img src=\"{P}/s.gif\" alt=\":)\" title=\"Smile\" /><!-- s:) --> ok"),
            ":) ok"
        );
        assert_eq!(
            flatten_html(
                "<!-- m --><a class=\"postlink\" href=\"http://drop.example/abcdefgh/x\">http://drop.example/abc \
                 ... /x</a><!-- m -->"
            ),
            "http://drop.example/abcdefgh/x"
        );
        assert_eq!(flatten_html("<a href=\"x\">label</a> <!-- open <b>"), "label <!-- open ");
    }
}
