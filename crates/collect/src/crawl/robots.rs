//! robots.txt (RFC 9309) and what it asks for beyond the standard.

use robotxt::Robots;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How we are called in robots.txt.
const NAME: &str = "threatminer";
/// Bytes that are read; the standard asks for 500 KiB at least.
pub(super) const MOST: usize = 512 << 10;
/// Rules are not trusted for longer (RFC 9309, 2.4).
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// Longest pause that a host can ask for between two requests.
const LONGEST: f64 = 120.0;

/// What a host allows.
#[derive(Debug)]
pub(super) struct Rules {
    robots: Robots,
    /// Pause between two requests that it asks for.
    pub delay: Duration,
    until: Instant,
}

impl Rules {
    /// Reads a file.
    pub(super) fn read(text: &str) -> Rules {
        let delay = crawl_delay(text).unwrap_or(0.0).clamp(0.0, LONGEST);
        Rules {
            robots: Robots::parse(text.as_bytes(), NAME),
            delay: Duration::from_secs_f64(delay),
            until: Instant::now() + FRESH,
        }
    }

    /// No rules: there is no such file (RFC 9309, 2.3.1.3).
    pub(super) fn none() -> Rules {
        Rules { robots: Robots::allow_all(), delay: Duration::ZERO, until: Instant::now() + FRESH }
    }

    /// Whether an address may be visited.
    pub(super) fn allow(&self, url: &Url) -> bool {
        self.robots.is_url_allowed(url)
    }

    /// Whether they are young enough to be used without asking.
    pub(super) fn fresh(&self) -> bool {
        Instant::now() < self.until
    }

    /// The file cannot be had just now: those that are known hold for another hour.
    pub(super) fn extended(&self) -> Rules {
        Rules {
            robots: self.robots.clone(),
            delay: self.delay,
            until: Instant::now() + Duration::from_secs(3600),
        }
    }
}

/// `Crawl-delay` of our group, else of the group for all. The standard leaves it out, hosts use it all the same.
fn crawl_delay(text: &str) -> Option<f64> {
    let (mut own, mut any) = (None, None);
    let mut names: Vec<String> = Vec::new();
    let mut heading = false;
    for line in text.lines() {
        let Some((key, value)) = line.split('#').next().and_then(|l| l.split_once(':')) else { continue };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "user-agent" => {
                if !heading {
                    names.clear();
                }
                heading = true;
                names.push(value.to_ascii_lowercase());
            }
            "crawl-delay" => {
                heading = false;
                let delay = value.parse::<f64>().ok().filter(|d| d.is_finite());
                if names.iter().any(|n| n == NAME) {
                    own = own.or(delay);
                } else if names.iter().any(|n| n == "*") {
                    any = any.or(delay);
                }
            }
            _ => heading = false,
        }
    }
    own.or(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_those_of_our_group() {
        let text =
            "User-agent: greedy\nCrawl-delay: 90\n\nUser-agent: *\nDisallow: /x # no\nCrawl-delay: 3\n";
        assert_eq!(Rules::read(text).delay, Duration::from_secs(3));
        let text =
            format!("{text}\nUser-Agent: other\nUser-Agent: ThreatMiner\nCrawl-delay: 0.5\nDisallow: /y");
        let rules = Rules::read(&text);
        assert_eq!(rules.delay, Duration::from_millis(500));
        let at = |path: &str| Url::parse("http://forum.example").unwrap().join(path).unwrap();
        assert!(rules.allow(&at("/x")) && !rules.allow(&at("/y")), "our own group alone holds for us");
        for odd in ["Crawl-delay: NaN", "User-agent: *\nCrawl-delay: inf", "User-agent: *\nCrawl-delay: -4"] {
            assert_eq!(Rules::read(odd).delay, Duration::ZERO, "{odd}");
        }
    }
}
