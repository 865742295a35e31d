//! One host, fetched politely and safely.
//!
//! Redirects are followed here and not by the client, so that each step is checked: only the host that the operator
//! named, no private address unless it was named, bounded in number, size and time.

use super::address::Public;
use super::charset;
use super::robots::{self, Rules};
use crate::engine::{Document, Form};
use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RETRY_AFTER,
};
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Pause before the second try; doubled before each further one, a third of it is chance. What the host asks for
    /// (`Retry-After`) goes before it.
    pub back_off: Duration,
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
            back_off: Duration::from_secs(2),
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
    /// robots.txt cannot be had, which asks to stay away (RFC 9309, 2.3.1.4).
    #[error("{url} cannot be had ({reason}): nothing is fetched until it can (--ignore-robots overrides)")]
    RobotsUnreachable {
        /// Where it should be.
        url: Url,
        /// What was answered.
        reason: String,
    },
    /// The host asks for a longer pause than a crawl waits.
    #[error("{url}: the host asks to come back in {seconds} s")]
    ComeBack {
        /// What was asked for.
        url: Url,
        /// Pause that it asks for.
        seconds: u64,
    },
    /// It leads away from the host that was named.
    #[error("{from} leads to {to}, outside of the forum that was named; not followed")]
    Elsewhere {
        /// What was asked for.
        from: Box<Url>,
        /// Where it leads.
        to: Box<Url>,
    },
    /// It leads from https to http, where everybody on the way would read the password or the session.
    #[error("{from} leads to {to}: password and session would travel in the clear; not followed")]
    Clear {
        /// What was asked for, or the forum that was named.
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
    pace: Mutex<Pace>,
    requests: AtomicU64,
    /// The forum was named with https, or has led there.
    secure: AtomicBool,
    /// Cookies were given or a form was sent: what travels is worth keeping from others.
    session: AtomicBool,
}

/// When the next request may start. One for all tasks: a host that asks one of them to wait is left alone by all.
#[derive(Debug)]
struct Pace {
    next: Instant,
    /// Pause that robots.txt asks for.
    asked: Duration,
    /// How many times the pause is stretched, because the host was overloaded; falls back to 1 with each good answer.
    stretch: f64,
}

/// How much of an answer is read, in bytes after decompression.
#[derive(Debug, Clone, Copy)]
enum Size {
    /// All of it; a longer one is an error.
    Whole(usize),
    /// What stands in front; the rest is left.
    Head(usize),
}

/// Most that the pause is stretched.
const STRETCH: f64 = 32.0;
/// Longest pause that is waited for on a host's word.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What a conditional request needs of the last answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
            builder = builder.dns_resolver(Arc::new(Public::new()));
        }
        Ok(Fetcher {
            client: builder.build().map_err(setup)?,
            host: named.host_str().unwrap_or("").to_owned(),
            port: named.port(),
            manners,
            robots: Mutex::new(None),
            pace: Mutex::new(Pace { next: Instant::now(), asked: Duration::ZERO, stretch: 1.0 }),
            requests: AtomicU64::new(0),
            secure: AtomicBool::new(named.scheme() == "https"),
            session: AtomicBool::new(!cookies.is_empty()),
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
        let url = self.guarded(url);
        self.rules(&url).await?;
        self.walk(Method::GET, url, None, known, Size::Whole(self.manners.largest)).await
    }

    /// The address to ask: pages of a forum that is read over https link to themselves with http as well, and a session
    /// does not go there.
    fn guarded(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if url.scheme() == "http"
            && self.secure.load(Ordering::Relaxed)
            && self.session.load(Ordering::Relaxed)
        {
            // Never fails between these two.
            let _ = url.set_scheme("https");
        }
        url
    }

    /// Refuses the step from https to http when a form is sent or a session is in play.
    fn step(&self, from: &Url, to: &Url, form: bool) -> Result<(), FetchError> {
        let clear = from.scheme() == "https" && to.scheme() == "http";
        if clear && (form || self.session.load(Ordering::Relaxed)) {
            return Err(FetchError::Clear { from: Box::new(from.clone()), to: Box::new(to.clone()) });
        }
        Ok(())
    }

    /// Sends a form and follows where it leads.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn send(&self, form: &Form) -> Result<Document, FetchError> {
        if self.secure.load(Ordering::Relaxed) {
            let mut page = form.action.clone();
            let _ = page.set_scheme("https");
            self.step(&page, &form.action, true)?;
        }
        self.session.store(true, Ordering::Relaxed);
        let (fields, none) = (Some(form.fields.as_slice()), Validators::default());
        match self
            .walk(Method::POST, form.action.clone(), fields, &none, Size::Whole(self.manners.largest))
            .await?
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
            match &*slot {
                Some(rules) if rules.fresh() => rules.clone(),
                old => {
                    let rules = match (self.ask_rules(url).await, old) {
                        (Ok(rules), _) => rules,
                        (Err(_), Some(old)) => old.extended(),
                        (Err(e), None) => return Err(e),
                    };
                    self.pace.lock().await.asked = rules.delay;
                    let rules = Arc::new(rules);
                    *slot = Some(rules.clone());
                    rules
                }
            }
        };
        if rules.allow(url) { Ok(()) } else { Err(FetchError::Robots(url.clone())) }
    }

    async fn ask_rules(&self, url: &Url) -> Result<Rules, FetchError> {
        let mut at = url.clone();
        at.set_path("/robots.txt");
        at.set_query(None);
        let unreachable = |reason| FetchError::RobotsUnreachable { url: at.clone(), reason };
        match self.walk(Method::GET, at.clone(), None, &Validators::default(), Size::Head(robots::MOST)).await
        {
            Ok(Answer::Page(d, _)) => match d.status {
                200..300 => Ok(Rules::read(&d.body)),
                // Overload is told with 429 as well, which says nothing about the file.
                429 | 500.. => Err(unreachable(format!("status {}", d.status))),
                _ => Ok(Rules::none()),
            },
            Ok(Answer::Unchanged) => Ok(Rules::none()),
            // Nobody is at home there: the same as no file.
            Err(FetchError::Elsewhere { .. } | FetchError::Redirects(_)) => Ok(Rules::none()),
            Err(FetchError::NoAnswer { reason, .. }) => Err(unreachable(reason)),
            Err(e) => Err(e),
        }
    }

    /// Waits until the next request may start.
    async fn pace(&self) {
        let at = {
            let mut pace = self.pace.lock().await;
            let at = pace.next.max(Instant::now());
            if !self.manners.delay.is_zero() {
                let delay = self.manners.delay.max(pace.asked).mul_f64(pace.stretch);
                pace.next = at + jitter(delay);
            }
            at
        };
        if at > Instant::now() {
            tokio::time::sleep_until(at).await;
        }
    }

    /// The host is overloaded: all requests wait, and come slower from then on.
    async fn hold(&self, pause: Duration) {
        let mut pace = self.pace.lock().await;
        pace.next = pace.next.max(Instant::now() + pause);
        pace.stretch = (pace.stretch * 2.0).min(STRETCH);
    }

    async fn walk(
        &self,
        mut method: Method,
        mut url: Url,
        mut fields: Option<&[(String, String)]>,
        known: &Validators,
        size: Size,
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
                let to = url.join(to.trim()).map_err(|e| FetchError::NoAnswer {
                    url: asked.clone(),
                    tries: 1,
                    reason: format!("redirect to {to:?}: {e}"),
                })?;
                self.step(&url, &to, fields.is_some())?;
                url = to;
                url.set_fragment(None);
                if !matches!(status.as_u16(), 307 | 308) {
                    method = Method::GET;
                    fields = None;
                }
                continue;
            }
            return self.page(response, url, size).await;
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
        let mut wait = self.manners.back_off;
        let mut reason = String::new();
        for attempt in 1..=self.manners.tries {
            self.pace().await;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut request = self.client.request(method.clone(), url.clone());
            if let Some(fields) = fields {
                request = request.form(fields);
            } else {
                if let Some(etag) = &known.etag {
                    request = request.header(IF_NONE_MATCH, etag);
                }
                if let Some(modified) = &known.modified {
                    request = request.header(IF_MODIFIED_SINCE, modified);
                }
            }
            let mut asked = None;
            let mut overloaded = true;
            match request.send().await {
                Ok(r) => {
                    let status = r.status().as_u16();
                    overloaded = matches!(status, 429 | 503);
                    // A browser check is answered with 503 as well; trying again does not help, and the caller sees it.
                    let passing = matches!(status, 429 | 500 | 502 | 503 | 504)
                        && !r.headers().contains_key("cf-mitigated");
                    if !passing {
                        let mut pace = self.pace.lock().await;
                        pace.stretch = (pace.stretch * 0.9).max(1.0);
                        return Ok(r);
                    }
                    asked = retry_after(r.headers());
                    if let Some(long) = asked.filter(|p| *p > LONGEST_PAUSE) {
                        self.hold(LONGEST_PAUSE).await;
                        return Err(FetchError::ComeBack { url: url.clone(), seconds: long.as_secs() });
                    }
                    if attempt == self.manners.tries {
                        return Ok(r);
                    }
                    reason = format!("status {}", r.status());
                }
                Err(e) => reason = innermost(&e),
            }
            if attempt < self.manners.tries {
                let pause = asked.unwrap_or_else(|| jitter(wait));
                if overloaded {
                    self.hold(pause).await;
                } else {
                    tokio::time::sleep(pause).await;
                }
                wait = (wait * 2).min(LONGEST_PAUSE);
            }
        }
        Err(FetchError::NoAnswer { url: url.clone(), tries: self.manners.tries, reason })
    }

    async fn page(
        &self,
        mut response: reqwest::Response,
        url: Url,
        size: Size,
    ) -> Result<Answer, FetchError> {
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let validators = Validators { etag: header(ETAG), modified: header(LAST_MODIFIED) };
        let content_type = header(CONTENT_TYPE);
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned())))
            .collect();
        if url.scheme() == "https" {
            self.secure.store(true, Ordering::Relaxed);
        }
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => match size {
                    Size::Whole(most) if bytes.len() + chunk.len() > most => {
                        return Err(FetchError::TooLarge { url, most });
                    }
                    Size::Head(most) if bytes.len() + chunk.len() > most => {
                        bytes.extend_from_slice(&chunk[..most - bytes.len()]);
                        break;
                    }
                    _ => bytes.extend_from_slice(&chunk),
                },
                Ok(None) => break,
                Err(e) => return Err(FetchError::NoAnswer { url, tries: 1, reason: innermost(&e) }),
            }
        }
        let body = charset::decode(&bytes, content_type.as_deref());
        Ok(Answer::Page(Document { url, status, headers, body, fetched: now() }, validators))
    }
}

/// The pause that a host asks for: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(at - now().0).unwrap_or(0)))
}

/// A third of a pause is chance, so that several crawlers do not march in step.
fn jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.83 + chance() / 3.0)
}

pub(super) fn now() -> Timestamp {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_secret_goes_from_https_to_http() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (safe, clear) = (url("https://forum.example/a"), url("http://forum.example/b"));
        let fetcher =
            |cookies: &[(String, String)]| Fetcher::new(&safe, Manners::default(), cookies).unwrap();
        let guest = fetcher(&[]);
        assert!(guest.step(&safe, &clear, false).is_ok(), "a guest has nothing to lose");
        assert_eq!(guest.guarded(&clear), clear);
        let told = guest.step(&safe, &clear, true).unwrap_err();
        assert!(matches!(told, FetchError::Clear { .. }), "{told}");
        let member = fetcher(&[("sid".to_owned(), "x".to_owned())]);
        assert!(matches!(member.step(&safe, &clear, false), Err(FetchError::Clear { .. })));
        assert!(member.step(&clear, &safe, true).is_ok() && member.step(&safe, &safe, true).is_ok());
        assert_eq!(
            member.guarded(&clear).as_str(),
            "https://forum.example/b",
            "links are followed over https"
        );
        // A form that leads to http is not sent, not even tried: no host answers to that name.
        let form = Form { action: clear.clone(), fields: vec![("password".into(), "x".into())] };
        let told = guest.send(&form).await.unwrap_err();
        assert!(matches!(&told, FetchError::Clear { to, .. } if **to == clear), "{told}");
        // Named with http: that is how the operator wants it.
        let plain = Fetcher::new(&clear, Manners::default(), &[("sid".to_owned(), "x".to_owned())]).unwrap();
        assert_eq!(plain.guarded(&clear), clear);
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
