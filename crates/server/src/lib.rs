//! REST API and the embedded web page. The API is described in `docs/api.md` and, for programs, at `/api/v1/openapi.json`.
//!
//! Whatever is shown comes from the store and leads back to posts. Card numbers and passwords are masked on the way out.
//! Post texts leave as JSON strings; the page renders them as text, and the security headers forbid any script that is not
//! the page's own. Changes are few: users and their ways in, marks, verdicts, saved searches; each stands in the audit log.
#![deny(missing_docs)]

mod access;
pub mod alerts;
mod api;
mod assets;
pub mod detail;
pub mod fusion;
pub mod gather;
pub mod mcp;
mod openapi;
mod page;
mod problem;
mod route;
mod stream;
pub mod tables;
mod taxii;
mod tls;
mod view;

pub use access::{Role, Scope, check_name, check_password, hash_password, random};
pub use stream::{Hub, Kind};
pub use tls::TlsFiles;

use access::Access;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::net::SocketAddr;
use std::sync::Arc;
use tm_extract::Analyzer;
use tm_search::Index;
use tm_store::{Store, StoreError};
use tokio::net::TcpListener;

/// What the handlers share.
pub struct AppState {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The index, when there is one.
    pub index: Option<Arc<Index>>,
    /// Name of the model whose analyses count.
    pub model: String,
    /// Where events are told to who listens.
    pub stream: Arc<Hub>,
    /// Weighs the words of what is shown; without it none are.
    pub analyzer: Option<Arc<Analyzer>>,
    /// Sources of facts about entities.
    pub enrichment: Arc<tm_enrich::Enricher>,
    pub(crate) access: Access,
    pub(crate) ties: api::Ties,
    pub(crate) overview: api::Kept,
    pub(crate) documents: tokio::sync::Semaphore,
}

impl AppState {
    /// State of a server of this machine only; [`serve`] sets what its options say.
    pub fn new(store: Arc<dyn Store>, index: Option<Arc<Index>>, model: String) -> AppState {
        AppState {
            store,
            index,
            model,
            stream: Arc::new(Hub::default()),
            analyzer: None,
            enrichment: Arc::default(),
            access: Access::new(true, false, Vec::new()),
            ties: api::Ties::default(),
            overview: api::Kept::default(),
            documents: tokio::sync::Semaphore::new(api::DOCUMENTS),
        }
    }
}

/// Where and how to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and port; port 0 takes any free one.
    pub address: SocketAddr,
    /// Names beside addresses and `localhost` under which the server is reached.
    pub hosts: Vec<String>,
    /// Certificate and key; without them it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// What is known once the server listens.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    /// Secret with which the first user is made; none when there is a user.
    pub setup: Option<String>,
}

/// A server that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another one with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate or key cannot be used.
    #[error("cannot use the TLS files: {0}")]
    Tls(String),
    /// The store cannot be asked for users.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server stopped.
    #[error("server stopped: {0}")]
    Stopped(std::io::Error),
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, tls::TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, tls::TlsListener>) -> Peer {
        Peer(*stream.remote_addr())
    }
}

/// Serves until `stop` resolves; calls `ready` once it listens.
///
/// # Errors
/// [`ServeError`] when the address or the TLS files cannot be used or the server fails.
pub async fn serve(
    options: Options,
    mut state: AppState,
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = options.address;
    let tls = options.tls.as_ref().map(tls::config).transpose().map_err(ServeError::Tls)?;
    let listener =
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let bound = listener.local_addr().unwrap_or(address);
    state.access = Access::new(bound.ip().is_loopback(), tls.is_some(), options.hosts);
    let users = state.store.has_users().await?;
    let setup = if users { None } else { state.access.new_setup() };
    ready(&Ready { address: bound, setup });
    let state = Arc::new(state);
    let watcher = tokio::spawn(stream::watch(Arc::clone(&state)));
    let hub = Arc::clone(&state.stream);
    let stop = async move {
        stop.await;
        // Streams never end by themselves; a server that waits for them would never stop.
        hub.close();
    };
    let service = api::router(state).into_make_service_with_connect_info::<Peer>();
    let result = match tls {
        None => axum::serve(listener, service).with_graceful_shutdown(stop).await,
        Some(config) => {
            let listener = tls::TlsListener::new(listener, config).map_err(ServeError::Stopped)?;
            axum::serve(listener, service).with_graceful_shutdown(stop).await
        }
    };
    watcher.abort();
    result.map_err(ServeError::Stopped)
}

/// The description of the API in OpenAPI 3.1, made from the declarations of the routes.
pub fn openapi() -> serde_json::Value {
    openapi::document(&api::routes())
}
