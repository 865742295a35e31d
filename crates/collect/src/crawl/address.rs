//! Names that may only lead to addresses of the public Internet.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use tm_model::is_public;

/// How names become addresses.
type Lookup = fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names, to public addresses only: a name of the forum must not lead into the operator's own network. The check
/// is made on the addresses that are connected to, so that a name which changes its mind gains nothing.
#[derive(Debug)]
pub(super) struct Public {
    lookup: Lookup,
}

impl Public {
    /// With the system's resolver.
    pub(super) fn new() -> Public {
        Public {
            lookup: |name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }),
        }
    }
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.lookup;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let all = lookup(name.clone()).await?;
            let public: Vec<SocketAddr> = all.into_iter().filter(|a| is_public(a.ip())).collect();
            if public.is_empty() {
                return Err(format!("{name} leads to a private address (--allow-private overrides)").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_lead_to_public_addresses_or_nowhere() {
        let resolver = Public {
            lookup: |name| {
                Box::pin(async move {
                    let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
                    Ok(match name.as_str() {
                        "inside.example" => vec![at("192.168.7.1"), at("::ffff:127.0.0.1")],
                        "both.example" => vec![at("10.0.0.1"), at("198.51.100.7")],
                        _ => vec![at("198.51.100.9")],
                    })
                })
            },
        };
        let ask = async |name: &str| resolver.resolve(name.parse().unwrap()).await;
        let refused = ask("inside.example").await.err().unwrap().to_string();
        assert!(refused.contains("private address"), "{refused}");
        let both: Vec<SocketAddr> = ask("both.example").await.unwrap().collect();
        assert_eq!(both.len(), 1, "the private one of two is left out: {both:?}");
        assert!(ask("forum.example").await.is_ok());
    }
}
