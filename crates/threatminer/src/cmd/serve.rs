//! `serve`: web page and API; collects from the sources of the configuration, analyses what arrives.

use super::worker::Cluster;
use super::{Setting, analyze};
use crate::cli::{Serve, ServeRole};
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

/// Between two conclusions while posts keep arriving.
const CONCLUDE: Duration = Duration::from_secs(120);

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
        serve(setting, store, analyzer, options.listen, &options.with).await
    })
}

/// Serves until interrupted.
pub async fn serve(
    setting: &Setting,
    store: Arc<dyn Store>,
    analyzer: Arc<Analyzer>,
    listen: Option<SocketAddr>,
    with: &[ServeRole],
) -> anyhow::Result<ExitCode> {
    let index = analyze::index(setting, &*store).await?;
    let state =
        AppState { store: Arc::clone(&store), index: Some(index), model: analyzer.version().to_owned() };
    let address = listen.unwrap_or(setting.config.server.listen);
    let quiet = Setting {
        global: crate::cli::Global { quiet: true, ..setting.global.clone() },
        config: setting.config.clone(),
    };
    let ready = |address: SocketAddr| {
        output::note(format!("serving on http://{address} (stop with Ctrl-C)"));
    };
    if setting.config.cluster.queue.is_some() {
        // Analysis and collection are other processes' work, unless they are asked for here.
        let mut cluster = Cluster::open(setting, store).await?;
        for role in with {
            match role {
                ServeRole::Worker => cluster.worker(Arc::clone(&analyzer), 2),
                ServeRole::Analyst => cluster.analyst(analyzer.version().to_owned(), CONCLUDE),
            }
        }
        let mut served = Ok(());
        let page = async { served = tm_server::serve(address, state, ready, stop()).await };
        cluster.run(None, page).await?;
        served?;
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::ensure!(with.is_empty(), "--with needs a queue: without one this process does all of it anyway");
    let for_sources = Arc::clone(&store);
    let work = async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let round = async {
                if store.pending(analyzer.version()).await? > 0 {
                    let done = analyze::analyze(&quiet, &store, &analyzer).await?;
                    tracing::info!(posts = done.posts, threats = done.threats, "analysed new posts");
                }
                anyhow::Ok(())
            };
            if let Err(error) = round.await {
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
    let collector =
        tokio::spawn(collector::collect(for_sources, None, setting.crawl_folder(), sources, halted));
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
