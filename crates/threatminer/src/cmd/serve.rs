//! `serve`: web page and API; collects from the sources of the configuration, analyses what arrives.

use super::{Setting, analyze};
use crate::cli::Serve;
use crate::collection::collector;
use crate::output;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tm_extract::Analyzer;
use tm_server::AppState;
use tm_store::Store;

/// How often the store is asked for new posts.
const PAUSE: Duration = Duration::from_secs(3);

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
        enrichment: Arc::new(setting.config.enrichment.open()?),
    };
    let address = listen.unwrap_or(setting.config.server.listen);
    let quiet = Setting {
        global: crate::cli::Global { quiet: true, ..setting.global.clone() },
        config: setting.config.clone(),
    };
    let for_sources = Arc::clone(&store);
    let for_alerts = Arc::clone(&store);
    let alerts = super::alerts::courier(setting)?;
    let work = async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let round = async {
                if store.pending(analyzer.version()).await? > 0 {
                    let done = analyze::analyze(&quiet, &*store, &analyzer).await?;
                    tracing::info!(posts = done.posts, threats = done.threats, "analysed new posts");
                }
                super::alerts::judge(&*store).await?;
                anyhow::Ok(())
            };
            if let Err(error) = round.await {
                // The page goes on with what is there; the next round tries again.
                tracing::warn!(%error, "analysis of new posts failed");
            }
        }
    };
    let worker = tokio::spawn(work);
    let courier = tokio::spawn(async move { super::alerts::bring(&alerts, &for_alerts).await });
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
    // What is under way is tried again at the next start.
    courier.abort();
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
