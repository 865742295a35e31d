//! NodeBB on PostgreSQL: one table of JSON objects by key (`post:9`, `topic:3`, `user:7`, `category:2`), times in
//! milliseconds, texts in Markdown, authors quoted by the form of their name that stands in addresses.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State},
};
use crate::{Options, clean_markdown, decode_entities, field::name, sql::Row};
use serde_json::Value;

pub(super) struct Nodebb;

const TABLES: [TableRule; 2] = [
    TableRule { role: Role::Threads, names: &["legacy_hash"], columns: &["_key", "data"] },
    TableRule { role: Role::Posts, names: &["legacy_hash"], columns: &["_key", "data"] },
];

/// The number behind `kind:` in a key that holds nothing else.
fn keyed(key: &str, kind: &str) -> Option<u64> {
    let number = key.strip_prefix(kind)?.strip_prefix(':')?;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())?
}

fn text<'v>(data: &'v Value, field: &str) -> &'v str {
    data.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Numbers come as numbers, or as text from older versions.
fn int(data: &Value, field: &str) -> Option<i64> {
    match data.get(field)? {
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|n| n as i64)),
        Value::String(s) => s.parse().ok(),
        _ => None,
    }
}

fn id(data: &Value, field: &str) -> Option<u64> {
    int(data, field).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0)
}

fn deleted(data: &Value) -> State {
    if int(data, "deleted") == Some(1) { State::Deleted } else { State::Visible }
}

fn slug(handle: &str) -> String {
    let mut slug = String::with_capacity(handle.len());
    for c in handle.trim().to_lowercase().chars() {
        let keep = c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
        if keep {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_matches('-').to_owned()
}

/// Accounts that a text addresses: `@slug`, where there is one of that name.
fn mentions(text: &str, known: &Known) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for place in memchr::memchr_iter(b'@', text.as_bytes()) {
        if text[..place].ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let rest = &text[place + 1..];
        let end =
            rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-')).unwrap_or(rest.len());
        let named = rest[..rest.floor_char_boundary(end.min(200))].trim_end_matches(['.', '-']);
        let Some(handle) = known.slugs.get(&named.to_lowercase()) else { continue };
        if !found.contains(handle) && found.len() < 500 {
            found.push(handle.clone());
        }
    }
    found
}

impl Nodebb {
    /// An account that was deleted leaves its name only in notices that it caused:
    /// `[[notifications:user-mentioned-you-in, NAME, TITLE]]`.
    fn learn_notice(&self, data: &Value, known: &mut Known) {
        let notice = text(data, "bodyShort");
        let Some((_, rest)) =
            notice.split_once("[[notifications:user-").and_then(|(_, r)| r.split_once(", "))
        else {
            return;
        };
        let Some(handle) = rest.split([',', ']']).next().and_then(|n| name(&decode_entities(n))) else {
            return;
        };
        if let Some(user) = id(data, "from") {
            // A live account's own row knows better, whichever comes first.
            known.slugs.entry(slug(&handle)).or_insert_with(|| handle.clone());
            known.users.entry(user).or_insert(handle);
        }
    }
}

impl Engine for Nodebb {
    fn name(&self) -> &'static str {
        "NodeBB"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        let key = row.text("_key");
        let kinds = ["category", "topic", "user"];
        let kind = kinds.into_iter().find_map(|kind| Some((kind, keyed(&key, kind)?)));
        let notice = key.starts_with("notifications:");
        if role != Role::Threads || (kind.is_none() && !notice && key != "config") {
            return;
        }
        let Ok(data) = serde_json::from_slice::<Value>(row.bytes("data").unwrap_or_default()) else { return };
        match kind {
            Some(("category", id)) => known.board(Some(id), &decode_entities(text(&data, "name"))),
            Some(("topic", topic)) => {
                let title = decode_entities(text(&data, "title"));
                known.thread(
                    Some(topic),
                    id(&data, "cid"),
                    &title,
                    deleted(&data),
                    int(&data, "pinned") == Some(1),
                );
            }
            Some((_, user)) => {
                let handle = text(&data, "username");
                if let Some(handle) = name(handle) {
                    known.slugs.insert(text(&data, "userslug").to_owned(), handle);
                }
                known.user(Some(user), handle);
            }
            None if notice => self.learn_notice(&data, known),
            None => known.forum = name(&decode_entities(text(&data, "title"))),
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let key = row.text("_key");
        let Some(post) = keyed(&key, "post") else { return Outcome::Skip };
        let data: Value = match serde_json::from_slice(row.bytes("data").unwrap_or_default()) {
            Ok(data) => data,
            Err(error) => return Outcome::Bad(format!("the data of {key} is no JSON: {error}")),
        };
        let draft = Draft {
            id: Some(post),
            thread: id(&data, "tid"),
            board: None,
            title: None,
            author: id(&data, "uid")
                .and_then(|user| known.users.get(&user).cloned())
                .or_else(|| name(text(&data, "handle"))),
            time: int(&data, "timestamp").map(|ms| ms.div_euclid(1000)),
            state: deleted(&data),
            reply_to: id(&data, "toPid"),
            edited: int(&data, "edited").map(|ms| ms.div_euclid(1000)),
        };
        draft.join(known, || {
            let mut cleaned = clean_markdown(text(&data, "content"), options.link_targets);
            for quote in &mut cleaned.quotes {
                let known_as = quote.author.as_ref().and_then(|slug| known.slugs.get(slug));
                quote.author = known_as.cloned().or(quote.author.take());
            }
            cleaned.mentions = mentions(&cleaned.text, known);
            cleaned
        })
    }
}
