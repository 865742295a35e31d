//! What every request passes: is it meant for this server, does it come from the page itself, who is it, may they.

use super::{Need, VIEW, Who, now};
use crate::problem::ApiError;
use crate::route::{Rule, Table};
use crate::{AppState, Peer};
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tm_store::AuditRow;

/// What the guard knows.
#[derive(Clone)]
pub(crate) struct Guard {
    pub app: Arc<AppState>,
    pub table: Arc<Table>,
}

/// Only the page's own scripts and style sheets, no framing, no sniffing, no referrer. Style attributes are allowed, style
/// elements are not: the charts' tool tips set colours in markup that they build themselves.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The guard as a layer around all routes.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let secure = guard.app.access.secure;
    let mut response = match guard.pass(request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

impl Guard {
    async fn pass(&self, mut request: Request, next: Next) -> Result<Response, ApiError> {
        let headers = request.headers();
        meant_for_us(headers, &self.app.access.hosts)?;
        let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        if method != Method::GET {
            from_our_page(headers)?;
        }
        let address = request
            .extensions()
            .get::<ConnectInfo<Peer>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.0.ip());
        let Some(path) = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned()) else {
            // A file of the page, which holds no finding; without it nobody could log in.
            return Ok(next.run(request).await);
        };
        // A path that was not declared would be one that nobody guards.
        // TAXII only reads, and answers in its own form to what it does not allow.
        let taxii = path.starts_with("/taxii2").then_some(Rule { need: VIEW, audit: None });
        let Some(route) = taxii.or_else(|| self.table.find(&method, &path)) else {
            return Err(ApiError::Method(self.table.methods(&path).join(", ")));
        };
        let (bearer, cookie) = credentials(headers, self.app.access.cookie());
        let store = &*self.app.store;
        let who = self.app.access.who(store, bearer.as_deref(), cookie.as_deref(), address).await?;
        let object = object(request.uri());
        match &who {
            Some(who) if who.may(route.need) => {}
            Some(who) => {
                return Err(ApiError::Forbidden(format!(
                    "{} may not do this; it takes {}",
                    who.name().as_deref().unwrap_or("this user"),
                    need(route.need)
                )));
            }
            None if route.need == Need::Nobody => {}
            None => return Err(ApiError::Unknown("log in, or send a token that is valid".into())),
        }
        request.extensions_mut().insert(Origin(address));
        if let Some(who) = &who {
            request.extensions_mut().insert(who.clone());
        }
        let response = next.run(request).await;
        let done = response.status().is_success() || response.status().is_redirection();
        if let (Some(action), true) = (route.audit, done) {
            // What cannot be noted is not shown.
            let object = match response.extensions().get::<Noted>() {
                Some(Noted(words)) => format!("{object}: {words}"),
                None => object,
            };
            self.note(who.as_ref(), action, object, address).await?;
        }
        Ok(response)
    }

    async fn note(
        &self,
        who: Option<&Who>,
        action: &str,
        object: String,
        address: IpAddr,
    ) -> Result<(), ApiError> {
        let entry = AuditRow {
            id: 0,
            time: now(),
            user: who.and_then(Who::name),
            action: action.to_owned(),
            object,
            address: address.to_string(),
        };
        Ok(self.app.store.add_audit(&entry).await?)
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(pub IpAddr);

/// What the audit log should have beside the path, in the extensions of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Noted(pub String);

/// The object of an audit entry: the path without the version, with what was asked for.
fn object(uri: &Uri) -> String {
    let asked = uri.path_and_query().map_or(uri.path(), |p| p.as_str());
    asked.trim_start_matches("/api/v1/").chars().take(200).collect()
}

fn need(need: Need) -> String {
    match need {
        Need::Nobody => "nothing".into(),
        Need::Of(role, scope) => format!("the role {} and the scope {}", role.as_str(), scope.as_str()),
    }
}

/// Only requests that name this machine, so that a foreign page cannot reach a loopback server by a name that it controls
/// (DNS rebinding).
fn meant_for_us(headers: &HeaderMap, hosts: &[String]) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).map_or(Ok(""), HeaderValue::to_str).unwrap_or("?");
    let name = host
        .rsplit_once(':')
        .filter(|(_, p)| p.chars().all(|c| c.is_ascii_digit()))
        .map_or(host, |h| h.0)
        .to_ascii_lowercase();
    let known = name.is_empty()
        || name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || hosts.contains(&name);
    if known {
        return Ok(());
    }
    let name: String = name.chars().take(100).collect();
    Err(ApiError::Bad(format!(
        "this server answers to addresses and localhost, not to '{name}'; start it with --allow-host {name}"
    )))
}

/// What changes something must come from the page itself or from no page at all (a program): browsers say where a request
/// comes from (Fetch Metadata, RFC 6454) and pages cannot change that.
fn from_our_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap_or("?").to_ascii_lowercase());
    let foreign = || Err(ApiError::Forbidden("the request comes from another page".into()));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return foreign();
    }
    if let Some(origin) = text("origin") {
        let host = text("host").unwrap_or_default();
        if origin.split_once("://").map(|o| o.1) != Some(host.as_str()) {
            return foreign();
        }
    }
    Ok(())
}

/// The token of `Authorization: Bearer`; an unreadable one is an empty, hence wrong one. Other schemes are left to the proxy
/// that asked for them.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or("");
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Token and session of a request.
pub(crate) fn credentials(headers: &HeaderMap, name: &str) -> (Option<String>, Option<String>) {
    (bearer(headers), cookie(headers, name))
}

/// The value of a cookie.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, v)| v.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(n, v)| ((*n).parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_names_of_this_machine() {
        let ours = |host| meant_for_us(&headers(&[("host", host)]), &["mine.example".into()]).is_ok();
        for host in
            ["localhost", "LOCALHOST:8080", "127.0.0.1:9", "[::1]:8080", "192.0.2.7", "Mine.Example:443"]
        {
            assert!(ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "mine.example.evil.example",
            "127.0.0.1.evil.example:80",
        ] {
            assert!(!ours(host), "{host}");
        }
    }

    #[test]
    fn foreign_pages_change_nothing() {
        let ok = |list: &[(&'static str, &'static str)]| from_our_page(&headers(list)).is_ok();
        let host = ("host", "127.0.0.1:8080");
        assert!(ok(&[host]), "a program");
        assert!(ok(&[host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(!ok(&[host, ("origin", "http://evil.example")]));
        assert!(!ok(&[host, ("origin", "null")]));
        assert!(!ok(&[host, ("origin", "http://127.0.0.1:8081")]));
        assert!(!ok(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(!ok(&[host, ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8080")]));
    }

    #[test]
    fn cookies_and_tokens_are_read() {
        let h = headers(&[("cookie", "a=1; threatminer=abc"), ("authorization", "bearer  tm_x ")]);
        assert_eq!(cookie(&h, "threatminer").as_deref(), Some("abc"));
        assert_eq!(cookie(&h, "threat"), None);
        assert_eq!(bearer(&h).as_deref(), Some("tm_x"));
        assert_eq!(bearer(&headers(&[("authorization", "Bearer")])).as_deref(), Some(""));
        assert_eq!(bearer(&headers(&[("authorization", "Basic eDp5")])), None);
    }
}
