use super::*;
use jiff::Zoned;
use proptest::prelude::*;

fn check(shown: &str, clock: &Clock, expect: &str) {
    let got = parse(shown, clock).map(|t| t.to_string());
    assert_eq!(got.as_deref(), Some(expect), "{shown}");
}

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
        ("昨天 23:51", 28800, "2026-11-23T15:51:00Z"),
        ("前天 08:00", 28800, "2026-11-22T00:00:00Z"),
        ("发表于 前天 08:00", 28800, "2026-11-22T00:00:00Z"),
        ("вчера, 14:02", 10800, "2026-11-22T11:02:00Z"),
        ("Вчера в 14:02", 10800, "2026-11-22T11:02:00Z"),
        ("Сегодня в 9:05", 10800, "2026-11-23T06:05:00Z"),
        ("позавчера, 00:10", 0, "2026-11-21T00:10:00Z"),
        ("35 minutes ago", 0, "2026-11-23T15:32:00Z"),
        ("Posted 35 minutes ago", 0, "2026-11-23T15:32:00Z"),
        ("an hour ago", 0, "2026-11-23T15:07:00Z"),
        ("about an hour ago", 0, "2026-11-23T15:07:00Z"),
        ("half an hour ago", 0, "2026-11-23T15:37:00Z"),
        ("less than a minute ago", 0, "2026-11-23T16:06:00Z"),
        ("a few minutes ago", 0, "2026-11-23T16:04:00Z"),
        ("2h ago", 0, "2026-11-23T14:07:00Z"),
        ("5m ago", 0, "2026-11-23T16:02:00Z"),
        ("1 hour, 30 minutes ago", 0, "2026-11-23T14:37:00Z"),
        ("just now", 0, "2026-11-23T16:07:00Z"),
        ("A moment ago", 0, "2026-11-23T16:07:00Z"),
        ("только что", 10800, "2026-11-23T16:07:00Z"),
        ("刚刚", 28800, "2026-11-23T16:07:00Z"),
        ("5 минут назад", 0, "2026-11-23T16:02:00Z"),
        ("минуту назад", 0, "2026-11-23T16:06:00Z"),
        ("Час назад", 0, "2026-11-23T15:07:00Z"),
        ("полчаса назад", 0, "2026-11-23T15:37:00Z"),
        ("2 ч. 10 мин. назад", 0, "2026-11-23T13:57:00Z"),
        ("17 分钟前", 28800, "2026-11-23T15:50:00Z"),
        ("发表于3天前", 28800, "2026-11-20T16:07:00Z"),
        ("3 天前", 0, "2026-11-20T16:07:00Z"),
        ("两天前", 0, "2026-11-21T16:07:00Z"),
        ("2 小时前", 0, "2026-11-23T14:07:00Z"),
        ("1 小時 5 分鐘前", 0, "2026-11-23T15:02:00Z"),
        ("半小时前", 0, "2026-11-23T15:37:00Z"),
        ("半个小时前", 0, "2026-11-23T15:37:00Z"),
        ("12 марта 2025 в 18:30", 10800, "2025-03-12T15:30:00Z"),
        ("5 мая 2025", 0, "2025-05-05T00:00:00Z"),
        ("31.12.2025, 23:59", 10800, "2025-12-31T20:59:00Z"),
        ("2025年3月4日 下午 3:05", 28800, "2025-03-04T07:05:00Z"),
        ("2025年3月4日 凌晨 12:05", 28800, "2025-03-03T16:05:00Z"),
        ("12月25日 10:00", 0, "2025-12-25T10:00:00Z"),
        ("Saturday at 10:00 AM", 0, "2026-11-21T10:00:00Z"),
        ("Monday at 3:15 PM", 0, "2026-11-23T15:15:00Z"),
        // Still to come on this Monday: the last one.
        ("Monday at 11:15 PM", 0, "2026-11-16T23:15:00Z"),
        ("в пятницу, 10:00", 0, "2026-11-20T10:00:00Z"),
        ("星期五 10:00", 0, "2026-11-20T10:00:00Z"),
        ("13/02/2025 10:00", 0, "2025-02-13T10:00:00Z"),
        ("26.06 15:40", 0, "2026-06-26T15:40:00Z"),
        ("Feb 29, 10:00", 0, "2024-02-29T10:00:00Z"),
        ("Dec 31, 10:00", 0, "2025-12-31T10:00:00Z"),
        ("Mary on Jun 5, 2025 at 1:00 a.m.", 0, "2025-06-05T01:00:00Z"),
        ("2024-06-26T19:00:26+03:00", 0, "2024-06-26T16:00:26Z"),
        ("Jun 26, 2024 7:00 PM UTC", 28800, "2024-06-26T19:00:00Z"),
        ("2024-06-26 19:00 GMT+8", 0, "2024-06-26T11:00:00Z"),
    ] {
        check(shown, &Clock { now, offset, day_first: None }, expect);
    }
    for shown in ["", "never", "-", "99:99", "Posts: 14", "Chicago", "前", "ago", "назад", "半", "month"]
    {
        assert_eq!(parse(shown, &Clock { now, offset: 0, day_first: None }), None, "{shown}");
    }
}

#[test]
fn midnight_between_the_page_and_its_fetch() {
    // Three seconds after midnight; the page was made before it.
    let clock = Clock { now: Timestamp(1_795_392_003), offset: 0, day_first: None };
    check("Today 23:59:58", &clock, "2026-11-22T23:59:58Z");
    check("Yesterday 23:59:58", &clock, "2026-11-22T23:59:58Z");
}

/// Moments from 2001 to 2096 and zones in steps of a quarter of an hour.
fn clocks() -> impl Strategy<Value = Clock> {
    (1_000_000_000_i64..4_000_000_000, -48..=56).prop_map(|(now, quarter)| Clock {
        now: Timestamp(now),
        offset: quarter * 900,
        day_first: None,
    })
}

fn shown_there(at: i64, clock: &Clock) -> Zoned {
    let zone = TimeZone::fixed(Offset::from_seconds(clock.offset).unwrap());
    jiff::Timestamp::from_second(at).unwrap().to_zoned(zone)
}

const RUSSIAN: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What a board shows of a moment, read back in the board's zone, is that moment.
    #[test]
    fn a_moment_comes_back(clock in clocks(), back in 0i64..400_000_000) {
        let at = clock.now.0 - back;
        let z = shown_there(at, &clock);
        let half = if z.hour() < 12 { ("am", "上午") } else { ("pm", "下午") };
        let hour = if z.hour() % 12 == 0 { 12 } else { z.hour() % 12 };
        let (y, m, d, min, s) = (z.year(), z.month(), z.day(), z.minute(), z.second());
        let month = RUSSIAN[usize::try_from(m).unwrap() - 1];
        let name = z.strftime("%B").to_string();
        for (shown, whole) in [
            (z.strftime("%Y-%m-%d %H:%M:%S").to_string(), true),
            (z.strftime("%m-%d-%Y, %I:%M %p").to_string(), false),
            (z.strftime("%d.%m.%Y %H:%M:%S").to_string(), true),
            (z.strftime("%a %b %d, %Y %I:%M %P").to_string(), false),
            (format!("{name} {d}, {y}, {hour}:{min:02}:{s:02} {}", half.0), true),
            (format!("{d} {month} {y}, {}:{min:02}", z.hour()), false),
            (format!("发表于 {y}-{m}-{d} {:02}:{min:02}:{s:02}", z.hour()), true),
            (format!("{y}年{m}月{d}日 {}{hour}:{min:02}", half.1), false),
        ] {
            let expect = if whole { at } else { at - i64::from(s) };
            prop_assert_eq!(parse(&shown, &clock), Some(Timestamp(expect)), "{}", shown);
        }
    }

    /// Days named by their distance are days of the board's calendar, not of UTC.
    #[test]
    fn a_day_by_its_distance(clock in clocks(), back in 0i64..259_200) {
        let at = clock.now.0 - back;
        let (there, now) = (shown_there(at, &clock), shown_there(clock.now.0, &clock));
        let days = (now.date() - there.date()).get_days();
        let words: &[&str] = match days {
            0 => &["Today at", "Сегодня в", "сегодня,", "今天", "Today"],
            1 => &["Yesterday,", "Вчера в", "вчера,", "昨天", "Yesterday at"],
            2 => &["позавчера,", "前天", "发表于 前天"],
            _ => &[],
        };
        for word in words {
            let shown = format!("{word} {}", there.strftime("%H:%M:%S"));
            prop_assert_eq!(parse(&shown, &clock), Some(Timestamp(at)), "{}", shown);
        }
        if (1..7).contains(&days) {
            let shown = there.strftime("%A at %I:%M %p").to_string();
            let expect = at - i64::from(there.second());
            prop_assert_eq!(parse(&shown, &clock), Some(Timestamp(expect)), "{}", shown);
        }
    }

    /// Distances count from the fetch, in any zone.
    #[test]
    fn a_distance(clock in clocks(), n in 1i64..60) {
        let russian = |one: &str, few: &str, many: &str| {
            let form = match (n % 10, n % 100) {
                (_, 11..=14) => many,
                (1, _) => one,
                (2..=4, _) => few,
                _ => many,
            };
            format!("{n} {form} назад")
        };
        for (shown, seconds) in [
            (format!("{n} seconds ago"), 1),
            (format!("{n} minutes ago"), 60),
            (format!("{n} minute{} ago", if n == 1 { "" } else { "s" }), 60),
            (format!("{n} hours ago"), 3600),
            (format!("{n} days ago"), 86_400),
            (format!("{n}h ago"), 3600),
            (russian("секунду", "секунды", "секунд"), 1),
            (russian("минуту", "минуты", "минут"), 60),
            (russian("час", "часа", "часов"), 3600),
            (russian("день", "дня", "дней"), 86_400),
            (russian("неделю", "недели", "недель"), 604_800),
            (format!("{n} 秒前"), 1),
            (format!("{n} 分钟前"), 60),
            (format!("发表于 {n} 小时前"), 3600),
            (format!("{n}天前"), 86_400),
        ] {
            let expect = Timestamp(clock.now.0 - n * seconds);
            prop_assert_eq!(parse(&shown, &clock), Some(expect), "{}", shown);
        }
    }

    /// Any words end in a time or in none.
    #[test]
    fn any_words_end(clock in clocks(), text in "[0-9:./ -]{0,12}(ago|назад|前|半|pm|昨天|вчера|Mon|May|月|'|UTC)?[0-9:./ a-zа-я年月日个半]{0,12}(ago|назад|前)?") {
        parse(&text, &clock);
    }
}
