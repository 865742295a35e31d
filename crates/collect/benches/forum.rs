//! A generated forum of any size in phpBB's markup, to measure crawls against: nothing of it is kept in memory.
//!
//! ```sh
//! cargo bench -p tm-collect --bench forum -- 20000 8099 &     # threads, port; ten posts a thread
//! /usr/bin/time -v target/release/threatminer --store /tmp/big.db crawl http://127.0.0.1:8099/ --delay 0 --parallel 4
//! ```
//!
//! Posts a second and the peak of memory are those of the second command.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use axum::extract::Query;
use axum::response::Html;
use axum::routing::get;
use std::collections::HashMap;
use std::fmt::Write;

const LIST: usize = 25;
const PAGE: usize = 10;
const POSTS: usize = 10;

fn page(inside: &str) -> Html<String> {
    Html(format!(
        "<html><body id=\"phpbb\"><div id=\"site-description\"><h1>Generated</h1></div><div id=\"page-body\">{inside}</div></body></html>"
    ))
}

fn start(q: &HashMap<String, String>) -> usize {
    q.get("start").and_then(|s| s.parse().ok()).unwrap_or(0)
}

fn list(threads: usize, q: &HashMap<String, String>) -> Html<String> {
    let from = start(q);
    let mut out = String::new();
    for t in (from..threads).take(LIST) {
        let _ = write!(
            out,
            "<li class=\"row\"><dl><a class=\"topictitle\" href=\"./viewtopic.php?t={t}\">thread {t}</a><dd class=\"posts\">{}</dd></dl></li>",
            POSTS - 1
        );
    }
    if from + LIST < threads {
        let _ = write!(
            out,
            "<div class=\"pagination\"><a rel=\"next\" href=\"./viewforum.php?f=1&amp;start={}\">Next</a></div>",
            from + LIST
        );
    }
    page(&out)
}

fn thread(q: &HashMap<String, String>) -> Html<String> {
    let t: usize = q.get("t").and_then(|t| t.parse().ok()).unwrap_or(0);
    let mut out = format!("<h2 class=\"topic-title\"><a href=\"./viewtopic.php?t={t}\">thread {t}</a></h2>");
    for n in (start(q)..POSTS).take(PAGE) {
        let _ = write!(
            out,
            "<div id=\"p{}\" class=\"post\"><p class=\"author\">by <a class=\"username\">user{}</a> » <time datetime=\"2026-01-01T00:00:{:02}+00:00\">x</time></p>\
             <div class=\"content\">post {n} of thread {t}: selling access to a shop, price 300 USD, escrow accepted, write to user{}@mail.example or in private</div></div>",
            t * POSTS + n,
            (t + n) % 997,
            n % 60,
            (t + n) % 997
        );
    }
    page(&out)
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let (threads, port) = (numbers.first().copied().unwrap_or(2000), numbers.get(1).copied().unwrap_or(8099));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let index = move || async move {
            page(&format!(
                "<li class=\"row\"><dl><a class=\"forumtitle\" href=\"./viewforum.php?f=1\">Market</a><dd class=\"topics\">{threads}</dd><dd class=\"posts\">{}</dd></dl></li>",
                threads * POSTS
            ))
        };
        let app = axum::Router::new()
            .route("/", get(index))
            .route("/viewforum.php", get(move |Query(q): Query<HashMap<String, String>>| async move { list(threads, &q) }))
            .route("/viewtopic.php", get(|Query(q): Query<HashMap<String, String>>| async move { thread(&q) }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).await.unwrap();
        eprintln!("{} posts on http://127.0.0.1:{port}/", threads * POSTS);
        axum::serve(listener, app).await.unwrap();
    });
}
