//! Alerts in the store: posts are offered with their analyses, nothing rings twice, deliveries wait for their try.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod services;

use services::Kind;
use tm_model::{Language, PostAnalysis, PostRecord, Span, Timestamp};
use tm_store::{
    AlertFilter, AlertRound, Analyzed, ChannelRow, DeliveryFilter, NewAlert, RuleRow, Store, WatchlistRow,
};

const NOW: Timestamp = Timestamp(1_767_225_600);

async fn posts(store: &dyn Store, texts: &[&str]) -> Vec<i64> {
    let posts: Vec<PostRecord> = texts
        .iter()
        .map(|t| PostRecord { thread: Some("1".into()), text: (*t).into(), ..PostRecord::default() })
        .collect();
    store.store_crawled("F", &posts, &[]).await.unwrap();
    store.next_pending("m", 0, 100).await.unwrap().iter().map(|p| p.id).collect()
}

async fn analyse(store: &dyn Store, ids: &[i64]) {
    let analysis = PostAnalysis {
        language: Language::En,
        relevance: 0.5,
        entities: Vec::new(),
        events: Vec::new(),
        vector: Vec::new(),
    };
    let batch: Vec<Analyzed> =
        ids.iter().map(|id| Analyzed { post_id: *id, analysis: analysis.clone() }).collect();
    store.store_analyses("m", &batch).await.unwrap();
}

async fn channel(store: &dyn Store, name: &str) -> i64 {
    let row = ChannelRow {
        id: 0,
        name: name.into(),
        kind: "webhook".into(),
        settings: "{\"url\":\"http://127.0.0.1:9/\"}".into(),
        created: NOW,
    };
    store.save_channel(&row).await.unwrap().unwrap()
}

async fn rule(store: &dyn Store, name: &str, channels: &[i64]) -> i64 {
    let row = RuleRow {
        id: 0,
        name: name.into(),
        enabled: true,
        conditions: "{\"keywords\":[\"x\"]}".into(),
        channels: channels.to_vec(),
        digest: "now".into(),
        primed: true,
        created: NOW,
    };
    store.save_rule(&row).await.unwrap().unwrap()
}

fn alert(rule: i64, key: &str, post: i64, notify: &[(i64, &str, i64)]) -> NewAlert {
    NewAlert {
        rule,
        rule_name: "r".into(),
        key: key.into(),
        title: format!("about {key}"),
        severity: 0.7,
        posted: Some(NOW),
        threat: None,
        post: Some(post),
        account: None,
        evidence: Some((Span::new(2, 5), "the words".into())),
        notify: notify.iter().map(|(c, k, due)| (*c, (*k).to_owned(), Timestamp(*due))).collect(),
    }
}

async fn posts_are_offered_with_their_analyses_and_only_to_rules(kind: Kind) {
    let Some(s) = services::open(kind).await else { return };
    let ids = posts(&s, &["a", "b", "c"]).await;
    analyse(&s, &ids[..1]).await;
    assert!(s.unjudged(10).await.unwrap().is_empty(), "nobody asks");
    let r = rule(&s, "r", &[]).await;
    analyse(&s, &ids[1..]).await;
    // Analysed again before it was judged: still one place in the queue.
    analyse(&s, &ids[1..2]).await;
    assert_eq!(s.unjudged(10).await.unwrap(), ids[1..]);
    assert_eq!(s.unjudged(1).await.unwrap(), ids[1..2]);
    let round = AlertRound {
        now: NOW,
        judged: ids[1..].to_vec(),
        alerts: vec![alert(r, "post:2", ids[1], &[]), alert(r, "post:2", ids[1], &[])],
        ..AlertRound::default()
    };
    assert_eq!(s.record_alerts(&round).await.unwrap().len(), 1, "one key rings once in a round");
    assert!(s.unjudged(10).await.unwrap().is_empty());
    assert!(s.record_alerts(&round).await.unwrap().is_empty(), "nor in the next one");
    let (total, rows) = s.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!(total, 1);
    assert_eq!(rows[0].evidence, Some((Span::new(2, 5), "the words".into())));
    assert_eq!((rows[0].state.as_str(), rows[0].time, rows[0].post), ("new", NOW, Some(ids[1])));

    assert!(s.set_alert_state(rows[0].id, "closed").await.unwrap());
    assert!(!s.set_alert_state(999, "closed").await.unwrap());
    let new = AlertFilter { state: Some("new".into()), ..AlertFilter::default() };
    assert_eq!(s.alerts(&new).await.unwrap().0, 0);
    // The alert outlives its rule, whose number is never given again.
    assert!(s.delete_rule(r).await.unwrap());
    assert_eq!(s.alerts(&AlertFilter::default()).await.unwrap().1[0].rule_name, "r");
    assert!(rule(&s, "again", &[]).await > r);
}

async fn a_round_that_fails_leaves_nothing_behind(kind: Kind) {
    let Some(s) = services::open(kind).await else { return };
    let ids = posts(&s, &["a"]).await;
    let r = rule(&s, "r", &[]).await;
    analyse(&s, &ids).await;
    let round = AlertRound {
        now: NOW,
        judged: ids.clone(),
        // The second names a rule that was removed meanwhile.
        alerts: vec![alert(r, "k", ids[0], &[]), alert(r + 7, "k", ids[0], &[])],
        ..AlertRound::default()
    };
    assert!(s.record_alerts(&round).await.is_err());
    assert_eq!(s.alerts(&AlertFilter::default()).await.unwrap().0, 0);
    assert_eq!(s.unjudged(9).await.unwrap(), ids);
}

async fn deliveries_gather_wait_and_are_taken_once(kind: Kind) {
    let Some(s) = services::open(kind).await else { return };
    let ids = posts(&s, &["a"]).await;
    let (a, b) = (channel(&s, "a").await, channel(&s, "b").await);
    let r = rule(&s, "r", &[a, b]).await;
    let later = NOW.0 + 3600;
    let round = |key: &str| AlertRound {
        now: NOW,
        alerts: vec![alert(
            r,
            key,
            ids[0],
            &[(a, "digest:1", later), (b, "now:1", NOW.0), (99, "gone", NOW.0)],
        )],
        ..AlertRound::default()
    };
    s.record_alerts(&round("k1")).await.unwrap();
    s.record_alerts(&round("k2")).await.unwrap();
    let due = |t: i64| DeliveryFilter { due: Some(Timestamp(t)), ..DeliveryFilter::default() };
    let ready = s.deliveries(&due(NOW.0)).await.unwrap();
    assert_eq!(ready.iter().map(|d| (d.key.as_str(), d.alerts)).collect::<Vec<_>>(), [("now:1", 2)]);
    assert_eq!(s.deliveries(&due(later)).await.unwrap().len(), 2);

    let d = &ready[0];
    assert!(s.claim_delivery(d.id, 0, Timestamp(NOW.0 + 60)).await.unwrap());
    assert!(!s.claim_delivery(d.id, 0, Timestamp(NOW.0 + 60)).await.unwrap(), "another has it");
    // Killed here: it comes back when the next try is due, and what rings meanwhile has a delivery of its own.
    assert!(s.deliveries(&due(NOW.0)).await.unwrap().is_empty());
    s.record_alerts(&round("k3")).await.unwrap();
    let again = s.deliveries(&due(NOW.0 + 60)).await.unwrap();
    assert_eq!(again.iter().map(|d| (d.attempts, d.alerts)).collect::<Vec<_>>(), [(0, 1), (1, 2)]);
    let of = AlertFilter { delivery: Some(d.id), ..AlertFilter::default() };
    assert_eq!(s.alerts(&of).await.unwrap().1.len(), 2);
    s.record_try(d.id, "delivered", Some(NOW), "200").await.unwrap();
    s.record_try(d.id, "given_up", Some(NOW), "late").await.unwrap();
    let log = s.deliveries(&DeliveryFilter { channel: Some(b), ..DeliveryFilter::default() }).await.unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!((log[1].state.as_str(), log[1].detail.as_deref()), ("delivered", Some("200")));
    // Removing a channel gives up what waits for it, and keeps the log.
    assert!(s.delete_channel(b, NOW).await.unwrap());
    let log = s.deliveries(&DeliveryFilter { channel: Some(b), ..DeliveryFilter::default() }).await.unwrap();
    assert_eq!(log.iter().map(|d| d.state.as_str()).collect::<Vec<_>>(), ["given_up", "delivered"]);
}

async fn rules_about_rates_remember_hits_and_what_was_known(kind: Kind) {
    let Some(s) = services::open(kind).await else { return };
    let ids = posts(&s, &["a", "b"]).await;
    let r = rule(&s, "r", &[]).await;
    let round = AlertRound {
        now: NOW,
        hits: vec![(r, ids[0], Timestamp(5)), (r, ids[1], Timestamp(9)), (r, ids[1], Timestamp(9))],
        known: vec![(r, "account:1".into())],
        alerts: vec![alert(r, "account:1", ids[0], &[]), alert(r, "account:2", ids[0], &[])],
        primed: vec![r],
        ..AlertRound::default()
    };
    assert_eq!(s.record_alerts(&round).await.unwrap().len(), 1, "what was known does not ring");
    assert_eq!(s.rule_hits(r, Timestamp(6)).await.unwrap(), [(ids[1], Timestamp(9))]);
    assert_eq!(s.last_rung(r).await.unwrap(), Some(NOW));
    assert!(s.rules().await.unwrap()[0].primed);
}

async fn watchlists_rules_and_channels_are_kept_and_changed(kind: Kind) {
    let Some(s) = services::open(kind).await else { return };
    let mut list = WatchlistRow {
        id: 0,
        name: "ours".into(),
        kind: "organization".into(),
        items: vec!["Пример Банк".into(), "bank.example".into()],
        created: NOW,
    };
    list.id = s.save_watchlist(&list).await.unwrap().unwrap();
    assert_eq!(s.watchlists().await.unwrap(), [list.clone()]);
    list.items.pop();
    assert_eq!(s.save_watchlist(&list).await.unwrap(), Some(list.id));
    assert_eq!(s.watchlists().await.unwrap()[0].items.len(), 1);
    assert!(s.save_watchlist(&WatchlistRow { id: 0, ..list.clone() }).await.is_err(), "names are unique");
    assert_eq!(s.save_watchlist(&WatchlistRow { id: 77, ..list.clone() }).await.unwrap(), None);
    assert!(s.delete_watchlist(list.id).await.unwrap() && !s.delete_watchlist(list.id).await.unwrap());

    let c = channel(&s, "hook").await;
    let r = rule(&s, "r", &[c]).await;
    let mut row = s.rules().await.unwrap().remove(0);
    assert_eq!((row.id, row.channels.clone(), row.enabled), (r, vec![c], true));
    row.enabled = false;
    row.digest = "daily".into();
    assert_eq!(s.save_rule(&row).await.unwrap(), Some(r));
    assert_eq!(s.rules().await.unwrap(), [row]);
    let test = s.add_delivery(&s.channels().await.unwrap()[0], "test:1", NOW).await.unwrap();
    assert_eq!(s.deliveries(&DeliveryFilter::default()).await.unwrap(), [test]);
}

crate::on_both_stores!(
    posts_are_offered_with_their_analyses_and_only_to_rules,
    a_round_that_fails_leaves_nothing_behind,
    deliveries_gather_wait_and_are_taken_once,
    rules_about_rates_remember_hits_and_what_was_known,
    watchlists_rules_and_channels_are_kept_and_changed
);
