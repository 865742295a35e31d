//! The SQLite store: schema steps, and what crawls write.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use sqlx::{Connection, SqliteConnection};
use tm_model::{PostRecord, Timestamp};
use tm_store::{
    AliasRow, AuditRow, Crawled, MarkRow, NewUser, PostFilter, Pulse, SavedSearch, SessionRow, Shortfall,
    SourceRow, SqliteStore, Store, StoreError, TokenRow, UserChange, UserChanged,
};

fn post(id: &str, text: &str) -> PostRecord {
    PostRecord {
        id: Some(id.into()),
        thread: Some("7".into()),
        title: Some("loader for sale".into()),
        author: Some("vega".into()),
        time: Some(Timestamp(1_767_225_600)),
        text: text.into(),
        ..PostRecord::default()
    }
}

#[tokio::test]
async fn a_store_of_version_1_is_brought_up_to_date_with_its_posts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut old = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(include_str!("../src/schema-1.sql")).execute(&mut old).await.unwrap();
    sqlx::raw_sql(
        "PRAGMA user_version = 1;
         INSERT INTO forum (id, name) VALUES (1, 'Test Harbour');
         INSERT INTO thread (id, forum_id, key, title) VALUES (1, 1, '7', 'loader for sale');
         INSERT INTO post (id, forum_id, external_id, thread_id, time, text) VALUES (41, 1, '12', 1, 1767225600, 'old words');
         INSERT INTO quote (post_id, target) VALUES (41, '11');",
    )
    .execute(&mut old)
    .await
    .unwrap();
    old.close().await.unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let posts = store.next_pending("m", 0, 10).await.unwrap();
    assert_eq!(posts.len(), 1);
    assert_eq!((posts[0].id, posts[0].text.as_str()), (41, "old words"));
    // What the step added is there.
    let done = store
        .store_crawled("Test Harbour", &[post("13", "")], &[("thread/7".into(), "x".into())])
        .await
        .unwrap();
    assert_eq!(done, Crawled { new: 1, changed: 0, known: 0 });
    store.close().await;
    // Opening it again changes nothing; a store of a newer program is refused.
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.crawl_mark("Test Harbour", "thread/7").await.unwrap().as_deref(), Some("x"));
    store.close().await;
    let mut newer = SqliteConnection::connect(&url).await.unwrap();
    let quoted: String = sqlx::query_scalar("SELECT target FROM quote WHERE post_id = 41")
        .fetch_one(&mut newer)
        .await
        .unwrap();
    assert_eq!(quoted, "11");
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut newer).await.unwrap();
    newer.close().await.unwrap();
    assert!(matches!(SqliteStore::open(&path).await, Err(StoreError::Newer { found: 99, .. })));
}

#[tokio::test]
async fn crawled_posts_follow_their_edits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let marks = |v: &str| vec![("thread/7".to_owned(), v.to_owned()), ("board/1".to_owned(), "s".to_owned())];
    let first =
        store.store_crawled("F", &[post("1", "price 100"), post("2", "thanks")], &marks("a")).await.unwrap();
    assert_eq!(first, Crawled { new: 2, changed: 0, known: 0 });
    let ids: Vec<i64> = store.next_pending("m", 0, 10).await.unwrap().iter().map(|p| p.id).collect();

    let edited = PostRecord {
        edited: Some(Timestamp(1_767_300_000)),
        links: vec!["http://a.example/".into()],
        ..post("1", "price 90")
    };
    let second = store.store_crawled("F", &[edited, post("2", "thanks")], &marks("")).await.unwrap();
    assert_eq!(second, Crawled { new: 0, changed: 1, known: 1 });
    let posts = store.next_pending("m", 0, 10).await.unwrap();
    assert_eq!(
        posts.iter().map(|p| p.id).collect::<Vec<_>>(),
        ids,
        "the same posts under the same identifiers"
    );
    assert_eq!((posts[0].text.as_str(), posts[0].links.len()), ("price 90", 1));

    // An empty mark forgets; marks of forums are apart.
    assert_eq!(store.crawl_mark("F", "thread/7").await.unwrap(), None);
    assert_eq!(store.crawl_marks("F", "board/").await.unwrap(), [("board/1".to_owned(), "s".to_owned())]);
    assert_eq!(store.crawl_mark("G", "board/1").await.unwrap(), None);
    store.close().await;
    // The earlier words are kept.
    let mut db = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let before: Vec<String> =
        sqlx::query_scalar("SELECT text FROM revision").fetch_all(&mut db).await.unwrap();
    assert_eq!(before, ["price 100"]);
}

#[tokio::test]
async fn sums_of_marks_stay_within_their_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let marks: Vec<(String, String)> = [
        ("held/1\t7", "20"),
        ("held/1\t8", "5"),
        ("held/1\tфорум", "1"),
        ("held/12\t9", "400"),
        ("held/1\tx", "no number"),
        ("held/1", "3"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    store.store_crawled("F", &[], &marks).await.unwrap();
    assert_eq!(store.crawl_sum("F", "held/1\t").await.unwrap(), (4, 26));
    assert_eq!(store.crawl_sum("F", "held/").await.unwrap(), (6, 429));
    assert_eq!(store.crawl_sum("G", "held/").await.unwrap(), (0, 0));
    assert_eq!(store.crawl_marks("F", "held/12").await.unwrap().len(), 1);
}

#[tokio::test]
async fn sources_keep_what_was_good() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
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
        forum: None,
        engine: None,
        state: "challenge".into(),
        reason: Some("cloudflare".into()),
        last_good: None,
        started: Timestamp(1_767_229_200),
        problems: vec!["a robot check".into()],
        figures: Vec::new(),
        shortfall: Vec::new(),
        ..good.clone()
    };
    let page = "x".repeat(1 << 20) + "é and more";
    store.record_source(&bad, Some(("http://forum.example/index.php", &page))).await.unwrap();
    let rows = store.sources().await.unwrap();
    assert_eq!(rows.len(), 1, "one row an address");
    assert_eq!((rows[0].forum.as_deref(), rows[0].last_good), (Some("Test Harbour"), good.last_good));
    assert_eq!(
        (rows[0].state.as_str(), rows[0].page_url.as_deref()),
        ("challenge", Some("http://forum.example/index.php"))
    );
    let (_, kept) = store.source_page(rows[0].id).await.unwrap().unwrap();
    assert_eq!(kept.len(), 1 << 20, "a page is kept up to a mebibyte");
    store.record_source(&good, None).await.unwrap();
    assert_eq!(store.source_page(rows[0].id).await.unwrap(), None);
    // A state that is none is refused.
    let odd = SourceRow { state: "fine".into(), ..good };
    assert!(store.record_source(&odd, None).await.is_err());
}

fn analysis(post_id: i64) -> tm_store::Analyzed {
    let analysis = tm_model::PostAnalysis {
        language: tm_model::Language::En,
        relevance: 0.5,
        entities: Vec::new(),
        events: Vec::new(),
        vector: Vec::new(),
    };
    tm_store::Analyzed { post_id, analysis }
}

#[tokio::test]
async fn each_change_of_a_post_has_a_number_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let seen = async |after| -> Vec<(i64, String)> {
        let posts = store.changed_posts(after, 100).await.unwrap();
        posts.into_iter().map(|p| (p.change, p.text)).collect()
    };
    assert_eq!((store.last_change().await.unwrap(), seen(0).await.len()), (0, 0));
    let posts: Vec<PostRecord> = (1..=5).map(|n| post(&n.to_string(), &format!("words {n}"))).collect();
    store.store_crawled("F", &posts, &[]).await.unwrap();
    assert_eq!(seen(0).await.iter().map(|p| p.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    // Known posts change nothing; an edit and an analysis do, and each post comes once.
    store.store_crawled("F", &posts, &[]).await.unwrap();
    assert_eq!(store.last_change().await.unwrap(), 5);
    store.store_crawled("F", &[post("2", "other words")], &[]).await.unwrap();
    store.store_analyses("m", &[analysis(4), analysis(1)]).await.unwrap();
    let texts = |list: Vec<(i64, String)>| list.into_iter().map(|p| p.1).collect::<Vec<_>>();
    assert_eq!(texts(seen(5).await), ["other words", "words 4", "words 1"]);
    assert_eq!(texts(seen(0).await), ["words 3", "words 5", "other words", "words 4", "words 1"]);
    assert_eq!(store.last_change().await.unwrap(), 8);
    assert_eq!(store.fact("identity").await.unwrap().map(|i| i.len()), Some(32));
}

#[tokio::test]
async fn pending_posts_of_any_other_version_come_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let posts: Vec<PostRecord> = (1..=9).map(|n| post(&n.to_string(), &format!("words {n}"))).collect();
    store.store_crawled("F", &posts, &[]).await.unwrap();
    store.store_analyses("a", &[analysis(1), analysis(5), analysis(9)]).await.unwrap();
    store.store_analyses("c", &[analysis(2), analysis(6)]).await.unwrap();
    store.store_analyses("b", &[analysis(3), analysis(4)]).await.unwrap();
    let ids = async |version: &str, after, limit| -> Vec<i64> {
        store.next_pending(version, after, limit).await.unwrap().iter().map(|p| p.id).collect()
    };
    assert_eq!(ids("b", 0, 100).await, [1, 2, 5, 6, 7, 8, 9]);
    assert_eq!(ids("b", 2, 3).await, [5, 6, 7]);
    assert_eq!(ids("new", 0, 4).await, [1, 2, 3, 4]);
    assert_eq!(ids("b", 9, 4).await, Vec::<i64>::new());
    for (version, n) in [("a", 6), ("b", 7), ("c", 7), ("new", 9)] {
        assert_eq!(store.pending(version).await.unwrap(), n, "{version}");
    }
}

fn user(name: &str, role: &str, first: bool) -> NewUser {
    NewUser {
        name: name.into(),
        role: role.into(),
        password: "$argon2id$none".into(),
        created: Timestamp(1_767_225_600),
        first,
    }
}

#[tokio::test]
async fn copies_are_sound_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("s.db"), folder.path().join("copy.db"));
    let store = SqliteStore::open(&path).await.unwrap();
    let posts: Vec<PostRecord> =
        (1..=400).map(|n| post(&n.to_string(), &format!("words {n} {}", "x".repeat(200)))).collect();
    store.store_crawled("F", &posts, &[]).await.unwrap();
    store.copy_to(&copy).await.unwrap();
    let counts = SqliteStore::check(&copy).await.unwrap();
    assert!(
        counts.contains(&("post".to_owned(), 400)) && counts.contains(&("forum".to_owned(), 1)),
        "{counts:?}"
    );
    assert!(store.copy_to(&copy).await.is_err(), "a copy never overwrites");
    assert!(!SqliteStore::retire(&path).await, "it is in use");
    store.close().await;
    assert!(SqliteStore::retire(&path).await);
    let identity = |s: SqliteStore| async move { s.fact("identity").await.unwrap() };
    let before = identity(SqliteStore::open(&copy).await.unwrap()).await;
    SqliteStore::rename(&copy).await.unwrap();
    assert_ne!(identity(SqliteStore::open(&copy).await.unwrap()).await, before);
    let mut orphan = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; DELETE FROM thread").execute(&mut orphan).await.unwrap();
    orphan.close().await.unwrap();
    assert!(SqliteStore::check(&path).await.unwrap_err().to_string().contains("table post refers to"));
}

#[tokio::test]
async fn users_sessions_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    assert!(!store.has_users().await.unwrap());
    let root = store.add_user(&user("Root", "admin", true)).await.unwrap().unwrap();
    assert_eq!(store.add_user(&user("other", "admin", true)).await.unwrap(), None, "only one is the first");
    assert_eq!(store.add_user(&user("ROOT", "viewer", false)).await.unwrap(), None, "names have no case");
    let reader = store.add_user(&user("читатель", "viewer", false)).await.unwrap().unwrap();
    assert!(store.has_users().await.unwrap());
    assert_eq!(store.user_named("ЧИТАТЕЛЬ").await.unwrap().unwrap().id, reader);
    assert!(store.add_user(&user("x", "owner", false)).await.is_err(), "a role that is none");

    // The last one who may administer stays.
    let lower = UserChange { role: Some("viewer".into()), ..UserChange::default() };
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    assert_eq!(store.change_user(root, &lower).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.change_user(root, &off).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.remove_user(root).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.remove_user(99).await.unwrap(), UserChanged::Missing);
    assert_eq!(store.change_user(99, &off).await.unwrap(), UserChanged::Missing);

    let now = Timestamp(1_767_230_000);
    let session = |hash: &str, user_id, expires| SessionRow {
        hash: hash.into(),
        user_id,
        created: now,
        seen: now,
        expires: Timestamp(expires),
    };
    store.add_session(&session("old", reader, now.0)).await.unwrap();
    store.add_session(&session("new", reader, now.0 + 60)).await.unwrap();
    assert!(store.session("old").await.unwrap().is_none(), "what has ended is forgotten at the next login");
    let (kept, who) = store.session("new").await.unwrap().unwrap();
    assert_eq!((kept.expires.0, who.name.as_str(), who.last_login), (now.0 + 60, "читатель", Some(now)));
    store.session_seen("new", Timestamp(now.0 + 30)).await.unwrap();
    assert_eq!(store.session("new").await.unwrap().unwrap().0.seen.0, now.0 + 30);
    let token = TokenRow {
        id: 0,
        user_id: reader,
        name: "script".into(),
        hash: "h1".into(),
        scopes: vec!["read".into(), "write".into()],
        created: now,
        last_used: None,
        expires: None,
    };
    let id = store.add_token(&token).await.unwrap();
    assert!(store.add_token(&token).await.is_err(), "a hash stands once");
    store.token_used(id, now).await.unwrap();
    let (found, who) = store.token("h1").await.unwrap().unwrap();
    assert_eq!(found, TokenRow { id, last_used: Some(now), ..token });
    assert_eq!(who.id, reader);
    assert!(!store.remove_token(id, root).await.unwrap(), "nobody removes the token of another");

    // A change ends the sessions; removal takes all that is the user's, the audit log stays.
    assert_eq!(store.change_user(reader, &off).await.unwrap(), UserChanged::Done);
    assert!(store.session("new").await.unwrap().is_none());
    assert!(store.user_named("читатель").await.unwrap().unwrap().disabled);
    let entry = AuditRow {
        id: 0,
        time: now,
        user: Some("читатель".into()),
        action: "view actor".into(),
        object: "actor 1".into(),
        address: "192.0.2.7".into(),
    };
    for n in 0..5 {
        store.add_audit(&AuditRow { object: format!("actor {n}"), ..entry.clone() }).await.unwrap();
    }
    assert_eq!(store.remove_user(reader).await.unwrap(), UserChanged::Done);
    assert!(store.token("h1").await.unwrap().is_none());
    let (total, page) = store.audit(None, 0, 2).await.unwrap();
    assert_eq!((total, page[0].object.as_str(), page[1].object.as_str()), (5, "actor 4", "actor 3"));
    let (_, next) = store.audit(Some(page[1].id), 0, 2).await.unwrap();
    assert_eq!(next[0].object, "actor 2");
}

#[tokio::test]
async fn searches_marks_and_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    let one = store.add_user(&user("one", "admin", false)).await.unwrap();
    let two = store.add_user(&user("two", "analyst", false)).await.unwrap();
    let now = Timestamp(1_767_230_000);
    let search = |user_id, name: &str| SavedSearch {
        id: 0,
        user_id,
        name: name.into(),
        query: "cvv AND lang:ru".into(),
        created: now,
    };
    let everyone = store.add_search(&search(None, "all")).await.unwrap();
    let own = store.add_search(&search(one, "mine")).await.unwrap();
    let names = |rows: Vec<SavedSearch>| rows.into_iter().map(|s| s.name).collect::<Vec<_>>();
    assert_eq!(names(store.searches(one).await.unwrap()), ["mine", "all"]);
    assert_eq!(names(store.searches(two).await.unwrap()), ["all"]);
    assert_eq!(names(store.searches(None).await.unwrap()), ["all"]);
    assert!(!store.remove_search(own, two).await.unwrap());
    assert!(store.remove_search(everyone, two).await.unwrap());

    let mut second = post("2", "second");
    second.author = Some("altair".into());
    store.store_crawled("F", &[post("1", "first"), second], &[]).await.unwrap();
    let (_, accounts) = store.accounts(&PostFilter::default()).await.unwrap();
    let (a, b) = (accounts[0].id, accounts[1].id);
    let mark = |mark: &str| MarkRow {
        account_id: a,
        mark: mark.into(),
        note: "<b>seller</b>".into(),
        user: None,
        time: now,
    };
    store.set_mark(&mark("key")).await.unwrap();
    store.set_mark(&mark("watch")).await.unwrap();
    assert_eq!(store.marks().await.unwrap(), [mark("watch")]);
    assert!(store.set_mark(&mark("odd")).await.is_err());
    store.remove_mark(a).await.unwrap();
    assert!(store.marks().await.unwrap().is_empty());

    // A verdict on a pair that was never proposed stands on its own and goes when it is taken back.
    store.set_verdict(b, a, Some("accepted")).await.unwrap();
    let rows = store.aliases_of(a).await.unwrap();
    assert_eq!((rows.len(), rows[0].verdict.as_deref(), rows[0].probability), (1, Some("accepted"), 1.0));
    store.set_verdict(a, b, None).await.unwrap();
    assert!(store.aliases_of(a).await.unwrap().is_empty());
    // One on a candidate outlives the next ranking; taken back, the candidate stays.
    let candidate = AliasRow {
        a: a.min(b),
        b: a.max(b),
        probability: 0.7,
        reasons: vec![("same wallet".into(), 2.0)],
        verdict: None,
    };
    store.replace_aliases(std::slice::from_ref(&candidate)).await.unwrap();
    store.set_verdict(a, b, Some("rejected")).await.unwrap();
    store.replace_aliases(&[]).await.unwrap();
    assert_eq!(store.aliases_of(b).await.unwrap()[0].verdict.as_deref(), Some("rejected"));
    store.set_verdict(a, b, None).await.unwrap();
    assert_eq!(store.aliases_of(b).await.unwrap(), [candidate]);
}

#[tokio::test]
async fn what_is_new_is_cheap_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
    assert_eq!(store.pulse().await.unwrap(), Pulse::default());
    store.store_crawled("F", &[post("1", "a"), post("2", "b")], &[]).await.unwrap();
    let first = store.pulse().await.unwrap();
    store.store_crawled("G", &[post("1", "a")], &[]).await.unwrap();
    assert_eq!(store.posts_above(first.newest_post).await.unwrap(), [("G".to_owned(), 1)]);
    store.replace_threats(&[]).await.unwrap();
    store.replace_threats(&[]).await.unwrap();
    assert_eq!(store.pulse().await.unwrap().conclusions, 2);
}
