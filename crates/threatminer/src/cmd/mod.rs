//! One file a subcommand.

mod eval;
mod extract;
mod model;
mod rules;
mod train;

use crate::cli::{Arguments, Command, Global, ModelCommand, RulesCommand};
use crate::config::Config;
use anyhow::Context;
use std::process::ExitCode;
use tm_extract::neural::Model;
use tm_extract::{Analyzer, Rules};

/// The model that comes with the program.
const MODEL: &[u8] = include_bytes!("../../../../models/threatminer.safetensors");

/// What every command needs.
pub struct Context_ {
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
    let context = Context_ { global: arguments.global, config };
    match arguments.command {
        Command::Entities(a) => extract::entities(&context, &a),
        Command::Events(a) => extract::events(&context, &a),
        Command::Eval(a) => eval::run(&context, &a),
        Command::Train(a) => train::run(&context, &a),
        Command::Rules(RulesCommand::Check { files }) => rules::check(&files),
        Command::Model(ModelCommand::Info { json }) => model::info(&context, json),
        _ => unbuilt("this"),
    }
}

fn unbuilt(what: &str) -> anyhow::Result<ExitCode> {
    anyhow::bail!("{what} is not built yet; see CHANGELOG.md for what is")
}

impl Context_ {
    /// Reads the model: the file of `--model`, else the bundled one.
    pub fn model(&self) -> anyhow::Result<Model> {
        match &self.global.model {
            None => Model::read(MODEL).context("the bundled model"),
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read model {}", path.display()))?;
                Model::read(&bytes).with_context(|| format!("model {}", path.display()))
            }
        }
    }

    /// Rules and model together.
    pub fn analyzer(&self) -> anyhow::Result<Analyzer> {
        Ok(Analyzer::new(Rules::bundled()?, self.model()?))
    }
}
