//! The crawler against a forum of our own in the markup of every engine: complete, nothing twice, only what is new.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod forum;

use forum::{Altered, Forum, Kept, Shown, Skin, manners, serve, skins};
use std::sync::Arc;
use tm_collect::crawl::{CrawlError, Crawler, Health, Plan, Report};
use tm_model::{PostRecord, QuoteTarget};
use url::Url;

async fn crawl(url: &Url, plan: Plan, memory: &Arc<Kept>) -> Result<Report, CrawlError> {
    let crawler = Crawler::find(url, manners(), plan).await?;
    crawler.run("Test Harbour", memory.clone(), |_| {}).await
}

/// What is wrong with a stored post, by what the forum holds.
fn faults(engine: &str, board: &str, t: &forum::Thread, p: &forum::Post, got: &PostRecord) -> Vec<String> {
    let mut out = Vec::new();
    let mut differ = |what: &str, is: String, should: String| {
        if is != should {
            out.push(format!("{engine} post {}: {what} is {is}, not {should}", p.id));
        }
    };
    // Some engines forget the names of deleted accounts.
    let author = match engine {
        "nodebb" if p.gone => Some("former-user-9".to_owned()),
        "discourse" | "flarum" if p.gone => None,
        _ => Some(p.author.clone()),
    };
    differ("text", format!("{:?}", got.text), format!("{:?}", p.text()));
    differ("author", format!("{:?}", got.author), format!("{author:?}"));
    differ("board", format!("{:?}", got.board), format!("{:?}", Some(board)));
    differ("title", format!("{:?}", got.title), format!("{:?}", Some(&t.title)));
    differ("thread", format!("{:?}", got.thread), format!("{:?}", Some(t.id.to_string())));
    differ("links", format!("{:?}", got.links), format!("{:?}", p.link.iter().collect::<Vec<_>>()));
    differ("forum", format!("{:?}", got.forum), format!("{:?}", Some("Test Harbour")));
    // FluxBB names no post in a quote; Discourse and Flarum name it by its number or link, NodeBB by both.
    let quote: Vec<QuoteTarget> = p
        .quote
        .iter()
        .map(|(id, who)| QuoteTarget {
            post: (engine != "fluxbb").then(|| id.to_string()),
            author: Some(who.clone()),
        })
        .collect();
    // Discourse names a post by its number in the thread, which only the same page can resolve.
    if engine != "discourse" {
        differ("quotes", format!("{:?}", got.quotes), format!("{quote:?}"));
    }
    // Some show minutes, and relative dates count from the minute in which they are shown.
    let off = got.time.map_or(i64::MAX, |time| (time.0 - p.time).abs());
    if off > 60 {
        out.push(format!("{engine} post {}: time is off by {off} s ({:?})", p.id, got.time));
    }
    if got.sticky != t.sticky {
        out.push(format!("{engine} post {}: pinned is {}", p.id, got.sticky));
    }
    out
}

fn compare(engine: &str, forum: &Forum, member: bool, memory: &Kept) {
    let posts = memory.posts.lock().unwrap();
    let truth = forum.truth(member);
    let mut all: Vec<String> = Vec::new();
    for (board, t, p) in &truth {
        match posts.get(&p.id.to_string()) {
            None => all.push(format!("{engine} post {} of thread {} is missing", p.id, t.id)),
            Some(got) => all.extend(faults(engine, board, t, p, got)),
        }
    }
    let known: Vec<String> = truth.iter().map(|(_, _, p)| p.id.to_string()).collect();
    all.extend(
        posts.keys().filter(|k| !known.contains(k)).map(|k| format!("{engine} post {k} is not of the forum")),
    );
    assert!(all.is_empty(), "{} faults\n{}", all.len(), all[..all.len().min(25)].join("\n"));
}

fn member() -> Plan {
    Plan { cookies: vec![("member".into(), "1".into())], guest: true, ..Plan::default() }
}

async fn one(skin: Arc<dyn Skin>) {
    let name = skin.name();
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), skin).await;
    let memory = Arc::new(Kept::default());

    // Complete, each once.
    let first = crawl(&url, Plan { parallel: 3, ..Plan::default() }, &memory).await.unwrap();
    assert_eq!((first.engine.as_str(), &first.health), (name, &Health::Good), "{first:?}");
    compare(name, &forum, false, &memory);
    let truth = forum.truth(false).len() as u64;
    assert_eq!((first.new, first.changed), (truth, 0), "{name}: nothing twice: {first:?}");
    assert!(
        first.problems.is_empty() && first.short_count == 0 && first.boards_short.is_empty(),
        "{name}: {first:?}"
    );
    let fetched = forum.requests();

    // Nothing new: lists say so.
    forum.log.lock().unwrap().clear();
    let second = crawl(&url, Plan { parallel: 3, ..Plan::default() }, &memory).await.unwrap();
    assert_eq!((second.new, second.changed, second.known), (0, 0, 0), "{name}: {second:?}");
    let again = forum.requests();
    // Some have front pages that are not their lists.
    assert!(again <= 2 && fetched > 15, "{name}: {again} after {fetched}: {:?}", forum.log.lock().unwrap());

    // An answer is the only thing that is stored, and costs list and last page.
    forum.answer(0, 109);
    forum.answer(1, 203);
    forum.log.lock().unwrap().clear();
    let third = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!((third.new, third.changed), (2, 0), "{name}: {third:?}");
    assert!(forum.requests() <= 8, "{name}: {:?}", forum.log.lock().unwrap());
    compare(name, &forum, false, &memory);

    // Members see more; what they see is new, nothing else is.
    let inside = crawl(&url, member(), &memory).await.unwrap();
    assert_eq!(inside.new, 4, "{name}: {inside:?}");
    compare(name, &forum, true, &memory);
}

#[tokio::test]
async fn every_engine_complete_then_only_what_is_new() {
    let mut tasks = tokio::task::JoinSet::new();
    for skin in skins::all() {
        tasks.spawn(one(skin));
    }
    let mut failed = Vec::new();
    while let Some(done) = tasks.join_next().await {
        if let Err(e) = done {
            failed.push(e.into_panic());
        }
    }
    let words: Vec<String> = failed
        .iter()
        .map(|e| {
            e.downcast_ref::<String>()
                .cloned()
                .or_else(|| e.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_default()
        })
        .collect();
    assert!(words.is_empty(), "{} engines\n{}", words.len(), words.join("\n\n"));
}

/// Killed after any number of commits, again and again, each engine ends with the same posts.
#[tokio::test]
async fn every_engine_killed_ten_times_is_the_same() {
    for (nth, skin) in skins::all().into_iter().enumerate() {
        let name = skin.name();
        let forum = Arc::new(Forum::new());
        let url = serve(forum.clone(), skin).await;
        let memory = Arc::new(Kept::default());
        for n in 0..10usize {
            *memory.left.lock().unwrap() = Some((nth * 7 + n * 5) % 13 + 1);
            let killed = crawl(&url, Plan { parallel: 1 + n % 3, ..Plan::default() }, &memory).await;
            assert!(matches!(killed, Err(CrawlError::Memory(_)) | Ok(_)), "{name}: {killed:?}");
        }
        *memory.left.lock().unwrap() = None;
        let before = memory.posts.lock().unwrap().len() as u64;
        let last = crawl(&url, Plan::default(), &memory).await.unwrap();
        assert_eq!(last.new, forum.truth(false).len() as u64 - before, "{name}: {last:?}");
        assert!(last.short.is_empty() && last.boards_short.is_empty(), "{name}: {last:?}");
        compare(name, &forum, false, &memory);
    }
}

/// A walk for news that is killed between two list pages does not lose what stands behind the pages that it has read.
#[tokio::test]
async fn news_on_many_pages_survive_kills() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Phpbb)).await;
    let memory = Arc::new(Kept::default());
    crawl(&url, Plan::default(), &memory).await.unwrap();
    for thread in [108, 107, 106, 105, 104, 103, 102, 101] {
        forum.answer(0, thread);
    }
    for n in 1..=10 {
        *memory.left.lock().unwrap() = Some(n % 4 + 1);
        let killed = crawl(&url, Plan::default(), &memory).await;
        assert!(matches!(killed, Err(CrawlError::Memory(_)) | Ok(_)));
    }
    *memory.left.lock().unwrap() = None;
    crawl(&url, Plan::default(), &memory).await.unwrap();
    compare("phpbb", &forum, false, &memory);
}

/// What the forum counts and does not show is told.
#[tokio::test]
async fn counters_that_promise_more_are_told() {
    let boasting = Altered(skins::Phpbb, |_: &Forum, shown: Shown<'_>, page: String| match shown {
        Shown::Index(_) => page.replace("<dd class=\"topics\">3</dd>", "<dd class=\"topics\">5</dd>"),
        Shown::Thread(t) if t.id == 103 => page.replace("6 posts", "8 posts"),
        _ => page,
    });
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(boasting)).await;
    let memory = Arc::new(Kept::default());
    let report = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(report.short, [("Thread 103 на продажу".to_owned(), 6, 8)]);
    assert!(!report.whole(), "a thread that falls short is no whole crawl");
    let boards: Vec<(&str, u64, Option<u64>)> =
        report.boards_short.iter().map(|b| (b.board.as_str(), b.threads, b.threads_counted)).collect();
    assert_eq!(boards, [("Access", 3, Some(5))], "{report:?}");
}

/// New posts are read before years of old ones, and old ones go on meanwhile.
#[tokio::test]
async fn news_go_before_back_fill() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Phpbb)).await;
    let memory = Arc::new(Kept::default());
    crawl(&url, Plan::default(), &memory).await.unwrap();
    let log = forum.log.lock().unwrap().clone();
    let at =
        |part: &str| log.iter().position(|l| l.contains(part)).unwrap_or_else(|| panic!("{part} in {log:?}"));
    // The first list page of the second board comes before the last one of the first board,
    assert!(at("viewforum.php?f=2") < at("viewforum.php?f=1&start=8"), "{log:?}");
    // a long thread does not hold up the rest, and is read to its end all the same.
    assert!(at("viewforum.php?f=2") < at("viewtopic.php?t=102&start=50"), "{log:?}");
    // Of five requests at least one is of old posts, while there are any.
    assert!(at("viewforum.php?f=1&start=4") < at("viewtopic.php?t=203"), "{log:?}");

    // While a crawl runs, a look for news finds what was written since.
    let memory = Arc::new(Kept::default());
    let plan = Plan::default();
    let hand = plan.hand.clone();
    let crawler = Crawler::find(&url, manners(), plan).await.unwrap();
    let mut answered = None;
    let report = crawler
        .run("Test Harbour", memory.clone(), |r| {
            if r.threads == 9 && answered.is_none() {
                answered = Some(forum.answer(1, 201));
                hand.look_again();
            }
        })
        .await
        .unwrap();
    let late = answered.unwrap();
    assert!(memory.posts.lock().unwrap().contains_key(&late.id.to_string()), "{report:?}");
    compare("phpbb", &forum, false, &memory);
}

/// A crawl that is asked to end keeps what it has and goes on next time.
#[tokio::test]
async fn a_stop_keeps_what_is_there() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Mybb)).await;
    let memory = Arc::new(Kept::default());
    let plan = Plan::default();
    let hand = plan.hand.clone();
    let crawler = Crawler::find(&url, manners(), plan).await.unwrap();
    let report = crawler
        .run("Test Harbour", memory.clone(), |r| {
            if r.threads >= 4 {
                hand.stop();
            }
        })
        .await
        .unwrap();
    assert!(
        report.limited && report.new > 0 && (report.new as usize) < forum.truth(false).len(),
        "{report:?}"
    );
    crawl(&url, Plan::default(), &memory).await.unwrap();
    compare("mybb", &forum, false, &memory);
}

/// Only threads with a post since a date; later all of them.
#[tokio::test]
async fn since_a_date_then_all() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Xenforo)).await;
    let memory = Arc::new(Kept::default());
    let since = Some(tm_model::Timestamp(forum.now - 7 * 86400));
    let plan = || Plan { since, ..Plan::default() };
    crawl(&url, plan(), &memory).await.unwrap();
    let threads: std::collections::BTreeSet<String> =
        memory.posts.lock().unwrap().values().map(|p| p.thread.clone().unwrap()).collect();
    assert_eq!(threads.into_iter().collect::<Vec<_>>(), ["101", "102", "103", "201"]);
    forum.log.lock().unwrap().clear();
    crawl(&url, plan(), &memory).await.unwrap();
    assert_eq!(forum.requests(), 1, "{:?}", forum.log.lock().unwrap());
    crawl(&url, Plan::default(), &memory).await.unwrap();
    compare("xenforo", &forum, false, &memory);
}

/// An announcement stands on every board and a moved thread on two: each is read once.
#[tokio::test]
async fn what_stands_on_several_boards_is_read_once() {
    let announcing = Altered(skins::Phpbb, |f: &Forum, shown: Shown<'_>, page: String| match shown {
        Shown::List(b) => {
            let post = forum::Post {
                id: 110_000,
                author: "nix".into(),
                gone: false,
                time: f.now - 86_400,
                words: String::new(),
                link: None,
                quote: None,
            };
            let rules = forum::Thread { id: 110, title: "Rules".into(), sticky: true, posts: vec![post] };
            let list = skins::Phpbb.list(f, b, &[(&rules, false)], 0, None);
            let row = &list[list.find("<li class=\"row").unwrap()..list.rfind("</li>").unwrap() + 5];
            page.replacen("<li class=\"row", &format!("{row}<li class=\"row"), 1)
        }
        _ => page,
    });
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(announcing)).await;
    let memory = Arc::new(Kept::default());
    crawl(&url, Plan { parallel: 3, ..Plan::default() }, &memory).await.unwrap();
    let log = forum.log.lock().unwrap().clone();
    let asked = |part: &str| log.iter().filter(|l| l.ends_with(part)).count();
    let stub = forum.boards.lock().unwrap()[1].stubs[0].id;
    let lists = log.iter().filter(|l| l.contains("viewforum")).count();
    assert!(lists >= 4, "the announcement stood on every list page: {log:?}");
    assert_eq!((asked("t=110"), asked(&format!("t={stub}"))), (1, 1), "{log:?}");
}

/// A front page that shows boards inside boards tells of them: a board that did not change is not opened for their sake.
#[tokio::test]
async fn boards_inside_boards_that_the_front_page_shows_cost_nothing() {
    let skin = Altered(skins::Nodebb, |_: &Forum, shown: Shown<'_>, page: String| {
        let mut v: serde_json::Value = serde_json::from_str(&page).unwrap();
        match shown {
            Shown::Index(_) => {
                let child = v["categories"].as_array_mut().unwrap().remove(1);
                v["categories"][0]["children"] = serde_json::json!([child]);
            }
            Shown::List(b) if b.id == 1 => {
                v["children"] = serde_json::json!([{"cid": 2, "name": "Access"}]);
            }
            _ => {}
        }
        v.to_string()
    });
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skin)).await;
    let memory = Arc::new(Kept::default());
    let first = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(first.new, forum.truth(false).len() as u64, "{first:?}");
    assert!(memory.marks.lock().unwrap().contains_key("inner/1"));
    forum.log.lock().unwrap().clear();
    let second = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!((second.new, second.boards, second.boards_unchanged), (0, 0, 2), "{second:?}");
    assert!(forum.requests() <= 2, "front page alone: {:?}", forum.log.lock().unwrap());
    forum.answer(1, 203);
    let third = crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!((third.new, third.boards), (1, 1), "{third:?}");
    compare("nodebb", &forum, false, &memory);
}

/// A board that is named by its address goes on where the last crawl was, from its first page, whatever page was named.
#[tokio::test]
async fn a_board_named_by_its_address_is_read_incrementally() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Phpbb)).await;
    let memory = Arc::new(Kept::default());
    let board = url.join("viewforum.php?f=1&start=4").unwrap();
    let first = crawl(&board, Plan::default(), &memory).await.unwrap();
    let market: u64 = forum.boards.lock().unwrap()[0].threads.iter().map(|t| t.posts.len() as u64).sum();
    assert_eq!((first.new, first.health), (market, Health::Good));
    let lists = |forum: &Forum| {
        let log = std::mem::take(&mut *forum.log.lock().unwrap());
        log.into_iter().filter(|l| l.contains("viewforum")).collect::<Vec<_>>()
    };
    lists(&forum);
    // Nothing new: its first list page says so.
    let second = crawl(&url.join("viewforum.php?f=1").unwrap(), Plan::default(), &memory).await.unwrap();
    assert_eq!((second.new, lists(&forum)), (0, vec!["/viewforum.php?f=1".to_owned()]), "{second:?}");
    let late = forum.answer(0, 109);
    let third = crawl(&url.join("viewforum.php?f=1").unwrap(), Plan::default(), &memory).await.unwrap();
    assert_eq!((third.new, third.threads), (1, 1), "{third:?}");
    assert!(memory.posts.lock().unwrap().contains_key(&late.id.to_string()));
    assert!(lists(&forum).len() <= 2);
    // The index tells of it: what a crawl by address left holds for a crawl of all, and the other way round.
    crawl(&url, Plan::default(), &memory).await.unwrap();
    lists(&forum);
    crawl(&url.join("viewforum.php?f=1").unwrap(), Plan::default(), &memory).await.unwrap();
    assert_eq!(lists(&forum).len(), 1);
    crawl(&url, Plan::default(), &memory).await.unwrap();
    assert_eq!(lists(&forum), Vec::<String>::new());
}
