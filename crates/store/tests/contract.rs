//! What a store must do, whichever it is; and that both say the same, to the letter, of the same posts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod services;

use std::sync::Arc;
use tm_model::{
    Argument, EntityHit, EntityType, EventHit, EventType, Language, Modality, Post, PostAnalysis, PostRecord,
    QuoteTarget, Reject, Role, Source, Span, Standing, Threat, ThreatArgument, ThreatStatus, Timestamp,
};
use tm_store::{
    AliasRow, Analyzed, Batch, Crawled, EventRow, ImportKey, PostFilter, PostgresStore, RoleRow, Shortfall,
    SourceRow, SqliteStore, StandingRow, Store, ThreatFilter, migrate,
};

type Shared = Arc<dyn Store>;

/// Runs every test of the contract on a store that `$open` makes (none skips it).
macro_rules! store_contract {
    ($name:ident, $open:path) => {
        mod $name {
            store_contract!(@ $open; imports_store_each_post_once, crawls_follow_edits, marks_stay_within_their_prefix,
                sources_keep_what_was_good, analyses_replace_and_pend, words_that_changed_stay_pending,
                quarantine_takes_out_one_post, hostile_values_are_kept, orders_and_filters, facts_are_swapped,
                writers_at_once_lose_nothing, verdicts_outlive_rankings);
        }
    };
    (@ $open:path; $($test:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let Some((store, _kept)) = $open().await else { return };
            super::$test(store).await;
        })*
    };
}

async fn sqlite() -> Option<(Shared, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    Some((Arc::new(SqliteStore::open(&folder.path().join("s.db")).await.unwrap()), folder))
}

async fn postgres() -> Option<(Shared, Arc<services::Postgres>)> {
    let server = services::Postgres::shared()?;
    Some((Arc::new(PostgresStore::open(&server.database().1).await.unwrap()), server))
}

store_contract!(sqlite_store, super::sqlite);
store_contract!(postgres_store, super::postgres);

fn post(id: &str, text: &str) -> PostRecord {
    PostRecord {
        id: Some(id.into()),
        forum: Some("Test Harbour".into()),
        thread: Some("7".into()),
        title: Some("loader for sale".into()),
        author: Some("Vega".into()),
        time: Some(Timestamp(1_767_225_600)),
        text: text.into(),
        ..PostRecord::default()
    }
}

async fn import(store: &dyn Store, file: &str, posts: Vec<PostRecord>) -> tm_store::ImportState {
    let key = ImportKey { file: file.into(), digest: "1".into(), forum: String::new() };
    let begun = store.begin_import(&key).await.unwrap();
    let row = posts.len() as u64;
    store.store_batch(begun.id, &Batch { posts, rejects: Vec::new(), row, finished: true }).await.unwrap()
}

async fn all(store: &dyn Store) -> Vec<Post> {
    store.posts(&PostFilter { after: Some(0), ..PostFilter::default() }).await.unwrap()
}

fn analysis(text: &str, entities: &[(EntityType, &str)]) -> PostAnalysis {
    let length = (text.chars().count() as u32).max(1);
    PostAnalysis {
        language: Language::En,
        relevance: 0.75,
        entities: entities
            .iter()
            .map(|(kind, value)| EntityHit {
                kind: *kind,
                value: (*value).into(),
                text: (*value).into(),
                span: Span::new(0, length),
                source: Source::Pattern,
                confidence: 0.5,
            })
            .collect(),
        events: vec![EventHit {
            kind: EventType::Sell,
            modality: Modality::Asserted,
            confidence: 0.9,
            trigger: Span::new(0, 1),
            trigger_text: text.chars().take(1).collect(),
            arguments: vec![Argument {
                role: Role::Asset,
                text: text.into(),
                span: Span::new(0, length),
                confidence: 0.25,
            }],
        }],
        vector: vec![0.6, 0.8],
    }
}

async fn imports_store_each_post_once(store: Shared) {
    let key = ImportKey { file: "a.jsonl".into(), digest: "1".into(), forum: String::new() };
    let begun = store.begin_import(&key).await.unwrap();
    let batch = Batch {
        posts: vec![
            PostRecord {
                quotes: vec![QuoteTarget { post: Some("2".into()), author: None }],
                ..post("1", "a")
            },
            post("2", "b"),
            post("1", "a"),
            post("2", "other words"),
        ],
        rejects: vec![Reject {
            file: "a.jsonl".into(),
            row: 5,
            reason: "no text\0".into(),
            snippet: "{}".into(),
        }],
        row: 5,
        finished: false,
    };
    let state = store.store_batch(begun.id, &batch).await.unwrap();
    assert_eq!((state.stored, state.known, state.refused, state.row, state.finished), (3, 1, 1, 5, false));
    // The same again, as after a kill, and a last batch with fewer rows.
    let state = store.store_batch(begun.id, &batch).await.unwrap();
    assert_eq!((state.stored, state.known), (3, 5));
    let last = Batch { row: 3, finished: true, ..Batch::default() };
    let state = store.store_batch(begun.id, &last).await.unwrap();
    assert_eq!((state.row, state.finished), (5, true));
    assert_eq!(store.begin_import(&key).await.unwrap(), state, "the same file is the same import");
    let rejects = store.rejects(begun.id, 10).await.unwrap();
    assert_eq!((rejects.len(), rejects[0].reason.as_str()), (1, "no text\u{fffd}"));

    let posts = all(&*store).await;
    let names: Vec<&str> = posts.iter().map(|p| p.external_id.as_str()).collect();
    let variant = post("2", "other words").variant_id();
    assert_eq!(
        names,
        ["1", "2", variant.as_str()],
        "an identifier that is taken by other words gets a variant"
    );
    assert!(posts[0].starts && !posts[1].starts);
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    assert_eq!(store.quotes_of(&ids).await.unwrap(), [(ids[0], Some(ids[1]), None)]);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.posts, counts.threads, counts.accounts, counts.forums), (3, 1, 1, 1));
}

async fn crawls_follow_edits(store: Shared) {
    let marks = |v: &str| vec![("thread/7".to_owned(), v.to_owned()), ("board/1".to_owned(), "s".to_owned())];
    let first =
        store.store_crawled("F", &[post("1", "price 100"), post("2", "")], &marks("a")).await.unwrap();
    assert_eq!(first, Crawled { new: 2, changed: 0, known: 0 });
    let ids: Vec<i64> = all(&*store).await.iter().map(|p| p.id).collect();
    let edited = PostRecord {
        edited: Some(Timestamp(1_767_300_000)),
        links: vec!["http://a.example/\0".into()],
        mentions: vec!["reader".into()],
        sticky: true,
        ..post("1", "price 90")
    };
    let second = store.store_crawled("F", &[edited.clone(), post("2", "")], &marks("")).await.unwrap();
    assert_eq!(second, Crawled { new: 0, changed: 1, known: 1 });
    assert_eq!(store.store_crawled("F", &[edited], &[]).await.unwrap().known, 1);
    let posts = all(&*store).await;
    assert_eq!(posts.iter().map(|p| p.id).collect::<Vec<_>>(), ids);
    assert_eq!(
        (posts[0].text.as_str(), posts[0].links[0].as_str()),
        ("price 90", "http://a.example/\u{fffd}")
    );
    assert_eq!(
        (posts[0].edited, &posts[0].mentions),
        (Some(Timestamp(1_767_300_000)), &vec!["reader".to_owned()])
    );
    assert_eq!(store.crawl_mark("F", "thread/7").await.unwrap(), None, "an empty mark forgets");
    assert_eq!(store.crawl_marks("F", "board/").await.unwrap(), [("board/1".to_owned(), "s".to_owned())]);
    assert_eq!(store.crawl_mark("G", "board/1").await.unwrap(), None);
}

async fn marks_stay_within_their_prefix(store: Shared) {
    let long = format!("long/{}", "ф".repeat(5000));
    let marks: Vec<(String, String)> = [
        ("held/1\t7", "20"),
        ("held/1\t8", "5"),
        ("held/1\tфорум", "1"),
        ("held/12\t9", "400"),
        ("held/1\tx", "no number"),
        ("held/1", "3"),
        (long.as_str(), "1"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    store.store_crawled("F", &[], &marks).await.unwrap();
    store.store_crawled("F", &[], &marks).await.unwrap();
    assert_eq!(store.crawl_sum("F", "held/1\t").await.unwrap(), (4, 26));
    assert_eq!(store.crawl_sum("F", "held/").await.unwrap(), (6, 429));
    assert_eq!(store.crawl_sum("G", "held/").await.unwrap(), (0, 0));
    let keys: Vec<String> =
        store.crawl_marks("F", "held/1").await.unwrap().into_iter().map(|m| m.0).collect();
    assert_eq!(keys, ["held/1", "held/1\t7", "held/1\t8", "held/1\tx", "held/1\tфорум", "held/12\t9"]);
    assert_eq!(store.crawl_mark("F", &long).await.unwrap().as_deref(), Some("1"));
}

async fn sources_keep_what_was_good(store: Shared) {
    let good = SourceRow {
        url: "http://forum.example/".into(),
        name: "Test Harbour".into(),
        forum: Some("Test Harbour".into()),
        engine: Some("phpbb".into()),
        member: Some("reader".into()),
        state: "good".into(),
        started: Timestamp(1_767_225_600),
        ended: Some(Timestamp(1_767_225_700)),
        last_good: Some(Timestamp(1_767_225_700)),
        figures: vec![("new".into(), 41), ("requests".into(), 9)],
        shortfall: vec![Shortfall { what: "board".into(), title: "Access".into(), got: 7, counted: 9 }],
        ..SourceRow::default()
    };
    store.record_source(&good, None).await.unwrap();
    let rows = store.sources().await.unwrap();
    assert_eq!(rows, [SourceRow { id: rows[0].id, ..good.clone() }]);
    let bad = SourceRow {
        name: "forum.example".into(),
        forum: None,
        engine: None,
        state: "challenge".into(),
        reason: Some("cloudflare".into()),
        last_good: None,
        problems: vec!["a robot check".into()],
        ..good.clone()
    };
    let page = "x".repeat((1 << 20) - 1) + "\0é and more";
    store.record_source(&bad, Some(("http://forum.example/index.php", &page))).await.unwrap();
    let rows = store.sources().await.unwrap();
    assert_eq!(rows.len(), 1, "one row an address");
    assert_eq!((rows[0].forum.as_deref(), rows[0].last_good), (Some("Test Harbour"), good.last_good));
    assert_eq!((rows[0].name.as_str(), rows[0].engine.as_deref()), ("Test Harbour", Some("phpbb")));
    let (address, kept) = store.source_page(rows[0].id).await.unwrap().unwrap();
    assert_eq!((address.as_str(), kept.chars().count()), ("http://forum.example/index.php", 1 << 20));
    store.record_source(&good, None).await.unwrap();
    assert_eq!(store.source_page(rows[0].id).await.unwrap(), None);
    let odd = SourceRow { state: "fine".into(), ..good };
    assert!(store.record_source(&odd, None).await.is_err(), "a state that is none is refused");
}

async fn analyses_replace_and_pend(store: Shared) {
    import(&*store, "f", (0..5).map(|i| post(&i.to_string(), &format!("words {i}"))).collect()).await;
    assert_eq!(store.pending("m1").await.unwrap(), 5);
    let posts = store.next_pending("m1", 0, 3).await.unwrap();
    assert_eq!(posts.len(), 3);
    let batch: Vec<Analyzed> = posts
        .iter()
        .map(|p| Analyzed {
            post_id: p.id,
            analysis: analysis(
                &p.text,
                &[(EntityType::Domain, "b.example"), (EntityType::Domain, "a.example")],
            ),
        })
        .collect();
    // Twice, as a message that was delivered twice.
    store.store_analyses("m1", &batch).await.unwrap();
    store.store_analyses("m1", &batch).await.unwrap();
    assert_eq!(store.fact("concluded").await.unwrap().as_deref(), Some("no"));
    assert_eq!(store.pending("m1").await.unwrap(), 2);
    let left = store.pending_ids("m1", i64::MAX, 10).await.unwrap();
    assert_eq!(left.len(), 2);
    assert!(left[0] > left[1], "newest first");
    assert_eq!(store.pending_ids("m1", left[0], 10).await.unwrap(), left[1..]);
    let both = [posts[0].id, left[0]];
    let pending: Vec<i64> = store.pending_of("m1", &both).await.unwrap().iter().map(|p| p.id).collect();
    assert_eq!(pending, [left[0]]);
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    assert_eq!(
        (store.entities_of(&ids).await.unwrap().len(), store.events_of(&ids).await.unwrap().len()),
        (6, 3)
    );
    // Ties go by type and value, not by who was first.
    let (total, entities) = store.entities(&PostFilter::default()).await.unwrap();
    let values: Vec<&str> = entities.iter().map(|e| e.value.as_str()).collect();
    assert_eq!((total, values, entities[0].posts), (2, vec!["a.example", "b.example"], 3));
    let read = &all(&*store).await[0];
    assert_eq!((read.language, read.relevance), (Some(Language::En), Some(0.75)));
    let mentions = store.mentions().await.unwrap();
    assert_eq!((mentions.len(), &mentions[0].vector, mentions[0].indicators.len()), (3, &vec![0.6, 0.8], 2));
    // Another version finds all of them pending; so does who forgets.
    assert_eq!(store.pending("m2").await.unwrap(), 5);
    let last = store.forget_analyses(0, 2).await.unwrap();
    assert_eq!(last, Some(ids[1]));
    assert_eq!(store.pending("m1").await.unwrap(), 4);
    assert_eq!(store.forget_analyses(i64::MAX, 2).await.unwrap(), None);
}

async fn words_that_changed_stay_pending(store: Shared) {
    store.store_crawled("F", &[post("1", "price 100"), post("2", "same")], &[]).await.unwrap();
    let posts = store.next_pending("m", 0, 10).await.unwrap();
    let analyses: Vec<PostAnalysis> = posts.iter().map(|p| analysis(&p.text, &[])).collect();
    // The author edits while the model reads.
    store.store_crawled("F", &[post("1", "price 90")], &[]).await.unwrap();
    assert_eq!(store.store_analyses_of("m", &posts, &analyses).await.unwrap(), 1);
    let pending = store.next_pending("m", 0, 10).await.unwrap();
    assert_eq!(pending.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["price 90"]);
    assert_eq!(store.events_of(&[posts[0].id]).await.unwrap(), []);
    let again = [analysis("price 90", &[])];
    assert_eq!(store.store_analyses_of("m", &pending, &again).await.unwrap(), 0);
    assert_eq!(store.pending("m").await.unwrap(), 0);
}

async fn quarantine_takes_out_one_post(store: Shared) {
    store.store_crawled("F", &[post("1", "poison"), post("2", "water")], &[]).await.unwrap();
    let ids: Vec<i64> = all(&*store).await.iter().map(|p| p.id).collect();
    let at = Timestamp(1_767_225_600);
    store.quarantine("m", ids[0], "it ended the worker\0", at).await.unwrap();
    store.quarantine("m", ids[0], "it ended the worker again", at).await.unwrap();
    store.quarantine("m", i64::MAX, "no such post", at).await.unwrap();
    let (total, rows) = store.quarantined(10).await.unwrap();
    assert_eq!((total, rows.len(), rows[0].external_id.as_str()), (1, 1, "1"));
    assert_eq!(
        (rows[0].reason.as_str(), rows[0].time, rows[0].forum.as_str()),
        ("it ended the worker again", at, "F")
    );
    assert_eq!((store.pending("m").await.unwrap(), store.pending("n").await.unwrap()), (1, 2));
    assert_eq!(store.pending_ids("m", i64::MAX, 9).await.unwrap(), [ids[1]]);
    assert_eq!(store.pending_of("m", &ids).await.unwrap().len(), 1);
    assert_eq!(store.next_pending("m", 0, 9).await.unwrap().len(), 1);
    // Other words deserve another try.
    store.store_crawled("F", &[post("1", "no poison")], &[]).await.unwrap();
    assert_eq!((store.pending("m").await.unwrap(), store.quarantined(9).await.unwrap().0), (2, 0));
    store.quarantine("m", ids[0], "again", at).await.unwrap();
    assert_eq!(store.release_quarantine().await.unwrap(), 1);
    assert_eq!(store.pending("m").await.unwrap(), 2);
}

async fn hostile_values_are_kept(store: Shared) {
    let long = "u".repeat(200_000);
    let sql = "'); DROP TABLE post; -- $1 ? %s \\";
    let odd = PostRecord {
        id: Some(format!("{}\0x", "i".repeat(9000))),
        author: Some(sql.into()),
        title: Some(format!("{sql}\0{long}")),
        url: Some(format!("http://x.example/{long}\0")),
        reply_to: Some("\0".into()),
        time: Some(Timestamp(i64::MAX)),
        quotes: vec![QuoteTarget { post: Some(long.clone()), author: Some(sql.into()) }],
        ..post("", "a\0b \u{202e}\u{200b}\u{feff} 🏴 \\N \t\r\n")
    };
    let early = PostRecord { time: Some(Timestamp(i64::MIN)), ..post("2", sql) };
    for _ in 0..2 {
        import(&*store, "odd", vec![odd.clone(), early.clone()]).await;
    }
    let posts = all(&*store).await;
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].text, "a\u{fffd}b \u{202e}\u{200b}\u{feff} 🏴 \\N \t\r\n", "offsets stay");
    // Two addresses that differ at their end only, longer than an index holds.
    let (a, b) = (format!("{long}a"), format!("{long}b"));
    let found = analysis("x", &[(EntityType::Url, &a), (EntityType::Url, &b), (EntityType::Url, sql)]);
    let batch: Vec<Analyzed> =
        posts.iter().map(|p| Analyzed { post_id: p.id, analysis: found.clone() }).collect();
    store.store_analyses("m", &batch).await.unwrap();
    store.store_analyses("m", &batch).await.unwrap();
    let (total, entities) = store.entities(&PostFilter::default()).await.unwrap();
    assert_eq!((total, entities[0].value.as_str(), entities[1].value.len()), (3, sql, long.len() + 1));
    assert_eq!(store.events_by_month().await.unwrap(), [], "no month has such a time");
    for text in [sql, "%", "_", "\\", "\0"] {
        let filter = PostFilter { text: Some(text.into()), ..PostFilter::default() };
        let number = store.accounts(&filter).await.unwrap().0;
        assert_eq!(number, u64::from(sql.contains(text) && text != "_"), "{text:?}");
    }
}

async fn orders_and_filters(store: Shared) {
    let at = |id: &str, thread: &str, author: &str, time: Option<i64>, text: &str| PostRecord {
        thread: Some(thread.into()),
        author: Some(author.into()),
        time: time.map(Timestamp),
        ..post(id, text)
    };
    // Handles whose order differs between bytes and languages.
    import(
        &*store,
        "f",
        vec![
            at("1", "a", "zeta", Some(300), "one"),
            at("2", "a", "Zeta2", None, "two"),
            at("3", "b", "ÄRGER", Some(100), "three"),
            at("4", "b", "ärger2", Some(100), "four"),
            at("5", "b", "zeta", Some(200), "five"),
            PostRecord { forum: Some("Another".into()), ..at("6", "c", "a_b", Some(50), "six") },
            PostRecord { forum: Some("another".into()), ..at("7", "c", "a%b", Some(60), "seven") },
        ],
    )
    .await;
    let texts = |posts: Vec<Post>| posts.into_iter().map(|p| p.text).collect::<Vec<_>>();
    let of = |f: PostFilter| {
        let store = Arc::clone(&store);
        async move { store.posts(&f).await.unwrap() }
    };
    let newest = texts(of(PostFilter::default()).await);
    assert_eq!(
        newest,
        ["one", "five", "four", "three", "seven", "six", "two"],
        "unknown times are the oldest"
    );
    let oldest = texts(of(PostFilter { oldest_first: true, ..PostFilter::default() }).await);
    assert_eq!(oldest, ["two", "six", "seven", "three", "four", "five", "one"]);
    let some = PostFilter { limit: 2, offset: 1, ..PostFilter::default() };
    assert_eq!(texts(of(some).await), ["five", "four"]);
    let started = PostFilter { started: Some(true), oldest_first: true, ..PostFilter::default() };
    assert_eq!(texts(of(started).await), ["two", "six", "seven", "three"]);
    let forum = PostFilter { forum: Some("another".into()), ..PostFilter::default() };
    assert_eq!(texts(of(forum).await), ["seven"], "names of forums are exact");
    let ids: Vec<i64> = all(&*store).await.iter().map(|p| p.id).collect();
    let two = PostFilter { ids: Some(vec![ids[4], ids[0], i64::MAX]), ..PostFilter::default() };
    assert_eq!(texts(of(two).await), ["one", "five"]);
    assert_eq!(of(PostFilter { ids: Some(Vec::new()), ..PostFilter::default() }).await, []);

    let names = |text: &str| {
        let (store, filter) =
            (Arc::clone(&store), PostFilter { text: Some(text.into()), ..PostFilter::default() });
        async move { store.accounts(&filter).await.unwrap().1.into_iter().map(|a| a.name).collect::<Vec<_>>() }
    };
    assert_eq!(names("ZETA").await, ["zeta", "Zeta2"], "the case of ASCII letters is ignored");
    assert_eq!(names("ärger").await, ["ärger2"], "that of others is not");
    assert_eq!(names("_").await, ["a_b"]);
    assert_eq!(names("%").await, ["a%b"]);
    let sorted = |sort: &str| PostFilter { sort: sort.into(), ..PostFilter::default() };
    let by_last = store.accounts(&sorted("last_seen")).await.unwrap().1;
    assert_eq!(by_last.last().unwrap().name, "Zeta2");
    assert_eq!(store.accounts(&sorted("posts")).await.unwrap().1[0].name, "zeta");
    let forums: Vec<String> = store.forums().await.unwrap().into_iter().map(|f| f.name).collect();
    assert_eq!(forums, ["Test Harbour", "Another", "another"]);
    let threads = store.threads(&[1, 2, 3, 4, 99]).await.unwrap();
    assert_eq!(threads.iter().map(|t| t.posts).sum::<u64>(), 7);
}

async fn facts_are_swapped(store: Shared) {
    let key = format!("personal/F/{}", "x".repeat(9000));
    store.set_fact(&key, "v\0").await.unwrap();
    store.set_fact(&key, "w").await.unwrap();
    assert_eq!(store.fact(&key).await.unwrap().as_deref(), Some("w"));
    assert!(!store.swap_fact(&key, "v", "x").await.unwrap());
    assert!(store.swap_fact(&key, "w", "x").await.unwrap());
    assert!(!store.swap_fact("none", "w", "x").await.unwrap());
    assert_eq!(store.fact(&key).await.unwrap().as_deref(), Some("x"));
}

async fn writers_at_once_lose_nothing(store: Shared) {
    // The same posts from four sides and in four orders, half of them analysed meanwhile with the same entities.
    let writers: Vec<_> = (0..4usize)
        .map(|w| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..5usize {
                    let mut posts: Vec<PostRecord> = (0..40)
                        .map(|i| PostRecord {
                            author: Some(format!("a{}", i % 7)),
                            ..post(&format!("{round}-{i}"), &format!("text {i}"))
                        })
                        .collect();
                    posts.rotate_left(w * 10);
                    store.store_crawled("F", &posts, &[]).await.unwrap();
                    let mut batch: Vec<Post> = all(&*store).await;
                    let by = w * 7 % batch.len();
                    batch.rotate_left(by);
                    batch.truncate(30);
                    let values: Vec<String> =
                        (0..20).map(|i| format!("{}.example", (i + w * 5) % 20)).collect();
                    let entities: Vec<(EntityType, &str)> =
                        values.iter().map(|v| (EntityType::Domain, v.as_str())).collect();
                    let analyses: Vec<PostAnalysis> =
                        batch.iter().map(|p| analysis(&p.text, &entities)).collect();
                    store.store_analyses_of("m", &batch, &analyses).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.posts, counts.accounts, counts.entities), (200, 7, 20));
    let posts = all(&*store).await;
    let analysed = posts.iter().filter(|p| p.relevance.is_some()).count();
    assert_eq!(counts.mentions, analysed as u64, "one event a post, however often it was analysed");
}

fn standing(account: i64, rank: u32) -> StandingRow {
    StandingRow {
        account_id: account,
        standing: Standing {
            rank,
            account: account.to_string(),
            score: 1.0 / f64::from(rank),
            parts: vec![("pagerank".into(), 0.1), ("audience".into(), 0.2)],
        },
        fields: vec![("carding".into(), 0.75)],
        history: vec![("2026-Q1".into(), rank, 10, 0.3)],
        answers: 3,
        community: (rank == 1).then_some(4),
        roles: vec![RoleRow { role: "seller".into(), strength: 0.5, count: 2, posts: vec![1, 2] }],
    }
}

async fn verdicts_outlive_rankings(store: Shared) {
    let by = |id: &str, author: &str| PostRecord { author: Some(author.into()), ..post(id, id) };
    import(&*store, "f", vec![by("1", "one"), by("2", "two"), by("3", "three")]).await;
    let ids: Vec<i64> =
        store.accounts(&PostFilter::default()).await.unwrap().1.iter().map(|a| a.id).collect();
    store.replace_standings(&[standing(ids[1], 1), standing(ids[2], 2)]).await.unwrap();
    store.replace_standings(&[standing(ids[1], 2), standing(ids[2], 1)]).await.unwrap();
    let ranked = store.accounts(&PostFilter::default()).await.unwrap().1;
    let names: Vec<&str> = ranked.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["three", "two", "one"]);
    assert_eq!(ranked[0].standing, Some(standing(ids[2], 1)));
    assert_eq!(store.account(ids[1]).await.unwrap().unwrap().standing, Some(standing(ids[1], 2)));
    let alias = |a: i64, b: i64, probability: f64| AliasRow {
        a,
        b,
        probability,
        reasons: vec![("same wallet".into(), 2.5)],
        verdict: None,
    };
    store.replace_aliases(&[alias(ids[0], ids[1], 0.5), alias(ids[0], ids[2], 0.9)]).await.unwrap();
    store.replace_aliases(&[alias(ids[0], ids[1], 0.75)]).await.unwrap();
    assert_eq!(store.aliases_of(ids[1]).await.unwrap(), [alias(ids[0], ids[1], 0.75)]);
    assert_eq!(store.aliases_of(ids[2]).await.unwrap(), []);
}

/// Random choices that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Fills a store by every method that writes.
async fn fill(store: &dyn Store) {
    let mut dice = Dice(7);
    let words =
        ["selling", "fresh", "логи", "出售", "CVV", "@Vega", "@ärger", "thanks", "", "a_b%c\\", "\u{200b}"];
    let authors = ["Vega", "vega2", "Ärger", "ärger", "Ёж", "老王", "_x%", "zed"];
    let mut posts = Vec::new();
    for i in 0..300 {
        let text: Vec<&str> = (0..dice.below(9)).map(|_| dice.of(&words)).collect();
        let other = dice.below(300).to_string();
        posts.push(PostRecord {
            id: Some(i.to_string()),
            forum: Some(dice.of(&["Harbour", "harbour", "Гавань"]).into()),
            board: (dice.below(3) == 0).then(|| dice.of(&["Trade", "trade"]).into()),
            thread: (dice.below(9) > 0).then(|| dice.below(12).to_string()),
            title: Some(dice.of(&["loader", "Loader", "料子", ""]).into()),
            author: (dice.below(9) > 0).then(|| dice.of(&authors).into()),
            time: (dice.below(9) > 0).then(|| Timestamp(1_700_000_000 + dice.below(40) as i64 * 400_000)),
            reply_to: (dice.below(2) == 0).then(|| other.clone()),
            quotes: (0..dice.below(3))
                .map(|q| QuoteTarget {
                    post: (q == 0).then(|| other.clone()),
                    author: Some(dice.of(&authors).into()),
                })
                .collect(),
            mentions: (dice.below(5) == 0).then(|| dice.of(&authors).to_owned()).into_iter().collect(),
            links: (dice.below(5) == 0).then(|| format!("http://{other}.example/")).into_iter().collect(),
            sticky: dice.below(5) == 0,
            text: text.join(" "),
            ..PostRecord::default()
        });
    }
    import(store, "first", posts[..200].to_vec()).await;
    import(store, "second", posts[150..].to_vec()).await;
    let marks: Vec<(String, String)> =
        (0..30).map(|i| (format!("thread/{}", i * 7), dice.below(50).to_string())).collect();
    for post in &mut posts[..40] {
        post.text.push_str(dice.of(&["", " edited", " изменено"]));
    }
    store.store_crawled("Harbour", &posts[..60], &marks).await.unwrap();
    let kinds = [EntityType::Domain, EntityType::Btc, EntityType::Telegram, EntityType::Malware];
    let all = all(store).await;
    for part in all.chunks(64) {
        let analyses: Vec<PostAnalysis> = part
            .iter()
            .map(|p| {
                let values: Vec<(EntityType, String)> = (0..dice.below(4))
                    .map(|_| (kinds[dice.below(4) as usize], format!("{}.Example", dice.below(15))))
                    .collect();
                let values: Vec<(EntityType, &str)> = values.iter().map(|(k, v)| (*k, v.as_str())).collect();
                let mut a = analysis(if p.text.is_empty() { "x" } else { &p.text }, &values);
                a.relevance = dice.below(11) as f32 / 10.0;
                a.language = [Language::En, Language::Ru, Language::Zh][dice.below(3) as usize];
                a.events[0].kind = [EventType::Sell, EventType::Buy, EventType::Ddos][dice.below(3) as usize];
                if dice.below(3) > 0 {
                    a.events.clear();
                }
                a
            })
            .collect();
        store.store_analyses_of("m", part, &analyses).await.unwrap();
    }
    let mentions = store.mentions().await.unwrap();
    let threats: Vec<Threat> = mentions
        .chunks(5)
        .enumerate()
        .map(|(i, part)| Threat {
            id: format!("t{:012x}", i * 7919 % 97),
            title: format!("{} offered", dice.of(&["Loader", "loader", "Лоадер"])),
            kind: part[0].kind,
            status: ThreatStatus::Active,
            severity: dice.below(4) as f32 / 4.0,
            severity_parts: vec![("reach".into(), 0.5, 0.2, "two forums".into())],
            confidence: 0.5,
            first_seen: part.first().and_then(|m| m.time),
            last_seen: part.last().and_then(|m| m.time),
            arguments: vec![ThreatArgument {
                role: Role::Asset,
                value: "Loader".into(),
                count: 2,
                posts: vec![part[0].post_id],
            }],
            mentions: part.iter().map(|m| m.id).collect(),
        })
        .collect();
    store.replace_threats(&threats).await.unwrap();
    let (_, accounts) = store.accounts(&PostFilter::default()).await.unwrap();
    let rows: Vec<StandingRow> = accounts
        .iter()
        .rev()
        .enumerate()
        .filter(|(i, _)| i % 4 > 0)
        .map(|(i, a)| standing(a.id, i as u32))
        .collect();
    store.replace_standings(&rows).await.unwrap();
    store.set_fact("background", "{\"出售\":3}").await.unwrap();
    store.quarantine("m2", all[5].id, "ended the worker", Timestamp(1)).await.unwrap();
    let row = SourceRow { url: "http://f.example/".into(), state: "good".into(), ..SourceRow::default() };
    store.record_source(&row, Some(("http://f.example/", "<html>"))).await.unwrap();
}

/// All that a store says, a line each; identifiers of mentions and entities, which depend on what was replaced, left out.
async fn everything(store: &dyn Store) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |what: &str, said: String| out.push(format!("{what}: {said}"));
    let posts = all(store).await;
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let events = |rows: Vec<EventRow>| {
        rows.into_iter().map(|e| format!("{:?}", EventRow { id: 0, ..e })).collect::<Vec<_>>().join("\n")
    };
    say("counts", format!("{:?}", store.counts().await.unwrap()));
    say("forums", format!("{:#?}", store.forums().await.unwrap()));
    say("types", format!("{:?}", store.entity_types().await.unwrap()));
    say("months", format!("{:?}", store.events_by_month().await.unwrap()));
    say("posts", format!("{posts:#?}"));
    say("threads", format!("{:#?}", store.threads(&(0..200).collect::<Vec<_>>()).await.unwrap()));
    say("quotes", format!("{:?}", store.quotes_of(&ids).await.unwrap()));
    say("events", events(store.events_of(&ids).await.unwrap()));
    for e in store.entities_of(&ids).await.unwrap() {
        say(
            "entity",
            format!("{} {:?} {} {:?} {} {}", e.post_id, e.kind, e.value, e.span, e.source, e.confidence),
        );
    }
    say("identifiers", format!("{:?}", store.identifiers().await.unwrap()));
    say("interactions", format!("{:#?}", store.interactions().await.unwrap()));
    for m in store.mentions().await.unwrap() {
        say("mention", format!("{:?}", tm_model::Mention { id: 0, ..m }));
    }
    say("marks", format!("{:?}", store.crawl_marks("Harbour", "thread/").await.unwrap()));
    say("sum", format!("{:?}", store.crawl_sum("Harbour", "thread/1").await.unwrap()));
    say("sources", format!("{:?}", store.sources().await.unwrap()));
    say("page", format!("{:?}", store.source_page(store.sources().await.unwrap()[0].id).await.unwrap()));
    say("fact", format!("{:?}", store.fact("background").await.unwrap()));
    say("quarantined", format!("{:?}", store.quarantined(10).await.unwrap()));
    for version in ["m", "m2"] {
        say(
            "pending",
            format!(
                "{} {:?}",
                store.pending(version).await.unwrap(),
                store.pending_ids(version, 200, 50).await.unwrap()
            ),
        );
    }
    for sort in ["rank", "posts", "last_seen"] {
        for text in [None, Some("vega"), Some("ä"), Some("_")] {
            let f = PostFilter {
                sort: sort.into(),
                text: text.map(str::to_owned),
                limit: 9,
                offset: 1,
                ..PostFilter::default()
            };
            say("accounts", format!("{sort} {text:?} {:#?}", store.accounts(&f).await.unwrap()));
        }
    }
    for f in [
        PostFilter::default(),
        PostFilter { forum: Some("Harbour".into()), ..PostFilter::default() },
        PostFilter { entity_type: Some(EntityType::Btc), ..PostFilter::default() },
        PostFilter { started: Some(false), limit: 20, ..PostFilter::default() },
        PostFilter { thread: Some(3), oldest_first: true, ..PostFilter::default() },
        PostFilter { account: Some(2), limit: 5, offset: 2, ..PostFilter::default() },
    ] {
        say(
            "filtered",
            store.posts(&f).await.unwrap().iter().map(|p| p.id.to_string()).collect::<Vec<_>>().join(" "),
        );
        for e in store.entity_counts(&f).await.unwrap() {
            say(
                "filtered entities",
                format!("{:?} {} {} {:?} {:?}", e.kind, e.value, e.posts, e.first, e.last),
            );
        }
    }
    for sort in ["severity", "mentions", "first_seen", "last_seen"] {
        for (types, text, forum) in [
            (vec![], None, None),
            (vec![EventType::Sell, EventType::Ddos], Some("LOADER"), None),
            (vec![], Some("Лоадер"), Some("harbour")),
        ] {
            let f = ThreatFilter {
                types,
                text: text.map(str::to_owned),
                forum: forum.map(str::to_owned),
                sort: sort.into(),
                limit: 12,
                ..ThreatFilter::default()
            };
            let (total, rows) = store.threats(&f).await.unwrap();
            say("threats", format!("{sort} {text:?} {total} {rows:#?}"));
            for t in rows {
                say("timeline", events(store.threat_mentions(&t.id).await.unwrap()));
                for (account, _) in &t.participants {
                    say("part", format!("{:#?}", store.threats_of_account(*account).await.unwrap()));
                }
            }
        }
    }
    out
}

fn assert_same(what: &str, a: &[String], b: &[String]) {
    for (a, b) in a.iter().zip(b) {
        if a != b {
            let at = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            panic!("{what}: {} differs: {at:#?}", a.split(':').next().unwrap());
        }
    }
    assert_eq!(a.len(), b.len(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_say_the_same_and_so_does_a_store_that_was_moved() {
    let Some(server) = services::Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ours = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let theirs = PostgresStore::open(&server.database().1).await.unwrap();
    fill(&ours).await;
    fill(&theirs).await;
    let said = everything(&ours).await;
    assert!(said.len() > 400, "{}", said.len());
    assert_same("filled alike", &said, &everything(&theirs).await);

    let (name, url) = server.database();
    let moved = PostgresStore::open(&url).await.unwrap();
    let mut last = (0, 0);
    let tables = migrate(&ours, &moved, "s.db", |_, done, total| last = (done, total)).await.unwrap();
    assert_eq!(last.0, last.1, "the bar reaches its end");
    let rows = |name: &str| tables.iter().find(|t| t.table == name).map(|t| t.rows);
    assert_eq!(rows("post"), Some(ours.counts().await.unwrap().posts));
    assert!(rows("revision") > Some(0) && rows("crawl_mark") == Some(30) && rows("quarantine") == Some(1));
    assert_same("moved", &said, &everything(&moved).await);
    // New posts get identifiers behind the moved ones; a second move is refused.
    moved.store_crawled("Harbour", &[post("new", "new words")], &[]).await.unwrap();
    assert_eq!(all(&moved).await.len() as u64, rows("post").unwrap() + 1);
    let again = migrate(&ours, &moved, "s.db", |_, _, _| {}).await;
    assert!(matches!(again, Err(tm_store::MigrateError::Occupied { .. })));
    assert_eq!(server.run(&name, "SELECT to_regclass('migration') IS NULL").as_deref(), Some("t"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_was_cut_off_goes_on_and_damage_is_seen() {
    let Some(server) = services::Postgres::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ours = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let posts = (0..12_000).map(|i| post(&i.to_string(), &format!("text {i} \t\\ \n"))).collect();
    import(&ours, "f", posts).await;
    let (name, url) = server.database();
    let target = PostgresStore::open(&url).await.unwrap();
    // Something stands in the way of the last part of the posts.
    server.run(&name, "ALTER TABLE post ADD CONSTRAINT wall CHECK (id < 11000)").unwrap();
    assert!(migrate(&ours, &target, "s.db", |_, _, _| {}).await.is_err());
    assert_eq!(server.run(&name, "SELECT count(*) FROM post").as_deref(), Some("10000"), "whole parts stay");
    assert!(matches!(
        migrate(&ours, &target, "other.db", |_, _, _| {}).await,
        Err(tm_store::MigrateError::Elsewhere { begun }) if begun == "s.db"
    ));
    server.run(&name, "ALTER TABLE post DROP CONSTRAINT wall").unwrap();
    // A changed word is seen at the end.
    server.run(&name, "UPDATE post SET text = 'x' WHERE id = 77").unwrap();
    let seen = migrate(&ours, &target, "s.db", |_, _, _| {}).await;
    assert!(
        matches!(&seen, Err(tm_store::MigrateError::Differs { table, .. }) if table == "post"),
        "{seen:?}"
    );
    server.run(&name, "UPDATE post SET text = E'text 76 \\t\\\\ \\n' WHERE id = 77").unwrap();
    let tables = migrate(&ours, &target, "s.db", |_, _, _| {}).await.unwrap();
    let posts = tables.iter().find(|t| t.table == "post").unwrap();
    assert_eq!((posts.rows, posts.before), (12_000, 12_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_and_the_next_follows_when_it_is_gone() {
    let Some(server) = services::Postgres::shared() else { return };
    let (name, url) = server.database();
    let (a, b) = (PostgresStore::open(&url).await.unwrap(), PostgresStore::open(&url).await.unwrap());
    let mut first = a.lead("analyst").await.unwrap().expect("nobody leads");
    assert!(b.lead("analyst").await.unwrap().is_none());
    assert!(b.lead("another role").await.unwrap().is_some());
    assert!(first.holds().await);
    // Its connection is cut by the server: it learns of that, and another one may lead.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    server.run(&name, cut).unwrap();
    assert!(!first.holds().await);
    let mut next = None;
    for _ in 0..50 {
        next = b.lead("analyst").await.unwrap();
        if next.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(next.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_a_new_database_at_once_and_a_newer_one_is_refused() {
    let Some(server) = services::Postgres::shared() else { return };
    let (name, url) = server.database();
    let opened = futures::future::join_all((0..6).map(|_| PostgresStore::open(&url))).await;
    assert!(opened.iter().all(Result::is_ok));
    for store in opened.into_iter().flatten() {
        store.close().await;
    }
    server.run(&name, "UPDATE schema_version SET version = 99").unwrap();
    let error = PostgresStore::open(&url.replace("tm@", "tm:secret@")).await.unwrap_err();
    assert!(matches!(error, tm_store::StoreError::Newer { found: 99, .. }));
    assert!(!error.to_string().contains("secret"), "{error}");
}
