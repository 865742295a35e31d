//! What a regular expression cannot say: checksums, public suffixes, ranges, the words around.

use sha3::{Digest, Keccak256};
use std::net::{Ipv4Addr, Ipv6Addr};
use tm_model::mask_card;

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

const CHECKS: [Validator; 31] = [
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
    Validator("doge", |c| base58check(c, &[0x1e, 0x16])),
    Validator("trx", |c| base58check(c, &[0x41])),
    Validator("bech32", bech32_address),
    Validator("eth", eth),
    Validator("xmr", xmr),
    Validator("card", card),
    Validator("iban", iban),
    Validator("price", price),
    Validator("path", |c| {
        let words = c.words().trim_end_matches(['.', '-']);
        Some(Valid { start: c.start, end: c.start + words.len(), value: words.to_owned(), confidence: 0.9 })
    }),
    // Keys hold blanks, but not the next key.
    Validator("registry", |c| {
        let words = c.words();
        let end = words.match_indices(" HK").map(|(at, _)| at).next().unwrap_or(words.len());
        Some(Valid { start: c.start, end: c.start + end, value: words[..end].to_owned(), confidence: 0.95 })
    }),
    // Block sizes are 3 times a power of two.
    Validator("ssdeep", |c| {
        let size: u32 = c.words().split(':').next()?.parse().ok()?;
        (size.is_multiple_of(3) && (size / 3).is_power_of_two()).then(|| c.pass(c.words().to_owned()))?
    }),
    Validator("file", file),
    Validator("phone", phone),
    Validator("fingerprint", |c| {
        let value: String = c.words().chars().filter(char::is_ascii_hexdigit).collect();
        (value.len() == 40).then(|| c.pass(value.to_uppercase()))?
    }),
];

impl Validator {
    pub fn by_name(name: &str) -> Option<Validator> {
        if name == "tox" {
            return Some(Validator("tox", tox));
        }
        CHECKS.into_iter().find(|v| v.0 == name)
    }
    pub fn names() -> String {
        CHECKS.map(|v| v.0).join(" ") + " tox"
    }
    pub fn check(self, candidate: &Candidate<'_>) -> Option<Valid> {
        (self.1)(candidate)
    }
}

impl Candidate<'_> {
    fn words(&self) -> &str {
        &self.text[self.start..self.end]
    }
    fn pass(&self, value: String) -> Option<Valid> {
        Some(Valid { start: self.start, end: self.end, value, confidence: 0.99 })
    }
    fn before(&self) -> Option<char> {
        self.text[..self.start].chars().next_back()
    }
    fn after(&self) -> Option<char> {
        self.text[self.end..].chars().next()
    }
    /// Lower-cased characters before the match, at most `n`.
    fn context(&self, n: usize) -> String {
        let tail: Vec<char> = self.text[..self.start].chars().rev().take(n).collect();
        tail.into_iter().rev().collect::<String>().to_lowercase()
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '_' | ' ' | '\u{2010}'..='\u{2015}')
}

/// Undoes defanging: bracketed dots, at signs and colons, their words, blanks between.
pub(super) fn refang(words: &str) -> String {
    if !words.bytes().any(|b| matches!(b, b'[' | b'(' | b'{' | b'\\' | b' ' | b']')) {
        return words.to_owned();
    }
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(c) = rest.chars().next() {
        let spelled = matches!(c, '[' | '(' | '{' | '\\' | ' ' | '.').then(|| spelling(rest)).flatten();
        match spelled {
            Some((length, to)) => {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str(to);
                rest = rest[length..].trim_start_matches(' ');
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// What a defanged spelling at the start of `text` stands for, and its length in bytes.
fn spelling(text: &str) -> Option<(usize, &'static str)> {
    const WORDS: [(&str, &str); 14] = [
        ("dot", "."),
        ("d0t", "."),
        ("точка", "."),
        ("点", "."),
        (".", "."),
        ("собака", "@"),
        ("at", "@"),
        ("et", "@"),
        ("arroba", "@"),
        ("@", "@"),
        ("://", "://"),
        ("//", "//"),
        (":", ":"),
        ("/", "/"),
    ];
    let starts = |text: &str, word: &str| {
        text.as_bytes().get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes()))
    };
    let open = text.chars().next()?;
    let close = match open {
        '[' => ']',
        '(' => ')',
        '{' => '}',
        '\\' => return text.starts_with("\\.").then_some((2, ".")),
        '.' => return (text.starts_with(".]") || text.starts_with(".)")).then_some((2, ".")),
        _ => {
            let bare = [(" dot ", "."), (" at ", "@"), (" . ", "."), (" @ ", "@")];
            return bare.into_iter().find(|(from, _)| starts(text, from)).map(|(from, to)| (from.len(), to));
        }
    };
    let inner = text[1..].trim_start_matches(' ');
    let (word, to) = WORDS.into_iter().find(|(word, _)| starts(inner, word))?;
    let tail = inner[word.len()..].trim_start_matches(' ');
    if let Some(rest) = tail.strip_prefix(close) {
        return Some((text.len() - rest.len(), to));
    }
    // `[.` that never closes.
    (open == '[' && word == "." && tail.len() == inner.len() - 1).then_some((2, "."))
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
        let context = c.context(16);
        let led = context.trim_end_matches([' ', ':', '=', '.', '№', '-', '#']);
        const VERSION: [&str; 19] = [
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
            "версия",
            "версии",
            "версию",
            "билд",
            "版本",
            "固件",
        ];
        // The last word in its own script: others stand glued to it.
        let ascii = led.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
        let other = led.rsplit(|c: char| !c.is_alphabetic() || c.is_ascii()).next().unwrap_or("");
        if VERSION.iter().any(|v| *v == ascii || (!v.is_ascii() && !other.is_empty() && other.ends_with(v))) {
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
    let address: Ipv4Addr = address.parse().ok()?;
    let bits: u8 = bits.parse().ok().filter(|&b| b <= 32)?;
    c.pass(format!("{address}/{bits}"))
}

fn ipv6(c: &Candidate<'_>) -> Option<Valid> {
    let inside = |n: Option<char>| n.is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, ':' | '_'));
    let words = c.words();
    if inside(c.before()) || c.after().is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, ':' | '_')) {
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
    {
        return None;
    }
    let lower = value.to_lowercase();
    let ascii = if lower.is_ascii() { lower } else { idna::domain_to_ascii(&lower).ok()? };
    let suffix = psl::suffix(ascii.as_bytes());
    let reserved = ["example", "onion", "i2p", "test"];
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
    if glued(c.before())
        || c.after().is_some_and(|n| n.is_ascii_alphanumeric() || matches!(n, '@' | '_' | '('))
    {
        return None;
    }
    let words = c.words().trim_end_matches(['.', '-']);
    let (start, end) = (c.start, c.start + words.len());
    let value = refang(words);
    let defanged = value != words;
    // Blanks around a written-out dot are only believed between what looks like one host.
    if words.contains(' ') && (value.matches('.').count() > 3 || value.contains(' ')) {
        return None;
    }
    let value = host_before(&value, defanged, &c.text[c.end..])?;
    Some(Valid { start, end, value, confidence: if defanged { 0.99 } else { 0.95 } })
}

/// Endings of files that carry or hold something.
const ENDINGS: [&str; 44] = [
    "exe", "dll", "sys", "scr", "bat", "cmd", "ps1", "vbs", "vbe", "jse", "wsf", "hta", "msi", "lnk", "iso",
    "img", "jar", "apk", "elf", "bin", "dat", "tmp", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt",
    "pptx", "pdf", "rtf", "zip", "rar", "7z", "tar", "php", "asp", "aspx", "jsp", "py", "sh", "sql", "txt",
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
    let value = refang(c.words());
    let (user, name) = value.split_once('@')?;
    let defanged = value != c.words();
    // " at " is an English word: believed after a word that asks for an address, or where the name is no plain word.
    let words = c.words();
    let bare = words.find(" at ").is_some_and(|at| !words[..at].ends_with(['[', '(', '{']));
    let spelled = ["[dot]", "(dot)", "[ dot ]", "( dot )", "{dot}"].iter().any(|d| words.contains(d));
    if bare && !spelled && user.chars().all(|c| c.is_ascii_alphabetic()) {
        let context = c.context(24);
        if !["mail", "contact", "write", "reach", "почт", "пиши", "邮箱"].iter().any(|w| context.contains(w))
        {
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

fn url(c: &Candidate<'_>) -> Option<Valid> {
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
    let lower = value.to_lowercase();
    let (scheme, rest) = match value.find("://").or_else(|| value.find(":\\\\")).or_else(|| value.find("__"))
    {
        Some(at) if at < 8 => {
            let scheme = match lower[..at].trim_end().as_bytes() {
                [b'h' | b't' | b'x' | b'm', .., b's'] if !lower.starts_with("tls") => "https",
                [b'h' | b'x' | b'm', ..] => "http",
                [b't', b't', ..] => "http",
                [b'f', .., b's'] => "ftps",
                [b'f', ..] => "ftp",
                _ => lower[..at].trim_end(),
            };
            let skip = if value[at..].starts_with("__") { 2 } else { 3 };
            (Some(scheme.to_owned()), value[at + skip..].trim_start_matches([' ', '/']))
        }
        _ => (None, value.as_str()),
    };
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
    } else if name == "localhost" {
        return None;
    } else {
        host(name, true)?
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

/// Digests: letters and digits mixed, several different characters, and no talk of commits before it.
fn digest(c: &Candidate<'_>) -> Option<Valid> {
    let value = c.words().to_lowercase();
    let distinct = value.bytes().collect::<std::collections::BTreeSet<_>>().len();
    let letters = value.bytes().any(|b| b.is_ascii_alphabetic());
    let context = c.context(20);
    let code = value.len() == 40
        && ["commit", "revision", "git ", "rev ", "коммит", "提交"].iter().any(|w| context.contains(w));
    (distinct >= 6 && letters && !code).then(|| c.pass(value))?
}

fn base58check(c: &Candidate<'_>, versions: &[u8]) -> Option<Valid> {
    let bytes = bs58::decode(c.words()).with_check(None).into_vec().ok()?;
    (bytes.len() == 21 && versions.contains(&bytes[0])).then(|| c.pass(c.words().to_owned()))?
}

fn bech32_address(c: &Candidate<'_>) -> Option<Valid> {
    bech32::segwit::decode(c.words()).ok()?;
    c.pass(c.words().to_lowercase())
}

/// Ethereum: EIP-55 says the case of each letter; all lower or all upper carries no checksum.
fn eth(c: &Candidate<'_>) -> Option<Valid> {
    let hex = &c.words()[2..];
    let lower = hex.to_lowercase();
    let hash = Keccak256::digest(lower.as_bytes());
    let checked: String = lower
        .chars()
        .enumerate()
        .map(|(i, ch)| {
            let nibble = if i % 2 == 0 { hash[i / 2] >> 4 } else { hash[i / 2] & 15 };
            if nibble >= 8 { ch.to_ascii_uppercase() } else { ch }
        })
        .collect();
    let mixed = hex.chars().any(|c| c.is_ascii_lowercase()) && hex.chars().any(|c| c.is_ascii_uppercase());
    (!mixed || hex == checked).then(|| c.pass(format!("0x{checked}")))?
}

/// Monero: base58 in blocks of 11 characters for 8 bytes, Keccak-256 checksum of four bytes.
fn xmr(c: &Candidate<'_>) -> Option<Valid> {
    let mut bytes = Vec::with_capacity(69);
    for block in c.words().as_bytes().chunks(11) {
        let size = match block.len() {
            11 => 8,
            7 => 5,
            _ => return None,
        };
        let mut n: u128 = 0;
        for &b in block {
            let digit =
                b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".iter().position(|&a| a == b)?;
            n = n * 58 + digit as u128;
        }
        if n >> (8 * size) != 0 {
            return None;
        }
        bytes.extend_from_slice(&n.to_be_bytes()[16 - size..]);
    }
    let (body, sum) = bytes.split_at(bytes.len().checked_sub(4)?);
    (bytes.len() == 69 && Keccak256::digest(body)[..4] == *sum).then(|| c.pass(c.words().to_owned()))?
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

fn card(c: &Candidate<'_>) -> Option<Valid> {
    let digits: String = c.words().chars().filter(char::is_ascii_digit).collect();
    let n = digits.len();
    let head = |k: usize| digits[..k].parse::<u32>().unwrap_or(0);
    let issuer = match n {
        13 | 16 | 19 if head(1) == 4 => true,
        16 => {
            (51..=55).contains(&head(2))
                || (2221..=2720).contains(&head(4))
                || head(4) == 6011
                || head(2) == 65
                || (3528..=3589).contains(&head(4))
                || (2200..=2204).contains(&head(4))
                || head(2) == 62
        }
        15 => matches!(head(2), 34 | 37),
        17..=19 => head(2) == 62 || matches!(head(2), 50 | 56..=58 | 63 | 67),
        _ => false,
    };
    let luhn = digits.bytes().rev().enumerate().fold(0u32, |sum, (i, b)| {
        let d = u32::from(b - b'0') * if i % 2 == 1 { 2 } else { 1 };
        sum + d / 10 + d % 10
    });
    (issuer && luhn.is_multiple_of(10) && digits.bytes().any(|b| b != digits.as_bytes()[0]))
        .then(|| c.pass(mask_card(&digits)))?
}

fn iban(c: &Candidate<'_>) -> Option<Valid> {
    let value: String = c.words().chars().filter(|c| !c.is_whitespace()).collect();
    if !(15..=34).contains(&value.len()) {
        return None;
    }
    let rest = value[4..].bytes().chain(value[..4].bytes()).try_fold(0u64, |rest, b| match b {
        b'0'..=b'9' => Some((rest * 10 + u64::from(b - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u64::from(b - b'A') + 10) % 97),
        _ => None,
    });
    (rest == Some(1)).then(|| c.pass(value))?
}

/// Amounts: the number in full, the currency as its ISO 4217 code (or the coin's ticker).
fn price(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words().trim();
    if c.before().is_some_and(|b| b.is_ascii_alphanumeric() || b == '.' || b == ',') {
        return None;
    }
    let lower = words.to_lowercase();
    const CODES: [(&str, &[&str]); 10] = [
        ("USDT", &["usdt"]),
        ("USD", &["$", "usd", "бакс", "доллар", "美金", "美元", "刀"]),
        ("EUR", &["€", "eur", "евро", "欧元"]),
        ("RUB", &["₽", "руб", "rub", "卢布"]),
        ("GBP", &["£", "gbp"]),
        ("CNY", &["¥", "￥", "元", "块", "rmb", "cny"]),
        ("XMR", &["xmr"]),
        ("BTC", &["btc"]),
        ("ETH", &["eth"]),
        ("LTC", &["ltc"]),
    ];
    let (code, _) = CODES.iter().find(|(_, words)| words.iter().any(|w| lower.contains(w)))?;
    let number: String = lower.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let number = number.trim_end_matches(['.', ',']);
    // A separator with three digits behind it groups thousands; another one starts the fraction.
    let last = number.rfind(['.', ',']);
    let plain = match last {
        Some(at) if number.len() - at - 1 != 3 || number.starts_with("0") => {
            format!("{}.{}", number[..at].replace(['.', ','], ""), &number[at + 1..])
        }
        _ => number.replace(['.', ','], ""),
    };
    let mut amount: f64 = plain.parse().ok()?;
    let unit = |c: &char| matches!(c, 'k' | 'к' | '万');
    let after_digits = lower.trim_start_matches(|c: char| !c.is_ascii_digit());
    let tail = after_digits.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' '));
    if let Some(sign) = tail.chars().next().filter(unit) {
        amount *= if sign == '万' { 10_000.0 } else { 1000.0 };
    }
    if amount <= 0.0 {
        return None;
    }
    let shown = if amount.fract() == 0.0 { format!("{amount:.0}") } else { format!("{amount}") };
    Some(Valid {
        start: c.start,
        end: c.start + c.words().trim_end().len(),
        value: format!("{shown} {code}"),
        confidence: 0.95,
    })
}
