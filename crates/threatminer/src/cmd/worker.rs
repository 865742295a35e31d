//! `worker`, `collector`, `analyst`: the roles of a cluster as processes.

use super::{Setting, serve};
use crate::cli;
use crate::collection::collector;
use crate::output;
use crate::role::{self, Outlet, Tally, Worker};
use anyhow::Context;
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tm_store::{NatsOptions, NatsQueue, SqliteStore, Store, WorkQueue};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long work in hand may take to end when the program is asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes lines of the metrics.
type Gauge = Box<dyn Fn(&mut String) + Send + Sync>;

/// What the roles of one process share.
pub struct Cluster {
    pub store: Arc<dyn Store>,
    pub queue: Arc<NatsQueue>,
    halted: watch::Receiver<bool>,
    halt: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// What is shown of the roles.
    gauges: Vec<Gauge>,
}

impl Setting {
    /// Connects to the queue of the configuration.
    ///
    /// # Errors
    /// When there is none, or it cannot be reached.
    pub async fn open_queue(&self) -> anyhow::Result<NatsQueue> {
        let c = &self.config.cluster;
        let url = c.queue.as_deref().context(
            "this role needs a queue: write [cluster] with queue = \"nats://…\" into the configuration, or name it by --queue",
        )?;
        let lease = Duration::from_secs(c.lease_seconds.max(1));
        let options = NatsOptions {
            prefix: c.prefix.clone().unwrap_or_else(|| NatsOptions::default().prefix),
            patience: lease,
            window: lease,
            replicas: c.replicas.max(1),
        };
        Ok(NatsQueue::connect(url, options).await?)
    }
}

impl Cluster {
    /// Connects to store and queue.
    pub async fn open(setting: &Setting, store: Arc<dyn Store>) -> anyhow::Result<Cluster> {
        let queue = Arc::new(setting.open_queue().await?);
        let (halt, halted) = watch::channel(false);
        Ok(Cluster { store, queue, halted, halt, tasks: JoinSet::new(), gauges: Vec::new() })
    }

    /// Adds the worker: analysis with `in_flight` pieces of work in hand, and the intake of what collectors send.
    pub fn worker(&mut self, analyzer: Arc<tm_extract::Analyzer>, in_flight: usize) {
        let queue: Arc<dyn WorkQueue> = self.queue.clone();
        let worker = Arc::new(Worker::new(self.store.clone(), queue, analyzer, true));
        for _ in 0..in_flight {
            self.tasks.spawn(Arc::clone(&worker).hand(self.halted.clone()));
        }
        let collected = Arc::new(AtomicU64::new(0));
        self.tasks.spawn(role::intake(
            self.store.clone(),
            self.queue.clone(),
            self.halted.clone(),
            Arc::clone(&collected),
        ));
        self.gauges.push(Box::new(move |out| {
            let t = &worker.tally;
            counter(out, "posts_analysed_total", "posts analysed and stored", Tally::get(&t.posts));
            counter(out, "posts_quarantined_total", "posts set aside", Tally::get(&t.quarantined));
            counter(out, "batches_total", "pieces of work done", Tally::get(&t.batches));
            counter(out, "analysis_milliseconds_total", "time of analysis", Tally::get(&t.analysing));
            counter(
                out,
                "store_milliseconds_total",
                "time of reading and writing around it",
                Tally::get(&t.storing),
            );
            counter(
                out,
                "posts_collected_total",
                "posts of collectors, new or changed",
                collected.load(Ordering::Relaxed),
            );
        }));
    }

    /// Adds the analyst.
    pub fn analyst(&mut self, version: String, every: Duration) {
        let queue: Arc<dyn WorkQueue> = self.queue.clone();
        self.tasks.spawn(role::analyst(self.store.clone(), queue, version, every, self.halted.clone()));
    }

    /// Works until the program is asked to end, then lets what is in hand end.
    pub async fn run(
        mut self,
        metrics: Option<SocketAddr>,
        until: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let gauges: Arc<[Gauge]> = std::mem::take(&mut self.gauges).into();
        let (store, queue, mut halted) = (self.store.clone(), self.queue.clone(), self.halted.clone());
        let serving = async {
            let Some(address) = metrics else { return std::future::pending().await };
            let render = move || {
                let mut out = String::new();
                gauges.iter().for_each(|g| g(&mut out));
                let (store, queue) = (store.clone(), queue.clone());
                async move {
                    match (queue.open().await, queue.parcels().await) {
                        (Ok(work), Ok(parcels)) => {
                            gauge(&mut out, "queue_offers", "offers of work that are not done", work);
                            gauge(
                                &mut out,
                                "queue_parcels",
                                "parcels of collectors that no store has",
                                parcels,
                            );
                        }
                        (Err(error), _) | (_, Err(error)) => return Err(error.to_string()),
                    }
                    let (set_aside, _) = store.quarantined(0).await.map_err(|e| e.to_string())?;
                    gauge(&mut out, "quarantined_posts", "posts that cannot be analysed", set_aside);
                    Ok(out)
                }
            };
            let ready = |address| output::note(format!("metrics and health on http://{address}"));
            tm_server::metrics(address, render, ready, async move { role::stopped(&mut halted).await }).await
        };
        let done = tokio::select! {
            () = until => Ok(()),
            served = serving => served.map_err(Into::into),
        };
        let _ = self.halt.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!("work in hand did not end in time; its leases run out and others take it");
        }
        done
    }
}

fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    let _ = write!(
        out,
        "# HELP threatminer_{name} {help}\n# TYPE threatminer_{name} counter\nthreatminer_{name} {value}\n"
    );
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    let _ = write!(
        out,
        "# HELP threatminer_{name} {help}\n# TYPE threatminer_{name} gauge\nthreatminer_{name} {value}\n"
    );
}

/// `worker`.
pub fn worker(setting: &Setting, options: &cli::Worker) -> anyhow::Result<ExitCode> {
    let setting = setting.with_queue(options.queue.as_deref());
    setting.runtime()?.block_on(async {
        let analyzer = Arc::new(setting.analyzer()?);
        let mut cluster = Cluster::open(&setting, setting.open_store().await?).await?;
        output::note(format!("worker of model {} (stop with Ctrl-C)", analyzer.version()));
        cluster.worker(analyzer, options.in_flight.max(1));
        cluster.run(options.metrics, serve::stop()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `analyst`.
pub fn analyst(setting: &Setting, options: &cli::Analyst) -> anyhow::Result<ExitCode> {
    let setting = setting.with_queue(options.queue.as_deref());
    setting.runtime()?.block_on(async {
        let version = setting.analyzer()?.version().to_owned();
        let mut cluster = Cluster::open(&setting, setting.open_store().await?).await?;
        output::note(format!("analyst for model {version} (stop with Ctrl-C)"));
        cluster.analyst(version, Duration::from_secs(options.every.max(1)));
        cluster.run(options.metrics, serve::stop()).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `collector`: needs the queue only; what it has seen stands in a file of its own.
pub fn collector(setting: &Setting, options: &cli::Collector) -> anyhow::Result<ExitCode> {
    let setting = setting.with_queue(options.queue.as_deref());
    anyhow::ensure!(!setting.config.sources.is_empty(), "the configuration names no source");
    for source in &setting.config.sources {
        source.check()?;
    }
    setting.runtime()?.block_on(async {
        let memory: Arc<dyn Store> = Arc::new(SqliteStore::open(&options.memory).await?);
        let outlet = Outlet { queue: Arc::new(setting.open_queue().await?) };
        let sources = setting.config.sources.clone();
        output::note(format!("collecting from {} sources (stop with Ctrl-C)", sources.len()));
        let mut folder = options.memory.clone().into_os_string();
        folder.push(".pages");
        let (halt, halted) = watch::channel(false);
        let collector =
            tokio::spawn(collector::collect(memory, Some(outlet), folder.into(), sources, halted));
        serve::stop().await;
        let _ = halt.send(true);
        if tokio::time::timeout(PATIENCE, collector).await.is_err() {
            tracing::warn!("collection did not end in time; it goes on at the next start");
        }
        Ok(ExitCode::SUCCESS)
    })
}
