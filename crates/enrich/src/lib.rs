//! Facts about entities that others have published, from files on this machine. Nothing leaves it: asking about a host
//! tips off its owner.
//!
//! [`Lookup`] is what a source of facts can do. [`Cves`] reads a copy of the CVE list or of NVD's feeds, [`Mmdb`] a database
//! of MaxMind's form with countries, places or networks. [`Enricher`] asks all that are configured.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod cve;
mod mmdb;

pub use cve::Cves;
pub use mmdb::Mmdb;

use serde::Serialize;
use serde_json::{Map, Value};
use tm_model::EntityType;

/// A source that cannot be used, or could not answer.
#[derive(Debug, thiserror::Error)]
pub enum EnrichError {
    /// A file cannot be read.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{file}: {reason}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

/// A source of facts.
pub trait Lookup: Send + Sync {
    /// What the facts come from, such as `cve` or the name of a database.
    fn name(&self) -> &str;
    /// What it knows of a value; none when it knows nothing or has no facts about such things. May read files.
    ///
    /// # Errors
    /// [`EnrichError`] when its files cannot be read.
    fn facts(&self, kind: EntityType, value: &str) -> Result<Option<Map<String, Value>>, EnrichError>;
}

/// Facts of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Enrichment {
    /// The source.
    pub source: String,
    /// The facts, by name.
    pub facts: Map<String, Value>,
}

/// All sources that are configured.
#[derive(Default)]
pub struct Enricher {
    sources: Vec<Box<dyn Lookup>>,
}

impl Enricher {
    /// An enricher that asks these sources, in this order.
    pub fn new(sources: Vec<Box<dyn Lookup>>) -> Enricher {
        Enricher { sources }
    }

    /// What the sources know of a value. One that fails is told in the log and left out.
    pub fn of(&self, kind: EntityType, value: &str) -> Vec<Enrichment> {
        let mut found = Vec::new();
        for source in &self.sources {
            match source.facts(kind, value) {
                Ok(Some(facts)) => found.push(Enrichment { source: source.name().to_owned(), facts }),
                Ok(None) => {}
                Err(error) => tracing::warn!(source = source.name(), %error, "facts cannot be read"),
            }
        }
        found
    }
}
