//! Addresses, host names, mail addresses and locations, read by hand: four of five indicators are of these kinds, and
//! the dots, at signs and colons that announce them stand everywhere in prose.
//!
//! A scan calls [`at_dot`] and [`at_colon`] where such a sign stands between what could be parts of a name. They
//! find the longest stretch that is written like a name, with its defanged spellings, and say which kind it is; a
//! validator then decides (public suffix, ranges, words around).

use std::ops::Range;

/// What a stretch is written like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Four numbers.
    Ipv4,
    /// Four numbers, a slash and a length.
    Cidr,
    /// Labels under a top-level domain.
    Domain,
    /// Labels under `onion`.
    Onion,
    /// A name, an at sign and labels.
    Email,
    /// A scheme, or `www` and a path.
    Url,
}

impl Form {
    /// Number of forms.
    pub(super) const COUNT: usize = 6;
    /// All forms, each at its own number.
    pub(super) const ALL: [Form; Form::COUNT] =
        [Form::Ipv4, Form::Cidr, Form::Domain, Form::Onion, Form::Email, Form::Url];
}

/// Labels beyond this number are no host name: RFC 1035 allows 127, hostile input more.
const LABELS: usize = 64;
/// Longest local part of a mail address (RFC 5321, section 4.5.3.1.1).
const LOCAL: usize = 64;

/// Words for a dot in brackets.
const DOTS: [&str; 9] = [".", "dot", "точка", "点", "d0t", "punto", "punkt", "ponto", "point"];
/// Words for a dot that stand between blanks.
pub(super) const SPOKEN_DOTS: [&str; 2] = [" dot ", " точка "];
/// Top-level domains that are believed behind brackets that do not match.
const COMMON: [&str; 9] = ["com", "net", "org", "ru", "info", "biz", "onion", "cn", "tld"];
/// Most brackets, blanks and backslashes on one side of a spelling.
const BRACKETS: usize = 16;

/// Length of the spelling of a dot at `i`, and whether it is a defanged one; `None` when there is none.
pub(super) fn dot(b: &[u8], i: usize) -> Option<(usize, bool)> {
    match *b.get(i)? {
        b'.' => match b.get(i + 1) {
            Some(b']' | b')' | b'}') if word(b, i + 2) => Some((2, true)),
            Some(b'[' | b'{') if common(b, i + 2) => Some((2, true)),
            _ => Some((1, false)),
        },
        b'\\' => {
            let n = b[i..].iter().take(BRACKETS).take_while(|c| **c == b'\\').count();
            match b.get(i + n)? {
                b'.' => Some((n + 1, true)),
                b'[' | b'(' | b'{' => bracketed(b, i + n, &DOTS).map(|(m, d)| (m + n, d)),
                _ => None,
            }
        }
        b'[' | b'(' | b'{' => bracketed(b, i, &DOTS).or_else(|| unclosed(b, i)),
        // `foo].com`, `foo].]com`, also `}`: the opening half was lost.
        b']' | b'}' if b.get(i + 1) == Some(&b'.') => {
            let n = if matches!(b.get(i + 2), Some(b']' | b'}')) { 3 } else { 2 };
            let start =
                b[..i].iter().rposition(|c| !c.is_ascii_alphanumeric() && *c != b'-').map_or(0, |s| s + 1);
            let opened =
                start > 0 && matches!(b[start - 1], b'[' | b'{') && !b[start..i].eq_ignore_ascii_case(b"www");
            (i >= start + 3 && !opened && (common(b, i + n) || b[start..i].eq_ignore_ascii_case(b"www")))
                .then_some((n, true))
        }
        b' ' => {
            let rest = &b[i..];
            let spoken =
                |w: &&&str| rest.get(..w.len()).is_some_and(|r| r.eq_ignore_ascii_case(w.as_bytes()));
            if let Some(said) = SPOKEN_DOTS.iter().find(spoken) {
                return Some((said.len(), true));
            }
            let blanks = rest.iter().take(4).take_while(|c| **c == b' ').count();
            match rest.get(blanks)? {
                b'[' | b'(' | b'{' => bracketed(b, i + blanks, &DOTS)
                    .or_else(|| (rest[blanks] == b'[').then(|| unclosed(b, i + blanks)).flatten())
                    .map(|(n, d)| (n + blanks, d)),
                // Blanks on both sides of a dot between digits or small letters.
                b'.' if blanks == 1 && rest.get(2) == Some(&b' ') && word(b, i + 3) => Some((3, true)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An opening bracket and a dot that nothing closes: `foo[.com`, `foo[.[com`, and with blanks behind `[   .com`.
fn unclosed(b: &[u8], i: usize) -> Option<(usize, bool)> {
    let (at, _) = brackets(b, i, b"[({");
    if b.get(at) != Some(&b'.') || (b[i] != b'[' && at > i + 1) {
        return None;
    }
    if word(b, at + 1) && (b[i] == b'[' || common(b, at + 1)) {
        return Some((at + 1 - i, true));
    }
    (matches!(b.get(at + 1), Some(b'[' | b'{')) && common(b, at + 2)).then_some((at + 2 - i, true))
}

/// Whether a word of [`COMMON`] stands at `i`.
fn common(b: &[u8], i: usize) -> bool {
    let end = b.len().min(i + 8);
    let n = b.get(i..end).map_or(0, |w| w.iter().take_while(|c| c.is_ascii_alphanumeric()).count());
    n > 0 && COMMON.iter().any(|t| b[i..i + n].eq_ignore_ascii_case(t.as_bytes()))
}

/// Skips brackets of `kind` with the blanks and backslashes between and behind them; returns where they end and how
/// many brackets there are.
fn brackets(b: &[u8], i: usize, kind: &[u8]) -> (usize, usize) {
    let (mut at, mut count) = (i, 0);
    while at < i + BRACKETS && b.get(at).is_some_and(|c| kind.contains(c) || matches!(c, b' ' | b'\\')) {
        count += usize::from(kind.contains(&b[at]));
        at += 1;
    }
    (at, count)
}

/// A word in brackets at `i`, of any kind and number, blanks inside and behind allowed.
fn bracketed(b: &[u8], i: usize, words: &[&str]) -> Option<(usize, bool)> {
    let (at, opened) = brackets(b, i, b"[({");
    let inner = words
        .iter()
        .find(|w| b.len() >= at + w.len() && b[at..at + w.len()].eq_ignore_ascii_case(w.as_bytes()))?;
    let from = at + inner.len();
    let (mut end, closed) = brackets(b, from, b"])}");
    if opened == 0 || closed == 0 {
        return None;
    }
    // Blanks behind belong to the spelling only when a word follows.
    while !word(b, end) && b[end - 1] == b' ' {
        end -= 1;
    }
    Some((end - i, true))
}

/// Words for an at sign in brackets.
const ATS: [&str; 7] = ["@", "at", "et", "собака", "собачка", "а", "arroba"];

/// Spelling of an at sign.
#[derive(Clone, Copy)]
pub(super) struct AtSign {
    /// Length in bytes.
    pub length: usize,
    /// The English word without brackets, in small letters: it needs other signs that an address is meant.
    pub spoken: bool,
}

/// The spelling of an at sign at `i`.
pub(super) fn at_sign(b: &[u8], i: usize) -> Option<AtSign> {
    let sign = |length| Some(AtSign { length, spoken: false });
    match *b.get(i)? {
        b'@' => sign(if b.get(i + 1) == Some(&b' ') && word(b, i + 2) { 2 } else { 1 }),
        b'[' | b'(' | b'{' => bracketed(b, i, &ATS).and_then(|(n, _)| sign(n)),
        b' ' => {
            let rest = &b[i..];
            let blanks = rest.iter().take(4).take_while(|c| **c == b' ').count();
            let tail = &rest[blanks..];
            if tail.len() > 3 && tail[..2].eq_ignore_ascii_case(b"at") && tail[2] == b' ' {
                let behind = tail[2..].iter().take(4).take_while(|c| **c == b' ').count();
                // `name AT host` is a spelling, `LOOK AT host` a sentence.
                let before = b[..i].iter().rev().take_while(|c| !c.is_ascii_whitespace());
                let shouted = !before.clone().any(u8::is_ascii_lowercase) || before.count() == 0;
                let spoken = &tail[..2] != b"AT" || shouted;
                return Some(AtSign { length: blanks + 2 + behind, spoken });
            }
            let dog = "собака ".as_bytes();
            if tail.starts_with(dog) {
                return sign(blanks + dog.len());
            }
            match tail.first()? {
                b'[' | b'(' | b'{' => bracketed(b, i + blanks, &ATS).and_then(|(n, _)| sign(n + blanks)),
                // Blanks on both sides; a blank before alone begins a handle.
                b'@' if tail.get(1) == Some(&b' ') && word(b, i + blanks + 2) => sign(blanks + 2),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Start of the spelling of an at sign that ends before `end`, and the spelling.
fn at_sign_before(b: &[u8], end: usize, floor: usize) -> Option<(usize, AtSign)> {
    if end > floor && b[end - 1] == b'@' {
        return Some((end - 1, AtSign { length: 1, spoken: false }));
    }
    if end == floor || !matches!(b[end - 1], b' ' | b']' | b')' | b'}') {
        return None;
    }
    (floor.max(end.saturating_sub(2 * BRACKETS + 16))..end).find_map(|i| {
        let sign = matches!(b[i], b' ' | b'[' | b'(' | b'{' | b'@').then(|| at_sign(b, i)).flatten()?;
        (i + sign.length == end).then_some((i, sign))
    })
}

fn word(b: &[u8], i: usize) -> bool {
    b.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || *c >= 0x80)
}

/// What a label can be made of. Words of other scripts stand glued to host names without a blank, so that a label ends
/// where the script changes, but for two cases: Latin letters with marks, and a few look-alikes inside a Latin label
/// (`gооgle` with Cyrillic letters), which are the point of a homograph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Kin,
    Other,
}

/// Script and length in bytes of the label character at `i`.
fn label_char(text: &str, i: usize) -> Option<(Script, usize)> {
    match *text.as_bytes().get(i)? {
        c if c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_') => Some((Script::Latin, 1)),
        0x80.. => {
            let c = text[i..].chars().next().filter(|c| c.is_alphanumeric())?;
            let script = match u32::from(c) {
                // Latin with marks, Vietnamese, ligatures.
                0..0x250 | 0x1e00..0x1f00 | 0xfb00..0xfb07 => Script::Latin,
                0x250..0x530 => Script::Kin,
                _ => Script::Other,
            };
            Some((script, c.len_utf8()))
        }
        _ => None,
    }
}

/// The same for the character that ends at `i`.
fn label_char_before(text: &str, i: usize, floor: usize) -> Option<(Script, usize)> {
    let mut start = i.checked_sub(1).filter(|s| *s >= floor)?;
    while start > floor && !text.is_char_boundary(start) {
        start -= 1;
    }
    label_char(text, start).filter(|(_, n)| start + n == i)
}

/// Letters that look like a Latin one, for which a label may be read on at its start.
fn twin(letter: &str) -> bool {
    letter.chars().all(|c| "аеорсхуіјѕһԁԛԝαοντρυχАВЕКМНОРСТХ".contains(c))
}

/// Letters of another script that a Latin label may hold in a row.
const LOOKALIKES: usize = 3;

fn label_end(text: &str, from: usize) -> usize {
    let Some((mut script, n)) = label_char(text, from) else { return from };
    let mut i = from + n;
    // `аpple` with a Cyrillic first letter.
    if script == Script::Kin
        && twin(&text[from..i])
        && matches!(label_char(text, i), Some((Script::Latin, 1)))
    {
        script = Script::Latin;
    }
    // A label has at most 63 characters.
    while i - from < 252 {
        match label_char(text, i) {
            None if hyphen(text.as_bytes(), i) => i += 3,
            Some((s, n)) if s == script || digit(text, i) => i += n,
            Some((Script::Kin, _)) if script == Script::Latin => {
                let (mut at, mut count) = (i, 0);
                while let Some((Script::Kin, n)) = label_char(text, at) {
                    at += n;
                    count += 1;
                }
                if count > LOOKALIKES || !matches!(label_char(text, at), Some((Script::Latin, _))) {
                    return i;
                }
                i = at;
            }
            _ => return i,
        }
    }
    i
}

/// A hyphen in brackets between letters.
pub(super) fn hyphen(b: &[u8], i: usize) -> bool {
    b[i..].starts_with(b"[-]") && i > 0 && b[i - 1].is_ascii_alphanumeric() && word(b, i + 3)
}

fn digit(text: &str, i: usize) -> bool {
    text.as_bytes().get(i).is_some_and(|c| c.is_ascii_digit() || *c == b'-')
}

/// Start of the label that ends before `end`, not before `floor`.
fn label_start(text: &str, end: usize, floor: usize) -> usize {
    let Some((script, n)) = label_char_before(text, end, floor) else { return end };
    let mut i = end - n;
    while end - i < 252 {
        match label_char_before(text, i, floor) {
            None if i >= floor + 3 && hyphen(text.as_bytes(), i - 3) => i -= 3,
            Some((s, n)) if s == script || digit(text, i - n) => i -= n,
            Some((Script::Kin, _)) if script == Script::Latin => {
                let (mut at, mut count) = (i, 0);
                while let Some((Script::Kin, n)) = label_char_before(text, at, floor) {
                    at -= n;
                    count += 1;
                }
                let latin = matches!(label_char_before(text, at, floor), Some((Script::Latin, _)));
                // One look-alike may also begin the label.
                if count > LOOKALIKES
                    || !(latin
                        || count == 1 && twin(&text[at..i]) && label_char_before(text, at, floor).is_none())
                {
                    return i;
                }
                i = at;
            }
            _ => return i,
        }
    }
    i
}

/// Labels with dots between them from `start`: where they end, how many, whether all are short numbers.
struct Labels {
    end: usize,
    count: usize,
    numbers: bool,
    /// A dot is spelled in another way.
    defanged: bool,
    /// And not just with blanks around it.
    bracketed: bool,
    last: Range<usize>,
}

fn labels(text: &str, start: usize) -> Labels {
    let b = text.as_bytes();
    let mut found =
        Labels { end: start, count: 0, numbers: true, defanged: false, bracketed: false, last: start..start };
    let mut at = start;
    let mut spaced = false;
    loop {
        let end = label_end(text, at);
        if end == at {
            return found;
        }
        let part = &b[at..end];
        let number = part.len() <= 3 && part.iter().all(u8::is_ascii_digit);
        // Blanks around a plain dot join numbers, or what is written small like a host; never sentences.
        if spaced
            && !(number && found.numbers)
            && !part.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        {
            return found;
        }
        found.numbers &= number;
        found.end = end;
        found.last = at..end;
        found.count += 1;
        let Some((n, defanged)) = dot(b, end) else { return found };
        if found.count == LABELS {
            return found;
        }
        found.defanged |= defanged && label_char(text, end + n).is_some();
        spaced = b[end] == b' ' && b.get(end + 1) == Some(&b'.');
        // Who brackets dots does not write others between blanks.
        if spaced && found.bracketed {
            return found;
        }
        found.bracketed |= defanged && !spaced;
        at = end + n;
    }
}

/// Reads around the spelling of a dot that starts at `i`; nothing before `floor` is looked at. Returns the stretch
/// and its form, or where to go on.
pub(super) fn at_dot(text: &str, i: usize, floor: usize) -> Result<(Range<usize>, Form), usize> {
    let b = text.as_bytes();
    let Some((n, defanged)) = dot(b, i) else { return Err(i + 1) };
    if !(word(b, i + n) || b.get(i + n) == Some(&b'_')) || i == floor {
        return Err(i + n);
    }
    // Blanks and backslashes before the bracket belong to the dot, and the half that was lost before a dot.
    let mut left = i;
    if defanged && b[i] != b' ' {
        while left > floor && i - left < 4 && matches!(b[left - 1], b' ' | b'\\') {
            left -= 1;
        }
    }
    if left > floor && matches!(b[left - 1], b']' | b'}') && dot(b, left - 1).is_some() {
        left -= 1;
    }
    let start = label_start(text, left, floor);
    if start == left {
        return Err(i + n);
    }
    let found = labels(text, start);
    if found.count < 2 {
        return Err(i + n);
    }
    // `first.last@host.example`: these were no host.
    if let Some(sign) = at_sign(b, found.end) {
        let host = labels(text, found.end + sign.length);
        // "at" is an English word: believed only where the dots are spelled out as well.
        if host.count > 1 && (!sign.spoken || host.defanged) {
            return Ok((local_start(b, found.end)..host.end, Form::Email));
        }
    }
    if let Some((at, sign)) = at_sign_before(b, start, floor) {
        let mut local = local_start(b, at);
        // `name @host[.]example`: a blank before the sign is believed where a dot is spelled out.
        if local == at && at > floor && b[at - 1] == b' ' && found.defanged {
            local = local_start(b, at - 1);
            if local == at - 1 {
                local = at;
            }
        }
        // `name@host . example` is the end of a sentence more often.
        let sentence = found.defanged && !found.bracketed && b[at] == b'@' && !b[at..].starts_with(b"@ ");
        if local < at && !sentence && (!sign.spoken || found.defanged) {
            return Ok((local..found.end, Form::Email));
        }
    }
    Ok(plain(text, start, &found))
}

/// Reads the labels at `start` as host or address, whatever stands before them.
pub(super) fn at_label(text: &str, start: usize) -> Option<(Range<usize>, Form)> {
    let found = labels(text, start);
    (found.count > 1).then(|| plain(text, start, &found))
}

fn plain(text: &str, start: usize, found: &Labels) -> (Range<usize>, Form) {
    let b = text.as_bytes();
    if found.numbers && found.count == 4 {
        let slash = b.get(found.end) == Some(&b'/') || b[found.end..].starts_with(b"[/]");
        if slash {
            let skip = if b[found.end] == b'/' { 1 } else { 3 };
            let bits = found.end + skip;
            let digits = b[bits..].iter().take_while(|c| c.is_ascii_digit()).count();
            if (1..=2).contains(&digits)
                && !b.get(bits + digits).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'/')
            {
                return (start..bits + digits, Form::Cidr);
            }
        }
        return (start..found.end, Form::Ipv4);
    }
    let first = &b[start..label_end(text, start)];
    // `http__host`: the colon and slashes were rubbed out.
    if let Some(at) = first.windows(2).position(|w| w == b"__")
        && scheme_word(&first[..at])
    {
        let host = labels(text, start + at + 2);
        return (start..location_end(text, host.end), Form::Url);
    }
    if first.eq_ignore_ascii_case(b"www") && found.count > 2 && matches!(b.get(found.end), Some(b'/' | b'?'))
    {
        return (start..location_end(text, found.end), Form::Url);
    }
    if b[found.last.clone()].eq_ignore_ascii_case(b"onion") {
        return (start..found.end, Form::Onion);
    }
    // `https//host`: the colon was rubbed out.
    let slashes = b[..start].trim_ascii_end();
    if slashes.ends_with(b"//") && start - slashes.len() < 2 {
        let before = &slashes[..slashes.len() - 2];
        let word =
            before.iter().rev().take(7).take_while(|c| c.is_ascii_alphanumeric() || **c == b'*').count();
        let scheme = before.len() - word;
        if word > 2 && scheme_word(&before[scheme..]) {
            return (scheme..location_end(text, port_end(b, found.end)), Form::Url);
        }
    }
    // A path behind a host makes it a location; a port alone does not.
    let path = port_end(b, found.end);
    let slash = if b[path..].starts_with(b"[/]") || b[path..].starts_with(b"(/)") { 3 } else { 1 };
    if b.get(path) == Some(&b'/') || slash == 3 {
        let next = b.get(path + slash);
        let goes_on =
            next.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'~' | b'%' | b'.' | b'-'));
        if goes_on || found.bracketed {
            return (start..location_end(text, path), Form::Url);
        }
    }
    (start..found.end, Form::Domain)
}

/// End of a port that stands at `i`, else `i`.
fn port_end(b: &[u8], i: usize) -> usize {
    let colon = match b.get(i) {
        Some(b':') => 1,
        Some(b'[' | b'(') if b.get(i + 1) == Some(&b':') && matches!(b.get(i + 2), Some(b']' | b')')) => 3,
        _ => return i,
    };
    let digits = b[(i + colon).min(b.len())..].iter().take(6).take_while(|c| c.is_ascii_digit()).count();
    if (1..=5).contains(&digits) { i + colon + digits } else { i }
}

/// Start of the local part that ends at `end`. What was read as a host before may be its beginning: `my.u+x@host`.
fn local_start(b: &[u8], end: usize) -> usize {
    let mut i = end;
    while i > 0 && end - i < LOCAL {
        if b[i - 1].is_ascii_alphanumeric() || matches!(b[i - 1], b'.' | b'_' | b'%' | b'+' | b'-') {
            i -= 1;
        } else if matches!(b[i - 1], b']' | b')' | b'}')
            && let Some(s) = (i.saturating_sub(7)..i - 1).find(|&s| {
                s > 0
                    && b[s - 1].is_ascii_alphanumeric()
                    && matches!(b[s], b'[' | b'(' | b'{')
                    && bracketed(b, s, &DOTS).is_some_and(|(n, _)| s + n == i)
            })
        {
            // `first[.]last`
            i = s;
        } else {
            break;
        }
    }
    while i < end && matches!(b[i], b'.' | b'-' | b'+' | b'%') {
        i += 1;
    }
    i
}

/// Schemes, with the letters that people change in them.
fn scheme_word(word: &[u8]) -> bool {
    let lower = word.to_ascii_lowercase();
    let inner = lower.strip_suffix(b"s").unwrap_or(&lower);
    // `hzzzp`, `h--p`, `httpA`: people change what stands between, or add a letter.
    if lower.starts_with(b"http") || lower.starts_with(b"hxxp") {
        return lower.len() <= 7;
    }
    if (4..6).contains(&inner.len()) && inner[0] == b'h' && inner.ends_with(b"p") && inner != b"help" {
        return true;
    }
    matches!(
        lower.as_slice(),
        b"http"
            | b"https"
            | b"hxxp"
            | b"hxxps"
            | b"h**p"
            | b"h**ps"
            | b"htxp"
            | b"htxps"
            | b"hxtp"
            | b"hxtps"
            | b"hxxx"
            | b"hxxxs"
            | b"hhttp"
            | b"ttp"
            | b"ttps"
            | b"httpx"
            | b"meow"
            | b"meows"
            | b"xxxx"
            | b"xxxxs"
            | b"telnet"
            | b"fxp"
            | b"fxps"
            | b"ftp"
            | b"ftps"
            | b"sftp"
            | b"sfxp"
            | b"file"
            | b"f*p"
            | b"h..p"
            | b"h__p"
            | b"h__ps"
            | b"hppt"
            | b"socks4"
            | b"socks5"
            | b"ws"
            | b"wss"
            | b"tcp"
            | b"udp"
            | b"ssh"
            | b"smb"
            | b"ldap"
            | b"ldaps"
            | b"rdp"
            | b"rtsp"
            | b"tls"
            | b"irc"
            | b"ircs"
            | b"magnet"
    )
}

/// Reads a location around the colon at `i`. Returns where it stands, or `None`.
pub(super) fn at_colon(text: &str, i: usize, floor: usize) -> Option<Range<usize>> {
    let b = text.as_bytes();
    // The sign with its brackets, and where the host begins.
    let mut left = i;
    if left > floor && matches!(b[left - 1], b'[' | b'(' | b']' | b'!') {
        left -= 1;
    }
    let enclosed = left < i && b[left] == b']';
    let mut at = i + 1;
    if left < i && matches!(b[left], b'[' | b'(') && matches!(b.get(at), Some(b']' | b')')) {
        at += 1;
    }
    while b.get(at) == Some(&b' ') && at < i + 3 {
        at += 1;
    }
    let mut slashes = 0;
    while let Some(c) = b.get(at) {
        match c {
            b'/' | b'\\' => slashes += 1,
            b'[' | b']' | b'(' | b')' if slashes < 2 || matches!(c, b']' | b')') => {}
            _ => break,
        }
        at += 1;
        if at > i + 9 {
            return None;
        }
    }
    if slashes < 2 {
        return None;
    }
    if b.get(at) == Some(&b' ') && word(b, at + 1) {
        at += 1;
    }
    let mut start = left;
    while start > floor
        && left - start < 7
        && (b[start - 1].is_ascii_alphanumeric()
            || matches!(b[start - 1], b'*' | b'_')
            || b[start - 1] == b' ' && start == left)
    {
        start -= 1;
    }
    // Letters may be glued on: take the longest tail that is a scheme.
    let blank = b[start..left].iter().rev().take_while(|c| **c == b' ').count();
    let mut scheme = (start..left).find(|&s| scheme_word(&b[s..left - blank]))?;
    if enclosed {
        // `[https]://`
        scheme = scheme.checked_sub(1).filter(|&s| s >= floor && b[s] == b'[')?;
    }
    // Name and password before the host.
    let stop = b[at..]
        .iter()
        .position(|c| {
            !c.is_ascii_graphic() || matches!(c, b'/' | b'?' | b'#' | b'<' | b'>' | b'"' | b'`' | b'\\')
        })
        .map_or(b.len(), |n| at + n);
    let host = b[at..stop.min(at + 256)].iter().rposition(|c| *c == b'@').map_or(at, |n| at + n + 1);
    let mut end = if b.get(host) == Some(&b'[')
        && b.get(host + 1).is_some_and(|c| c.is_ascii_hexdigit() || *c == b':')
    {
        let close = b[host..].iter().take(48).position(|c| *c == b']')?;
        host + close + 1
    } else {
        let host_labels = labels(text, host);
        if host_labels.count == 0 {
            return None;
        }
        host_labels.end
    };
    end = port_end(b, end);
    Some(scheme..location_end(text, end))
}

/// End of path, query and fragment that begin at `i`.
fn location_end(text: &str, i: usize) -> usize {
    let b = text.as_bytes();
    if b[i..].starts_with(b"[/]") || b[i..].starts_with(b"(/)") {
        return location_rest(text, i + 3);
    }
    if !matches!(b.get(i), Some(b'/' | b'?' | b'#')) { i } else { location_rest(text, i + 1) }
}

fn location_rest(text: &str, mut i: usize) -> usize {
    let b = text.as_bytes();
    let from = i;
    // What the location is enclosed in ends it; the host before it has no blank.
    let start = b[..from].iter().rev().take(256).take_while(|c| c.is_ascii_graphic() && **c != b'\'').count();
    let quoted = from > start && b[from - start - 1] == b'\'';
    let enclosed = b[from - start..from].contains(&b'(');
    let goes_on =
        |i: usize| b.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'%' | b'/'));
    let mut open = 0usize;
    while let Some(&c) = b.get(i) {
        match c {
            // A quote inside of a word of the path, but for a genitive.
            b'\'' if !quoted && goes_on(i + 1) && goes_on(i + 2) => i += 1,
            b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'\'' | 0..=b' ' | 0x7f => {
                match dot(b, i).filter(|_| matches!(c, b'\\' | b'{')) {
                    Some((n, true)) if goes_on(i + n) => i += n,
                    _ => break,
                }
            }
            b'[' => match dot(b, i).or_else(|| bracketed(b, i, &[":", "/"])) {
                Some((n, _)) => i += n,
                None => break,
            },
            b']' => break,
            b'(' => {
                open += 1;
                i += 1;
            }
            b')' => {
                if open == 0 && (enclosed || !goes_on(i + 1)) {
                    break;
                }
                open = open.saturating_sub(1);
                i += 1;
            }
            0x80.. => {
                let Some(c) = text[i..].chars().next() else { break };
                // Latin letters with marks occur in paths; other scripts are the sentence going on.
                if !(c.is_alphabetic() && u32::from(c) < 0x250) {
                    break;
                }
                i += c.len_utf8();
            }
            _ => i += 1,
        }
    }
    i
}
