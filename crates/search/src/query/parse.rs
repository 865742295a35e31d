//! Text to tree: recursive descent over characters, with a position for each complaint.

use super::{FieldName, Node, QueryError, Value};
use crate::tokens::units;
use tm_model::{EventType, Family, Timestamp};

/// Deepest nesting of parentheses.
const DEEPEST: usize = 20;
/// Longest query in code points.
const LONGEST: usize = 4000;
/// Most words, phrases and fields.
const MOST: usize = 200;
/// Most prefixes and fuzzy words: each walks through the dictionary.
const MOST_WIDE: usize = 16;
/// Most words between those of a phrase.
const WIDEST: u32 = 50;

/// Characters that mean something; a backslash takes that from them.
pub(super) const SPECIAL: &str = "\\\"():*~“”＂（）：";

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    leaves: usize,
    wide: usize,
}

type Read<T> = Result<T, QueryError>;

fn bad<T>(position: usize, reason: impl Into<String>) -> Read<T> {
    Err(QueryError { position, reason: reason.into() })
}

/// Reads a query.
pub(crate) fn parse(text: &str) -> Read<Node> {
    let chars: Vec<char> = text.chars().take(LONGEST + 1).collect();
    if chars.len() > LONGEST {
        return bad(LONGEST, format!("the query is longer than {LONGEST} characters"));
    }
    let mut p = Parser { chars, at: 0, depth: 0, leaves: 0, wide: 0 };
    p.skip();
    if p.peek().is_none() {
        return bad(0, "the query is empty: give a word, \"a phrase\" or field:value");
    }
    let node = p.either(FieldName::Any)?;
    p.skip();
    match p.peek() {
        None => Ok(node),
        Some(_) => bad(p.at, "this ) has no ( before it"),
    }
}

/// Signs of a Chinese keyboard mean the same.
fn plain(c: char) -> char {
    match c {
        '“' | '”' | '＂' => '"',
        '（' => '(',
        '）' => ')',
        '：' => ':',
        _ => c,
    }
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied().map(plain)
    }

    fn skip(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Whether an operator's word stands here, alone.
    fn operator(&self, word: &str) -> bool {
        let length = word.len();
        let same = word.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        same && self
            .chars
            .get(self.at + length)
            .copied()
            .map(plain)
            .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip();
        let found = self.operator(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// `a OR b`
    fn either(&mut self, field: FieldName) -> Read<Node> {
        let mut parts = vec![self.both(field)?];
        while self.take("OR") {
            parts.push(self.both(field)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Any(parts) })
    }

    /// `a b`, `a AND b`, `a NOT b`, `a -b`
    fn both(&mut self, field: FieldName) -> Read<Node> {
        let mut parts = Vec::new();
        let mut owed: Option<(&str, usize)> = None;
        loop {
            self.skip();
            let at = self.at;
            let end = self.peek().is_none_or(|c| c == ')') || self.operator("OR");
            if end {
                return match (owed, parts.len()) {
                    (Some((word, at)), _) => {
                        bad(at, format!("{word} has nothing behind it; write \\{word} to look for the word"))
                    }
                    (None, 0) if self.operator("OR") => {
                        bad(at, "OR has nothing before it; write \\OR to look for the word")
                    }
                    (None, 0) if self.depth > 0 && self.peek() == Some(')') => {
                        bad(at, "nothing stands between ( and )")
                    }
                    (None, 0) if self.peek() == Some(')') => bad(at, "this ) has no ( before it"),
                    (None, 0) => bad(at, "something is missing here: a word, \"a phrase\" or field:value"),
                    (None, 1) => Ok(parts.remove(0)),
                    (None, _) => Ok(Node::All(parts)),
                };
            }
            if self.take("AND") {
                if parts.is_empty() {
                    return bad(at, "AND has nothing before it; write \\AND to look for the word");
                }
                owed = Some(("AND", at));
                continue;
            }
            let mut negated = false;
            while self.take("NOT") {
                negated = !negated;
                owed = Some(("NOT", at));
                self.skip();
            }
            if self.peek().is_none_or(|c| c == ')') {
                continue;
            }
            if self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| !c.is_whitespace()) {
                self.at += 1;
                negated = !negated;
            }
            let part = self.part(field)?;
            parts.push(if negated { Node::Not(Box::new(part)) } else { part });
            owed = None;
        }
    }

    /// A group, a phrase, a word, a field with one of them.
    fn part(&mut self, field: FieldName) -> Read<Node> {
        let start = self.at;
        if self.peek() == Some('(') {
            return self.group(field);
        }
        self.leaves += 1;
        if self.leaves > MOST {
            return bad(start, format!("more than {MOST} words and phrases"));
        }
        if self.peek() == Some('"') {
            let value = self.phrase()?;
            return self.leaf(field, value, start);
        }
        // A field's name.
        let name: String = self.chars[start..].iter().take_while(|c| c.is_ascii_lowercase()).collect();
        let behind = start + name.len();
        if !name.is_empty() && self.chars.get(behind).copied().map(plain) == Some(':') {
            let address = self.chars[behind + 1..].starts_with(&['/', '/']);
            if let Some((_, named)) = FieldName::NAMED.iter().find(|n| n.0 == name) {
                self.at = behind + 1;
                return match self.peek() {
                    Some('(') => self.group(*named),
                    Some('"') => {
                        let at = self.at;
                        let value = self.phrase()?;
                        self.leaf(*named, value, at)
                    }
                    _ => {
                        let at = self.at;
                        let (value, open) = self.word();
                        if value.is_empty() {
                            return bad(at, format!("{name}: needs a value"));
                        }
                        let value = self.shaped(*named, value, open, at)?;
                        self.leaf(*named, value, at)
                    }
                };
            }
            if !address {
                let known: Vec<&str> =
                    FieldName::NAMED.iter().map(|n| n.0).filter(|n| *n != "language").collect();
                return bad(
                    start,
                    format!(
                        "unknown field '{name}', known are: {}; write {name}\\: to look for it as a word",
                        known.join(" ")
                    ),
                );
            }
        }
        let (value, open) = self.word();
        if value.is_empty() {
            return bad(start, "a word is missing here");
        }
        let value = self.shaped(field, value, open, start)?;
        self.leaf(field, value, start)
    }

    fn group(&mut self, field: FieldName) -> Read<Node> {
        let start = self.at;
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return bad(start, format!("more than {DEEPEST} parentheses inside of each other"));
        }
        let inner = self.either(field)?;
        self.skip();
        if self.peek() != Some(')') {
            return bad(start, "this ( is not closed");
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    /// Characters up to the next blank or sign, and whether a sign that ends the word was left unescaped at its end: the
    /// word without it.
    fn word(&mut self) -> (String, Option<String>) {
        let mut text = String::new();
        // Length of the text up to the last unescaped * or ~, and what follows it.
        let mut sign: Option<(usize, char)> = None;
        while let Some(&c) = self.chars.get(self.at) {
            let p = plain(c);
            if p == '\\' {
                let Some(&next) = self.chars.get(self.at + 1) else {
                    self.at += 1;
                    text.push('\\');
                    break;
                };
                text.push(next);
                self.at += 2;
                continue;
            }
            if p.is_whitespace() || matches!(p, '(' | ')' | '"') {
                break;
            }
            if matches!(p, '*' | '~') {
                sign = Some((text.len(), p));
            }
            text.push(p);
            self.at += 1;
        }
        let ending = sign.map(|(at, _)| text[at..].to_owned());
        let is_sign = ending.as_deref().is_some_and(|e| {
            matches!(e, "*" | "~" | "~1" | "~2")
                || (e.starts_with('~') && e[1..].bytes().all(|b| b.is_ascii_digit()))
        });
        if is_sign && let Some((at, _)) = sign {
            text.truncate(at);
            return (
                text.clone() + if text.is_empty() { ending.as_deref().unwrap_or("") } else { "" },
                ending,
            );
        }
        (text, None)
    }

    /// What kind of value a word is by its ending.
    fn shaped(&mut self, field: FieldName, word: String, ending: Option<String>, at: usize) -> Read<Value> {
        let Some(ending) = ending else { return Ok(Value::Word(word)) };
        self.wide += 1;
        if self.wide > MOST_WIDE {
            return bad(at, format!("more than {MOST_WIDE} words with * or ~"));
        }
        if field == FieldName::Entity && ending == "*" {
            return Ok(Value::Prefix(word));
        }
        let cut: Vec<_> = units(&word).collect();
        let [unit] = cut.as_slice() else {
            return match (ending.as_str(), cut.len()) {
                (e, 0) => bad(at, format!("{e} needs a word before it")),
                ("*", _) if cut.iter().all(|u| u.ideograph) => Ok(Value::Word(word)),
                ("*", _) => bad(
                    at,
                    format!(
                        "'{word}*': a prefix is one word; write \"{word}\" for the words one after the other"
                    ),
                ),
                (e, _) => bad(at, format!("'{word}{e}': fuzzy is one word of letters")),
            };
        };
        let letters = unit.text.chars().count();
        if ending == "*" {
            if letters < 2 && !unit.ideograph {
                return bad(at, format!("'{word}*': a prefix needs at least two letters"));
            }
            return Ok(Value::Prefix(word));
        }
        let distance = match &ending[1..] {
            "" | "1" => 1,
            "2" => 2,
            other => return bad(at, format!("'~{other}': a word may differ in 1 or 2 letters")),
        };
        let least = if distance == 1 { 3 } else { 5 };
        if letters < least || unit.ideograph {
            return bad(
                at,
                format!("'{word}{ending}': a word for ~{distance} needs at least {least} letters"),
            );
        }
        Ok(Value::Fuzzy(word, distance))
    }

    fn phrase(&mut self) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(&c) = self.chars.get(self.at) else { return bad(start, "this \" is not closed") };
            self.at += 1;
            match plain(c) {
                '"' => break,
                '\\' => {
                    let Some(&next) = self.chars.get(self.at) else {
                        return bad(start, "this \" is not closed");
                    };
                    text.push(next);
                    self.at += 1;
                }
                _ => text.push(c),
            }
        }
        let mut slop = 0;
        if self.peek() == Some('~') {
            let at = self.at;
            self.at += 1;
            let digits: String = self.chars[self.at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            self.at += digits.len();
            slop = match digits.parse::<u32>() {
                Ok(n) if n <= WIDEST => n,
                _ => {
                    return bad(
                        at,
                        format!(
                            "behind a phrase ~ needs the number of words that may stand between, at most {WIDEST}"
                        ),
                    );
                }
            };
        }
        if text.trim().is_empty() {
            return bad(start, "the phrase is empty");
        }
        Ok(Value::Phrase(text, slop))
    }

    /// Gives a value the meaning that it has in its field.
    fn leaf(&self, field: FieldName, value: Value, at: usize) -> Read<Node> {
        let refuse = |e: tm_model::UnknownName| bad(at, e.to_string());
        let text = match &value {
            Value::Word(t) | Value::Phrase(t, _) | Value::Prefix(t) | Value::Fuzzy(t, _) => t.clone(),
            _ => String::new(),
        };
        let exact = matches!(value, Value::Word(_) | Value::Phrase(_, _));
        let closed = |name: &str| format!("{name}: takes a whole name, no * or ~");
        let value = match field {
            FieldName::Lang if !exact => return bad(at, closed("lang")),
            FieldName::Type if !exact => return bad(at, closed("type")),
            FieldName::Has if !exact => return bad(at, closed("has")),
            FieldName::Lang => match text.to_lowercase().parse() {
                Ok(language) => Value::Language(language),
                Err(e) => return refuse(e),
            },
            FieldName::Has => match text.to_lowercase().parse() {
                Ok(kind) => Value::Entity(kind),
                Err(e) => return refuse(e),
            },
            FieldName::Type => {
                let name = text.to_lowercase();
                match (name.parse::<Family>(), name.parse::<EventType>()) {
                    (Ok(family), _) => Value::Events(family),
                    (_, Ok(kind)) => Value::Event(kind),
                    (Err(families), Err(types)) => {
                        return bad(at, format!("unknown type '{name}', known are the families {} and the types {}; has: asks for entities", families.known, types.known));
                    }
                }
            }
            FieldName::Time if exact => time(&text).map_or_else(
                || bad(at, format!("time:{text} cannot be read; write time:2025, time:2025-06, time:2025-06-30 or a range such as time:2025-06..2025-08, either end may be left out")),
                Ok,
            )?,
            FieldName::Time => return bad(at, "time: takes a date or a range, no * or ~"),
            FieldName::Thread if exact => match text.parse::<i64>() {
                Ok(n) => Value::Number(n),
                Err(_) => value,
            },
            FieldName::Entity => match value {
                Value::Fuzzy(..) => return bad(at, "entity: takes a value or its beginning, no ~"),
                other => other,
            },
            _ => value,
        };
        let spoken = matches!(value, Value::Word(_) | Value::Phrase(_, _));
        if spoken && field != FieldName::Entity && units(&text).next().is_none() {
            return bad(at, format!("'{text}' holds no letter or digit"));
        }
        Ok(Node::Leaf(field, value))
    }
}

/// `2025`, `2025-06`, `2025-06-30`, a time of day, or `FROM..TO` of them.
fn time(text: &str) -> Option<Value> {
    let text = text.trim();
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let (from, to) = (moment(from)?, moment(to)?);
    let (low, high) = (from.map(|m| m.0), to.map(|m| m.1));
    if low.is_none() && high.is_none() || low.zip(high).is_some_and(|(l, h)| l >= h) {
        return None;
    }
    Some(Value::Time(low, high, text.to_owned()))
}

/// First second, and the one behind the last, of a year, month, day or moment; `Some(None)` for an open end.
fn moment(text: &str) -> Option<Option<(i64, i64)>> {
    if text.is_empty() {
        return Some(None);
    }
    let parse = |s: &str| Timestamp::parse(s).ok().map(|t| t.0);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let span = match parts.as_slice() {
        [y] if y.len() == 4 && digits(y) => {
            let year: i64 = y.parse().ok()?;
            (parse(&format!("{y}-01-01"))?, parse(&format!("{:04}-01-01", year + 1))?)
        }
        [y, m] if y.len() == 4 && m.len() == 2 && digits(y) && digits(m) => {
            let (year, month): (i64, i64) = (y.parse().ok()?, m.parse().ok()?);
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            (parse(&format!("{text}-01"))?, parse(&format!("{next_year:04}-{next:02}-01"))?)
        }
        [_, _, d] if d.len() == 2 => {
            let start = parse(text)?;
            (start, start + 86_400)
        }
        // A bare number would be read as unix seconds, which nobody types.
        [_] => return None,
        _ => {
            let start = parse(text)?;
            (start, start + 1)
        }
    };
    Some(Some(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str) -> String {
        parse(query).map_or_else(|e| panic!("{query}: {e}"), |n| n.to_string())
    }

    #[test]
    fn how_queries_are_understood() {
        for (query, expected) in [
            ("fresh cvv", "fresh AND cvv"),
            ("a OR b c", "a OR (b AND c)"),
            ("(a OR b) c", "(a OR b) AND c"),
            ("cvv NOT sells -old", "cvv AND NOT sells AND NOT old"),
            ("\"fresh cvv\"~3", "\"fresh cvv\"~3"),
            ("author:Mr_Dump forum:\"night market\"", "author:Mr_Dump AND forum:\"night market\""),
            ("author:(ann OR bob)", "author:ann OR author:bob"),
            ("type:attack type:DDoS has:cve lang:ru", "type:attack AND type:ddos AND has:cve AND lang:ru"),
            ("（дампы OR “卡 料”）lang：zh", "(дампы OR \"卡 料\") AND lang:zh"),
            ("malw* lockbot~ lockbots~2", "malw* AND lockbot~1 AND lockbots~2"),
            (r"\AND a\:b 2\*2 \-x c\~1", r"\AND AND a\:b AND 2\*2 AND \-x AND c\~1"),
            ("http://203.0.113.7/a", r"http\://203.0.113.7/a"),
            ("NOT NOT a", "a"),
            (
                "time:2025-06..2025-08 thread:12 thread:shop",
                "time:2025-06..2025-08 AND thread:12 AND thread:shop",
            ),
            ("entity:203.0.113.*", "entity:203.0.113.*"),
            ("ORDER ANDROID", "ORDER AND ANDROID"),
        ] {
            assert_eq!(shown(query), expected, "{query}");
            assert_eq!(shown(expected), expected, "read again");
        }
    }

    #[test]
    fn complaints_have_a_place() {
        for (query, position, part) in [
            ("", 0, "empty"),
            ("  ", 0, "empty"),
            ("cvv \"open", 4, "not closed"),
            ("a (b", 2, "not closed"),
            ("a) b", 1, "no ( before"),
            ("a ()", 3, "nothing stands between"),
            ("a AND", 2, "nothing behind"),
            ("продам AND", 7, "nothing behind"),
            ("a NOT", 2, "nothing behind"),
            ("OR a", 0, "nothing before"),
            ("a OR", 4, "missing"),
            ("AND a", 0, "nothing before"),
            ("x nofield:x", 2, "unknown field"),
            ("author:", 7, "needs a value"),
            ("lang:de", 5, "known are: en ru zh"),
            ("type:cve", 5, "has: asks"),
            ("has:nothing", 4, "known are"),
            ("time:yesterday", 5, "cannot be read"),
            ("time:2025-13", 5, "cannot be read"),
            ("time:2025-08..2025-06", 5, "cannot be read"),
            ("time:..", 5, "cannot be read"),
            ("a ---", 3, "no letter"),
            ("a*", 0, "two letters"),
            ("*", 0, "needs a word"),
            ("ab~", 0, "at least 3"),
            ("abcd~2", 0, "at least 5"),
            ("abcd~7", 0, "1 or 2"),
            ("2.0*", 0, "one word"),
            ("\"a b\"~x", 5, "number of words"),
            ("\"\"", 0, "empty"),
        ] {
            let error = parse(query).expect_err(query);
            assert!(error.reason.contains(part), "{query}: {error}");
            assert_eq!(error.position, position, "{query}: {error}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        assert!(parse(&"(".repeat(3000)).unwrap_err().reason.contains("inside of each other"));
        assert!(parse(&"ab ".repeat(201)).unwrap_err().reason.contains("200 words"));
        assert!(parse(&"ab* ".repeat(17)).unwrap_err().reason.contains("16"));
        assert!(parse(&"x".repeat(4001)).unwrap_err().reason.contains("4000"));
        assert!(parse(&"NOT ".repeat(900)).is_err());
        assert_eq!(parse(&format!("{}a", "-".repeat(3000))).unwrap().to_string().matches("NOT").count(), 1);
    }

    #[test]
    fn whole_months_and_years() {
        let Node::Leaf(_, Value::Time(from, to, _)) = parse("time:2024-02").unwrap() else { panic!() };
        assert_eq!((from, to), (Some(1_706_745_600), Some(1_709_251_200)));
        let Node::Leaf(_, Value::Time(from, to, _)) = parse("time:2024-12..").unwrap() else { panic!() };
        assert_eq!((from, to), (Some(1_733_011_200), None));
    }
}
