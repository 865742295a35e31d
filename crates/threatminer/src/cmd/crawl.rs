//! `crawl`: a forum over the network into the store.

use super::Setting;
use crate::cli::Crawl;
use crate::output;
use anyhow::Context;
use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tm_collect::crawl::{Batch, Crawler, Health, Manners, Memory, MemoryError, Plan, Report, Stored};
use tm_collect::engine::Reader;
use tm_model::Timestamp;
use tm_store::Store;

/// Problems that are listed in words.
const LISTED: usize = 10;

/// One forum's part of the store.
struct Kept {
    store: Arc<dyn Store>,
    forum: String,
}

fn failed(e: tm_store::StoreError) -> MemoryError {
    MemoryError(Box::new(e))
}

#[async_trait]
impl Memory for Kept {
    async fn mark(&self, key: &str) -> Result<Option<String>, MemoryError> {
        self.store.crawl_mark(&self.forum, key).await.map_err(failed)
    }

    async fn marks(&self, prefix: &str) -> Result<Vec<(String, String)>, MemoryError> {
        self.store.crawl_marks(&self.forum, prefix).await.map_err(failed)
    }

    async fn commit(&self, batch: Batch) -> Result<Stored, MemoryError> {
        let done = self.store.store_crawled(&self.forum, &batch.posts, &batch.marks).await.map_err(failed)?;
        Ok(Stored { new: done.new, changed: done.changed, known: done.known })
    }
}

pub fn run(setting: &Setting, options: &Crawl) -> anyhow::Result<ExitCode> {
    anyhow::ensure!((0.0..=3600.0).contains(&options.delay), "--delay must be 0 to 3600 seconds");
    let plan = plan(options)?;
    let manners = Manners {
        delay: Duration::from_secs_f64(options.delay),
        robots: !options.ignore_robots,
        proxy: options.proxy.clone(),
        private: options.allow_private,
        agent: options.user_agent.clone().unwrap_or_else(|| Manners::default().agent),
        ..Manners::default()
    };
    setting.runtime()?.block_on(async {
        let crawler = Crawler::find(&options.url, manners, plan).await?;
        let forum = options.forum.clone().unwrap_or_else(|| crawler.found.forum.clone());
        if !setting.global.quiet {
            let member = crawler
                .found
                .member
                .as_deref()
                .map_or_else(|| "as a guest".to_owned(), |m| format!("as {m}"));
            output::note(format!("{forum}: {} forum, {member}", crawler.found.engine));
        }
        let store = setting.open_store().await?;
        let memory = Arc::new(Kept { store, forum: forum.clone() });
        let bar = bar(setting.global.quiet);
        let started = std::time::Instant::now();
        let report = crawler
            .run(&forum, memory, |r| {
                bar.set_message(format!(
                    "{} posts, {} threads, {} requests",
                    r.new + r.known + r.changed,
                    r.threads,
                    r.requests
                ));
                bar.tick();
            })
            .await?;
        bar.finish_and_clear();
        let kept = keep(setting, &report)?;
        print(options, &report, started.elapsed(), kept.as_deref())?;
        let whole = report.health == Health::Good && report.problem_count == 0 && report.short.is_empty();
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
    })
}

fn plan(options: &Crawl) -> anyhow::Result<Plan> {
    let login = match &options.login {
        None => None,
        Some(user) => {
            let password = match &options.password_file {
                Some(path) => std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the password from {}", path.display()))?
                    .trim_end_matches(['\r', '\n'])
                    .to_owned(),
                None => std::env::var("THREATMINER_PASSWORD").context(
                    "--login needs a password: set THREATMINER_PASSWORD or give --password-file FILE",
                )?,
            };
            Some((user.clone(), password))
        }
    };
    let cookies = match &options.cookies {
        None => Vec::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read cookies {}", path.display()))?;
            let host = options.url.host_str().unwrap_or("");
            let all = cookies(&text, host);
            anyhow::ensure!(
                !all.is_empty(),
                "{}: no cookie for {host} (Netscape format, seven columns)",
                path.display()
            );
            all
        }
    };
    let since = options
        .since
        .as_deref()
        .map(|s| Timestamp::parse(s).with_context(|| format!("--since {s:?} is no date such as 2026-01-31")))
        .transpose()?;
    Ok(Plan {
        engine: options.engine.clone(),
        login,
        cookies,
        reader: Reader {
            offset: options.zone.as_deref().map(zone).transpose()?,
            day_first: options.day_first.then_some(true),
        },
        parallel: options.parallel,
        boards: options.board.clone(),
        since,
        most_requests: options.max_requests,
        most_posts: options.max_posts,
        most_time: options.max_minutes.map(|m| Duration::from_secs_f64(m.max(0.0) * 60.0)),
        again: options.again,
        dry: options.dry_run,
        deepest: 0,
    })
}

/// `+3`, `-05:30`, `+0800`: seconds from UTC.
fn zone(text: &str) -> anyhow::Result<i32> {
    let wrong = || format!("--zone {text:?} is no offset such as +3 or -05:30");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim_start_matches('+')),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) =
        (hours.parse().with_context(wrong)?, minutes.parse().with_context(wrong)?);
    anyhow::ensure!((0..=14).contains(&hours) && (0..60).contains(&minutes), wrong());
    Ok(sign * (hours * 3600 + minutes * 60))
}

/// Names and values of the cookies of a host, from a file in the Netscape format.
fn cookies(text: &str, host: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
            if line.starts_with('#') {
                return None;
            }
            let mut columns = line.split('\t');
            let domain = columns.next()?.trim_start_matches('.');
            let (name, value) = (columns.nth(4)?, columns.next()?);
            let ours = host == domain || host.ends_with(&format!(".{domain}"));
            ours.then(|| (name.to_owned(), value.trim_end().to_owned()))
        })
        .collect()
}

fn bar(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} crawling {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar
}

/// Keeps the page that made the state bad beside the store, to look at.
fn keep(setting: &Setting, report: &Report) -> anyhow::Result<Option<String>> {
    let Some((url, body)) = &report.kept else { return Ok(None) };
    let mut folder = setting.store_path().into_os_string();
    folder.push(".pages");
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let name: String =
        report.forum.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(60).collect();
    let path = folder.join(format!("{name}.html"));
    // Looked at as text or in a browser: what it says where it came from stands in a comment.
    let note = url.as_str().replace("--", "%2D%2D");
    std::fs::write(&path, format!("<!-- {note} -->\n{body}"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(path.display().to_string()))
}

fn print(options: &Crawl, report: &Report, took: Duration, kept: Option<&str>) -> anyhow::Result<()> {
    let mut out = output::stdout();
    if options.json {
        let mut value = serde_json::to_value(report)?;
        value["seconds"] = ((took.as_secs_f64() * 1e3).round() / 1e3).into();
        value["page"] = kept.map(str::to_owned).into();
        output::json_line(&mut out, &value)?;
        out.flush()?;
        return Ok(());
    }
    if options.dry_run {
        for (title, threads, posts) in &report.listed {
            let number = |n: &Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
            writeln!(out, "{title}: {} threads, {} posts", number(threads), number(posts))?;
        }
    }
    writeln!(
        out,
        "{}: {} new posts, {} changed, {} seen again; {} threads read, {} unchanged; {} boards read, {} unchanged; {} requests, {:.1} s",
        report.forum,
        report.new,
        report.changed,
        report.known,
        report.threads,
        report.threads_unchanged,
        report.boards,
        report.boards_unchanged,
        report.requests,
        took.as_secs_f64()
    )?;
    if report.withheld > 0 {
        writeln!(out, "{} posts are shown without their words", report.withheld)?;
    }
    if report.refused > 0 {
        writeln!(out, "{} boards or threads refuse this visitor", report.refused)?;
    }
    if report.missing > 0 {
        writeln!(out, "{} boards or threads are listed but do not exist", report.missing)?;
    }
    if report.limited {
        writeln!(out, "ended by a limit; the next crawl goes on from here")?;
    }
    out.flush()?;
    for (title, got, counted) in report.short.iter().take(LISTED) {
        output::note(format!("{title}: {got} posts read, {counted} counted by the forum"));
    }
    if report.short.len() > LISTED {
        output::note(format!("and {} more threads that fall short", report.short.len() - LISTED));
    }
    for p in report.problems.iter().take(LISTED) {
        output::note(p);
    }
    if report.problem_count > LISTED as u64 {
        output::note(format!("and {} more problems", report.problem_count - LISTED as u64));
    }
    if report.health != Health::Good {
        let page = kept.map_or_else(String::new, |k| format!("; the page is kept in {k}"));
        output::note(format!("state of the forum: {}{page}", serde_json::to_string(&report.health)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        for (text, expect) in [("+3", 10800), ("8", 28800), ("-05:30", -19800), ("+0800", 28800)] {
            assert_eq!(zone(text).unwrap(), expect, "{text}");
        }
        for text in ["", "east", "+25", "+3:99"] {
            assert!(zone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cookies_of_the_host_only() {
        let text = "# Netscape HTTP Cookie File\n\
            .forum.example\tTRUE\t/\tFALSE\t0\tsid\tabc\n\
            #HttpOnly_www.forum.example\tFALSE\t/\tTRUE\t0\tkey\tx=y\n\
            other.example\tFALSE\t/\tFALSE\t0\tno\tno\n";
        assert_eq!(
            cookies(text, "www.forum.example"),
            [("sid".to_owned(), "abc".to_owned()), ("key".to_owned(), "x=y".to_owned())]
        );
    }
}
