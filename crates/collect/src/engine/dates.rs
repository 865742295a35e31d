//! Dates as forums show them: absolute and relative, in English, Russian and Chinese.

use super::dom;
use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, tz::Offset, tz::TimeZone};
use tm_model::Timestamp;

/// What a shown date is read against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// When the page was fetched.
    pub now: Timestamp,
    /// Offset of shown times from UTC, in seconds.
    pub offset: i32,
    /// Day before month in numeric dates; `None` reads `MM-DD-YYYY` and `MM/DD/YYYY`, but `DD.MM.YYYY`.
    pub day_first: Option<bool>,
}

/// English months, lower case; shown whole or cut to three letters and more.
const ENGLISH: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Months of other languages by the letters that all their forms begin with: Russian, Ukrainian, German.
const STEMS: [(&str, i8); 32] = [
    ("янв", 1),
    ("фев", 2),
    ("мар", 3),
    ("апр", 4),
    ("мая", 5),
    ("май", 5),
    ("мае", 5),
    ("июн", 6),
    ("июл", 7),
    ("авг", 8),
    ("сен", 9),
    ("окт", 10),
    ("ноя", 11),
    ("дек", 12),
    ("січ", 1),
    ("лют", 2),
    ("бер", 3),
    ("кві", 4),
    ("тра", 5),
    ("чер", 6),
    ("лип", 7),
    ("сер", 8),
    ("вер", 9),
    ("жов", 10),
    ("лис", 11),
    ("гру", 12),
    ("jän", 1),
    ("mär", 3),
    ("mrz", 3),
    ("mai", 5),
    ("okt", 10),
    ("dez", 12),
];

/// Units of "… ago" by the letters that they begin with, in seconds.
const UNITS: [(&str, i64); 32] = [
    ("sec", 1),
    ("сек", 1),
    ("秒", 1),
    ("min", 60),
    ("мин", 60),
    ("分", 60),
    ("hour", 3600),
    ("hr", 3600),
    ("час", 3600),
    ("小时", 3600),
    ("小時", 3600),
    ("钟头", 3600),
    ("day", 86400),
    ("дн", 86400),
    ("ден", 86400),
    ("сут", 86400),
    ("天", 86400),
    ("日", 86400),
    ("week", 604_800),
    ("нед", 604_800),
    ("周", 604_800),
    ("週", 604_800),
    ("星期", 604_800),
    ("month", 2_592_000),
    ("мес", 2_592_000),
    ("个月", 2_592_000),
    ("個月", 2_592_000),
    ("year", 31_536_000),
    ("yr", 31_536_000),
    ("год", 31_536_000),
    ("лет", 31_536_000),
    ("年", 31_536_000),
];

/// Units of one letter, which count only when no other letter follows: "5m ago", "3 ч. назад".
const LETTERS: [(char, i64); 10] = [
    ('s', 1),
    ('с', 1),
    ('m', 60),
    ('м', 60),
    ('h', 3600),
    ('ч', 3600),
    ('d', 86400),
    ('д', 86400),
    ('w', 604_800),
    ('y', 31_536_000),
];

/// Numbers in words, of which "few" is a guess that is right to its own precision.
const NUMBERS: [(&str, i64); 18] = [
    ("a", 1),
    ("an", 1),
    ("one", 1),
    ("two", 2),
    ("few", 3),
    ("пару", 2),
    ("несколько", 3),
    ("два", 2),
    ("две", 2),
    ("три", 3),
    ("一", 1),
    ("两", 2),
    ("兩", 2),
    ("二", 2),
    ("三", 3),
    ("四", 4),
    ("五", 5),
    ("几", 3),
];

/// Days before today by the words for them.
const DAYS: [(&str, i64); 15] = [
    ("today", 0),
    ("сегодня", 0),
    ("сьогодні", 0),
    ("今天", 0),
    ("今日", 0),
    ("heute", 0),
    ("yesterday", 1),
    ("вчера", 1),
    ("вчора", 1),
    ("昨天", 1),
    ("昨日", 1),
    ("gestern", 1),
    ("позавчера", 2),
    ("前天", 2),
    ("大前天", 3),
];

/// Words for the time of the fetch itself.
const NOW: [&str; 12] = [
    "just now",
    "right now",
    "moments ago",
    "moment ago",
    "seconds ago",
    "только что",
    "сейчас",
    "刚刚",
    "刚才",
    "剛剛",
    "剛才",
    "щойно",
];

/// A day that lies so far ahead of the fetch was named before midnight and read after it, in seconds.
const MIDNIGHT_PASSED: i64 = 20 * 3600;

/// Reads a shown date. Returns `None` when it holds none.
pub(super) fn parse(shown: &str, clock: &Clock) -> Option<Timestamp> {
    let text: String = shown.chars().take(200).collect::<String>().to_lowercase();
    let text = text.replace(['\u{a0}', '\u{202f}', '\u{2009}'], " ");
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Some(exact) = machine(text) {
        return Some(exact);
    }
    if let Some(seconds) = ago(text) {
        return Timestamp::checked(clock.now.0.checked_sub(seconds)?);
    }
    if NOW.iter().any(|w| text.contains(w)) {
        return Some(clock.now);
    }
    // A date that names its zone is in that one, whatever the board's.
    let named = shown.contains("UTC") || shown.contains("GMT");
    let offset = if named { dom::offset(shown).unwrap_or(0) } else { clock.offset };
    let zone = TimeZone::fixed(Offset::from_seconds(offset).ok()?);
    let now = jiff::Timestamp::from_second(clock.now.0).ok()?.to_zoned(zone.clone()).datetime();
    let (time, rest) = clock_time(text);
    // "позавчера" holds "вчера": the longest word counts.
    let day = DAYS.iter().filter(|(word, _)| rest.contains(word)).max_by_key(|(word, _)| word.len());
    let back = |date: Date, days: i64| date.checked_sub(Span::new().days(days)).ok();
    let (date, again) = match day {
        Some((_, days)) => (back(now.date(), *days)?, Some((MIDNIGHT_PASSED, 1))),
        None => match calendar(&rest, clock.day_first, now.date()) {
            Some(date) => (date, None),
            // "Monday" in the evening of a Monday, of a time that is still to come, is the last one.
            None => (weekday(&rest, now.date())?, Some((0, 7))),
        },
    };
    let moment = |date| {
        let at = DateTime::from_parts(date, time.unwrap_or(Time::midnight())).to_zoned(zone.clone()).ok()?;
        Some(at.timestamp().as_second())
    };
    let mut at = moment(date)?;
    if let Some((ahead, days)) = again
        && at > clock.now.0.saturating_add(ahead)
    {
        at = moment(back(date, days)?)?;
    }
    Timestamp::checked(at)
}

/// A date and time with its zone as machines write it (RFC 3339).
fn machine(text: &str) -> Option<Timestamp> {
    let b = text.as_bytes();
    if b.len() < 20 || b[4] != b'-' || b[10] != b't' {
        return None;
    }
    Timestamp::parse(&text.to_uppercase()).ok()
}

/// "35 minutes ago", "5 минут назад", "3 天前", "an hour ago", "2h ago": seconds before the fetch.
fn ago(text: &str) -> Option<i64> {
    let before = text
        .strip_suffix("ago")
        .or_else(|| text.split_once(" ago").map(|p| p.0))
        .or_else(|| text.split_once("назад").map(|p| p.0))
        .or_else(|| text.split_once("тому").map(|p| p.0))
        .or_else(|| text.split_once('前').map(|p| p.0).filter(|p| !p.is_empty() && !p.contains(':')))?;
    // From the end: what stands before the first amount ("posted", "发表于", "about") says nothing of the time.
    let mut total: i64 = 0;
    let mut any = false;
    let mut rest = before.trim_start();
    while !rest.is_empty() {
        let Some((seconds, tail)) = amount(rest) else {
            if any {
                break;
            }
            let mut chars = rest.chars();
            let word = chars.next()?;
            // Chinese has no blanks: "发表于3天前" is looked through one character at a time.
            rest = if word.is_ascii() || ('\u{400}'..'\u{500}').contains(&word) {
                rest.split_once(' ').map_or("", |p| p.1)
            } else {
                chars.as_str()
            };
            rest = rest.trim_start();
            continue;
        };
        total = total.checked_add(seconds)?;
        any = true;
        rest = tail.trim_start_matches([' ', ',', '.', '零']);
        rest = rest.trim_start_matches("and ").trim_start_matches("и ");
    }
    any.then_some(total)
}

/// A number and a unit at the start of a text, in seconds, and what follows.
fn amount(text: &str) -> Option<(i64, &str)> {
    for half in ["半", "half an ", "half a ", "пол"] {
        if let Some((seconds, tail)) =
            text.strip_prefix(half).and_then(|rest| unit(rest.strip_prefix('个').unwrap_or(rest)))
        {
            return Some((seconds / 2, tail));
        }
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let number: i64 = text.get(..digits.min(6))?.parse().ok()?;
        let (seconds, tail) = unit(text[digits..].trim_start())?;
        return Some((number.checked_mul(seconds)?, tail));
    }
    let named = NUMBERS
        .iter()
        .filter_map(|(word, number)| {
            let tail = text.strip_prefix(word)?;
            // "a" is a word of its own, 三 stands before its unit.
            (!word.is_ascii() && !word.starts_with('п') || tail.starts_with(' ')).then_some((*number, tail))
        })
        .max_by_key(|(_, tail)| usize::MAX - tail.len());
    if let Some((number, tail)) = named {
        let mut tail = tail.trim_start();
        let mut number = number;
        if let Some(after) = tail.strip_prefix("few ") {
            (number, tail) = (3, after);
        }
        if let Some((seconds, tail)) = unit(tail) {
            return Some((number.checked_mul(seconds)?, tail));
        }
    }
    // "минуту назад", "час назад".
    if text.starts_with(|c: char| ('\u{400}'..'\u{500}').contains(&c)) {
        return UNITS.iter().any(|(w, _)| text.starts_with(w)).then(|| unit(text)).flatten();
    }
    None
}

/// A unit at the start of a text, in seconds, and what follows its word.
fn unit(text: &str) -> Option<(i64, &str)> {
    let known = UNITS.iter().filter(|(word, _)| text.starts_with(word)).max_by_key(|(word, _)| word.len());
    if let Some((word, seconds)) = known {
        let tail = &text[word.len()..];
        let tail = if word.is_ascii() || word.starts_with(|c: char| c < '\u{500}') {
            tail.trim_start_matches(char::is_alphabetic)
        } else {
            tail.trim_start_matches(['钟', '鐘'])
        };
        return Some((*seconds, tail));
    }
    if let Some(tail) = text.strip_prefix("mo")
        && !tail.starts_with(char::is_alphabetic)
    {
        return Some((2_592_000, tail));
    }
    let letter = text.chars().next()?;
    let tail = &text[letter.len_utf8()..];
    let (_, seconds) = LETTERS.iter().find(|(l, _)| *l == letter)?;
    (!tail.starts_with(char::is_alphabetic)).then_some((*seconds, tail))
}

/// The time of day and the text without it.
fn clock_time(text: &str) -> (Option<Time>, String) {
    let b = text.as_bytes();
    for (i, _) in text.match_indices(':') {
        let from = i - b[..i].iter().rev().take(2).take_while(|c| c.is_ascii_digit()).count();
        let to = i + 1 + b[i + 1..].iter().take(2).take_while(|c| c.is_ascii_digit()).count();
        if from == i || to - i != 3 {
            continue;
        }
        let (Ok(mut hour), Ok(minute)) = (text[from..i].parse::<i8>(), text[i + 1..to].parse::<i8>()) else {
            continue;
        };
        let (mut second, mut end) = (0, to);
        if b.get(to) == Some(&b':') {
            let stop = to + 1 + b[to + 1..].iter().take(2).take_while(|c| c.is_ascii_digit()).count();
            if stop - to == 3 {
                second = text[to + 1..stop].parse().unwrap_or(0);
                end = stop;
            }
        }
        let tail = text[end..].trim_start();
        // The halves of the day stand behind the time in English and before it in Chinese.
        let before = text[..from].trim_end();
        let behind = |words: [&str; 4]| words.iter().any(|w| before.ends_with(w));
        let pm = tail.starts_with("pm") || tail.starts_with("p.m");
        let am = tail.starts_with("am") || tail.starts_with("a.m");
        let late = pm || behind(["下午", "晚上", "傍晚", "中午"]);
        let early = am || behind(["上午", "凌晨", "早上", "清晨"]);
        // "中午 11:30" is before noon.
        if late && hour < 12 && !(before.ends_with("中午") && hour > 9) {
            hour += 12;
        }
        if early && hour == 12 {
            hour = 0;
        }
        let tail = ["p.m.", "a.m.", "p.m", "a.m", "pm", "am"]
            .iter()
            .find_map(|w| tail.strip_prefix(w))
            .unwrap_or(tail);
        return (Time::new(hour, minute, second, 0).ok(), format!("{before} {tail}"));
    }
    (None, text.to_owned())
}

/// The month that a word names.
fn month(word: &str) -> Option<i8> {
    // A dot may follow what was cut short; "Mary" is no March.
    if word.len() >= 3
        && let Some(at) = ENGLISH.iter().position(|name| name.starts_with(word))
    {
        return i8::try_from(at + 1).ok();
    }
    STEMS.iter().find(|(stem, _)| word.starts_with(stem)).map(|m| m.1)
}

/// The last day of that month and number that is not after today; the 29th of February may be years ago.
fn latest(month: i8, day: i32, today: Date) -> Option<Date> {
    let day = i8::try_from(day).ok()?;
    (0..=8).find_map(|back| Date::new(today.year() - back, month, day).ok().filter(|d| *d <= today))
}

/// A date of the calendar: by numbers, or with the name of a month.
fn calendar(text: &str, day_first: Option<bool>, today: Date) -> Option<Date> {
    // Numbers with their length and what stands behind each.
    let mut numbers: Vec<(i32, usize, char)> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(digit) = c.to_digit(10) else { continue };
        let mut value = i32::try_from(digit).ok()?;
        let mut length = 1;
        while let Some(digit) = chars.peek().and_then(|d| d.to_digit(10)) {
            value = value.checked_mul(10)?.checked_add(i32::try_from(digit).ok()?)?;
            length += 1;
            chars.next();
        }
        numbers.push((value, length, chars.peek().copied().unwrap_or(' ')));
        if numbers.len() == 3 {
            break;
        }
    }
    let named = text.split(|c: char| !c.is_alphabetic()).find_map(month);
    let (year, month, day) = match (named, numbers.as_slice()) {
        (Some(month), [(a, 4, _), (b, ..), ..]) => (*a, month, *b),
        (Some(month), [(a, ..), (b, 4, _), ..]) => (*b, month, *a),
        (Some(month), [(a, ..), (b, 2, _), ..]) if text.contains('\'') => (2000 + *b, month, *a),
        (Some(month), [(a, ..), ..]) => return latest(month, *a, today),
        (None, [(y, 4, _), (m, ..), (d, ..), ..]) => (*y, i8::try_from(*m).ok()?, *d),
        (None, [(a, _, sign), (b, ..), (y, length, _), ..]) => {
            let year = if *length == 2 { 2000 + y } else { *y };
            let first_is_day = day_first.unwrap_or(*sign == '.') || *a > 12;
            let (day, month) = if first_is_day && *b <= 12 { (*a, *b) } else { (*b, *a) };
            (year, i8::try_from(month).ok()?, day)
        }
        (None, [(m, _, '月'), (d, ..)]) => return latest(i8::try_from(*m).ok()?, *d, today),
        // Without a year: the last such day.
        (None, [(a, 1..=2, sign @ ('.' | '-' | '/')), (b, 1..=2, _)]) => {
            let first_is_day = day_first.unwrap_or(*sign == '.') || *a > 12;
            let (day, month) = if first_is_day { (*a, *b) } else { (*b, *a) };
            return latest(i8::try_from(month).ok()?, day, today);
        }
        _ => return None,
    };
    Date::new(i16::try_from(year).ok().filter(|y| (1980..2100).contains(y))?, month, i8::try_from(day).ok()?)
        .ok()
}

/// "Monday at …": the last such day, today included.
fn weekday(text: &str, today: Date) -> Option<Date> {
    const ENGLISH: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    const RUSSIAN: [&str; 7] =
        ["понедельник", "вторник", "сред", "четверг", "пятниц", "суббот", "воскресень"];
    const CHINESE: [char; 7] = ['一', '二', '三', '四', '五', '六', '日'];
    let by_word = text.split(|c: char| !c.is_alphabetic()).find_map(|word| {
        let english = word.len() >= 3;
        let name = ENGLISH.iter().position(|name| english && name.starts_with(word));
        name.or_else(|| RUSSIAN.iter().position(|stem| word.starts_with(stem)))
    });
    let named = by_word.or_else(|| {
        let behind = ["星期", "周", "週", "礼拜"].iter().find_map(|w| Some(text.split_once(w)?.1))?;
        let day = behind.chars().next().map(|c| if c == '天' { '日' } else { c })?;
        CHINESE.iter().position(|c| *c == day)
    })?;
    let back =
        (i64::from(today.weekday().to_monday_zero_offset()) - i64::try_from(named).ok()?).rem_euclid(7);
    today.checked_sub(Span::new().days(back)).ok()
}

#[cfg(test)]
mod tests;
