//! What an import lets into the store, and what it keeps out.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn run(store: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_threatminer"))
        .arg("--quiet")
        .arg("--store")
        .arg(store)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../collect/tests/fixtures")
}

/// All bytes of a store: the file and its log.
fn bytes(store: &Path) -> Vec<u8> {
    let mut all = fs::read(store).unwrap();
    for end in ["-wal", "-shm"] {
        let mut name = store.as_os_str().to_owned();
        name.push(end);
        all.extend(fs::read(name).unwrap_or_default());
    }
    all
}

fn holds(store: &[u8], text: &str) -> bool {
    store.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whatever stands in the dumps beside posts: written into them for this test.
const PERSONAL: [&str; 20] = [
    "vega@mail.example",
    "owl@mail.example",
    "corvus@mail.example",
    "vektor@mail.example",
    "kestrel@mail.example",
    "marlin@mail.example",
    "fox@mail.example",
    "203.0.113.9",
    "203.0.113.10",
    "198.51.100.7",
    "198.51.100.8",
    "192.0.2.3",
    "0123456789abcdef0123456789abcdef",
    "abcdefabcdefabcdefabcdefabcdefab",
    "$2y$10$abcdefghijklmnopqrstuv",
    "$2y$15$0123456789012345678901",
    "$2y$10$cbcdefghijklmnopqrstuv",
    "secret@mail.example",
    "203.0.113.200",
    "fedcba9876543210fedcba98765432ff",
];

/// Rows and lines that are refused: what they say of members must not stand in the words of the refusal.
fn refused(folder: &Path) -> [PathBuf; 3] {
    let dump = folder.join("refused.sql");
    let row = "'secret@mail.example','203.0.113.200','fedcba9876543210fedcba98765432ff'";
    fs::write(
        &dump,
        format!(
            "CREATE TABLE `x_posts` (`pid` int, `tid` int, `message` text, `dateline` int, `ipaddress` text, `email` text, \
             `password` text, `visible` int);\n\
             INSERT INTO `x_posts` VALUES (0,1,'words',1,{row},1),(1,1,'too few',{row}),(2,1,'sound',1,{row},1);\n"
        ),
    )
    .unwrap();
    let lines = folder.join("refused.jsonl");
    fs::write(
        &lines,
        "{\"id\":1,\"email\":\"secret@mail.example\",\"ip\":\"203.0.113.200\",\"hash\":\"fedcba9876543210fedcba98765432ff\"}\n\
         not json secret@mail.example:fedcba9876543210fedcba98765432ff\n{\"text\":[\"secret@mail.example\"]}\n",
    )
    .unwrap();
    let table = folder.join("refused.csv");
    fs::write(
        &table,
        "id,email,ip,text\n1,secret@mail.example,203.0.113.200\n2,secret@mail.example,203.0.113.200,\n",
    )
    .unwrap();
    [dump, lines, table]
}

#[test]
fn nothing_personal_of_a_dump_reaches_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    files.extend(refused(folder.path()));
    // The test is one only if the dumps hold what it looks for.
    let dumps: Vec<u8> = files.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    for text in PERSONAL {
        assert!(holds(&dumps, text), "no dump holds {text}");
    }
    let mut arguments = vec!["import", "--json"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let out = run(&store, &arguments);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let stored = bytes(&store);
    assert!(holds(&stored, "Ravenport") && holds(&stored, "Kestrel") && holds(&stored, "sound"));
    for text in PERSONAL {
        assert!(!holds(&stored, text), "{text} reached the store");
        let said = [&out.stdout[..], &out.stderr[..]].concat();
        assert!(!holds(&said, text), "{text} was said: {}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn personal_data_is_kept_where_asked_for_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let dump = fixtures().join("vbulletin4-mysql.sql");
    let out = run(&store, &["import", "--keep-personal", dump.to_str().unwrap()]);
    assert!(out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("--keep-personal"));
    let stored = bytes(&store);
    for text in ["vega@mail.example", "203.0.113.9", "owl@mail.example", "personal/Grey & Black/vega"] {
        assert!(holds(&stored, text), "{text} is missing");
    }
    for hash in ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "s@lt"] {
        assert!(!holds(&stored, hash), "{hash} reached the store");
    }
}

#[test]
fn what_is_left_out_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let dump = fixtures().join("vbulletin4-mysql.sql");
    let out = run(&store, &["import", dump.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("3 posts stored, 0 known already, 0 rows set aside"), "{text}");
    assert!(
        text.contains("posts left out: 2 deleted, 1 not approved, 1 in stubs of moved threads"),
        "{text}"
    );
    // A dump on standard input goes through a temporary file.
    let child = Command::new(env!("CARGO_BIN_EXE_threatminer"))
        .args(["--quiet", "--store"])
        .arg(&store)
        .args(["import", "--json", "--forum", "F", "-"])
        .stdin(fs::File::open(&dump).unwrap())
        .output()
        .unwrap();
    let row: serde_json::Value = serde_json::from_slice(&child.stdout).unwrap();
    assert_eq!((row["stored"].as_u64(), row["hidden"].as_u64()), (Some(3), Some(4)));
    // Saved pages: what no engine knows is named.
    let pages = folder.path().join("saved");
    fs::create_dir(&pages).unwrap();
    fs::write(pages.join("odd.html"), "<!DOCTYPE html><html><body>hello</body></html>").unwrap();
    let out = run(&store, &["import", pages.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("1 of no known engine") && text.contains("of no known engine: odd.html"), "{text}");
}

#[test]
fn pages_that_no_engine_knows_are_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let pages = folder.path().join("pages");
    fs::create_dir(&pages).unwrap();
    fs::write(pages.join("a.html"), "<!DOCTYPE html><html><body><p>words of nobody</p></body></html>")
        .unwrap();
    let out = run(&store, &["import", pages.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("no forum engine knows its pages"), "{said}");
    // Posts beside them, and a folder without pages, are.
    fs::write(pages.join("b.jsonl"), "{\"id\":1,\"text\":\"words\"}\n").unwrap();
    for _ in 0..2 {
        assert!(run(&store, &["import", pages.to_str().unwrap()]).status.success());
    }
}

#[test]
fn messages_of_chats_that_may_be_private_are_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let chat = folder.path().join("result.json");
    fs::write(
        &chat,
        r#"{"id": 1, "messages": [{"from": "Mum", "id": 1, "text": "to you alone", "type": "message"}], "name": "Mum", "type": "personal_chat"}"#,
    )
    .unwrap();
    let out = run(&store, &["import", "--format", "telegram", chat.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("1 messages of private chats"), "{said}");
    assert!(!holds(&bytes(&store), "to you alone"));
}

/// A tar archive of small files.
fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in members {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", text.len()).as_bytes());
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(text.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

#[test]
fn refusals_of_later_members_are_kept_when_an_import_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let logs = folder.path().join("logs.tar");
    let first = "{\"id\":1,\"text\":\"one\"}\nno json\n{\"id\":2,\"text\":\"two\"}\n";
    let second = "no json\n{\"id\":3,\"text\":\"three\"}\nnor this\n";
    let sound = tar(&[("a.jsonl", first), ("b.jsonl", second)]);
    // The head of the second member is damaged: the import ends behind the first.
    let mut damaged = sound.clone();
    damaged[1024 + 130] ^= 1;
    let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let write = |bytes: &[u8]| {
        fs::write(&logs, bytes).unwrap();
        fs::File::options().write(true).open(&logs).unwrap().set_modified(when).unwrap();
    };
    let import = || run(&store, &["import", "--json", logs.to_str().unwrap()]);
    write(&damaged);
    let cut = import();
    assert!(String::from_utf8_lossy(&cut.stderr).contains("what was read is stored"), "{cut:?}");
    // The same file, as its size and date say, now whole.
    write(&sound);
    let out = import();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let row: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((row["stored"].as_u64(), row["refused"].as_u64()), (Some(1), Some(2)), "{said}");
    for refusal in ["row 2: a.jsonl, row 2: ", "row 4: b.jsonl, row 1: ", "row 6: b.jsonl, row 3: "] {
        assert!(said.contains(refusal), "{said}");
    }
}
