//! The SQLite store: schema steps, and what stands in the file; contract.rs has what every store must do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use sqlx::{Connection, SqliteConnection};
use tm_model::{PostRecord, Timestamp};
use tm_store::{Crawled, SqliteStore, Store, StoreError};

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
