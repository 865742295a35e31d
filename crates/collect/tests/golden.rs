//! Every dump in `tests/fixtures` gives the posts, rejects and counts written beside it in `NAME.expected`.
//! `UPDATE_EXPECTED=1 cargo test` writes them anew.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write, fs, path::Path};
use tm_collect::{Item, Options, open};

fn transcript(path: &Path, options: Options) -> String {
    let mut import = open(path, None, options).expect("a fixture opens");
    let mut out = String::new();
    for item in import.by_ref() {
        match item.expect("a fixture is sound") {
            Item::Post(post) => out += &serde_json::to_string(&post).expect("a post serialises"),
            Item::Reject(r) => write!(out, "reject {}: {} <{}>", r.row, r.reason, r.snippet).expect("memory"),
        }
        out.push('\n');
    }
    let hidden = import.hidden();
    let engine = import.engine().unwrap_or("none");
    let (unapproved, deleted, drafts, moved) =
        (hidden.unapproved, hidden.deleted, hidden.drafts, hidden.moved);
    writeln!(
        out,
        "engine {engine}, unapproved {unapproved}, deleted {deleted}, drafts {drafts}, moved {moved}"
    )
    .expect("memory");
    out
}

#[test]
fn fixtures_give_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut seen = 0;
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|path| path.extension().is_none_or(|e| e != "expected")) {
        let expected = path.with_extension("expected");
        let got = transcript(path, Options::default());
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &got).unwrap();
        }
        let expect = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(got, expect, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 8, "{seen} fixtures");
}

#[test]
fn packed_dumps_give_the_same_posts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let plain = folder.join("mybb-mysql.sql");
    let text = fs::read(&plain).unwrap();
    let (head, tail) = text.split_at(text.len() / 2);
    let work = tempfile::tempdir().unwrap();
    // Two members, two frames: what parallel packers write. The names tell nothing.
    let mut gzip = Vec::new();
    let mut zst = Vec::new();
    for part in [head, tail] {
        let mut member = flate2::read::GzEncoder::new(part, flate2::Compression::fast());
        std::io::copy(&mut member, &mut gzip).unwrap();
        zst.extend(zstd::encode_all(part, 1).unwrap());
    }
    let expect = transcript(&plain, Options::default());
    for (name, bytes) in [("a", gzip), ("b", zst)] {
        let path = work.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(transcript(&path, Options::default()), expect);
    }
}

#[test]
fn link_targets_are_kept_where_asked_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let options = Options { link_targets: true, ..Options::default() };
    assert!(
        transcript(&folder.join("mybb-mysql.sql"), options.clone()).contains("here (https://drop.example/x)")
    );
    assert!(
        transcript(&folder.join("smf-mysql.sql"), options).contains("скрин (http://paste.example/x?a=1&b=2)")
    );
}
