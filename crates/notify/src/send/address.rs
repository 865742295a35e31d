//! Names that may only lead to public addresses.

use super::SendError;
use crate::channel::loopback;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use tm_model::is_public;

/// Resolves names to public addresses only. The check is made on the addresses that are connected to.
#[derive(Debug)]
pub(super) struct Public;

/// What the resolver says when it refuses; the text finds its way into the error of the request.
pub(super) const REFUSED: &str = "leads to a private address";

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = all.into_iter().filter(|a| is_public(a.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} {REFUSED}", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host that may be connected to: those of the public Internet, all when `private` is allowed, and
/// what the operator named as an address or as this machine.
pub(super) async fn addresses(host: &str, port: u16, private: bool) -> Result<Vec<SocketAddr>, SendError> {
    let bare = host.trim_matches(['[', ']']);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let all = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|e| SendError::Unreachable(format!("{host} cannot be resolved: {e}")))?;
    let all: Vec<SocketAddr> = all.collect();
    if private || loopback(host) {
        return Ok(all);
    }
    let public: Vec<SocketAddr> = all.into_iter().filter(|a| is_public(a.ip())).collect();
    if public.is_empty() { Err(SendError::Private(host.to_owned())) } else { Ok(public) }
}
