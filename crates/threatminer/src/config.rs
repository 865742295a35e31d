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
    /// Threads, as with `--threads`.
    pub threads: Option<usize>,
    /// The web server.
    pub server: Server,
    /// Alerts.
    pub alerts: Alerts,
    /// Facts about entities from local files.
    pub enrichment: Enrichment,
    /// Forums that `serve` collects, `[[source]]` each.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// Settings of the web server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: std::net::SocketAddr,
    /// Certificate with its chain, as with `--tls-cert`.
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, as with `--tls-key`.
    pub tls_key: Option<PathBuf>,
    /// Names under which browsers reach the server, as with `--allow-host`.
    pub allow_hosts: Vec<String>,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            allow_hosts: Vec::new(),
        }
    }
}

/// Where facts about entities come from. Files of this machine only; nothing is asked elsewhere.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrichment {
    /// Folder or zip archive with the CVE list or NVD's feeds.
    pub cve: Option<PathBuf>,
    /// Databases of addresses in MaxMind's form.
    pub mmdb: Vec<PathBuf>,
}

impl Enrichment {
    /// Opens what is configured.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn open(&self) -> anyhow::Result<tm_enrich::Enricher> {
        let mut sources: Vec<Box<dyn tm_enrich::Lookup>> = Vec::new();
        for path in &self.mmdb {
            sources.push(Box::new(tm_enrich::Mmdb::open(path)?));
        }
        if let Some(path) = &self.cve {
            sources.push(Box::new(tm_enrich::Cves::open(path)?));
        }
        Ok(tm_enrich::Enricher::new(sources))
    }
}

/// Settings of alerts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Where analysts reach the web page: messages link to it.
    pub url: Option<url::Url>,
    /// Days after which a delivery that nobody takes is given up.
    pub give_up_days: u32,
}

impl Default for Alerts {
    fn default() -> Alerts {
        Alerts { url: None, give_up_days: 7 }
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
