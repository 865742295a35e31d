//! `collect check`: a selector file on a page.

use super::Setting;
use crate::cli::CollectCheck;
use crate::output;
use anyhow::Context;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tm_collect::crawl::{Answer, Fetcher, Manners, Validators, decode};
use tm_collect::engine::{Check, Document, Reader, Selectors};
use tm_model::Timestamp;
use url::Url;

/// Boards, threads and posts that are printed.
const SHOWN: usize = 10;
/// Largest saved page.
const LARGEST: u64 = 64 << 20;

pub fn check(setting: &Setting, options: &CollectCheck) -> anyhow::Result<ExitCode> {
    let selectors = Selectors::read(&options.file)
        .with_context(|| format!("selector file {}", options.file.display()))?;
    let document = match Url::parse(&options.page) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => fetch(setting, options, &url)?,
        _ => saved(Path::new(&options.page), options.url.clone())?,
    };
    let found = selectors.check(&document, &Reader::default());
    let mut out = output::stdout();
    if options.json {
        output::json_line(&mut out, &value(&document, &found))?;
    } else {
        print(&mut out, &document, &found)?;
    }
    out.flush()?;
    for warning in &found.warnings {
        output::note(format!("warning: {warning}"));
    }
    Ok(if found.warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn fetch(setting: &Setting, options: &CollectCheck, url: &Url) -> anyhow::Result<Document> {
    let manners = Manners {
        robots: !options.ignore_robots,
        private: options.allow_private,
        proxy: options.proxy.clone(),
        ..Manners::default()
    };
    let fetcher = Fetcher::new(url, manners, &[])?;
    match setting.runtime()?.block_on(fetcher.get(url, &Validators::default()))? {
        Answer::Page(document, _) => Ok(document),
        Answer::Unchanged => anyhow::bail!("{url} was answered with 304 although nothing was known"),
    }
}

/// A page from a file. Where it came from is named, or stands in the comment that a kept page begins with.
fn saved(path: &Path, url: Option<Url>) -> anyhow::Result<Document> {
    let named = || format!("cannot read {}", path.display());
    let size = std::fs::metadata(path).with_context(named)?.len();
    anyhow::ensure!(size <= LARGEST, "{}: {size} bytes are too many for a page", path.display());
    let body = decode(&std::fs::read(path).with_context(named)?, None);
    let noted = || {
        let note = body.strip_prefix("<!-- ")?.split_once(" -->")?.0;
        Url::parse(note).ok()
    };
    let url = url.or_else(noted).with_context(|| {
        format!("{}: which address did this page have? name it with --url", path.display())
    })?;
    let fetched = Timestamp(jiff::Timestamp::now().as_second());
    Ok(Document { url, status: 200, headers: Vec::new(), body, fetched })
}

fn value(document: &Document, found: &Check) -> serde_json::Value {
    let r = &found.reading;
    json!({
        "url": document.url.as_str(), "status": document.status,
        "kind": r.kind.map(|k| format!("{k:?}").to_lowercase()),
        "forum": r.forum, "member": r.member, "next": r.next.as_ref().map(|n| n.url.as_str()),
        "boards": r.boards.iter().map(|b| json!({"id": b.target.id, "title": b.title, "url": b.target.url.as_str(),
            "threads": b.threads, "posts": b.posts, "elsewhere": b.elsewhere})).collect::<Vec<_>>(),
        "threads": r.threads.iter().map(|t| json!({"id": t.target.id, "title": t.title, "url": t.target.url.as_str(),
            "posts": t.posts, "last": t.last.map(|l| l.to_string()), "sticky": t.sticky, "moved": t.moved}))
            .collect::<Vec<_>>(),
        "posts": r.posts.iter().map(|p| &p.record).collect::<Vec<_>>(),
        "matches": found.matches, "warnings": found.warnings,
    })
}

fn print(out: &mut impl Write, document: &Document, found: &Check) -> anyhow::Result<()> {
    let r = &found.reading;
    let kind = r.kind.map_or_else(|| "no known kind".to_owned(), |k| format!("{k:?}").to_lowercase());
    writeln!(out, "{} ({kind}), {} characters", document.url, document.body.chars().count())?;
    writeln!(out, "\nselectors")?;
    for m in &found.matches {
        match m.of {
            Some(of) => writeln!(out, "  {:<16} in {} of {of} rows", m.key, m.count)?,
            None => writeln!(out, "  {:<16} {} times", m.key, m.count)?,
        }
    }
    writeln!(
        out,
        "\nforum {}, member {}, next page {}",
        r.forum.as_deref().unwrap_or("-"),
        r.member.as_deref().unwrap_or("-"),
        r.next.as_ref().map_or("-", |n| n.url.as_str())
    )?;
    let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    if !r.boards.is_empty() {
        writeln!(out, "\n{} boards", r.boards.len())?;
        for b in r.boards.iter().take(SHOWN) {
            let (title, away) = (output::fit(&b.title, 50), if b.elsewhere { ", another site" } else { "" });
            writeln!(
                out,
                "  {:<8} {title}: {} threads, {} posts{away}",
                b.target.id,
                number(b.threads),
                number(b.posts)
            )?;
        }
    }
    if !r.threads.is_empty() {
        writeln!(out, "\n{} threads", r.threads.len())?;
        for t in r.threads.iter().take(SHOWN) {
            let last = t.last.map_or_else(|| "?".to_owned(), |l| l.to_string());
            let marks = [(t.sticky, ", pinned"), (t.moved, ", moved")];
            let marks: String = marks.iter().filter(|m| m.0).map(|m| m.1).collect();
            let title = output::fit(&t.title, 50);
            writeln!(out, "  {:<8} {title}: {} posts, last {last}{marks}", t.target.id, number(t.posts))?;
        }
    }
    if !r.posts.is_empty() {
        writeln!(out, "\n{} posts", r.posts.len())?;
        for p in r.posts.iter().take(SHOWN) {
            let words = p.record.text.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(
                out,
                "  {:<8} {} at {}: {}",
                p.record.id.as_deref().unwrap_or("?"),
                p.record.author.as_deref().unwrap_or("?"),
                p.record.time.map_or_else(|| "?".to_owned(), |t| t.to_string()),
                output::fit(&words, 70)
            )?;
        }
    }
    Ok(())
}
