//! One file a subcommand, and what they share.

pub mod analyze;
mod collect;
mod crawl;
mod demo;
mod doctor;
mod eval;
mod export;
mod extract;
mod import;
mod known;
mod migrate;
mod model;
mod persons;
mod rank;
mod report;
mod rules;
mod serve;
mod sources;
mod train;
mod worker;

use crate::cli::{Arguments, CollectCommand, Command, Global, ModelCommand, RulesCommand};
use crate::config::Config;
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tm_extract::neural::Model;
use tm_extract::{Analyzer, Rules};
use tm_store::{PostgresStore, SqliteStore, Store};

/// The model that comes with the program.
const MODEL: &[u8] = include_bytes!("../../../../models/threatminer.safetensors");

/// Options of every command, and the configuration.
pub struct Setting {
    pub global: Global,
    pub config: Config,
}

/// Runs a command; the exit status says how it went.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::read(arguments.global.config.as_deref())?;
    if let Some(threads) = arguments.global.threads.or(config.threads) {
        anyhow::ensure!(threads > 0, "--threads must be at least 1");
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("starting threads")?;
    }
    let s = Setting { global: arguments.global, config };
    match arguments.command {
        Command::Demo(a) => demo::run(&s, &a),
        Command::Import(a) => import::run(&s, &a),
        Command::Crawl(a) => crawl::run(&s, &a),
        Command::Sources(a) => sources::run(&s, &a),
        Command::Collect(CollectCommand::Check(a)) => collect::check(&s, &a),
        Command::Analyze(a) => analyze::run(&s, &a),
        Command::Serve(a) => serve::run(&s, &a),
        Command::Worker(a) => worker::worker(&s, &a),
        Command::Collector(a) => worker::collector(&s, &a),
        Command::Analyst(a) => worker::analyst(&s, &a),
        Command::Migrate(a) => migrate::run(&s, &a),
        Command::Entities(a) => extract::entities(&s, &a),
        Command::Events(a) => extract::events(&s, &a),
        Command::Rank(a) => rank::run(&s, &a),
        Command::Actors(a) => known::actors(&s, &a),
        Command::Threats(a) => known::threats(&s, &a),
        Command::Search(a) => known::search(&s, &a),
        Command::Export(a) => export::run(&s, &a),
        Command::Report(a) => report::run(&s, &a),
        Command::Eval(a) => eval::run(&s, &a),
        Command::Train(a) => train::run(&s, &a),
        Command::Rules(RulesCommand::Check { files }) => rules::check(&files),
        Command::Model(ModelCommand::Info { json }) => model::info(&s, json),
        Command::Doctor(a) => doctor::run(&s, &a),
    }
}

impl Setting {
    /// Reads the model: the file of `--model`, else the bundled one.
    pub fn model(&self) -> anyhow::Result<Model> {
        match &self.global.model {
            None => Model::read(MODEL).context("the bundled model"),
            Some(path) => {
                let bytes =
                    std::fs::read(path).with_context(|| format!("cannot read model {}", path.display()))?;
                Model::read(&bytes).with_context(|| format!("model {}", path.display()))
            }
        }
    }

    /// Rules and model together.
    pub fn analyzer(&self) -> anyhow::Result<Analyzer> {
        Ok(Analyzer::new(Rules::bundled()?, self.model()?))
    }

    /// Path of the store: option, configuration, default.
    pub fn store_path(&self) -> PathBuf {
        self.global
            .store
            .clone()
            .or_else(|| self.config.store.clone())
            .or_else(|| self.config.cluster.store.as_ref().map(PathBuf::from))
            .unwrap_or_else(|| "threatminer.db".into())
    }

    /// Folder of the search index, beside the store.
    pub fn index_folder(&self) -> PathBuf {
        self.beside_store(".search")
    }

    /// Folder of what crawls leave beside the store: kept pages, locks.
    pub fn crawl_folder(&self) -> PathBuf {
        self.beside_store(".pages")
    }

    /// Name of a folder beside the store; of a database elsewhere, in the current folder under the database's name.
    fn beside_store(&self, end: &str) -> PathBuf {
        let mut name = match self.store_url() {
            None => self.store_path().into_os_string(),
            Some(url) => {
                let database = url.split('?').next().unwrap_or("").rsplit('/').next().unwrap_or("");
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                format!("threatminer-{}", database.chars().map(plain).collect::<String>()).into()
            }
        };
        name.push(end);
        name.into()
    }

    /// Address of the store, when it is no file.
    pub fn store_url(&self) -> Option<String> {
        let path = self.store_path();
        let text = path.to_string_lossy();
        text.contains("://").then(|| text.into_owned())
    }

    /// The same with another queue, when one is named.
    pub fn with_queue(&self, queue: Option<&str>) -> Setting {
        let mut config = self.config.clone();
        config.cluster.queue = queue.map(str::to_owned).or(config.cluster.queue);
        Setting { global: self.global.clone(), config }
    }

    /// Opens the store.
    pub async fn open_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        match self.store_url() {
            None => Ok(Arc::new(SqliteStore::open(&self.store_path()).await?)),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Arc::new(PostgresStore::open(&url).await?))
            }
            Some(url) => {
                let scheme = url.split("://").next().unwrap_or_default();
                anyhow::bail!(
                    "no store speaks {scheme}://; give the path of an SQLite file or a postgres:// address"
                )
            }
        }
    }

    /// The runtime of commands that use the store.
    pub fn runtime(&self) -> anyhow::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("starting the runtime")
    }
}
