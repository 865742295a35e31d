//! The store as the crawler's memory, and what is remembered of each source.

use crate::role::Outlet;
use anyhow::Context;
use async_trait::async_trait;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tm_collect::crawl::{Batch, CrawlError, Found, Health, Memory, MemoryError, Report, Stored};
use tm_model::Timestamp;
use tm_store::{Shortfall, SourceRow, Store};
use url::Url;

/// Problems and shortfalls that are kept of a crawl.
const KEPT: usize = 50;

/// One forum's part of the store.
struct Kept {
    store: Arc<dyn Store>,
    forum: String,
}

/// The part of the store that belongs to a forum.
pub fn memory(store: Arc<dyn Store>, forum: &str) -> Arc<dyn Memory> {
    Arc::new(Kept { store, forum: forum.to_owned() })
}

fn failed(e: tm_store::StoreError) -> MemoryError {
    MemoryError(Box::new(e))
}

#[async_trait]
impl Memory for Kept {
    async fn mark(&self, key: &str) -> Result<Option<String>, MemoryError> {
        self.store.crawl_mark(&self.forum, key).await.map_err(failed)
    }

    async fn marks(&self, prefix: &str) -> Result<Vec<(String, String)>, MemoryError> {
        self.store.crawl_marks(&self.forum, prefix).await.map_err(failed)
    }

    async fn sum(&self, prefix: &str) -> Result<(u64, u64), MemoryError> {
        self.store.crawl_sum(&self.forum, prefix).await.map_err(failed)
    }

    async fn commit(&self, batch: Batch) -> Result<Stored, MemoryError> {
        let done = self.store.store_crawled(&self.forum, &batch.posts, &batch.marks).await.map_err(failed)?;
        Ok(Stored { new: done.new, changed: done.changed, known: done.known })
    }
}

/// Keeps two crawls of one host apart, whatever processes they run in. The system takes it back when a process is killed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the host of an address; `None` when another crawl holds it.
    ///
    /// # Errors
    /// When the file beside the store cannot be made.
    pub fn take(folder: &Path, url: &Url) -> anyhow::Result<Option<Lock>> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let port = url.port().map_or_else(String::new, |p| format!("-{p}"));
        let host: String = url
            .host_str()
            .unwrap_or("")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .take(100)
            .collect();
        let path = folder.join(format!("{host}{port}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}

/// How a source fares, written to the store at the beginning and at the end of a crawl.
pub struct Record {
    store: Arc<dyn Store>,
    outlet: Option<Outlet>,
    folder: PathBuf,
    row: SourceRow,
}

/// Seconds since 1970.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}

impl Record {
    /// A source that is about to be looked at. Pages are kept in `folder` as well as in the store.
    pub fn new(store: Arc<dyn Store>, folder: PathBuf, url: &Url, name: Option<&str>) -> Record {
        let name = name.or_else(|| url.host_str()).unwrap_or("forum").to_owned();
        let row = SourceRow {
            url: url.to_string(),
            name,
            state: "running".into(),
            started: now(),
            ..SourceRow::default()
        };
        Record { store, outlet: None, folder, row }
    }

    /// Has what is written handed over to the store of a cluster as well.
    pub fn through(self, outlet: Option<Outlet>) -> Record {
        Record { outlet, ..self }
    }

    async fn write(&self, page: Option<(&str, &str)>) -> anyhow::Result<()> {
        self.store.record_source(&self.row, page).await?;
        if let Some(outlet) = &self.outlet {
            outlet.source(&self.row, page).await;
        }
        Ok(())
    }

    /// The forum was found and the crawl begins.
    pub async fn begins(&mut self, found: &Found, forum: &str, named: bool) -> anyhow::Result<()> {
        self.row.forum = Some(forum.to_owned());
        self.row.engine = Some(found.engine.clone());
        self.row.member.clone_from(&found.member);
        if !named {
            self.row.name = forum.to_owned();
        }
        self.write(None).await
    }

    /// The crawl ended with a report; returns where the page is kept that shows what is wrong.
    pub async fn ends(&mut self, report: &Report) -> anyhow::Result<Option<PathBuf>> {
        self.row.figures = [
            ("new", report.new),
            ("changed", report.changed),
            ("known", report.known),
            ("threads", report.threads),
            ("threads_unchanged", report.threads_unchanged),
            ("boards", report.boards),
            ("boards_unchanged", report.boards_unchanged),
            ("requests", report.requests),
            ("refused", report.refused),
            ("missing", report.missing),
            ("withheld", report.withheld),
            ("without_time", report.without_time),
            ("without_author", report.without_author),
            ("problems", report.problem_count),
            ("short", report.short_count),
            ("limited", u64::from(report.limited)),
        ]
        .map(|(name, n)| (name.to_owned(), n))
        .into();
        let short = |what: &str, title: &str, got, counted| Shortfall {
            what: what.to_owned(),
            title: title.to_owned(),
            got,
            counted,
        };
        let threads = report.short.iter().map(|(title, got, counted)| short("thread", title, *got, *counted));
        let boards = report
            .boards_short
            .iter()
            .map(|b| short("board", &b.board, b.posts, b.posts_counted.unwrap_or(b.posts)));
        self.row.shortfall = threads.take(KEPT).chain(boards.take(KEPT)).collect();
        self.row.problems = report.problems.iter().take(KEPT).cloned().collect();
        self.close(&report.health, report.kept.as_ref()).await
    }

    /// The crawl could not begin.
    pub async fn failed(&mut self, error: &CrawlError) -> anyhow::Result<Option<PathBuf>> {
        match error.health() {
            Some((health, page)) => self.close(&health, page.as_ref()).await,
            None => Ok(None),
        }
    }

    async fn close(
        &mut self,
        health: &Health,
        page: Option<&(Url, String)>,
    ) -> anyhow::Result<Option<PathBuf>> {
        self.row.ended = Some(now());
        self.row.state = health.name().to_owned();
        self.row.reason = health.reason().map(|r| r.chars().take(500).collect());
        self.row.last_good = self.row.ended.filter(|_| *health == Health::Good);
        self.row.page_url = page.map(|p| p.0.to_string());
        let page = page.map(|(url, text)| (url.as_str(), text.as_str()));
        self.write(page).await?;
        let Some((url, text)) = page else { return Ok(None) };
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let name: String =
            self.row.name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(60).collect();
        let path = self.folder.join(format!("{name}.html"));
        // Looked at as text or in a browser: where it came from stands in a comment.
        let note = url.replace("--", "%2D%2D");
        std::fs::write(&path, format!("<!-- {note} -->\n{text}"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_crawl_a_host() {
        let folder = tempfile::tempdir().unwrap();
        let url = |text: &str| Url::parse(text).unwrap();
        let first = Lock::take(folder.path(), &url("http://forum.example/a")).unwrap();
        assert!(first.is_some());
        assert!(Lock::take(folder.path(), &url("https://forum.example/b")).unwrap().is_none());
        assert!(Lock::take(folder.path(), &url("http://forum.example:8080/")).unwrap().is_some());
        drop(first);
        assert!(Lock::take(folder.path(), &url("http://forum.example/")).unwrap().is_some());
    }
}
