//! A small forum of our own that can speak the markup of every engine, with the truth of what it holds. The templates are
//! ours: the least that an engine's pages have in common with these forums' real ones.
#![allow(dead_code)]

mod kept;
pub mod skins;

pub use kept::Kept;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tm_collect::crawl::Manners;
use url::Url;

#[derive(Clone)]
pub struct Post {
    pub id: u64,
    pub author: String,
    /// The account is gone.
    pub gone: bool,
    pub time: i64,
    /// First line; a second line follows.
    pub words: String,
    pub link: Option<String>,
    pub quote: Option<(u64, String)>,
}

impl Post {
    /// What the author wrote, as it should be stored.
    pub fn text(&self) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |l| format!(" {l}"));
        format!("{}{link}\nsecond line of {}", self.words, self.id)
    }

    /// The same as markup, with the link's words shortened as forums do.
    pub fn html(&self) -> String {
        let link = self.link.as_ref().map_or_else(String::new, |l| {
            format!(" <a href=\"{l}\">{} ... {}</a>", &l[..30], &l[l.len() - 8..])
        });
        format!("{}{link}<br>\nsecond line of {}", self.words, self.id)
    }
}

#[derive(Clone)]
pub struct Thread {
    pub id: u64,
    pub title: String,
    pub sticky: bool,
    pub posts: Vec<Post>,
}

pub struct Board {
    pub id: u64,
    pub title: String,
    pub private: bool,
    /// In the order of the list: pinned ones first, then by last post.
    pub threads: Vec<Thread>,
    /// Stubs of threads that were moved from here.
    pub stubs: Vec<Thread>,
}

/// The forum. Everything in it is derived from the time it was made.
pub struct Forum {
    pub name: &'static str,
    pub boards: Mutex<Vec<Board>>,
    pub now: i64,
    pub log: Mutex<Vec<String>>,
}

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

const WORDS: [&str; 3] = ["selling fresh access", "продам доступы, гарант", "出售最新源码"];

fn thread(id: u64, count: u64, last: i64, now: i64) -> Thread {
    let authors = ["vega", "root-kot", "毒蝎子", "nix"];
    let posts = (0..count)
        .map(|n| {
            let author = authors[((id + n) % 4) as usize];
            Post {
                id: id * 1000 + n,
                // Of a thread every fifth post is by somebody whose account is gone.
                author: if n % 5 == 4 { format!("ghost{}", id % 3) } else { author.to_owned() },
                gone: n % 5 == 4,
                time: if n + 1 == count {
                    last
                } else {
                    (last - (count - n) as i64 * 7200).min(now - 3 * 86400) - (count - n) as i64 * 60
                },
                words: format!("{} {id}-{n}", WORDS[((id + n) % 3) as usize]),
                link: (n % 6 == 1)
                    .then(|| format!("http://files.example/pub/long/way/to/build-{id}-{n}.zip")),
                quote: (n % 4 == 3)
                    .then(|| (id * 1000 + n - 1, authors[((id + n - 1) % 4) as usize].to_owned())),
            }
        })
        .collect();
    Thread { id, title: format!("Thread {id} на продажу"), sticky: false, posts }
}

impl Forum {
    /// Two boards that all may see with 13 threads and a stub, one for members; 125 posts that guests may see.
    pub fn new() -> Forum {
        let now = now();
        let day = 86400;
        let mut market: Vec<Thread> = (1..=10)
            .map(|n| {
                thread(
                    100 + n,
                    [3, 57, 6, 1, 5, 2, 11, 4, 7, 1][n as usize - 1],
                    now - n as i64 * 3 * day,
                    now,
                )
            })
            .collect();
        // Recent ones, which engines show with relative dates.
        market[0] = thread(101, 3, now - 35 * 60, now);
        market[2] = thread(103, 6, now - 26 * 3600, now);
        market[9].sticky = true;
        market.rotate_right(1);
        let access: Vec<Thread> =
            (1..=3).map(|n| thread(200 + n, 9 - n, now - n as i64 * 5 * day, now)).collect();
        let vip = vec![thread(301, 4, now - day, now)];
        let stub = market[5].clone();
        let board = |id, title: &str, private, threads, stubs| Board {
            id,
            title: title.to_owned(),
            private,
            threads,
            stubs,
        };
        Forum {
            name: "Test Harbour",
            boards: Mutex::new(vec![
                board(1, "Market", false, market, Vec::new()),
                board(2, "Access", false, access, vec![stub]),
                board(3, "VIP", true, vip, Vec::new()),
            ]),
            now,
            log: Mutex::new(Vec::new()),
        }
    }

    /// All that a visitor may see: board, thread, post.
    pub fn truth(&self, member: bool) -> Vec<(String, Thread, Post)> {
        let boards = self.boards.lock().unwrap();
        let open = boards.iter().filter(|b| member || !b.private);
        open.flat_map(|b| b.threads.iter().map(|t| (b.title.clone(), t.clone())))
            .flat_map(|(b, t)| t.posts.clone().into_iter().map(move |p| (b.clone(), t.clone(), p)))
            .collect()
    }

    /// A new post in a thread, which moves it to the top of its list.
    pub fn answer(&self, board: usize, thread: u64) -> Post {
        let mut boards = self.boards.lock().unwrap();
        let threads = &mut boards[board].threads;
        let at = threads.iter().position(|t| t.id == thread).unwrap();
        let mut t = threads.remove(at);
        let n = t.posts.len() as u64;
        let post = Post {
            id: thread * 1000 + n,
            author: "late".into(),
            gone: false,
            time: self.now - 60,
            words: format!("answer {thread}-{n}"),
            link: None,
            quote: None,
        };
        t.posts.push(post.clone());
        let front = threads.iter().take_while(|t| t.sticky).count();
        threads.insert(if t.sticky { 0 } else { front }, t);
        post
    }

    pub fn requests(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

/// What an address asks for; `skip` threads or posts stand on earlier pages.
pub enum Route {
    Index,
    Board { id: String, skip: usize },
    Thread { id: u64, skip: usize },
}

pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
}

/// An engine's markup.
pub trait Skin: Send + Sync {
    fn name(&self) -> &'static str;
    /// Threads and posts of a page.
    fn sizes(&self) -> (usize, usize) {
        (4, 5)
    }
    fn route(&self, url: &Url) -> Option<Route>;
    fn board_id(&self, b: &Board) -> String {
        b.id.to_string()
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String;
    fn list(
        &self,
        f: &Forum,
        b: &Board,
        rows: &[(&Thread, bool)],
        skip: usize,
        next: Option<usize>,
    ) -> String;
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        next: Option<usize>,
    ) -> String;
    fn refused(&self, f: &Forum) -> Answer;
    fn kind(&self) -> &'static str {
        "text/html; charset=utf-8"
    }
}

/// A page of a skin, on its way to be changed.
pub enum Shown<'a> {
    Index(&'a [&'a Board]),
    List(&'a Board),
    Thread(&'a Thread),
}

/// A skin with its pages changed.
pub struct Altered<S, F>(pub S, pub F);

impl<S: Skin, F: Fn(&Forum, Shown<'_>, String) -> String + Send + Sync> Skin for Altered<S, F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn sizes(&self) -> (usize, usize) {
        self.0.sizes()
    }
    fn route(&self, url: &Url) -> Option<Route> {
        self.0.route(url)
    }
    fn board_id(&self, b: &Board) -> String {
        self.0.board_id(b)
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        (self.1)(f, Shown::Index(boards), self.0.index(f, boards))
    }
    fn list(
        &self,
        f: &Forum,
        b: &Board,
        rows: &[(&Thread, bool)],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        (self.1)(f, Shown::List(b), self.0.list(f, b, rows, skip, next))
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        (self.1)(f, Shown::Thread(t), self.0.thread(f, b, t, posts, skip, next))
    }
    fn refused(&self, f: &Forum) -> Answer {
        self.0.refused(f)
    }
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
}

pub fn answer(f: &Forum, skin: &dyn Skin, url: &Url, member: bool) -> Answer {
    let page = |body| Answer { status: 200, kind: skin.kind(), body };
    let missing = || Answer { status: 404, kind: "text/html", body: "<p>nothing here".into() };
    let boards = f.boards.lock().unwrap();
    let (lists, posts) = skin.sizes();
    match skin.route(url) {
        // A private board is listed: whoever opens it is told to log in.
        Some(Route::Index) => page(skin.index(f, &boards.iter().collect::<Vec<_>>())),
        Some(Route::Board { id, skip }) => {
            let all: Vec<&Board> = boards.iter().collect();
            // One list of all, for engines without boards.
            if id == "all" {
                let rows: Vec<(&Thread, bool)> = all
                    .iter()
                    .filter(|b| member || !b.private)
                    .flat_map(|b| b.threads.iter().map(|t| (t, false)))
                    .collect();
                let next = (skip + lists < rows.len()).then_some(skip + lists);
                let shown: Vec<_> = rows.iter().skip(skip).take(lists).copied().collect();
                return page(skin.list(f, all[0], &shown, skip, next));
            }
            let Some(b) = all.into_iter().find(|b| skin.board_id(b) == id) else { return missing() };
            if b.private && !member {
                return skin.refused(f);
            }
            let rows: Vec<(&Thread, bool)> =
                b.threads.iter().map(|t| (t, false)).chain(b.stubs.iter().map(|t| (t, true))).collect();
            let next = (skip + lists < rows.len()).then_some(skip + lists);
            let shown: Vec<_> = rows.iter().skip(skip).take(lists).copied().collect();
            page(skin.list(f, b, &shown, skip, next))
        }
        Some(Route::Thread { id, skip }) => {
            let found = boards.iter().find_map(|b| Some((b, b.threads.iter().find(|t| t.id == id)?)));
            let Some((b, t)) = found else { return missing() };
            if b.private && !member {
                return skin.refused(f);
            }
            let next = (skip + posts < t.posts.len()).then_some(skip + posts);
            let shown: Vec<Post> = t.posts.iter().skip(skip).take(posts).cloned().collect();
            page(skin.thread(f, b, t, &shown, skip, next))
        }
        None => missing(),
    }
}

/// Serves the forum in an engine's markup; a visitor with the cookie `member=1` is one.
pub async fn serve(forum: Arc<Forum>, skin: Arc<dyn Skin>) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let root = base.clone();
    let app = axum::Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
        let (forum, skin, root) = (forum.clone(), skin.clone(), root.clone());
        async move {
            let url = root.join(&uri.to_string()).unwrap();
            if url.path() == "/robots.txt" {
                return StatusCode::NOT_FOUND.into_response();
            }
            forum.log.lock().unwrap().push(uri.to_string());
            let member =
                headers.get(header::COOKIE).is_some_and(|c| c.to_str().unwrap().contains("member=1"));
            let a = answer(&forum, &*skin, &url, member);
            let status = StatusCode::from_u16(a.status).unwrap();
            let response: Response = (status, [(header::CONTENT_TYPE, a.kind)], a.body).into_response();
            response
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base
}

/// No pauses: the host is our own.
pub fn manners() -> Manners {
    Manners {
        delay: Duration::ZERO,
        tries: 2,
        back_off: Duration::from_millis(5),
        patience: Duration::from_secs(20),
        ..Manners::default()
    }
}
