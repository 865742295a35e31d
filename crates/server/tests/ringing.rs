//! From an analysed post to a delivered alert: once each, whatever happens in between.
#![allow(clippy::unwrap_used)]

mod site;

use serde_json::{Value, json};
use site::{Finds, Got, NOW, Site, receiver};
use tm_model::{EntityType, EventType, Modality, Timestamp};
use tm_server::alerts::{Courier, Sent, checked_channel, checked_rule, checked_watchlist, judge, trial};
use tm_store::{AlertFilter, AlertRow, ChannelRow, DeliveryFilter, RuleRow, WatchlistRow};

async fn channel(site: &Site, port: u16) -> i64 {
    let settings =
        json!({"url": format!("http://127.0.0.1:{port}/in"), "secret": "0123456789abcdef"}).to_string();
    let row =
        ChannelRow { id: 0, name: format!("hook {port}"), kind: "webhook".into(), settings, created: NOW };
    site.store.save_channel(&checked_channel(row).unwrap()).await.unwrap().unwrap()
}

async fn watch(site: &Site, kind: &str, items: &[&str]) -> i64 {
    let items = items.iter().map(|i| (*i).to_owned()).collect();
    let row = WatchlistRow { id: 0, name: "ours".into(), kind: kind.into(), items, created: NOW };
    site.store.save_watchlist(&checked_watchlist(row).unwrap()).await.unwrap().unwrap()
}

async fn rule(site: &Site, when: Value, channels: &[i64], digest: &str) -> RuleRow {
    let row = RuleRow {
        id: 0,
        name: format!("rule {when}").chars().take(90).collect(),
        enabled: true,
        conditions: when.to_string(),
        channels: channels.to_vec(),
        digest: digest.into(),
        primed: true,
        created: NOW,
    };
    let (lists, channels) = (site.store.watchlists().await.unwrap(), site.store.channels().await.unwrap());
    let mut row = checked_rule(row, &lists, &channels).unwrap();
    row.id = site.store.save_rule(&row).await.unwrap().unwrap();
    row
}

async fn alerts(site: &Site) -> Vec<AlertRow> {
    let (_, mut rows) = site.store.alerts(&AlertFilter::default()).await.unwrap();
    rows.reverse();
    rows
}

const PLAN: &str = "tomorrow we ddos bank.example, card 4111111111111111, join";

async fn plan(site: &Site, author: &str, time: i64) -> i64 {
    let finds = Finds {
        entities: &[(EntityType::Domain, "bank.example")],
        events: &[(EventType::Ddos, Modality::Planned, "ddos", Some("bank.example"))],
    };
    site.post(author, time, PLAN, finds).await
}

fn body(got: &Got, n: usize) -> Value {
    serde_json::from_str(&got.lock().unwrap()[n].1).unwrap()
}

#[tokio::test]
async fn a_planned_attack_on_a_watched_target_rings_once_and_arrives() {
    let mut site = Site::new().await;
    let (port, got) = receiver(&["500 Down", "503 Down", "204 Fine"]).await;
    let hook = channel(&site, port).await;
    let list = watch(&site, "organization", &["Bank.example"]).await;
    let when = json!({"events": ["ddos"], "modality": ["planned"], "watchlists": [list]});
    rule(&site, when, &[hook], "now").await;

    let post = plan(&site, "vega", NOW.0 - 20).await;
    site.fuse("t1").await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 1);
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 0, "judged posts are judged");
    // A second post of the same threat event, and the first one analysed again: no news.
    plan(&site, "nord", NOW.0 - 10).await;
    let again = [(EventType::Ddos, Modality::Planned, "ddos", Some("bank.example"))];
    site.analyse(post, PLAN, Finds { events: &again, ..Finds::default() }).await;
    site.fuse("t1").await;
    assert_eq!(judge(&*site.store, Timestamp(NOW.0 + 5)).await.unwrap(), 0);

    let rows = alerts(&site).await;
    assert_eq!(rows.len(), 1);
    let a = &rows[0];
    assert_eq!((a.threat.as_deref(), a.post, a.severity), (Some("t1"), Some(post), 0.8));
    let (span, words) = a.evidence.as_ref().unwrap();
    assert_eq!((span.start, span.end), (12, 16));
    assert!(words.contains("ddos bank.example") && words.contains("411111••••••1111"), "{words}");

    // The delivery was stored with the alert: the program dies before the first try, and after the first and second.
    let courier = Courier::new(Some("https://tm.corp.example/"), 7).unwrap();
    let failed = Sent { failed: 1, ..Sent::default() };
    site.again().await;
    assert_eq!(courier.round(&site.store, NOW).await.unwrap(), failed);
    assert_eq!(courier.round(&site.store, Timestamp(NOW.0 + 30)).await.unwrap(), Sent::default(), "not yet");
    site.again().await;
    assert_eq!(courier.round(&site.store, Timestamp(NOW.0 + 3600)).await.unwrap(), failed);
    site.again().await;
    let done = courier.round(&site.store, Timestamp(NOW.0 + 7200)).await.unwrap();
    assert_eq!(done, Sent { delivered: 1, ..Sent::default() });
    assert_eq!(courier.round(&site.store, Timestamp(NOW.0 + 99_999)).await.unwrap(), Sent::default());

    assert_eq!(got.lock().unwrap().len(), 3);
    let (first, last) = (body(&got, 0), body(&got, 2));
    assert_eq!(first["delivery"], last["delivery"], "a receiver can tell that it is the same");
    assert_eq!(last["alerts"].as_array().unwrap().len(), 1);
    let note = &last["alerts"][0];
    assert_eq!(note["link"], "https://tm.corp.example/threats/t1");
    assert_eq!(
        (&note["author"], &note["forum"], &note["post"]),
        (&json!("vega"), &json!("Test Harbour"), &json!(post))
    );
    assert!(!last.to_string().contains("4111111111111111"));
    let log = site.store.deliveries(&DeliveryFilter::default()).await.unwrap();
    assert_eq!((log[0].state.as_str(), log[0].attempts), ("delivered", 3));
}

#[tokio::test]
async fn a_try_that_was_killed_is_made_again_and_one_nobody_takes_is_given_up() {
    let site = Site::new().await;
    let (port, got) = receiver(&["500 Down"]).await;
    let hook = channel(&site, port).await;
    rule(&site, json!({"keywords": ["ddos"]}), &[hook], "now").await;
    plan(&site, "vega", NOW.0).await;
    judge(&*site.store, NOW).await.unwrap();
    let due = |t| DeliveryFilter { due: Some(t), ..DeliveryFilter::default() };
    let waiting = site.store.deliveries(&due(NOW)).await.unwrap();
    // Taken, and the program is killed before it could send: nothing is known of the try.
    assert!(site.store.claim_delivery(waiting[0].id, 0, Timestamp(NOW.0 + 60)).await.unwrap());
    let courier = Courier::new(None, 7).unwrap();
    assert_eq!(courier.round(&site.store, NOW).await.unwrap(), Sent::default());
    let (mut now, mut tries) = (NOW.0, 1);
    let given_up = loop {
        now += 3600;
        let sent = courier.round(&site.store, Timestamp(now)).await.unwrap();
        tries += sent.failed + sent.given_up;
        if sent.given_up > 0 {
            break now;
        }
        assert!(now < NOW.0 + 9 * 86_400, "it must end");
    };
    assert!(given_up >= NOW.0 + 7 * 86_400);
    assert_eq!(got.lock().unwrap().len() as u32, tries - 1);
    // Pauses reach six hours, so a week holds some dozens of tries and not thousands.
    assert!((20..80).contains(&tries), "{tries}");
    let log = site.store.deliveries(&DeliveryFilter::default()).await.unwrap();
    assert_eq!(log[0].state, "given_up");
    assert!(log[0].detail.as_ref().unwrap().contains("status 500"), "{:?}", log[0].detail);
}

#[tokio::test]
async fn digests_gather_and_a_dead_channel_holds_up_no_other() {
    let site = Site::new().await;
    let (port, got) = receiver(&["200 Fine"]).await;
    let (dead, alive) = (channel(&site, 9).await, channel(&site, port).await);
    rule(&site, json!({"keywords": ["ddos"]}), &[dead, alive], "hourly").await;
    for i in 0..3 {
        plan(&site, "vega", NOW.0 + i).await;
        judge(&*site.store, Timestamp(NOW.0 + 600 * i)).await.unwrap();
    }
    let courier = Courier::new(None, 7).unwrap();
    assert_eq!(courier.round(&site.store, Timestamp(NOW.0 + 3599)).await.unwrap(), Sent::default());
    let sent = courier.round(&site.store, Timestamp(NOW.0 + 3600)).await.unwrap();
    assert_eq!(sent, Sent { delivered: 1, failed: 1, given_up: 0 });
    assert_eq!(body(&got, 0)["alerts"].as_array().unwrap().len(), 3);
    let ids: Vec<i64> =
        body(&got, 0)["alerts"].as_array().unwrap().iter().map(|a| a["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted(), "in the order in which they rang");
}

#[tokio::test]
async fn bursts_ring_against_what_was_usual() {
    let site = Site::new().await;
    let say = async |time: i64| {
        site.post(
            "vega",
            time,
            "CVE-2025-4321 works",
            Finds { entities: &[(EntityType::Cve, "CVE-2025-4321")], ..Finds::default() },
        )
        .await
    };
    // One a day was usual before the rule was made.
    for day in 1..=20 {
        say(NOW.0 - day * 86_400).await;
    }
    let when = json!({"entities": [{"type": "cve"}], "burst": {"hours": 24, "at_least": 4, "factor": 3.0}});
    let row = rule(&site, when, &[], "now").await;
    for minute in 1..=3 {
        say(NOW.0 - minute * 60).await;
    }
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 0);
    let post = say(NOW.0 - 5).await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 1);
    say(NOW.0 + 60).await;
    assert_eq!(judge(&*site.store, Timestamp(NOW.0 + 60)).await.unwrap(), 0, "one burst rings once");
    let rows = alerts(&site).await;
    assert_eq!(rows[0].title, "burst: 4 posts in 24 h, 0.7 were usual: night work");
    assert_eq!(rows[0].post, Some(post));
    let tried = trial(&*site.store, &row, 30, Timestamp(NOW.0 + 60)).await.unwrap().unwrap();
    assert_eq!(tried.alerts.len(), 1);
    assert!(tried.complete);
}

#[tokio::test]
async fn key_hackers_ring_when_they_come_up() {
    let site = Site::new().await;
    for name in ["vega", "nord", "rook"] {
        site.post(name, NOW.0, &format!("hello from {name}"), Finds::default()).await;
    }
    site.rank(&["vega", "nord", "rook"]).await;
    rule(&site, json!({"key_hacker": {"top": 2}}), &[], "now").await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 0, "who was there before is no news");
    site.rank(&["rook", "vega", "nord"]).await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 1);
    site.rank(&["nord", "rook", "vega"]).await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 0, "nord was there before");
    let rows = alerts(&site).await;
    assert_eq!(rows[0].title, "new key hacker: rook of Test Harbour, rank 1");
    assert!(rows[0].account.is_some() && rows[0].post.is_none());
}

#[tokio::test]
async fn saved_queries_and_what_an_import_brings() {
    let site = Site::new().await;
    let row = rule(&site, json!({"query": "ddos AND author:vega"}), &[], "now").await;
    plan(&site, "nord", NOW.0).await;
    let post = plan(&site, "vega", NOW.0).await;
    // An old forum is imported: forty days ago is no news.
    plan(&site, "vega", NOW.0 - 40 * 86_400).await;
    assert_eq!(judge(&*site.store, NOW).await.unwrap(), 1);
    assert_eq!(alerts(&site).await[0].post, Some(post));
    // A trial finds the same and stores nothing.
    let tried = trial(&*site.store, &row, 30, NOW).await.unwrap().unwrap();
    assert_eq!(tried.alerts.iter().map(|a| a.post).collect::<Vec<_>>(), [Some(post)]);
    assert_eq!(alerts(&site).await.len(), 1);
}
