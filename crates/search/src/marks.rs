//! Where in a text the words of a query stand.

use crate::query::Value;
use crate::tokens::{Unit, stem, units, unmixed};
use tm_model::{CharIndex, Span};

/// What to mark in texts that match a query; empty marks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(pub(crate) Vec<Mark>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A word in all its forms.
    Word(String, Option<String>),
    /// Units in this order, at most so many others between.
    Phrase(Vec<String>, u32),
    Prefix(String),
    Fuzzy(String, u8),
}

impl Mark {
    pub fn of(value: &Value) -> Mark {
        let list = |text: &str| units(text).map(|u| u.text).collect::<Vec<_>>();
        let one = |text: &str| units(text).next().map(|u| u.text).unwrap_or_default();
        match value {
            Value::Word(text) => {
                let mut all: Vec<Unit> = units(text).collect();
                match all.pop() {
                    Some(unit) if all.is_empty() && !unit.ideograph => {
                        let root = stem(&unit.text);
                        Mark::Word(unit.text, root)
                    }
                    _ => Mark::Phrase(list(text), 0),
                }
            }
            Value::Phrase(text, slop) => Mark::Phrase(list(text), *slop),
            Value::Prefix(text) => Mark::Prefix(one(text)),
            Value::Fuzzy(text, distance) => Mark::Fuzzy(one(text), *distance),
            _ => Mark::Phrase(Vec::new(), 0),
        }
    }
}

/// Units that are looked at for marks; what stands behind in a text of megabytes is not marked.
const MOST_UNITS: usize = 200_000;
/// Marks of one text.
const MOST_SPANS: usize = 10_000;

impl Marks {
    /// Places of the words of the query in a text, in code points, in order, without overlaps.
    pub fn spans(&self, text: &str) -> Vec<Span> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let all: Vec<Unit> = units(text).take(MOST_UNITS).collect();
        let mut bytes: Vec<(usize, usize)> = Vec::new();
        for mark in &self.0 {
            mark.find(&all, &mut bytes);
        }
        bytes.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (from, to) in bytes {
            match joined.last_mut() {
                Some(last) if from < last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        let index = CharIndex::new(text);
        joined.into_iter().map(|(from, to)| index.span(from..to)).collect()
    }
}

impl Mark {
    fn find(&self, all: &[Unit], out: &mut Vec<(usize, usize)>) {
        let word = |unit: &Unit, test: &dyn Fn(&str) -> bool| {
            test(&unit.text) || unmixed(&unit.text).iter().flatten().any(|form| test(form))
        };
        let mut each = |test: &dyn Fn(&str) -> bool| {
            let hits = all.iter().filter(|u| word(u, test)).map(|u| (u.from, u.to));
            out.extend(hits.take(MOST_SPANS));
        };
        match self {
            Mark::Word(text, root) => {
                let root = root.as_deref().unwrap_or(text);
                each(&|w| w == text || w == root || stem(w).is_some_and(|s| s == root));
            }
            Mark::Prefix(text) if !text.is_empty() => each(&|w| w.starts_with(text.as_str())),
            Mark::Fuzzy(text, distance) => {
                let target: Vec<char> = text.chars().collect();
                each(&|w| within(&target, w, usize::from(*distance)));
            }
            Mark::Phrase(list, slop) if !list.is_empty() => {
                let same = |unit: &Unit, text: &String| word(unit, &|w| w == text);
                for start in 0..all.len() {
                    if out.len() > MOST_SPANS || !same(&all[start], &list[0]) {
                        continue;
                    }
                    let mut hits = vec![start];
                    let mut room = *slop as usize;
                    for text in &list[1..] {
                        let next = hits[hits.len() - 1] + 1;
                        let reach = all.len().min(next + room + 1);
                        let Some(at) = (next..reach).find(|i| same(&all[*i], text)) else { break };
                        room -= at - next;
                        hits.push(at);
                    }
                    if hits.len() < list.len() {
                        continue;
                    }
                    match slop {
                        0 => out.push((all[start].from, all[hits[hits.len() - 1]].to)),
                        _ => out.extend(hits.iter().map(|i| (all[*i].from, all[*i].to))),
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a word differs from another in at most so many letters: one more, one less, another one, or two swapped
/// (optimal string alignment).
fn within(target: &[char], word: &str, distance: usize) -> bool {
    let word: Vec<char> = word.chars().collect();
    if word.len().abs_diff(target.len()) > distance {
        return false;
    }
    let width = word.len() + 1;
    let mut rows = [vec![0; width], (0..width).collect::<Vec<usize>>(), vec![0; width]];
    for (i, a) in target.iter().enumerate() {
        let [before, last, row] = &mut rows;
        row[0] = i + 1;
        for (j, b) in word.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == word[j - 1] && target[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][width - 1] <= distance
}

/// Cuts a text around the first mark into pieces, those that are marked told apart; at most `length` code points.
pub fn snippet(text: &str, marks: &Marks, length: usize) -> Vec<(String, bool)> {
    let spans = marks.spans(text);
    let index = CharIndex::new(text);
    let total = index.len() as usize;
    let first = spans.first().map_or(0, |s| s.start as usize);
    let mut start = first.saturating_sub(length / 3);
    let blank = |at: usize| index.slice(Span::new(at as u32, at as u32 + 1)).chars().all(char::is_whitespace);
    while start > 0 && start < first && !blank(start - 1) && first - start < length / 2 {
        start -= 1;
    }
    let end = (start + length).min(total);
    let piece = |from: usize, to: usize| index.slice(Span::new(from as u32, to as u32)).to_owned();
    let mut pieces: Vec<(String, bool)> = Vec::new();
    if start > 0 {
        pieces.push(("…".into(), false));
    }
    let mut at = start;
    for span in spans {
        let (from, to) = (span.start as usize, span.end as usize);
        if from < at || to > end {
            continue;
        }
        if from > at {
            pieces.push((piece(at, from), false));
        }
        pieces.push((piece(from, to), true));
        at = to;
    }
    if at < end {
        pieces.push((piece(at, end), false));
    }
    if end < total {
        pieces.push(("…".into(), false));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(query: &str, text: &str) -> Vec<String> {
        let node = crate::query::parse(query).unwrap();
        let mut marks = Marks::default();
        crate::query::compile(&node, &crate::schema().1, &mut marks).unwrap();
        marks.spans(text).into_iter().map(|s| s.slice(text).unwrap().to_owned()).collect()
    }

    #[test]
    fn marks_say_why_a_text_matches() {
        assert_eq!(marked("selling", "He sells, sold and is Selling; seller"), ["sells", "Selling"]);
        assert_eq!(marked("\"selling\"", "sells, Selling"), ["Selling"]);
        assert_eq!(marked("дамп", "Продам дампы и ДАМП"), ["дампы", "ДАМП"]);
        assert_eq!(marked("杀手", "IP杀手2.0是杀手 杀 手"), ["杀手", "杀手", "杀 手"]);
        assert_eq!(marked("cvv", "buy сvv, C\u{200b}VV"), ["сvv", "C\u{200b}VV"]);
        assert_eq!(marked("malw*", "malware, Malwarebytes, normal"), ["malware", "Malwarebytes"]);
        assert_eq!(marked("lockbit~1", "lokbit lockbti lock8it bit"), ["lokbit", "lockbti", "lock8it"]);
        assert_eq!(marked("\"fresh cvv\"~2", "fresh and valid cvv"), ["fresh", "cvv"]);
        assert_eq!(marked("a NOT b lang:en", "a b"), ["a"]);
    }

    #[test]
    fn spans_count_code_points() {
        let node = crate::query::parse("cvv").unwrap();
        let mut marks = Marks::default();
        crate::query::compile(&node, &crate::schema().1, &mut marks).unwrap();
        assert_eq!(marks.spans("😀 новый cvv"), [Span::new(8, 11)]);
    }

    #[test]
    fn snippets_mark_hits() {
        let marks = Marks(vec![Mark::Word("cvv".into(), None)]);
        let pieces = snippet("Selling fresh CVV here", &marks, 100);
        assert_eq!(pieces, [("Selling fresh ".into(), false), ("CVV".into(), true), (" here".into(), false)]);
        assert_eq!(snippet(&"x ".repeat(500), &Marks::default(), 50).len(), 2);
        let far = snippet(&format!("{}cvv{}", "слово ".repeat(300), " конец".repeat(300)), &marks, 60);
        assert_eq!(far.iter().filter(|p| p.1).count(), 1);
        assert!(far.iter().map(|p| p.0.chars().count()).sum::<usize>() <= 62);
    }

    #[test]
    fn distances() {
        let near = |a: &str, b: &str, n| within(&a.chars().collect::<Vec<_>>(), b, n);
        assert!(
            near("abc", "abc", 0)
                && near("abc", "acb", 1)
                && near("abc", "abcd", 1)
                && !near("abc", "abcde", 1)
        );
        assert!(!near("abc", "xyz", 2) && near("карта", "корта", 1));
    }
}
