//! `crawl`: a forum over the network into the store.

use super::Setting;
use crate::cli::Crawl;
use crate::collection::{Lock, Record, Source, memory};
use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use tm_collect::crawl::{Crawler, Hand, Health, Report};

/// Problems that are listed in words.
const LISTED: usize = 10;

pub fn run(setting: &Setting, options: &Crawl) -> anyhow::Result<ExitCode> {
    let source = source(options);
    let (manners, mut plan) = (source.manners()?, source.plan(Hand::default())?);
    plan.again = options.again;
    plan.dry = options.dry_run;
    let hand = plan.hand.clone();
    setting.runtime()?.block_on(async {
        let folder = setting.crawl_folder();
        let Some(_lock) = Lock::take(&folder, &source.url)? else {
            anyhow::bail!(
                "another crawl of {} runs on this store",
                source.url.host_str().unwrap_or("this host")
            );
        };
        let store = setting.open_store().await?;
        let mut record = Record::new(store.clone(), folder, &source.url, source.name.as_deref());
        let crawler = match Crawler::find(&source.url, manners, plan).await {
            Ok(crawler) => crawler,
            Err(e) => {
                if !options.dry_run
                    && let Some(page) = record.failed(&e).await?
                {
                    output::note(format!("the page is kept in {}", page.display()));
                }
                return Err(e.into());
            }
        };
        let forum = source.name.clone().unwrap_or_else(|| crawler.found.forum.clone());
        if !setting.global.quiet {
            let member = crawler
                .found
                .member
                .as_deref()
                .map_or_else(|| "as a guest".to_owned(), |m| format!("as {m}"));
            output::note(format!("{forum}: {} forum, {member}", crawler.found.engine));
        }
        if !options.dry_run {
            record.begins(&crawler.found, &forum, source.name.is_some()).await?;
        }
        let bar = bar(setting.global.quiet);
        let started = std::time::Instant::now();
        let crawl = crawler.run(&forum, memory(store, &forum), |r| {
            bar.set_message(format!(
                "{} posts, {} threads, {} requests",
                r.new + r.known + r.changed,
                r.threads,
                r.requests
            ));
            bar.tick();
        });
        tokio::pin!(crawl);
        let report = tokio::select! {
            report = &mut crawl => report?,
            // What is stored is whole: an interrupt ends the crawl with its report.
            () = super::serve::stop() => {
                hand.stop();
                crawl.await?
            }
        };
        bar.finish_and_clear();
        let kept = if options.dry_run { None } else { record.ends(&report).await? };
        print(options, &report, started.elapsed(), kept.map(|k| k.display().to_string()).as_deref())?;
        Ok(if report.whole() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    })
}

/// The options as a source of the configuration.
fn source(o: &Crawl) -> Source {
    Source {
        url: o.url.clone(),
        name: o.forum.clone(),
        schedule: None,
        engine: o.engine.clone(),
        selectors: o.selectors.clone(),
        login: o.login.clone(),
        password_file: o.password_file.clone(),
        password_env: None,
        cookies: o.cookies.clone(),
        as_guest: o.as_guest,
        proxy: o.proxy.clone(),
        delay: o.delay,
        parallel: o.parallel,
        boards: o.board.clone(),
        since: o.since.clone(),
        max_requests: o.max_requests,
        max_posts: o.max_posts,
        max_minutes: o.max_minutes,
        zone: o.zone.clone(),
        day_first: o.day_first,
        ignore_robots: o.ignore_robots,
        allow_private: o.allow_private,
        user_agent: o.user_agent.clone(),
    }
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
            let threads =
                if *threads == Some(1) { "1 thread".into() } else { format!("{} threads", number(threads)) };
            writeln!(out, "{title}: {threads}, {} posts", number(posts))?;
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
        writeln!(out, "ended early; the next crawl goes on from here")?;
    }
    out.flush()?;
    for (title, got, counted) in report.short.iter().take(LISTED) {
        output::note(format!("{title}: {got} posts read, {counted} counted by the forum"));
    }
    if report.short_count > LISTED as u64 {
        output::note(format!("and {} more threads that fall short", report.short_count - LISTED as u64));
    }
    for b in report.boards_short.iter().take(LISTED) {
        let of = |got: u64, counted: Option<u64>| {
            counted.map_or_else(|| got.to_string(), |c| format!("{got} of {c}"))
        };
        output::note(format!(
            "board {}: {} threads and {} posts that the forum counts were read",
            b.board,
            of(b.threads, b.threads_counted),
            of(b.posts, b.posts_counted)
        ));
    }
    if report.boards_short.len() > LISTED {
        output::note(format!("and {} more boards that fall short", report.boards_short.len() - LISTED));
    }
    for id in &report.boards_unknown {
        output::note(format!(
            "no list shows a board {id}: is it spelt as in the forum's addresses? a board inside another one is named by its address"
        ));
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
