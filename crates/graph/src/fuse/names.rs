//! Names as fusion compares them: spellings, versions, words.

/// Letters and digits of a name, lower-cased, so that `IP Killer`, `ip-killer` and `IPKiller` are one; a version that is
/// part of the name is cut off.
pub fn name_key(text: &str) -> String {
    let (name, _) = split_version(text);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `IP Killer v2.0` → (`IP Killer`, `2.0`).
pub(super) fn split_version(text: &str) -> (&str, Option<String>) {
    let trimmed = text.trim();
    let tail = trimmed.rsplit(|c: char| c.is_whitespace()).next().unwrap_or("");
    let digits = tail.trim_start_matches(['v', 'V', 'в']);
    let number = digits.contains('.')
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && digits.starts_with(|c: char| c.is_ascii_digit());
    if number && tail.len() < trimmed.len() {
        (&trimmed[..trimmed.len() - tail.len()], Some(version_key(digits)))
    } else {
        (trimmed, None)
    }
}

/// `v2.0`, `2.0` and `2` are one version.
pub(super) fn version_key(text: &str) -> String {
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let digits = digits.trim_matches('.');
    digits.strip_suffix(".0").unwrap_or(digits).to_owned()
}

/// Words of trade and attack that name no single thing, as [`words`] gives them: what stands in every second offer says
/// little of which offer it is.
const GENERIC: &[&str] = &[
    "access",
    "account",
    "accounts",
    "actor",
    "attack",
    "bank",
    "banks",
    "base",
    "bases",
    "bot",
    "botnet",
    "bots",
    "build",
    "builder",
    "bulk",
    "card",
    "carded",
    "cards",
    "cc",
    "channel",
    "company",
    "cheap",
    "clinic",
    "combo",
    "combos",
    "corp",
    "crack",
    "cracked",
    "credentials",
    "crypt",
    "crypter",
    "cvv",
    "data",
    "database",
    "databases",
    "db",
    "ddos",
    "dob",
    "domain",
    "download",
    "dump",
    "dumps",
    "email",
    "emails",
    "escrow",
    "exe",
    "exploit",
    "exploits",
    "file",
    "files",
    "forum",
    "fresh",
    "full",
    "fullz",
    "gmail",
    "hack",
    "hotel",
    "hosting",
    "hotels",
    "info",
    "kit",
    "leak",
    "leaks",
    "line",
    "lines",
    "link",
    "list",
    "loader",
    "log",
    "logs",
    "mail",
    "malware",
    "market",
    "mix",
    "mixed",
    "network",
    "new",
    "number",
    "numbers",
    "panel",
    "pass",
    "patient",
    "patients",
    "pay",
    "phishing",
    "pin",
    "poc",
    "portal",
    "private",
    "proxies",
    "proxy",
    "ransomware",
    "rat",
    "rdp",
    "records",
    "root",
    "scam",
    "script",
    "seller",
    "selling",
    "server",
    "servers",
    "service",
    "shell",
    "shop",
    "site",
    "smtp",
    "smtps",
    "software",
    "source",
    "ssn",
    "stealer",
    "store",
    "system",
    "telegram",
    "the",
    "tool",
    "tools",
    "update",
    "user",
    "users",
    "version",
    "virus",
    "vpn",
    "vps",
    "web",
    "website",
    "wallet",
    "with",
    "and",
    "for",
    "of",
    "us",
    "uk",
    "eu",
    "usa",
    // Cyrillic words are cut to five letters and written in Latin ones.
    "dostu",
    "logi",
    "logov",
    "karty",
    "kart",
    "karta",
    "dampy",
    "bazu",
    "baza",
    "bazy",
    "danny",
    "akkau",
    "sait",
    "saita",
    "sajt",
    "sajta",
    "servi",
    "serve",
    "softa",
    "soft",
    "stile",
    "vpn",
    "mir",
    "miks",
    "opt",
    "svezh",
    "kompa",
    "bank",
    "banka",
    "banki",
    "skrip",
    "troya",
    "virus",
    "kript",
    "chast",
    "priva",
    "novyi",
    "novoi",
    "probi",
    "panel",
    "domen",
    "pochta",
];

/// Chinese pairs of signs that name no single thing.
const GENERIC_PAIRS: &[&str] = &[
    "数据", "料子", "接码", "出售", "资料", "用户", "客户", "账号", "账户", "实时", "一手", "网站", "平台",
    "信息", "工具", "软件", "木马", "远控", "源码", "免杀", "银行", "信用", "用卡", "公司", "服务", "务器",
    "酒店", "患者", "会员", "个人", "攻击", "漏洞", "节点",
];

/// True for words that name no single thing.
pub(super) fn generic(word: &str) -> bool {
    GENERIC.contains(&word) || GENERIC_PAIRS.contains(&word) || word.chars().all(|c| c.is_ascii_digit())
}

/// A Cyrillic letter in Latin ones; handles are written in either.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'й' | 'ы' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "h",
        'ц' => "c",
        'ч' => "ch",
        'ш' | 'щ' => "sh",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        _ => return None,
    })
}

pub(super) fn ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// Letters of a Cyrillic word that are kept: endings change with the case.
const STEM: usize = 5;

/// Words of a phrase, each once: Latin ones whole, Cyrillic ones cut to their stem and written in Latin letters, Chinese as
/// pairs of signs. Digits end a word and are dropped where letters stand before them (`kestrel_h9` → `kestrel`).
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |word: String| {
        let long = word.chars().count() >= 2 && (word.len() >= 3 || !word.is_ascii() || generic(&word));
        if long && !found.contains(&word) {
            found.push(word);
        }
    };
    let mut word = String::new();
    let (mut cyrillic, mut letters) = (false, 0usize);
    let mut before: Option<char> = None;
    for c in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        let sign = ideograph(c);
        if let (true, Some(b)) = (sign, before) {
            add([b, c].into_iter().collect());
        }
        before = sign.then_some(c);
        if c.is_alphabetic() && !sign {
            letters += 1;
            match latin(c) {
                Some(l) => {
                    cyrillic = true;
                    if letters <= STEM {
                        word.push_str(l);
                    }
                }
                None if cyrillic && letters > STEM => {}
                None => word.push(c),
            }
            continue;
        }
        if !word.is_empty() {
            add(std::mem::take(&mut word));
        }
        (cyrillic, letters) = (false, 0);
    }
    found
}

/// Letters of a name that is written in one word by some and in several by others (`IP Killer`, `IPKiller`).
pub(super) fn joined(phrase: &str) -> Option<String> {
    let parts: Vec<&str> = phrase.split_whitespace().collect();
    let short =
        (2..=3).contains(&parts.len()) && parts.iter().all(|p| p.chars().all(|c| c.is_ascii_alphanumeric()));
    let name = parts.concat().to_lowercase();
    (short && name.len() >= 6 && !parts.iter().all(|p| generic(&p.to_lowercase()))).then_some(name)
}

/// True when two words are one name: equal, or one begins the other and the rest is short or the beginning long
/// (`kestrel` and `kestrelgoods`, `ledgerl` and `ledgerline`).
pub(super) fn alike(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short == long
        || (short.is_ascii()
            && long.starts_with(short)
            && (short.len() >= 6 || (short.len() >= 4 && long.len() - short.len() <= 3)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        assert_eq!(name_key("IP-Killer v2.0"), "ipkiller");
        assert_eq!(split_version("Stealer 1.2").1.as_deref(), Some("1.2"));
        assert_eq!((version_key("v2.0"), version_key("2")), ("2".into(), "2".into()));
    }

    #[test]
    fn words_of_three_scripts() {
        assert_eq!(words("kestrel_h9"), ["kestrel"]);
        assert_eq!(words("стилера Мотылёк"), ["stile", "motil"]);
        assert_eq!(words("Филин"), words("filin_lg")[..1]);
        assert_eq!(words("海鲨云 华南"), ["海鲨", "鲨云", "华南"]);
        assert_eq!(words(""), Vec::<String>::new());
        assert_eq!(joined("IP Killer").as_deref(), Some("ipkiller"));
        assert_eq!((joined("fresh CVV"), joined("Tarnish")), (None, None));
    }

    #[test]
    fn beginnings_are_one_name() {
        assert!(
            alike("kestrel", "kestrelgoods") && alike("ledgerl", "ledgerline") && alike("lebed", "lebedka")
        );
        assert!(!alike("gull", "gullwing") && !alike("art", "artist") && !alike("карта", "картон"));
    }
}
