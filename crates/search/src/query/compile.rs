//! Tree to a query of the index.

use super::{FieldName, Node, Value};
use crate::Fields;
use crate::marks::{Mark, Marks};
use crate::tokens::{Unit, folded, stem, units};
use std::ops::Bound;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, RangeQuery,
    RegexQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DateTime, TantivyError, Term};
use tm_model::EventType;

/// A hit in the title counts more than one in the text, the author's name most; another form of the word less.
const TITLE: f32 = 1.5;
const AUTHOR: f32 = 2.0;
const STEM: f32 = 0.6;

type Built = Result<Box<dyn Query>, TantivyError>;

/// Makes the query, and the marks that show why a text matches.
pub(crate) fn compile(node: &Node, fields: &Fields, marks: &mut Marks) -> Built {
    Ok(match node {
        Node::Any(parts) => Box::new(BooleanQuery::new(
            parts
                .iter()
                .map(|p| Ok((Occur::Should, compile(p, fields, marks)?)))
                .collect::<Result<_, TantivyError>>()?,
        )),
        Node::All(parts) => {
            let mut clauses = Vec::with_capacity(parts.len());
            for part in parts {
                clauses.push(match part {
                    Node::Not(inner) => (Occur::MustNot, compile(inner, fields, &mut Marks::default())?),
                    other => (Occur::Must, compile(other, fields, marks)?),
                });
            }
            if clauses.iter().all(|c| c.0 == Occur::MustNot) {
                clauses.push((Occur::Must, Box::new(AllQuery)));
            }
            Box::new(BooleanQuery::new(clauses))
        }
        Node::Not(inner) => Box::new(BooleanQuery::new(vec![
            (Occur::Must, Box::new(AllQuery)),
            (Occur::MustNot, compile(inner, fields, &mut Marks::default())?),
        ])),
        Node::Leaf(field, value) => leaf(*field, value, fields, marks)?,
    })
}

/// Narrows a query to a forum, by its name, and to a language.
pub(crate) fn restrict(
    query: Box<dyn Query>,
    fields: &Fields,
    forum: Option<&str>,
    language: Option<&str>,
) -> Box<dyn Query> {
    let terms = [
        forum.map(|f| Term::from_field_text(fields.forum_name, f)),
        language.map(|l| Term::from_field_text(fields.language, l)),
    ];
    let mut clauses: Vec<(Occur, Box<dyn Query>)> =
        terms.into_iter().flatten().map(|t| (Occur::Must, constant(t))).collect();
    if clauses.is_empty() {
        return query;
    }
    clauses.push((Occur::Must, query));
    Box::new(BooleanQuery::new(clauses))
}

/// A condition: it narrows and says nothing of how good a hit is.
fn constant(term: Term) -> Box<dyn Query> {
    Box::new(BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), 0.0))
}

fn leaf(field: FieldName, value: &Value, f: &Fields, marks: &mut Marks) -> Built {
    let cut = match field {
        FieldName::Any | FieldName::Text => None,
        FieldName::Title => Some(f.title),
        FieldName::Thread => Some(f.title),
        FieldName::Author => Some(f.author),
        FieldName::Forum => Some(f.forum),
        FieldName::Board => Some(f.board),
        FieldName::Entity => return entity(value, f, marks),
        FieldName::Lang | FieldName::Type | FieldName::Has | FieldName::Time => return condition(value, f),
    };
    if let (FieldName::Thread, Value::Number(n)) = (field, value) {
        return Ok(constant(Term::from_field_i64(f.thread, *n)));
    }
    if let Some(field) = cut {
        return plain(field, value);
    }
    marks.0.push(Mark::of(value));
    let mut parts: Vec<Box<dyn Query>> = Vec::new();
    match value {
        // A single word: as it is, and in its other forms.
        Value::Word(text) => {
            let all: Vec<Unit> = units(text).collect();
            parts.push(words(f.text, &all, 0)?);
            if let [unit] = all.as_slice()
                && !unit.ideograph
            {
                let root = stem(&unit.text);
                if let Some(root) = &root {
                    parts.push(boosted(scored(Term::from_field_text(f.text, root)), STEM));
                }
                let root = root.as_deref().unwrap_or(&unit.text);
                parts.push(boosted(scored(Term::from_field_text(f.stems, root)), STEM));
            }
        }
        _ => parts.push(plain(f.text, value)?),
    }
    if field == FieldName::Any {
        parts.push(boosted(plain(f.title, value)?, TITLE));
        parts.push(boosted(plain(f.author, value)?, AUTHOR));
    }
    Ok(BooleanQuery::union(parts).into_box())
}

trait IntoBox {
    fn into_box(self) -> Box<dyn Query>;
}
impl IntoBox for BooleanQuery {
    fn into_box(self) -> Box<dyn Query> {
        Box::new(self)
    }
}

fn boosted(query: Box<dyn Query>, by: f32) -> Box<dyn Query> {
    Box::new(BoostQuery::new(query, by))
}

fn scored(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

/// A value in a field that is cut into words.
fn plain(field: Field, value: &Value) -> Built {
    match value {
        Value::Word(text) => words(field, &units(text).collect::<Vec<_>>(), 0),
        Value::Phrase(text, slop) => words(field, &units(text).collect::<Vec<_>>(), *slop),
        Value::Prefix(text) => match units(text).next() {
            Some(unit) => beginning(field, &unit.text),
            None => Ok(Box::new(EmptyQuery)),
        },
        Value::Fuzzy(text, distance) => match units(text).next() {
            Some(unit) => {
                Ok(Box::new(FuzzyTermQuery::new(Term::from_field_text(field, &unit.text), *distance, true)))
            }
            None => Ok(Box::new(EmptyQuery)),
        },
        _ => Ok(Box::new(EmptyQuery)),
    }
}

/// Units one after the other. Chinese stands in the index in pairs, so of each run of characters the pairs are looked for; a
/// character alone between words of another script is any pair that it begins.
fn words(field: Field, all: &[Unit], slop: u32) -> Built {
    let mut terms: Vec<(usize, Term)> = Vec::new();
    let mut alone: Vec<&str> = Vec::new();
    let joined = |i: usize| {
        all.get(i).zip(all.get(i + 1)).is_some_and(|(a, b)| a.ideograph && b.ideograph && a.to == b.from)
    };
    for (i, unit) in all.iter().enumerate() {
        if !unit.ideograph {
            terms.push((i, Term::from_field_text(field, &unit.text)));
        } else if joined(i) {
            let pair = format!("{}{}", unit.text, all[i + 1].text);
            terms.push((i, Term::from_field_text(field, &pair)));
        } else if i == 0 || !joined(i - 1) {
            alone.push(&unit.text);
        }
    }
    let mut parts: Vec<Box<dyn Query>> = Vec::new();
    for text in alone {
        parts.push(beginning(field, text)?);
    }
    match terms.len() {
        0 => {}
        1 => parts.extend(terms.pop().map(|t| scored(t.1))),
        _ => parts.push(Box::new(PhraseQuery::new_with_offset_and_slop(terms, slop))),
    }
    Ok(match parts.len() {
        0 => Box::new(EmptyQuery),
        1 => parts.remove(0),
        _ => Box::new(BooleanQuery::intersection(parts)),
    })
}

/// Words that begin so.
fn beginning(field: Field, text: &str) -> Built {
    Ok(Box::new(RegexQuery::from_pattern(&format!("{}.*", literal(text)), field)?))
}

/// A text as a pattern that matches it alone.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// An entity by its normalised value, or by how it begins.
fn entity(value: &Value, f: &Fields, marks: &mut Marks) -> Built {
    let term = |text: &str| Term::from_field_text(f.entity, &crate::entity_key(text));
    marks.0.push(Mark::of(value));
    Ok(match value {
        Value::Prefix(text) => beginning(f.entity, &folded(text))?,
        Value::Word(text) | Value::Phrase(text, _) => scored(term(text)),
        _ => Box::new(EmptyQuery),
    })
}

fn condition(value: &Value, f: &Fields) -> Built {
    Ok(match value {
        Value::Language(l) => constant(Term::from_field_text(f.language, l.as_str())),
        Value::Entity(kind) => constant(Term::from_field_text(f.has, kind.as_str())),
        Value::Event(kind) => constant(Term::from_field_text(f.kind, kind.as_str())),
        Value::Events(family) => {
            let types = EventType::ALL.iter().filter(|t| t.family() == *family);
            Box::new(BooleanQuery::union(
                types.map(|t| constant(Term::from_field_text(f.kind, t.as_str()))).collect(),
            ))
        }
        Value::Time(from, to, _) => {
            let term = |s: &i64| Term::from_field_date_for_search(f.time, DateTime::from_timestamp_secs(*s));
            let low = from.as_ref().map_or(Bound::Unbounded, |s| Bound::Included(term(s)));
            let high = to.as_ref().map_or(Bound::Unbounded, |s| Bound::Excluded(term(s)));
            Box::new(BoostQuery::new(Box::new(RangeQuery::new(low, high)), 0.0))
        }
        _ => Box::new(EmptyQuery),
    })
}
