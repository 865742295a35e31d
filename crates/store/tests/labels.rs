//! Corrections by analysts outlive analyses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod services;

use services::{Kind, Opened};
use tm_model::{
    Anchor, Argument, Correction, EventHit, EventType, Label, LabelledArgument, Language, Modality,
    PostAnalysis, PostRecord, Role, Span, Timestamp,
};
use tm_store::{Analyzed, Batch, ImportKey, PostFilter, StoreError};

const TEXT: &str = "Selling fresh logs, 40$ each. Hacked the shop myself.";

fn hit(kind: EventType, start: u32, end: u32) -> EventHit {
    EventHit {
        kind,
        modality: Modality::Asserted,
        confidence: 0.7,
        trigger: Span::new(start, end),
        trigger_text: Span::new(start, end).slice(TEXT).unwrap().to_owned(),
        arguments: vec![Argument {
            role: Role::Asset,
            text: "fresh logs".into(),
            span: Span::new(8, 18),
            confidence: 0.6,
        }],
    }
}

/// What the model says each time.
fn analysis(post_id: i64) -> Analyzed {
    Analyzed {
        post_id,
        analysis: PostAnalysis {
            language: Language::En,
            relevance: 0.9,
            entities: Vec::new(),
            events: vec![hit(EventType::Sell, 0, 7), hit(EventType::Intrusion, 30, 36)],
            vector: vec![1.0, 0.0],
        },
    }
}

fn label(post_id: i64, trigger: Option<Span>, correction: Correction) -> Label {
    Label { id: 0, time: Timestamp(1_767_225_600), author: None, post_id, trigger, correction, note: None }
}

async fn store(kind: Kind) -> Option<(Opened, i64)> {
    let store = services::open(kind).await?;
    let key = ImportKey { file: "f".into(), digest: "d".into(), forum: String::new() };
    let import = store.begin_import(&key).await.unwrap().id;
    let post = |id: &str, reply: Option<&str>| PostRecord {
        id: Some(id.into()),
        forum: Some("Test Harbour".into()),
        thread: Some("7".into()),
        author: Some("vega".into()),
        time: Some(Timestamp(1_767_225_600)),
        reply_to: reply.map(str::to_owned),
        text: TEXT.into(),
        ..PostRecord::default()
    };
    let batch =
        Batch { posts: vec![post("1", None), post("2", Some("1"))], rejects: vec![], row: 2, finished: true };
    store.store_batch(import, &batch).await.unwrap();
    let first = store.posts(&PostFilter::default()).await.unwrap().iter().map(|p| p.id).min().unwrap();
    store.store_analyses("m1", &[analysis(first), analysis(first + 1)]).await.unwrap();
    Some((store, first))
}

async fn corrections_outlive_analyses_and_can_be_taken_back(kind: Kind) {
    let Some((store, post)) = store(kind).await else { return };
    let sell = Correction::Event {
        event: EventType::Exchange,
        modality: Modality::Planned,
        trigger: Span::new(0, 7),
        arguments: vec![LabelledArgument { role: Role::Price, span: Span::new(20, 23) }],
    };
    let changed = store.add_label(&label(post, Some(Span::new(0, 7)), sell)).await.unwrap();
    let dropped = store.add_label(&label(post, Some(Span::new(31, 34)), Correction::Nothing)).await.unwrap();
    for round in ["m1", "m2"] {
        let events = store.events_of(&[post]).await.unwrap();
        assert_eq!(events.len(), 1, "{round}: {events:?}");
        assert_eq!((events[0].kind, events[0].label_id), (EventType::Exchange, Some(changed)));
        assert_eq!(events[0].arguments[0].text, "40$");
        assert_eq!(store.fact("concluded").await.unwrap().as_deref(), Some("no"));
        // A later analysis by another model says the same as before; the corrections stand.
        store.store_analyses("m2", &[analysis(post)]).await.unwrap();
    }
    assert_eq!(store.labels(None).await.unwrap().len(), 2);
    assert!(store.remove_label(dropped).await.unwrap());
    assert!(!store.remove_label(dropped).await.unwrap());
    assert_eq!(store.next_pending("m2", 0, 10).await.unwrap().len(), 2);
    store.store_analyses("m2", &[analysis(post)]).await.unwrap();
    let kinds: Vec<EventType> = store.events_of(&[post]).await.unwrap().iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EventType::Exchange, EventType::Intrusion]);
}

async fn an_irrelevant_post_carries_no_event_of_the_model(kind: Kind) {
    let Some((store, post)) = store(kind).await else { return };
    store.add_label(&label(post, None, Correction::Relevance { relevant: false })).await.unwrap();
    assert!(store.events_of(&[post]).await.unwrap().is_empty());
    store.store_analyses("m2", &[analysis(post)]).await.unwrap();
    assert!(store.events_of(&[post]).await.unwrap().is_empty());
    let posts = store.posts(&PostFilter { ids: Some(vec![post]), ..PostFilter::default() }).await.unwrap();
    assert_eq!(posts[0].relevance, Some(0.0));
}

async fn labels_that_make_no_sense_are_refused(kind: Kind) {
    let Some((store, post)) = store(kind).await else { return };
    let other = Anchor { post_id: post + 1, trigger: Span::new(0, 7) };
    for (label, says) in [
        (label(999, None, Correction::Relevance { relevant: true }), "no post 999"),
        (label(post, Some(Span::new(50, 90)), Correction::Nothing), "no words"),
        (label(post, None, Correction::Same { other }), "needs a trigger"),
    ] {
        let error = store.add_label(&label).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)) && error.to_string().contains(says), "{error}");
    }
    assert!(store.labels(None).await.unwrap().is_empty());
}

async fn mentions_of_posts_know_what_they_answer(kind: Kind) {
    let Some((store, post)) = store(kind).await else { return };
    let all = store.mentions().await.unwrap();
    let one = store.mentions_of(&[post + 1]).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(one, all.iter().filter(|m| m.post_id == post + 1).cloned().collect::<Vec<_>>());
    assert_eq!((one[0].answers.as_slice(), all[0].answers.len()), (&[post][..], 0));
}

crate::on_both_stores!(
    corrections_outlive_analyses_and_can_be_taken_back,
    an_irrelevant_post_carries_no_event_of_the_model,
    labels_that_make_no_sense_are_refused,
    mentions_of_posts_know_what_they_answer
);
