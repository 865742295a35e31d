//! Engines against pages saved from real installations, when those are at hand: `TM_FORUMS` names their folder, else the one
//! beside the repository is tried. They carry the engines' own templates and are not part of the repository.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use tm_collect::engine::{Document, Kind, Reader, detect, engine};
use tm_model::Timestamp;
use url::Url;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("TM_FORUMS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/forums");
    named.or(Some(beside)).filter(|p| p.join("pages").is_dir())
}

fn truth(folder: &Path, engine: &str) -> HashMap<String, Value> {
    let file = std::fs::File::open(folder.join(format!("{engine}.truth.jsonl.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines()
        .map(|l| {
            let v: Value = serde_json::from_str(l).unwrap();
            (v["post_id"].to_string(), v)
        })
        .collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The address that a saved page came from, as the engines write it.
fn address(engine: &str, page: &str) -> String {
    let host = "http://forum.example";
    let thread = page.starts_with("thread");
    let board = page.starts_with("board") || page.starts_with("refused");
    let path = match engine {
        "phpbb" if thread => "/viewtopic.php?t=27",
        "phpbb" if board => "/viewforum.php?f=6",
        "mybb" if thread => "/showthread.php?tid=26",
        "mybb" if board => "/forumdisplay.php?fid=8",
        "smf" if thread => "/index.php?topic=27.0",
        "smf" if board => "/index.php?board=3.0",
        "fluxbb" if thread => "/viewtopic.php?id=27",
        "fluxbb" if board => "/viewforum.php?id=3",
        "discuz" if thread => "/forum.php?mod=viewthread&tid=26",
        "discuz" if board => "/forum.php?mod=forumdisplay&fid=8",
        "nodebb" if thread => "/api/topic/27",
        "nodebb" if board => "/api/category/10",
        "nodebb" if page.starts_with("categories") => "/api/categories",
        _ => "/",
    };
    format!("{host}{path}")
}

fn read(folder: &Path, engine: &str, file: &str) -> Document {
    Document {
        url: Url::parse(&address(engine, file)).unwrap(),
        status: 200,
        headers: Vec::new(),
        body: std::fs::read_to_string(folder.join("pages").join(engine).join(file)).unwrap(),
        // When they were saved.
        fetched: Timestamp(1_795_449_800),
    }
}

#[test]
fn saved_pages_agree_with_the_truth() {
    let Some(folder) = folder() else {
        eprintln!("no saved pages at hand: skipped");
        return;
    };
    let mut failures = Vec::new();
    for name in ["phpbb", "mybb", "smf", "fluxbb", "discuz", "nodebb"] {
        let truth = truth(&folder, name);
        let (mut posts, mut exact, mut millis, mut pages) = (0, 0, 0.0, 0);
        let mut files: Vec<String> = std::fs::read_dir(folder.join("pages").join(name))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        for file in files {
            // NodeBB is read through its JSON interface; of its pages as browsers get them only those of topics are read.
            if name == "nodebb" && !file.ends_with(".json") && !file.starts_with("thread") {
                continue;
            }
            let document = read(&folder, name, &file);
            let mut fail = |what: String| failures.push(format!("{name}/{file}: {what}"));
            match detect(&document) {
                Some(e) if e.name() == name => {}
                other => fail(format!("taken for {:?}", other.map(|e| e.name().to_owned()))),
            }
            let started = std::time::Instant::now();
            let reading = engine(name).unwrap().read(&document, &Reader::default());
            millis += started.elapsed().as_secs_f64() * 1e3;
            pages += 1;
            for p in &reading.problems {
                fail(p.clone());
            }
            if file.starts_with("refused") && reading.access.is_open() && name != "fluxbb" {
                fail("refusal not seen".into());
            }
            if file.starts_with("index") && reading.boards.is_empty()
                || file.starts_with("categories") && reading.boards.is_empty()
            {
                fail("no boards".into());
            }
            if file.starts_with("board") && reading.threads.len() < 10 {
                fail(format!("{} threads", reading.threads.len()));
            }
            if file.starts_with("board-moved") && !reading.threads.iter().any(|t| t.moved) {
                fail("moved stub not seen".into());
            }
            if file.starts_with("board1") && !reading.threads.iter().any(|t| t.sticky) {
                fail("no sticky thread".into());
            }
            if (file.starts_with("board1") || file.starts_with("thread1")) && reading.next.is_none() {
                fail("no next page".into());
            }
            if file.starts_with("thread") && (reading.posts.len() < 9 || reading.kind != Some(Kind::Thread)) {
                fail(format!("{} posts, kind {:?}", reading.posts.len(), reading.kind));
            }
            for p in &reading.posts {
                let id = p.record.id.clone().unwrap();
                let Some(t) = truth.get(&id) else {
                    // Written after the truth was taken.
                    if id.parse::<u32>().unwrap() < 1600 {
                        fail(format!("post {id} is not in the truth"));
                    }
                    continue;
                };
                if p.withheld {
                    if t["masked"] != true {
                        fail(format!("post {id}: withheld"));
                    }
                    continue;
                }
                posts += 1;
                let text = t["text"].as_str().unwrap();
                if squeezed(&p.record.text) == squeezed(text) {
                    exact += 1;
                } else {
                    println!(
                        "{name}/{file} post {id}:\n  is     {:?}\n  should {:?}",
                        squeezed(&p.record.text),
                        squeezed(text)
                    );
                }
                // NodeBB forgets the names of deleted accounts.
                let forgotten = name == "nodebb" && t["author_deleted"] == true;
                if p.record.author.as_deref() != t["author"].as_str() && !forgotten {
                    fail(format!("post {id}: author {:?}, not {}", p.record.author, t["author"]));
                }
                if p.unregistered != t["author_deleted"].as_bool().unwrap() && name != "nodebb" {
                    fail(format!("post {id}: unregistered {}", p.unregistered));
                }
                // Some engines show minutes only.
                let minute = |s: i64| s.div_euclid(60);
                let at = t["time"].as_i64().unwrap();
                if p.record.time.map(|t| minute(t.0)) != Some(minute(at)) {
                    fail(format!("post {id}: time {:?} ({:?}), not {at}", p.record.time, p.unread_time));
                }
                if file.starts_with("thread1") || file.starts_with("thread2") {
                    if p.record.board.as_deref() != t["board"].as_str() {
                        fail(format!("post {id}: board {:?}, not {}", p.record.board, t["board"]));
                    }
                    if p.record.title.as_deref() != t["thread_title"].as_str() {
                        fail(format!("post {id}: title {:?}, not {}", p.record.title, t["thread_title"]));
                    }
                }
                let quoted: Vec<&Value> = t["quotes"].as_array().unwrap().iter().collect();
                let got = &p.record.quotes;
                if got.len() != quoted.len()
                    || got.iter().zip(&quoted).any(|(g, q)| {
                        let author = q["author"].as_str();
                        (name != "fluxbb" && g.post != q["post_id"].as_u64().map(|n| n.to_string()))
                            || g.author.as_deref().is_some_and(|a| name != "nodebb" && Some(a) != author)
                            || (g.author.is_none() && g.post.is_none() && author.is_some())
                    })
                {
                    fail(format!("post {id}: quotes {got:?}, not {quoted:?}"));
                }
            }
        }
        println!("{name}: {exact} of {posts} texts exact, {:.1} ms a page", millis / f64::from(pages));
        if exact * 1000 < posts * 995 {
            failures.push(format!("{name}: {exact} of {posts} texts exact"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
}
