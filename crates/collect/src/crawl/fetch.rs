//! One host, fetched politely and safely.
//!
//! Redirects are followed here and not by the client, so that each step is checked: only the host that the operator
//! named, no private address unless it was named, bounded in number, size and time.

use super::charset;
use crate::engine::{Document, Form};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RETRY_AFTER,
};
use reqwest::{Client, Method, StatusCode};
use robotxt::Robots;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tm_model::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

/// How a host is visited.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Pause between two requests; a third of it is chance.
    pub delay: Duration,
    /// Obey robots.txt.
    pub robots: bool,
    /// What the requests call themselves.
    pub agent: String,
    /// Proxy, such as `socks5h://127.0.0.1:9050` for onion services.
    pub proxy: Option<String>,
    /// Let names lead to private addresses.
    pub private: bool,
    /// Most bytes of a page, unpacked.
    pub largest: usize,
    /// Time limit of one request.
    pub patience: Duration,
    /// Tries of a request that fails for now (429, 5xx, no connection).
    pub tries: u32,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            delay: Duration::from_secs(1),
            robots: true,
            agent: concat!("threatminer/", env!("CARGO_PKG_VERSION")).into(),
            proxy: None,
            private: false,
            largest: 16 << 20,
            patience: Duration::from_secs(60),
            tries: 4,
        }
    }
}

/// Why a page could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The client could not be set up.
    #[error("cannot set up the connection: {0}")]
    Setup(String),
    /// No answer.
    #[error("{url}: no answer after {tries} tries: {reason}")]
    NoAnswer {
        /// What was asked for.
        url: Url,
        /// How often.
        tries: u32,
        /// What the last one ended with.
        reason: String,
    },
    /// robots.txt says no.
    #[error("{0}: robots.txt does not allow it (--ignore-robots overrides)")]
    Robots(Url),
    /// It leads away from the host that was named.
    #[error("{from} leads to {to}, outside of the forum that was named; not followed")]
    Elsewhere {
        /// What was asked for.
        from: Box<Url>,
        /// Where it leads.
        to: Box<Url>,
    },
    /// More redirects than anyone needs.
    #[error("{0}: too many redirects")]
    Redirects(Url),
    /// Larger than allowed.
    #[error("{url}: larger than {most} bytes; not read")]
    TooLarge {
        /// What was asked for.
        url: Url,
        /// The limit.
        most: usize,
    },
}

/// Fetches pages of one host.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    manners: Manners,
    host: String,
    port: Option<u16>,
    robots: Mutex<Option<Arc<Rules>>>,
    /// When the next request may start.
    next: Mutex<Instant>,
    requests: AtomicU64,
}

#[derive(Debug)]
struct Rules {
    robots: Robots,
    delay: Duration,
}

/// What a conditional request needs of the last answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
}

/// An answer.
#[derive(Debug)]
pub enum Answer {
    /// A page, with what a conditional request for it would need.
    Page(Document, Validators),
    /// Not changed since the validators were given.
    Unchanged,
}

impl Fetcher {
    /// A fetcher for the host of `named`, which the operator named.
    ///
    /// # Errors
    /// [`FetchError::Setup`] when the proxy's address or the cookies cannot be used.
    pub fn new(named: &Url, manners: Manners, cookies: &[(String, String)]) -> Result<Fetcher, FetchError> {
        // A second call finds one installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let jar = reqwest::cookie::Jar::default();
        for (name, value) in cookies {
            jar.add_cookie_str(&format!("{name}={value}; Path=/"), named);
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "accept",
            HeaderValue::from_static("text/html,application/xhtml+xml,application/json;q=0.9"),
        );
        headers.insert("accept-language", HeaderValue::from_static("en,ru;q=0.8,zh;q=0.7"));
        let mut builder = Client::builder()
            .user_agent(manners.agent.clone())
            .default_headers(headers)
            .cookie_provider(Arc::new(jar))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(manners.patience.min(Duration::from_secs(30)))
            .timeout(manners.patience);
        let setup = |e: reqwest::Error| FetchError::Setup(e.to_string());
        builder = match &manners.proxy {
            Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy).map_err(setup)?),
            None => builder.no_proxy(),
        };
        let named_private = match named.host() {
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Some(Host::Domain(d)) => d == "localhost",
            None => return Err(FetchError::Setup(format!("{named} names no host"))),
        };
        if !manners.private && !named_private {
            builder = builder.dns_resolver(Arc::new(Public));
        }
        Ok(Fetcher {
            client: builder.build().map_err(setup)?,
            host: named.host_str().unwrap_or("").to_owned(),
            port: named.port(),
            manners,
            robots: Mutex::new(None),
            next: Mutex::new(Instant::now()),
            requests: AtomicU64::new(0),
        })
    }

    /// Requests made so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether an address is on the host that was named.
    pub fn covers(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https")
            && url.host_str() == Some(&self.host)
            && (url.port() == self.port || (self.port.is_none() && url.port().is_none()))
    }

    /// Gets a page.
    ///
    /// # Errors
    /// See [`FetchError`]; answers of any status are pages, not errors.
    pub async fn get(&self, url: &Url, known: &Validators) -> Result<Answer, FetchError> {
        self.rules(url).await?;
        self.walk(Method::GET, url.clone(), None, known).await
    }

    /// Sends a form and follows where it leads.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn send(&self, form: &Form) -> Result<Document, FetchError> {
        match self.walk(Method::POST, form.action.clone(), Some(&form.fields), &Validators::default()).await?
        {
            Answer::Page(document, _) => Ok(document),
            Answer::Unchanged => Err(FetchError::NoAnswer {
                url: form.action.clone(),
                tries: 1,
                reason: "a form was answered with 304".into(),
            }),
        }
    }

    async fn rules(&self, url: &Url) -> Result<(), FetchError> {
        if !self.manners.robots {
            return Ok(());
        }
        let rules = {
            let mut slot = self.robots.lock().await;
            if let Some(rules) = &*slot {
                rules.clone()
            } else {
                let mut at = url.clone();
                at.set_path("/robots.txt");
                at.set_query(None);
                let text = match self.walk(Method::GET, at, None, &Validators::default()).await {
                    Ok(Answer::Page(d, _)) if d.status == 200 => d.body,
                    // RFC 9309, 2.3.1.3: unavailable means no restrictions. One that cannot be had at all is decided
                    // by the page itself, which then cannot be had either.
                    _ => String::new(),
                };
                let delay = text
                    .lines()
                    .filter_map(|l| {
                        l.to_ascii_lowercase().strip_prefix("crawl-delay:")?.trim().parse::<f64>().ok()
                    })
                    .fold(0.0, f64::max);
                let rules = Arc::new(Rules {
                    robots: Robots::parse(text.as_bytes(), "threatminer"),
                    delay: Duration::from_secs_f64(delay.clamp(0.0, 60.0)),
                });
                *slot = Some(rules.clone());
                rules
            }
        };
        if rules.robots.is_url_allowed(url) { Ok(()) } else { Err(FetchError::Robots(url.clone())) }
    }

    /// Waits until the next request may start.
    async fn pace(&self) {
        let asked = match self.robots.try_lock() {
            Ok(slot) => slot.as_ref().map_or(Duration::ZERO, |r| r.delay),
            Err(_) => Duration::ZERO,
        };
        let delay = self.manners.delay.max(if self.manners.delay.is_zero() { Duration::ZERO } else { asked });
        if delay.is_zero() {
            return;
        }
        let at = {
            let mut next = self.next.lock().await;
            let at = (*next).max(Instant::now());
            *next = at + delay.mul_f64(0.83 + chance() / 3.0);
            at
        };
        tokio::time::sleep_until(at).await;
    }

    async fn walk(
        &self,
        mut method: Method,
        mut url: Url,
        mut fields: Option<&[(String, String)]>,
        known: &Validators,
    ) -> Result<Answer, FetchError> {
        let asked = url.clone();
        for _ in 0..8 {
            if !self.covers(&url) {
                return Err(FetchError::Elsewhere { from: Box::new(asked), to: Box::new(url) });
            }
            let response = self.once(&method, &url, fields, known).await?;
            let status = response.status();
            if status == StatusCode::NOT_MODIFIED && method == Method::GET {
                return Ok(Answer::Unchanged);
            }
            if status.is_redirection()
                && let Some(to) = response.headers().get(LOCATION)
            {
                // Servers write addresses as bytes of UTF-8.
                let to = String::from_utf8_lossy(to.as_bytes()).into_owned();
                url = url.join(to.trim()).map_err(|e| FetchError::NoAnswer {
                    url: asked.clone(),
                    tries: 1,
                    reason: format!("redirect to {to:?}: {e}"),
                })?;
                url.set_fragment(None);
                if !matches!(status.as_u16(), 307 | 308) {
                    method = Method::GET;
                    fields = None;
                }
                continue;
            }
            return self.page(response, url).await;
        }
        Err(FetchError::Redirects(asked))
    }

    /// One request, tried again while the failure may pass.
    async fn once(
        &self,
        method: &Method,
        url: &Url,
        fields: Option<&[(String, String)]>,
        known: &Validators,
    ) -> Result<reqwest::Response, FetchError> {
        let mut wait = self.manners.delay.max(Duration::from_millis(500));
        let mut reason = String::new();
        for attempt in 1..=self.manners.tries {
            self.pace().await;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut request = self.client.request(method.clone(), url.clone());
            if let Some(fields) = fields {
                request = request.form(fields);
            } else if let Some(etag) = &known.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if fields.is_none()
                && let Some(modified) = &known.modified
            {
                request = request.header(IF_MODIFIED_SINCE, modified);
            }
            let mut pause = None;
            match request.send().await {
                Ok(r)
                    if !matches!(r.status().as_u16(), 429 | 500 | 502 | 503 | 504)
                        || attempt == self.manners.tries =>
                {
                    return Ok(r);
                }
                Ok(r) => {
                    // A browser check is answered with 503 as well; trying again does not help, and the caller sees it.
                    if r.headers().contains_key("cf-mitigated") {
                        return Ok(r);
                    }
                    reason = format!("status {}", r.status());
                    pause = r
                        .headers()
                        .get(RETRY_AFTER)
                        .and_then(|h| h.to_str().ok()?.parse().ok())
                        .map(Duration::from_secs);
                }
                Err(e) => reason = innermost(&e),
            }
            if attempt < self.manners.tries {
                tokio::time::sleep(
                    pause.unwrap_or(wait).min(Duration::from_secs(300)).mul_f64(0.83 + chance() / 3.0),
                )
                .await;
                wait *= 2;
            }
        }
        Err(FetchError::NoAnswer { url: url.clone(), tries: self.manners.tries, reason })
    }

    async fn page(&self, mut response: reqwest::Response, url: Url) -> Result<Answer, FetchError> {
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let validators = Validators { etag: header(ETAG), modified: header(LAST_MODIFIED) };
        let content_type = header(CONTENT_TYPE);
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned())))
            .collect();
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.manners.largest => {
                    return Err(FetchError::TooLarge { url, most: self.manners.largest });
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(e) => return Err(FetchError::NoAnswer { url, tries: 1, reason: innermost(&e) }),
            }
        }
        let body = charset::decode(&bytes, content_type.as_deref());
        Ok(Answer::Page(Document { url, status, headers, body, fetched: now() }, validators))
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(0))
}

/// The cause at the bottom, which says what happened ("connection refused").
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// A number from 0 to 1 that differs from call to call; pauses need no better chance.
fn chance() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let hash = std::hash::RandomState::new().build_hasher().finish();
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// Resolves names, to public addresses only: a name of the forum must not lead into the operator's own network.
#[derive(Debug)]
struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = all.filter(|a| is_public(a.ip())).collect();
            if public.is_empty() {
                return Err(format!(
                    "{} leads to a private address (--allow-private overrides)",
                    name.as_str()
                )
                .into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Addresses of the public Internet (RFC 6890; IPv4 inside IPv6 is judged as IPv4).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // NAT64 and 6to4 carry an IPv4 address as well.
            let inner = |hi: u16, lo: u16| {
                let ([a, b], [c, d]) = (hi.to_be_bytes(), lo.to_be_bytes());
                is_public(IpAddr::from([a, b, c, d]))
            };
            if s[0] == 0x64 && s[1] == 0xff9b {
                return inner(s[6], s[7]);
            }
            if s[0] == 0x2002 {
                return inner(s[1], s[2]);
            }
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || s[..6] == [0, 0, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_in_every_dress() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.9.9",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "172.32.0.1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn decimal_addresses_are_addresses() {
        // The URL standard reads 2130706433 as 127.0.0.1, so that no trick with numbers passes for a name.
        let url = Url::parse("http://2130706433/").unwrap();
        assert_eq!(url.host_str(), Some("127.0.0.1"));
        let fetcher =
            Fetcher::new(&Url::parse("http://forum.example/").unwrap(), Manners::default(), &[]).unwrap();
        for outside in [
            "http://2130706433/",
            "http://forum.example:8080/",
            "ftp://forum.example/",
            "http://forum.example.evil.example/",
        ] {
            assert!(!fetcher.covers(&Url::parse(outside).unwrap()), "{outside}");
        }
        assert!(fetcher.covers(&Url::parse("https://forum.example/x").unwrap()));
    }
}
