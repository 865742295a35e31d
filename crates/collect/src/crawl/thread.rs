//! Reads some pages of a thread.

use super::fetch::{FetchError, Validators};
use super::mark::{ThreadMark, get, put};
use super::plan::Health;
use super::run::TRIES;
use super::visit::Shared;
use super::work::{Lane, Outcome, ThreadWork};
use super::{Batch, MemoryError};
use crate::engine::{Access, Document, Kind, PagePost, Target};
use std::collections::HashSet;
use tm_model::PostRecord;
use url::Url;

/// Pages of a thread that are read before others get their turn.
const SLICE: u32 = 10;

/// The mark of a thread of which nothing was read: its board's list did show it, so the list is not short of it.
fn listed(work: &ThreadWork, mark: &ThreadMark) -> Option<(String, String)> {
    let (board, _) = work.board.as_ref().filter(|_| mark.board.is_none())?;
    Some((format!("held/{board}\t{}", work.target.id), "0".to_owned()))
}

impl Shared {
    /// Reads some pages of a thread, each stored with how far it is.
    pub(super) async fn thread(&self, mut work: ThreadWork) -> Result<Outcome, MemoryError> {
        if self.plan.dry {
            return Ok(self.outline(work).await);
        }
        let id = work.target.id.clone();
        let mut out = Outcome {
            board: work.counted().map(str::to_owned),
            thread: Some(id.clone()),
            list_page: work.listed,
            threads: u64::from(!work.going),
            ..Outcome::default()
        };
        let mut key = format!("thread/{id}");
        let old: Option<ThreadMark> = get(&*self.memory, &key).await?;
        if work.moved && old.is_some() {
            // Its own board has named it meanwhile.
            return Ok(Outcome { threads: 0, threads_unchanged: 1, ..out });
        }
        if work.moved {
            // The board of the stub waited for it and is not its board.
            work.board = None;
            work.moved = false;
        }
        let old = old.unwrap_or_default();
        let mut mark = if self.plan.again && !work.going {
            ThreadMark { board: old.board, ..ThreadMark::default() }
        } else {
            old
        };
        let mut here = match Url::parse(&mark.page).ok().filter(|u| self.fetcher.covers(u)) {
            Some(url) => self.engine.canonical(&url).unwrap_or_else(|| work.target.clone()),
            None => work.target.clone(),
        };
        let mut before: HashSet<String> = HashSet::new();
        let mut shrunk = false;
        let mut pages = 0;
        loop {
            let known = mark.validators();
            let (document, reading, validators) = match self.look(&here.url, &known).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    (mark.etag, mark.modified) = (known.etag, known.modified);
                    mark.state.clone_from(&work.state);
                    mark.run = self.run;
                    let marks = vec![put(key, &mark), (format!("retry/{id}"), String::new())];
                    self.keep(marks).await?;
                    return Ok(out);
                }
                Err(e) => {
                    out.failed(&e);
                    self.not_had(&work, &key, mark, &e).await?;
                    return Ok(out);
                }
            };
            let empty = reading.access.is_open() && reading.posts.is_empty();
            if (empty || reading.access == Access::Missing) && here.page > 1 && !shrunk {
                // Posts were removed, the page it was read to is gone: read from the start, once.
                shrunk = true;
                here = work.target.clone();
                mark = ThreadMark { board: mark.board, ..ThreadMark::default() };
                continue;
            }
            if !reading.access.is_open() || empty {
                if empty {
                    // Perhaps it was cut before its first post: asked for again some times.
                    let reason = "a thread without posts".to_owned();
                    let why = format!("{}: {reason}", document.url);
                    let cut = FetchError::NoAnswer { url: document.url.clone(), tries: 1, reason };
                    self.not_had(&work, &key, mark, &cut).await?;
                    out.problems.push(why.clone());
                    out.bad = Some((Health::Unreadable(why), document.url, document.body));
                    return Ok(out);
                }
                out.turned_away(&reading.access, document);
                if !matches!(reading.access, Access::Challenge(_) | Access::Down(_)) {
                    let mut marks = vec![(format!("retry/{id}"), String::new())];
                    self.close(&work, key, mark, &mut marks);
                    self.keep(marks).await?;
                }
                return Ok(out);
            }
            out.problems.extend(reading.problems.iter().map(|p| format!("{}: {p}", document.url)));
            out.good = true;
            // A stub of a moved thread leads to the thread itself.
            if let Some(landed) =
                self.engine.canonical(&document.url).filter(|t| t.id != here.id && t.kind == Kind::Thread)
            {
                let stub = ThreadMark {
                    state: work.state.clone(),
                    page: landed.url.to_string(),
                    run: self.run,
                    ..ThreadMark::default()
                };
                self.keep(vec![put(key, &stub)]).await?;
                key = format!("thread/{}", landed.id);
                if get::<ThreadMark>(&*self.memory, &key).await?.is_some() {
                    return Ok(out);
                }
                mark = ThreadMark::default();
                here = landed.clone();
                // Its own list says more of it, later.
                work = ThreadWork {
                    title: work.title,
                    lane: work.lane,
                    ..ThreadWork::named(&Target { page: 1, ..landed })
                };
            }
            pages += 1;
            let next =
                reading.next.filter(|n| n.id == here.id && n.page > here.page && self.fetcher.covers(&n.url));
            let ids: HashSet<String> = reading.posts.iter().filter_map(|p| p.record.id.clone()).collect();
            // Behind their last page some forums show the last page again.
            let repeats = !ids.is_empty() && ids.is_subset(&before);
            let deep = mark.pages >= self.plan.deepest();
            let next = next.filter(|_| !repeats && !deep);
            if deep {
                out.problems.push(format!("{}: more than {} pages; left there", document.url, mark.pages));
            }
            before = ids;
            let count = if repeats { 0 } else { reading.posts.len() as u64 };
            let pinned = work.sticky || reading.head.as_ref().is_some_and(|h| h.sticky);
            let board = work.board.as_ref().map(|b| b.1.clone()).filter(|t| !t.is_empty());
            let posts = self.records(reading.posts, &document, &work.title, board, pinned, &mut out);
            let mut batch = Batch { posts, marks: Vec::new() };
            let total = mark.before + count;
            match &next {
                Some(n) => {
                    mark.before = total;
                    mark.page = n.url.to_string();
                    mark.pages += 1;
                }
                None => {
                    mark.page = here.url.to_string();
                    mark.state.clone_from(&work.state);
                    mark.closed = None;
                    mark.run = self.run;
                    (mark.etag, mark.modified) = (validators.etag, validators.modified);
                    let counted = reading.head.as_ref().and_then(|h| h.posts).or(work.expected);
                    batch.marks.push((format!("retry/{id}"), String::new()));
                    if let Some(counted) = counted.filter(|c| total < *c) {
                        if work.tries + 1 < TRIES {
                            // Perhaps the page was cut: the next crawl asks for it again, whatever the list says.
                            (mark.etag, mark.modified) = (None, None);
                            batch.marks.push(put(format!("retry/{}", work.target.id), &work.retry()));
                        }
                        let named =
                            if work.title.is_empty() { here.url.to_string() } else { work.title.clone() };
                        out.short = Some((named, total, counted));
                    }
                }
            }
            if let Some((board, _)) = &work.board {
                if let Some(left) = mark.board.as_ref().filter(|b| *b != board) {
                    batch.marks.push((format!("held/{left}\t{}", here.id), String::new()));
                }
                mark.board = Some(board.clone());
                batch.marks.push((format!("held/{board}\t{}", here.id), total.to_string()));
            }
            batch.marks.push(put(key.clone(), &mark));
            let stored = self.memory.commit(batch).await?;
            out.stored.new += stored.new;
            out.stored.changed += stored.changed;
            out.stored.known += stored.known;
            let Some(n) = next else { return Ok(out) };
            here = n;
            if pages >= SLICE {
                out.more = Some(ThreadWork { going: true, lane: Lane::Back, ..work });
                return Ok(out);
            }
        }
    }

    /// What a dry run tells of a thread: its first page is looked at, nothing is kept.
    async fn outline(&self, work: ThreadWork) -> Outcome {
        let mut out = Outcome { thread: Some(work.target.id.clone()), threads: 1, ..Outcome::default() };
        match self.look(&work.target.url, &Validators::default()).await {
            Ok(Some((document, reading, _))) if !reading.access.is_open() => {
                out.turned_away(&reading.access, document);
            }
            Ok(Some((document, reading, _))) if reading.posts.is_empty() => {
                let why = format!("{}: a thread without posts", document.url);
                out.problems.push(why.clone());
                out.bad = Some((Health::Unreadable(why), document.url, document.body));
            }
            Ok(Some((_, reading, _))) => {
                out.good = true;
                let shown = reading.next.is_none().then_some(reading.posts.len() as u64);
                let head = reading.head.unwrap_or_default();
                let title = if head.title.is_empty() { work.target.id } else { head.title };
                out.listed.push((title, Some(1), head.posts.or(shown)));
            }
            Ok(None) => {}
            Err(e) => out.failed(&e),
        }
        out
    }

    /// Remembers that a thread could not be had: some failures pass, some do not.
    async fn not_had(
        &self,
        work: &ThreadWork,
        key: &str,
        mark: ThreadMark,
        error: &FetchError,
    ) -> Result<(), MemoryError> {
        let retry = format!("retry/{}", work.target.id);
        let mut marks = Vec::new();
        match error {
            // Costs no request, and holds only while robots.txt is obeyed.
            FetchError::Robots(_) => marks.extend(listed(work, &mark)),
            FetchError::NoAnswer { .. } | FetchError::ComeBack { .. } if work.tries + 1 < TRIES => {
                marks.extend(listed(work, &mark));
                marks.push(put(retry, &work.retry()));
            }
            _ => {
                marks.push((retry, String::new()));
                self.close(work, key.to_owned(), mark, &mut marks);
            }
        }
        self.keep(marks).await
    }

    /// Marks that a thread is asked for again when the account or what its list says changes.
    fn close(&self, work: &ThreadWork, key: String, mut mark: ThreadMark, marks: &mut Vec<(String, String)>) {
        marks.extend(listed(work, &mark));
        mark.board = mark.board.or_else(|| work.board.as_ref().map(|b| b.0.clone()));
        mark.closed = Some(self.refusal(&work.state));
        marks.push(put(key, &mark));
    }

    /// Posts of a page as they are stored.
    fn records(
        &self,
        posts: Vec<PagePost>,
        document: &Document,
        title: &str,
        board: Option<String>,
        sticky: bool,
        out: &mut Outcome,
    ) -> Vec<PostRecord> {
        let (mut nameless, mut timeless) = (0, 0);
        let count = posts.len();
        let mut records = Vec::with_capacity(count);
        for p in posts {
            nameless += usize::from(p.record.author.is_none());
            timeless += usize::from(p.record.time.is_none());
            if let Some(shown) = &p.unread_time {
                out.without_time += 1;
                let id = p.record.id.as_deref().unwrap_or("?");
                out.problems.push(format!("{}: post {id}: time {shown:?} not understood", document.url));
            }
            out.without_author += u64::from(p.record.author.is_none());
            if p.withheld {
                out.withheld += 1;
                continue;
            }
            let mut record = p.record;
            record.forum = Some(self.forum.clone());
            record.sticky = sticky;
            if record.title.is_none() && !title.is_empty() {
                record.title = Some(title.to_owned());
            }
            record.board = record.board.or_else(|| board.clone());
            records.push(record);
        }
        out.pages += 1;
        if count > 0 && (nameless == count || timeless == count) {
            out.odd += 1;
            if out.odd_page.is_none() {
                out.odd_page = Some((document.url.clone(), document.body.clone()));
            }
        }
        records
    }
}
