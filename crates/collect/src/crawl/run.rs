//! Decides what is fetched next.
//!
//! There are two lanes. **News**: the front page, the first list pages of boards that changed, the threads in them that
//! changed. **Old posts**: the deeper list pages of boards that were never read to their end, and their threads. News goes
//! first, but every fifth piece of work is an old one while there is any, so that neither waits for the other. A thread is
//! read ten pages at a time and goes on in the lane of old posts, so that one endless thread does not hold up the rest.
//!
//! Within a board threads of a list page are read before the next list page. Lists are ordered by last post: behind a page
//! of known threads all are known, once the list was read to its end. What a list says of a thread or board is remembered
//! once all behind it is stored: next time an equal word means that nothing has to be fetched.

use super::mark::{BoardMark, RetryMark, get, put};
use super::plan::{BoardShort, CrawlError, Health, Report};
use super::visit::Shared;
use super::work::{BoardWork, Lane, ListPage, Outcome, ThreadWork, Work};
use super::{Batch, Crawler, Memory, MemoryError};
use crate::engine::{Kind, Target, first_page};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Of so many pieces of work one is of old posts, while there are any.
const TURNS: u32 = 5;
/// So many pages in a row that could not be had end the crawl: the host is gone.
const GONE: u32 = 6;
/// Crawls that try a thread that cannot be had; then it is asked for when its list says something new.
pub(super) const TRIES: u32 = 5;
/// Shortfalls that are listed.
const LISTED: usize = 1000;
/// Boards inside boards are followed so deep when counters are compared.
const DEEPEST: usize = 12;

/// A board on the way.
struct Open {
    title: String,
    /// List pages and threads that are queued or being read.
    left: usize,
    failed: bool,
    /// What the index said when it was last looked at.
    state: String,
    threads: Option<u64>,
    posts: Option<u64>,
    /// What was known when it was opened, kept up to date.
    mark: BoardMark,
    /// All threads that the plan asks for were stored before.
    covered: bool,
    /// A walk for news is on the way.
    tail: bool,
    /// Back-fill is on the way, or done.
    back: bool,
    /// The end of the list was seen.
    ended: bool,
    /// Page of the list on which back-fill is.
    deep: Option<u32>,
    /// List pages of back-fill with threads that are not stored yet: how many, and where the page is.
    pending: BTreeMap<u32, (usize, String)>,
}

impl Open {
    /// What to remember while something is left to do: what it says of the list holds, of the threads in it it does not yet.
    fn unfinished(&self) -> BoardMark {
        BoardMark { state: String::new(), whole: self.covered, ..self.mark.clone() }
    }

    /// What to remember when the forum counts more threads than were found: perhaps a page of the list arrived cut, so the
    /// next crawl reads the list again. Some forums always count more than they show: after some crawls that is believed.
    fn doubted(&self) -> BoardMark {
        if self.mark.short >= TRIES {
            return self.mark.clone();
        }
        BoardMark { short: self.mark.short + 1, whole: false, state: String::new(), ..self.mark.clone() }
    }
}

/// What is to be done.
struct Desk<'a> {
    crawler: &'a Crawler,
    tail: VecDeque<Work>,
    back: VecDeque<Work>,
    /// Stubs of moved threads: followed when nothing else is left, for by then most were named by their own boards.
    stubs: VecDeque<Work>,
    open: HashMap<String, Open>,
    /// Boards that were looked at since the lists were last looked at as a whole.
    walked: HashSet<String>,
    /// Threads that are queued or being read.
    busy: HashSet<String>,
    turn: u32,
}

impl Crawler {
    /// Crawls. `progress` is called now and then with what was done so far.
    ///
    /// # Errors
    /// [`CrawlError::Memory`]; what is wrong with single pages is in the report.
    pub async fn run(
        &self,
        forum: &str,
        memory: Arc<dyn Memory>,
        mut progress: impl FnMut(&Report),
    ) -> Result<Report, CrawlError> {
        let began = Instant::now();
        let plan = &self.plan;
        let run = memory.mark("run").await?.and_then(|r| r.parse().ok()).unwrap_or(0u64) + 1;
        if !plan.dry {
            let marks = vec![("run".to_owned(), run.to_string())];
            memory.commit(Batch { posts: Vec::new(), marks }).await?;
        }
        let shared = Arc::new(Shared::new(self, forum, memory.clone(), run));
        let mut report = Report::new(forum, self.engine.name());
        let mut desk = Desk::new(self);
        desk.begin(&*memory).await?;
        if !plan.dry {
            desk.take_up(&*memory).await?;
        }
        let mut tasks: JoinSet<Result<Outcome, MemoryError>> = JoinSet::new();
        let (mut any_good, mut lost, mut pages, mut odd) = (false, 0u32, 0u64, 0u64);
        let (mut odd_page, mut refused) = (None, 0u32);
        let mut few: BTreeMap<String, Open> = BTreeMap::new();
        let mut met: HashSet<String> = self.start.iter().map(|t| t.id.clone()).collect();
        loop {
            if plan.hand.stopped() {
                tasks.abort_all();
                report.limited |= !desk.idle() || !tasks.is_empty();
                break;
            }
            if plan.hand.take_look() {
                desk.walked.clear();
                desk.begin(&*memory).await?;
            }
            let over = plan.most_requests.is_some_and(|n| self.fetcher.requests() >= n)
                || plan.most_posts.is_some_and(|n| report.new >= n)
                || plan.most_time.is_some_and(|t| began.elapsed() >= t);
            if over && !desk.idle() {
                report.limited = true;
                desk.clear();
            }
            while tasks.len() < plan.parallel.max(1)
                && let Some(work) = desk.pick(tasks.is_empty())
            {
                tasks.spawn(shared.clone().perform(work));
            }
            let ended = tokio::select! {
                ended = tasks.join_next() => ended,
                () = plan.hand.moved() => continue,
            };
            let Some(ended) = ended else { break };
            let mut outcome = match ended {
                Ok(outcome) => outcome?,
                Err(e) => {
                    Outcome { problems: vec![format!("a page could not be read: {e}")], ..Outcome::default() }
                }
            };
            any_good |= outcome.good;
            report.add(&mut outcome);
            met.extend(outcome.met.drain(..));
            (pages, odd) = (pages + outcome.pages, odd + outcome.odd);
            if odd_page.is_none() {
                odd_page = outcome.odd_page.take();
            }
            lost = if outcome.lost { lost + 1 } else { 0 };
            if lost >= GONE {
                let why = report.problems.last().cloned().unwrap_or_default();
                report.health = Health::Down(format!("{GONE} pages in a row could not be had: {why}"));
                report.limited = true;
                desk.clear();
            }
            let bare =
                |bad: &(Health, _, _)| matches!(&bad.0, Health::Refused(why) if why.starts_with("status "));
            if outcome.good {
                refused = 0;
            } else if outcome.bad.as_ref().is_some_and(bare) {
                refused += 1;
            }
            if refused >= GONE && (plan.engine.is_some() || plan.selectors.is_some()) {
                // Where the engine cannot tell the forum's pages from a firewall's, their number does.
                if let Some((state, ..)) = &mut outcome.bad {
                    *state = Health::Down(format!("{GONE} pages in a row were refused without a word"));
                }
            }
            if let Some((state, url, body)) = outcome.bad.take() {
                let stop = matches!(state, Health::Challenge(_) | Health::Down(_));
                if report.kept.is_none() || stop {
                    report.kept = Some((url, body));
                    report.health = state;
                }
                if stop {
                    desk.clear();
                    report.limited = true;
                }
            }
            let stopping = report.limited;
            if stopping {
                outcome.work.clear();
                outcome.more = None;
            }
            let mut marks = desk.after(&mut outcome, stopping);
            if !stopping
                && let Some((id, o)) = outcome.board.as_deref().and_then(|id| desk.close(id))
                && (o.covered || o.ended)
                && !o.failed
                && !plan.dry
            {
                let short = if plan.since.is_none() { counted(&*memory, &id, &o).await? } else { None };
                let mark = match &short {
                    Some(s) if s.lacks_threads() => o.doubted(),
                    _ => BoardMark { short: 0, ..o.mark.clone() },
                };
                marks.push(put(format!("board/{id}"), &mark));
                match short {
                    Some(_) => few.insert(id, o),
                    None => few.remove(&id),
                };
            }
            if !marks.is_empty() && !plan.dry {
                memory.commit(Batch { posts: Vec::new(), marks }).await?;
            }
            report.requests = self.fetcher.requests();
            progress(&report);
        }
        report.requests = self.fetcher.requests();
        // Counted once more: boards inside a board are read after it.
        let (mut settled, mut unread) = (Vec::new(), false);
        for (id, o) in &few {
            let Some(short) = counted(&*memory, id, o).await? else {
                let key = format!("board/{id}");
                // Unless another walk has begun since.
                if get(&*memory, &key).await? == Some(o.doubted()) {
                    settled.push(put(key, &BoardMark { short: 0, ..o.mark.clone() }));
                }
                continue;
            };
            unread |= short.lacks_threads() && !o.doubted().whole;
            if report.boards_short.len() < LISTED {
                report.boards_short.push(short);
            }
        }
        if !settled.is_empty() {
            memory.commit(Batch { posts: Vec::new(), marks: settled }).await?;
        }
        if any_good && !report.limited {
            report.boards_unknown = plan.boards.iter().filter(|id| !met.contains(*id)).cloned().collect();
        }
        // Boards that want an account are usual; a forum of which nothing could be read is not.
        if any_good && matches!(report.health, Health::LoginNeeded | Health::Refused(_)) {
            report.health = Health::Good;
            report.kept = None;
        }
        if report.health == Health::Good && odd * 2 > pages {
            let why = format!("{odd} of {pages} pages show posts without authors or without times");
            report.health = Health::Unreadable(why);
            report.kept = odd_page;
        }
        if !report.limited
            && !unread
            && report.whole()
            && plan.boards.is_empty()
            && !plan.dry
            && plan.since.is_none()
        {
            shared.remember_front().await?;
        }
        Ok(report)
    }
}

impl<'a> Desk<'a> {
    fn new(crawler: &'a Crawler) -> Desk<'a> {
        Desk {
            crawler,
            tail: VecDeque::new(),
            back: VecDeque::new(),
            stubs: VecDeque::new(),
            open: HashMap::new(),
            walked: HashSet::new(),
            busy: HashSet::new(),
            turn: 0,
        }
    }

    /// Queues what the operator named; a board or thread from its first page, whichever page that was.
    async fn begin(&mut self, memory: &dyn Memory) -> Result<(), MemoryError> {
        let crawler = self.crawler;
        for target in &crawler.start {
            let target = first_page(&*crawler.engine, target);
            match target.kind {
                Kind::Index => self.tail.push_back(Work::Index(target)),
                Kind::Board => {
                    let mark = get(memory, &format!("board/{}", target.id)).await?.unwrap_or_default();
                    self.board(BoardWork { mark, ..BoardWork::page(target, String::new(), 1, Lane::Tail) });
                }
                Kind::Thread => {
                    self.busy.insert(target.id.clone());
                    self.tail.push_back(Work::Thread(ThreadWork::named(&target)));
                }
            }
        }
        Ok(())
    }

    /// Queues threads that earlier crawls could not have.
    async fn take_up(&mut self, memory: &dyn Memory) -> Result<(), MemoryError> {
        for (key, value) in memory.marks("retry/").await? {
            let Ok(mark) = serde_json::from_str::<RetryMark>(&value) else { continue };
            let Some(target) =
                url::Url::parse(&mark.url).ok().and_then(|u| self.crawler.engine.canonical(&u))
            else {
                continue;
            };
            if key.strip_prefix("retry/") == Some(&target.id) && self.busy.insert(target.id.clone()) {
                self.back.push_back(Work::Thread(ThreadWork::again(target, mark)));
            }
        }
        Ok(())
    }

    fn idle(&self) -> bool {
        self.tail.is_empty() && self.back.is_empty() && self.stubs.is_empty()
    }

    fn clear(&mut self) {
        self.tail.clear();
        self.back.clear();
        self.stubs.clear();
    }

    fn pick(&mut self, last: bool) -> Option<Work> {
        self.turn += 1;
        let work = if self.turn.is_multiple_of(TURNS) {
            self.back.pop_front().or_else(|| self.tail.pop_front())
        } else {
            self.tail.pop_front().or_else(|| self.back.pop_front())
        };
        work.or_else(|| if last { self.stubs.pop_front() } else { None })
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Work> {
        match lane {
            Lane::Tail => &mut self.tail,
            Lane::Back => &mut self.back,
        }
    }

    /// Queues the first list page of a board.
    fn board(&mut self, mut work: BoardWork) {
        let id = work.target.id.clone();
        let plan = &self.crawler.plan;
        let named = self.crawler.start.iter().any(|t| t.kind == Kind::Board && t.id == id);
        if !plan.boards.is_empty() && !plan.boards.contains(&id) && !named {
            return;
        }
        if let Some(open) = self.open.get_mut(&id) {
            // On the way already: the news in it are looked at, once they differ.
            if open.tail || open.state == work.state {
                return;
            }
            open.state.clone_from(&work.state);
            (open.threads, open.posts) = (work.threads, work.posts);
            open.tail = true;
            open.left += 1;
        } else {
            if !self.walked.insert(id.clone()) {
                return;
            }
            let mark = std::mem::take(&mut work.mark);
            let open = Open {
                title: work.title.clone(),
                left: 1,
                failed: false,
                state: work.state.clone(),
                threads: work.threads,
                posts: work.posts,
                covered: mark.covers(plan.since),
                mark,
                tail: true,
                back: false,
                ended: false,
                deep: None,
                pending: BTreeMap::new(),
            };
            self.open.insert(id, open);
        }
        self.tail.push_back(Work::Board(work));
    }

    /// Takes over what a task found; returns marks to keep.
    fn after(&mut self, outcome: &mut Outcome, stopping: bool) -> Vec<(String, String)> {
        if let Some(thread) = &outcome.thread
            && outcome.more.is_none()
        {
            self.busy.remove(thread);
            let open = outcome.board.as_ref().and_then(|b| self.open.get_mut(b));
            if let (Some(o), Some(page)) = (open, outcome.list_page)
                && let Some(left) = o.pending.get_mut(&page)
            {
                left.0 -= 1;
                if left.0 == 0 {
                    o.pending.remove(&page);
                }
            }
        }
        let mut threads = Vec::new();
        for work in outcome.work.drain(..) {
            match work {
                Work::Thread(t) => {
                    if t.moved || self.busy.insert(t.target.id.clone()) {
                        if let Some(o) = t.board.as_ref().and_then(|b| self.open.get_mut(&b.0)) {
                            o.left += 1;
                        }
                        threads.push(t);
                    }
                }
                Work::Board(b) => self.board(b),
                index @ Work::Index(_) => self.tail.push_back(index),
            }
        }
        let queued = threads.iter().filter(|t| t.listed.is_some() && !t.moved).count();
        for work in threads.into_iter().rev() {
            if work.moved {
                self.stubs.push_back(Work::Thread(work));
            } else {
                self.lane(work.lane).push_front(Work::Thread(work));
            }
        }
        if let Some(work) = outcome.more.take() {
            if let Some(o) = work.counted().and_then(|b| self.open.get_mut(b)) {
                o.left += 1;
            }
            self.back.push_front(Work::Thread(work));
        }
        match outcome.page.take() {
            Some(page) => self.listed(page, queued, stopping),
            None => Vec::new(),
        }
    }

    /// Decides where a walk through a list goes on.
    fn listed(&mut self, page: ListPage, queued: usize, stopping: bool) -> Vec<(String, String)> {
        let plan = &self.crawler.plan;
        let id = page.target.id.clone();
        let Some(o) = self.open.get_mut(&id) else { return Vec::new() };
        let mut marks = Vec::new();
        let next = page.next.filter(|n| {
            n.page > page.target.page && !page.old && page.nth < plan.deepest() && !plan.dry && !page.failed
        });
        let mut push: Vec<(Lane, Target, u32)> = Vec::new();
        match page.lane {
            Lane::Tail => {
                let news = page.fresh || page.nth < o.mark.reach || plan.again;
                let go = match &next {
                    Some(_) if o.covered => news,
                    Some(next) => news && o.deep.is_some_and(|d| next.page < d),
                    None => false,
                };
                if let Some(next) = &next {
                    if go {
                        push.push((Lane::Tail, next.clone(), page.nth + 1));
                        if o.mark.reach <= page.nth {
                            // A kill must not have the next walk stop at the pages that this one has read.
                            o.mark.reach = page.nth + 1;
                            marks.push(put(format!("board/{id}"), &o.unfinished()));
                        }
                    }
                    if !o.covered && !o.back {
                        let from = url::Url::parse(&o.mark.next)
                            .ok()
                            .and_then(|u| self.crawler.engine.canonical(&u))
                            .filter(|t| t.id == id && t.page > next.page);
                        let from = from.unwrap_or_else(|| next.clone());
                        o.back = true;
                        o.deep = Some(from.page);
                        push.push((Lane::Back, from, page.nth + 1));
                    }
                } else if !page.failed && !o.back {
                    o.ended = true;
                }
                o.tail = go;
            }
            Lane::Back => {
                o.deep = Some(page.target.page);
                if queued > 0 {
                    o.pending.insert(page.target.page, (queued, page.target.url.to_string()));
                }
                // Not the next page but the first one whose threads are not all stored: a kill loses none of them.
                let first = o.pending.values().next().map(|p| p.1.clone());
                o.mark.next = first.unwrap_or_else(|| page.target.url.to_string());
                if page.failed {
                    // Perhaps the list has become shorter: the next crawl begins at its start.
                    o.mark.next.clear();
                } else if let Some(next) = next {
                    push.push((Lane::Back, next, page.nth + 1));
                } else {
                    o.ended = true;
                }
                marks.push(put(format!("board/{id}"), &o.unfinished()));
            }
        }
        o.failed |= page.failed;
        if stopping {
            return marks;
        }
        o.left += push.len();
        let title = o.title.clone();
        for (lane, target, nth) in push {
            let work = BoardWork::page(target, title.clone(), nth, lane);
            self.lane(lane).push_back(Work::Board(work));
        }
        marks
    }

    /// One piece of work of a board is done; the board, when it was the last.
    fn close(&mut self, id: &str) -> Option<(String, Open)> {
        let o = self.open.get_mut(id)?;
        o.left = o.left.saturating_sub(1);
        if o.left > 0 {
            return None;
        }
        let (id, mut o) = self.open.remove_entry(id)?;
        if o.covered || o.ended {
            if !o.covered {
                o.mark.since = self.crawler.plan.since.map(|s| s.0);
            }
            o.mark.whole = true;
            // One that was named by its address was not looked up in the index: what that said last still holds.
            if !o.state.is_empty() {
                o.mark.state.clone_from(&o.state);
            }
            o.mark.next.clear();
            o.mark.reach = 0;
        }
        Some((id, o))
    }
}

/// Compares what is stored of a board with its counters. Some engines count the boards inside a board with it, some do not:
/// only what neither explains falls short.
async fn counted(memory: &dyn Memory, id: &str, o: &Open) -> Result<Option<BoardShort>, MemoryError> {
    if o.threads.is_none() && o.posts.is_none() {
        return Ok(None);
    }
    let (mut threads, mut posts) = (0, 0);
    let mut level = vec![id.to_owned()];
    let mut seen = HashSet::new();
    for _ in 0..DEEPEST {
        let mut inner = Vec::new();
        for board in level.drain(..).filter(|b| seen.insert(b.clone())) {
            let (n, sum) = memory.sum(&format!("held/{board}\t")).await?;
            threads += n;
            posts += sum;
            if o.threads.is_none_or(|c| threads >= c) && o.posts.is_none_or(|c| posts >= c) {
                return Ok(None);
            }
            let below: Option<Vec<String>> = get(memory, &format!("inner/{board}")).await?;
            inner.extend(below.unwrap_or_default());
        }
        level = inner;
    }
    Ok(Some(BoardShort {
        board: if o.title.is_empty() { id.to_owned() } else { o.title.clone() },
        threads,
        threads_counted: o.threads,
        posts,
        posts_counted: o.posts,
    }))
}

impl BoardShort {
    fn lacks_threads(&self) -> bool {
        self.threads_counted.is_some_and(|c| self.threads < c)
    }
}

impl Report {
    fn add(&mut self, o: &mut Outcome) {
        self.boards += o.boards;
        self.boards_unchanged += o.boards_unchanged;
        self.threads += o.threads;
        self.threads_unchanged += o.threads_unchanged;
        self.new += o.stored.new;
        self.changed += o.stored.changed;
        self.known += o.stored.known;
        self.withheld += o.withheld;
        self.without_time += o.without_time;
        self.without_author += o.without_author;
        self.refused += o.refused;
        self.missing += o.missing;
        if let Some(short) = o.short.take() {
            self.short_count += 1;
            if self.short.len() < LISTED {
                self.short.push(short);
            }
        }
        self.problem_count += o.problems.len() as u64;
        let room = 100usize.saturating_sub(self.problems.len());
        self.problems.extend(o.problems.drain(..).take(room));
        self.listed.append(&mut o.listed);
    }
}
