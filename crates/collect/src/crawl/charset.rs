//! Bytes of a page to text: byte order mark, then the server's word, then the page's own, then a guess.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far into a page its own declaration is looked for (HTML standard, 13.2.3.2).
const HEAD: usize = 4096;

/// Decodes a page. Bytes that the encoding does not know become U+FFFD.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned();
    }
    let header = content_type
        .and_then(|c| c.to_ascii_lowercase().split_once("charset=").map(|p| p.1.to_owned()))
        .and_then(|label| {
            Encoding::for_label(label.trim_matches(['"', '\'', ' ', ';']).split(';').next()?.as_bytes())
        });
    // ISO 8859-1 is what servers say when nobody told them anything: then the page knows better.
    let declared = match header {
        Some(encoding) if encoding != WINDOWS_1252 => Some(encoding),
        other => in_page(bytes).or(other),
    };
    let unicode = std::str::from_utf8(bytes).ok();
    if let Some(encoding) = declared {
        match unicode {
            // Letters beyond ASCII that make valid UTF-8 are UTF-8, whatever is said of them.
            Some(text) if encoding == UTF_8 || (encoding.is_single_byte() && !text.is_ascii()) => {
                return text.to_owned();
            }
            // A page that says UTF-8 and is not is older than its declaration: the guess is nearer.
            None if encoding == UTF_8 => {}
            _ => return encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    } else if let Some(text) = unicode {
        return text.to_owned();
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(None, chardetng::Utf8Detection::Allow);
    // One broken byte in a page of UTF-8 must not turn all of it into another script.
    let guess = if declared == Some(UTF_8) && mostly_utf8(bytes) { UTF_8 } else { guess };
    guess.decode_without_bom_handling(bytes).0.into_owned()
}

fn mostly_utf8(bytes: &[u8]) -> bool {
    let bad: usize = bytes.utf8_chunks().map(|c| c.invalid().len()).sum();
    let high = bytes.iter().filter(|b| !b.is_ascii()).count();
    bad * 10 < high
}

/// `<meta charset="…">`, `<meta … content="text/html; charset=…">`.
fn in_page(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).to_ascii_lowercase();
    let mut rest = head.as_str();
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + 5..];
        let tag = &rest[..rest.find('>').unwrap_or(rest.len())];
        if let Some((_, value)) = tag.split_once("charset=") {
            let label = value.trim_start_matches(['"', '\'', ' ']);
            let label = &label[..label.find(['"', '\'', ' ', ';', '/']).unwrap_or(label.len())];
            if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
                return Some(encoding);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_the_encodings_of_forums() {
        let russian = "Продам свежие базы, гарант приветствуется, пишите в личку или в жабу";
        let chinese = "出售最新远控木马源码，支持担保交易，有意者请加微信联系，免杀效果不错";
        for (label, text) in [
            ("windows-1251", russian),
            ("koi8-r", russian),
            ("gb18030", chinese),
            ("big5", "出售最新遠控木馬源碼，支持擔保交易，有意者請加微信聯繫"),
        ] {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let bytes = encoding.encode(text).0;
            assert_eq!(decode(&bytes, Some(&format!("text/html; charset={label}"))), text, "header {label}");
            let page = format!(
                "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset={label}\">{text}"
            );
            assert!(decode(&encoding.encode(&page).0, Some("text/html")).ends_with(text), "meta {label}");
            assert_eq!(decode(&bytes, None), text, "undeclared {label}");
        }
        assert_eq!(decode("\u{feff}привет".as_bytes(), Some("text/html; charset=windows-1251")), "привет");
        let mut broken = "много русского текста в кодировке юникод ".repeat(4).into_bytes();
        broken.push(0xff);
        assert!(decode(&broken, Some("text/html; charset=utf-8")).starts_with("много"));
    }
}
