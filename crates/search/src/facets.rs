//! Counts of all matches by forum, language, month and type, in one walk over two columns.

use std::collections::BTreeMap;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};
use tm_model::{EventType, Language, Timestamp};

/// Counts of the posts that match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// By forum's name, most first.
    pub forums: Vec<(String, u64)>,
    /// By language, most first.
    pub languages: Vec<(String, u64)>,
    /// By month (`2025-06`), in order of time; posts without a time are left out.
    pub months: Vec<(String, u64)>,
    /// By type of event, most first; a post counts for each type that it holds.
    pub types: Vec<(String, u64)>,
}

const LANGUAGE_AT: u32 = EventType::ALL.len() as u32;
const MONTH_AT: u32 = LANGUAGE_AT + 3;
/// Months behind the year 1000, which leaves room up to the year 9999.
const YEAR_0: i64 = 1000;
const LAST_MONTH: usize = 9000 * 12;

/// What a post counts for, in one number: a bit for each type of event, the language, the month. One column is read faster
/// than three, and holds no more bits.
pub(crate) fn pack(types: &[EventType], language: Option<Language>, time: Option<Timestamp>) -> u64 {
    let bits = types.iter().fold(0u64, |all, t| all | 1 << t.index());
    let language = language.map_or(0, |l| l.index() as u64 + 1);
    let month = time.and_then(month_number).unwrap_or(0);
    bits | language << LANGUAGE_AT | month << MONTH_AT
}

/// 1 for January of the year 1000; none outside of four-digit years.
fn month_number(time: Timestamp) -> Option<u64> {
    let text = time.month();
    let (year, month) = text.split_once('-')?;
    let (year, month): (i64, i64) = (year.parse().ok()?, month.parse().ok()?);
    u64::try_from((year - YEAR_0) * 12 + month).ok().filter(|n| *n > 0 && *n < LAST_MONTH as u64)
}

fn month_name(number: usize) -> String {
    let zero = number as i64 - 1;
    format!("{:04}-{:02}", YEAR_0 + zero / 12, zero % 12 + 1)
}

/// Counts; its fruit is the number of all matches and the facets.
pub(crate) struct Counter;

pub(crate) struct Segment {
    forum: Option<StrColumn>,
    facts: Column<u64>,
    total: usize,
    types: [u64; 64],
    languages: [u64; 8],
    months: Vec<u64>,
    forums: Vec<u64>,
}

type Part = (usize, [u64; 64], [u64; 8], BTreeMap<usize, u64>, Vec<(String, u64)>);

impl Collector for Counter {
    type Fruit = (usize, Facets);
    type Child = Segment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Segment> {
        Ok(Segment {
            forum: segment.fast_fields().str("forum_name")?,
            facts: segment.fast_fields().u64("facts")?,
            total: 0,
            types: [0; 64],
            languages: [0; 8],
            months: Vec::new(),
            forums: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, parts: Vec<Result<Part, std::io::Error>>) -> tantivy::Result<(usize, Facets)> {
        let (mut total, mut types, mut languages) = (0, [0u64; 64], [0u64; 8]);
        let (mut months, mut forums) = (BTreeMap::new(), BTreeMap::<String, u64>::new());
        for part in parts {
            let part = part?;
            total += part.0;
            types.iter_mut().zip(part.1).for_each(|(all, n)| *all += n);
            languages.iter_mut().zip(part.2).for_each(|(all, n)| *all += n);
            part.3.into_iter().for_each(|(month, n)| *months.entry(month).or_insert(0) += n);
            part.4.into_iter().for_each(|(forum, n)| *forums.entry(forum).or_insert(0) += n);
        }
        let most_first = |mut list: Vec<(String, u64)>| {
            list.retain(|e| e.1 > 0);
            list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            list
        };
        Ok((
            total,
            Facets {
                forums: most_first(forums.into_iter().collect()),
                languages: most_first(
                    Language::ALL.iter().map(|l| (l.to_string(), languages[l.index() + 1])).collect(),
                ),
                months: months.into_iter().map(|(m, n)| (month_name(m), n)).collect(),
                types: most_first(EventType::ALL.iter().map(|t| (t.to_string(), types[t.index()])).collect()),
            },
        ))
    }
}

impl SegmentCollector for Segment {
    type Fruit = Result<Part, std::io::Error>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.total += 1;
        if let Some(ord) = self.forum.as_ref().and_then(|f| f.term_ords(doc).next()) {
            let ord = ord as usize;
            if ord >= self.forums.len() {
                self.forums.resize(ord + 1, 0);
            }
            self.forums[ord] += 1;
        }
        let Some(facts) = self.facts.first(doc) else { return };
        let mut types = facts & ((1 << LANGUAGE_AT) - 1);
        while types != 0 {
            self.types[types.trailing_zeros() as usize] += 1;
            types &= types - 1;
        }
        self.languages[(facts >> LANGUAGE_AT & 7) as usize] += 1;
        let month = (facts >> MONTH_AT) as usize;
        if month > 0 && month < LAST_MONTH {
            if month >= self.months.len() {
                self.months.resize(month + 1, 0);
            }
            self.months[month] += 1;
        }
    }

    fn harvest(self) -> Result<Part, std::io::Error> {
        let months = self.months.into_iter().enumerate().filter(|m| m.1 > 0).collect();
        let mut forums = Vec::new();
        for (ord, n) in self.forums.into_iter().enumerate().filter(|f| f.1 > 0) {
            let mut name = String::new();
            if let Some(column) = &self.forum {
                column.ord_to_str(ord as u64, &mut name)?;
            }
            forums.push((name, n));
        }
        Ok((self.total, self.types, self.languages, months, forums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_come_back() {
        for (time, name) in [
            (0, "1970-01"),
            (1_750_239_000, "2025-06"),
            (1_735_689_599, "2024-12"),
            (-30_000_000_000, "1019-05"),
        ] {
            assert_eq!(month_name(month_number(Timestamp(time)).unwrap() as usize), name);
        }
    }
}
