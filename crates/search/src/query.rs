//! The query language: a small recursive-descent parser over words, phrases, fields and operators.

use crate::tokens::cut;
use crate::{Fields, SearchError};
use std::ops::Bound;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, RangeQuery, RegexQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DateTime, Term};
use tm_model::Timestamp;

pub(crate) struct Parsed {
    pub query: Box<dyn Query>,
    pub words: Vec<String>,
}

/// Deepest nesting of parentheses.
const DEEPEST: usize = 20;

struct Parser<'a> {
    rest: &'a str,
    fields: &'a Fields,
    words: Vec<String>,
    depth: usize,
}

fn bad(reason: impl Into<String>) -> SearchError {
    SearchError::Query(reason.into())
}

pub(crate) fn parse(text: &str, fields: &Fields) -> Result<Parsed, SearchError> {
    if text.trim().is_empty() {
        return Err(bad("it is empty: give a word, \"a phrase\" or field:value"));
    }
    if text.len() > 4000 {
        return Err(bad("it is longer than 4000 bytes"));
    }
    let mut parser = Parser { rest: text, fields, words: Vec::new(), depth: 0 };
    let query = parser.either()?;
    parser.skip();
    if !parser.rest.is_empty() {
        return Err(bad("a ) has no ( before it"));
    }
    Ok(Parsed { query, words: parser.words })
}

/// Adds the facets that were chosen.
pub(crate) fn restrict(
    query: Box<dyn Query>,
    fields: &Fields,
    forum: Option<&str>,
    language: Option<&str>,
) -> Box<dyn Query> {
    let mut parts = vec![(Occur::Must, query)];
    if let Some(name) = forum {
        parts.push((Occur::Must, phrase(fields.forum, &words_of(name), IndexRecordOption::Basic)));
    }
    if let Some(language) = language {
        parts.push((
            Occur::Must,
            Box::new(TermQuery::new(
                Term::from_field_text(fields.language, language),
                IndexRecordOption::Basic,
            )),
        ));
    }
    Box::new(BooleanQuery::new(parts))
}

fn words_of(text: &str) -> Vec<String> {
    cut(text).into_iter().map(|t| t.text).collect()
}

fn phrase(field: Field, words: &[String], option: IndexRecordOption) -> Box<dyn Query> {
    let terms: Vec<Term> = words.iter().map(|w| Term::from_field_text(field, w)).collect();
    match terms.len() {
        0 => Box::new(tantivy::query::EmptyQuery),
        1 => Box::new(TermQuery::new(terms[0].clone(), option)),
        _ => Box::new(PhraseQuery::new(terms)),
    }
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(after) = self.rest.strip_prefix(word) else { return false };
        if after.chars().next().is_some_and(|c| !c.is_whitespace() && c != '(') {
            return false;
        }
        self.rest = after;
        true
    }

    /// `a OR b`
    fn either(&mut self) -> Result<Box<dyn Query>, SearchError> {
        let mut parts = vec![self.both()?];
        while self.word("OR") {
            parts.push(self.both()?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Box::new(BooleanQuery::new(parts.into_iter().map(|p| (Occur::Should, p)).collect())),
        })
    }

    /// `a b`, `a AND b`, `a NOT b`, `a -b`
    fn both(&mut self) -> Result<Box<dyn Query>, SearchError> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut owed = false;
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with(')') || self.ahead_or() {
                break;
            }
            if self.word("AND") {
                if parts.is_empty() {
                    return Err(bad("AND has nothing before it"));
                }
                owed = true;
                continue;
            }
            let negated = self.word("NOT")
                || (self.rest.starts_with('-') && self.rest.len() > 1 && {
                    self.rest = &self.rest[1..];
                    true
                });
            let marked = self.words.len();
            let part = self.single()?;
            if negated {
                self.words.truncate(marked);
            }
            parts.push((if negated { Occur::MustNot } else { Occur::Must }, part));
            owed = false;
        }
        if owed || parts.is_empty() {
            return Err(bad("an operator has nothing behind it"));
        }
        if parts.iter().all(|p| p.0 == Occur::MustNot) {
            parts.push((Occur::Must, Box::new(AllQuery)));
        }
        Ok(Box::new(BooleanQuery::new(parts)))
    }

    fn ahead_or(&self) -> bool {
        self.rest
            .strip_prefix("OR")
            .is_some_and(|r| r.starts_with(|c: char| c.is_whitespace() || c == '(') || r.is_empty())
    }

    fn single(&mut self) -> Result<Box<dyn Query>, SearchError> {
        self.skip();
        if let Some(after) = self.rest.strip_prefix('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(bad("parentheses are nested too deep"));
            }
            self.rest = after;
            let inner = self.either()?;
            self.skip();
            self.rest = self.rest.strip_prefix(')').ok_or_else(|| bad("a ( is not closed"))?;
            self.depth -= 1;
            return Ok(inner);
        }
        if self.rest.starts_with('"') {
            let text = self.quoted()?;
            return self.text(&text, true);
        }
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        if let Some((name, value)) =
            token.split_once(':').filter(|(n, _)| n.chars().all(|c| c.is_ascii_lowercase()) && !n.is_empty())
        {
            let value = if value.is_empty() && rest.starts_with('"') {
                self.rest = rest;
                self.quoted()?
            } else {
                self.rest = rest;
                value.to_owned()
            };
            return self.field(name, &value);
        }
        self.rest = rest;
        if token.is_empty() {
            return Err(bad("it ends too early"));
        }
        if let Some(stem) = token.strip_suffix('*') {
            return self.prefix(stem);
        }
        self.text(token, false)
    }

    fn quoted(&mut self) -> Result<String, SearchError> {
        let body = &self.rest[1..];
        let end = body.find('"').ok_or_else(|| bad("a \" is not closed"))?;
        self.rest = &body[end + 1..];
        Ok(body[..end].to_owned())
    }

    /// Words in the text or, worth more, in the title.
    fn text(&mut self, text: &str, exact: bool) -> Result<Box<dyn Query>, SearchError> {
        let words = words_of(text);
        if words.is_empty() {
            return Err(bad(format!("'{text}' holds no letter or digit")));
        }
        if exact || words.iter().any(|w| w.chars().any(crate::tokens::ideograph)) || words.len() > 1 {
            self.words.push(text.to_lowercase());
        }
        self.words.extend(words.iter().filter(|w| w.chars().count() > 1 && !exact).cloned());
        let option = IndexRecordOption::WithFreqs;
        let title = BoostQuery::new(phrase(self.fields.title, &words, option), 1.5);
        let author = BoostQuery::new(phrase(self.fields.author, &words, option), 2.0);
        Ok(Box::new(BooleanQuery::new(vec![
            (Occur::Should, phrase(self.fields.text, &words, option)),
            (Occur::Should, Box::new(title)),
            (Occur::Should, Box::new(author)),
        ])))
    }

    fn prefix(&mut self, stem: &str) -> Result<Box<dyn Query>, SearchError> {
        let words = words_of(stem);
        let [word] = words.as_slice() else { return Err(bad(format!("'{stem}*': a prefix is one word"))) };
        self.words.push(word.clone());
        // Words hold letters, digits and underscores only: nothing to escape.
        let query = RegexQuery::from_pattern(&format!("{word}.*"), self.fields.text)
            .map_err(|e| bad(e.to_string()))?;
        Ok(Box::new(query))
    }

    fn field(&mut self, name: &str, value: &str) -> Result<Box<dyn Query>, SearchError> {
        let field = match name {
            "author" => self.fields.author,
            "forum" => self.fields.forum,
            "board" => self.fields.board,
            "title" => self.fields.title,
            "text" => self.fields.text,
            "lang" => {
                let term = Term::from_field_text(self.fields.language, &value.to_lowercase());
                return Ok(Box::new(TermQuery::new(term, IndexRecordOption::Basic)));
            }
            "time" => return self.time(value),
            _ => {
                return Err(bad(format!(
                    "unknown field '{name}', known are: author board forum lang text time title"
                )));
            }
        };
        let words = words_of(value);
        if words.is_empty() {
            return Err(bad(format!("{name}: needs a value")));
        }
        Ok(phrase(field, &words, IndexRecordOption::Basic))
    }

    fn time(&self, value: &str) -> Result<Box<dyn Query>, SearchError> {
        let hint = || {
            bad(format!(
                "time:{value}: expected time:2025-06-01..2025-06-30, with either end left out if open"
            ))
        };
        let (from, to) = value.split_once("..").unwrap_or((value, value));
        let moment = |text: &str, end: bool| -> Result<Option<i64>, SearchError> {
            if text.is_empty() {
                return Ok(None);
            }
            let months = text.len() == 7;
            let day = if months { format!("{text}-01") } else { text.to_owned() };
            let start = Timestamp::parse(&day).map_err(|_| hint())?.0;
            // A bare date means the whole day, a bare month up to its last possible day.
            Ok(Some(match (end, months, text.len()) {
                (true, true, _) => start + 31 * 86_400,
                (true, false, 10) => start + 86_400,
                _ => start,
            }))
        };
        let term =
            |s: i64| Term::from_field_date_for_search(self.fields.time, DateTime::from_timestamp_secs(s));
        let low = moment(from, false)?.map_or(Bound::Unbounded, |s| Bound::Included(term(s)));
        let high = moment(to, true)?.map_or(Bound::Unbounded, |s| Bound::Excluded(term(s)));
        if matches!((&low, &high), (Bound::Unbounded, Bound::Unbounded)) {
            return Err(hint());
        }
        Ok(Box::new(RangeQuery::new(low, high)))
    }
}
