//! Fields of a post, put in order the same way whatever they were read from.

use crate::strip_controls;
use tm_model::{PostRecord, Reject};

const SNIPPET: usize = 200;
/// Names and titles are cut here, in characters: the names of a whole forum are held at once.
const LONGEST_NAME: usize = 1000;

/// The beginning of what was read, on one line.
pub(crate) fn snippet(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(4 * SNIPPET)];
    let text = String::from_utf8_lossy(head);
    text.chars().take(SNIPPET).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A reject. Unless `keep_personal`, its words carry nothing personal: what was read is no post, so nobody meant to show
/// it.
pub(crate) fn reject(
    file: &str,
    row: u64,
    reason: impl Into<String>,
    read: &[u8],
    keep_personal: bool,
) -> Reject {
    let (reason, snippet) = (reason.into(), snippet(read));
    let (reason, snippet) =
        if keep_personal { (reason, snippet) } else { (masked(&reason), masked(&snippet)) };
    Reject { file: file.to_owned(), row, reason, snippet }
}

/// Puts dots in the place of e-mail addresses, network addresses and hashes.
fn masked(text: &str) -> String {
    let inside =
        |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+' | ':' | '$' | '/' | '=');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let other = rest.find(inside).unwrap_or(rest.len());
        out.push_str(&rest[..other]);
        rest = &rest[other..];
        let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        let personal = (word.contains('@') && word.contains('.'))
            || word.starts_with("$2")
            || word.starts_with("$H$")
            || word.starts_with("$argon")
            || word.split([':', '/', '=', '$']).any(|part| {
                part.parse::<std::net::IpAddr>().is_ok()
                    || (part.len() >= 32 && part.bytes().all(|b| b.is_ascii_hexdigit()))
            })
            || (word.matches(':').count() > 1 && word.parse::<std::net::IpAddr>().is_ok());
        out.push_str(if personal { "•••" } else { word });
    }
    out
}

/// Trims, makes control characters and line breaks blanks; nothing left is `None`.
pub(crate) fn name(value: &str) -> Option<String> {
    let head = value.trim().chars().take(LONGEST_NAME);
    let clean: String = head.map(|c| if c.is_control() { ' ' } else { c }).collect();
    let trimmed = clean.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn tidy_name(field: &mut Option<String>) {
    let tidy =
        |value: &str| value.trim() == value && !value.is_empty() && !value.chars().any(char::is_control);
    if field.as_deref().is_some_and(|value| !tidy(value)) {
        *field = field.as_deref().and_then(name);
    }
}

/// Puts the fields of a record in order; the text keeps its blanks, because offsets into it are reported.
///
/// # Errors
/// Why the record is no post.
pub(crate) fn finish(record: &mut PostRecord) -> Result<(), &'static str> {
    if let std::borrow::Cow::Owned(text) = strip_controls(&record.text) {
        record.text = text;
    }
    if record.text.trim().is_empty() {
        return Err("the text is missing or empty; a post needs the field 'text'");
    }
    for field in [
        &mut record.id,
        &mut record.forum,
        &mut record.board,
        &mut record.thread,
        &mut record.title,
        &mut record.author,
        &mut record.reply_to,
        &mut record.url,
    ] {
        tidy_name(field);
    }
    for quote in &mut record.quotes {
        tidy_name(&mut quote.post);
        tidy_name(&mut quote.author);
    }
    record.quotes.retain(|quote| quote.post.is_some() || quote.author.is_some());
    Ok(())
}
