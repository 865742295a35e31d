//! `analyze`: extraction over what is pending, then fusion and ranking.

use super::{Setting, persons::Persons};
use crate::cli::Analyze;
use crate::{output, progress, role};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tm_extract::Analyzer;
use tm_graph::rank::PostFacts;
use tm_graph::{communities, fields, fuse, rank, words};
use tm_search::{Document, Index};
use tm_store::{PostFilter, StandingRow, Store};

/// Posts that are made pending in one transaction.
const FORGET: u32 = 20_000;

/// What a run did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    pub posts: u64,
    /// Posts that cannot be analysed.
    pub set_aside: u64,
    pub seconds: f64,
    pub threats: usize,
    pub accounts: usize,
}

pub fn run(setting: &Setting, options: &Analyze) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let analyzer = Arc::new(setting.analyzer()?);
        if options.again {
            store.set_fact("again", "yes").await?;
        }
        let done = analyze(setting, &store, &analyzer).await?;
        index(setting, &*store).await?;
        let mut out = output::stdout();
        if options.json {
            output::json_line(&mut out, &json!({"posts": done.posts, "seconds": done.seconds,
                "set_aside": done.set_aside, "posts_per_second": done.posts as f64 / done.seconds.max(1e-9), "threats": done.threats, "accounts": done.accounts}))?;
        } else {
            writeln!(out, "{} posts analysed ({:.0}/s), {} threat events, {} accounts ranked",
                done.posts, done.posts as f64 / done.seconds.max(1e-9), done.threats, done.accounts)?;
        }
        out.flush()?;
        if done.set_aside > 0 {
            output::note(format!("{} posts cannot be analysed and were set aside; doctor lists them", done.set_aside));
        }
        Ok(if done.set_aside > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
    })
}

/// Analyses what is pending, then draws the conclusions if anything changed.
pub async fn analyze(
    setting: &Setting,
    store: &Arc<dyn Store>,
    analyzer: &Arc<Analyzer>,
) -> anyhow::Result<Done> {
    let started = std::time::Instant::now();
    // Asked to do all again: the posts behind `again_from` still count as done, also after a kill.
    if store.fact("again").await?.as_deref() == Some("yes") {
        store.release_quarantine().await?;
        let mut after = store.fact("again_from").await?.and_then(|s| s.parse().ok()).unwrap_or(0);
        while let Some(last) = store.forget_analyses(after, FORGET).await? {
            after = last;
            store.set_fact("again_from", &after.to_string()).await?;
        }
        store.set_fact("again_from", "0").await?;
        store.set_fact("again", "no").await?;
    }
    let bar = progress::bar(store.pending(analyzer.version()).await?, "analysing", setting.global.quiet);
    let (posts, set_aside) = role::drain(store, analyzer, |n| bar.set_position(n)).await?;
    bar.finish_and_clear();
    let mut done = Done { posts, set_aside, ..Done::default() };
    done.seconds = started.elapsed().as_secs_f64();
    if done.posts > 0 || !is_concluded(&**store).await? {
        (done.threats, done.accounts, _) = conclude(&**store).await?;
    } else {
        let counts = store.counts().await?;
        (done.threats, done.accounts) = (counts.threats as usize, counts.accounts as usize);
    }
    Ok(done)
}

/// Whether ranking and fusion have seen the newest analyses.
pub async fn is_concluded(store: &dyn Store) -> anyhow::Result<bool> {
    Ok(store.fact("concluded").await?.as_deref() == Some("yes"))
}

/// Draws the conclusions; returns the number of threat events and of ranked accounts, and whether they are current: an analysis
/// that was written meanwhile takes the mark away, and the next run sees it.
pub async fn conclude(store: &dyn Store) -> anyhow::Result<(usize, usize, bool)> {
    let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mark = format!("under way since {} by {}", begun.as_nanos(), std::process::id());
    store.set_fact("concluded", &mark).await?;
    let (threats, accounts) = rank_and_fuse(store).await?;
    Ok((threats, accounts, store.swap_fact("concluded", &mark, "yes").await?))
}

/// Ranking, then fusion: how serious an event is depends on who speaks of it.
async fn rank_and_fuse(store: &dyn Store) -> anyhow::Result<(usize, usize)> {
    let interactions = store.interactions().await?;
    let mut bits: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
    for i in &interactions {
        let kinds: Vec<_> = i.events.iter().map(|e| e.0).collect();
        if let Some(account) = i.account_id {
            bits.entry(account).or_default().push(fields::fields_of(&i.text, &kinds));
        }
    }
    let before = known_accounts(store).await?;
    let mut persons = Persons::read(&interactions, &before, store.identifiers().await?);
    let mut background = words::count(interactions.iter().map(|i| i.text.as_str()));
    // Words of a single post say nothing of a language; without them the table stays small.
    background.retain(|_, n| *n > 1);
    store.set_fact("background", &serde_json::to_string(&background)?).await?;
    let facts: Vec<PostFacts> = interactions
        .into_iter()
        .filter_map(|i| {
            Some(PostFacts {
                account: i.account_id?,
                thread: i.thread_id,
                starts: i.starts,
                time: i.time,
                length: i.length,
                relevance: i.relevance,
                indicators: i.indicators,
                events: i.events,
                answers: i.answers,
                quotes: i.quotes,
                mentions: i.mentions,
            })
        })
        .collect();
    let ranked = rank::rank(&facts)?;
    let mut history = rank::history(&facts)?;
    let standing: BTreeMap<i64, f64> = ranked.iter().map(|r| (r.account, r.score)).collect();
    let now: BTreeMap<i64, u32> = ranked.iter().map(|r| (r.account, r.community)).collect();
    let past = before.iter().filter_map(|(id, a)| Some((*id, a.standing.as_ref()?.community?))).collect();
    let next = store.fact("next_community").await?.and_then(|n| n.parse().ok()).unwrap_or(0);
    let (community, next) = communities::stable(&past, &now, next);
    store.set_fact("next_community", &next.to_string()).await?;
    let of = ranked.len().max(1) as f64;
    let rows: Vec<StandingRow> = ranked
        .into_iter()
        .map(|r| {
            let played = persons.roles(r.account, r.spread, 1.0 - f64::from(r.rank) / of);
            let radar = fields::radar(bits.get(&r.account).map(Vec::as_slice).unwrap_or_default());
            let mut strongest: Vec<(String, f64, u32)> =
                fields::FIELDS.iter().zip(radar).map(|(f, (n, share))| ((*f).to_owned(), share, n)).collect();
            strongest.retain(|f| f.2 > 0);
            strongest.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            StandingRow {
                account_id: r.account,
                fields: strongest.into_iter().map(|f| (f.0, f.1)).collect(),
                history: history.remove(&r.account).unwrap_or_default(),
                answers: r.answers,
                community: community.get(&r.account).copied(),
                roles: played,
                standing: tm_model::Standing {
                    rank: r.rank,
                    account: r.account.to_string(),
                    score: r.score,
                    parts: r.parts,
                },
            }
        })
        .collect();
    store.replace_standings(&rows).await?;
    store.replace_aliases(&persons.aliases()).await?;
    let names: BTreeMap<i64, String> = before.into_iter().map(|(id, a)| (id, a.name)).collect();
    let threats = fuse::fuse(&store.mentions().await?, &standing, &names);
    store.replace_threats(&threats).await?;
    Ok((threats.len(), rows.len()))
}

async fn known_accounts(store: &dyn Store) -> anyhow::Result<BTreeMap<i64, tm_store::AccountRow>> {
    let (_, accounts) = store.accounts(&PostFilter::default()).await?;
    Ok(accounts.into_iter().map(|a| (a.id, a)).collect())
}

/// Posts that are indexed together.
const INDEX_BATCH: u32 = 20_000;

/// Opens the search index beside the store and adds what it lacks.
pub async fn index(setting: &Setting, store: &dyn Store) -> anyhow::Result<Arc<Index>> {
    let index = Arc::new(Index::open(&setting.index_folder())?);
    loop {
        let after = index.covers();
        let posts = store
            .posts(&PostFilter { after: Some(after), limit: INDEX_BATCH, ..PostFilter::default() })
            .await?;
        if posts.is_empty() {
            return Ok(index);
        }
        let mut threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
        let mut accounts: Vec<i64> = posts.iter().filter_map(|p| p.account_id).collect();
        for ids in [&mut threads, &mut accounts] {
            ids.sort_unstable();
            ids.dedup();
        }
        let threads: BTreeMap<i64, _> =
            store.threads(&threads).await?.into_iter().map(|t| (t.id, t)).collect();
        let (_, rows) = store.accounts(&PostFilter { ids: Some(accounts), ..PostFilter::default() }).await?;
        let names: BTreeMap<i64, String> = rows.into_iter().map(|a| (a.id, a.name)).collect();
        let documents: Vec<Document> = posts
            .into_iter()
            .map(|p| {
                let thread = threads.get(&p.thread_id);
                Document {
                    id: p.id,
                    language: p.language.unwrap_or_else(|| tm_extract::detect_language(&p.text)).to_string(),
                    text: p.text,
                    title: thread.map(|t| t.title.clone()).unwrap_or_default(),
                    forum: thread.map(|t| t.forum.clone()).unwrap_or_default(),
                    board: thread.and_then(|t| t.board.clone()).unwrap_or_default(),
                    author: p.account_id.and_then(|a| names.get(&a).cloned()).unwrap_or_default(),
                    time: p.time,
                }
            })
            .collect();
        let target = Arc::clone(&index);
        tokio::task::spawn_blocking(move || target.add(&documents)).await??;
    }
}
