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

/// Length of the spelling of a dot at `i`, and whether it is a defanged one; `None` when there is none.
fn dot(b: &[u8], i: usize) -> Option<(usize, bool)> {
    match *b.get(i)? {
        b'.' => match b.get(i + 1) {
            Some(b']' | b')') if word(b, i + 2) => Some((2, true)),
            _ => Some((1, false)),
        },
        b'\\' if b.get(i + 1) == Some(&b'.') => Some((2, true)),
        b'[' | b'(' | b'{' => bracketed(b, i, &[".", "dot", "точка", "点", "d0t"]).or_else(|| {
            // `[.` that never closes.
            (b[i] == b'[' && b.get(i + 1) == Some(&b'.') && word(b, i + 2)).then_some((2, true))
        }),
        b' ' => {
            let rest = &b[i + 1..];
            if rest.len() > 4 && rest[..3].eq_ignore_ascii_case(b"dot") && rest[3] == b' ' {
                return Some((5, true));
            }
            let blanks = rest.iter().take(2).take_while(|c| **c == b' ').count();
            match rest.get(blanks)? {
                b'[' | b'(' | b'{' => bracketed(b, i + 1 + blanks, &[".", "dot", "точка", "点", "d0t"])
                    .map(|(n, d)| (n + 1 + blanks, d)),
                // Blanks on both sides of a dot between digits or small letters.
                b'.' if blanks == 0 && rest.get(1) == Some(&b' ') && word(b, i + 3) => Some((3, true)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A word in brackets at `i`, blanks inside and one behind allowed.
fn bracketed(b: &[u8], i: usize, words: &[&str]) -> Option<(usize, bool)> {
    let close = match b[i] {
        b'[' => b']',
        b'(' => b')',
        _ => b'}',
    };
    let mut at = i + 1;
    while b.get(at) == Some(&b' ') && at < i + 4 {
        at += 1;
    }
    let inner = words
        .iter()
        .find(|w| b.len() >= at + w.len() && b[at..at + w.len()].eq_ignore_ascii_case(w.as_bytes()))?;
    at += inner.len();
    while b.get(at) == Some(&b' ') && at < i + 20 {
        at += 1;
    }
    if b.get(at) != Some(&close) {
        return None;
    }
    at += 1;
    let blanks = b[at..].iter().take(3).take_while(|c| **c == b' ').count();
    if word(b, at + blanks) {
        at += blanks;
    }
    Some((at - i, true))
}

/// Words for an at sign in brackets.
const ATS: [&str; 6] = ["@", "at", "et", "собака", "а", "arroba"];

/// Length of the spelling of an at sign at `i`.
fn at_sign(b: &[u8], i: usize) -> Option<usize> {
    match *b.get(i)? {
        b'@' => Some(if b.get(i + 1) == Some(&b' ') && word(b, i + 2) { 2 } else { 1 }),
        b'[' | b'(' | b'{' => bracketed(b, i, &ATS).map(|(n, _)| n),
        b' ' => {
            let rest = &b[i + 1..];
            if rest.len() > 3 && rest[..2].eq_ignore_ascii_case(b"at") && rest[2] == b' ' {
                return Some(4);
            }
            let blanks = rest.iter().take(2).take_while(|c| **c == b' ').count();
            match rest.get(blanks)? {
                b'[' | b'(' | b'{' => bracketed(b, i + 1 + blanks, &ATS).map(|(n, _)| n + 1 + blanks),
                // Blanks on both sides; a blank before alone begins a handle.
                b'@' if rest.get(blanks + 1) == Some(&b' ') && word(b, i + blanks + 3) => Some(blanks + 3),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Start of the spelling of an at sign that ends before `end`.
fn at_sign_before(b: &[u8], end: usize, floor: usize) -> Option<usize> {
    if end > floor && b[end - 1] == b'@' {
        return Some(end - 1);
    }
    // The longest spelling is `  [ собака ]  `.
    (floor.max(end.saturating_sub(24))..end).find(|&i| {
        matches!(b[i], b' ' | b'[' | b'(' | b'{' | b'@') && at_sign(b, i).is_some_and(|n| i + n == end)
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
                0..0x250 => Script::Latin,
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

/// Letters of another script that a Latin label may hold in a row.
const LOOKALIKES: usize = 3;

fn label_end(text: &str, from: usize) -> usize {
    let Some((script, n)) = label_char(text, from) else { return from };
    let mut i = from + n;
    // A label has at most 63 characters.
    while i - from < 252 {
        match label_char(text, i) {
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

fn digit(text: &str, i: usize) -> bool {
    text.as_bytes().get(i).is_some_and(|c| c.is_ascii_digit() || *c == b'-')
}

/// Start of the label that ends before `end`, not before `floor`.
fn label_start(text: &str, end: usize, floor: usize) -> usize {
    let Some((script, n)) = label_char_before(text, end, floor) else { return end };
    let mut i = end - n;
    while end - i < 252 {
        match label_char_before(text, i, floor) {
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
                    || !(latin || count == 1 && label_char_before(text, at, floor).is_none())
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
    last: Range<usize>,
}

fn labels(text: &str, start: usize) -> Labels {
    let b = text.as_bytes();
    let mut found = Labels { end: start, count: 0, numbers: true, defanged: false, last: start..start };
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
        at = end + n;
    }
}

/// Reads around the spelling of a dot that starts at `i`; nothing before `floor` is looked at. Returns the stretch
/// and its form, or where to go on.
pub(super) fn at_dot(text: &str, i: usize, floor: usize) -> Result<(Range<usize>, Form), usize> {
    let b = text.as_bytes();
    let Some((n, defanged)) = dot(b, i) else { return Err(i + 1) };
    if !word(b, i + n) || i == floor {
        return Err(i + n);
    }
    // A blank before the bracket belongs to the dot.
    let left = if defanged && b[i - 1] == b' ' && b[i] != b' ' { i - 1 } else { i };
    let start = label_start(text, left, floor);
    if start == left {
        return Err(i + n);
    }
    let found = labels(text, start);
    if found.count < 2 {
        return Err(i + n);
    }
    // `first.last@host.example`: these were no host.
    if let Some(n) = at_sign(b, found.end) {
        let host = labels(text, found.end + n);
        // "at" is an English word: believed only where the dots are spelled out as well.
        if host.count > 1 && (b[found.end] != b' ' || n != 4 || host.defanged) {
            return Ok((local_start(b, found.end)..host.end, Form::Email));
        }
    }
    if let Some(at) = at_sign_before(b, start, floor) {
        let local = local_start(b, at);
        if local < at && (b[at] != b' ' || start - at != 4 || found.defanged) {
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
    (start..found.end, Form::Domain)
}

/// Start of the local part that ends at `end`. What was read as a host before may be its beginning: `my.u+x@host`.
fn local_start(b: &[u8], end: usize) -> usize {
    let mut i = end;
    while i > 0
        && end - i < LOCAL
        && (b[i - 1].is_ascii_alphanumeric() || matches!(b[i - 1], b'.' | b'_' | b'%' | b'+' | b'-'))
    {
        i -= 1;
    }
    while i < end && matches!(b[i], b'.' | b'-' | b'+' | b'%') {
        i += 1;
    }
    i
}

/// Schemes, with the letters that people change in them.
fn scheme_word(word: &[u8]) -> bool {
    let lower = word.to_ascii_lowercase();
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
    if left > floor && matches!(b[left - 1], b'[' | b'(') {
        left -= 1;
    }
    let mut at = i + 1;
    if left < i && matches!(b.get(at), Some(b']' | b')')) {
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
    let scheme = (start..left).find(|&s| scheme_word(&b[s..left - blank]))?;
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
    // Port.
    let colon = match b.get(end) {
        Some(b':') => 1,
        Some(b'[' | b'(') if b.get(end + 1) == Some(&b':') => 3,
        _ => 0,
    };
    if colon > 0 {
        let digits = b[(end + colon).min(b.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
        if (1..=5).contains(&digits) {
            end += colon + digits;
        }
    }
    Some(scheme..location_end(text, end))
}

/// End of path, query and fragment that begin at `i`.
fn location_end(text: &str, i: usize) -> usize {
    let b = text.as_bytes();
    if b[i..].starts_with(b"[/]") {
        return location_rest(text, i + 3);
    }
    if !matches!(b.get(i), Some(b'/' | b'?' | b'#')) { i } else { location_rest(text, i + 1) }
}

fn location_rest(text: &str, mut i: usize) -> usize {
    let b = text.as_bytes();
    let mut open = 0usize;
    while let Some(&c) = b.get(i) {
        match c {
            b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'\'' | 0..=b' ' | 0x7f => break,
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
                if open == 0 {
                    break;
                }
                open -= 1;
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
