use super::*;
use crate::{EventNote, ForumNote, Participant, PostNote};
use tm_model::Modality;

fn evidence(post: &str) -> Evidence {
    Evidence {
        forum: "Harbour <b>".into(),
        post: post.into(),
        thread: "thread".into(),
        author: Some("vega".into()),
        time: Some(Timestamp(1_750_000_000)),
        url: Some("https://forum.example/p/1".into()),
    }
}

pub(crate) fn holdings() -> Holdings {
    let entity = |kind, value: &str, tags: &[&str]| Entity {
        kind,
        value: value.into(),
        posts: 2,
        first: Some(Timestamp(1_750_000_000)),
        last: Some(Timestamp(1_750_100_000)),
        tags: tags.iter().map(|t| t.to_string()).collect(),
        evidence: vec![evidence("1")],
    };
    let entities = vec![
        entity(EntityType::Md5, "900150983cd24fb0d6963f7d28e17f72", &[]),
        entity(EntityType::Ipv4, "192.168.0.7", &["private"]),
        entity(EntityType::Malware, "IP Killer", &[]),
        entity(EntityType::Telegram, "vega_shop", &[]),
        entity(EntityType::Price, "USD 15", &[]),
        entity(EntityType::Organization, "Cloudflare", &[]),
    ];
    let sentence = Sentence {
        evidence: evidence("1"),
        text: "we will hit Cloudflare | `x` <script>alert(1)</script>".into(),
        kind: EventType::Ddos,
        modality: Modality::Planned,
    };
    Holdings {
        forums: vec![ForumNote { name: "Harbour <b>".into(), posts: 9, ..ForumNote::default() }],
        threats: vec![ThreatItem {
            id: "t0123456789ab".into(),
            title: "DDoS on Cloudflare".into(),
            kind: EventType::Ddos,
            status: "planned".into(),
            severity: 0.7,
            severity_parts: vec![("gravity".into(), 0.7, 1.0, "note".into())],
            confidence: 0.8,
            first: Some(Timestamp(1_750_000_000)),
            last: Some(Timestamp(1_750_100_000)),
            arguments: vec![(Role::Target, "Cloudflare".into(), 2), (Role::Actor, "Dark Tide".into(), 1)],
            participants: vec![Participant { name: "vega".into(), forum: "Harbour <b>".into(), mentions: 2 }],
            forums: vec!["Harbour <b>".into()],
            mentions: 2,
            timeline: vec![sentence.clone()],
            entities: entities.iter().map(|e| (e.kind, e.value.clone())).collect(),
        }],
        actors: vec![Actor {
            name: "vega".into(),
            forum: "Harbour <b>".into(),
            rank: Some(1),
            score: 0.9,
            parts: vec![("network".into(), 0.5), ("events".into(), 0.4)],
            contacts: vec![(EntityType::Telegram, "vega_shop".into())],
            ..Actor::default()
        }],
        events: vec![EventNote {
            sentence,
            confidence: 0.8,
            arguments: vec![(Role::Target, "Cloudflare".into())],
            offset: 3,
        }],
        posts: vec![PostNote { evidence: evidence("1"), text: "words".into() }],
        entities,
        months: vec![("2025-05".into(), EventType::Ddos, 1), ("2025-07".into(), EventType::Sell, 4)],
    }
}

#[test]
fn every_reference_leads_to_an_object_of_the_bundle() {
    let bundle = bundle(&holdings(), Tlp::Amber);
    let objects = bundle["objects"].as_array().unwrap();
    let ids: std::collections::HashSet<&str> = objects.iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), objects.len(), "no identifier twice");
    let mut refs = 0;
    for o in objects {
        for (key, value) in o.as_object().unwrap() {
            let list: Vec<&Value> = if key.ends_with("_ref") {
                vec![value]
            } else if key.ends_with("_refs") {
                value.as_array().unwrap().iter().collect()
            } else {
                Vec::new()
            };
            for r in list {
                refs += 1;
                assert!(ids.contains(r.as_str().unwrap()), "{key} {r} of {o}");
            }
        }
    }
    assert!(refs > 40, "{refs}");
}

#[test]
fn only_what_a_blocklist_should_have_is_an_indicator() {
    let bundle = bundle(&holdings(), Tlp::Amber);
    let patterns: Vec<&str> = bundle["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|o| o["type"] == "indicator")
        .map(|o| o["pattern"].as_str().unwrap())
        .collect();
    assert_eq!(patterns, ["[file:hashes.MD5 = '900150983cd24fb0d6963f7d28e17f72']"]);
}

#[test]
fn equal_holdings_give_equal_bundles() {
    assert_eq!(bundle(&holdings(), Tlp::Green).to_string(), bundle(&holdings(), Tlp::Green).to_string());
    assert_ne!(bundle(&holdings(), Tlp::Green)["id"], bundle(&Holdings::default(), Tlp::Green)["id"]);
}

#[test]
fn misp_flags_only_the_indicator() {
    let all = crate::misp::events(&holdings(), Tlp::Amber);
    let event = &all["response"][0]["Event"];
    let flagged: Vec<&str> = event["Attribute"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["to_ids"] == true)
        .map(|a| a["value"].as_str().unwrap())
        .collect();
    assert_eq!(flagged, ["900150983cd24fb0d6963f7d28e17f72"]);
    assert_eq!(event["Object"][0]["name"], "user-account");
    let mut ids = std::collections::HashSet::new();
    for a in event["Attribute"].as_array().unwrap() {
        assert!(ids.insert(a["uuid"].clone()), "uuid twice: {a}");
    }
}
