//! `serve`: web page and API; collects from the sources of the configuration, analyses what arrives.

use super::{Setting, analyze};
use crate::cli::Serve;
use crate::collection::collector;
use crate::{indexing, output};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_extract::Analyzer;
use tm_server::{AppState, Options, Ready, TlsFiles, fusion};
use tm_store::Store;

/// How often the store is asked for new posts.
const PAUSE: Duration = Duration::from_secs(3);

/// Conclusions may take one part of the time in so many; threat events follow new posts without them.
const SHARE: u32 = 10;

/// How long crawls may take to end when the program is asked to.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn run(setting: &Setting, options: &Serve) -> anyhow::Result<ExitCode> {
    if options.openapi {
        let mut out = output::stdout();
        serde_json::to_writer_pretty(&mut out, &tm_server::openapi()).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    // A source that cannot work is told now, not at its first turn.
    for source in &setting.config.sources {
        source.check()?;
    }
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let analyzer = Arc::new(setting.analyzer()?);
        serve(setting, store, analyzer, how(setting, options)?).await
    })
}

/// Where and how to serve: the options, else the configuration.
fn how(setting: &Setting, options: &Serve) -> anyhow::Result<Options> {
    let configured = &setting.config.server;
    let certificate = options.tls_cert.clone().or_else(|| configured.tls_cert.clone());
    let key = options.tls_key.clone().or_else(|| configured.tls_key.clone());
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => None,
        _ => anyhow::bail!("TLS needs both a certificate and its key"),
    };
    let hosts = configured.allow_hosts.iter().chain(&options.allow_host).cloned().collect();
    Ok(Options { address: options.listen.unwrap_or(configured.listen), hosts, tls })
}

/// How the demo serves: at the address of the configuration unless another is named.
pub fn plainly(setting: &Setting, listen: Option<SocketAddr>) -> Options {
    Options { address: listen.unwrap_or(setting.config.server.listen), hosts: Vec::new(), tls: None }
}

/// Says where the server is, and what whoever started it should know.
fn announce(ready: &Ready, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    let url = format!("{scheme}://{}", ready.address);
    output::note(format!("serving on {url} (stop with Ctrl-C)"));
    let loopback = ready.address.ip().is_loopback();
    if let Some(secret) = &ready.setup {
        let must = if loopback { "to have logins, make" } else { "nobody can log in yet; make" };
        output::note(format!("{must} the administrator with this link, once: {url}/#/setup?token={secret}"));
    }
    if !loopback && !tls {
        output::note(format!(
            "warning: {} is reached from other machines and nothing is encrypted: passwords and findings can be read on the way; \
             use --tls-cert and --tls-key, or a proxy that speaks TLS",
            ready.address
        ));
    }
}

/// Serves until interrupted.
pub async fn serve(
    setting: &Setting,
    store: Arc<dyn Store>,
    analyzer: Arc<Analyzer>,
    options: Options,
) -> anyhow::Result<ExitCode> {
    let index = indexing::open(setting)?;
    let keeper = tokio::spawn(indexing::keep(Arc::clone(&store), Arc::clone(&index)));
    let mut state =
        AppState::new(Arc::clone(&store), Some(Arc::clone(&index)), analyzer.version().to_owned());
    state.analyzer = Some(Arc::clone(&analyzer));
    state.enrichment = Arc::new(setting.config.enrichment.open()?);
    let tls = options.tls.is_some();
    let quiet = Setting {
        global: crate::cli::Global { quiet: true, ..setting.global.clone() },
        config: setting.config.clone(),
    };
    let for_sources = Arc::clone(&store);
    let for_alerts = Arc::clone(&store);
    let alerts = super::alerts::courier(setting)?;
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
                super::alerts::judge(&*store).await?;
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
    let courier = tokio::spawn(async move { super::alerts::bring(&alerts, &for_alerts).await });
    let (halt, halted) = tokio::sync::watch::channel(false);
    let sources = setting.config.sources.clone();
    if !sources.is_empty() {
        output::note(format!("collecting from {} sources", sources.len()));
    }
    let collector = tokio::spawn(collector::collect(for_sources, setting.crawl_folder(), sources, halted));
    let result = tm_server::serve(options, state, |ready| announce(ready, tls), stop()).await;
    worker.abort();
    keeper.abort();
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
