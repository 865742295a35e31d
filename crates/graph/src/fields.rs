//! Research fields of an author, for the portrait's radar.
//!
//! What events an author takes part in and what words they use point to eight fields. The word lists are short and only
//! describe; nothing is decided by them.

use tm_model::EventType;

/// The fields, in the order of the radar.
pub const FIELDS: [&str; 8] =
    ["web", "network", "system", "database", "mobile", "malware", "fraud", "data trade"];

/// Beginnings of words (lower case) for each field; Chinese terms are looked for anywhere.
const WORDS: [&[&str]; 8] = [
    &[
        "xss",
        "sqli",
        "sql inj",
        "wordpress",
        "shell",
        "php",
        "cms",
        "csrf",
        "deface",
        "website",
        "admin panel",
        "шелл",
        "сайт",
        "битрикс",
        "дефейс",
        "админк",
        "注入",
        "网站",
        "拿站",
        "webshell",
        "后台",
        "挂马",
    ],
    &[
        "ddos",
        "botnet",
        "proxy",
        "vpn",
        "scan",
        "port",
        "router",
        "traffic",
        "stresser",
        "ддос",
        "прокси",
        "впн",
        "роутер",
        "ботнет",
        "трафик",
        "流量",
        "代理",
        "肉鸡",
        "端口",
        "扫描",
        "路由",
        "机房",
    ],
    &[
        "windows",
        "linux",
        "kernel",
        "privilege",
        "root",
        "rdp",
        "active directory",
        "exploit",
        "винд",
        "линукс",
        "ядр",
        "дедик",
        "доступ",
        "эксплойт",
        "提权",
        "内网",
        "系统",
        "驱动",
        "漏洞",
        "服务器",
    ],
    &[
        "database",
        "sql",
        "mysql",
        "mongodb",
        "dump",
        "leak",
        "база",
        "баз ",
        "дамп",
        "слив",
        "数据库",
        "脱库",
        "裤子",
        "社工库",
        "数据",
    ],
    &[
        "android",
        "apk",
        "ios",
        "sms",
        "sim ",
        "phone",
        "андроид",
        "апк",
        "смс",
        "сим",
        "телефон",
        "安卓",
        "手机",
        "短信",
        "苹果",
    ],
    &[
        "trojan",
        "rat ",
        "stealer",
        "malware",
        "crypter",
        "fud",
        "loader",
        "ransom",
        "keylog",
        "virus",
        "стил",
        "троян",
        "крипт",
        "ратник",
        "вирус",
        "локер",
        "лоадер",
        "远控",
        "免杀",
        "木马",
        "病毒",
        "勒索",
        "后门",
    ],
    &[
        "card",
        "cvv",
        "phish",
        "cashout",
        "scam",
        "fullz",
        "bank",
        "carding",
        "кард",
        "обнал",
        "фишинг",
        "кинул",
        "банк",
        "дроп",
        "картон",
        "钓鱼",
        "洗料",
        "跑分",
        "四件套",
        "诈骗",
        "信用卡",
        "银行",
    ],
    &[
        "selling",
        "logs",
        "combo",
        "accounts",
        "price",
        "escrow",
        "fresh",
        "продам",
        "логи",
        "аккаунт",
        "цена",
        "гарант",
        "продаж",
        "出售",
        "料子",
        "价格",
        "收购",
        "担保",
        "账号",
    ],
];

/// Which fields a post points to: one bit a field.
pub fn fields_of(text: &str, events: &[EventType]) -> u8 {
    let lower = format!(" {} ", text.to_lowercase());
    let mut bits = 0u8;
    for (i, words) in WORDS.iter().enumerate() {
        let hit = |w: &str| {
            lower.match_indices(w).any(|(at, _)| {
                // Alphabetic words must begin there: "rat" is not in "operate".
                !w.is_ascii() && w.chars().any(|c| !c.is_alphabetic() || c > '\u{2fff}')
                    || !lower[..at].chars().next_back().is_some_and(char::is_alphanumeric)
            })
        };
        if words.iter().any(|w| hit(w)) {
            bits |= 1 << i;
        }
    }
    for event in events {
        bits |= match event {
            EventType::Ddos => 1 << 1,
            EventType::Intrusion => 1 << 2,
            EventType::Malware | EventType::Ransom => 1 << 5,
            EventType::Fraud => 1 << 6,
            EventType::Leak => 1 << 3,
            EventType::Sell | EventType::Buy | EventType::Exchange => 1 << 7,
            _ => 0,
        };
    }
    bits
}

/// Posts an author wrote in each field, and each as a share of the strongest field.
pub fn radar<'a>(posts: impl IntoIterator<Item = &'a u8>) -> [(u32, f64); 8] {
    let mut counts = [0u32; 8];
    for bits in posts {
        for (i, n) in counts.iter_mut().enumerate() {
            *n += u32::from(bits >> i & 1);
        }
    }
    let max = counts.iter().copied().max().unwrap_or(0).max(1);
    counts.map(|n| (n, (f64::from(n) / f64::from(max) * 1e3).round() / 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&str> {
        let bits = fields_of(text, &[]);
        (0..8).filter(|i| bits >> i & 1 == 1).map(|i| FIELDS[i]).collect()
    }

    #[test]
    fn three_languages() {
        assert_eq!(names("new crypter for android"), ["mobile", "malware"]);
        assert_eq!(names("продам логи"), ["data trade"]);
        assert_eq!(names("求免杀远控"), ["malware"]);
        assert!(names("we operate a bar").is_empty());
    }

    #[test]
    fn radar_is_relative_to_the_strongest() {
        let r = radar(&[0b1, 0b1, 0b10]);
        assert_eq!((r[0], r[1], r[2]), ((2, 1.0), (1, 0.5), (0, 0.0)));
    }
}
