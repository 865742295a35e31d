//! Bringing parcels to channels. One try each; whoever calls decides about another.

mod address;
mod smtp;
mod syslog;
mod web;

pub use web::signature;

use crate::channel::Channel;
use crate::message::Parcel;
use std::time::Duration;

/// A try that failed. Texts never hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The receiver cannot be reached, or went away.
    #[error("{0}")]
    Unreachable(String),
    /// The receiver does not want it.
    #[error("{0}")]
    Refused(String),
    /// The receiver asks to come back after so many seconds.
    #[error("asked to come back in {0} s")]
    Later(u64),
    /// The name leads to a private address that the operator did not allow.
    #[error("{0} leads to a private address; allow_private in the settings of the channel permits it")]
    Private(String),
}

/// Longest that one try may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Brings parcels to channels.
#[derive(Debug, Clone)]
pub struct Sender {
    public: reqwest::Client,
    any: reqwest::Client,
}

impl Sender {
    /// A sender that calls itself `agent`.
    ///
    /// # Errors
    /// [`SendError::Unreachable`] when there are no root certificates or the like.
    pub fn new(agent: &str) -> Result<Sender, SendError> {
        // A second call finds one installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = || web::client(agent);
        let setup = |e: reqwest::Error| SendError::Unreachable(format!("cannot set up TLS: {e}"));
        Ok(Sender {
            public: client().dns_resolver(std::sync::Arc::new(address::Public)).build().map_err(setup)?,
            any: client().build().map_err(setup)?,
        })
    }

    /// Brings a parcel once; what the receiver said comes back.
    ///
    /// # Errors
    /// [`SendError`] says why it did not arrive, or may not have.
    pub async fn send(&self, channel: &Channel, parcel: &Parcel) -> Result<String, SendError> {
        let work = async {
            match channel {
                Channel::Email(e) => smtp::send(e, parcel).await,
                Channel::Webhook(w) => web::webhook(self.client(w.allow_private, &w.url), w, parcel).await,
                Channel::Slack(s) => web::slack(self.client(s.allow_private, &s.url), s, parcel).await,
                Channel::Telegram(t) => {
                    let url = web::telegram_url(t)?;
                    web::telegram(self.client(t.allow_private, &url), &url, t, parcel).await
                }
                Channel::Syslog(s) => syslog::send(s, parcel).await,
            }
        };
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| Err(SendError::Unreachable(format!("no answer in {} s", PATIENCE.as_secs()))))
    }

    /// Names lead to public addresses unless the operator allowed others; an address that was named is meant.
    fn client(&self, private: bool, url: &url::Url) -> &reqwest::Client {
        let named = match url.host() {
            Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if private || named { &self.any } else { &self.public }
    }
}

#[cfg(test)]
mod tests;
