//! Errors as `application/problem+json` (RFC 9457).

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tm_store::StoreError;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// There is no such thing.
    Missing(String),
    /// The request cannot be understood.
    Bad(String),
    /// Who asks is not known.
    Unknown(String),
    /// Who asks may not.
    Forbidden(String),
    /// It cannot be done as things are.
    Conflict(String),
    /// Too often; seconds to wait.
    TooMany(i64),
    /// The method is not one of those.
    Method(String),
    /// No more can be served now.
    Busy(String),
    /// The server's fault.
    Failed(String),
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> ApiError {
        ApiError::Failed(e.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut extra = None;
        let (status, text) = match self {
            ApiError::Missing(what) => (StatusCode::NOT_FOUND, what),
            ApiError::Bad(what) => (StatusCode::BAD_REQUEST, what),
            ApiError::Unknown(what) => {
                extra = Some((header::WWW_AUTHENTICATE, "Bearer".to_owned()));
                (StatusCode::UNAUTHORIZED, what)
            }
            ApiError::Forbidden(what) => (StatusCode::FORBIDDEN, what),
            ApiError::Conflict(what) => (StatusCode::CONFLICT, what),
            ApiError::TooMany(seconds) => {
                extra = Some((header::RETRY_AFTER, seconds.to_string()));
                (StatusCode::TOO_MANY_REQUESTS, format!("too many attempts, try again in {seconds} seconds"))
            }
            ApiError::Method(allowed) => {
                let text = format!("this path allows {allowed}");
                extra = Some((header::ALLOW, allowed));
                (StatusCode::METHOD_NOT_ALLOWED, text)
            }
            ApiError::Busy(what) => {
                extra = Some((header::RETRY_AFTER, "5".to_owned()));
                (StatusCode::SERVICE_UNAVAILABLE, what)
            }
            ApiError::Failed(what) => {
                tracing::error!(error = what, "request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "the store could not answer; the log says why".into())
            }
        };
        let mut response = problem(status, &text);
        if let Some((name, value)) = extra
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A problem document. `error` repeats the detail for readers of the first version.
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "error": detail});
    let kind = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
    (status, kind, body.to_string()).into_response()
}

/// Longest words of the framework that are handed on.
const WORDS: usize = 4096;

/// Errors that the framework answers in plain words (a body that is no JSON, a number that is none) become problems too.
pub(crate) async fn as_problem(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !api || !(status.is_client_error() || status.is_server_error()) || kind.contains("json") {
        return response;
    }
    let (parts, body) = response.into_parts();
    let words = to_bytes(body, WORDS).await.unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let words = words.trim();
    let said = if words.is_empty() { status.canonical_reason().unwrap_or("error") } else { words };
    let mut made = problem(status, said);
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = parts.headers.get(&name) {
            made.headers_mut().insert(name, value.clone());
        }
    }
    made
}

/// The entity tag of answers that are whole, and "not modified" for who has them already (RFC 9110, 8.8.3 and 13.1.2).
pub(crate) async fn entity_tag(request: Request, next: Next) -> Response {
    let get = request.method() == axum::http::Method::GET && request.uri().path().starts_with("/api/");
    let held: Option<String> =
        request.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let whole = axum::body::HttpBody::size_hint(response.body()).exact().is_some();
    if !get || !whole || response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off");
    };
    // Weak: the same JSON may leave compressed or not.
    let tag = format!("W/\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
    let same = held.is_some_and(|h| h.split(',').any(|t| t.trim() == tag || t.trim() == "*"));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    // Findings are for who asked: no proxy keeps them, and the browser asks before it shows them again.
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if same {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
