//! Watchlists, rules, channels, alerts and deliveries over HTTP.
#![allow(clippy::unwrap_used)]

mod site;

use serde_json::{Value, json};
use site::{Finds, NOW, Said, Site, ask, receiver};
use std::net::SocketAddr;

async fn post(to: SocketAddr, path: &str, body: Value) -> Said {
    ask(to, "POST", path, &[], Some(&body)).await
}
async fn get(to: SocketAddr, path: &str) -> Value {
    let said = ask(to, "GET", path, &[], None).await;
    assert_eq!(said.status, 200, "{path}: {}", said.text);
    said.json()
}

#[tokio::test]
async fn what_an_analyst_sets_up() {
    let site = Site::new().await;
    let to = site.serve().await;
    let (port, got) = receiver(&["200 Fine"]).await;

    // Watchlists.
    let list = post(
        to,
        "/api/v1/watchlists",
        json!({"name": " ours ", "kind": "organization", "items": ["Acme", "acme", " "]}),
    )
    .await;
    assert_eq!(list.status, 200, "{}", list.text);
    let list = list.json();
    assert_eq!((&list["name"], &list["items"]), (&json!("ours"), &json!(["Acme"])));
    let twice = post(to, "/api/v1/watchlists", json!({"name": "ours", "kind": "cve", "items": []})).await;
    assert_eq!(twice.status, 400);
    assert!(twice.text.contains("called 'ours' already"), "{}", twice.text);
    let wrong = post(to, "/api/v1/watchlists", json!({"name": "x", "kind": "cve", "items": ["CVE-x"]})).await;
    assert!(wrong.status == 400 && wrong.text.contains("no CVE identifier"), "{}", wrong.text);

    // A document of others; read twice it replaces what it brought.
    let bundle =
        json!({"type": "bundle", "objects": [{"type": "threat-actor", "name": "vega"}, {"type": "note"}]});
    for _ in 0..2 {
        let said = post(to, "/api/v1/watchlists/import?format=stix&name=isac", bundle.clone()).await.json();
        assert_eq!(
            (&said["items"][0]["name"], &said["items"][0]["kind"], &said["skipped"]),
            (&json!("isac (actor)"), &json!("actor"), &json!(1))
        );
    }
    assert_eq!(get(to, "/api/v1/watchlists").await["total"], 2);
    assert_eq!(post(to, "/api/v1/watchlists/import?format=stix", json!({"x": 1})).await.status, 400);
    assert_eq!(post(to, "/api/v1/watchlists/import?format=csv", json!({})).await.status, 400);

    // Channels: secrets go in and never come out.
    let settings =
        json!({"url": format!("http://127.0.0.1:{port}/hidden/path"), "secret": "0123456789abcdef"});
    let hook =
        post(to, "/api/v1/channels", json!({"name": "soc", "kind": "webhook", "settings": settings})).await;
    assert_eq!(hook.status, 200, "{}", hook.text);
    let hook = hook.json();
    let shown = ask(to, "GET", "/api/v1/channels", &[], None).await.text;
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("hidden/path"), "{shown}");
    let path = format!("/api/v1/channels/{}", hook["id"]);
    let back = ask(to, "PUT", &path, &[], Some(&hook)).await;
    assert_eq!(back.status, 200, "{}", back.text);
    let said = ask(to, "POST", &format!("{path}/test"), &[], None).await.json();
    assert_eq!(said, json!({"delivered": true, "detail": "status 200 OK"}));
    {
        let got = got.lock().unwrap();
        assert!(
            got[0].0.starts_with("POST /hidden/path ") && got[0].0.contains("x-threatminer-signature: t="),
            "{}",
            got[0].0
        );
    }
    assert_eq!(get(to, "/api/v1/deliveries").await["items"][0]["kind"], "test");
    let bad =
        post(to, "/api/v1/channels", json!({"name": "b", "kind": "webhook", "settings": {"url": "ftp://x"}}))
            .await;
    assert_eq!(bad.status, 400);

    // Rules.
    let when = json!({"keywords": ["ddos"], "watchlists": [list["id"]]});
    let rule = json!({"name": "r", "when": when, "channels": [hook["id"]], "digest": "now"});
    let made = post(to, "/api/v1/rules", rule.clone()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["enabled"], &made["when"]["keywords"]), (&json!(true), &json!(["ddos"])));
    for (field, value, words) in [
        ("when", json!({}), "needs a condition"),
        ("when", json!({"watchlists": [77]}), "no watchlist 77"),
        ("when", json!({"regex": "("}), "regex"),
        ("when", json!({"query": "time:yesterday"}), "time:yesterday cannot be read"),
        ("channels", json!([77]), "no channel 77"),
        ("digest", json!("weekly"), "none of now"),
    ] {
        let mut wrong = rule.clone();
        wrong["name"] = json!("other");
        wrong[field] = value;
        let said = post(to, "/api/v1/rules", wrong).await;
        assert!(said.status == 400 && said.text.contains(words), "{field}: {} {}", said.status, said.text);
    }
    // What is in use stays.
    for path in [format!("/api/v1/watchlists/{}", list["id"]), path] {
        let said = ask(to, "DELETE", &path, &[], None).await;
        assert!(said.status == 400 && said.text.contains("rule 'r'"), "{}", said.text);
    }

    // Something rings.
    let said = post(to, &format!("/api/v1/rules/{}/test", made["id"]), json!({})).await.json();
    assert_eq!(said["total"], 0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    for i in 0..3 {
        site.post("vega", now - i, &format!("ddos on acme {i}"), Finds::default()).await;
    }
    let said = post(to, &format!("/api/v1/rules/{}/test", made["id"]), json!({})).await.json();
    assert_eq!((&said["total"], &said["complete"]), (&json!(3), &json!(true)));
    assert_eq!(get(to, "/api/v1/alerts").await["total"], 0, "a trial stores nothing");
    tm_server::alerts::judge(&*site.store, tm_model::Timestamp(now)).await.unwrap();
    let page = get(to, "/api/v1/alerts?limit=2").await;
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(3), 2));
    let first = &page["items"][0];
    assert_eq!((&first["rule"]["name"], &first["state"]), (&json!("r"), &json!("new")));
    assert_eq!(first["evidence"]["sentence"], "ddos on acme 2");
    assert_eq!((&first["evidence"]["start"], &first["evidence"]["end"]), (&json!(0), &json!(4)));
    let cursor = page["next"].as_str().unwrap();
    let rest = get(to, &format!("/api/v1/alerts?limit=2&cursor={cursor}")).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(ask(to, "GET", "/api/v1/alerts?cursor=x", &[], None).await.status, 400);

    // Its state.
    let path = format!("/api/v1/alerts/{}", first["id"]);
    let said = ask(to, "PATCH", &path, &[], Some(&json!({"state": "seen"}))).await;
    assert_eq!(said.json()["state"], "seen");
    assert_eq!(get(to, "/api/v1/alerts?state=new").await["total"], 2);
    assert_eq!(ask(to, "PATCH", &path, &[], Some(&json!({"state": "lost"}))).await.status, 400);
    assert_eq!(
        ask(to, "PATCH", "/api/v1/alerts/999", &[], Some(&json!({"state": "seen"}))).await.status,
        404
    );
    assert_eq!(ask(to, "GET", "/api/v1/alerts?state=lost", &[], None).await.status, 400);
    let said = ask(to, "DELETE", &format!("/api/v1/rules/{}", made["id"]), &[], None).await;
    assert_eq!(said.status, 200);
    assert_eq!(get(to, "/api/v1/alerts").await["total"], 3, "alerts outlive their rule");
    let _ = NOW;
}

#[tokio::test]
async fn pages_elsewhere_cannot_ring() {
    let site = Site::new().await;
    let to = site.serve().await;
    let said = ask(to, "POST", "/api/v1/channels/1/test", &["origin: https://evil.example"], None).await;
    assert!(said.status == 403 && said.text.contains("another page"), "{}", said.text);
    let own = format!("origin: http://{to}");
    assert_eq!(ask(to, "POST", "/api/v1/channels/1/test", &[&own], None).await.status, 404);
}
