//! The command-line contract, tried on the real program.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.arg("--quiet").stdin(Stdio::null());
    command
}

fn run(store: &Path, arguments: &[&str]) -> Output {
    program().arg("--store").arg(store).args(arguments).output().expect("the program starts")
}

fn feed(arguments: &[&str], input: &str) -> Output {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e} in {l}")))
        .collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const POSTS: &str = r#"{"id":"1","forum":"f","thread":"7","title":"CVV shop","author":"ann","time":"2025-02-01T10:00:00Z","text":"Selling fresh CVV, 12$ each, telegram: @ann_demo"}
{"id":"2","forum":"f","thread":"7","title":"CVV shop","author":"bob","time":"2025-02-01T11:00:00Z","text":"vouch, mine was valid","reply_to":"1"}
{"id":"3","forum":"f","thread":"7","title":"CVV shop","author":"eve","time":1738411200,"text":"card 4111111111111111|12|28|123 was dead @ann","quotes":["1"]}
"#;

#[test]
fn entities_stream_in_the_contract_form() {
    let out = feed(
        &["entities"],
        "{\"id\":5,\"text\":\"日本 C2 203.0.113[.]7 и CVE-2021-44228\"}\n{\"text\":\"nothing\"}\n",
    );
    assert!(out.status.success());
    let rows = lines(&out);
    assert_eq!((&rows[0]["id"], &rows[1]["id"]), (&serde_json::json!(5), &serde_json::json!("2")));
    let of = |kind: &str| {
        let all = rows[0]["entities"].as_array().unwrap();
        all.iter().find(|e| e["type"] == kind).cloned().unwrap_or_else(|| panic!("no {kind} in {}", rows[0]))
    };
    let hit = of("ipv4");
    assert_eq!((hit["value"].as_str(), hit["text"].as_str()), (Some("203.0.113.7"), Some("203.0.113[.]7")));
    assert_eq!(
        (hit["start"].as_u64(), hit["end"].as_u64(), hit["source"].as_str()),
        (Some(6), Some(19), Some("pattern"))
    );
    assert_eq!(of("cve")["value"], "CVE-2021-44228");
    assert_eq!(rows[1]["entities"], serde_json::json!([]));
}

#[test]
fn bad_lines_are_set_aside_and_counted() {
    let out = feed(
        &["events"],
        "{\"id\":\"a\",\"text\":\"thanks\"}\nnot json\n{\"id\":\"b\"}\n{\"id\":\"c\",\"text\":\"ok\"}\n",
    );
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(lines(&out).len(), 2);
    assert!(
        stderr(&out).contains("line 2: not JSON") && stderr(&out).contains("line 3: no 'text'"),
        "{}",
        stderr(&out)
    );
    assert!(stderr(&out).contains("2 of 4 lines"));
}

#[test]
fn events_are_found_in_three_languages() {
    let posts = [
        "Selling fresh CVV, 12$ each, telegram: @x_demo",
        "Продам логи, цена 10$ за штуку, писать в тг @x_demo",
        "出售美国信用卡CVV，80元一张，联系QQ100010055",
    ];
    for text in posts {
        let out = feed(&["events", "--text"], text);
        let row = &lines(&out)[0];
        let events = row["events"].as_array().unwrap();
        assert!(row["relevance"].as_f64().unwrap() >= 0.5, "{row}");
        let sale = events.iter().find(|e| e["type"] == "sell").unwrap_or_else(|| panic!("no sale in {row}"));
        assert_eq!(sale["family"], "trade");
        let (start, end) =
            (sale["trigger"]["start"].as_u64().unwrap(), sale["trigger"]["end"].as_u64().unwrap());
        let words: String = text.chars().skip(start as usize).take((end - start) as usize).collect();
        assert_eq!(sale["trigger"]["text"], words);
        assert!(!sale["arguments"].as_array().unwrap().is_empty(), "{row}");
    }
    let chatter = feed(&["events", "--text"], "thanks bro, happy new year");
    assert_eq!(lines(&chatter)[0]["events"], serde_json::json!([]));
}

#[test]
fn threads_do_not_change_a_byte() {
    let posts: String = (0..80)
        .map(|i| {
            format!(
                "{{\"id\":{i},\"text\":\"Selling {i} fresh logs, {}$, tg @shop_{i}_demo. {}\"}}\n",
                i + 3,
                "more words ".repeat(i % 17)
            )
        })
        .collect();
    let one = feed(&["--threads", "1", "events"], &posts);
    let three = feed(&["--threads", "3", "events"], &posts);
    assert!(one.status.success() && one.stdout == three.stdout);
}

#[test]
fn import_analyse_ask() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("s.db"), folder.path().join("posts.jsonl"));
    std::fs::write(&file, POSTS).unwrap();
    let name = file.to_str().unwrap();
    let first = run(&store, &["import", name, "--json"]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert_eq!(lines(&first)[0]["stored"], 3);
    // The same file again, and the same posts under another name: nothing is stored twice.
    let copy = folder.path().join("copy.jsonl");
    std::fs::write(&copy, POSTS).unwrap();
    for path in [name, copy.to_str().unwrap()] {
        let again = run(&store, &["import", path, "--json"]);
        assert_eq!(
            (lines(&again)[0]["stored"].as_u64(), lines(&again)[0]["known"].as_u64()),
            (Some(0), Some(3))
        );
    }
    let done = run(&store, &["analyze", "--json"]);
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(lines(&done)[0]["posts"], 3);
    assert_eq!(lines(&run(&store, &["analyze", "--json"]))[0]["posts"], 0);
    assert_eq!(lines(&run(&store, &["analyze", "--again", "--json"]))[0]["posts"], 3);

    let ranked = lines(&run(&store, &["rank", "--json"]));
    assert_eq!(
        (ranked.len(), ranked[0]["account"].as_str(), ranked[0]["rank"].as_u64()),
        (3, Some("ann"), Some(1))
    );
    let sum: f64 = ranked[0]["parts"].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).sum();
    assert!((sum - ranked[0]["score"].as_f64().unwrap()).abs() < 1e-6);

    let threats = run(&store, &["threats", "--json"]);
    let threat = &lines(&threats)[0];
    assert_eq!((threat["type"].as_str(), threat["family"].as_str()), (Some("sell"), Some("trade")));
    let one = lines(&run(&store, &["threats", threat["id"].as_str().unwrap(), "--json"]));
    assert_eq!(one[0]["timeline"][0]["author"], "ann");
    assert_eq!(run(&store, &["threats", "t000000000000"]).status.code(), Some(1));

    let portrait = lines(&run(&store, &["actors", "ANN", "--json"]));
    assert!(portrait[0]["contacts"].to_string().contains("ann_demo"), "{}", portrait[0]);
    let found = lines(&run(&store, &["search", "valid", "author:bob", "--json"]));
    assert_eq!(found[0]["external_id"], "2");
    assert_eq!(run(&store, &["search", "zebra"]).status.code(), Some(1));
    assert_eq!(run(&store, &["search", "(zebra"]).status.code(), Some(2));

    // Secrets leave masked, unless asked for otherwise; card numbers never as an entity.
    let posts = run(&store, &["export", "jsonl", "--what", "posts"]);
    let text = String::from_utf8_lossy(&posts.stdout).into_owned();
    assert!(text.contains("411111••••••1111|12|28|•••") && !text.contains("4111111111111111"), "{text}");
    assert_eq!(
        (lines(&posts)[1]["reply_to"].as_str(), lines(&posts)[2]["quotes"][0].as_str()),
        (Some("1"), Some("1"))
    );
    let entities =
        String::from_utf8_lossy(&run(&store, &["export", "csv", "--what", "entities", "--unmasked"]).stdout)
            .into_owned();
    assert!(
        entities.starts_with("type,value,posts,first_seen,last_seen,tags\n")
            && !entities.contains("4111111111111111"),
        "{entities}"
    );
}

#[test]
fn refused_rows_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("s.db"), folder.path().join("posts.jsonl"));
    std::fs::write(
        &file,
        format!("{POSTS}{{broken\n{{\"id\":\"9\",\"text\":\"\"}}\n{{\"id\":\"10\",\"text\":\"good\"}}\n"),
    )
    .unwrap();
    let out = run(&store, &["import", file.to_str().unwrap(), "--json"]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!((lines(&out)[0]["stored"].as_u64(), lines(&out)[0]["refused"].as_u64()), (Some(4), Some(2)));
    assert!(stderr(&out).contains("row 4:") && stderr(&out).contains("row 5:"), "{}", stderr(&out));
}

#[test]
fn edge_lists_rank_without_a_store() {
    let out = feed(
        &["rank", "--edges", "-", "--json"],
        "a\thub\t1\t1700000000\tx\nb\thub\nc\thub\t2\nbad\nhub\ta\t1\n",
    );
    assert_eq!(out.status.code(), Some(1));
    let rows = lines(&out);
    assert_eq!((rows[0]["account"].as_str(), rows.len()), (Some("hub"), 4));
    assert!(stderr(&out).contains("line 4"));
}

#[test]
fn a_ranking_is_scored_against_labelled_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let (edges, labels) = (folder.path().join("e.tsv"), folder.path().join("key.jsonl"));
    std::fs::write(&edges, "a\thub\nb\thub\nc\thub\nhub\ta\n").unwrap();
    std::fs::write(&labels, "{\"account\":\"hub\",\"key\":true}\n{\"account\":\"b\",\"key\":false}\n")
        .unwrap();
    let (e, l) = (edges.to_str().unwrap(), labels.to_str().unwrap());
    let out = run(&folder.path().join("s.db"), &["eval", "actors", l, e, "--json"]);
    let figures = &lines(&out)[0];
    assert_eq!(
        (figures["accounts"].as_u64(), figures["key"].as_u64(), figures["auc"].as_f64()),
        (Some(4), Some(1), Some(1.0))
    );
    std::fs::write(&labels, "{\"account\":\"nobody\",\"key\":true}\n").unwrap();
    assert_eq!(run(&folder.path().join("s.db"), &["eval", "actors", l, e]).status.code(), Some(1));
}

#[test]
fn what_cannot_be_opened_says_so() {
    let out = run(Path::new("mysql://x"), &["threats"]);
    assert!(out.status.code() == Some(2) && stderr(&out).contains("no store speaks mysql://"));
    let out = run(Path::new("postgres://tm:secret@127.0.0.1:1/none"), &["threats"]);
    let said = stderr(&out);
    assert!(
        out.status.code() == Some(2) && said.contains("cannot open store postgres://127.0.0.1:1/none"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn an_empty_store_has_nothing_to_export() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let cases: [&[&str]; 4] = [&["report"], &["export", "stix"], &["export", "misp"], &["export", "parquet"]];
    for case in cases {
        let out = run(&store, case);
        assert_eq!(out.status.code(), Some(1), "{case:?}: {}", stderr(&out));
        assert!(stderr(&out).contains("nothing to"), "{case:?}: {}", stderr(&out));
        assert!(!out.stdout.is_empty(), "{case:?}: an empty document is a document");
    }
    let out = run(&store, &["export", "stix", "--since", "soon"]);
    assert!(out.status.code() == Some(2) && stderr(&out).contains("2026-01-31"));
}

#[test]
fn findings_leave_in_the_forms_of_other_tools() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let posts = folder.path().join("posts.jsonl");
    std::fs::write(
        &posts,
        "{\"id\":\"1\",\"forum\":\"f\",\"thread\":\"1\",\"title\":\"shop\",\"author\":\"vega\",\"time\":\"2025-06-18T09:30:00Z\",\
         \"text\":\"Selling fresh CVV, 15$ each, card 4111111111111111|12|28|123 as sample, md5 900150983cd24fb0d6963f7d28e17f72, telegram @vega_shop\"}\n",
    )
    .unwrap();
    assert!(run(&store, &["import", posts.to_str().unwrap()]).status.success());
    assert!(run(&store, &["analyze"]).status.success());
    let bundle: serde_json::Value =
        serde_json::from_slice(&run(&store, &["export", "stix", "--what", "entities"]).stdout).unwrap();
    let objects = bundle["objects"].as_array().unwrap();
    let patterns: Vec<&str> = objects.iter().filter_map(|o| o["pattern"].as_str()).collect();
    assert_eq!(patterns, ["[file:hashes.MD5 = '900150983cd24fb0d6963f7d28e17f72']"]);
    let observed = objects.iter().find(|o| o["type"] == "observed-data").unwrap();
    assert_eq!(observed["external_references"][0]["external_id"], "1", "evidence names the post");
    for form in ["stix", "misp"] {
        let out = run(&store, &["export", form, "--what", "posts"]);
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(
            text.contains("411111••••••1111") && !text.contains("4111111111111111"),
            "{form} masks cards"
        );
    }
    let parquet = run(&store, &["export", "parquet", "--what", "posts"]).stdout;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let html = String::from_utf8(run(&store, &["report"]).stdout).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("vega"));
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let out = run(&store, &["import", "/no/such/file.jsonl"]);
    assert!(out.status.code() == Some(2) && stderr(&out).contains("/no/such/file.jsonl"), "{}", stderr(&out));
    let out = run(&store, &["threats", "--type", "war"]);
    assert!(out.status.code() == Some(2) && stderr(&out).contains("known are: sell buy"), "{}", stderr(&out));
    assert_eq!(run(&store, &["threats"]).status.code(), Some(1));
    assert_eq!(run(&store, &["nonsense"]).status.code(), Some(2));
}

#[test]
fn rules_and_doctor() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("mine.toml");
    std::fs::write(&pack, "[[rule]]\nname = \"x\"\ntype = \"md5\"\ndescription = \"\"\npattern = \"abc\"\nexamples = [[\"xyz\", \"abc\"]]\n").unwrap();
    let out = run(&folder.path().join("s.db"), &["rules", "check", pack.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("expected 'abc' in 'xyz'"));
    assert!(run(&folder.path().join("s.db"), &["rules", "check"]).status.success());
    assert!(run(&folder.path().join("s.db"), &["doctor"]).status.success());
    assert!(run(&folder.path().join("s.db"), &["model", "info", "--json"]).status.success());
}
