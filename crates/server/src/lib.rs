//! REST API and the embedded web page. The API is described in `docs/api.md`.
//!
//! Reads only: whatever is shown comes from the store and leads back to posts. Card numbers and passwords are masked on the
//! way out. Post texts leave as JSON strings; the page renders them as text, and the security headers forbid any script
//! that is not the page's own.
#![deny(missing_docs)]

mod api;
mod assets;
pub mod gather;
mod metrics;
mod view;

pub use metrics::metrics;
use std::net::SocketAddr;
use std::sync::Arc;
use tm_search::Index;
use tm_store::Store;

/// What the handlers share.
pub struct AppState {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The index, when there is one.
    pub index: Option<Arc<Index>>,
    /// Name of the model whose analyses count.
    pub model: String,
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
    /// The server stopped.
    #[error("server stopped: {0}")]
    Stopped(std::io::Error),
}

/// Serves until `stop` resolves; calls `ready` with the address once it listens (port 0 takes any free one).
///
/// # Errors
/// [`ServeError`] when the address cannot be used or the server fails.
pub async fn serve(
    address: SocketAddr,
    state: AppState,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    ready(listener.local_addr().unwrap_or(address));
    axum::serve(listener, api::router(Arc::new(state)))
        .with_graceful_shutdown(stop)
        .await
        .map_err(ServeError::Stopped)
}
