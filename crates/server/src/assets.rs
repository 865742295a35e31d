//! The web page inside the program: files of `web/dist`, and `index.html` for every deep link.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Page;

/// A file of the page. Names under `assets/` carry a hash of their content and may be kept for ever.
pub(crate) async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (path, file) = match Page::get(path).filter(|_| !path.is_empty()) {
        Some(file) => (path, file),
        // A missing file is missing; a deep link such as /threats/t1 is the page's own.
        None if path.starts_with("assets/") || path.starts_with("api/") => {
            return StatusCode::NOT_FOUND.into_response();
        }
        None => match Page::get("index.html") {
            Some(file) => ("index.html", file),
            None => {
                return (StatusCode::NOT_FOUND, "the web page was not built into this program")
                    .into_response();
            }
        },
    };
    let tag: String = file.metadata.sha256_hash()[..8].iter().map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{tag}\"");
    if headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) == Some(tag.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, kind.essence_str().to_owned()),
        (header::CACHE_CONTROL, keep.to_owned()),
        (header::ETAG, tag),
    ];
    (headers, Body::from(file.data)).into_response()
}
