//! The crawler against a small forum server that writes phpBB's markup: what is fetched, in what order, and what not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "forum/kept.rs"]
mod kept;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use kept::Kept;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tm_collect::crawl::{CrawlError, Crawler, Health, Manners, Plan, Report};
use url::Url;

/// Posts of a page.
const PAGE: usize = 5;

/// A thread: identifier, title and posts.
type Thread = (u32, String, Vec<String>);

/// A forum: boards with threads with posts.
#[derive(Default)]
struct Forum {
    boards: Mutex<BTreeMap<u32, Vec<Thread>>>,
    requests: AtomicUsize,
    /// Board that guests may not see.
    private: Option<u32>,
    robots: &'static str,
    /// Answer with "too many requests" so many times.
    busy: AtomicUsize,
    challenge: AtomicBool,
    /// Answer with a firewall's 403 from this request on; 0 is never.
    banned_from: AtomicUsize,
    /// Pages that arrive cut once, by their words in the log.
    cut: Mutex<Vec<&'static str>>,
    /// Sessions that have ended; the cookie of a session carries its number.
    ended: AtomicUsize,
    /// The session ends once, with this request.
    ends_with: AtomicUsize,
    /// When the log-in form was handed out.
    handed: Mutex<Option<std::time::Instant>>,
    log: Mutex<Vec<String>>,
}

type Shared = State<Arc<Forum>>;

fn page(title: &str, member: bool, inside: &str) -> Html<String> {
    let greet = if member {
        "<li id=\"username_logged_in\"><span class=\"username\">reader</span></li><a href=\"ucp.php?mode=logout\">out</a>"
    } else {
        ""
    };
    Html(format!(
        "<html><head><title>{title}</title></head><body id=\"phpbb\"><div id=\"site-description\"><h1>Test Harbour</h1></div>{greet}\
         <div id=\"page-body\">{inside}</div><div id=\"page-footer\">All times are <span>UTC+03:00</span></div></body></html>"
    ))
}

fn member(forum: &Forum, headers: &HeaderMap) -> bool {
    let session = format!("sid=member{}", forum.ended.load(Ordering::SeqCst));
    headers.get(header::COOKIE).is_some_and(|c| c.to_str().unwrap().contains(&session))
}

fn count(forum: &Forum, what: String) -> Option<Response> {
    let nth = forum.requests.fetch_add(1, Ordering::SeqCst) + 1;
    if nth == forum.ends_with.load(Ordering::SeqCst) {
        forum.ended.fetch_add(1, Ordering::SeqCst);
    }
    forum.log.lock().unwrap().push(what);
    if forum.challenge.load(Ordering::SeqCst) {
        let body =
            "<html><head><title>Just a moment...</title></head><body>challenge-platform/h/</body></html>";
        return Some(
            (StatusCode::SERVICE_UNAVAILABLE, [("cf-mitigated", "challenge")], Html(body)).into_response(),
        );
    }
    let banned = forum.banned_from.load(Ordering::SeqCst);
    if banned > 0 && nth >= banned {
        return Some((StatusCode::FORBIDDEN, Html("<h1>403 Forbidden</h1>")).into_response());
    }
    let busy = forum.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
    busy.then(|| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response())
}

/// Items of a page, and whether it leads on: a page that is cut has fewer and does not.
fn shown(forum: &Forum, page: &str) -> (usize, bool) {
    let mut cut = forum.cut.lock().unwrap();
    match cut.iter().position(|c| *c == page) {
        Some(n) => (usize::from(cut.remove(n).ends_with('5')), false),
        None => (PAGE, true),
    }
}

async fn index(State(forum): Shared, headers: HeaderMap) -> Response {
    if let Some(r) = count(&forum, "index".into()) {
        return r;
    }
    let mut rows = String::new();
    for (id, threads) in &*forum.boards.lock().unwrap() {
        let posts: usize = threads.iter().map(|t| t.2.len()).sum();
        write!(
            rows,
            "<li class=\"row\"><dl><a href=\"./viewforum.php?f={id}&amp;sid=0123456789abcdef\" class=\"forumtitle\">Board {id}</a>\
             <dd class=\"topics\">{}</dd><dd class=\"posts\">{posts}</dd><dd class=\"lastpost\"><span>last</span></dd></dl></li>",
            threads.len()
        )
        .unwrap();
    }
    rows.push_str("<li class=\"row\"><dl class=\"forum_link\"><a href=\"http://elsewhere.example/\" class=\"forumtitle\">Away</a></dl></li>");
    page("Index", member(&forum, &headers), &rows).into_response()
}

async fn board(
    State(forum): Shared,
    Query(q): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let id: u32 = q["f"].parse().unwrap();
    let start: usize = q.get("start").map_or(0, |s| s.parse().unwrap());
    if let Some(r) = count(&forum, format!("board {id} {start}")) {
        return r;
    }
    if forum.private == Some(id) && !member(&forum, &headers) {
        return page("Login", false, "<form id=\"login\" action=\"./ucp.php?mode=login\"></form>")
            .into_response();
    }
    let (most, on) = shown(&forum, &format!("board {id} {start}"));
    let boards = forum.boards.lock().unwrap();
    let threads = &boards[&id];
    let mut rows = String::new();
    for (thread, title, posts) in threads.iter().skip(start).take(most) {
        write!(
            rows,
            "<li class=\"row\"><dl class=\"topic_read\"><a href=\"./viewtopic.php?t={thread}&amp;sid=ff\" class=\"topictitle\">{title}</a>\
             <dd class=\"posts\">{}</dd><dd class=\"lastpost\"><time datetime=\"2026-01-01T00:{:02}:00+00:00\">x</time></dd></dl></li>",
            posts.len() - 1,
            posts.len() % 60
        )
        .unwrap();
    }
    if on && start + PAGE < threads.len() {
        write!(rows, "<div class=\"pagination\"><li class=\"arrow next\"><a rel=\"next\" href=\"./viewforum.php?f={id}&amp;start={}\">Next</a></li></div>", start + PAGE).unwrap();
    }
    page("Board", member(&forum, &headers), &rows).into_response()
}

async fn thread(
    State(forum): Shared,
    Query(q): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let id: u32 = q["t"].parse().unwrap();
    let start: usize = q.get("start").map_or(0, |s| s.parse().unwrap());
    if let Some(r) = count(&forum, format!("thread {id} {start}")) {
        return r;
    }
    if id == 666 {
        return Redirect::to("http://127.0.0.2:1/steal").into_response();
    }
    let (most, on) = shown(&forum, &format!("thread {id} {start}"));
    let boards = forum.boards.lock().unwrap();
    let (board, (_, title, posts)) =
        boards.iter().find_map(|(b, ts)| Some((b, ts.iter().find(|t| t.0 == id)?))).expect("a known thread");
    if forum.private == Some(*board) && !member(&forum, &headers) {
        return page("Login", false, "<form id=\"login\" action=\"./ucp.php?mode=login\"></form>")
            .into_response();
    }
    let mut body = format!(
        "<div class=\"navlinks\"><span class=\"crumb\"><a href=\"./viewforum.php?f={board}\">Board {board}</a></span></div>\
         <h2 class=\"topic-title\"><a href=\"./viewtopic.php?t={id}\">{title}</a></h2>"
    );
    for (n, text) in posts.iter().enumerate().skip(start).take(most) {
        write!(
            body,
            "<div id=\"p{}\" class=\"post\"><p class=\"author\">by <a class=\"username\" href=\"./memberlist.php?u=1\">vega</a> » \
             <time datetime=\"2026-01-01T00:{:02}:00+00:00\">x</time></p><div class=\"content\">{text}</div></div>",
            id as usize * 1000 + n,
            n % 60
        )
        .unwrap();
    }
    if on && start + PAGE < posts.len() {
        write!(body, "<div class=\"pagination\"><li class=\"arrow next\"><a rel=\"next\" href=\"./viewtopic.php?t={id}&amp;start={}\">Next</a></li></div>", start + PAGE).unwrap();
    }
    page(title, member(&forum, &headers), &body).into_response()
}

async fn login_page(State(forum): Shared) -> Response {
    count(&forum, "login".into());
    *forum.handed.lock().unwrap() = Some(std::time::Instant::now());
    page(
        "Login",
        false,
        "<form id=\"login\" method=\"post\" action=\"./ucp.php?mode=login\"><input name=\"username\"><input type=\"password\" name=\"password\">\
         <input type=\"hidden\" name=\"form_token\" value=\"t0\"><input type=\"submit\" name=\"login\" value=\"Login\"></form>",
    )
    .into_response()
}

async fn login(State(forum): Shared, body: String) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    count(&forum, "login sent".into());
    // phpBB refuses a form that comes back within the second it was made in.
    let soon = forum.handed.lock().unwrap().is_none_or(|at| at.elapsed() < Duration::from_secs(1));
    let right = !soon
        && form["username"] == "reader"
        && form["password"] == "right"
        && form["form_token"] == "t0"
        && form["login"] == "Login";
    if right {
        let cookie = format!("sid=member{}; Path=/", forum.ended.load(Ordering::SeqCst));
        ([(header::SET_COOKIE, cookie)], Redirect::to("/index.php")).into_response()
    } else {
        page("Login", false, "<form id=\"login\"></form>").into_response()
    }
}

async fn serve(forum: Forum) -> (Arc<Forum>, Url) {
    let forum = Arc::new(forum);
    let robots = forum.robots;
    let app = axum::Router::new()
        .route("/", get(index))
        .route("/index.php", get(index))
        .route("/viewforum.php", get(board))
        .route("/viewtopic.php", get(thread))
        .route("/ucp.php", get(login_page).merge(post(login)))
        .route("/robots.txt", get(move || async move { robots }))
        .with_state(forum.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (forum, url)
}

fn manners() -> Manners {
    Manners { delay: Duration::ZERO, tries: 2, back_off: Duration::from_millis(5), ..Manners::default() }
}

async fn crawl(url: &Url, plan: Plan, memory: &Arc<Kept>) -> Result<Report, CrawlError> {
    let crawler = Crawler::find(url, manners(), plan).await?;
    crawler.run("Test Harbour", memory.clone(), |_| {}).await
}

/// Three boards, 36 threads, 414 posts.
fn forum() -> Forum {
    let mut boards = BTreeMap::new();
    for b in 1..=3u32 {
        let threads = (0..12)
            .map(|t| {
                let id = b * 100 + t;
                let posts =
                    (0..=t * 2).map(|n| format!("board {b} thread {id} post {n}<br>second line")).collect();
                (id, format!("thread {id}"), posts)
            })
            .collect();
        boards.insert(b, threads);
    }
    Forum {
        boards: Mutex::new(boards),
        robots: "User-agent: *\nDisallow: /memberlist.php\n",
        ..Forum::default()
    }
}

fn posts_in(forum: &Forum) -> usize {
    forum.boards.lock().unwrap().values().flatten().map(|t| t.2.len()).sum()
}

#[tokio::test]
async fn whole_forum_then_only_what_changed() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let plan = Plan { parallel: 3, ..Plan::default() };
    let first = crawl(&url, plan.clone(), &memory).await.unwrap();
    assert_eq!(first.new as usize, posts_in(&forum), "{first:?}");
    assert_eq!((first.boards, first.threads, first.health.clone()), (3, 36, Health::Good), "{first:?}");
    assert!(first.problems.is_empty() && first.short.is_empty(), "{first:?}");
    {
        let posts = memory.posts.lock().unwrap();
        let p = &posts["105003"];
        assert_eq!(p.text, "board 1 thread 105 post 3\nsecond line");
        assert_eq!((p.board.as_deref(), p.title.as_deref()), (Some("Board 1"), Some("thread 105")));
        assert_eq!((p.author.as_deref(), p.thread.as_deref()), (Some("vega"), Some("105")));
        assert_eq!(p.time.unwrap().to_string(), "2026-01-01T00:03:00Z");
    }
    let fetched = forum.requests.swap(0, Ordering::SeqCst);
    let second = crawl(&url, plan.clone(), &memory).await.unwrap();
    assert_eq!((second.new, second.changed, second.boards_unchanged), (0, 0, 3), "{second:?}");
    let again = forum.requests.swap(0, Ordering::SeqCst);
    assert!(again * 20 <= fetched, "{again} requests after {fetched}");

    // One thread grows: its last page and its board's list are fetched, nothing else.
    {
        // As in life, the list begins with the thread that was answered last.
        let mut boards = forum.boards.lock().unwrap();
        let threads = boards.get_mut(&2).unwrap();
        threads[11].2.push("new word".into());
        threads.rotate_right(1);
    }
    forum.log.lock().unwrap().clear();
    let third = crawl(&url, plan, &memory).await.unwrap();
    assert_eq!((third.new, third.threads), (1, 1), "{third:?}");
    let log = forum.log.lock().unwrap().clone();
    let threads: Vec<&String> = log.iter().filter(|l| l.starts_with("thread")).collect();
    assert_eq!(threads, ["thread 211 20"], "{log:?}");
}

#[tokio::test]
async fn killed_and_resumed_is_the_same() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    for n in [1, 3, 7, 12, 2, 20, 9, 5, 30, 4] {
        *memory.left.lock().unwrap() = Some(n);
        let killed = crawl(&url, Plan { parallel: 2, ..Plan::default() }, &memory).await;
        assert!(matches!(killed, Err(CrawlError::Memory(_))), "{killed:?}");
    }
    *memory.left.lock().unwrap() = None;
    let before = memory.posts.lock().unwrap().len() as u64;
    let last = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert!(before > 0 && last.new == posts_in(&forum) as u64 - before, "{before} before, {last:?}");
    assert_eq!(last.short, [], "counters agree although threads were read in parts");
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum));
}

#[tokio::test]
async fn members_see_more_and_a_failed_login_is_an_error() {
    let (forum, url) = serve(Forum { private: Some(3), ..forum() }).await;
    let memory = Arc::new(Kept::default());
    let guest = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!((guest.refused, guest.health), (1, Health::Good));
    assert!(!memory.posts.lock().unwrap().keys().any(|id| id.starts_with('3')));
    let login = |password: &str| Plan { login: Some(("reader".into(), password.into())), ..Plan::default() };
    let wrong = crawl(&url, login("wrong"), &memory).await;
    assert!(matches!(wrong, Err(CrawlError::Login { .. })), "{wrong:?}");
    let right = crawl(&url, login("right"), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{right:?}");
}

#[tokio::test]
async fn polite_and_on_its_own_host() {
    let mut f = forum();
    f.robots = "User-agent: *\nDisallow: /viewforum.php?f=2\n";
    f.boards.lock().unwrap().get_mut(&1).unwrap().push((666, "trap".into(), vec!["x".into()]));
    f.busy = AtomicUsize::new(2);
    let (forum, url) = serve(f).await;
    let memory = Arc::new(Kept::default());
    // The first answers are "too many requests": tried again.
    let report = Crawler::find(&url, Manners { tries: 4, ..manners() }, Plan::default()).await.unwrap();
    let report = report.run("Test Harbour", memory.clone(), |_| {}).await.unwrap();
    let log = forum.log.lock().unwrap().clone();
    assert!(!log.iter().any(|l| l.starts_with("board 2")), "robots.txt: {log:?}");
    assert!(report.problems.iter().any(|p| p.contains("robots.txt")), "{:?}", report.problems);
    assert!(
        report.problems.iter().any(|p| p.contains("127.0.0.2") && p.contains("not followed")),
        "{:?}",
        report.problems
    );
    // The board that may not be read is not taken for read; the thread that leads away does not keep its board from it.
    let marks = memory.marks.lock().unwrap().clone();
    let whole = |b: u32| marks.get(&format!("board/{b}")).is_some_and(|m| m.contains("\"whole\":true"));
    assert!(whole(1) && !whole(2) && whole(3), "{marks:?}");
    forum.log.lock().unwrap().clear();
    crawl(&url, Plan::default(), &memory).await.unwrap();
    let log = forum.log.lock().unwrap().clone();
    assert_eq!(log, ["index"], "what cannot be had is not asked for again and again");
}

#[tokio::test]
async fn a_robot_check_ends_the_crawl_with_its_name() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let crawler = Crawler::find(&url, manners(), Plan::default()).await.unwrap();
    forum.challenge.store(true, Ordering::SeqCst);
    let report = crawler.run("Test Harbour", memory.clone(), |_| {}).await.unwrap();
    assert_eq!(report.health, Health::Challenge("cloudflare".into()), "{report:?}");
    assert!(report.kept.is_some_and(|k| k.1.contains("Just a moment")));
    let named = Crawler::find(&url, manners(), Plan::default()).await;
    assert!(matches!(&named, Err(e @ CrawlError::Closed { .. }) if e.to_string().contains("--cookies")));
}

#[tokio::test]
async fn limits_end_it_and_the_next_goes_on() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let report = crawl(&url, Plan { most_posts: Some(50), ..Plan::default() }, &memory).await.unwrap();
    assert!(report.limited && report.new >= 50 && (report.new as usize) < posts_in(&forum), "{report:?}");
    let dry = crawl(&url, Plan { dry: true, ..Plan::default() }, &Arc::new(Kept::default())).await.unwrap();
    assert_eq!((dry.new, dry.listed.len()), (0, 3), "{dry:?}");
    crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum));
    let one = Arc::new(Kept::default());
    crawl(&url, Plan { boards: vec!["2".into()], ..Plan::default() }, &one).await.unwrap();
    let of_board = forum.boards.lock().unwrap()[&2].iter().map(|t| t.2.len()).sum::<usize>();
    let posts = one.posts.lock().unwrap().keys().map(|id| id.starts_with('2')).collect::<Vec<_>>();
    assert_eq!(posts, vec![true; of_board]);
    let thread = Arc::new(Kept::default());
    crawl(&url.join("viewtopic.php?t=111&sid=abc#p111003").unwrap(), Plan::default(), &thread).await.unwrap();
    assert_eq!(thread.posts.lock().unwrap().len(), 23);
}

/// A board that no list shows is told, also when the others did not change; a thread's middle leads to its beginning.
#[tokio::test]
async fn boards_that_do_not_exist_are_told() {
    let (_, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let plan = |boards: &[&str]| Plan {
        boards: boards.iter().map(|b| (*b).to_owned()).collect(),
        ..Plan::default()
    };
    for _ in 0..2 {
        let report = crawl(&url, plan(&["2", "99"]), &memory).await.unwrap();
        assert_eq!(report.boards_unknown, ["99"]);
        assert!(!report.whole() && report.health == Health::Good, "{report:?}");
        let report = crawl(&url, plan(&["2"]), &memory).await.unwrap();
        assert!(report.whole() && report.boards_unknown.is_empty(), "{report:?}");
    }
    // A limit ends it before all lists are seen: then nothing is known of the board.
    let report =
        crawl(&url, Plan { most_requests: Some(1), ..plan(&["99"]) }, &Arc::new(Kept::default())).await;
    assert!(report.unwrap().boards_unknown.is_empty());
    let thread = Arc::new(Kept::default());
    crawl(&url.join("viewtopic.php?t=111&start=10").unwrap(), Plan::default(), &thread).await.unwrap();
    assert_eq!(thread.posts.lock().unwrap().len(), 23);
}

/// A dry run keeps nothing, also of a thread that was named, also when it cannot be had.
#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let (_, url) = serve(Forum { private: Some(3), ..forum() }).await;
    let dry = || Plan { dry: true, ..Plan::default() };
    for (path, listed, health) in [
        ("", 3, Health::Good),
        ("viewforum.php?f=2", 0, Health::Good),
        ("viewtopic.php?t=111&start=10", 1, Health::Good),
    ] {
        let memory = Arc::new(Kept::default());
        let report = crawl(&url.join(path).unwrap(), dry(), &memory).await.unwrap();
        assert_eq!(
            (report.new, report.listed.len(), &report.health),
            (0, listed, &health),
            "{path}: {report:?}"
        );
        assert!(memory.posts.lock().unwrap().is_empty() && memory.marks.lock().unwrap().is_empty(), "{path}");
    }
    let memory = Arc::new(Kept::default());
    let report = crawl(&url.join("viewtopic.php?t=200").unwrap(), dry(), &memory).await.unwrap();
    assert_eq!(report.listed, [("thread 200".to_owned(), Some(1), Some(1))]);
    let closed = crawl(&url.join("viewtopic.php?t=300").unwrap(), dry(), &memory).await;
    assert!(matches!(closed, Err(CrawlError::Closed { .. })), "{closed:?}");
    assert!(memory.marks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_session_that_ends_on_the_way_is_begun_again() {
    let (forum, url) = serve(Forum { private: Some(3), ..forum() }).await;
    // Front page, log-in page, log-in, front page: then some threads.
    forum.ends_with.store(12, Ordering::SeqCst);
    let memory = Arc::new(Kept::default());
    let plan = Plan { login: Some(("reader".into(), "right".into())), ..Plan::default() };
    let report = crawl(&url, plan, &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{report:?}");
    let log = forum.log.lock().unwrap();
    assert_eq!(log.iter().filter(|l| *l == "login sent").count(), 2, "{log:?}");
}

/// A server that runs out of time sends half a page with status 200.
#[tokio::test]
async fn pages_that_arrive_cut_are_asked_for_again() {
    let (forum, url) = serve(forum()).await;
    // A list in its middle, a thread in its middle, a thread before its first post.
    *forum.cut.lock().unwrap() = vec!["board 1 5", "thread 311 5", "thread 205 0"];
    let memory = Arc::new(Kept::default());
    let first = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert!((first.new as usize) < posts_in(&forum) && !first.whole(), "{first:?}");
    assert_eq!((first.short_count, first.boards_short.len()), (1, 3), "{first:?}");
    let second = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{second:?}");
    assert!(second.whole() && second.boards_short.is_empty(), "{second:?}");
    forum.log.lock().unwrap().clear();
    crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(*forum.log.lock().unwrap(), ["index"]);
}

/// Forums count what they do not show: a list that stays short is believed after some crawls.
#[tokio::test]
async fn a_board_that_always_counts_more_is_believed_in_the_end() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let mut lists = Vec::new();
    for _ in 0..8 {
        *forum.cut.lock().unwrap() = vec!["board 1 5"];
        forum.log.lock().unwrap().clear();
        crawl(&url, Plan::default(), &memory).await.unwrap();
        lists.push(forum.log.lock().unwrap().iter().filter(|l| l.starts_with("board 1")).count());
    }
    assert_eq!(lists, [2, 2, 2, 2, 2, 2, 0, 0]);
}

/// A rate limit outlasts the tries: what it hides is not taken for read.
#[tokio::test]
async fn a_rate_limit_is_not_an_empty_board() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    let crawler = Crawler::find(&url, manners(), Plan::default()).await.unwrap();
    // The first board and its tries, a thread and its tries.
    forum.busy.store(4, Ordering::SeqCst);
    let first = crawler.run("Test Harbour", memory.clone(), |_| {}).await.unwrap();
    assert!(!first.whole() && first.problems.iter().all(|p| p.contains("429")), "{first:?}");
    assert_eq!(first.problem_count, 2, "{first:?}");
    let second = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{second:?}");
}

/// A firewall that bans the crawler on the way closes nothing and ends the crawl.
#[tokio::test]
async fn a_firewall_is_not_the_forum() {
    let (forum, url) = serve(forum()).await;
    let memory = Arc::new(Kept::default());
    forum.banned_from.store(20, Ordering::SeqCst);
    for engine in [None, Some("phpbb".to_owned())] {
        forum.requests.store(0, Ordering::SeqCst);
        let plan = Plan { parallel: 2, engine, ..Plan::default() };
        let report = crawl(&url, plan, &memory).await.unwrap();
        assert!(!report.whole() && report.problem_count > 0, "{report:?}");
    }
    assert!(!memory.marks.lock().unwrap().values().any(|m| m.contains("\"closed\":\"")));
    forum.banned_from.store(0, Ordering::SeqCst);
    let last = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{last:?}");
}

/// The session ends while several tasks read: one logs in for all of them.
#[tokio::test]
async fn a_session_that_ends_under_several_tasks_closes_nothing() {
    let (forum, url) = serve(Forum { private: Some(3), ..forum() }).await;
    let plan = Plan { login: Some(("reader".into(), "right".into())), parallel: 4, ..Plan::default() };
    forum.ends_with.store(14, Ordering::SeqCst);
    let memory = Arc::new(Kept::default());
    let report = crawl(&url, plan, &memory).await.unwrap();
    assert!(report.whole() && report.refused == 0, "{report:?}");
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{report:?}");
    let sent = forum.log.lock().unwrap().iter().filter(|l| *l == "login sent").count();
    assert_eq!(sent, 2);
}

/// Cookies run out: the crawl says so and stops, and the next one with fresh cookies reads the rest.
#[tokio::test]
async fn cookies_that_run_out_close_nothing() {
    let (forum, url) = serve(Forum { private: Some(3), ..forum() }).await;
    let cookies = |n: u32| Plan { cookies: vec![("sid".into(), format!("member{n}"))], ..Plan::default() };
    forum.ends_with.store(8, Ordering::SeqCst);
    let memory = Arc::new(Kept::default());
    let first = crawl(&url, cookies(0), &memory).await.unwrap();
    assert!(matches!(&first.health, Health::Down(why) if why.contains("session")), "{first:?}");
    assert!(!memory.marks.lock().unwrap().keys().any(|k| k.starts_with("closed/")));
    let second = crawl(&url, cookies(1), &memory).await.unwrap();
    assert_eq!(memory.posts.lock().unwrap().len(), posts_in(&forum), "{second:?}");
}
