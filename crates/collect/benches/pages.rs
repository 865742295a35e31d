//! How fast pages are read: pages, bytes and posts a second on one core, by engine.
//!
//! ```sh
//! cargo bench -p tm-collect --bench pages                      # pages of the test forum, in the markup of each engine
//! cargo bench -p tm-collect --bench pages -- FOLDER [SECONDS]  # saved pages: FOLDER/ENGINE/*.html and *.json
//! ```
//!
//! The pages of the test forum have little but what is read; real ones have some 50 kB around ten to twenty posts, so the
//! second form is what a crawl feels like. `parse` is what html5ever's parser alone takes for the same pages, for comparison.
//! Counted is the time that the thread has had of a processor.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/forum/mod.rs"]
mod forum;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_collect::engine::{Document, Engine, Reader, detect, engine};
use tm_model::Timestamp;
use url::Url;

fn document(url: Url, body: String) -> Document {
    Document { url, status: 200, headers: Vec::new(), body, fetched: Timestamp(1_795_450_020) }
}

/// Lists and threads of the test forum as an engine's pages.
fn made(skin: &Arc<dyn forum::Skin>, runtime: &tokio::runtime::Runtime) -> Vec<Document> {
    let forum = Arc::new(forum::Forum::new());
    let base = runtime.block_on(forum::serve(forum.clone(), skin.clone()));
    let kept = Arc::new(forum::Kept::default());
    runtime.block_on(async {
        let plan = tm_collect::crawl::Plan::default();
        let crawler = tm_collect::crawl::Crawler::find(&base, forum::manners(), plan).await.unwrap();
        crawler.run("Test Harbour", kept.clone(), |_| {}).await.unwrap();
    });
    let asked: Vec<String> = forum.log.lock().unwrap().clone();
    let urls = asked.iter().map(|path| base.join(path).unwrap());
    urls.map(|url| {
        let body = forum::answer(&forum, &**skin, &url, false).body;
        document(url, body)
    })
    .collect()
}

/// Saved pages, each with an address of its kind as far as its name tells.
fn saved(folder: &Path, name: &str) -> Vec<Document> {
    let (thread, board, index) = match name {
        "phpbb" => ("viewtopic.php?t=27", "viewforum.php?f=6", "index.php"),
        "mybb" => ("showthread.php?tid=26", "forumdisplay.php?fid=6", "index.php"),
        "smf" => ("index.php?topic=27.0", "index.php?board=6.0", "index.php"),
        "fluxbb" => ("viewtopic.php?id=27", "viewforum.php?id=6", "index.php"),
        "discuz" => ("forum.php?mod=viewthread&tid=26", "forum.php?mod=forumdisplay&fid=6", "forum.php"),
        _ => ("api/topic/27", "api/category/6", "api/categories"),
    };
    let base = Url::parse("http://forum.example/").unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let kind = if name == "nodebb" { "json" } else { "html" };
    paths.retain(|p| p.extension().is_some_and(|e| e == kind));
    paths
        .iter()
        .filter_map(|path| {
            let file = path.file_stem()?.to_str()?;
            let url = match file {
                _ if file.starts_with("thread") => thread,
                _ if file.starts_with("board") => board,
                "index" | "categories" => index,
                _ => return None,
            };
            let body = tm_collect::crawl::decode(&std::fs::read(path).ok()?, None);
            Some(document(base.join(url).ok()?, body))
        })
        .collect()
}

/// Time that this thread has had of a processor, in seconds: what others do beside it does not count. Without Linux's
/// counter the clock has to do.
fn spent(begun: Instant) -> f64 {
    let counter = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counter.and_then(|c| c.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| begun.elapsed().as_secs_f64(), |n| n / 1e9)
}

fn time(limit: Duration, mut work: impl FnMut()) -> f64 {
    work();
    let (begun, mut rounds) = (Instant::now(), 0u32);
    let from = spent(begun);
    while spent(begun) - from < limit.as_secs_f64() || rounds == 0 {
        work();
        rounds += 1;
    }
    (spent(begun) - from) / f64::from(rounds)
}

fn measure(name: &str, engine: &dyn Engine, pages: &[Document], limit: Duration) {
    if pages.is_empty() {
        return;
    }
    let reader = Reader::default();
    let posts: usize = pages.iter().map(|d| engine.read(d, &reader).posts.len()).sum();
    let bytes: usize = pages.iter().map(|d| d.body.len()).sum();
    let all = time(limit, || {
        for d in pages {
            std::hint::black_box(engine.read(d, &reader));
        }
    });
    let parse = time(limit / 2, || {
        for d in pages {
            std::hint::black_box(scraper::Html::parse_document(&d.body));
        }
    });
    println!(
        "{name:<11} {:>4} pages {:>5.1} kB {:>7.0} pages/s {:>6.1} MB/s {:>8.0} posts/s {:>7.3} ms a page, parse {:>7.3}",
        pages.len(),
        bytes as f64 / 1e3 / pages.len() as f64,
        pages.len() as f64 / all,
        bytes as f64 / 1e6 / all,
        posts as f64 / all,
        all * 1e3 / pages.len() as f64,
        parse * 1e3 / pages.len() as f64
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let limit = words.get(1).and_then(|s| s.parse().ok()).unwrap_or(0.3);
    let limit = Duration::from_secs_f64(limit);
    match words.first() {
        Some(folder) => {
            for name in ["phpbb", "mybb", "smf", "fluxbb", "discuz", "nodebb"] {
                let folder = Path::new(folder).join(name);
                if folder.is_dir() {
                    measure(name, engine(name).unwrap(), &saved(&folder, name), limit);
                }
            }
        }
        None => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            for skin in forum::skins::all() {
                let pages = made(&skin, &runtime);
                let engine = pages.iter().find_map(detect).unwrap();
                measure(skin.name(), engine, &pages, limit);
            }
        }
    }
}
