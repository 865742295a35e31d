//! Damaged and hostile input: everything sound before the damage is handed over, memory stays bounded, nothing panics.
#![allow(clippy::unwrap_used)]

use std::{fs, io::Read, path::PathBuf};
use tempfile::TempDir;
use tm_collect::{Bbcode, CollectError, Item, Options, clean_bbcode, open, open_reader};

const SCHEMA: &str = "\
    CREATE TABLE `f_posts` (`pid` int, `tid` int, `uid` int, `username` text, `dateline` int, `message` text, `visible` int);\n\
    CREATE TABLE `f_threads` (`tid` int, `fid` int, `subject` text, `firstpost` int, `closed` text, `visible` int);\n\
    INSERT INTO `f_threads` VALUES (1,1,'t',1,'',1);\n";

struct Work {
    folder: TempDir,
}

impl Work {
    fn new() -> Work {
        Work { folder: tempfile::tempdir().unwrap() }
    }
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
    /// Texts of posts, reasons of rejects, and the error that ended it.
    fn sql(&self, bytes: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>, Option<CollectError>) {
        read(open(self.file("dump.sql", bytes), None, Options::default()).unwrap())
    }
}

fn read(import: tm_collect::Import) -> (Vec<String>, Vec<String>, Option<CollectError>) {
    let (mut posts, mut rejects, mut error) = (Vec::new(), Vec::new(), None);
    for item in import {
        match item {
            Ok(Item::Post(post)) => posts.push(post.text),
            Ok(Item::Reject(reject)) => rejects.push(reject.reason),
            Err(e) => error = Some(e),
        }
    }
    (posts, rejects, error)
}

fn row(id: u32, text: &str) -> String {
    format!("({id},1,0,'a',1700000000,'{text}',1)")
}

#[test]
fn posts_before_a_cut_are_all_there() {
    let rows: Vec<String> =
        (1..200).map(|id| row(id, &format!("post {id} {}", "ж".repeat(id as usize)))).collect();
    let dump = format!("{SCHEMA}INSERT INTO `f_posts` VALUES {};\n", rows.join(","));
    let (posts, _, error) = Work::new().sql(&dump);
    assert_eq!((posts.len(), error.is_none()), (199, true));
    for cut in [dump.len() - 3, dump.len() / 2, SCHEMA.len() + 40] {
        let (posts, rejects, error) = Work::new().sql(&dump.as_bytes()[..cut]);
        let whole = String::from_utf8_lossy(&dump.as_bytes()[..cut]).matches(",1)").count() - 1;
        assert_eq!((posts.len(), rejects.len()), (whole, 0), "cut at {cut}");
        assert!(
            matches!(error, Some(CollectError::Truncated { row, .. }) if row == whole as u64),
            "{error:?}"
        );
    }
}

#[test]
fn a_truncated_archive_gives_its_posts_then_an_error() {
    let mut seed = 7u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        format!("{seed:x}")
    };
    let lines: String = (0..20_000).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}\n", noise())).collect();
    let work = Work::new();
    let mut gzip = Vec::new();
    flate2::read::GzEncoder::new(lines.as_bytes(), flate2::Compression::fast())
        .read_to_end(&mut gzip)
        .unwrap();
    let zst = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    for (name, bytes) in [("a.jsonl.gz", gzip), ("b.jsonl.zst", zst)] {
        let import = open(work.file(name, &bytes[..bytes.len() / 2]), None, Options::default()).unwrap();
        let (posts, rejects, error) = read(import);
        assert!(posts.len() > 3000 && rejects.is_empty(), "{name}: {} posts, {rejects:?}", posts.len());
        let row = posts.len() as u64;
        assert!(
            matches!(&error, Some(CollectError::Truncated { row: at, .. }) if *at == row),
            "{name}: {error:?}"
        );
    }
    let csv = format!("id,text\n{}", "1,some words\n".repeat(50_000));
    let mut gzip = Vec::new();
    flate2::read::GzEncoder::new(csv.as_bytes(), flate2::Compression::fast()).read_to_end(&mut gzip).unwrap();
    let import = open(work.file("c.csv.gz", &gzip[..gzip.len() - 9]), None, Options::default()).unwrap();
    let (posts, rejects, error) = read(import);
    assert!(posts.len() > 49_000 && rejects.is_empty());
    assert!(matches!(error, Some(CollectError::Truncated { .. })), "{error:?}");
}

#[test]
fn an_open_string_ends_in_an_error() {
    let dump = format!("{SCHEMA}INSERT INTO `f_posts` VALUES {},(2,1,0,'a',1,'no end", row(1, "one"));
    let (posts, _, error) = Work::new().sql(dump);
    assert_eq!(posts, ["one"]);
    assert!(matches!(error, Some(CollectError::Truncated { row: 1, .. })), "{error:?}");
}

#[test]
fn odd_bytes_are_kept_out_and_posts_kept() {
    let mut dump = SCHEMA.as_bytes().to_vec();
    dump.extend(
        b"INSERT INTO `f_posts` VALUES (1,1,0,'a\0b',1,'x\0y\xff\\0z\x07',1),(2,1,0,0x6162,1,X'63',1);\0\n",
    );
    let (posts, rejects, error) = Work::new().sql(dump);
    assert_eq!(posts, ["xy\u{fffd}z", "c"]);
    assert!(rejects.is_empty() && error.is_none());
}

#[test]
fn large_values_are_read_up_to_the_limit() {
    let work = Work::new();
    let text = "long ".repeat(200_000);
    let rows = [row(1, "a"), row(2, &text), row(3, "b")].join(",");
    let dump = format!("{SCHEMA}INSERT INTO `f_posts` VALUES {rows};");
    let (posts, ..) = work.sql(&dump);
    assert_eq!(posts[1].len(), text.trim().len());
    let options = Options { max_value: 500_000, ..Options::default() };
    let (posts, rejects, error) = read(open(work.file("d.sql", &dump), None, options).unwrap());
    assert_eq!(posts, ["a", "b"]);
    assert!(rejects.len() == 1 && rejects[0].contains("larger") && error.is_none(), "{rejects:?}");
}

#[test]
fn deep_quotes_do_not_overflow() {
    let nested = format!("{}x{}mine", "[quote=\"a\" pid='1']".repeat(10_000), "[/quote]".repeat(10_000));
    let (posts, ..) = Work::new()
        .sql(format!("{SCHEMA}INSERT INTO f_posts VALUES {};", row(1, &nested.replace('\'', "''"))));
    assert_eq!(posts, ["mine"]);
    for tag in
        ["[quote]", "[b]", "[/quote]", "[code]", "[i=s]", "[url=http://a.example/]", "[b=\" ", "[*]", "["]
    {
        let text = tag.repeat(50_000);
        clean_bbcode(&text, &Bbcode::default());
        let uid = Bbcode { escaped: true, uid: Some("1a"), link_targets: true };
        clean_bbcode(&text.replace(']', ":1a]"), &uid);
    }
}

#[test]
fn missing_schemas_say_what_to_do() {
    let work = Work::new();
    let (.., error) = work.sql("INSERT INTO `f_posts` VALUES (1,2,'x');\n");
    assert!(
        matches!(&error, Some(CollectError::MissingColumns { table, .. }) if table == "f_posts"),
        "{error:?}"
    );
    let (.., error) = work.sql("CREATE TABLE a (x int);\nCREATE TABLE `b` (`y` int);\n");
    assert!(
        matches!(&error, Some(CollectError::UnknownSchema { tables, .. }) if tables == &["a", "b"]),
        "{error:?}"
    );
    let (.., error) = work.sql("");
    assert!(error.unwrap().to_string().ends_with("tables found: none"));
    // With columns in every statement no schema is needed.
    let (posts, _, error) = work.sql(
        "INSERT INTO f_posts (pid, tid, uid, dateline, message, visible) VALUES (1,1,1,1,'ok',1)\n\
         INSERT INTO f_posts (pid, tid, uid, dateline, message, visible) VALUES (2,1,1,1,'ok too',1)",
    );
    assert_eq!((posts.len(), error.is_none()), (2, true));
}

#[test]
fn malformed_statements_are_passed_over() {
    let dump = format!(
        "{SCHEMA}INSERT INTO f_posts VALUES (1,1,0,'a',1,'one',1), oops;\nSELECT 'it''s';\n-- it's\n\
         INSERT INTO f_posts SELECT * FROM x;\n)))\n;INSERT INTO f_posts VALUES (2,1,0,'a',1,'two',1) ON DUPLICATE KEY \
         UPDATE pid = 1;\nREPLACE INTO f_posts VALUES (3,1,0,'a',1,CAST('three' AS CHAR),1);"
    );
    let (posts, _, error) = Work::new().sql(dump);
    assert_eq!(posts, ["one", "two", "three"]);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let work = Work::new();
    let error = |name: &str, bytes: &[u8]| {
        open(work.file(name, bytes), None, Options::default()).unwrap_err().to_string()
    };
    assert!(error("a.sql", b"PK\x03\x04....").contains("cannot open"));
    assert!(error("a.7z", b"7z\xbc\xaf\x27\x1c..").contains("7z file; unpack it first"));
    assert!(error("a.jsonl", b"\xff\xfe{\0").contains("UTF-16LE"));
    assert!(error("a.txt", b"hello").contains("format option"));
    let missing = open(work.folder.path().join("none.sql"), None, Options::default()).unwrap_err();
    assert!(matches!(missing, CollectError::Open { .. }));
    let pipe = open_reader("-", &b"-- MySQL dump\n"[..], None, Options::default()).unwrap_err();
    assert!(matches!(pipe, CollectError::NeedsFile { .. }));
}

#[test]
fn the_meter_reaches_its_total() {
    let work = Work::new();
    let path = work.file("d.sql", format!("{SCHEMA}INSERT INTO f_posts VALUES {};", row(1, "x")));
    let mut import = open(path, None, Options::default()).unwrap();
    let meter = import.meter().clone();
    assert_eq!(import.by_ref().count(), 1);
    assert_eq!(Some(meter.read()), meter.total());
    assert_eq!(import.row(), 1);
}
