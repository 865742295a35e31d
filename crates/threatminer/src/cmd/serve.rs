//! `serve`: web page and API; collects from the sources of the configuration, analyses what arrives.

use super::{Setting, analyze};
use crate::cli::Serve;
use crate::collection::collector;
use crate::output;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_extract::Analyzer;
use tm_server::{AppState, fusion};
use tm_store::Store;

/// How often the store is asked for new posts.
const PAUSE: Duration = Duration::from_secs(3);

/// Conclusions may take one part of the time in so many; threat events follow new posts without them.
const SHARE: u32 = 10;

/// How long crawls may take to end when the program is asked to.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn run(setting: &Setting, options: &Serve) -> anyhow::Result<ExitCode> {
    // A source that cannot work is told now, not at its first turn.
    for source in &setting.config.sources {
        source.check()?;
    }
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let analyzer = Arc::new(setting.analyzer()?);
        serve(setting, store, analyzer, options.listen).await
    })
}

/// Serves until interrupted.
pub async fn serve(
    setting: &Setting,
    store: Arc<dyn Store>,
    analyzer: Arc<Analyzer>,
    listen: Option<SocketAddr>,
) -> anyhow::Result<ExitCode> {
    let index = analyze::index(setting, &*store).await?;
    let state = AppState {
        store: Arc::clone(&store),
        index: Some(index),
        model: analyzer.version().to_owned(),
        analyzer: Some(Arc::clone(&analyzer)),
    };
    let address = listen.unwrap_or(setting.config.server.listen);
    let quiet = Setting {
        global: crate::cli::Global { quiet: true, ..setting.global.clone() },
        config: setting.config.clone(),
    };
    let for_sources = Arc::clone(&store);
    let work = async move {
        let mut watch = None;
        // When conclusions may be drawn next: ranking everything must not keep a busy store from being read.
        let mut due = Instant::now();
        loop {
            tokio::time::sleep(PAUSE).await;
            let round = async {
                if store.pending(analyzer.version()).await? > 0 {
                    let done = analyze::extract(&quiet, &*store, &analyzer, &mut watch).await?;
                    tracing::info!(posts = done.posts, "analysed new posts");
                }
                let behind = store.fact("concluded").await?.as_deref() != Some("yes");
                if !behind && watch.is_none() {
                    // Nothing is new: fusion alone is enough to go on from.
                    watch = Some(fusion::refuse(&*store, fusion::context(&*store).await?).await?.0);
                } else if behind && Instant::now() >= due {
                    let started = Instant::now();
                    let (following, threats, accounts) = analyze::conclude(&*store).await?;
                    watch = Some(following);
                    due = Instant::now() + started.elapsed() * SHARE;
                    tracing::info!(threats, accounts, "drew conclusions");
                }
                anyhow::Ok(())
            };
            if let Err(error) = round.await {
                watch = None;
                // The page goes on with what is there; the next round tries again.
                tracing::warn!(%error, "analysis of new posts failed");
            }
        }
    };
    let worker = tokio::spawn(work);
    let (halt, halted) = tokio::sync::watch::channel(false);
    let sources = setting.config.sources.clone();
    if !sources.is_empty() {
        output::note(format!("collecting from {} sources", sources.len()));
    }
    let collector = tokio::spawn(collector::collect(for_sources, setting.crawl_folder(), sources, halted));
    let ready = |address: SocketAddr| {
        output::note(format!("serving on http://{address} (stop with Ctrl-C)"));
    };
    let result = tm_server::serve(address, state, ready, stop()).await;
    worker.abort();
    // Crawls end with the batch that they are at and write how far they are.
    let _ = halt.send(true);
    if tokio::time::timeout(PATIENCE, collector).await.is_err() {
        tracing::warn!("collection did not end in time; it goes on at the next start");
    }
    result?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves on Ctrl-C or a polite kill.
pub async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} },
        Err(_) => {
            // Without a handler Ctrl-C alone has to do.
            let _ = interrupt.await;
        }
    }
}
