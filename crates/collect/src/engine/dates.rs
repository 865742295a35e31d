//! Dates as forums show them: absolute and relative, in English, Russian and Chinese.

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

/// Months by the letters that their names begin with, English and Russian (both cases of the word).
const MONTHS: [(&str, i8); 36] = [
    ("jan", 1),
    ("feb", 2),
    ("mar", 3),
    ("apr", 4),
    ("may", 5),
    ("jun", 6),
    ("jul", 7),
    ("aug", 8),
    ("sep", 9),
    ("oct", 10),
    ("nov", 11),
    ("dec", 12),
    ("янв", 1),
    ("фев", 2),
    ("мар", 3),
    ("апр", 4),
    ("мая", 5),
    ("май", 5),
    ("июн", 6),
    ("июл", 7),
    ("авг", 8),
    ("сен", 9),
    ("окт", 10),
    ("ноя", 11),
    ("дек", 12),
    ("mär", 3),
    ("mai", 5),
    ("okt", 10),
    ("dez", 12),
    ("січ", 1),
    ("лют", 2),
    ("бер", 3),
    ("кві", 4),
    ("тра", 5),
    ("чер", 6),
    ("лип", 7),
];

/// Units of "… ago" by the letters that they begin with, in seconds.
const UNITS: [(&str, i64); 27] = [
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
    ("day", 86400),
    ("дн", 86400),
    ("ден", 86400),
    ("天", 86400),
    ("week", 604_800),
    ("недел", 604_800),
    ("周", 604_800),
    ("星期", 604_800),
    ("month", 2_592_000),
    ("месяц", 2_592_000),
    ("个月", 2_592_000),
    ("year", 31_536_000),
    ("год", 31_536_000),
    ("лет", 31_536_000),
    ("年", 31_536_000),
    ("半小时", 1800),
];

/// Days before today by the words for them.
const DAYS: [(&str, i64); 11] = [
    ("today", 0),
    ("сегодня", 0),
    ("今天", 0),
    ("今日", 0),
    ("yesterday", 1),
    ("вчера", 1),
    ("昨天", 1),
    ("昨日", 1),
    ("позавчера", 2),
    ("前天", 2),
    ("heute", 0),
];

/// Reads a shown date. Returns `None` when it holds none.
pub(super) fn parse(shown: &str, clock: &Clock) -> Option<Timestamp> {
    let text: String = shown.chars().take(200).collect::<String>().to_lowercase();
    let text = text.replace(['\u{a0}', '\u{202f}'], " ");
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if ["just now", "moments ago", "a moment ago", "только что", "刚刚", "刚才"]
        .iter()
        .any(|w| text.contains(w))
    {
        return Some(clock.now);
    }
    if let Some(seconds) = ago(text) {
        return Timestamp::checked(clock.now.0 - seconds);
    }
    let zone = TimeZone::fixed(Offset::from_seconds(clock.offset).ok()?);
    let now = jiff::Timestamp::from_second(clock.now.0).ok()?.to_zoned(zone.clone()).datetime();
    let (time, rest) = clock_time(text);
    // "позавчера" holds "вчера": the longer word is looked for first.
    let day = DAYS.iter().filter(|(word, _)| rest.contains(word)).max_by_key(|(word, _)| word.len());
    let date = match day {
        Some((_, back)) => now.date().checked_sub(Span::new().days(*back)).ok()?,
        None => calendar(&rest, clock.day_first, now.date()).or_else(|| weekday(&rest, now.date()))?,
    };
    let moment = DateTime::from_parts(date, time.unwrap_or(Time::midnight())).to_zoned(zone).ok()?;
    Some(Timestamp(moment.timestamp().as_second()))
}

/// "35 minutes ago", "5 минут назад", "3 天前", "an hour ago".
fn ago(text: &str) -> Option<i64> {
    let before = text
        .strip_suffix("ago")
        .or_else(|| text.split_once(" ago").map(|p| p.0))
        .or_else(|| text.split_once("назад").map(|p| p.0))
        .or_else(|| text.split_once('前').map(|p| p.0).filter(|p| !p.is_empty() && !p.contains(':')))?;
    let mut total = 0;
    let mut rest = before.trim();
    let mut any = false;
    while !rest.is_empty() {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).take(6).collect();
        let (number, tail) = if digits.is_empty() {
            let word = rest.split_whitespace().next()?;
            if matches!(word, "a" | "an" | "one" | "about" | "около") {
                (1, rest[word.len()..].trim_start())
            } else {
                (1, rest)
            }
        } else {
            (digits.parse::<i64>().ok()?, rest[digits.len()..].trim_start())
        };
        let unit =
            UNITS.iter().filter(|(word, _)| tail.starts_with(word)).max_by_key(|(word, _)| word.len())?;
        total += number * unit.1;
        any = true;
        let tail =
            tail[unit.0.len()..].trim_start_matches(|c: char| c.is_alphabetic() && !c.is_ascii_digit());
        rest = tail.trim_start_matches([' ', ',']).trim_start_matches("and ").trim_start_matches("и ");
    }
    any.then_some(total)
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
        let (pm, am) = (
            tail.starts_with("pm") || tail.starts_with("p.m"),
            tail.starts_with("am") || tail.starts_with("a.m"),
        );
        // 下午 and 上午 stand before the time.
        let before = &text[..from];
        if (pm || before.trim_end().ends_with("下午") || before.trim_end().ends_with("晚上")) && hour < 12
        {
            hour += 12;
        }
        if (am || before.trim_end().ends_with("上午")) && hour == 12 {
            hour = 0;
        }
        let rest = format!("{} {}", before, tail.trim_start_matches("pm").trim_start_matches("am"));
        return (Time::new(hour, minute, second, 0).ok(), rest);
    }
    (None, text.to_owned())
}

/// A date of the calendar: by numbers, or with the name of a month.
fn calendar(text: &str, day_first: Option<bool>, today: Date) -> Option<Date> {
    // Numbers with what stands behind each.
    let mut numbers: Vec<(i32, usize, char)> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        if !c.is_ascii_digit() {
            continue;
        }
        let mut value = c.to_digit(10)? as i32;
        let mut length = 1;
        while let Some((_, d)) = chars.peek().filter(|(_, d)| d.is_ascii_digit()) {
            value = value.checked_mul(10)?.checked_add(d.to_digit(10)? as i32)?;
            length += 1;
            chars.next();
        }
        numbers.push((value, length, chars.peek().map_or(' ', |p| p.1)));
        if numbers.len() == 3 {
            break;
        }
    }
    let month = MONTHS
        .iter()
        .filter(|(name, _)| text.split(|c: char| !c.is_alphabetic()).any(|word| word.starts_with(name)))
        .map(|m| m.1)
        .next();
    let (year, month, day) = match (month, numbers.as_slice()) {
        (Some(month), [(a, 4, _), (b, ..), ..]) => (*a, month, *b),
        (Some(month), [(a, ..), (b, 4, _), ..]) => (*b, month, *a),
        (Some(month), [(a, ..), (b, 2, _), ..]) if text.contains('\'') => (2000 + *b, month, *a),
        (Some(month), [(a, ..), ..]) => {
            // Without a year: the last such day.
            let year = i32::from(today.year());
            let date = Date::new(today.year(), month, i8::try_from(*a).ok()?).ok()?;
            (if date > today { year - 1 } else { year }, month, *a)
        }
        (None, [(y, 4, _), (m, ..), (d, ..), ..]) => (*y, i8::try_from(*m).ok()?, *d),
        (None, [(a, _, sign), (b, ..), (y, length, _), ..]) => {
            let year = if *length == 2 { 2000 + y } else { *y };
            let first_is_day = day_first.unwrap_or(*sign == '.') || *a > 12;
            let (day, month) = if first_is_day && *b <= 12 { (*a, *b) } else { (*b, *a) };
            (year, i8::try_from(month).ok()?, day)
        }
        (None, [(m, _, '月'), (d, ..)]) => (i32::from(today.year()), i8::try_from(*m).ok()?, *d),
        _ => return None,
    };
    Date::new(i16::try_from(year).ok().filter(|y| (1980..2100).contains(y))?, month, i8::try_from(day).ok()?)
        .ok()
}

/// "Monday at …": the last such day.
fn weekday(text: &str, today: Date) -> Option<Date> {
    const NAMES: [[&str; 2]; 7] = [
        ["mon", "понедельник"],
        ["tue", "вторник"],
        ["wed", "сред"],
        ["thu", "четверг"],
        ["fri", "пятниц"],
        ["sat", "суббот"],
        ["sun", "воскресенье"],
    ];
    let named = NAMES.iter().position(|names| {
        text.split(|c: char| !c.is_alphabetic()).any(|word| names.iter().any(|n| word.starts_with(n)))
    })?;
    let back = (i64::from(today.weekday().to_monday_zero_offset()) - named as i64).rem_euclid(7);
    today.checked_sub(Span::new().days(back)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_three_languages() {
        // 2026-11-23 16:07 UTC, a Monday.
        let now = Timestamp(1_795_450_020);
        for (shown, offset, expect) in [
            ("Thu Jun 27, 2024 2:13 am", 10800, "2024-06-26T23:13:00Z"),
            ("06-26-2024, 11:13 PM", 0, "2024-06-26T23:13:00Z"),
            ("Jun 26, 2024, 07:00 PM", 0, "2024-06-26T19:00:00Z"),
            ("2024-06-26 19:00:26", 0, "2024-06-26T19:00:26Z"),
            ("发表于 2024-6-27 03:00:58", 28800, "2024-06-26T19:00:58Z"),
            ("Today 15:57:20", 0, "2026-11-23T15:57:20Z"),
            ("Today at 03:57 PM", 0, "2026-11-23T15:57:00Z"),
            ("Yesterday, 11:51 PM", 0, "2026-11-22T23:51:00Z"),
            ("昨天 23:57", 28800, "2026-11-23T15:57:00Z"),
            ("前天 08:00", 28800, "2026-11-22T00:00:00Z"),
            ("вчера, 14:02", 10800, "2026-11-22T11:02:00Z"),
            ("Сегодня в 9:05", 10800, "2026-11-23T06:05:00Z"),
            ("позавчера, 00:10", 0, "2026-11-21T00:10:00Z"),
            ("35 minutes ago", 0, "2026-11-23T15:32:00Z"),
            ("an hour ago", 0, "2026-11-23T15:07:00Z"),
            ("5 минут назад", 0, "2026-11-23T16:02:00Z"),
            ("17 分钟前", 28800, "2026-11-23T15:50:00Z"),
            ("3 天前", 0, "2026-11-20T16:07:00Z"),
            ("2 小时前", 0, "2026-11-23T14:07:00Z"),
            ("半小时前", 0, "2026-11-23T15:37:00Z"),
            ("12 марта 2025 в 18:30", 10800, "2025-03-12T15:30:00Z"),
            ("5 мая 2025", 0, "2025-05-05T00:00:00Z"),
            ("31.12.2025, 23:59", 10800, "2025-12-31T20:59:00Z"),
            ("2025年3月4日 下午 3:05", 28800, "2025-03-04T07:05:00Z"),
            ("Saturday at 10:00 AM", 0, "2026-11-21T10:00:00Z"),
            ("13/02/2025 10:00", 0, "2025-02-13T10:00:00Z"),
        ] {
            let clock = Clock { now, offset, day_first: None };
            let got = parse(shown, &clock).map(|t| t.to_string());
            assert_eq!(got.as_deref(), Some(expect), "{shown}");
        }
        for shown in ["", "never", "-", "99:99", "Posts: 14"] {
            assert_eq!(parse(shown, &Clock { now, offset: 0, day_first: None }), None, "{shown}");
        }
    }
}
