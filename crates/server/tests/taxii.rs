//! The TAXII server as a client sees it.
#![allow(clippy::unwrap_used)]

mod site;

use serde_json::{Value, json};
use site::{Finds, NOW, Said, Site, ask};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tm_model::{EntityType, EventType, Modality};

const MEDIA: &str = "application/taxii+json;version=2.1";

async fn site() -> (Site, SocketAddr) {
    let site = Site::new().await;
    let text = "tomorrow we ddos bank.example from 203.0.113.7";
    let finds = Finds {
        entities: &[(EntityType::Domain, "bank.example"), (EntityType::Ipv4, "203.0.113.7")],
        events: &[(EventType::Ddos, Modality::Planned, "ddos", Some("bank.example"))],
    };
    site.post("vega", NOW.0, text, finds).await;
    site.rank(&["vega"]).await;
    site.fuse("t1").await;
    let to = site.serve().await;
    (site, to)
}

async fn get(to: SocketAddr, path: &str) -> Said {
    ask(to, "GET", path, &[&format!("accept: {MEDIA}")], None).await
}

fn header<'a>(said: &'a Said, name: &str) -> Option<&'a str> {
    said.head
        .lines()
        .find_map(|l| l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

#[tokio::test]
async fn discovery_leads_to_objects() {
    let (_site, to) = site().await;
    let said = get(to, "/taxii2/").await;
    assert_eq!(header(&said, "content-type"), Some(MEDIA));
    let root = said.json()["api_roots"][0].as_str().unwrap().to_owned();
    assert_eq!(get(to, &root).await.json()["versions"], json!([MEDIA]));
    let collections = get(to, &format!("{root}collections/")).await.json();
    let aliases: Vec<&str> =
        collections["collections"].as_array().unwrap().iter().map(|c| c["alias"].as_str().unwrap()).collect();
    assert_eq!(aliases, ["threats", "indicators", "actors"]);
    for c in collections["collections"].as_array().unwrap() {
        let path = format!("{root}collections/{}/", c["id"].as_str().unwrap());
        assert_eq!(&get(to, &path).await.json(), c);
        let all = get(to, &format!("{path}objects/?limit=1000")).await;
        let objects = all.json()["objects"].as_array().unwrap().clone();
        assert!(objects.len() > 3, "{}", c["alias"]);
        // The manifest names the same objects in the same order, and headers the ends of the list.
        let manifest = get(to, &format!("{path}manifest/?limit=1000")).await.json();
        let listed = manifest["objects"].as_array().unwrap();
        assert_eq!(
            listed.iter().map(|m| &m["id"]).collect::<Vec<_>>(),
            objects.iter().map(|o| &o["id"]).collect::<Vec<_>>()
        );
        assert_eq!(header(&all, "x-taxii-date-added-first"), listed[0]["date_added"].as_str());
        assert_eq!(header(&all, "x-taxii-date-added-last"), listed[listed.len() - 1]["date_added"].as_str());
        // In pages of two, each object once.
        let (mut seen, mut next) = (BTreeSet::new(), String::new());
        loop {
            let page = get(to, &format!("{path}objects/?limit=2{next}")).await.json();
            for o in page["objects"].as_array().unwrap() {
                assert!(seen.insert(o["id"].as_str().unwrap().to_owned()));
            }
            if page["more"] != true {
                assert!(page.get("next").is_none());
                break;
            }
            next = format!("&next={}", page["next"].as_str().unwrap());
        }
        assert_eq!(seen.len(), objects.len());
    }
}

#[tokio::test]
async fn filters_and_single_objects() {
    let (_site, to) = site().await;
    let path = "/taxii2/api/collections/threats";
    let campaigns = get(to, &format!("{path}/objects/?match%5Btype%5D=campaign,report")).await.json();
    let campaigns = campaigns["objects"].as_array().unwrap().clone();
    assert_eq!(campaigns.len(), 2);
    let id = campaigns[0]["id"].as_str().unwrap();
    let one = get(to, &format!("{path}/objects/{id}/")).await.json();
    assert_eq!(one["objects"], json!([campaigns[0]]));
    let versions = get(to, &format!("{path}/objects/{id}/versions/")).await.json();
    assert_eq!(versions["versions"], json!([campaigns[0]["modified"]]));
    let of =
        |more: String| async move { get(to, &format!("{path}/objects/?match[id]={id}{more}")).await.json() };
    assert_eq!(of(String::new()).await["objects"].as_array().unwrap().len(), 1);
    assert_eq!(of("&match[spec_version]=2.0".into()).await, json!({}));
    assert_eq!(of("&match[version]=2020-01-01T00:00:00Z".into()).await, json!({}));
    let modified = campaigns[0]["modified"].as_str().unwrap();
    assert_eq!(of(format!("&added_after={modified}")).await, json!({}), "added after, not at");
    assert_eq!(of("&added_after=2025-12-31T23:59:59Z".into()).await["more"], false);
}

#[tokio::test]
async fn errors_are_of_the_standard() {
    let (_site, to) = site().await;
    let path = "/taxii2/api/collections/threats";
    for (what, status) in [
        ("/taxii2/api/collections/nothing/", 404),
        ("/taxii2/api/collections/nothing/objects/", 404),
        ("/taxii2/api/collections/threats/objects/campaign--0/", 404),
        ("/taxii2/api/status/1/", 404),
        ("/taxii2/other/", 404),
        ("/taxii2/api/collections/threats/objects/?limit=0", 400),
        ("/taxii2/api/collections/threats/objects/?limit=x", 400),
        ("/taxii2/api/collections/threats/objects/?next=x", 400),
        ("/taxii2/api/collections/threats/objects/?added_after=x", 400),
    ] {
        let said = get(to, what).await;
        assert_eq!(said.status, status, "{what}");
        assert_eq!(header(&said, "content-type"), Some(MEDIA), "{what}");
        assert_eq!(said.json()["http_status"], Value::from(status.to_string()));
    }
    let said = ask(to, "GET", "/taxii2/", &["accept: application/taxii+json;version=2.0"], None).await;
    assert_eq!(said.status, 406);
    let said = ask(to, "POST", &format!("{path}/objects/"), &[], Some(&json!({"objects": []}))).await;
    assert_eq!(said.status, 403);
    let said = ask(to, "DELETE", &format!("{path}/objects/campaign--1/"), &[], None).await;
    assert_eq!(said.status, 403);
}
