//! `search`: full text over the posts of the store.

use super::{Setting, analyze};
use crate::cli::Search;
use crate::output::{self, fit};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;
use tm_model::{Post, Timestamp, mask_secrets};
use tm_search::{Facets, Hits};
use tm_store::{PostFilter, Store};

/// Values of each facet in the note below the hits.
const NOTED: usize = 5;

pub fn run(setting: &Setting, options: &Search) -> anyhow::Result<ExitCode> {
    let query = options.query.join(" ");
    // A query that cannot be read is told before a store is opened.
    tm_search::understand(&query).map_err(tm_search::SearchError::from)?;
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let index = analyze::index(setting, &*store).await?;
        let limit = if options.facets { 0 } else { options.limit };
        let (forum, lang) = (options.forum.as_deref(), options.lang.as_deref());
        let hits = index.search(&query, forum, lang, options.offset, limit)?;
        let mut out = output::stdout();
        if options.facets {
            facets(&mut out, &hits, options.json)?;
        } else {
            posts(&mut out, &*store, &hits, options.json).await?;
        }
        out.flush()?;
        if hits.total == 0 {
            output::note(format!("nothing found; understood as: {}", hits.parsed));
            return Ok(ExitCode::from(1));
        }
        if !options.json && !options.facets && !setting.global.quiet {
            output::note(format!("{} of {} posts; {}", hits.posts.len(), hits.total, summary(&hits.facets)));
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn posts(out: &mut impl Write, store: &dyn Store, hits: &Hits, json: bool) -> anyhow::Result<()> {
    let rows = store.posts(&PostFilter { ids: Some(hits.posts.clone()), ..PostFilter::default() }).await?;
    let by_id: HashMap<i64, &Post> = rows.iter().map(|p| (p.id, p)).collect();
    let threads: HashMap<i64, _> = store
        .threads(&rows.iter().map(|p| p.thread_id).collect::<Vec<_>>())
        .await?
        .into_iter()
        .map(|t| (t.id, t))
        .collect();
    let ids = rows.iter().filter_map(|p| p.account_id).collect();
    let (_, accounts) = store.accounts(&PostFilter { ids: Some(ids), ..PostFilter::default() }).await?;
    let names: HashMap<i64, String> = accounts.into_iter().map(|a| (a.id, a.name)).collect();
    for p in hits.posts.iter().filter_map(|id| by_id.get(id)) {
        let thread = threads.get(&p.thread_id);
        let author = p.account_id.and_then(|a| names.get(&a)).map_or("?", String::as_str);
        let text = mask_secrets(&p.text);
        if json {
            let spans: Vec<_> =
                hits.words.spans(&text).iter().map(|s| json!({"start": s.start, "end": s.end})).collect();
            output::json_line(
                out,
                &json!({"post": p.id, "external_id": p.external_id, "forum": thread.map(|t| &t.forum),
                "board": thread.and_then(|t| t.board.as_ref()), "thread": thread.map(|t| &t.title), "author": author,
                "time": p.time, "text": text, "spans": spans}),
            )?;
        } else {
            let piece: String =
                tm_search::snippet(&text, &hits.words, 150).into_iter().map(|s| s.0).collect();
            writeln!(
                out,
                "{}  {:<16} {}\n    {}",
                p.time.map(Timestamp::day).unwrap_or_else(|| "?".into()),
                fit(author, 16),
                fit(thread.map_or("", |t| t.title.as_str()), 100),
                fit(&piece, 160)
            )?;
        }
    }
    Ok(())
}

fn lists(f: &Facets) -> [(&'static str, &[(String, u64)]); 4] {
    [("forum", &f.forums), ("lang", &f.languages), ("month", &f.months), ("type", &f.types)]
}

fn facets(out: &mut impl Write, hits: &Hits, json: bool) -> anyhow::Result<()> {
    if json {
        let all: serde_json::Map<String, serde_json::Value> = lists(&hits.facets)
            .iter()
            .map(|(name, list)| {
                let values = list.iter().map(|(v, n)| json!({"value": v, "count": n})).collect();
                ((*name).to_owned(), serde_json::Value::Array(values))
            })
            .collect();
        return output::json_line(out, &json!({"total": hits.total, "parsed": hits.parsed, "facets": all}));
    }
    writeln!(out, "{} posts: {}", hits.total, hits.parsed)?;
    for (name, list) in lists(&hits.facets) {
        writeln!(out, "{name}")?;
        for (value, n) in list {
            writeln!(out, "  {:<30} {n}", fit(value, 30))?;
        }
    }
    Ok(())
}

/// The strongest values of each facet, on one line.
fn summary(f: &Facets) -> String {
    let parts: Vec<String> = lists(f)
        .iter()
        .filter(|(name, list)| *name != "month" && list.len() > 1)
        .map(|(name, list)| {
            let values: Vec<String> =
                list.iter().take(NOTED).map(|(v, n)| format!("{} {n}", fit(v, 30))).collect();
            format!("{name}: {}", values.join(", "))
        })
        .collect();
    if parts.is_empty() { "--facets counts them".to_owned() } else { parts.join("; ") }
}
