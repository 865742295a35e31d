//! `backup` and `restore` on the real program.
#![allow(clippy::unwrap_used)]

mod program;

use program::{Serving, command, everything, lines, run, stderr, well};
use std::path::{Path, PathBuf};

fn posts(folder: &Path, from: usize, to: usize) -> String {
    let path = folder.join(format!("{from}.jsonl"));
    let text: String = (from..to)
        .map(|i| {
            let words = if i % 10 == 0 { format!("Selling fresh logs {i}, 10$, tg: @shop_{i}_demo") } else { format!("see you {i}") };
            format!("{{\"id\":\"{i}\",\"forum\":\"f\",\"thread\":\"{}\",\"author\":\"u{}\",\"time\":{},\"text\":\"{words}\"}}\n", i / 9, i % 7, 1_700_000_000 + i * 60)
        })
        .collect();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Names of what lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

#[test]
fn a_backup_is_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, copies) = (folder.path().join("s.db"), folder.path().join("copies"));
    std::fs::create_dir(&copies).unwrap();
    let copy = copies.join("copy.db");
    well(&store, &["import", &posts(folder.path(), 0, 60)]);
    well(&store, &["analyze"]);
    let said = &lines(&well(&store, &["backup", text(&copy), "--json"]))[0];
    assert_eq!(said["posts"], 60);
    assert_eq!(names(&copies), ["copy.db"], "nothing else is left");
    let again = run(&store, &["backup", text(&copy)]);
    assert_eq!((again.status.code(), stderr(&again).contains("--force")), (Some(2), true));
    assert_eq!(everything(&store), everything(&copy));
    well(&store, &["backup", text(&copy), "--force"]);
    let itself = run(&store, &["backup", text(&store), "--force"]);
    assert!(stderr(&itself).contains("is the store itself"), "{}", stderr(&itself));
    let nowhere = run(&store, &["backup", "/nowhere/at/all.db"]);
    assert_eq!(
        (nowhere.status.code(), stderr(&nowhere).contains("cannot write to /nowhere/at")),
        (Some(2), true)
    );
    let none = run(&folder.path().join("none.db"), &["backup", text(&copies.join("x.db"))]);
    assert!(stderr(&none).contains("there is no store"), "{}", stderr(&none));
}

#[test]
fn backups_while_posts_arrive_and_are_served_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    well(&store, &["import", &posts(folder.path(), 0, 500)]);
    let serving = Serving::start(&store, &[]);
    let file = posts(folder.path(), 500, 30_000);
    let mut writer = command(&store, &["import", &file]).spawn().unwrap();
    let mut sizes = Vec::new();
    for n in 0..4 {
        let copy = folder.path().join(format!("copy{n}.db"));
        let said = &lines(&well(&store, &["backup", text(&copy), "--json"]))[0];
        sizes.push(said["posts"].as_u64().unwrap());
        // What a copy holds is a moment of the import: whole batches, each post once.
        let rows = String::from_utf8(run(&copy, &["export", "jsonl", "--what", "posts"]).stdout).unwrap();
        assert_eq!(rows.lines().count() as u64, sizes[n]);
    }
    assert!(writer.wait().unwrap().success());
    assert!(sizes.is_sorted(), "{sizes:?}");
    drop(serving);
}

#[test]
fn restore_verifies_and_never_overwrites_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let (store, copy) = (folder.path().join("s.db"), folder.path().join("copy.db"));
    well(&store, &["import", &posts(folder.path(), 0, 60)]);
    well(&store, &["analyze"]);
    well(&store, &["backup", text(&copy)]);
    let before = everything(&store);
    // The index knows a post that the backup does not.
    well(&store, &["import", &posts(folder.path(), 60, 61)]);
    well(&store, &["search", "60"]);
    let refused = run(&store, &["restore", text(&copy)]);
    assert_eq!((refused.status.code(), stderr(&refused).contains("--force")), (Some(2), true));
    let serving = Serving::start(&store, &[]);
    let busy = run(&store, &["restore", text(&copy), "--force"]);
    assert_eq!(busy.status.code(), Some(2));
    assert!(stderr(&busy).contains("another process uses"), "{}", stderr(&busy));
    serving.kill();
    let said = &lines(&well(&store, &["restore", text(&copy), "--force", "--json"]))[0];
    assert_eq!(said["posts"], 60);
    assert_eq!(everything(&store), before);
    assert_eq!(
        run(&store, &["search", "thread:6 author:u4 60"]).status.code(),
        Some(1),
        "the index is of the new store"
    );
    let fresh = folder.path().join("fresh.db");
    well(&fresh, &["restore", text(&copy)]);
    assert_eq!(everything(&fresh), before);
    let left: Vec<String> = names(folder.path()).into_iter().filter(|n| n.starts_with(".tmp")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn damaged_backups_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, copy) = (folder.path().join("s.db"), folder.path().join("copy.db"));
    well(&store, &["import", &posts(folder.path(), 0, 600)]);
    well(&store, &["backup", text(&copy)]);
    let before = everything(&store);
    let sound = std::fs::read(&copy).unwrap();
    let bad: PathBuf = folder.path().join("bad.db");
    let mut flipped = sound.clone();
    // The middle of a table's page: cell pointers that lead nowhere.
    flipped[3 * 4096..3 * 4096 + 64].fill(0xa5);
    let mut newer = sound.clone();
    newer[60..64].copy_from_slice(&999u32.to_be_bytes());
    for (what, bytes, part) in [
        ("flipped", flipped, "not sound"),
        ("cut", sound[..sound.len() / 2].to_vec(), "not sound"),
        ("text", b"not a database at all, only words".repeat(40), "not sound"),
        ("empty", Vec::new(), "no store"),
        ("newer", newer, "use a newer threatminer"),
    ] {
        std::fs::write(&bad, bytes).unwrap();
        let out = run(&store, &["restore", text(&bad), "--force"]);
        assert_eq!(out.status.code(), Some(2), "{what}");
        assert!(
            stderr(&out).contains("nothing was restored") && stderr(&out).contains(part),
            "{what}: {}",
            stderr(&out)
        );
        assert!(everything(&store) == before, "{what} changed the store");
    }
    let missing = run(&store, &["restore", text(&folder.path().join("missing.db")), "--force"]);
    assert!(stderr(&missing).contains("there is no file"), "{}", stderr(&missing));
    // A backup brings a damaged store back.
    std::fs::write(&store, b"rubbish ".repeat(2000)).unwrap();
    let broken = run(&store, &["threats"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(stderr(&broken).contains("threatminer restore"), "{}", stderr(&broken));
    well(&store, &["restore", text(&copy), "--force"]);
    assert_eq!(everything(&store), before);
}
