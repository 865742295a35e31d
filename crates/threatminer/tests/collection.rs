//! Collection by the real program against a forum of our own: crawl, kill, resume, sources, schedule, selector files.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Threads of the forum, each with its number of posts.
struct Forum {
    threads: Mutex<Vec<usize>>,
    requests: AtomicUsize,
    /// A robot check stands in front.
    checked: AtomicBool,
    /// Each answer takes so long, so that there is time to kill.
    slow: Duration,
}

const LIST: usize = 10;
const PAGE: usize = 5;

fn number(path: &str, key: &str) -> usize {
    path.split(['?', '&']).find_map(|p| p.strip_prefix(key)?.strip_prefix('=')?.parse().ok()).unwrap_or(0)
}

fn page(forum: &Forum, path: &str) -> (u16, String) {
    if forum.checked.load(Ordering::SeqCst) {
        return (
            503,
            "<html><head><title>Just a moment...</title></head>challenge-platform/h/</html>".into(),
        );
    }
    let threads = forum.threads.lock().unwrap();
    let start = number(path, "start");
    let mut out = String::from(
        "<html><body id=\"phpbb\"><div id=\"site-description\"><h1>Test Harbour</h1></div><div id=\"page-body\">",
    );
    if path.starts_with("/viewtopic.php") {
        let t = number(path, "t");
        out.push_str(&format!(
            "<h2 class=\"topic-title\"><a href=\"./viewtopic.php?t={t}\">thread {t}</a></h2>"
        ));
        for n in (start..threads[t]).take(PAGE) {
            out.push_str(&format!(
                "<div id=\"p{}\" class=\"post\"><p class=\"author\">by <a class=\"username\">vega</a> » <time datetime=\"2026-01-01T00:{:02}:00+00:00\">x</time></p>\
                 <div class=\"content\">thread {t} post {n}</div></div>",
                t * 1000 + n, n % 60
            ));
        }
        if start + PAGE < threads[t] {
            out.push_str(&format!("<div class=\"pagination\"><a rel=\"next\" href=\"./viewtopic.php?t={t}&amp;start={}\">Next</a></div>", start + PAGE));
        }
    } else if path.starts_with("/viewforum.php") {
        for t in (start..threads.len()).take(LIST) {
            out.push_str(&format!(
                "<li class=\"row\"><dl><a class=\"topictitle\" href=\"./viewtopic.php?t={t}\">thread {t}</a><dd class=\"posts\">{}</dd></dl></li>",
                threads[t] - 1
            ));
        }
        if start + LIST < threads.len() {
            out.push_str(&format!("<div class=\"pagination\"><a rel=\"next\" href=\"./viewforum.php?f=1&amp;start={}\">Next</a></div>", start + LIST));
        }
    } else {
        out.push_str(&format!(
            "<li class=\"row\"><dl><a class=\"forumtitle\" href=\"./viewforum.php?f=1\">Market</a><dd class=\"topics\">{}</dd><dd class=\"posts\">{}</dd></dl></li>",
            threads.len(), threads.iter().sum::<usize>()
        ));
    }
    (200, out)
}

fn answer(forum: &Forum, mut socket: TcpStream) {
    let mut line = String::new();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|n| n > 2) {
        rest.clear();
    }
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let (status, body) = if path == "/robots.txt" { (404, String::new()) } else { page(forum, &path) };
    if path != "/robots.txt" {
        forum.requests.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(forum.slow);
    }
    let _ = write!(
        socket,
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn serve(threads: Vec<usize>, slow: Duration) -> (Arc<Forum>, String) {
    let forum = Arc::new(Forum {
        threads: Mutex::new(threads),
        requests: AtomicUsize::new(0),
        checked: AtomicBool::new(false),
        slow,
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let shared = forum.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let forum = shared.clone();
            std::thread::spawn(move || answer(&forum, socket.unwrap()));
        }
    });
    (forum, url)
}

fn command(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.arg("--quiet").arg("--store").arg(store).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(store: &Path, arguments: &[&str]) -> Output {
    command(store, arguments).output().unwrap()
}

fn line(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text
        .lines()
        .next()
        .unwrap_or_else(|| panic!("nothing printed: {}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(first).unwrap_or_else(|e| panic!("{e} in {first}"))
}

fn posts(store: &Path) -> Vec<String> {
    let out = run(store, &["export", "jsonl", "--what", "posts"]);
    let mut lines: Vec<String> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|l| {
            let v: serde_json::Value = serde_json::from_str(l).unwrap();
            format!("{} {} {} {}", v["id"], v["author"], v["time"], v["text"])
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn killed_ten_times_and_resumed_is_the_same() {
    let threads: Vec<usize> = (0..45).map(|n| n % 13 + 1).collect();
    let total: usize = threads.iter().sum();
    let (_, url) = serve(threads, Duration::from_millis(6));
    let folder = tempfile::tempdir().unwrap();
    let (calm, rough) = (folder.path().join("calm.db"), folder.path().join("rough.db"));
    let crawl = ["crawl", &url, "--delay", "0", "--json"];
    let whole = run(&calm, &crawl);
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    assert_eq!(line(&whole)["new"], total as u64);
    let mut kills = 0;
    for nth in 0..10u64 {
        let mut child = command(&rough, &crawl).spawn().unwrap();
        // Moments that have nothing to do with the program's own.
        std::thread::sleep(Duration::from_millis(60 + nth * 37 % 110));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills >= 3, "the test must kill something, killed {kills}");
    let last = run(&rough, &crawl);
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    assert_eq!(posts(&calm).len(), total);
    assert!(posts(&calm) == posts(&rough), "the same posts after {kills} kills");
}

#[test]
fn second_crawl_costs_next_to_nothing_and_sources_tell() {
    let (forum, url) = serve((0..30).map(|n| n % 7 + 1).collect(), Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let first = line(&run(&store, &["crawl", &url, "--delay", "0", "--json"]));
    let fetched = forum.requests.swap(0, Ordering::SeqCst);
    let second = run(&store, &["crawl", &url, "--delay", "0", "--json"]);
    assert!(second.status.success());
    assert_eq!((line(&second)["new"].as_u64(), line(&second)["changed"].as_u64()), (Some(0), Some(0)));
    let again = forum.requests.load(Ordering::SeqCst);
    assert!(again * 20 <= fetched, "{again} requests after {fetched}");

    let known = line(&run(&store, &["sources", "--json"]));
    assert_eq!(
        (known["name"].as_str(), known["state"].as_str(), known["engine"].as_str()),
        (Some("Test Harbour"), Some("good"), Some("phpbb"))
    );
    assert_eq!(known["figures"]["new"], 0);
    assert!(first["new"].as_u64() > Some(0) && known["last_good"].is_string());

    // A robot check: an error with the page, kept in the store as well.
    forum.checked.store(true, Ordering::SeqCst);
    let stopped = run(&store, &["crawl", &url, "--delay", "0"]);
    assert_eq!(stopped.status.code(), Some(2));
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert!(said.contains("cloudflare") && said.contains("--cookies"), "{said}");
    let known = line(&run(&store, &["sources", "Test Harbour", "--json"]));
    // The page says nothing of the forum's name: what was known of it stays.
    assert_eq!((known["state"].as_str(), known["reason"].as_str()), (Some("challenge"), Some("cloudflare")));
    assert!(known["last_good"].is_string() && known["forum"] == "Test Harbour");
    let page = run(&store, &["sources", &url, "--page"]);
    assert!(String::from_utf8_lossy(&page.stdout).contains("Just a moment"), "the page is kept");
    assert_eq!(run(&store, &["sources", "Nowhere"]).status.code(), Some(1));
    assert_eq!(run(&folder.path().join("empty.db"), &["sources"]).status.code(), Some(1));
}

#[test]
fn two_crawls_of_a_host_at_once_are_refused() {
    let (_, url) = serve(vec![3; 40], Duration::from_millis(40));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let mut first = command(&store, &["crawl", &url, "--delay", "0"]).spawn().unwrap();
    let lock =
        |_: &()| std::fs::read_dir(folder.path().join("s.db.pages")).is_ok_and(|mut d| d.next().is_some());
    for _ in 0..200 {
        if lock(&()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    let second = run(&store, &["crawl", &url, "--delay", "0"]);
    assert_eq!(second.status.code(), Some(2), "{}", String::from_utf8_lossy(&second.stderr));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another crawl of 127.0.0.1"));
    first.kill().unwrap();
    first.wait().unwrap();
}

/// Two sites that call themselves the same are two forums, unless the operator says otherwise.
#[test]
fn a_name_that_another_site_bears_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let (_, first) = serve(vec![3, 2], Duration::ZERO);
    let (_, second) = serve(vec![4, 4], Duration::ZERO);
    assert!(run(&store, &["crawl", &first, "--delay", "0"]).status.success());
    let before = posts(&store);
    let refused = run(&store, &["crawl", &second, "--delay", "0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--forum") && said.contains(first.as_str()) && said.contains("Test Harbour"),
        "{said}"
    );
    assert_eq!(posts(&store), before);
    let known = line(&run(&store, &["sources", &second, "--json"]));
    assert_eq!((known["state"].as_str(), known["forum"].as_str()), (Some("refused"), None), "{known}");
    // Under a name of its own, and the first one again.
    assert!(run(&store, &["crawl", &second, "--forum", "Other Harbour", "--delay", "0"]).status.success());
    assert_eq!(posts(&store).len(), before.len() + 8);
    assert!(run(&store, &["crawl", &first, "--delay", "0"]).status.success());
    // One forum under two addresses, which the operator says.
    let both = run(&store, &["crawl", &second, "--forum", "Test Harbour", "--delay", "0"]);
    assert!(both.status.success(), "{}", String::from_utf8_lossy(&both.stderr));
}

#[test]
fn unknown_boards_and_dry_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let (forum, url) = serve(vec![7, 2], Duration::ZERO);
    let unknown = run(&store, &["crawl", &url, "--board", "99", "--delay", "0"]);
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(1), "{said}");
    let dry = |path: &str| run(&store, &["crawl", &format!("{url}{path}"), "--dry-run", "--delay", "0"]);
    let thread = dry("viewtopic.php?t=0");
    let told = String::from_utf8_lossy(&thread.stdout).into_owned();
    assert!(thread.status.success() && told.starts_with("thread 0: 1 thread, "), "{told}");
    assert!(posts(&store).is_empty());
    // A robot check: told, and nothing is recorded.
    let fresh = folder.path().join("fresh.db");
    forum.checked.store(true, Ordering::SeqCst);
    let stopped = run(&fresh, &["crawl", &url, "--dry-run", "--delay", "0"]);
    assert_eq!(stopped.status.code(), Some(2));
    assert_eq!(run(&fresh, &["sources"]).status.code(), Some(1), "no source is known");
}

fn get(address: &str, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    socket.read_to_string(&mut text).ok()?;
    Some(text.split_once("\r\n\r\n")?.1.to_owned())
}

/// Ends the program at the end of a test, whatever becomes of the test.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_collects_on_its_schedule_and_ends_gracefully() {
    let (forum, url) = serve(vec![4, 2], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let (store, config) = (folder.path().join("s.db"), folder.path().join("t.toml"));
    // Seconds stand in front of the five usual fields.
    std::fs::write(
        &config,
        format!(
            "[[source]]\nurl = \"{url}\"\nname = \"Night Pier\"\nschedule = \"*/1 * * * * *\"\ndelay = 0\n"
        ),
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut arguments = vec!["serve", "--listen", &address, "--config"];
    arguments.push(config.to_str().unwrap());
    let mut serving = Serving(command(&store, &arguments).spawn().unwrap());
    let sources = |wanted: u64| {
        for _ in 0..600 {
            let found = get(&address, "/api/v1/overview")
                .and_then(|t| serde_json::from_str::<serde_json::Value>(&t).ok())
                .and_then(|v| v["counts"]["posts"].as_u64());
            if found == Some(wanted) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{wanted} posts did not arrive");
    };
    sources(6);
    // What is written later arrives at a later turn.
    forum.threads.lock().unwrap()[1] = 5;
    sources(9);
    let known: serde_json::Value = serde_json::from_str(&get(&address, "/api/v1/sources").unwrap()).unwrap();
    assert_eq!(
        (known["items"][0]["name"].as_str(), known["total"].as_u64()),
        (Some("Night Pier"), Some(1)),
        "{known}"
    );
    let ended = Command::new("kill").arg("-TERM").arg(serving.0.id().to_string()).status().unwrap();
    assert!(ended.success());
    assert!(serving.0.wait().unwrap().success(), "a polite kill ends it well");
    let next = line(&run(&store, &["--config", config.to_str().unwrap(), "sources", "--json"]));
    assert!(next["next"].is_string() && next["schedule"] == "*/1 * * * * *", "{next}");
    // What cannot work is told before anything is served.
    std::fs::write(&config, format!("[[source]]\nurl = \"{url}\"\nschedule = \"sometimes\"\n")).unwrap();
    let wrong = run(&store, &["--config", config.to_str().unwrap(), "sources", "--check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("sometimes"));
}

#[test]
fn selector_files_are_tried_and_crawl() {
    let (_, url) = serve(vec![7, 2, 1], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let (store, file, page) =
        (folder.path().join("s.db"), folder.path().join("f.toml"), folder.path().join("thread.html"));
    // The forum of this test, read as if no engine knew it.
    let text = r#"
name = "as-unknown"
[address]
index = '^/$'
board = '^/viewforum\.php\?f=(?<id>\d+)(?:&start=(?<page>\d+))?$'
thread = '^/viewtopic\.php\?t=(?<id>\d+)(?:&start=(?<page>\d+))?$'
[page]
forum = "h1"
next = ".pagination a"
title = "h2"
[board]
row = "li.row:has(.forumtitle)"
link = ".forumtitle"
threads = ".topics"
posts = ".posts"
[thread]
row = "li.row:has(.topictitle)"
link = ".topictitle"
replies = ".posts"
[post]
row = "div.post"
id = { attribute = "id", pattern = 'p(\d+)' }
author = ".username"
time = { selector = "time", attribute = "datetime" }
body = ".content"
"#;
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    let good = run(&store, &["collect", "check", name, &url]);
    let said = String::from_utf8_lossy(&good.stdout).into_owned();
    assert!(good.status.success(), "{said}{}", String::from_utf8_lossy(&good.stderr));
    assert!(said.contains("Market: 3 threads, 10 posts"), "{said}");
    let thread = get(url.trim_start_matches("http://").trim_end_matches('/'), "/viewtopic.php?t=0").unwrap();
    std::fs::write(&page, &thread).unwrap();
    let at = format!("{url}viewtopic.php?t=0");
    let saved = run(&store, &["collect", "check", name, page.to_str().unwrap(), "--url", &at, "--json"]);
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let v = line(&saved);
    assert_eq!(
        (v["posts"][0]["author"].as_str(), v["posts"][0]["time"].as_str()),
        (Some("vega"), Some("2026-01-01T00:00:00Z"))
    );
    assert!(v["next"].as_str().unwrap().ends_with("t=0&start=5"), "{v}");
    // A page that lost its authors, a file that is none.
    std::fs::write(&page, thread.replace("username", "who")).unwrap();
    let bad = run(&store, &["collect", "check", name, page.to_str().unwrap(), "--url", &at]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("post.author matches in none of 5 rows"));
    let crawled = run(&store, &["crawl", &url, "--selectors", name, "--delay", "0", "--json"]);
    assert!(crawled.status.success(), "{}", String::from_utf8_lossy(&crawled.stderr));
    assert_eq!(
        (line(&crawled)["new"].as_u64(), line(&crawled)["engine"].as_str()),
        (Some(10), Some("as-unknown"))
    );
    std::fs::write(&file, text.replace("body = ", "bodies = ")).unwrap();
    let none = run(&store, &["collect", "check", name, &url]);
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("bodies"));
}
