//! Where a saved page stood, and when it was saved: what savers write into pages, what pages say of themselves, what
//! mirrors make of their folders.

use serde_json::Value;
use tm_model::Timestamp;
use url::Url;

/// What a page says of its origin.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Origin {
    pub url: Option<Url>,
    pub saved: Option<Timestamp>,
}

/// All of it stands within so many bytes.
const HEAD: usize = 100_000;

/// What a page says of its own origin. Notes of savers go before the page's own words: a canonical link may leave out
/// which page of a thread it is.
pub(super) fn of_page(html: &str) -> Origin {
    let head = &html[..html.floor_char_boundary(HEAD)];
    let mut origin = Origin::default();
    let web = |text: &str| Url::parse(text.trim()).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    // Browsers: <!-- saved from url=(0042)https://forum.example/ -->
    if let Some((_, rest)) = head.split_once("saved from url=(")
        && let Some((_, rest)) = rest.split_once(')')
    {
        origin.url = rest.split_whitespace().next().and_then(web);
    }
    if let Some((_, note)) = head.split_once("Page saved with SingleFile") {
        let note = note.split("-->").next().unwrap_or_default();
        let field = |name: &str| note.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
        origin.url = origin.url.or_else(|| field("url:").and_then(web));
        origin.saved = field("saved date:").and_then(browser_date);
    }
    // HTTrack: <!-- Mirrored from HOST/PATH by HTTrack Website Copier/3.x [XR&CO'2014], DATE -->
    if let Some((_, note)) = head.split_once("<!-- Mirrored from ")
        && let Some((address, rest)) = note.split_once(" by HTTrack")
        && address.len() < 4000
    {
        origin.url = origin.url.or_else(|| web(&format!("http://{address}")));
        let date = rest.split("-->").next().and_then(|rest| rest.split_once("], ")).map(|(_, date)| date);
        origin.saved = origin.saved.or_else(|| date.and_then(mail_date));
    }
    if origin.url.is_none() {
        origin.url =
            attribute_of(head, "<link", &["rel=\"canonical\"", "rel='canonical'", "rel=canonical"], "href")
                .or_else(|| {
                    attribute_of(head, "<meta", &["property=\"og:url\"", "property='og:url'"], "content")
                })
                .and_then(|url| web(&url));
    }
    origin
}

/// The path under which an engine's interface gives an answer like this one: saved JSON says nowhere where it stood.
pub(super) fn of_answer(body: &str) -> Option<String> {
    if !body.trim_start().starts_with('{') {
        return None;
    }
    let answer: Value = serde_json::from_str(body).ok()?;
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let has = |key: &str| answer.get(key).is_some_and(Value::is_array);
    // NodeBB: topics, categories and their list.
    if let Some(topic) = answer.get("tid").and_then(number).filter(|_| has("posts")) {
        return Some(format!("api/topic/{topic}"));
    }
    if let Some(category) = answer.get("cid").and_then(number).filter(|_| has("topics")) {
        return Some(format!("api/category/{category}"));
    }
    if has("categories") {
        return Some("api/categories".to_owned());
    }
    // Discourse.
    if let Some(topic) = answer.get("id").and_then(number).filter(|_| answer.get("post_stream").is_some()) {
        return Some(format!("t/{topic}.json"));
    }
    // Flarum.
    let data = answer.get("data")?;
    let discussion = data.get("id").and_then(number)?;
    (data.get("type")? == "discussions").then(|| format!("api/discussions/{discussion}"))
}

/// The value of an attribute of the first element that carries one of the signs.
fn attribute_of(head: &str, element: &str, signs: &[&str], name: &str) -> Option<String> {
    for place in memchr::memmem::find_iter(head.as_bytes(), element.as_bytes()) {
        let tag = &head[place..];
        let tag = &tag[..tag.find('>')?];
        if !signs.iter().any(|sign| tag.contains(sign)) {
            continue;
        }
        let (_, rest) = tag.split_once(&format!("{name}="))?;
        let quote = rest.chars().next()?;
        let value = match quote {
            '"' | '\'' => rest[1..].split(quote).next()?,
            _ => rest.split_whitespace().next()?,
        };
        return Some(crate::decode_entities(value).into_owned());
    }
    None
}

/// `Thu, 04 Jan 2024 15:00:00 GMT`.
pub(super) fn mail_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // The parser looks at any number of words.
    if text.len() > 100 {
        return None;
    }
    mailparse::dateparse(text).ok().and_then(Timestamp::checked)
}

/// `Thu Jan 04 2024 15:00:00 GMT+0300 (Moscow Standard Time)`.
fn browser_date(text: &str) -> Option<Timestamp> {
    let mut words = text.split_whitespace().skip(1);
    let (month, day, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let zone = words.next()?.strip_prefix("GMT")?;
    let zone = if zone.is_empty() { "+0000" } else { zone };
    mail_date(&format!("{day} {month} {year} {time} {zone}"))
}

/// The address that a mirror's folders spell: `forum.example/showthread.php?tid=5`, as wget and others save.
pub(super) fn of_path(path: &str) -> Option<Url> {
    let mut rest = path;
    loop {
        let (folder, behind) = rest.split_once('/')?;
        if is_host(folder) {
            // Where `?` is no letter of file names, wget writes `@`; with --adjust-extension it adds `.html`.
            let behind = match behind.rsplit_once(".html").filter(|(_, end)| end.is_empty()) {
                Some((query, _)) if query.contains('?') || query.contains(".php@") => query,
                _ => behind,
            };
            let behind = behind.replacen(".php@", ".php?", 1);
            return Url::parse(&format!("http://{folder}/{behind}")).ok();
        }
        rest = behind;
    }
}

fn is_host(name: &str) -> bool {
    let (host, port) = name.split_once([':', '+']).unwrap_or((name, "1"));
    let labels: Vec<&str> = host.split('.').collect();
    let plain = |label: &&str| {
        !label.is_empty() && label.len() < 64 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let top = labels.last().copied().unwrap_or_default();
    let file = ["html", "htm", "php", "zip", "tar", "gz", "json", "mhtml", "warc", "bak"].contains(&top);
    labels.len() > 1
        && labels.iter().all(plain)
        && top.len() > 1
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && !file
        && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, url: Option<&str>, saved: Option<i64>) {
        let origin = of_page(html);
        assert_eq!((origin.url.as_ref().map(Url::as_str), origin.saved.map(|t| t.0)), (url, saved), "{html}");
    }

    #[test]
    fn savers_say_where_and_when() {
        check(
            "<!DOCTYPE html>\n<!-- saved from url=(0037)http://forum.example/viewtopic.php?t=1 -->\n<html>",
            Some("http://forum.example/viewtopic.php?t=1"),
            None,
        );
        check(
            "<!DOCTYPE html> <html><!--\n Page saved with SingleFile \n url: https://forum.example/t/1 \n saved date: Thu Jan 04 2024 15:00:00 GMT+0300 (MSK)\n--><head>",
            Some("https://forum.example/t/1"),
            Some(1_704_369_600),
        );
        check(
            "<html><!-- Mirrored from forum.example/index.php?topic=7.0 by HTTrack Website Copier/3.x [XR&CO'2014], Thu, 04 Jan 2024 12:00:00 GMT -->",
            Some("http://forum.example/index.php?topic=7.0"),
            Some(1_704_369_600),
        );
        check(
            "<link href=\"/x.css\" rel=stylesheet><link rel=\"canonical\" href=\"https://forum.example/threads/a.1/?a=1&amp;b=2\">",
            Some("https://forum.example/threads/a.1/?a=1&b=2"),
            None,
        );
        check(
            "<meta property='og:url' content='https://forum.example/d/5'>",
            Some("https://forum.example/d/5"),
            None,
        );
        check("<!-- saved from url=(0014)about:internet --><p>", None, None);
    }

    #[test]
    fn mirrors_spell_addresses() {
        for (path, url) in [
            ("forum.example/showthread.php?tid=5", Some("http://forum.example/showthread.php?tid=5")),
            ("mirror/forum.example/viewtopic.php@t=5.html", Some("http://forum.example/viewtopic.php?t=5")),
            (
                "forum.example/viewtopic.php?t=5&start=10.html",
                Some("http://forum.example/viewtopic.php?t=5&start=10"),
            ),
            ("forum.example/threads/a.5/index.html", Some("http://forum.example/threads/a.5/index.html")),
            ("saved/page.html", None),
            ("a.html/x.png", None),
            ("../../etc/passwd", None),
        ] {
            assert_eq!(of_path(path).as_ref().map(Url::as_str), url, "{path}");
        }
    }
}
