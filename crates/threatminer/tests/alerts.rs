//! Alerts by the real program: set up on the command line, rung by `serve` right after analysis.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

fn program(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.arg("--store").arg(store).stdin(Stdio::null());
    command
}

fn run(store: &Path, arguments: &[&str]) -> Output {
    program(store).arg("--quiet").args(arguments).output().unwrap()
}

fn good(store: &Path, arguments: &[&str]) -> String {
    let out = run(store, arguments);
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A receiver of webhooks: says 200 and hands on the bodies.
fn receiver() -> (u16, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(n) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = n.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn post(id: &str, text: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    serde_json::json!({"id": id, "forum": "Test Harbour", "thread": id, "title": "work", "author": "vega", "time": now, "text": text})
        .to_string()
}

#[test]
fn a_ddos_planned_against_a_watched_target_rings() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let (port, told) = receiver();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "0123456789abcdef\n").unwrap();
    let (url, secret) = (format!("url=http://127.0.0.1:{port}/in"), format!("secret=@{}", secret.display()));

    assert_eq!(run(&store, &["alerts"]).status.code(), Some(1), "nothing rang yet");
    good(
        &store,
        &["alerts", "watch", "add", "ours", "--kind", "organization", "Harbour Bank", "harbour-bank.example"],
    );
    good(&store, &["alerts", "channels", "add", "soc", "--kind", "webhook", "--set", &url, "--set", &secret]);
    let listed = good(&store, &["alerts", "channels", "list", "--json"]);
    assert!(!listed.contains("0123456789abcdef"), "{listed}");
    assert!(good(&store, &["alerts", "channels", "test", "soc"]).starts_with("delivered"));
    assert_eq!(told.recv_timeout(Duration::from_secs(30)).unwrap()["test"], true);
    let rule = [
        "alerts",
        "rules",
        "add",
        "attack on us",
        "--event",
        "ddos,intrusion",
        "--watch",
        "ours",
        "--channel",
        "soc",
        "--json",
    ];
    let made: Value = serde_json::from_str(&good(&store, &rule)).unwrap();
    assert_eq!(made["when"]["events"], serde_json::json!(["ddos", "intrusion"]));
    let wrong = run(&store, &["alerts", "rules", "add", "x", "--event", "hack"]);
    assert_eq!(wrong.status.code(), Some(2));

    let mut child =
        program(&store).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let server = Server(child);
    let mut line = String::new();
    while log.read_line(&mut line).unwrap() > 0 && !line.contains("serving on") {
        line.clear();
    }
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));

    let file = folder.path().join("posts.jsonl");
    let posts = [
        post("1", "thanks, see you tomorrow"),
        post(
            "2",
            "We will launch a DDoS attack on harbour-bank.example tomorrow at 10:00, the botnet is ready.",
        ),
    ];
    std::fs::write(&file, posts.join("\n")).unwrap();
    good(&store, &["import", file.to_str().unwrap()]);
    let body = told.recv_timeout(Duration::from_secs(120)).unwrap();
    let note = &body["alerts"][0];
    assert_eq!(
        (&body["test"], &note["rule"], &note["author"]),
        (&Value::from(false), &Value::from("attack on us"), &Value::from("vega")),
        "{body}"
    );
    assert!(note["sentence"].as_str().unwrap().contains("harbour-bank.example"), "{body}");
    drop(server);

    let rows: Vec<Value> =
        good(&store, &["alerts", "--json"]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["state"], "new");
    good(&store, &["alerts", "mark", &rows[0]["id"].to_string(), "closed"]);
    assert_eq!(run(&store, &["alerts", "--state", "new"]).status.code(), Some(1));
    assert!(good(&store, &["alerts", "rules", "test", "attack on us"]).contains("ddos"));
    let deliveries = good(&store, &["alerts", "deliveries", "--json"]);
    assert_eq!(deliveries.lines().count(), 2);
    // Without serve, one round does the same; there is nothing left to do.
    let round: Value = serde_json::from_str(&good(&store, &["alerts", "run", "--json"])).unwrap();
    assert_eq!((&round["alerts"], &round["delivered"]), (&Value::from(0), &Value::from(0)));
}

#[test]
fn watchlists_come_from_documents_and_lines() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let bundle = folder.path().join("isac.json");
    std::fs::write(&bundle, r#"{"type":"bundle","objects":[{"type":"indicator","pattern_type":"stix","pattern":"[domain-name:value = 'a.example']"},{"type":"note"}]}"#).unwrap();
    good(&store, &["alerts", "watch", "import", bundle.to_str().unwrap()]);
    let lines = folder.path().join("l.txt");
    std::fs::write(&lines, "# ours\nCVE-2025-1234\n\nCVE-2025-1234\n").unwrap();
    good(
        &store,
        &[
            "alerts",
            "watch",
            "import",
            lines.to_str().unwrap(),
            "--format",
            "lines",
            "--kind",
            "cve",
            "--name",
            "cves",
        ],
    );
    let rows: Vec<Value> = good(&store, &["alerts", "watch", "list", "--json"])
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let short: Vec<(&str, &str, usize)> = rows
        .iter()
        .map(|r| {
            (r["name"].as_str().unwrap(), r["kind"].as_str().unwrap(), r["items"].as_array().unwrap().len())
        })
        .collect();
    assert_eq!(short, [("isac (indicator)", "indicator", 1), ("cves", "cve", 1)]);
    let wrong = run(&store, &["alerts", "watch", "add", "cves", "--kind", "cve", "CVE-x"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("no CVE identifier"));
}

#[test]
fn an_assistant_talks_to_it_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program(&folder.path().join("s.db"))
        .arg("mcp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(
        input,
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-03-26"}}}}"#
    )
    .unwrap();
    writeln!(input, r#"{{"jsonrpc":"2.0","method":"notifications/initialized"}}"#).unwrap();
    writeln!(
        input,
        r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"threats","arguments":{{}}}}}}"#
    )
    .unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    let lines: Vec<Value> =
        String::from_utf8(out.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["result"]["protocolVersion"], "2025-03-26");
    let text: Value =
        serde_json::from_str(lines[1]["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["data"]["total"], 0);
}
