//! A source: where to collect and how, from the configuration or the command line.

use anyhow::Context;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tm_collect::crawl::{Hand, Manners, Plan};
use tm_collect::engine::{Reader, Selectors};
use tm_model::Timestamp;
use url::Url;

/// A `[[source]]` of the configuration; the options of `crawl` say the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Front page of the forum, or one board or thread of it.
    #[serde(deserialize_with = "address")]
    pub url: Url,
    /// Name under which its posts are stored; what its pages say when left out.
    pub name: Option<String>,
    /// When `serve` looks for news: cron form, in UTC. Hourly when left out; `"never"` leaves it to `crawl`.
    pub schedule: Option<String>,
    /// Engine; told by the page when left out.
    pub engine: Option<String>,
    /// Selector file for a forum that no engine knows.
    pub selectors: Option<PathBuf>,
    /// Account to log in with.
    pub login: Option<String>,
    /// File that holds its password.
    pub password_file: Option<PathBuf>,
    /// Variable of the environment that holds its password.
    pub password_env: Option<String>,
    /// Cookies of a session in a browser (Netscape format).
    pub cookies: Option<PathBuf>,
    /// The cookies are of no log-in.
    #[serde(default)]
    pub as_guest: bool,
    /// Proxy, such as `socks5h://127.0.0.1:9050`.
    pub proxy: Option<String>,
    /// Seconds between two requests.
    #[serde(default = "second")]
    pub delay: f64,
    /// Threads read at the same time.
    #[serde(default = "two")]
    pub parallel: usize,
    /// Only boards with these identifiers.
    #[serde(default)]
    pub boards: Vec<String>,
    /// Only threads with a post since this date.
    pub since: Option<String>,
    /// Requests of one crawl.
    pub max_requests: Option<u64>,
    /// New posts of one crawl.
    pub max_posts: Option<u64>,
    /// Minutes of one crawl.
    pub max_minutes: Option<f64>,
    /// Offset of the times that the forum shows, such as `"+03:00"`.
    pub zone: Option<String>,
    /// Numeric dates begin with the day.
    #[serde(default)]
    pub day_first: bool,
    /// Visit what robots.txt asks not to.
    #[serde(default)]
    pub ignore_robots: bool,
    /// Let the name lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
    /// What the requests call themselves.
    pub user_agent: Option<String>,
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text).map_err(|e| serde::de::Error::custom(format!("{text:?} is no address: {e}")))
}

fn second() -> f64 {
    1.0
}

fn two() -> usize {
    2
}

impl Source {
    /// How the host is visited.
    ///
    /// # Errors
    /// When a value is out of its range.
    pub fn manners(&self) -> anyhow::Result<Manners> {
        anyhow::ensure!((0.0..=3600.0).contains(&self.delay), "the delay must be 0 to 3600 seconds");
        Ok(Manners {
            delay: Duration::from_secs_f64(self.delay),
            robots: !self.ignore_robots,
            proxy: self.proxy.clone(),
            private: self.allow_private,
            agent: self.user_agent.clone().unwrap_or_else(|| Manners::default().agent),
            ..Manners::default()
        })
    }

    /// What to crawl and how far; reads password, cookies and selector file.
    ///
    /// # Errors
    /// When one of the files cannot be used or a value cannot be read.
    pub fn plan(&self, hand: Hand) -> anyhow::Result<Plan> {
        let since = self
            .since
            .as_deref()
            .map(|s| {
                Timestamp::parse(s).with_context(|| format!("since {s:?} is no date such as 2026-01-31"))
            })
            .transpose()?;
        let minutes = match self.max_minutes {
            Some(m) if !(0.0..=1e6).contains(&m) => anyhow::bail!("a limit of {m} minutes makes no sense"),
            minutes => minutes.map(|m| Duration::from_secs_f64(m * 60.0)),
        };
        Ok(Plan {
            engine: self.engine.clone(),
            selectors: self
                .selectors
                .as_deref()
                .map(|p| Selectors::read(p).with_context(|| format!("selector file {}", p.display())))
                .transpose()?
                .map(Arc::new),
            login: self.credentials()?,
            cookies: self.cookies.as_deref().map(|p| self.session(p)).transpose()?.unwrap_or_default(),
            guest: self.as_guest,
            reader: Reader {
                offset: self.zone.as_deref().map(zone).transpose()?,
                day_first: self.day_first.then_some(true),
            },
            parallel: self.parallel,
            boards: self.boards.clone(),
            since,
            most_requests: self.max_requests,
            most_posts: self.max_posts,
            most_time: minutes,
            hand,
            ..Plan::default()
        })
    }

    /// Everything that can be checked without a request.
    ///
    /// # Errors
    /// What is wrong, with the address of the source.
    pub fn check(&self) -> anyhow::Result<()> {
        let named = || format!("source {}", self.url);
        anyhow::ensure!(matches!(self.url.scheme(), "http" | "https"), "source {}: no web address", self.url);
        self.manners().with_context(named)?;
        self.plan(Hand::default()).with_context(named)?;
        super::collector::schedule(self).with_context(named)?;
        Ok(())
    }

    fn credentials(&self) -> anyhow::Result<Option<(String, String)>> {
        let Some(user) = &self.login else { return Ok(None) };
        let password = match (&self.password_file, &self.password_env) {
            (Some(path), _) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the password from {}", path.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            (None, named) => {
                let name = named.as_deref().unwrap_or("THREATMINER_PASSWORD");
                std::env::var(name).with_context(|| {
                    format!("login as {user:?} needs a password: set {name} or name a password file")
                })?
            }
        };
        Ok(Some((user.clone(), password)))
    }

    fn session(&self, path: &Path) -> anyhow::Result<Vec<(String, String)>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read cookies {}", path.display()))?;
        let host = self.url.host_str().unwrap_or("");
        let all = cookies(&text, host);
        anyhow::ensure!(
            !all.is_empty(),
            "{}: no cookie for {host} (Netscape format, seven columns)",
            path.display()
        );
        Ok(all)
    }
}

/// `+3`, `-05:30`, `+0800`: seconds from UTC.
pub fn zone(text: &str) -> anyhow::Result<i32> {
    let wrong = || format!("zone {text:?} is no offset such as +3 or -05:30");
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim_start_matches('+')),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let (hours, minutes): (i32, i32) =
        (hours.parse().with_context(wrong)?, minutes.parse().with_context(wrong)?);
    anyhow::ensure!((0..=14).contains(&hours) && (0..60).contains(&minutes), wrong());
    Ok(sign * (hours * 3600 + minutes * 60))
}

/// Names and values of the cookies of a host, from a file in the Netscape format.
fn cookies(text: &str, host: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
            if line.starts_with('#') {
                return None;
            }
            let mut columns = line.split('\t');
            let domain = columns.next()?.trim_start_matches('.');
            let (name, value) = (columns.nth(4)?, columns.next()?);
            let ours = host == domain || host.ends_with(&format!(".{domain}"));
            ours.then(|| (name.to_owned(), value.trim_end().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones() {
        for (text, expect) in [("+3", 10800), ("8", 28800), ("-05:30", -19800), ("+0800", 28800)] {
            assert_eq!(zone(text).unwrap(), expect, "{text}");
        }
        for text in ["", "east", "+25", "+3:99"] {
            assert!(zone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cookies_of_the_host_only() {
        let text = "# Netscape HTTP Cookie File\n\
            .forum.example\tTRUE\t/\tFALSE\t0\tsid\tabc\n\
            #HttpOnly_www.forum.example\tFALSE\t/\tTRUE\t0\tkey\tx=y\n\
            other.example\tFALSE\t/\tFALSE\t0\tno\tno\n";
        assert_eq!(
            cookies(text, "www.forum.example"),
            [("sid".to_owned(), "abc".to_owned()), ("key".to_owned(), "x=y".to_owned())]
        );
    }

    #[test]
    fn what_is_wrong_is_said_before_the_first_request() {
        let source = |more: &str| -> Source {
            toml::from_str(&format!("url = 'http://forum.example/'\n{more}")).unwrap()
        };
        assert!(source("").check().is_ok());
        assert!(source("schedule = '*/15 * * * *'\nzone = '+3'\nsince = '2026-01-01'").check().is_ok());
        for (more, part) in [
            ("schedule = 'now and then'", "schedule"),
            ("zone = 'Moscow'", "zone"),
            ("since = 'spring'", "since"),
            ("delay = -1", "delay"),
            ("login = 'reader'\npassword_env = 'TM_NO_SUCH_VARIABLE'", "TM_NO_SUCH_VARIABLE"),
            ("selectors = '/no/such.toml'", "/no/such.toml"),
            ("cookies = '/no/such.txt'", "/no/such.txt"),
        ] {
            let error = format!("{:#}", source(more).check().unwrap_err());
            assert!(error.contains(part) && error.contains("http://forum.example/"), "{more}: {error}");
        }
        assert!(toml::from_str::<Source>("url = 'http://forum.example/'\npasword_file = 'x'").is_err());
    }
}
