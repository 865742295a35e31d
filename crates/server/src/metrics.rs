//! What a process without a web page shows of itself: figures for Prometheus, and whether it is well.

use crate::ServeError;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use std::net::SocketAddr;

/// Serves `/metrics` (the text that `render` makes; its error as status 503) and `/healthz` until `stop` resolves; calls `ready`
/// with the address once it listens.
///
/// # Errors
/// [`ServeError`] when the address cannot be used or the server fails.
pub async fn metrics<R, F>(
    address: SocketAddr,
    render: R,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError>
where
    R: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<String, String>> + Send,
{
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    ready(listener.local_addr().unwrap_or(address));
    let show = move || {
        let text = render();
        async move {
            match text.await {
                Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text),
                Err(why) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [(header::CONTENT_TYPE, "text/plain")],
                    format!("{why}\n"),
                ),
            }
        }
    };
    let router = Router::new().route("/metrics", get(show)).route("/healthz", get(async || "well\n"));
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(ServeError::Stopped)
}
