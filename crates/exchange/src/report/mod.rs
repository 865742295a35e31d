//! Reports for people: one HTML file that needs nothing else (no script, no request), or Markdown.
//!
//! What is said is what the holdings say; forum text is escaped by the templates, never trusted.

mod chart;

use crate::{Holdings, Tlp};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde_json::json;
use std::collections::BTreeMap;
use tm_model::{Family, Timestamp};

/// Form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportForm {
    /// One file with inline style and SVG.
    Html,
    /// GitHub-flavoured Markdown; charts are bars of block characters.
    Markdown,
}

/// A report that could not be written. The templates come with the program, so this is a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("report template: {0}")]
pub struct ReportError(#[from] minijinja::Error);

/// Title of a report and what it is limited to, in words.
#[derive(Debug, Clone, Default)]
pub struct Heading {
    /// Title.
    pub title: String,
    /// For example `since 2025-06-01, severity at least 0.5`.
    pub scope: String,
}

/// Writes a report.
///
/// # Errors
/// [`ReportError`], which a test rules out for the bundled templates.
pub fn render(
    holdings: &Holdings,
    heading: &Heading,
    form: ReportForm,
    tlp: Tlp,
) -> Result<String, ReportError> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(
        |name| if name.ends_with("html") { AutoEscape::Html } else { AutoEscape::None },
    );
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    env.set_syntax(syntax);
    env.add_filter("day", |t: Option<i64>| t.map_or_else(|| "?".to_owned(), |t| Timestamp(t).day()));
    env.add_filter("md", |text: String| markdown(&text));
    env.add_filter("percent", |x: f64| format!("{:.0}", x * 100.0));
    env.add_filter("two", |x: f64| format!("{x:.2}"));
    env.add_filter("bar", |x: f64| chart::blocks(x, 20));
    env.add_filter("safe_link", |u: Option<String>| {
        u.filter(|u| u.starts_with("https://") || u.starts_with("http://"))
    });
    let (name, source) = match form {
        ReportForm::Html => ("report.html", include_str!("report.html.j2")),
        ReportForm::Markdown => ("report.md", include_str!("report.md.j2")),
    };
    env.add_template(name, source)?;
    let families = families(holdings);
    let rows: Vec<(String, Vec<u64>)> = families.1.iter().map(|(f, n)| (f.to_string(), n.clone())).collect();
    let total = |i: usize| rows.iter().map(|r| r.1[i]).sum::<u64>();
    let by_family = |f: &Family| json!({"family": f, "count": holdings.threats.iter().filter(|t| t.kind.family() == *f).count()});
    let month = |(i, label): (usize, &String)| json!({"label": label, "count": total(i)});
    let text = env.get_template(name)?.render(context! {
        heading => written(json!({"title": heading.title, "scope": heading.scope})),
        tlp => tlp.as_str(),
        h => view(holdings),
        totals => written(Family::ALL.iter().map(by_family).collect::<Vec<_>>()),
        events_chart => Value::from_safe_string(chart::stacked(&families.0, &rows)),
        actors_chart => Value::from_safe_string(chart::parts(&holdings.actors, 15)),
        months => written(families.0.iter().enumerate().map(month).collect::<Vec<_>>()),
        most_month => (0..families.0.len()).map(total).max().unwrap_or(1).max(1),
        most_score => holdings.actors.iter().map(|a| a.score).fold(f64::EPSILON, f64::max),
        blockable => holdings.entities.iter().filter(|e| e.blockable()).count(),
    })?;
    Ok(text)
}

fn written(value: impl serde::Serialize) -> Value {
    Value::from(Serde(value))
}

/// The holdings as the templates read them: times as seconds, types as text, arguments by role.
fn view(h: &Holdings) -> Value {
    let evidence = |e: &crate::Evidence| json!({"forum": e.forum, "post": e.post, "thread": e.thread, "author": e.author, "time": e.time.map(|t| t.0), "url": e.url});
    let kinds = |list: &[(tm_model::EntityType, String)]| {
        list.iter().map(|(k, v)| json!({"kind": k, "value": v})).collect::<Vec<_>>()
    };
    let mut threats = Vec::new();
    for t in &h.threats {
        let mut roles: BTreeMap<tm_model::Role, Vec<_>> = BTreeMap::new();
        for (role, value, count) in &t.arguments {
            roles.entry(*role).or_default().push(json!({"value": value, "count": count}));
        }
        let part = |(name, value, weight, note): &(String, f32, f32, String)| json!({"name": name, "value": value, "weight": weight, "note": note});
        let line = |s: &crate::Sentence| json!({"text": s.text, "kind": s.kind, "modality": s.modality, "at": evidence(&s.evidence)});
        threats.push(json!({
            "id": t.id, "title": t.title, "kind": t.kind, "family": t.kind.family(), "status": t.status,
            "severity": t.severity, "confidence": t.confidence, "first": t.first.map(|t| t.0), "last": t.last.map(|t| t.0),
            "mentions": t.mentions, "forums": t.forums, "participants": t.participants, "entities": kinds(&t.entities),
            "parts": t.severity_parts.iter().map(part).collect::<Vec<_>>(),
            "roles": roles.iter().map(|(r, v)| json!({"role": r, "values": v})).collect::<Vec<_>>(),
            "timeline": t.timeline.iter().map(line).collect::<Vec<_>>(),
        }));
    }
    let actor = |a: &crate::Actor| {
        json!({"name": a.name, "forum": a.forum, "posts": a.posts, "rank": a.rank, "score": a.score, "contacts": kinds(&a.contacts),
            "first": a.first.map(|t| t.0), "last": a.last.map(|t| t.0),
            "fields": a.fields.iter().take(3).map(|f| f.0.as_str()).collect::<Vec<_>>()})
    };
    let entity = |e: &crate::Entity| {
        json!({"kind": e.kind, "value": e.value, "posts": e.posts, "first": e.first.map(|t| t.0), "last": e.last.map(|t| t.0),
            "tags": e.tags, "evidence": e.evidence.iter().map(evidence).collect::<Vec<_>>()})
    };
    let forum = |f: &crate::ForumNote| json!({"name": f.name, "posts": f.posts, "accounts": f.accounts, "first": f.first.map(|t| t.0), "last": f.last.map(|t| t.0)});
    written(json!({
        "threats": threats,
        "actors": h.actors.iter().map(actor).collect::<Vec<_>>(),
        "entities": h.entities.iter().map(entity).collect::<Vec<_>>(),
        "forums": h.forums.iter().map(forum).collect::<Vec<_>>(),
    }))
}

/// Month labels without gaps (the last 36), and a count a family.
fn families(h: &Holdings) -> (Vec<String>, BTreeMap<Family, Vec<u64>>) {
    let moment = |m: &str| Timestamp::parse(&format!("{m}-01")).ok();
    let ends = (h.months.first().and_then(|m| moment(&m.0)), h.months.last().and_then(|m| moment(&m.0)));
    let labels = match ends {
        (Some(first), Some(last)) => {
            let all = first.months_until(last);
            all[all.len().saturating_sub(36)..].to_vec()
        }
        _ => Vec::new(),
    };
    let mut out: BTreeMap<Family, Vec<u64>> =
        Family::ALL.iter().map(|f| (*f, vec![0; labels.len()])).collect();
    for (month, kind, n) in &h.months {
        if let Some(i) = labels.iter().position(|l| l == month) {
            out.entry(kind.family()).or_default()[i] += n;
        }
    }
    (labels, out)
}

/// Text that Markdown shows as it is: marks are escaped, lines joined, so that no post can forge a table or a link.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '|' | '!'
            | '~' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests;
