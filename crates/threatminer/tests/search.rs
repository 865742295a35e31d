//! Search by the real program: the query language, facets, an index that follows the store and is rebuilt when it has to be.
#![allow(clippy::unwrap_used)]

mod program;

use program::{Serving, encoded, lines, run, stderr, well};
use std::path::Path;
use std::time::{Duration, Instant};

const POSTS: &str = r#"{"id":"1","forum":"Night Pier","board":"Market","thread":"7","title":"CVV shop","author":"ann","time":"2025-02-01T10:00:00Z","text":"Selling fresh CVV, 12$ each, telegram: @ann_demo"}
{"id":"2","forum":"Night Pier","board":"Market","thread":"7","title":"CVV shop","author":"bob","time":"2025-02-01T11:00:00Z","text":"vouch, mine was valid","reply_to":"1"}
{"id":"3","forum":"Порт","board":"Рынок","thread":"1","title":"Дампы","author":"egor","time":"2025-03-01T10:00:00Z","text":"Продам дампы с пином, джаббер egor@jabber.example"}
{"id":"4","forum":"暗湾","board":"市场","thread":"2","title":"工具","author":"小河","time":"2025-03-02T10:00:00Z","text":"出售扫描工具2.0，C2在203.0.113[.]7"}
"#;

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn found(store: &Path, arguments: &[&str]) -> Vec<String> {
    let all: Vec<&str> = ["search", "--json"].iter().chain(arguments).copied().collect();
    let mut ids: Vec<String> = lines(&String::from_utf8(run(store, &all).stdout).unwrap())
        .iter()
        .map(|v| v["external_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn the_command_finds_counts_and_complains() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    well(&store, &["import", &write(folder.path(), "p.jsonl", POSTS)]);
    well(&store, &["analyze"]);
    assert_eq!(found(&store, &["sell", "cvv"]), ["1"]);
    assert_eq!(found(&store, &["дампа"]), ["3"]);
    assert_eq!(found(&store, &["扫描"]), ["4"]);
    assert_eq!(found(&store, &["entity:203.0.113.7"]), ["4"]);
    assert_eq!(found(&store, &["has:telegram"]), ["1"]);
    assert_eq!(found(&store, &["time:2025-03", "--lang", "ru"]), ["3"]);
    assert_eq!(found(&store, &["NOT cvv", "--forum", "Night Pier"]), Vec::<String>::new());
    let hit = &lines(&well(&store, &["search", "--json", "fresh"]))[0];
    let text: Vec<char> = hit["text"].as_str().unwrap().chars().collect();
    let span = &hit["spans"][0];
    let (start, end) = (span["start"].as_u64().unwrap() as usize, span["end"].as_u64().unwrap() as usize);
    assert_eq!(text[start..end].iter().collect::<String>(), "fresh");
    let counts = &lines(&well(&store, &["search", "--facets", "--json", "time:2025"]))[0];
    assert_eq!((counts["total"].as_u64(), counts["parsed"].as_str()), (Some(4), Some("time:2025")));
    assert_eq!(counts["facets"]["forum"][0], serde_json::json!({"value": "Night Pier", "count": 2}));
    assert_eq!(counts["facets"]["month"][1], serde_json::json!({"value": "2025-03", "count": 2}));
    assert!(counts["facets"]["type"].as_array().unwrap().iter().any(|t| t["value"] == "sell"), "{counts}");
    let wrong = run(&store, &["search", "fresh", "(cvv"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(stderr(&wrong), "error: query: character 7: this ( is not closed\n");
    let nothing = run(&store, &["search", "nowhere"]);
    assert_eq!((nothing.status.code(), stderr(&nothing).contains("nothing found")), (Some(1), true));
}

#[test]
fn a_post_stored_while_serving_is_found_within_two_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let first = write(folder.path(), "a.jsonl", POSTS);
    well(&store, &["import", &first]);
    let serving = Serving::start(&store, &[]);
    let total = |query: &str| {
        serving.json(&format!("/api/v1/search?q={}", encoded(query)))["total"].as_u64().unwrap()
    };
    let wait = |query: &str, seconds: u64| {
        let until = Instant::now() + Duration::from_secs(seconds);
        while total(query) == 0 {
            assert!(Instant::now() < until, "{query} was not found within {seconds} s");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait("cvv", 20);
    let word = "zwölfuhrzug";
    let line = format!(
        "{{\"id\":\"9\",\"forum\":\"Night Pier\",\"thread\":\"7\",\"author\":\"ann\",\"text\":\"{word} is here\"}}\n"
    );
    well(&store, &["import", &write(folder.path(), "b.jsonl", &line)]);
    // Two seconds are promised on a machine that has them; a loaded one gets more, and what is tested is that it comes.
    wait(word, 20);
    // Once it is analysed the same post is found by what was found in it.
    wait("type:sell author:ann", 60);
    // Another process searches the index that the server keeps.
    assert_eq!(found(&store, &[word]), ["9"]);
    let (status, body) = serving.get(&format!("/api/v1/search?q={}", encoded("a AND"))).unwrap();
    assert_eq!(status, 400);
    assert!(body.contains("character 3: AND has nothing behind it"), "{body}");
    let hits = serving.json(&format!("/api/v1/search?q={}", encoded("fresh cvv")));
    assert_eq!(hits["parsed"], "fresh AND cvv");
    assert_eq!(hits["facets"]["lang"][0]["value"], "en", "{hits}");
    assert_eq!(hits["items"][0]["spans"].as_array().unwrap().len(), 2, "{hits}");
}

#[test]
fn damaged_missing_and_foreign_indexes_are_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let index = folder.path().join("s.db.search");
    well(&store, &["import", &write(folder.path(), "a.jsonl", POSTS)]);
    assert_eq!(found(&store, &["cvv"]), ["1", "2"]);
    std::fs::remove_dir_all(&index).unwrap();
    assert_eq!(found(&store, &["cvv"]), ["1", "2"]);
    for file in std::fs::read_dir(&index).unwrap().map(|f| f.unwrap().path()) {
        if file.extension().is_some_and(|e| e == "idx") {
            let mut bytes = std::fs::read(&file).unwrap();
            bytes[30] ^= 0xff;
            std::fs::write(&file, bytes).unwrap();
        }
    }
    let out = run(&store, &["search", "--json", "cvv"]);
    assert_eq!(lines(&String::from_utf8(out.stdout.clone()).unwrap()).len(), 2);
    assert!(
        stderr(&out).contains("the search index was damaged") && stderr(&out).contains("built anew"),
        "{}",
        stderr(&out)
    );
    assert_eq!(stderr(&run(&store, &["search", "cvv"])), "");
    // Another store under the same name: its posts, not those of the index that is still there.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("s.db{suffix}")));
    }
    let other = "{\"id\":\"x\",\"forum\":\"f\",\"text\":\"cvv elsewhere\"}\n";
    well(&store, &["import", &write(folder.path(), "b.jsonl", other)]);
    assert_eq!(found(&store, &["cvv"]), ["x"]);
}
