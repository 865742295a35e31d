//! Forum engines: what a page of a forum says.
//!
//! An [`Engine`] reads one fetched or saved [`Document`] at a time and never touches the network, so that each can be
//! tried on saved pages. What it finds, [`Reading`], is the same for all engines; the crawler knows no other form.
//!
//! A forum that no engine knows is read by a selector file, which is an engine as well.

mod body;
mod dates;
mod discourse;
mod discuz;
mod dom;
mod find;
mod flarum;
mod fluxbb;
mod invision;
mod mybb;
mod nodebb;
mod page;
mod phpbb;
mod selector;
mod smf;
mod tokens;
mod vbulletin;
mod vbulletin5;
mod xenforo;

pub use discourse::Discourse;
pub use discuz::Discuz;
pub use flarum::Flarum;
pub use fluxbb::Fluxbb;
pub use invision::Invision;
pub use mybb::Mybb;
pub use nodebb::Nodebb;
pub use phpbb::Phpbb;
pub use selector::{Check, Matches, SelectorError, Selectors};
pub use smf::Smf;
pub use vbulletin::Vbulletin;
pub use vbulletin5::Vbulletin5;
pub use xenforo::Xenforo;

use tm_model::{PostRecord, Timestamp};
use url::Url;

/// A document as it came over the network or from a file, decoded to text.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it was fetched from, after redirects.
    pub url: Url,
    /// HTTP status; 200 for saved pages.
    pub status: u16,
    /// Response headers that engines look at, lower-case names.
    pub headers: Vec<(String, String)>,
    /// The text, decoded (see `charset`).
    pub body: String,
    /// When it was fetched: what "35 minutes ago" counts from.
    pub fetched: Timestamp,
}

/// What the reader of a forum's pages must know beyond the page.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// Offset of the board's times from UTC in seconds, when the operator named it; else what the page says, else the
    /// engine's own default.
    pub offset: Option<i32>,
    /// Month and day order of numeric dates, when the operator named it.
    pub day_first: Option<bool>,
}

/// A forum engine.
pub trait Engine: Send + Sync {
    /// Lower-case name, such as `phpbb`.
    fn name(&self) -> &str;

    /// How sure it is that this engine made the document: 0 not at all, 100 certain. Never above 0 on a page of
    /// another engine.
    fn recognize(&self, document: &Document) -> u8;

    /// Where a crawl begins, given the address that the operator named (a forum's front page, a board or a thread):
    /// usually that address, made canonical; for engines read through a JSON interface, the first call of it.
    fn start(&self, named: &Url) -> Vec<Target>;

    /// The one address of what `url` points to on this forum: without session identifiers, anchors, sort orders,
    /// highlights, print views. `None` when a crawl has nothing to look for there (profiles, search, replies, files,
    /// other hosts).
    fn canonical(&self, url: &Url) -> Option<Target>;

    /// Reads a document.
    fn read(&self, document: &Document, reader: &Reader) -> Reading;

    /// The log-in form on a page, filled: where to send it and with which fields (hidden tokens included). `None` when
    /// the page carries none.
    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form>;

    /// Where the log-in form stands.
    fn login_page(&self, named: &Url) -> Url;
}

impl<E: Engine + ?Sized> Engine for &E {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn recognize(&self, document: &Document) -> u8 {
        (**self).recognize(document)
    }
    fn start(&self, named: &Url) -> Vec<Target> {
        (**self).start(named)
    }
    fn canonical(&self, url: &Url) -> Option<Target> {
        (**self).canonical(url)
    }
    fn read(&self, document: &Document, reader: &Reader) -> Reading {
        (**self).read(document, reader)
    }
    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        (**self).login(document, user, password)
    }
    fn login_page(&self, named: &Url) -> Url {
        (**self).login_page(named)
    }
}

/// A filled form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent.
    pub action: Url,
    /// Names and values, in the order of the page.
    pub fields: Vec<(String, String)>,
}

/// An address worth fetching, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// What is expected there.
    pub kind: Kind,
    /// Identifier of the board or thread within the forum, empty for the index.
    pub id: String,
    /// Page, from 1.
    pub page: u32,
    /// Where it is: canonical, equal for equal content.
    pub url: Url,
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// List of boards.
    Index,
    /// List of threads.
    Board,
    /// Posts of a thread.
    Thread,
}

/// Whether the page shows what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Access {
    /// It does.
    #[default]
    Open,
    /// It asks to log in, whatever its status says.
    LoginNeeded,
    /// It refuses this visitor, logged in or not; the words of the page.
    Refused(String),
    /// A robot check stands in front (captcha, browser check); its name.
    Challenge(String),
    /// What was asked for does not exist (any more).
    Missing,
    /// The forum is closed or broken for now; the words of the page.
    Down(String),
}

/// What a page says.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Whether it shows what was asked for.
    pub access: Access,
    /// What it is; `None` when it is nothing that a crawl looks for.
    pub kind: Option<Kind>,
    /// Name of the forum.
    pub forum: Option<String>,
    /// Handle of the member that the page greets; `None` for a guest.
    pub member: Option<String>,
    /// Boards that it lists, sub-boards included.
    pub boards: Vec<BoardLink>,
    /// Threads that it lists.
    pub threads: Vec<ThreadLink>,
    /// The board or thread that it shows.
    pub head: Option<Head>,
    /// Posts that it shows, in its order.
    pub posts: Vec<PagePost>,
    /// The next page of the same board or thread.
    pub next: Option<Target>,
    /// The last page of the same board or thread, when the page tells it.
    pub pages: Option<u32>,
    /// What looks like a post, thread or board and could not be read: where and why. Counted and reported, never
    /// silently dropped.
    pub problems: Vec<String>,
}

/// The board or thread that a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Head {
    /// Its identifier within the forum.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Titles of the boards above it, outermost first; for a thread the last one is its board.
    pub path: Vec<String>,
    /// Identifier of the board that it belongs to (a thread's board, a board's parent).
    pub parent: Option<String>,
    /// Posts in all as the page tells it (the first one included).
    pub posts: Option<u64>,
    /// Page shown, from 1.
    pub page: u32,
    /// True when the thread is pinned.
    pub sticky: bool,
}

/// A board in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct BoardLink {
    /// Where it is.
    pub target: Target,
    /// Its title.
    pub title: String,
    /// Threads and posts as the page counts them.
    pub threads: Option<u64>,
    /// As above.
    pub posts: Option<u64>,
    /// Whatever tells that it changed (time and author of the last post as shown, counters): equal when nothing did.
    pub state: String,
    /// It leads to another site.
    pub elsewhere: bool,
}

/// A thread in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadLink {
    /// Where its first page is; of a moved stub, where the thread is now.
    pub target: Target,
    /// Its title.
    pub title: String,
    /// Posts in all (the first one included) as the list tells it.
    pub posts: Option<u64>,
    /// When the last post was made, when the list tells it.
    pub last: Option<Timestamp>,
    /// Whatever tells that it changed: equal when nothing did.
    pub state: String,
    /// Pinned, or an announcement.
    pub sticky: bool,
    /// A stub that only points to where the thread was moved.
    pub moved: bool,
}

/// A post on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct PagePost {
    /// The post, with own text, UTC time, thread, board, quotes, links and mentions.
    pub record: PostRecord,
    /// The account is gone, or the author was a guest.
    pub unregistered: bool,
    /// The forum shows that there is a post but not its words (deleted, blanked, hidden until one replies).
    pub withheld: bool,
    /// The time as shown, when it could not be read.
    pub unread_time: Option<String>,
}

impl Access {
    /// Whether the page shows what was asked for.
    pub fn is_open(&self) -> bool {
        *self == Access::Open
    }
}

/// The engines that are built in.
static ENGINES: [&dyn Engine; 12] = [
    &Phpbb,
    &Mybb,
    &Smf,
    &Fluxbb,
    &Discuz,
    &Nodebb,
    &Xenforo,
    &Vbulletin,
    &Vbulletin5,
    &Invision,
    &Discourse,
    &Flarum,
];

/// What the status and the look of a page say before any engine reads it.
pub(crate) fn access(document: &Document) -> Access {
    page::access(document)
}

/// The name of the site as its page tells other sites (Open Graph), for engines whose own pages leave it out.
pub(crate) fn site_name(document: &Document) -> Option<String> {
    if document.body.trim_start().starts_with('{') {
        return None;
    }
    let html = dom::page(&document.body);
    let name = dom::All::all(&html, dom::select!("meta[property='og:site_name']"))
        .next()?
        .value()
        .attr("content")?
        .trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Reads a time as forums show it, absolute or relative, in English, Russian and Chinese: "Today 15:18",
/// "35 minutes ago", "вчера, 14:02", "3 天前". `fetched` is when the page was had, the reader's offset the zone that it
/// shows (UTC when there is none). `None` when the text holds no time.
pub fn shown_time(shown: &str, fetched: Timestamp, reader: &Reader) -> Option<Timestamp> {
    let clock =
        dates::Clock { now: fetched, offset: reader.offset.unwrap_or(0), day_first: reader.day_first };
    dates::parse(shown, &clock)
}

/// The engine that made a document, the surest one.
pub fn detect(document: &Document) -> Option<&'static dyn Engine> {
    ENGINES
        .iter()
        .map(|e| (e.recognize(document), *e))
        .filter(|(sure, _)| *sure > 0)
        .max_by_key(|(sure, _)| *sure)
        .map(|(_, engine)| engine)
}

/// The first page of the board or thread that a target is a page of; the target itself when its address does not tell.
pub(crate) fn first_page(engine: &dyn Engine, target: &Target) -> Target {
    if target.page <= 1 {
        return target.clone();
    }
    let text = target.url.as_str();
    let from = target.url[..url::Position::BeforePath].len();
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    // Every engine counts pages or posts by one number of the address, mostly the last one: which one it is, the engine says.
    for end in (from..=text.len()).rev().filter(|end| is_digit(end.wrapping_sub(1)) && !is_digit(*end)) {
        let begin = text[..end].trim_end_matches(|c: char| c.is_ascii_digit()).len().max(from);
        for number in ["1", "0"] {
            let first = Url::parse(&[&text[..begin], number, &text[end..]].concat()).ok();
            let first = first.and_then(|url| engine.canonical(&url));
            if let Some(first) = first.filter(|t| t.kind == target.kind && t.id == target.id && t.page == 1) {
                return first;
            }
        }
    }
    target.clone()
}

/// The built-in engine of a name.
pub fn engine(name: &str) -> Option<&'static dyn Engine> {
    ENGINES.iter().copied().find(|e| e.name() == name)
}

/// Names of the built-in engines.
pub fn engines() -> Vec<&'static str> {
    ENGINES.iter().map(|e| e.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_pages_of_all_engines() {
        for (name, page, first) in [
            ("phpbb", "viewforum.php?f=25&start=25", "viewforum.php?f=25"),
            ("phpbb", "viewtopic.php?t=1&start=15", "viewtopic.php?t=1"),
            ("mybb", "forumdisplay.php?fid=2&page=2", "forumdisplay.php?fid=2"),
            ("mybb", "forum-8-page-2.html", "forum-8.html"),
            ("smf", "index.php?board=20.20", "index.php?board=20.0"),
            ("fluxbb", "viewforum.php?id=4&p=3", "viewforum.php?id=4"),
            ("discuz", "forum.php?mod=forumdisplay&fid=2&page=2", "forum.php?mod=forumdisplay&fid=2"),
            ("discuz", "thread-26-2-1.html", "thread-26-1-1.html"),
            ("nodebb", "category/4/trade?page=2", "api/category/4"),
            ("xenforo", "forums/trade.4/page-3", "forums/4/"),
            ("vbulletin", "forumdisplay.php?f=4&page=2", "forumdisplay.php?f=4"),
            ("vbulletin", "threads/12-words/page2", "threads/12-words"),
            ("vbulletin5", "forum/trade/page2", "forum/trade"),
            ("invision", "index.php?showforum=4&st=20", "index.php?showforum=4"),
            ("discourse", "c/trade/5.json?page=1", "c/trade/5.json"),
        ] {
            let engine = engine(name).unwrap();
            let base = Url::parse("http://f2.example:8042/b3/").unwrap();
            let target = engine.canonical(&base.join(page).unwrap()).unwrap();
            assert!(target.page > 1, "{name} {page}: {target:?}");
            let found = first_page(engine, &target);
            assert_eq!(
                (found.page, found.url.as_str()),
                (1, base.join(first).unwrap().as_str()),
                "{name} {page}"
            );
        }
    }
}
