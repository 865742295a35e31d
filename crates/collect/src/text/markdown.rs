//! Markdown, as NodeBB stores it.

use super::{
    Cleaned,
    output::{Output, link_suffix},
};
use tm_model::QuoteTarget;

/// Cleans Markdown: block quotes go, with the line that names whom they quote (`@slug said in [title](/post/9):`), the
/// slug standing as the author; code keeps its lines; emphasis, headings, bullets and images are dropped; links keep
/// their label.
///
/// ```
/// let cleaned = tm_collect::clean_markdown("@vega said in [t](/post/7):\n\n> price?\n\n**200** a month", false);
/// assert_eq!(cleaned.text, "200 a month");
/// assert_eq!(cleaned.quotes[0].post.as_deref(), Some("7"));
/// ```
pub fn clean_markdown(text: &str, link_targets: bool) -> Cleaned {
    let mut out = Output::default();
    let lines: Vec<&str> = text.lines().collect();
    // The first line at or behind each place that is not blank.
    let next_word = |from: usize| lines[from..].iter().find(|line| !line.trim().is_empty());
    let mut i = 0;
    while i < lines.len() {
        let line = lines[i];
        i += 1;
        if let Some(fence) = fence(line) {
            let end = lines[i..].iter().position(|line| closes(line, fence)).map_or(lines.len(), |n| i + n);
            out.push_block(&lines[i..end].join("\n"));
            i = (end + 1).min(lines.len());
            continue;
        }
        if is_quote(line) {
            out.break_line();
            continue;
        }
        let target = attribution(line).filter(|_| next_word(i).is_some_and(|line| is_quote(line)));
        if let Some(target) = target {
            out.quote(target);
            out.break_line();
            continue;
        }
        if is_rule(line) {
            out.break_line();
            continue;
        }
        let body = without_marker(line);
        if body.len() < line.len() {
            out.break_line();
        }
        let (words, targets) = inline(body, link_targets);
        // Where in its line a link stands is not kept: a line's labelled links come before those written out in it.
        let start = out.text.len();
        targets.iter().for_each(|target| out.link(start, target));
        out.push(&words);
        out.push("\n");
    }
    out.finish()
}

fn indent(line: &str) -> usize {
    line.bytes().take_while(|b| *b == b' ').count()
}

fn is_quote(line: &str) -> bool {
    indent(line) < 4 && line.trim_start_matches(' ').starts_with('>')
}

/// The sign and length of a code fence that opens here.
fn fence(line: &str) -> Option<(u8, usize)> {
    let body = line.trim_start();
    let sign = *body.as_bytes().first().filter(|b| matches!(b, b'`' | b'~'))?;
    let length = body.bytes().take_while(|b| *b == sign).count();
    let inline = sign == b'`' && body[length..].contains('`');
    (length >= 3 && !inline).then_some((sign, length))
}

fn closes(line: &str, (sign, length): (u8, usize)) -> bool {
    let body = line.trim();
    body.len() >= length && body.bytes().all(|b| b == sign)
}

fn is_rule(line: &str) -> bool {
    let body: Vec<u8> = line.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    body.len() >= 3 && matches!(body[0], b'-' | b'*' | b'_') && body.iter().all(|b| *b == body[0])
}

/// `@slug said in [title](/post/9):`, in any language; before version 1.4 `@slug said:`.
fn attribution(line: &str) -> Option<QuoteTarget> {
    let body = line.trim().strip_prefix('@')?.strip_suffix([':', '：'])?;
    let slug = body.split_whitespace().next()?;
    let post = body.find("/post/").map(|start| &body[start + 6..]);
    let post = post.map(|id| id.bytes().take_while(u8::is_ascii_digit).count()).zip(post);
    let post =
        post.filter(|(digits, _)| (1..=20).contains(digits)).map(|(digits, id)| id[..digits].to_owned());
    (post.is_some() || body.ends_with(" said"))
        .then(|| QuoteTarget { post, author: crate::field::name(slug) })
}

/// A line without the signs of a heading or bullet.
fn without_marker(line: &str) -> &str {
    let body = line.trim_start();
    let hashes = body.bytes().take_while(|b| *b == b'#').count();
    if (1..=6).contains(&hashes) && body[hashes..].starts_with(' ') {
        return body[hashes..].trim_start();
    }
    for bullet in ["* ", "- ", "+ "] {
        if let Some(item) = body.strip_prefix(bullet) {
            return item.trim_start();
        }
    }
    line
}

/// A run of signs that may be emphasis.
struct Run {
    sign: char,
    length: usize,
    opens: bool,
    closes: bool,
    used: bool,
}

fn inline(line: &str, link_targets: bool) -> (String, Vec<String>) {
    let mut out = Line::default();
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' if rest[1..].starts_with(|c: char| c.is_ascii_punctuation() && c != '\\') => {
                out.text.push_str(&rest[1..2]);
                2
            }
            '`' => code(rest, &mut out),
            '!' if rest.starts_with("![") => image(rest, &mut out),
            '[' => link(rest, &mut out, link_targets),
            '<' => autolink(rest, &mut out),
            '*' | '_' | '~' => run(rest, c, before, &mut out),
            // A plain address is no place for emphasis.
            'h' if rest.starts_with("http://") || rest.starts_with("https://") => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, ')' | '>' | ']'))
                    .unwrap_or(rest.len());
                out.text.push_str(rest[..end].trim_end_matches(['*', '_', '~']));
                rest[..end].trim_end_matches(['*', '_', '~']).len()
            }
            c => {
                out.text.push(c);
                c.len_utf8()
            }
        };
        before = rest[..taken].chars().next_back().unwrap_or(' ');
        rest = &rest[taken..];
    }
    pair(&mut out.runs);
    let mut joined = String::with_capacity(line.len());
    for (before, run) in &out.runs {
        joined.push_str(before);
        let shown = if run.used { 0 } else { run.length };
        joined.extend(std::iter::repeat_n(run.sign, shown));
    }
    (joined + &out.text, out.targets)
}

/// A line in the making: the runs so far, each with the text before it, and the text behind the last.
#[derive(Default)]
struct Line {
    runs: Vec<(String, Run)>,
    text: String,
    /// Addresses of its links.
    targets: Vec<String>,
}

/// Runs beyond this number in a line stay as written.
const MAX_RUNS: usize = 10_000;

fn run(rest: &str, sign: char, before: char, out: &mut Line) -> usize {
    let length = rest.chars().take_while(|c| *c == sign).count();
    let after = rest[length..].chars().next().unwrap_or(' ');
    let (mut opens, mut closes) = (!after.is_whitespace(), !before.is_whitespace());
    if sign == '_' {
        // Underscores inside names are letters.
        (opens, closes) = (opens && !before.is_alphanumeric(), closes && !after.is_alphanumeric());
    }
    let odd = length > 3 || (sign == '~' && length != 2);
    if odd || !(opens || closes) || out.runs.len() == MAX_RUNS {
        out.text.push_str(&rest[..length]);
        return length;
    }
    out.runs.push((std::mem::take(&mut out.text), Run { sign, length, opens, closes, used: false }));
    length
}

/// Joins each closing run to the last open one like it.
fn pair(runs: &mut [(String, Run)]) {
    let mut open: Vec<(char, usize, usize)> = Vec::new();
    for i in 0..runs.len() {
        let Run { sign, length, opens, closes, .. } = runs[i].1;
        // Few runs stay open in any text that is no attack; the nearest ones are enough.
        let found = open.iter().rev().take(32).position(|(s, l, _)| (*s, *l) == (sign, length));
        if let Some(found) = found.filter(|_| closes) {
            let place = open.len() - 1 - found;
            let start = open[place].2;
            open.truncate(place);
            for end in [start, i] {
                runs[end].1.used = true;
            }
        } else if opens {
            open.push((sign, length, i));
        }
    }
}

/// Code inside a line is looked for within so many bytes.
const LONGEST_CODE: usize = 64 * 1024;

fn code(rest: &str, out: &mut Line) -> usize {
    let length = rest.bytes().take_while(|b| *b == b'`').count();
    let window = &rest.as_bytes()[..rest.len().min(LONGEST_CODE)];
    let mut at = length;
    while let Some(found) = memchr::memchr(b'`', window.get(at..).unwrap_or_default()) {
        let start = at + found;
        let run = rest[start..].bytes().take_while(|b| *b == b'`').count();
        if run == length {
            out.text.push_str(&rest[length..start]);
            return start + run;
        }
        at = start + run;
    }
    out.text.push_str(&rest[..length]);
    length
}

/// Brackets inside labels and addresses nest no deeper.
const DEEPEST: usize = 16;

/// `(address "title")` at the beginning of `rest`: the address, and the length of all.
fn address(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('(')?;
    let mut depth = 0usize;
    for (i, b) in inner.bytes().enumerate().take(4096) {
        match b {
            b'(' if depth == DEEPEST => return None,
            b'(' => depth += 1,
            b')' if depth == 0 => {
                let target = inner[..i].split_whitespace().next().unwrap_or_default();
                return Some((target.trim_matches(['<', '>']), i + 2));
            }
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where the label of `[label]` ends.
fn label_end(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, b) in rest.bytes().enumerate().take(1024) {
        match b {
            b'[' if depth == DEEPEST => return None,
            b'[' => depth += 1,
            b']' if depth == 1 => return Some(i),
            b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn image(rest: &str, out: &mut Line) -> usize {
    let end = label_end(&rest[1..]).map(|end| end + 1);
    match end.and_then(|end| Some((end, address(&rest[end + 1..])?))) {
        Some((end, (_, length))) => end + 1 + length,
        None => {
            out.text.push('!');
            1
        }
    }
}

fn link(rest: &str, out: &mut Line, link_targets: bool) -> usize {
    let found = label_end(rest).and_then(|end| Some((end, address(&rest[end + 1..])?)));
    let Some((end, (target, length))) = found else {
        out.text.push('[');
        return 1;
    };
    let label = &rest[1..end];
    out.targets.push(target.to_owned());
    out.text.push_str(if label.trim().is_empty() { target } else { label });
    if let Some(suffix) = link_suffix(label, target, link_targets) {
        out.text.push_str(&suffix);
    }
    end + 1 + length
}

fn autolink(rest: &str, out: &mut Line) -> usize {
    let inner = &rest[1..];
    let end = inner.find(['>', ' ', '\n', '<']).filter(|end| inner.as_bytes()[*end] == b'>');
    match end
        .map(|end| &inner[..end])
        .filter(|target| target.contains("://") || target.starts_with("mailto:"))
    {
        Some(target) => {
            out.text.push_str(target);
            target.len() + 2
        }
        None => {
            out.text.push('<');
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expect: &str) {
        assert_eq!(clean_markdown(markdown, false).text, expect);
    }

    #[test]
    fn emphasis_goes_names_stay() {
        check(
            "**bold** _it_ ~~gone~~ ***x*** x_dark_x a*b 2 * 3 * 4",
            "bold it gone x x_dark_x a*b 2 * 3 * 4",
        );
        check("@x_dark_x see `a_b_c **x**`", "@x_dark_x see a_b_c **x**");
        check(r"C:\Users\Public \*kept\* a\_b", r"C:\Users\Public *kept* a_b");
        check("http://h.example/a_b_c*d_e_ _ok_", "http://h.example/a_b_c*d_e_ ok");
    }

    #[test]
    fn blocks() {
        check("# Title\n\n* one\n* two\n\n---\ntail", "Title\n\none\ntwo\n\ntail");
        check("a\n```rust\nfn x() {\n    1\n}\n```\nb", "a\nfn x() {\n    1\n}\nb");
        check("```\nopen end", "open end");
        check(
            "![i](http://i.example/x.png) [label](http://l.example) <https://a.example>",
            "label https://a.example",
        );
        check("hxxp://a[.]b/gate[.]php [x] <b>", "hxxp://a[.]b/gate[.]php [x] <b>");
    }

    #[test]
    fn quotes_name_their_post() {
        let cleaned = clean_markdown(
            "@ночь написал в [тема](/post/12):\n\n> @b said in [t](/post/3):\n> > x\n> y\n\nмоё\n\n> loose\n\nend",
            false,
        );
        assert_eq!(cleaned.text, "моё\n\nend");
        assert_eq!(cleaned.quotes, [QuoteTarget { post: Some("12".into()), author: Some("ночь".into()) }]);
        check("@vega said: hello", "@vega said: hello");
    }

    #[test]
    fn hostile_texts_end() {
        for sign in ["*", "_ ", "[", "![", "`a", "<", "(", "**a", "> ", "\\"] {
            clean_markdown(&sign.repeat(20_000), true);
        }
    }
}
