//! The schedule that `serve` keeps: each source is looked at when its time comes, no host by two crawls at once.

use super::memory::now;
use super::{Lock, Record, Source, memory};
use crate::role::Outlet;
use anyhow::Context;
use croner::Cron;
use jiff::Zoned;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tm_collect::crawl::{CrawlError, Crawler, Hand, Report};
use tm_store::Store;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// When a source that names no schedule is looked at.
const HOURLY: &str = "0 * * * *";
/// Start is put off by up to so long, so that not all sources of an hour begin in its first second.
const JITTER: Duration = Duration::from_secs(60);

/// When a source is looked at; `None` never.
///
/// # Errors
/// When the schedule is no cron form.
pub fn schedule(source: &Source) -> anyhow::Result<Option<Cron>> {
    let text = source.schedule.as_deref().unwrap_or(HOURLY);
    if text == "never" {
        return Ok(None);
    }
    let cron = Cron::from_str(text)
        .map_err(|e| anyhow::anyhow!("schedule {text:?} is no cron form such as \"*/15 * * * *\": {e}"))?;
    Ok(Some(cron))
}

/// The next time of a schedule, in UTC.
pub fn next(cron: &Cron, after: i64) -> Option<i64> {
    let from = jiff::Timestamp::from_second(after).ok()?.to_zoned(TimeZone::UTC);
    let next: Zoned = cron.find_next_occurrence(&from, false).ok()?;
    Some(next.timestamp().as_second())
}

/// A fixed part of the time between two looks, different from source to source: the same after every start.
fn jitter(source: &Source, period: Duration) -> Duration {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    source.url.hash(&mut hasher);
    let most = (period / 4).min(JITTER);
    most.mul_f64((hasher.finish() % 1000) as f64 / 1000.0)
}

/// Resolves when the program ends.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the end as well.
    let _ = stop.wait_for(|s| *s).await;
}

/// What the sources share.
struct Shared {
    store: Arc<dyn Store>,
    outlet: Option<Outlet>,
    folder: PathBuf,
    /// One crawl a host within this process; a lock file keeps other processes off.
    hosts: Mutex<HashMap<String, Arc<Mutex<()>>>>,
    stop: watch::Receiver<bool>,
}

/// Collects from all sources on their schedules until `stop` says true, then lets each crawl end its batch. With an outlet the
/// posts go there, and `store` only remembers what was seen.
pub async fn collect(
    store: Arc<dyn Store>,
    outlet: Option<Outlet>,
    folder: PathBuf,
    sources: Vec<Source>,
    stop: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared { store, outlet, folder, hosts: Mutex::new(HashMap::new()), stop });
    let mut tasks = JoinSet::new();
    for source in sources {
        match schedule(&source) {
            Ok(Some(cron)) => {
                tasks.spawn(shared.clone().keep(source, cron));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(url = %source.url, "{error:#}"),
        }
    }
    while tasks.join_next().await.is_some() {}
}

impl Shared {
    /// Looks at one source again and again.
    async fn keep(self: Arc<Shared>, source: Source, cron: Cron) {
        let mut stop = self.stop.clone();
        // One that was not looked at since its last turn has its turn now.
        let last = match self.store.sources().await {
            Ok(rows) => rows.iter().find(|r| r.url == source.url.as_str()).map(|r| r.started.0),
            Err(_) => None,
        };
        let mut due = last.map_or_else(|| now().0, |l| next(&cron, l).unwrap_or(i64::MAX));
        loop {
            let wait = Duration::from_secs(u64::try_from(due - now().0).unwrap_or(0));
            let late = if wait.is_zero() { Duration::ZERO } else { jitter(&source, wait) };
            tokio::select! {
                () = tokio::time::sleep(wait + late) => {}
                () = stopped(&mut stop) => return,
            }
            if let Err(error) = self.clone().look(&source, &cron).await {
                tracing::warn!(url = %source.url, "collection failed: {error:#}");
            }
            if *stop.borrow() {
                return;
            }
            match next(&cron, now().0) {
                Some(at) => due = at,
                None => return,
            }
        }
    }

    /// One crawl. While it fills in old posts, each turn of the schedule has it look for news first.
    async fn look(self: Arc<Shared>, source: &Source, cron: &Cron) -> anyhow::Result<()> {
        let host = format!("{}:{:?}", source.url.host_str().unwrap_or(""), source.url.port());
        let host = self.hosts.lock().await.entry(host).or_default().clone();
        let mut stop = self.stop.clone();
        let _turn = tokio::select! {
            turn = host.lock() => turn,
            () = stopped(&mut stop) => return Ok(()),
        };
        let Some(_lock) = Lock::take(&self.folder, &source.url)? else {
            tracing::info!(url = %source.url, "another process crawls this host; left to it");
            return Ok(());
        };
        let hand = Hand::default();
        let mut record =
            Record::new(self.store.clone(), self.folder.clone(), &source.url, source.name.as_deref())
                .through(self.outlet.clone());
        let crawl = self.crawl(source, hand.clone(), &mut record);
        tokio::pin!(crawl);
        let report = loop {
            let at = next(cron, now().0).unwrap_or(i64::MAX);
            let wait = Duration::from_secs(u64::try_from(at - now().0).unwrap_or(0).min(7 * 86400));
            tokio::select! {
                report = &mut crawl => break report?,
                () = tokio::time::sleep(wait) => hand.look_again(),
                () = stopped(&mut stop) => {
                    hand.stop();
                    break crawl.await?;
                }
            }
        };
        if let Some(r) = report {
            tracing::info!(
                forum = r.forum,
                new = r.new,
                changed = r.changed,
                requests = r.requests,
                state = r.health.name(),
                "collected"
            );
        }
        Ok(())
    }

    async fn crawl(
        &self,
        source: &Source,
        hand: Hand,
        record: &mut Record,
    ) -> anyhow::Result<Option<Report>> {
        let plan = source.plan(hand.clone())?;
        let mut stop = self.stop.clone();
        let found = tokio::select! {
            found = Crawler::find(&source.url, source.manners()?, plan) => found,
            () = stopped(&mut stop) => return Ok(None),
        };
        let crawler = match found {
            Ok(crawler) => crawler,
            Err(e) => {
                record.failed(&e).await?;
                return Err(e).context("looking at it");
            }
        };
        let forum = source.name.clone().unwrap_or_else(|| crawler.found.forum.clone());
        record.begins(&crawler.found, &forum, source.name.is_some()).await?;
        let mut memory = memory(self.store.clone(), &forum);
        if let Some(outlet) = &self.outlet {
            memory = outlet.through(memory, &forum);
        }
        let report = match crawler.run(&forum, memory, |_| {}).await {
            Ok(report) => report,
            Err(e @ CrawlError::Memory(_)) => return Err(e.into()),
            Err(e) => {
                record.failed(&e).await?;
                return Err(e.into());
            }
        };
        record.ends(&report).await?;
        Ok(Some(report))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(more: &str) -> Source {
        toml::from_str(&format!("url = 'http://forum.example/'\n{more}")).unwrap()
    }

    #[test]
    fn schedules_are_read_in_utc() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let hourly = schedule(&source("")).unwrap().unwrap();
        assert_eq!(next(&hourly, at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
        let quarter = schedule(&source("schedule = '*/15 8-20 * * MON-FRI'")).unwrap().unwrap();
        // From Friday evening to Monday morning.
        assert_eq!(next(&quarter, at("2026-11-20T20:50:00Z")), Some(at("2026-11-23T08:00:00Z")));
        assert!(schedule(&source("schedule = 'never'")).unwrap().is_none());
        assert!(schedule(&source("schedule = '61 * * * *'")).is_err());
    }

    #[test]
    fn starts_are_spread_within_bounds() {
        let period = Duration::from_secs(3600);
        let a = jitter(&source(""), period);
        assert!(a <= JITTER && a == jitter(&source(""), period));
        assert!(jitter(&source(""), Duration::from_secs(4)) <= Duration::from_secs(1));
    }
}
