//! The query language: what was typed becomes a tree, the tree a query of the index, marks for highlighting, and words that
//! say how it was understood.

mod compile;
mod parse;

pub(crate) use compile::{compile, restrict};
pub(crate) use parse::parse;

use std::fmt;
use tm_model::{EntityType, EventType, Family, Language};

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {}: {reason}", .position + 1)]
pub struct QueryError {
    /// Where in the query, in code points from 0.
    pub position: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// A field that a query may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldName {
    /// None named: text, title, author.
    Any,
    Text,
    Title,
    Thread,
    Author,
    Forum,
    Board,
    Lang,
    Type,
    Entity,
    Has,
    Time,
}

impl FieldName {
    pub const NAMED: [(&str, FieldName); 12] = [
        ("author", FieldName::Author),
        ("board", FieldName::Board),
        ("entity", FieldName::Entity),
        ("forum", FieldName::Forum),
        ("has", FieldName::Has),
        ("lang", FieldName::Lang),
        ("language", FieldName::Lang),
        ("text", FieldName::Text),
        ("thread", FieldName::Thread),
        ("time", FieldName::Time),
        ("title", FieldName::Title),
        ("type", FieldName::Type),
    ];

    fn name(self) -> &'static str {
        FieldName::NAMED.iter().find(|n| n.1 == self).map_or("", |n| n.0)
    }
}

/// What is looked for in a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A word as typed, or several that are joined by signs.
    Word(String),
    /// Words in this order, exactly; at most so many other words between them.
    Phrase(String, u32),
    /// The beginning of a word.
    Prefix(String),
    /// A word with at most so many letters changed.
    Fuzzy(String, u8),
    /// A number, for threads.
    Number(i64),
    Language(Language),
    Event(EventType),
    Events(Family),
    Entity(EntityType),
    /// From, inclusive, to, exclusive, in unix seconds; and the words for it.
    Time(Option<i64>, Option<i64>, String),
}

/// A query as a tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Leaf(FieldName, Value),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Node], word: &str| {
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    f.write_str(word)?;
                }
                match part {
                    Node::All(_) | Node::Any(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Node::All(parts) => joined(f, parts, " AND "),
            Node::Any(parts) => joined(f, parts, " OR "),
            Node::Not(part) => match **part {
                Node::All(_) | Node::Any(_) => write!(f, "NOT ({part})"),
                _ => write!(f, "NOT {part}"),
            },
            Node::Leaf(field, value) => {
                if *field != FieldName::Any {
                    write!(f, "{}:", field.name())?;
                }
                match value {
                    Value::Word(w) => f.write_str(&escaped(w)),
                    Value::Phrase(p, slop) => {
                        write!(f, "\"{}\"", p.replace('\\', "\\\\").replace('"', "\\\""))?;
                        if *slop > 0 { write!(f, "~{slop}") } else { Ok(()) }
                    }
                    Value::Prefix(w) => write!(f, "{}*", escaped(w)),
                    Value::Fuzzy(w, n) => write!(f, "{}~{n}", escaped(w)),
                    Value::Number(n) => write!(f, "{n}"),
                    Value::Language(v) => write!(f, "{v}"),
                    Value::Event(v) => write!(f, "{v}"),
                    Value::Events(v) => write!(f, "{v}"),
                    Value::Entity(v) => write!(f, "{v}"),
                    Value::Time(_, _, words) => f.write_str(words),
                }
            }
        }
    }
}

/// A word so that it reads as itself again.
fn escaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for (i, c) in word.chars().enumerate() {
        let special = c.is_whitespace() || parse::SPECIAL.contains(c) || (i == 0 && c == '-');
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    if matches!(word, "AND" | "OR" | "NOT") {
        out.insert(0, '\\');
    }
    out
}
