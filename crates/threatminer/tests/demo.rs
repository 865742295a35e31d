//! The demo against its answer key: are the three scenes found, each with its words as evidence?
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

fn run(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_threatminer"))
        .arg("--quiet")
        .arg("--store")
        .arg(store)
        .args(arguments)
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn key(language: &str) -> Value {
    let path = format!("{}/tests/demo_key/{language}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Post identifiers (forum, identifier) of a scene in all keys.
fn scene(name: &str) -> BTreeSet<(String, String)> {
    let mut posts = BTreeSet::new();
    for key in ["en", "ru", "zh"].map(key) {
        for scene in key["scenes"].as_array().unwrap() {
            if scene["scene"].as_str().unwrap().to_lowercase().contains(name) {
                let forum = key["forum"].as_str().unwrap();
                posts.extend(
                    scene["post_ids"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|p| (forum.to_owned(), p.as_str().unwrap().to_owned())),
                );
            }
        }
    }
    posts
}

#[test]
fn the_three_scenes_and_the_key_members_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("demo.db");
    let out = run(&store, &["demo", "--no-serve"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("Top threats") && text.contains("Key hackers"), "{text}");

    let posts = lines(&run(&store, &["export", "jsonl", "--what", "posts"]));
    let authors: BTreeSet<String> = posts.iter().map(|p| format!("{}/{}", p["forum"], p["author"])).collect();
    let forums: BTreeSet<&str> = posts.iter().filter_map(|p| p["forum"].as_str()).collect();
    assert!(
        posts.len() >= 3000 && authors.len() >= 300 && forums.len() == 3,
        "{} {} {}",
        posts.len(),
        authors.len(),
        forums.len()
    );

    // Which events were found in the posts of each scene, and how they were joined.
    let events = lines(&run(&store, &["export", "jsonl", "--what", "events"]));
    let threats: BTreeMap<String, Value> = lines(&run(&store, &["export", "jsonl", "--what", "threats"]))
        .into_iter()
        .map(|t| (t["id"].as_str().unwrap().to_owned(), t))
        .collect();
    for (name, kinds, needles) in [
        ("ip", &["update", "release", "sell", "malware"][..], &["ip killer", "ipkiller", "ip杀手"][..]),
        ("cvv", &["sell"], &["cvv", "cc", "сс", "картон", "дамп", "карт", "plastik"]),
        ("ddos", &["ddos"], &["cloudflare"]),
    ] {
        let posts = scene(name);
        assert!(posts.len() >= 35, "{name}: {} posts in the keys", posts.len());
        let mut joined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for e in &events {
            let place = (e["forum"].as_str().unwrap().to_owned(), e["post"].as_str().unwrap().to_owned());
            if posts.contains(&place) && kinds.contains(&e["type"].as_str().unwrap()) {
                joined.entry(e["threat"].as_str().unwrap().to_owned()).or_default().insert(place.1);
            }
        }
        // The scene's threat event: the one that holds most of its posts and names what it is about.
        let found = joined
            .iter()
            .filter(|(id, _)| {
                let text = threats[*id].to_string().to_lowercase();
                needles.iter().any(|n| text.contains(n))
            })
            .max_by_key(|(_, posts)| posts.len());
        let (id, held) =
            found.unwrap_or_else(|| panic!("scene {name} was not found; events in its posts: {joined:?}"));
        assert!(held.len() >= 2, "{name}: {} holds {} posts of the scene", threats[id]["title"], held.len());
        // Its evidence can be followed to the words of a post.
        let detail = &lines(&run(&store, &["threats", id, "--json"]))[0];
        let first = &detail["timeline"][0];
        assert!(
            detail["timeline"].as_array().unwrap().len() >= held.len()
                && !first["sentence"].as_str().unwrap().is_empty()
        );
    }

    // Of the planted key members of each forum, how many are among its first twenty?
    let ranked = lines(&run(&store, &["rank", "--json"]));
    for language in ["en", "ru", "zh"] {
        let key = key(language);
        let own: Vec<&str> = ranked
            .iter()
            .filter(|r| r["forum"] == key["forum"])
            .filter_map(|r| r["account"].as_str())
            .take(20)
            .collect();
        let planted: Vec<&str> =
            key["key_members"].as_array().unwrap().iter().filter_map(|m| m["handle"].as_str()).collect();
        let hits = planted.iter().filter(|p| own.contains(p)).count();
        assert!(
            hits * 3 >= planted.len() * 2,
            "{language}: {hits} of {} planted key members in the first twenty: {own:?}",
            planted.len()
        );
    }
}
