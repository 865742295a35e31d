//! One file a subcommand, and what they share.

mod alerts;
mod analyze;
mod backup;
mod collect;
mod crawl;
mod demo;
mod doctor;
mod eval;
mod eval_fusion;
mod export;
mod extract;
mod import;
mod known;
mod label;
mod mcp;
mod model;
mod persons;
mod rank;
mod report;
mod rules;
mod search;
mod serve;
mod sources;
mod train;
mod trends;
mod users;
mod verdict;

use crate::cli::{Arguments, CollectCommand, Command, Global, ModelCommand, RulesCommand};
use crate::config::Config;
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tm_extract::neural::Model;
use tm_extract::{Analyzer, Rules};
use tm_store::{SqliteStore, Store};

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
        Command::Users(c) => users::run(&s, &c),
        Command::Entities(a) => extract::entities(&s, &a),
        Command::Events(a) => extract::events(&s, &a),
        Command::Rank(a) => rank::run(&s, &a),
        Command::Actors(a) => known::actors(&s, &a),
        Command::Threats(a) => known::threats(&s, &a),
        Command::Trends(a) => trends::run(&s, &a),
        Command::Label(a) => label::run(&s, &a),
        Command::Search(a) => search::run(&s, &a),
        Command::Backup(a) => backup::backup(&s, &a),
        Command::Restore(a) => backup::restore(&s, &a),
        Command::Export(a) => export::run(&s, &a),
        Command::Report(a) => report::run(&s, &a),
        Command::Eval(a) => eval::run(&s, &a),
        Command::Train(a) => train::run(&s, &a),
        Command::Rules(RulesCommand::Check { files }) => rules::check(&files),
        Command::Model(ModelCommand::Info { json }) => model::info(&s, json),
        Command::Alerts(a) => alerts::run(&s, &a),
        Command::Mcp => mcp::run(&s),
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
            .unwrap_or_else(|| "threatminer.db".into())
    }

    /// Folder of the search index, beside the store.
    pub fn index_folder(&self) -> PathBuf {
        let mut name = self.store_path().into_os_string();
        name.push(".search");
        name.into()
    }

    /// Folder of what crawls leave beside the store: kept pages, locks.
    pub fn crawl_folder(&self) -> PathBuf {
        let mut name = self.store_path().into_os_string();
        name.push(".pages");
        name.into()
    }

    /// Opens the store.
    pub async fn open_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        let path = self.store_path();
        let text = path.to_string_lossy();
        if let Some((scheme, _)) = text.split_once("://") {
            anyhow::bail!("a store at {scheme}:// is not built yet; give the path of an SQLite file");
        }
        Ok(Arc::new(SqliteStore::open(&path).await?))
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
