//! What a selector takes of an element, and how selectors and patterns are made ready.

use super::super::dates::{Clock, parse};
use super::super::dom::{self, All};
use super::file::{PickForm, SelectorError};
use regex::Regex;
use scraper::ElementRef;
use tm_model::Timestamp;

/// Where a value stands, ready to be looked for.
#[derive(Debug)]
pub(super) struct Pick {
    /// `None` takes the element itself.
    pub selector: Option<dom::Select>,
    attribute: Option<String>,
    pattern: Option<Regex>,
    format: Option<String>,
}

impl Pick {
    /// The value in an element: its attribute or its words, of those what the pattern catches.
    pub fn of(&self, inside: ElementRef<'_>) -> Option<String> {
        match &self.selector {
            None => self.value(inside),
            Some(selector) => inside.all(selector).find_map(|e| self.value(e)),
        }
    }

    fn value(&self, e: ElementRef<'_>) -> Option<String> {
        let text = match &self.attribute {
            Some(name) => e.value().attr(name)?.trim().to_owned(),
            None => dom::line(e),
        };
        let text = match &self.pattern {
            Some(pattern) => {
                let found = pattern.captures(&text)?;
                found.get(1).or_else(|| found.get(0))?.as_str().trim().to_owned()
            }
            None => text,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A time: by the format when there is one, as unix time when it is nothing but digits, else as forums show it.
    pub fn time(&self, inside: ElementRef<'_>, clock: &Clock) -> (Option<Timestamp>, String) {
        let Some(text) = self.of(inside) else { return (None, String::new()) };
        let time = match &self.format {
            Some(format) => formatted(format, &text, clock.offset),
            None if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit()) => {
                // Milliseconds have three digits more.
                text.parse::<i64>()
                    .ok()
                    .map(|n| if text.len() >= 12 { n / 1000 } else { n })
                    .and_then(Timestamp::checked)
            }
            None => Timestamp::parse(&text).ok().filter(|_| text.len() > 16).or_else(|| parse(&text, clock)),
        };
        (time, text)
    }
}

/// A time in a format of `strptime`; of the zone of the board unless it holds its own.
fn formatted(format: &str, text: &str, offset: i32) -> Option<Timestamp> {
    let parts = jiff::fmt::strtime::parse(format, text).ok()?;
    if let Ok(exact) = parts.to_timestamp() {
        return Timestamp::checked(exact.as_second());
    }
    let date = parts.to_date().ok()?;
    let time = parts.to_time().unwrap_or(jiff::civil::Time::midnight());
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(offset).ok()?);
    Timestamp::checked(date.to_datetime(time).to_zoned(zone).ok()?.timestamp().as_second())
}

pub(super) fn selector(key: &str, text: &str) -> Result<dom::Select, SelectorError> {
    dom::Select::new(text).map_err(|e| SelectorError::Selector {
        key: key.to_owned(),
        text: text.to_owned(),
        reason: e.to_string(),
    })
}

pub(super) fn some(key: &str, text: &Option<String>) -> Result<Option<dom::Select>, SelectorError> {
    text.as_deref().map(|t| selector(key, t)).transpose()
}

/// A selector that matches nothing, for what a forum does not have.
pub(super) fn or_none(key: &str, text: &Option<String>) -> Result<dom::Select, SelectorError> {
    selector(key, text.as_deref().unwrap_or("tm-nothing"))
}

fn pattern(key: &str, text: &str) -> Result<Regex, SelectorError> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|e| SelectorError::Pattern {
        key: key.to_owned(),
        text: text.to_owned(),
        reason: e.to_string(),
    })
}

pub(super) fn pick(key: &str, form: PickForm) -> Result<Pick, SelectorError> {
    Ok(Pick {
        selector: if form.selector.is_empty() { None } else { Some(selector(key, &form.selector)?) },
        attribute: form.attribute,
        pattern: form.pattern.map(|p| pattern(key, &p)).transpose()?,
        format: form.format,
    })
}

pub(super) fn picked(key: &str, form: Option<PickForm>) -> Result<Option<Pick>, SelectorError> {
    form.map(|f| pick(key, f)).transpose()
}

pub(super) fn address(key: &str, text: &str, id: bool) -> Result<Regex, SelectorError> {
    let found = pattern(key, text)?;
    if id && !found.capture_names().any(|n| n == Some("id")) {
        return Err(SelectorError::Value {
            key: key.to_owned(),
            reason: "the pattern needs a group (?<id>…) that tells boards or threads apart".into(),
        });
    }
    Ok(found)
}
