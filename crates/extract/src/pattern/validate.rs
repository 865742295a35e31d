//! What a regular expression cannot say: checksums, public suffixes, ranges, the words around.

use super::encoded::{encoded_url, key_block};
use super::host;
use super::money::price;
use super::wallet::{base58check, bech32_address, card, eth, iban, xmr};
use sha3::Digest;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A match within its text.
pub(super) struct Candidate<'t> {
    pub text: &'t str,
    pub start: usize,
    pub end: usize,
}

/// A match that passed: where exactly, its normalised value, how sure.
pub(super) struct Valid {
    pub start: usize,
    pub end: usize,
    pub value: String,
    pub confidence: f32,
}

type Check = fn(&Candidate<'_>) -> Option<Valid>;

/// A named check.
#[derive(Clone, Copy)]
pub(super) struct Validator(&'static str, Check);

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validator({})", self.0)
    }
}

const CHECKS: [Validator; 41] = [
    Validator("any", |c| c.pass(c.words().to_owned())),
    Validator("lower", |c| c.pass(c.words().to_lowercase())),
    Validator("upper", |c| {
        c.pass(c.words().chars().map(|c| if is_hyphen(c) { '-' } else { c.to_ascii_uppercase() }).collect())
    }),
    Validator("digits", |c| c.pass(c.words().chars().filter(char::is_ascii_digit).collect())),
    Validator("handle", |c| c.pass(refang(c.words()).to_lowercase())),
    Validator("ipv4", ipv4),
    Validator("cidr", cidr),
    Validator("ipv6", ipv6),
    Validator("mac", mac),
    Validator("asn", |c| {
        let digits = c.words().trim_start_matches(|d: char| !d.is_ascii_digit());
        // Numbers of 32 bits (RFC 6793).
        digits.parse::<u32>().ok().and_then(|n| c.pass(format!("AS{n}")))
    }),
    Validator("domain", domain),
    Validator("email", email),
    Validator("url", url),
    Validator("onion", onion),
    Validator("digest", digest),
    Validator("btc", |c| base58check(c, &[0x00, 0x05])),
    Validator("ltc", |c| {
        if c.words().starts_with("ltc1") { bech32_address(c) } else { base58check(c, &[0x30, 0x32]) }
    }),
    // Those that begin with 9 or A belong to scripts.
    Validator("doge", |c| base58check(c, &[0x1e, 0x16])),
    Validator("trx", |c| base58check(c, &[0x41])),
    Validator("bech32", bech32_address),
    Validator("eth", eth),
    Validator("xmr", xmr),
    Validator("card", card),
    Validator("iban", iban),
    Validator("price", price),
    Validator("tox", tox),
    Validator("encoded_url", encoded_url),
    Validator("key_block", key_block),
    Validator("email_literal", email_literal),
    Validator("mac_dotted", mac_dotted),
    Validator("national_phone", national_phone),
    Validator("user_agent", user_agent),
    Validator("technique", technique),
    Validator("cve", cve),
    // Dots spelled inside of what is otherwise one word.
    Validator("spelled_dots", |c| {
        let value = c.words().replace("DOT", ".").to_lowercase().replace("-dot-", ".");
        let (user, name) = value.split_once('@').map_or((None, value.as_str()), |(u, n)| (Some(u), n));
        let name = host_before(name, true, "")?;
        c.pass(user.map_or_else(|| name.clone(), |user| format!("{user}@{name}")))
    }),
    Validator("path", |c| {
        let words = c.words().trim_end_matches(['.', '-']);
        Some(Valid { start: c.start, end: c.start + words.len(), value: words.to_owned(), confidence: 0.9 })
    }),
    Validator("registry", registry),
    // Block sizes are 3 times a power of two.
    Validator("ssdeep", |c| {
        let size: u32 = c.words().split(':').next()?.parse().ok()?;
        (size.is_multiple_of(3) && (size / 3).is_power_of_two()).then(|| c.pass(c.words().to_owned()))?
    }),
    Validator("file", file),
    Validator("phone", phone),
    Validator("fingerprint", |c| {
        let value: String = c.words().chars().filter(char::is_ascii_hexdigit).collect();
        matches!(value.len(), 16 | 40).then(|| c.pass(value.to_uppercase()))?
    }),
];

impl Validator {
    pub fn by_name(name: &str) -> Option<Validator> {
        CHECKS.into_iter().find(|v| v.0 == name)
    }
    pub fn names() -> String {
        CHECKS.map(|v| v.0).join(" ")
    }
    pub fn check(self, candidate: &Candidate<'_>) -> Option<Valid> {
        (self.1)(candidate)
    }
}

impl Candidate<'_> {
    pub(super) fn words(&self) -> &str {
        &self.text[self.start..self.end]
    }
    pub(super) fn pass(&self, value: String) -> Option<Valid> {
        Some(Valid { start: self.start, end: self.end, value, confidence: 0.99 })
    }
    pub(super) fn before(&self) -> Option<char> {
        self.text[..self.start].chars().next_back()
    }
    pub(super) fn after(&self) -> Option<char> {
        self.text[self.end..].chars().next()
    }
    /// Lower-cased characters before the match, at most `n`.
    pub(super) fn context(&self, n: usize) -> String {
        let tail: Vec<char> = self.text[..self.start].chars().rev().take(n).collect();
        tail.into_iter().rev().collect::<String>().to_lowercase()
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '_' | ' ' | '\u{2010}'..='\u{2015}')
}

/// Undoes defanging: bracketed dots, at signs, colons and slashes, their words, blanks between.
pub(super) fn refang(words: &str) -> String {
    let b = words.as_bytes();
    if !b.iter().any(|b| matches!(b, b'[' | b'(' | b'{' | b'\\' | b' ' | b']' | b'}')) {
        return words.to_owned();
    }
    let mut out = String::with_capacity(words.len());
    let mut i = 0;
    while let Some(c) = words[i..].chars().next() {
        let spelled =
            matches!(c, '[' | '(' | '{' | '\\' | ' ' | '.' | ']' | '}').then(|| spelling(b, i)).flatten();
        match spelled {
            Some((length, to)) => {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str(to);
                i += length;
                i += b[i..].iter().take_while(|c| **c == b' ').count();
            }
            None => {
                out.push(c);
                i += c.len_utf8();
            }
        }
    }
    out
}

/// What a defanged spelling at `i` stands for, and its length in bytes.
fn spelling(b: &[u8], i: usize) -> Option<(usize, &'static str)> {
    if let Some((length, true)) = host::dot(b, i) {
        return Some((length, "."));
    }
    if b[i] == b'.' {
        return None;
    }
    if let Some(sign) = host::at_sign(b, i) {
        return Some((sign.length, "@"));
    }
    const SIGNS: [(&str, &str); 9] = [
        ("[-]", "-"),
        ("[://]", "://"),
        ("[//]", "//"),
        ("[:]", ":"),
        ("(:)", ":"),
        ("{:}", ":"),
        ("[/]", "/"),
        ("(/)", "/"),
        ("(://)", "://"),
    ];
    SIGNS.into_iter().find(|(from, _)| b[i..].starts_with(from.as_bytes())).map(|(from, to)| (from.len(), to))
}

/// Four numbers as an address; leading zeros are decimal here, as authors mean them.
fn decimal(value: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = value.split('.');
    for octet in &mut octets {
        *octet = parts.next().filter(|p| !p.is_empty() && p.len() < 4)?.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Words before four numbers that are a version or the number of a section.
const NUMBERED: [&str; 58] = [
    "version",
    "versions",
    "ver",
    "v",
    "build",
    "firmware",
    "release",
    "driver",
    "update",
    "chrome",
    "firefox",
    "patch",
    "sdk",
    "safari",
    "opera",
    "edge",
    "edg",
    "opr",
    "chromium",
    "yabrowser",
    "trident",
    "gecko",
    "msie",
    "nginx",
    "apache",
    "openssl",
    "openssh",
    "php",
    "java",
    "jre",
    "jdk",
    "python",
    "flash",
    "acrobat",
    "reader",
    "office",
    "windows",
    "kernel",
    "android",
    "curl",
    "wget",
    "section",
    "sec",
    "chapter",
    "clause",
    "article",
    "appendix",
    "paragraph",
    "revision",
    "rev",
    "версия",
    "версии",
    "версию",
    "билд",
    "раздел",
    "глава",
    "пункт",
    "прошивка",
];
/// The same in Chinese, where words stand glued together.
const NUMBERED_ZH: [&str; 4] = ["版本", "固件", "第", "章节"];

/// Whether a number belongs to the last word before it. `context` is in small letters.
fn numbered(context: &str) -> bool {
    let led = context.trim_end_matches([' ', ':', '=', '.', '№', '-', '#', '/', '§', '：', '_']);
    if context.trim_end().ends_with('§') || NUMBERED_ZH.iter().any(|w| led.ends_with(w)) {
        return true;
    }
    // The last word in its own script: others stand glued to it.
    let ascii = led.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    let other = led.rsplit(|c: char| !c.is_alphabetic() || c.is_ascii()).next().unwrap_or("");
    NUMBERED.iter().any(|v| *v == ascii || (!v.is_ascii() && *v == other))
}

fn ipv4(c: &Candidate<'_>) -> Option<Valid> {
    let inside = |n: Option<char>| n.is_some_and(|n| n.is_ascii_alphanumeric() || n == '_');
    // A fifth number, a fraction or a word glued on: not an address.
    let dotted = c.after() == Some('.') && c.text[c.end + 1..].starts_with(|d: char| d.is_ascii_digit());
    let led = c.before() == Some('.') && c.text[..c.start - 1].ends_with(|d: char| d.is_ascii_digit());
    if inside(c.before()) || inside(c.after()) || dotted || led {
        return None;
    }
    let value = refang(c.words());
    let address = decimal(&value)?;
    let defanged = value != c.words();
    // The tail of something longer; two dots and more are decoration.
    if c.before() == Some('.') && !c.text[..c.start].ends_with("..") {
        return None;
    }
    if !defanged && !address.is_unspecified() {
        if numbered(&c.context(20)) || c.text[c.end..].starts_with(['节', '章', '版']) {
            return None;
        }
        if address.octets()[0] == 0 {
            return None;
        }
    }
    c.pass(address.to_string())
}

fn cidr(c: &Candidate<'_>) -> Option<Valid> {
    let value = refang(c.words());
    let (address, bits) = value.split_once('/')?;
    let most = if address.contains(':') { 128 } else { 32 };
    let bits: u8 = bits.parse().ok().filter(|&b| b <= most)?;
    if most == 128 {
        if address.len() < 4
            || c.before().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, ':' | '/'))
        {
            return None;
        }
        let address: Ipv6Addr = address.parse().ok()?;
        return c.pass(format!("{address}/{bits}"));
    }
    let address: Ipv4Addr = address.parse().ok()?;
    c.pass(format!("{address}/{bits}"))
}

fn ipv6(c: &Candidate<'_>) -> Option<Valid> {
    let inside = |n: Option<char>| n.is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, ':' | '_'));
    let words = refang(c.words());
    let words = words.as_str();
    // `-ip6:2001:db8::1`: a colon behind a word is none of the address.
    let named = c.before() == Some(':')
        && c.text[..c.start - 1]
            .ends_with(|p: char| p.is_ascii_alphanumeric() && !p.is_ascii_hexdigit() || p == '6');
    if inside(c.before()) && !named || inside(c.after()) {
        return None;
    }
    if words == "::1" {
        return c.pass("::1".to_owned());
    }
    let groups: Vec<&str> = words.split(':').filter(|g| !g.is_empty()).collect();
    // `a::b` is C++, `12:30:45` a clock, `00:11:22:33:44:55` a card of a network.
    let long = groups.iter().any(|g| g.len() >= 3);
    let mapped = words.contains('.');
    if mapped {
        let address: Ipv6Addr = words.parse().ok()?;
        return c.pass(address.to_string());
    }
    if !long || groups.len() < 2 || (!words.contains("::") && groups.len() != 8) {
        return None;
    }
    let address: Ipv6Addr = words.parse().ok()?;
    c.pass(address.to_string())
}

fn mac(c: &Candidate<'_>) -> Option<Valid> {
    let value = c.words().to_lowercase().replace('-', ":");
    let colon = value.matches(':').count() == 5 && !(c.words().contains('-') && c.words().contains(':'));
    let more = |n: Option<char>| matches!(n, Some(':' | '-'));
    (colon && value != "00:00:00:00:00:00" && !more(c.before()) && !more(c.after())).then(|| c.pass(value))?
}

/// Endings of files and members that are top-level domains too; a bare word with one of them is code, not a host.
const FILES: [&str; 14] =
    ["py", "sh", "rs", "pl", "md", "zip", "mov", "so", "ps", "js", "cat", "java", "rar", "cpp"];
/// Words that are top-level domains too: `done.in two days`.
const WORDS: [&str; 20] = [
    "to", "in", "is", "it", "am", "do", "my", "id", "at", "be", "no", "me", "us", "as", "name", "run",
    "data", "page", "so", "cc",
];

/// Frameworks that are written like hosts.
const PRODUCTS: [&str; 8] =
    ["asp.net", "vb.net", "ado.net", "ml.net", "paint.net", "json.net", "quartz.net", "socket.io"];

/// Checks a host name (refanged); returns its normal form. `sure` when the spelling shows that a host is meant.
fn host(value: &str, sure: bool) -> Option<String> {
    host_before(value, sure, "")
}

/// The same with what follows it.
fn host_before(value: &str, sure: bool, behind: &str) -> Option<String> {
    let value = value.trim_end_matches('.');
    let labels: Vec<&str> = value.split('.').collect();
    let (last, first) = (labels.last()?, labels.first()?);
    if labels.len() < 2
        || labels.iter().any(|l| l.is_empty() || l.len() > 63 || l.starts_with('-') || l.ends_with('-'))
        || !sure && PRODUCTS.iter().any(|p| p.eq_ignore_ascii_case(value))
    {
        return None;
    }
    let lower = value.to_lowercase();
    let ascii = if lower.is_ascii() { lower } else { idna::domain_to_ascii(&lower).ok()? };
    let suffix = psl::suffix(ascii.as_bytes());
    // `name.tld` stands for any name; its spelling must show that a host is meant.
    let reserved = ["example", "onion", "i2p", "test", if sure { "tld" } else { "test" }];
    let top = ascii.rsplit('.').next()?;
    let known = suffix.is_some_and(|s| s.is_known()) || reserved.contains(&top);
    // The registrable part must hold something before the public suffix, e.g. not `co.uk` alone.
    if !known || (!reserved.contains(&top) && psl::domain(ascii.as_bytes()).is_none()) {
        return None;
    }
    if !sure {
        let capital =
            |l: &str| l.starts_with(|c: char| c.is_uppercase()) && l.chars().any(|c| c.is_lowercase());
        // `System.Net`, `ok.Thanks`: a sentence or a type name.
        let shouted = matches!(*last, "COM" | "NET" | "ORG" | "RU" | "INFO" | "CN" | "BIZ" | "IO" | "ONION");
        if capital(last)
            || !shouted
                && last.chars().all(|c| c.is_uppercase())
                    != value.chars().filter(|c| c.is_alphabetic()).all(|c| c.is_uppercase())
        {
            return None;
        }
        let (file, word) = (FILES.contains(&top), WORDS.contains(&top));
        if labels.len() == 2 && (file || first.chars().count() < 2) {
            return None;
        }
        if (file || word) && (labels.iter().any(|l| l.contains('_')) || ascii.ends_with(".argv.in")) {
            return None;
        }
        // `nord-login7.cc` and `xss.is,` are hosts; `thanks.it works` is a sentence.
        if word && labels.len() == 2 && !first.contains(|c: char| c.is_ascii_digit() || c == '-') {
            let mut next = behind.chars();
            if next.next() == Some(' ') && next.next().is_some_and(|c| c.is_lowercase()) {
                return None;
            }
        }
    }
    Some(ascii)
}

fn domain(c: &Candidate<'_>) -> Option<Valid> {
    let glued = |n: Option<char>| {
        n.is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, '@' | '_' | '-' | '/' | '\\' | '.'))
    };
    // Hyphens before a name are lines and bullets.
    let led = c.words().len() - c.words().trim_start_matches('-').len();
    let before = c.before().filter(|_| led == 0);
    let dots = c.text[..c.start].ends_with("..") || c.text[..c.start].ends_with("//");
    if glued(before) && !dots
        || c.after().is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, '@' | '_' | '('))
    {
        return None;
    }
    let words = c.words()[led..].trim_end_matches(['.', '-']);
    let start = c.start + led;
    let (start, words) = registrable(start, words);
    let end = start + words.len();
    let value = refang(words);
    let defanged = value != words;
    // Blanks around a written-out dot are only believed between what looks like one host.
    if words.contains(' ') && (value.matches('.').count() > 3 || value.contains(' ')) {
        return None;
    }
    let value = host_before(&value, defanged, &c.text[c.end..])?;
    Some(Valid { start, end, value, confidence: if defanged { 0.99 } else { 0.95 } })
}

/// What a host can be of words with underscores and hyphens where none can stand: a registered name has no underscore,
/// and no label begins with a hyphen, so that the name begins behind them.
fn registrable(start: usize, words: &str) -> (usize, &str) {
    let mut skip = words
        .rfind(".-")
        .map_or(0, |at| at + 1 + (words.len() - at - 1 - words[at + 1..].trim_start_matches('-').len()));
    if words.contains('_') {
        let name = refang(words).to_lowercase();
        if let Some(name) = psl::domain_str(&name)
            && let Some(at) = name.split('.').next().and_then(|label| label.rfind('_'))
        {
            let tail = &name[at + 1..name.find('.').unwrap_or(name.len())];
            if let Some(at) =
                words.to_lowercase().rfind(&format!("_{tail}")).filter(|at| words.is_char_boundary(*at))
            {
                skip = skip.max(at + 1);
            }
        }
    }
    (start + skip, &words[skip..])
}

/// Endings of files that carry or hold something.
const ENDINGS: [&str; 66] = [
    "exe", "dll", "sys", "scr", "bat", "cmd", "ps1", "vbs", "vbe", "jse", "wsf", "hta", "msi", "lnk", "iso",
    "img", "jar", "apk", "elf", "bin", "dat", "tmp", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt",
    "pptx", "pdf", "rtf", "zip", "rar", "7z", "tar", "php", "asp", "aspx", "jsp", "py", "sh", "sql", "txt",
    "jpg", "jpeg", "png", "gif", "bmp", "json", "xml", "csv", "log", "cfg", "ini", "conf", "cab", "gz", "xz",
    "deb", "rpm", "dmg", "html", "htm", "js", "vhd",
];
/// Frameworks that are written like files.
const LIBRARIES: [&str; 14] = [
    "node", "vue", "react", "next", "nuxt", "three", "d3", "express", "angular", "discord", "ember",
    "backbone", "electron", "chart",
];

/// Names of files, told by their ending.
fn file(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words();
    let (name, ending) = words.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    let around = |n: Option<char>| {
        n.is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, '@' | '/' | '\\' | '=' | '('))
    };
    if !ENDINGS.contains(&ending.as_str()) || name.is_empty() || around(c.before()) || around(c.after()) {
        return None;
    }
    if ending == "js" && LIBRARIES.contains(&name.to_lowercase().as_str()) {
        return None;
    }
    // What stands before is a method's object in code more often than a file.
    if words.matches('.').count() > 2 || refang(words) != words {
        return None;
    }
    Some(Valid { start: c.start, end: c.end, value: words.to_owned(), confidence: 0.9 })
}

/// Numbers with a country code, 8 to 15 digits (ITU-T E.164).
fn phone(c: &Candidate<'_>) -> Option<Valid> {
    let value: String = c.words().chars().filter(|d| d.is_ascii_digit()).collect();
    let glued =
        c.before().is_some_and(|b| b.is_alphanumeric()) || c.after().is_some_and(|n| n.is_ascii_digit());
    // Lengths of the numbering plans that occur most; others have 8 to 15 digits.
    let length = match value.as_bytes() {
        [b'1' | b'7', ..] => value.len() == 11,
        [b'8', b'6', ..] => value.len() == 13,
        [b'0', ..] => false,
        _ => (8..=15).contains(&value.len()),
    };
    (!glued && length).then(|| c.pass(format!("+{value}")))?
}

fn email(c: &Candidate<'_>) -> Option<Valid> {
    let slashes = c.words().to_lowercase().contains("/at/");
    let value = if slashes {
        c.words().to_lowercase().replace("/at/", "@").replace("/dot/", ".")
    } else {
        refang(c.words())
    };
    let (user, name) = value.split_once('@')?;
    let user = user.trim_end();
    let defanged = value != c.words();
    // "C2 at evil[.]example": " at " is an English word, believed after a word that asks for an address, or where the
    // dots are words as well and what stands before is no sentence.
    let words = c.words();
    if let Some(at) = words.find(" at ").filter(|&at| !words[..at].ends_with(['[', '(', '{'])) {
        let context = c.context(24);
        let asked =
            ["mail", "contact", "write", "reach", "почт", "пиши", "邮箱"].iter().any(|w| context.contains(w));
        let worded = words[at..].to_ascii_lowercase().contains("dot");
        let led = context.trim_end_matches([' ', '\t']);
        let alone = led.is_empty() || led.ends_with(['\n', '\r', ':', '：']);
        if !asked && !(worded && (alone || user.contains(['.', '_']))) {
            return None;
        }
    }
    if c.before().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, '/' | '.' | '@'))
        || user.ends_with('.')
        || user.contains("..")
    {
        return None;
    }
    let name = host(name, defanged || name.matches('.').count() > 0 && !name.ends_with(".py"))?;
    c.pass(format!("{}@{name}", user.to_lowercase()))
}

/// Scheme in its usual spelling, and what follows the slashes.
fn scheme_of(value: &str) -> (Option<String>, &str) {
    let split = value
        .find(':')
        .filter(|&at| value[at + 1..].trim_start().starts_with(['/', '\\', '[', ']']))
        .or_else(|| value.find("__"))
        .or_else(|| value.find("//"))
        .filter(|&at| at < 10);
    let Some(at) = split else { return (None, value) };
    let word = value[..at].trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*').to_lowercase();
    if word.is_empty() {
        return (None, value);
    }
    let rest = value[at..].trim_start_matches([':', '/', '\\', ' ', '_', ']', ')', '(']);
    // The brackets of an IPv6 address stay.
    let rest = if value[at..].starts_with("__") { value[at..].trim_start_matches(['_', ' ']) } else { rest };
    let secure = word.ends_with('s') || word.starts_with("https") || word.starts_with("hxxps");
    let scheme = match word.as_bytes() {
        [b'h' | b'x' | b'm', ..] | [b't', b't', ..] if secure => "https",
        [b'h' | b'x' | b'm', ..] | [b't', b't', ..] => "http",
        b"sfxp" | b"sftp" => "sftp",
        [b'f', b'i', ..] => "file",
        [b'f', ..] if secure => "ftps",
        [b'f', ..] => "ftp",
        _ => &word,
    };
    (Some(scheme.to_owned()), rest)
}

pub(super) fn url(c: &Candidate<'_>) -> Option<Valid> {
    // Punctuation of the sentence, and a closing bracket without its opening one, do not belong to the location.
    let mut words = c.words();
    loop {
        let cut = words.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', '*', '_', '~', '>', '…']);
        let open = |a: char, b: char| cut.ends_with(b) && cut.matches(b).count() > cut.matches(a).count();
        let cut = if open('(', ')') || open('[', ']') { &cut[..cut.len() - 1] } else { cut };
        if cut.len() == words.len() {
            break;
        }
        words = cut;
    }
    let end = c.start + words.len();
    let value = refang(words);
    let (scheme, rest) = scheme_of(&value);
    let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let (user, host_port) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
    let bracketed = host_port.starts_with('[');
    let (name, port) = match host_port.rsplit_once(':') {
        Some((h, p))
            if !p.is_empty() && p.chars().all(|c| c.is_ascii_digit()) && (!bracketed || h.ends_with(']')) =>
        {
            (h, Some(p))
        }
        _ => (host_port, None),
    };
    let normal = if bracketed {
        let inner: Ipv6Addr = name.trim_matches(['[', ']']).parse().ok()?;
        format!("[{inner}]")
    } else if let Ok(address) = name.parse::<Ipv4Addr>() {
        address.to_string()
    } else if name.eq_ignore_ascii_case("localhost") && scheme.is_some() {
        "localhost".to_owned()
    } else {
        // Without a scheme the host alone must show that it is one, and no path in a file system goes before it.
        let bare = scheme.is_none() && value == words && !name.to_lowercase().starts_with("www.");
        if bare
            && c.before().is_some_and(|b| b.is_ascii_alphanumeric() || "@_/\\.-=~$%:".contains(b))
            && !c.text[..c.start].ends_with("//")
        {
            return None;
        }
        host(name, !bare)?
    };
    let mut out = scheme.map(|s| s + "://").unwrap_or_default();
    if let Some(user) = user {
        out += user;
        out.push('@');
    }
    out += &normal;
    if let Some(port) = port {
        out.push(':');
        out += port;
    }
    out += path;
    Some(Valid { start: c.start, end, value: out, confidence: 0.99 })
}

/// Onion services: version 3 carries a checksum over key and version (Tor rend-spec-v3, section 6).
fn onion(c: &Candidate<'_>) -> Option<Valid> {
    let whole = refang(c.words()).to_lowercase();
    let name = whole.strip_suffix(".onion")?.rsplit('.').next()?;
    if !matches!(name.len(), 16 | 56) || !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')) {
        return None;
    }
    // The service alone; names before it are the operator's.
    let start = c.start + c.words().to_ascii_lowercase().find(name)?;
    if name.len() == 56 {
        let bytes = base32(name)?;
        let mut hasher = sha3::Sha3_256::new();
        hasher.update(b".onion checksum");
        hasher.update(&bytes[..32]);
        hasher.update([3]);
        let sum = hasher.finalize();
        if bytes[34] != 3 || bytes[32..34] != sum[..2] {
            return None;
        }
    }
    Some(Valid { start, end: c.end, value: format!("{name}.onion"), confidence: 0.99 })
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut buffer, mut bits, mut out) = (0u32, 0, Vec::new());
    for c in text.bytes() {
        let value = match c {
            b'a'..=b'z' => c - b'a',
            b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(out)
}

/// Digests: letters and digits mixed, several different characters, and no talk before it of commits, or of digests
/// that are not those of the file. One letter repeated is a placeholder, which its author means to be read as a digest.
fn digest(c: &Candidate<'_>) -> Option<Valid> {
    let value = c.words().to_lowercase();
    let distinct = value.bytes().collect::<std::collections::BTreeSet<_>>().len();
    let letters = value.bytes().any(|b| b.is_ascii_alphabetic());
    let context = c.context(24);
    let led = context.trim_end_matches(|c: char| !c.is_alphanumeric());
    let code = value.len() == 40
        && ["commit", "revision", "git ", "rev ", "коммит", "提交"].iter().any(|w| context.contains(w));
    let other = ["imphash", "import hash", "authentihash", "authenti hash", "pehash", "rich hash", "vhash"];
    if code || !letters || other.iter().any(|w| led.ends_with(w)) {
        return None;
    }
    let mut valid = c.pass(value).filter(|_| distinct >= 6 || distinct == 1)?;
    if distinct == 1 {
        valid.confidence = 0.5;
    }
    Some(valid)
}

/// Parts of keys that hold a blank; other blanks end a key.
const SPACED_KEYS: [&str; 10] = [
    "Session Manager",
    "Windows NT",
    "Internet Explorer",
    "Image File Execution Options",
    "Windows Defender",
    "Shell Folders",
    "User Shell Folders",
    "Internet Settings",
    "Terminal Server",
    "Command Processor",
];

/// Keys hold blanks, but not the next key; hives are written in angle brackets at times.
fn registry(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words();
    // Without its hive a key begins a path; behind a backslash it goes one on.
    if !words.starts_with(['H', 'h', '<']) && c.before() == Some('\\') {
        return None;
    }
    let mut end = words.match_indices(" HK").map(|(at, _)| at).next().unwrap_or(words.len());
    let last = words[..end].rfind('\\').map_or(0, |at| at + 1);
    let tail = &c.text[c.start + last..];
    if let Some(part) =
        SPACED_KEYS.iter().find(|p| tail.get(..p.len()).is_some_and(|t| t.eq_ignore_ascii_case(p)))
        && last + part.len() > end
        && !tail[part.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        end = last + part.len();
    }
    let words = &c.text[c.start..c.start + end];
    let value = words.trim_start_matches('<').replacen('>', "", 1);
    Some(Valid {
        start: c.start,
        end: c.start + end,
        value: value.trim_end_matches('\\').to_owned(),
        confidence: 0.95,
    })
}

/// Technique numbers of ATT&CK: a fraction of another length is none.
fn technique(c: &Candidate<'_>) -> Option<Valid> {
    let more = c.text[c.end..].strip_prefix('.').is_some_and(|t| t.starts_with(|d: char| d.is_ascii_digit()));
    (!more).then(|| c.pass(c.words().to_uppercase()))?
}

/// The year and the number, however they are joined.
fn cve(c: &Candidate<'_>) -> Option<Valid> {
    let digits: String = c.words().chars().filter(char::is_ascii_digit).collect();
    let (year, number) = digits.split_at_checked(4)?;
    c.pass(format!("CVE-{year}-{number}"))
}

/// User agents; two stand one behind the other at times.
fn user_agent(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words();
    let next =
        words.to_ascii_lowercase().get(8..).and_then(|t| t.find("mozilla/")).map_or(words.len(), |at| at + 8);
    let words = words[..next].trim_end_matches([' ', ',', ';', '.', '"', '\'']);
    Some(Valid { start: c.start, end: c.start + words.len(), value: words.to_owned(), confidence: 0.95 })
}

/// Mail addresses with an address for a host (RFC 5321, section 4.1.3).
fn email_literal(c: &Candidate<'_>) -> Option<Valid> {
    let (user, host) = c.words().split_once("@[")?;
    let host = host.strip_suffix(']')?;
    let six = host.get(..5).filter(|h| h.eq_ignore_ascii_case("ipv6:")).is_some();
    let known = if six { host[5..].parse::<Ipv6Addr>().is_ok() } else { host.parse::<Ipv4Addr>().is_ok() };
    known.then(|| c.pass(format!("{}@[{host}]", user.to_lowercase())))?
}

/// Hardware addresses in three groups, as network devices print them.
fn mac_dotted(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words();
    let groups: Vec<&str> = words.split('.').collect();
    let hex = |g: &&str| g.len() == 4 && g.bytes().all(|b| b.is_ascii_hexdigit());
    if groups.len() != 3 || !groups.iter().all(hex) || words == "0000.0000.0000" {
        return None;
    }
    let digits = words.to_lowercase().replace('.', "");
    // Numbers alone are amounts with groups.
    if digits.bytes().all(|b| b.is_ascii_digit()) && !c.context(16).contains("mac") {
        return None;
    }
    let pairs: Vec<&str> = (0..6).map(|i| &digits[2 * i..2 * i + 2]).collect();
    c.pass(pairs.join(":"))
}

/// Numbers as they are dialled inside Russia and China, to be called only where a word says that it is a number.
fn national_phone(c: &Candidate<'_>) -> Option<Valid> {
    let digits: String = c.words().chars().filter(char::is_ascii_digit).collect();
    let value = match digits.as_bytes() {
        [b'8' | b'7', b'9', ..] if digits.len() == 11 => format!("+7{}", &digits[1..]),
        [b'1', b'3'..=b'9', ..] if digits.len() == 11 => format!("+86{digits}"),
        _ => return None,
    };
    (!c.after().is_some_and(|n| n.is_ascii_digit())).then(|| c.pass(value))?
}

fn tox(c: &Candidate<'_>) -> Option<Valid> {
    let value = c.words().to_lowercase();
    let mut sum = [0u8; 2];
    for (i, pair) in value.as_bytes().chunks_exact(2).enumerate() {
        let byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        sum[i % 2] ^= byte;
    }
    (sum == [0, 0] && value.bytes().any(|b| b != b'0')).then(|| c.pass(value))?
}
