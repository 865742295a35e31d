//! JSON lines: one post a line.

use crate::{
    CollectError, Item, Options, Posts,
    bytes::{ByteStream, Line},
    field::{finish, reject},
    input::read_error,
};
use tm_model::PostRecord;

pub(crate) struct JsonlPosts {
    name: String,
    bytes: ByteStream,
    line: Vec<u8>,
    row: u64,
    cap: usize,
    keep_personal: bool,
}

impl JsonlPosts {
    pub(crate) fn new(name: String, bytes: ByteStream, options: &Options) -> JsonlPosts {
        JsonlPosts {
            name,
            bytes,
            line: Vec::new(),
            row: 0,
            cap: options.max_value,
            keep_personal: options.keep_personal,
        }
    }
}

impl Posts for JsonlPosts {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        loop {
            // One long line must not hold its memory until the end of the file.
            self.line.shrink_to(1024 * 1024);
            let end = self.bytes.read_line(&mut self.line, self.cap);
            if !matches!(end, Line::Whole) && self.bytes.has_error() {
                // What was read of this line is cut off: it is covered by the error.
                let source = self.bytes.take_error()?;
                return Some(Err(read_error(&self.name, self.row, source)));
            }
            if end == Line::End {
                return None;
            }
            self.row += 1;
            if end == Line::TooLong {
                let reason = format!("the line is longer than {} bytes; split it", self.cap);
                return Some(Ok(Item::Reject(reject(
                    &self.name,
                    self.row,
                    reason,
                    &self.line,
                    self.keep_personal,
                ))));
            }
            let line = self.line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            return Some(Ok(match parse(line) {
                Ok(post) => Item::Post(Box::new(post)),
                Err(reason) => Item::Reject(reject(&self.name, self.row, reason, line, self.keep_personal)),
            }));
        }
    }

    fn row(&self) -> u64 {
        self.row
    }
}

/// Whether a file ends its first line behind an object with a text: one post a line.
pub(crate) fn begins_with_a_post(bytes: &[u8]) -> bool {
    let line = bytes.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    parse(line.trim_ascii()).is_ok()
}

fn parse(line: &[u8]) -> Result<PostRecord, String> {
    match line.first() {
        Some(b'{') => {}
        Some(b'[') => {
            return Err(
                "the line is a JSON array; write one object a line, for example with jq -c '.[]'".into()
            );
        }
        _ => return Err("the line is no JSON object".into()),
    }
    let text = String::from_utf8_lossy(line);
    let mut post: PostRecord = match serde_json::from_str(&text) {
        Ok(post) => post,
        Err(first) => lenient(&text).map_err(|()| explain(&first))?,
    };
    finish(&mut post)?;
    Ok(post)
}

/// Exporters write `null` for fields that they have nothing for; those are left out and the line read again.
fn lenient(text: &str) -> Result<PostRecord, ()> {
    let mut value: serde_json::Value = serde_json::from_str(text).map_err(|_| ())?;
    let fields = value.as_object_mut().ok_or(())?;
    let before = fields.len();
    fields.retain(|_, value| !value.is_null());
    if fields.len() == before {
        return Err(());
    }
    serde_json::from_value(value).map_err(|_| ())
}

fn explain(error: &serde_json::Error) -> String {
    if error.is_eof() {
        format!("the JSON object is cut off: {error}")
    } else {
        format!("the line is no post: {error}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, open_reader};
    use tm_model::Timestamp;

    fn read(bytes: &'static [u8]) -> Vec<Item> {
        let options = Options { max_value: 200, ..Options::default() };
        open_reader("t", bytes, Some(Format::Jsonl), options).unwrap().map(Result::unwrap).collect()
    }

    fn post(item: &Item) -> &PostRecord {
        match item {
            Item::Post(post) => post,
            Item::Reject(reject) => panic!("{reject:?}"),
        }
    }

    fn why(item: &Item) -> (u64, &str) {
        match item {
            Item::Reject(reject) => (reject.row, &reject.reason),
            Item::Post(post) => panic!("{post:?}"),
        }
    }

    #[test]
    fn posts_and_rejects_in_order() {
        let items = read(
            b"\xef\xbb\xbf{\"id\":1,\"text\":\"a\\r\\nb\\u0000c\\td\",\"author\":\" x \",\"time\":1750239000}\r\n\n\
              {\"id\":2}\nnot json\n{\"text\":\"cut\n[1]\n{\"text\":\"\xff ok\",\"quotes\":null,\"author\":null}",
        );
        assert_eq!(items.len(), 6);
        let first = post(&items[0]);
        assert_eq!((first.text.as_str(), first.author.as_deref()), ("a\nbc\td", Some("x")));
        assert_eq!(first.time, Some(Timestamp(1_750_239_000)));
        assert_eq!(why(&items[1]), (3, "the text is missing or empty; a post needs the field 'text'"));
        assert_eq!(why(&items[2]), (4, "the line is no JSON object"));
        assert!(why(&items[3]).1.starts_with("the JSON object is cut off"));
        assert!(why(&items[4]).1.contains("jq -c"));
        assert_eq!(post(&items[5]).text, "\u{fffd} ok");
    }

    #[test]
    fn long_lines_are_set_aside() {
        let long = format!("{{\"text\":\"{}\"}}\n{{\"text\":\"short\"}}\n", "x".repeat(300_000));
        let items = read(Box::leak(long.into_boxed_str()).as_bytes());
        assert_eq!(why(&items[0]), (1, "the line is longer than 200 bytes; split it"));
        assert_eq!(post(&items[1]).text, "short");
    }
}
