//! Telegram: the JSON that Telegram Desktop exports of one chat (`result.json`) or of a whole account.
//!
//! The file is walked as a stream and each message parsed by itself, so that memory does not grow with the export. Of an
//! account's export only channels and groups are read: its private chats are nobody's forum.

use crate::{
    CollectError, Item, Options, Posts, bytes::ByteStream, field, input::read_error, strip_controls,
    text::plain_links,
};
use serde_json::Value;
use std::collections::HashMap;
use tm_model::{PostRecord, QuoteTarget, Timestamp};

/// Whether these first bytes begin such an export.
pub(crate) fn is_telegram(head: &[u8]) -> bool {
    let head = &head[..head.len().min(4096)];
    let has = |sign: &str| memchr::memmem::find(head, sign.as_bytes()).is_some();
    let chat = has("\"messages\"") && has("\"type\"") && has("\"id\"");
    let account = has("\"about\"") && has("Here is the data you requested");
    head.trim_ascii_start().starts_with(b"{") && (chat || account)
}

/// Chats that are read: channels and groups. All others are private, also those whose type is not told before their
/// messages: Telegram Desktop tells it first, and what wrote the file anew may have moved it.
const SHARED: [&str; 5] =
    ["public_channel", "private_channel", "public_supergroup", "private_supergroup", "private_group"];

/// Brackets nested deeper than this are no export.
const DEEPEST: usize = 512;

/// Why the walk ends here.
enum Stop {
    /// The file ends inside a value.
    Cut,
    /// What stands here is no JSON.
    Malformed,
}

/// An open object or array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// The outermost object, which is a chat itself or holds `chats`.
    Root,
    /// `chats` and `left_chats`.
    Chats,
    /// `list` in them.
    List,
    /// A chat in the list.
    Chat,
    /// `messages` of a chat.
    Messages,
}

/// The chat that is read.
#[derive(Default)]
struct Chat {
    name: Option<String>,
    kind: String,
    id: String,
    /// Titles of topics by the message that began them.
    topics: HashMap<i64, String>,
    /// The topic of each message in a chat with topics.
    topic_of: HashMap<i64, i64>,
}

pub(crate) struct TelegramPosts {
    name: String,
    bytes: ByteStream,
    options: Options,
    open: Vec<Frame>,
    begun: bool,
    done: bool,
    chat: Chat,
    /// Names that chats go by, with the identifier of the chat.
    names: HashMap<String, String>,
    value: Vec<u8>,
    row: u64,
    private: u64,
}

impl TelegramPosts {
    pub(crate) fn new(name: String, bytes: ByteStream, options: &Options) -> TelegramPosts {
        TelegramPosts {
            name,
            bytes,
            options: options.clone(),
            open: Vec::new(),
            begun: false,
            done: false,
            chat: Chat::default(),
            names: HashMap::new(),
            value: Vec::new(),
            row: 0,
            private: 0,
        }
    }

    /// The next byte that is no white space or comma.
    fn sign(&mut self) -> Result<u8, Stop> {
        loop {
            let rest = self.bytes.rest();
            if rest.is_empty() {
                return Err(Stop::Cut);
            }
            match rest.iter().position(|b| !b.is_ascii_whitespace() && *b != b',') {
                Some(n) => {
                    let sign = rest[n];
                    self.bytes.advance(n);
                    return Ok(sign);
                }
                None => {
                    let n = rest.len();
                    self.bytes.advance(n);
                }
            }
        }
    }

    /// Reads a value as it stands into `self.value`; false when it is larger than is read, and was passed over.
    fn raw(&mut self) -> Result<bool, Stop> {
        let cap = self.options.max_value;
        self.value.clear();
        self.value.shrink_to(1024 * 1024);
        let (mut depth, mut text, mut fits) = (0usize, false, true);
        let first = self.sign()?;
        if matches!(first, b']' | b'}' | b':') {
            return Err(Stop::Malformed);
        }
        loop {
            let rest = self.bytes.rest();
            if rest.is_empty() {
                return Err(Stop::Cut);
            }
            let found = if text {
                memchr::memchr2(b'"', b'\\', rest)
            } else {
                rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}' | b'[' | b']' | b',' | b'\n' | b' '))
            };
            // A bare word ends before the bracket of what it stands in.
            let ends_before = |b: u8| depth == 0 && matches!(b, b'}' | b']' | b',' | b'\n' | b' ');
            let (n, sign) = match found {
                Some(i) if !text && ends_before(rest[i]) => (i, b','),
                Some(i) => (i + 1, rest[i]),
                None => (rest.len(), 0),
            };
            fits &= self.value.len() + n <= cap;
            if fits {
                self.value.extend_from_slice(&rest[..n]);
            }
            self.bytes.advance(n);
            match sign {
                b'\\' => {
                    let escaped = self.bytes.next().ok_or(Stop::Cut)?;
                    if fits {
                        self.value.push(escaped);
                    }
                }
                b'"' => {
                    text = !text;
                    if !text && depth == 0 {
                        return Ok(fits);
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > DEEPEST {
                        return Err(Stop::Malformed);
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(fits);
                    }
                }
                b',' if depth == 0 => return Ok(fits),
                _ => {}
            }
        }
    }

    fn scalar(&mut self) -> Result<String, Stop> {
        self.raw()?;
        Ok(match serde_json::from_slice(&self.value) {
            Ok(Value::String(text)) => text,
            Ok(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        })
    }

    /// Goes on to the next message and reads it; `Ok(None)` at the end.
    fn step(&mut self) -> Result<Option<bool>, Stop> {
        if !self.begun {
            self.begun = true;
            if self.bytes.rest().is_empty() {
                return Ok(None);
            }
            if self.sign()? != b'{' {
                return Err(Stop::Malformed);
            }
            self.bytes.advance(1);
            self.open.push(Frame::Root);
        }
        while let Some(&frame) = self.open.last() {
            let sign = self.sign()?;
            if matches!(sign, b'}' | b']') {
                self.bytes.advance(1);
                self.open.pop();
                if frame == Frame::Chat {
                    self.chat = Chat::default();
                }
                continue;
            }
            match frame {
                Frame::Messages => return self.raw().map(Some),
                Frame::List => {
                    if sign != b'{' {
                        self.raw()?;
                        continue;
                    }
                    self.bytes.advance(1);
                    self.chat = Chat::default();
                    self.open.push(Frame::Chat);
                }
                Frame::Root | Frame::Chats | Frame::Chat => self.member(frame)?,
            }
        }
        Ok(None)
    }

    /// Reads `"key": value` of an object, or goes into the value.
    fn member(&mut self, frame: Frame) -> Result<(), Stop> {
        let key = self.scalar()?;
        if self.sign()? != b':' {
            return Err(Stop::Malformed);
        }
        self.bytes.advance(1);
        let inside = match (frame, key.as_str(), self.sign()?) {
            (Frame::Root, "chats" | "left_chats", b'{') => Some(Frame::Chats),
            (Frame::Chats, "list", b'[') => Some(Frame::List),
            (Frame::Root | Frame::Chat, "messages", b'[') => Some(Frame::Messages),
            _ => None,
        };
        if let Some(inside) = inside {
            self.bytes.advance(1);
            if inside == Frame::Messages {
                self.begin_chat();
            }
            self.open.push(inside);
            return Ok(());
        }
        match (frame, key.as_str()) {
            (Frame::Root | Frame::Chat, "name") => self.chat.name = field::name(&self.scalar()?),
            (Frame::Root | Frame::Chat, "type") => self.chat.kind = self.scalar()?,
            (Frame::Root | Frame::Chat, "id") => self.chat.id = self.scalar()?,
            _ => drop(self.raw()?),
        }
        Ok(())
    }

    /// A chat's name stands for its forum: two chats of one name must not share one.
    fn begin_chat(&mut self) {
        let id = self.chat.id.clone();
        let name = self.chat.name.clone().unwrap_or_else(|| format!("Telegram {id}"));
        let taken = self.names.get(&name).is_some_and(|other| *other != id);
        let name = if taken { format!("{name} ({id})") } else { name };
        self.names.insert(name.clone(), id);
        self.chat.name = Some(name);
    }

    fn is_private(&self) -> bool {
        !SHARED.contains(&self.chat.kind.as_str()) && !self.options.keep_personal
    }

    /// Makes a post of the message in `self.value`; `None` for what is none (somebody joined, a picture alone).
    fn message(&mut self) -> Result<Option<PostRecord>, String> {
        let message: Value =
            serde_json::from_slice(&self.value).map_err(|e| format!("the message is no JSON: {e}"))?;
        let Some(id) = int(&message, "id") else {
            return Err("the message has no identifier".to_owned());
        };
        let answered =
            int(&message, "reply_to_message_id").filter(|_| message.get("reply_to_peer_id").is_none());
        let text_of = |key: &str| message.get(key).and_then(Value::as_str).unwrap_or_default();
        if text_of("action") == "topic_created" {
            self.chat.topics.insert(id, text_of("title").to_owned());
        }
        let topic = answered.and_then(|to| match self.chat.topics.contains_key(&to) {
            true => Some(to),
            false => self.chat.topic_of.get(&to).copied(),
        });
        if let Some(topic) = topic {
            self.chat.topic_of.insert(id, topic);
        }
        if text_of("type") != "message" {
            return Ok(None);
        }
        let mut body = Body::default();
        match message.get("text") {
            Some(Value::String(text)) => body.push("plain", text, &Value::Null, &self.options),
            Some(Value::Array(parts)) => {
                for part in parts {
                    match part {
                        Value::String(text) => body.push("plain", text, &Value::Null, &self.options),
                        entity => {
                            let of = |key: &str| entity.get(key).and_then(Value::as_str).unwrap_or_default();
                            body.push(of("type"), of("text"), entity, &self.options);
                        }
                    }
                }
            }
            _ => {}
        }
        if let Some(poll) = message.get("poll") {
            body.poll(poll);
        }
        let (text, links) = body.finish();
        if text.is_empty() && links.is_empty() {
            return Ok(None);
        }
        let forwarded = field::name(text_of("forwarded_from"));
        // Who left is shown without a name; the account's number tells such authors apart.
        let author = field::name(text_of("author"))
            .or_else(|| field::name(text_of("from")))
            .or_else(|| field::name(text_of("from_id")));
        let (thread, title) = match topic {
            Some(topic) => {
                (format!("topic{topic}"), self.chat.topics.get(&topic).and_then(|t| field::name(t)))
            }
            None => (format!("chat{}", self.chat.id), self.chat.name.clone()),
        };
        Ok(Some(PostRecord {
            id: Some(id.to_string()),
            forum: self.chat.name.clone(),
            board: None,
            thread: Some(thread),
            title,
            author,
            time: time(&message, "date"),
            text,
            // The message that began a topic is answered by nobody in particular.
            reply_to: answered.filter(|to| !self.chat.topics.contains_key(to)).map(|to| to.to_string()),
            quotes: forwarded
                .map(|author| QuoteTarget { post: None, author: Some(author) })
                .into_iter()
                .collect(),
            mentions: body.mentions,
            links,
            edited: time(&message, "edited"),
            sticky: false,
            url: None,
        }))
    }
}

fn int(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `date_unixtime`; exports of before 2022 have only `date`, the local time of who exported, which is read as UTC.
fn time(message: &Value, key: &str) -> Option<Timestamp> {
    if let Some(seconds) = int(message, &format!("{key}_unixtime")) {
        return Timestamp::checked(seconds).filter(|t| t.0 > 0);
    }
    let text = message.get(key)?.as_str()?;
    Timestamp::parse(text).ok().filter(|t| t.0 > 0)
}

/// The text of a message in the making.
#[derive(Default)]
struct Body {
    text: String,
    mentions: Vec<String>,
    links: Vec<String>,
}

/// Most mentions and links that are kept of one message.
const MOST: usize = 500;

impl Body {
    fn link(&mut self, link: &str) {
        if !link.is_empty() && self.links.len() < MOST && !self.links.iter().any(|known| known == link) {
            self.links.push(link.to_owned());
        }
    }

    fn push(&mut self, kind: &str, text: &str, entity: &Value, options: &Options) {
        let lines = kind == "pre" || kind == "blockquote";
        if lines && !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(text);
        if lines && !text.ends_with('\n') {
            self.text.push('\n');
        }
        match kind {
            "text_link" => {
                let target = entity.get("href").and_then(Value::as_str).unwrap_or_default();
                self.link(target);
                if options.link_targets && !target.is_empty() && target != text {
                    self.text.push_str(&format!(" ({target})"));
                }
            }
            "link" => {
                let whole = text.contains("://");
                self.link(&if whole { text.to_owned() } else { format!("http://{text}") });
            }
            "mention" | "mention_name" => {
                if let Some(handle) = field::name(text.trim_start_matches('@'))
                    && self.mentions.len() < MOST
                    && !self.mentions.contains(&handle)
                {
                    self.mentions.push(handle);
                }
            }
            "plain" | "pre" | "code" => {
                let links: Vec<String> =
                    plain_links(text).map(|(_, link)| link.to_owned()).take(MOST).collect();
                links.iter().for_each(|link| self.link(link));
            }
            _ => {}
        }
    }

    /// A poll is said, not pressed: question and answers.
    fn poll(&mut self, poll: &Value) {
        let question = poll.get("question").and_then(Value::as_str).unwrap_or_default();
        let answers = poll.get("answers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let answers = answers.iter().filter_map(|answer| answer.get("text").and_then(Value::as_str));
        for line in std::iter::once(question).chain(answers).filter(|line| !line.is_empty()) {
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            self.text.push_str(line);
        }
    }

    fn finish(&mut self) -> (String, Vec<String>) {
        (strip_controls(self.text.trim()).into_owned(), std::mem::take(&mut self.links))
    }
}

impl Posts for TelegramPosts {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        while !self.done {
            let fits = match self.step() {
                Ok(Some(fits)) => fits,
                Ok(None) => {
                    self.done = true;
                    break;
                }
                Err(stop) => {
                    self.done = true;
                    let (path, row) = (self.name.clone(), self.row);
                    return Some(Err(match (self.bytes.take_error(), stop) {
                        (Some(source), _) => read_error(&path, row, source),
                        (None, Stop::Cut) => CollectError::Truncated { path, row },
                        (None, Stop::Malformed) => CollectError::Read {
                            path,
                            row,
                            source: std::io::Error::other("what follows is no JSON of a Telegram export"),
                        },
                    }));
                }
            };
            self.row += 1;
            if self.is_private() {
                self.private += 1;
                continue;
            }
            let outcome = if fits {
                self.message()
            } else {
                Err(format!("the message is larger than {} bytes", self.options.max_value))
            };
            match outcome {
                Ok(Some(post)) => return Some(Ok(Item::Post(Box::new(post)))),
                Ok(None) => {}
                Err(reason) => {
                    return Some(Ok(Item::Reject(field::reject(
                        &self.name,
                        self.row,
                        reason,
                        &self.value,
                        self.options.keep_personal,
                    ))));
                }
            }
        }
        None
    }

    fn row(&self) -> u64 {
        self.row
    }

    fn private(&self) -> u64 {
        self.private
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, open_reader};

    fn read(text: &str, options: Options) -> Vec<PostRecord> {
        let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
        open_reader("t", bytes, Some(Format::Telegram), options)
            .unwrap()
            .map(|item| match item.unwrap() {
                Item::Post(post) => *post,
                Item::Reject(reject) => panic!("{reject:?}"),
            })
            .collect()
    }

    const CHAT: &str = r#"{
 "name": "Logs & Co", "type": "public_supergroup", "id": 1234567890,
 "messages": [
  {"id": 1, "type": "service", "date": "2024-01-04T12:00:00", "date_unixtime": "1704369600", "actor": "x", "action": "topic_created", "title": "Цены", "text": ""},
  {"id": 2, "type": "message", "date": "2024-01-04T12:01:00", "date_unixtime": "1704369660", "edited": "2024-01-04T12:05:00", "edited_unixtime": "1704369900",
   "from": "Vega", "from_id": "user77", "reply_to_message_id": 1,
   "text": ["Свежие логи ", {"type": "text_link", "text": "тут", "href": "https://drop.example/very/long?x=1"}, " ", {"type": "mention", "text": "@owl"}, {"type": "pre", "text": "a\n  b", "language": ""}, "end \"]}"]},
  {"id": 3, "type": "message", "date": "2024-01-04T12:02:00", "from": null, "from_id": "user88", "reply_to_message_id": 2, "forwarded_from": "Other Channel", "text": "价格？ http://a.example/x."},
  {"id": 4, "type": "message", "date_unixtime": "1704369800", "from": "Vega", "photo": "p.jpg", "text": ""},
  {"id": 5, "type": "message", "date_unixtime": "1704369800", "from": "Ch", "author": "signed", "text": [], "poll": {"question": "Which?", "answers": [{"text": "A", "voters": 1}]}}
 ]
}"#;

    #[test]
    fn a_chat_is_read_message_by_message() {
        let posts = read(CHAT, Options::default());
        assert_eq!(posts.len(), 3);
        let first = &posts[0];
        assert_eq!(first.text, "Свежие логи тут @owl\na\n  b\nend \"]}");
        assert_eq!((first.forum.as_deref(), first.title.as_deref()), (Some("Logs & Co"), Some("Цены")));
        assert_eq!(
            (first.author.as_deref(), first.time, first.edited),
            (Some("Vega"), Some(Timestamp(1_704_369_660)), Some(Timestamp(1_704_369_900)))
        );
        assert_eq!(
            (first.links.as_slice(), first.mentions.as_slice()),
            (&["https://drop.example/very/long?x=1".to_owned()][..], &["owl".to_owned()][..])
        );
        let second = &posts[1];
        assert_eq!(
            (second.author.as_deref(), second.reply_to.as_deref(), second.thread.as_deref()),
            (Some("user88"), Some("2"), Some("topic1"))
        );
        assert_eq!(
            (second.quotes[0].author.as_deref(), second.time),
            (Some("Other Channel"), Some(Timestamp(1_704_369_720)))
        );
        assert_eq!(second.links, ["http://a.example/x"]);
        assert_eq!((posts[2].text.as_str(), posts[2].author.as_deref()), ("Which?\nA", Some("signed")));
        let with = read(CHAT, Options { link_targets: true, ..Options::default() });
        assert!(with[0].text.contains("тут (https://drop.example/very/long?x=1)"));
    }

    const ACCOUNT: &str = r#"{"about": "Here is the data you requested.", "personal_information": {"phone_number": "+1", "list": [{"messages": [1]}]},
 "contacts": {"list": [{"first_name": "A", "phone_number": "+2"}]},
 "chats": {"about": "x", "list": [
  {"name": "Mum", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "type": "message", "from": "Mum", "text": "secret"}]},
  {"name": "Same", "type": "public_channel", "id": 2, "messages": [{"id": 1, "type": "message", "from": "Same", "text": "one"}]},
  {"name": "Same", "type": "public_channel", "id": 3, "messages": [{"id": 1, "type": "message", "from": "Same", "text": "two"}]}
 ]}, "left_chats": {"list": [{"name": null, "type": "private_supergroup", "id": 4, "messages": [{"id": 1, "type": "message", "from": "z", "text": "three"}]}]}}"#;

    #[test]
    fn of_an_account_only_channels_and_groups_are_read() {
        let texts = |options| {
            read(ACCOUNT, options).into_iter().map(|p| (p.forum.unwrap(), p.text)).collect::<Vec<_>>()
        };
        let expect = [("Same", "one"), ("Same (3)", "two"), ("Telegram 4", "three")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(texts(Options::default()), expect);
        assert_eq!(texts(Options { keep_personal: true, ..Options::default() }).len(), 4);
        assert!(is_telegram(ACCOUNT.as_bytes()) && is_telegram(CHAT.as_bytes()));
        assert!(!is_telegram(b"{\"id\": 1, \"text\": \"x\", \"type\": \"y\"}\n"));
    }

    #[test]
    fn a_chat_that_does_not_say_what_it_is_is_private() {
        let message = r#"[{"id": 1, "type": "message", "from": "Mum", "text": "secret"}]"#;
        let list = format!(
            r#"{{"chats": {{"list": [{{"type": "public_channel", "id": 2, "messages": []}}, {{"id": 3, "messages": {message}}}]}}, "messages": {message}}}"#
        );
        for (text, hidden) in [
            // Keys in the order of the alphabet.
            (format!(r#"{{"id": 1, "messages": {message}, "name": "Mum", "type": "personal_chat"}}"#), 1),
            (format!(r#"{{"id": 1, "messages": {message}, "name": "x", "type": "public_channel"}}"#), 1),
            (format!(r#"{{"id": 1, "type": "a_kind_of_later", "messages": {message}}}"#), 1),
            (format!(r#"{{"id": 1, "type": null, "messages": {message}}}"#), 1),
            (list, 2),
        ] {
            let open = |options| {
                let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
                open_reader("t", bytes, Some(Format::Telegram), options).unwrap()
            };
            let mut import = open(Options::default());
            assert!(import.next().is_none(), "{text}");
            assert_eq!(import.private(), hidden, "{text}");
            let kept = open(Options { keep_personal: true, ..Options::default() }).count();
            assert_eq!(kept as u64, hidden, "{text}");
        }
    }

    #[test]
    fn damage_ends_in_an_error_behind_what_is_sound() {
        for cut in 0..CHAT.len() {
            if !CHAT.is_char_boundary(cut) {
                continue;
            }
            let bytes = std::io::Cursor::new(CHAT.as_bytes()[..cut].to_vec());
            let items: Vec<_> =
                open_reader("t", bytes, Some(Format::Telegram), Options::default()).unwrap().collect();
            assert!(
                cut == 0 || items.last().is_none_or(Result::is_err) || cut + 3 > CHAT.len(),
                "{cut} {items:?}"
            );
        }
        for text in
            ["[", "{\"messages\": {}}", "{\"messages\": [}", "{]", &"[".repeat(5000), &"{\"a\":".repeat(5000)]
        {
            let bytes = std::io::Cursor::new(text.as_bytes().to_vec());
            let _ = open_reader("t", bytes, Some(Format::Telegram), Options::default()).unwrap().count();
        }
    }
}
