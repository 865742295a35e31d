//! What a queue must do, whichever it is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod services;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_model::PostRecord;
use tm_store::{LocalQueue, NatsOptions, NatsQueue, Offer, Parcel, QueueError, SourceRow, WorkQueue};

/// A lease of a moment, so that its end can be waited for.
const PATIENCE: Duration = Duration::from_secs(2);
const WINDOW: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(400);

fn offer(posts: impl IntoIterator<Item = i64>) -> Offer {
    Offer { version: "m".into(), posts: posts.into_iter().collect() }
}

async fn once_each_and_done_is_gone(queue: Arc<dyn WorkQueue>) {
    assert!(queue.lease(SOON).await.unwrap().is_none(), "an empty queue has nothing");
    for i in 0..20 {
        assert!(queue.offer(&offer([i, i + 100])).await.unwrap());
    }
    assert_eq!(queue.open().await.unwrap(), 20);
    // Four workers at once; no work is had by two.
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut had = Vec::new();
                while let Some(lease) = queue.lease(SOON).await.unwrap() {
                    assert_eq!(lease.attempt(), 1);
                    had.push(lease.offer().clone());
                    lease.done().await.unwrap();
                }
                had
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 20);
    let posts: BTreeSet<i64> = all.iter().flat_map(|o| o.posts.clone()).collect();
    assert_eq!(posts.len(), 40);
    assert_eq!(queue.open().await.unwrap(), 0);
}

async fn an_offer_made_twice_is_taken_once(queue: Arc<dyn WorkQueue>) {
    assert!(queue.offer(&offer([1, 2])).await.unwrap());
    assert!(!queue.offer(&offer([1, 2])).await.unwrap());
    // Another version and other posts are other work.
    assert!(queue.offer(&Offer { version: "n".into(), posts: vec![1, 2] }).await.unwrap());
    assert!(queue.offer(&offer([1])).await.unwrap());
    assert_eq!(queue.open().await.unwrap(), 3);
    for _ in 0..3 {
        queue.lease(SOON).await.unwrap().unwrap().done().await.unwrap();
    }
    // Behind the window it is taken again: what the store still calls pending must be able to come back.
    tokio::time::sleep(WINDOW + SOON).await;
    assert!(queue.offer(&offer([1, 2])).await.unwrap());
    queue.lease(SOON).await.unwrap().unwrap().done().await.unwrap();
}

async fn a_lost_lease_is_handed_out_again(queue: Arc<dyn WorkQueue>) {
    queue.offer(&offer([7])).await.unwrap();
    let lost = queue.lease(SOON).await.unwrap().unwrap();
    drop(lost);
    assert!(queue.lease(SOON).await.unwrap().is_none(), "the lease lasts");
    let again = queue.lease(PATIENCE + PATIENCE).await.unwrap().expect("handed out again");
    assert_eq!((again.offer(), again.attempt()), (&offer([7]), 2));
    // Given back, it comes at once, behind the pause.
    again.release(Duration::from_millis(100)).await.unwrap();
    let third = queue.lease(PATIENCE).await.unwrap().expect("given back");
    assert_eq!(third.attempt(), 3);
    third.done().await.unwrap();
    assert!(queue.lease(PATIENCE + SOON).await.unwrap().is_none(), "done is done");
    assert_eq!(queue.open().await.unwrap(), 0);
}

async fn a_renewed_lease_lasts(queue: Arc<dyn WorkQueue>) {
    queue.offer(&offer([9])).await.unwrap();
    let lease = queue.lease(SOON).await.unwrap().unwrap();
    let end = Instant::now() + PATIENCE * 2;
    while Instant::now() < end {
        assert!(queue.lease(SOON).await.unwrap().is_none(), "nobody else gets it");
        lease.renew().await.unwrap();
    }
    lease.done().await.unwrap();
    assert!(queue.lease(PATIENCE + SOON).await.unwrap().is_none());
}

async fn who_waits_is_woken(queue: Arc<dyn WorkQueue>) {
    let waiting = Arc::clone(&queue);
    let waiter = tokio::spawn(async move { waiting.lease(Duration::from_secs(20)).await.unwrap() });
    tokio::time::sleep(SOON).await;
    let offered = Instant::now();
    queue.offer(&offer([3])).await.unwrap();
    let lease = waiter.await.unwrap().expect("work");
    assert!(offered.elapsed() < Duration::from_secs(10));
    lease.done().await.unwrap();
}

/// Runs every test of the contract on a queue that `$open` makes (none skips it).
macro_rules! queue_contract {
    ($name:ident, $open:expr) => {
        mod $name {
            queue_contract!(@ $open; once_each_and_done_is_gone, an_offer_made_twice_is_taken_once,
                a_lost_lease_is_handed_out_again, a_renewed_lease_lasts, who_waits_is_woken);
        }
    };
    (@ $open:expr; $($test:ident),*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let Some((queue, _server)) = ($open)(stringify!($test)).await else { return };
            super::$test(queue).await;
        })*
    };
}

async fn local(_: &str) -> Option<(Arc<dyn WorkQueue>, ())> {
    Some((Arc::new(LocalQueue::new(PATIENCE, WINDOW)), ()))
}

async fn nats(test: &str) -> Option<(Arc<dyn WorkQueue>, Arc<services::Nats>)> {
    let server = services::Nats::shared()?;
    Some((Arc::new(connect(&server, test).await), server))
}

async fn connect(server: &services::Nats, prefix: &str) -> NatsQueue {
    let options =
        NatsOptions { prefix: prefix.into(), patience: PATIENCE, window: WINDOW, ..NatsOptions::default() };
    NatsQueue::connect(&server.url(), options).await.unwrap()
}

queue_contract!(local_queue, super::local);
queue_contract!(nats_queue, super::nats);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_share_the_work() {
    let Some(server) = services::Nats::shared() else { return };
    let (a, b) = (connect(&server, "shared").await, connect(&server, "shared").await);
    for i in 0..10 {
        assert!(a.offer(&offer([i])).await.unwrap());
        assert!(!b.offer(&offer([i])).await.unwrap(), "known to the server, not to the connection");
    }
    let mut had = BTreeSet::new();
    for i in 0..10 {
        let queue = if i % 2 == 0 { &a } else { &b };
        let lease = queue.lease(PATIENCE).await.unwrap().unwrap();
        assert!(had.insert(lease.offer().posts[0]));
        lease.done().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_lost_everything_serves_on() {
    let Some(server) = services::Nats::start() else { return };
    let queue = connect(&server, "lost").await;
    queue.offer(&offer([1])).await.unwrap();
    server.stop();
    assert!(queue.offer(&offer([2])).await.is_err(), "nobody says that it is kept");
    services::wipe(&server.streams());
    server.resume();
    // The client finds its way back by itself; streams are made anew by the first call that misses them.
    let end = Instant::now() + Duration::from_secs(40);
    let mut taken = false;
    while !taken && Instant::now() < end {
        taken = queue.offer(&offer([1])).await.unwrap_or(false);
    }
    assert!(taken, "the same offer is new to a server that knows nothing");
    let mut lease = None;
    while lease.is_none() && Instant::now() < end {
        lease = queue.lease(SOON).await.unwrap_or(None);
    }
    assert_eq!(lease.expect("the work").offer(), &offer([1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parcels_stay_until_they_are_stored() {
    let Some(server) = services::Nats::shared() else { return };
    let queue = connect(&server, "parcels").await;
    let post = |id: i32, text: String| PostRecord { id: Some(id.to_string()), text, ..PostRecord::default() };
    let small = Parcel::Posts { forum: "Test Harbour".into(), posts: vec![post(1, "привет".into())] };
    queue.send(&small).await.unwrap();
    queue.send(&small).await.unwrap();
    let first = queue.receive(PATIENCE).await.unwrap().unwrap();
    assert_eq!((&first.parcel, first.attempt), (&small, 1));
    drop(first);
    let again = queue.receive(PATIENCE * 2).await.unwrap().unwrap();
    assert_eq!((&again.parcel, again.attempt), (&small, 2));
    again.stored().await.unwrap();
    assert_eq!(queue.parcels().await.unwrap(), 0, "sent twice, kept once");

    // What one message cannot hold goes in several; noise does not compress.
    let mut seed = 1u64;
    let mut noise = |n: usize| -> String {
        (0..n)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + (seed >> 57) as u8 % 90)
            })
            .collect()
    };
    let posts: Vec<PostRecord> = (0..8).map(|i| post(i, noise(400_000))).collect();
    queue.send(&Parcel::Posts { forum: "F".into(), posts: posts.clone() }).await.unwrap();
    let mut got = Vec::new();
    while let Some(received) = queue.receive(SOON).await.unwrap() {
        let Parcel::Posts { posts, .. } = &received.parcel else { panic!("posts were sent") };
        got.extend(posts.clone());
        received.stored().await.unwrap();
    }
    assert_eq!(got, posts, "all of them, in order");
    let huge = Parcel::Posts { forum: "F".into(), posts: vec![post(9, noise(3_000_000))] };
    assert!(matches!(queue.send(&huge).await, Err(QueueError::TooLarge { .. })));

    // A page is worth less than the state that it shows.
    let row =
        Box::new(SourceRow { url: "http://f.example/".into(), state: "good".into(), ..SourceRow::default() });
    let page = Some(("http://f.example/".to_owned(), noise(3_000_000)));
    queue.send(&Parcel::Source { row: row.clone(), page }).await.unwrap();
    let source = queue.receive(PATIENCE).await.unwrap().unwrap();
    assert_eq!(source.parcel, Parcel::Source { row, page: None });
    source.stored().await.unwrap();
}
