//! What is brought to a channel, and how it reads there.

use serde::Serialize;
use tm_model::{Span, Timestamp};

/// An alert as it goes out. Card numbers and passwords are masked before they come here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    /// Identifier of the alert.
    pub id: i64,
    /// Name of the rule.
    pub rule: String,
    /// When it rang.
    pub time: Timestamp,
    /// Time of the post.
    pub posted: Option<Timestamp>,
    /// In words.
    pub title: String,
    /// 0 to 1.
    pub severity: f64,
    /// Threat event.
    pub threat: Option<String>,
    /// Post.
    pub post: Option<i64>,
    /// Account.
    pub account: Option<i64>,
    /// Handle of the author.
    pub author: Option<String>,
    /// Forum.
    pub forum: Option<String>,
    /// Where in the post, in code points.
    pub span: Option<Span>,
    /// The sentence there; written by somebody on a forum.
    pub sentence: Option<String>,
    /// Where an analyst reads on.
    pub link: Option<String>,
}

/// Alerts that are brought together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parcel {
    /// Identifier of the delivery, the same in every try: a receiver that has seen it can drop it.
    pub delivery: String,
    /// Whether it only tries the channel.
    pub test: bool,
    /// When it is sent.
    pub sent: Timestamp,
    /// The alerts.
    pub alerts: Vec<Note>,
}

/// Alerts that a message spells out; the others are counted.
const SPELLED: usize = 20;
/// Code points of a sentence in a message.
const SENTENCE: usize = 400;

/// Severity in words.
pub(crate) fn grade(severity: f64) -> &'static str {
    match severity {
        s if s >= 0.75 => "critical",
        s if s >= 0.5 => "high",
        s if s >= 0.25 => "medium",
        _ => "low",
    }
}

/// What a hacker wrote must not become a link that an analyst clicks, nor a control character that a terminal obeys.
pub(crate) fn harmless(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() || invisible(c) { ' ' } else { c }).collect();
    let mut out = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at);
        match before.get(before.len().saturating_sub(5)..) {
            Some(s) if s.eq_ignore_ascii_case("https") => {
                out.push_str(&before[..before.len() - 5]);
                out.push_str("hxxps");
            }
            _ => match before.len().checked_sub(4).and_then(|i| Some((i, before.get(i..)?))) {
                Some((i, s)) if s.eq_ignore_ascii_case("http") => {
                    out.push_str(&before[..i]);
                    out.push_str("hxxp");
                }
                _ => out.push_str(before),
            },
        }
        out.push_str("://");
        rest = &after[3..];
    }
    out.push_str(rest);
    // "www." alone is made a link by most programs.
    out.replace("www.", "www[.]").replace("WWW.", "WWW[.]")
}

/// Characters that turn the direction of writing, or show nothing.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

impl Parcel {
    /// One line that says what it is about.
    pub(crate) fn subject(&self) -> String {
        if self.test {
            return "ThreatMiner: this channel works".into();
        }
        match self.alerts.as_slice() {
            [one] => format!("ThreatMiner [{}] {}", grade(one.severity), harmless(&cut(&one.title, 150))),
            all => {
                let worst = all.iter().map(|a| a.severity).fold(0.0, f64::max);
                format!("ThreatMiner [{}] {} alerts", grade(worst), all.len())
            }
        }
    }

    /// All of it as plain text.
    pub(crate) fn text(&self) -> String {
        if self.test {
            return "This is a test. Alerts of ThreatMiner will arrive here.".into();
        }
        let mut lines = Vec::new();
        for a in self.alerts.iter().take(SPELLED) {
            lines.push(format!("[{}] {}", grade(a.severity), harmless(&a.title)));
            let mut facts = vec![format!("rule {}", harmless(&a.rule))];
            facts.extend(a.forum.iter().map(|f| harmless(f)));
            facts.extend(a.author.iter().map(|n| format!("by {}", harmless(n))));
            facts.extend(a.posted.iter().map(Timestamp::to_string));
            facts.extend(a.threat.iter().map(|t| format!("event {t}")));
            facts.extend(a.post.iter().map(|p| format!("post {p}")));
            lines.push(format!("  {}", facts.join(", ")));
            if let Some(sentence) = &a.sentence {
                lines.push(format!("  “{}”", harmless(&cut(sentence, SENTENCE))));
            }
            lines.extend(a.link.iter().map(|l| format!("  {l}")));
            lines.push(String::new());
        }
        if self.alerts.len() > SPELLED {
            lines.push(format!("and {} more", self.alerts.len() - SPELLED));
            lines.push(String::new());
        }
        lines.push("Sentences are quoted from forums: claims of their authors until confirmed.".into());
        lines.join("\n")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn parcel(n: i64) -> Parcel {
        let alerts = (1..=n).map(|id| Note {
            id,
            rule: "our bank".into(),
            time: Timestamp(1_767_225_600),
            posted: Some(Timestamp(1_767_225_540)),
            title: "ddos planned: bank.example".into(),
            severity: 0.8,
            threat: Some("t1".into()),
            post: Some(7),
            account: Some(3),
            author: Some("vega".into()),
            forum: Some("Тёмный Порт".into()),
            span: Some(Span::new(12, 18)),
            sentence: Some("завтра кладём https://bank.example <!channel> @all".into()),
            link: Some("https://tm.corp.example/#/threats/t1".into()),
        });
        Parcel {
            delivery: "now:1:2:5".into(),
            test: false,
            sent: Timestamp(1_767_225_600),
            alerts: alerts.collect(),
        }
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(harmless(text), expect);
    }

    #[test]
    fn links_of_hackers_are_not_clickable() {
        check("see http://evil.example/x", "see hxxp://evil.example/x");
        check("HTTPS://evil", "hxxps://evil");
        check("a://b http://c", "a://b hxxp://c");
        check("ж://x", "ж://x");
        check("://", "://");
        check("www.evil.example", "www[.]evil.example");
        check("a\r\nBcc: x\u{202e}y\u{7}", "a  Bcc: x y ");
    }

    #[test]
    fn a_message_says_what_where_and_why() {
        let text = parcel(1).text();
        for part in [
            "[critical] ddos planned",
            "by vega",
            "Тёмный Порт",
            "hxxps://bank.example",
            "post 7",
            "https://tm.corp.example/#/threats/t1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(parcel(1).subject(), "ThreatMiner [critical] ddos planned: bank.example");
        assert_eq!(parcel(30).subject(), "ThreatMiner [critical] 30 alerts");
        assert!(parcel(30).text().contains("and 10 more"));
    }
}
