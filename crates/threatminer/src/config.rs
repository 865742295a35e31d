//! The configuration file. Everything has a default; a key that is not known is an error, so that a typo is seen.

use crate::collection::Source;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Settings of a `threatminer.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Store, as with `--store`.
    pub store: Option<PathBuf>,
    /// Store and queue of several processes.
    pub cluster: Cluster,
    /// Threads, as with `--threads`.
    pub threads: Option<usize>,
    /// The web server.
    pub server: Server,
    /// Forums that `serve` collects, `[[source]]` each.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// Settings of a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Store: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; `--store` goes before it.
    pub store: Option<String>,
    /// Queue: `nats://HOST:PORT`, several with commas in between.
    pub queue: Option<String>,
    /// Servers that keep each message of the queue; 3 in a NATS cluster.
    pub replicas: usize,
    /// First word of the queue's streams; two installations on one NATS need two.
    pub prefix: Option<String>,
    /// How long a worker's silence is borne before its work is handed to another one.
    pub lease_seconds: u64,
}

impl Default for Cluster {
    fn default() -> Cluster {
        Cluster { store: None, queue: None, replicas: 1, prefix: None, lease_seconds: 60 }
    }
}

/// Settings of the web server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
}

impl Default for Server {
    fn default() -> Server {
        Server { listen: std::net::SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}

impl Config {
    /// Reads a file; without one the defaults hold.
    ///
    /// # Errors
    /// When the file cannot be read or holds something unknown.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Config> {
        let Some(path) = path else { return Ok(Config::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| anyhow::anyhow!("cannot read configuration {}: {e}", path.display()))?;
        toml::from_str(&text).map_err(|e| anyhow::anyhow!("configuration {}: {e}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_errors() {
        assert!(toml::from_str::<Config>("stroe = 'x'").is_err());
        let config: Config = toml::from_str("threads = 2\n[server]\nlisten = '127.0.0.1:9000'").unwrap();
        assert_eq!((config.threads, config.server.listen.port()), (Some(2), 9000));
        let config: Config = toml::from_str(
            "[[source]]\nurl = 'http://a.example/'\n[[source]]\nurl = 'http://b.example/'\ndelay = 3",
        )
        .unwrap();
        assert_eq!(config.sources.iter().map(|s| s.delay).collect::<Vec<_>>(), [1.0, 3.0]);
        assert!(
            toml::from_str::<Config>("[[source]]\nurl = 'http://a.example/'\ncron = '* * * * *'").is_err()
        );
    }
}
