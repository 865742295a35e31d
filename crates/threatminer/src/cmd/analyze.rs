//! `analyze`: extraction over what is pending, then fusion and ranking.

use super::{Setting, persons::Persons};
use crate::cli::Analyze;
use crate::{output, progress};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tm_extract::Analyzer;
use tm_graph::{communities, fields, fuse, rank, words};
use tm_server::fusion::{self, Watch};
use tm_server::gather::post_facts;
use tm_store::{Analyzed, PostFilter, StandingRow, Store};

pub use crate::indexing::bring_up_to_date as index;

/// Posts of one transaction.
const BATCH: u32 = 512;

/// What a run did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    pub posts: u64,
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
        let done = analyze(setting, &*store, &analyzer).await?;
        index(setting, &*store).await?;
        let mut out = output::stdout();
        if options.json {
            output::json_line(&mut out, &json!({"posts": done.posts, "seconds": done.seconds,
                "posts_per_second": done.posts as f64 / done.seconds.max(1e-9), "threats": done.threats, "accounts": done.accounts}))?;
        } else {
            writeln!(out, "{} posts analysed ({:.0}/s), {} threat events, {} accounts ranked",
                done.posts, done.posts as f64 / done.seconds.max(1e-9), done.threats, done.accounts)?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Analyses what is pending, then draws the conclusions if anything changed.
pub async fn analyze(setting: &Setting, store: &dyn Store, analyzer: &Arc<Analyzer>) -> anyhow::Result<Done> {
    let mut done = extract(setting, store, analyzer, &mut None).await?;
    if done.posts > 0 || store.fact("concluded").await?.as_deref() != Some("yes") {
        (_, done.threats, done.accounts) = conclude(store).await?;
    } else {
        let counts = store.counts().await?;
        (done.threats, done.accounts) = (counts.threats as usize, counts.accounts as usize);
    }
    Ok(done)
}

/// Analyses what is pending. Threat events follow each batch at once where a watch is given; one that cannot follow, because
/// a post was analysed before, is dropped.
pub async fn extract(
    setting: &Setting,
    store: &dyn Store,
    analyzer: &Arc<Analyzer>,
    watch: &mut Option<Watch>,
) -> anyhow::Result<Done> {
    let started = std::time::Instant::now();
    let version = analyzer.version().to_owned();
    // Asked to do all again: the posts behind `again_from` are still to be done, also after a kill.
    let mut after = 0i64;
    let again = store.fact("again").await?.as_deref() == Some("yes");
    let pending = if again { store.counts().await?.posts } else { store.pending(&version).await? };
    if again {
        after = store.fact("again_from").await?.and_then(|s| s.parse().ok()).unwrap_or(0);
    }
    let bar = progress::bar(pending, "analysing", setting.global.quiet);
    let mut done = Done::default();
    loop {
        let posts = if again {
            store.posts(&PostFilter { after: Some(after), limit: BATCH, ..PostFilter::default() }).await?
        } else {
            store.next_pending(&version, after, BATCH).await?
        };
        let Some(last) = posts.last().map(|p| p.id) else { break };
        let worker = Arc::clone(analyzer);
        let (posts, found) = tokio::task::spawn_blocking(move || {
            let texts: Vec<&str> = posts.iter().map(|p| p.text.as_str()).collect();
            let mut found = worker.analyze_all(&texts);
            for (post, analysis) in posts.iter().zip(&mut found) {
                analysis.entities.extend(worker.linked(&post.text, &post.links));
            }
            (posts, found)
        })
        .await?;
        let batch: Vec<Analyzed> =
            posts.iter().zip(found).map(|(p, analysis)| Analyzed { post_id: p.id, analysis }).collect();
        store.store_analyses(&version, &batch).await?;
        if let Some(mut following) = watch.take() {
            let ids: Vec<i64> = batch.iter().map(|a| a.post_id).collect();
            if following.follow(store, &ids).await?.is_some() {
                *watch = Some(following);
            }
        }
        after = last;
        if again {
            store.set_fact("again_from", &after.to_string()).await?;
        }
        done.posts += batch.len() as u64;
        bar.inc(batch.len() as u64);
    }
    if again {
        store.set_fact("again_from", "0").await?;
        store.set_fact("again", "no").await?;
    }
    bar.finish_and_clear();
    done.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

/// Ranking, then fusion: how serious an event is depends on who speaks of it. What follows new posts from here on, and the
/// numbers of threat events and accounts.
pub async fn conclude(store: &dyn Store) -> anyhow::Result<(Watch, usize, usize)> {
    // What comes meanwhile (a correction, new analyses by another process) says no again; a kill leaves a word that is no yes.
    store.set_fact("concluded", DRAWING).await?;
    let done = conclusions(store).await?;
    if store.fact("concluded").await?.as_deref() == Some(DRAWING) {
        store.set_fact("concluded", "yes").await?;
    }
    Ok(done)
}

/// The fact `concluded` while conclusions are drawn.
const DRAWING: &str = "drawing";

async fn conclusions(store: &dyn Store) -> anyhow::Result<(Watch, usize, usize)> {
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
    let facts = post_facts(interactions);
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
    let context = fuse::Context { standing, names, labels: store.labels(None).await? };
    let (watch, threats) = fusion::refuse(store, context).await?;
    Ok((watch, threats, rows.len()))
}

async fn known_accounts(store: &dyn Store) -> anyhow::Result<BTreeMap<i64, tm_store::AccountRow>> {
    let (_, accounts) = store.accounts(&PostFilter::default()).await?;
    Ok(accounts.into_iter().map(|a| (a.id, a)).collect())
}
