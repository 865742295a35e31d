//! What can be wrong when the program starts or while it writes: each a clear error, status 2, and nothing lost.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod program;

use program::{Serving, everything, run, stderr, well};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn posts(folder: &Path, number: usize) -> String {
    let path = folder.join(format!("{number}.jsonl"));
    let text: String = (0..number)
        .map(|i| format!("{{\"id\":\"{i}\",\"forum\":\"f\",\"thread\":\"{}\",\"author\":\"u\",\"text\":\"Selling logs {i}, {}\"}}\n", i / 9, "fresh ".repeat(40)))
        .collect();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// An error in words that a person can act on: status 2, one line, these parts.
fn fails(out: &Output, parts: &[&str]) {
    let said = stderr(out);
    assert_eq!(out.status.code(), Some(2), "{said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for part in parts {
        assert!(said.contains(part), "'{part}' is missing in {said}");
    }
}

/// A store without a log beside it, so that its bytes can be changed.
fn settled(folder: &Path) -> PathBuf {
    let (store, copy) = (folder.join("made.db"), folder.join("s.db"));
    well(&store, &["import", &posts(folder, 400)]);
    well(&store, &["backup", copy.to_str().unwrap()]);
    copy
}

#[test]
fn a_file_that_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    std::fs::write(&store, "these are notes, no database\n".repeat(300)).unwrap();
    let file = posts(folder.path(), 3);
    for arguments in [
        &["threats"][..],
        &["import", &file],
        &["analyze"],
        &["search", "x"],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        fails(
            &run(&store, arguments),
            &["cannot open store", "s.db", "damaged, or no store", "threatminer restore"],
        );
    }
    assert!(std::fs::read_to_string(&store).unwrap().starts_with("these are notes"), "it is left as it was");
    let doctor = run(&store, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("FAIL store"));
}

#[test]
fn a_damaged_page() {
    let folder = tempfile::tempdir().unwrap();
    let store = settled(folder.path());
    let mut bytes = std::fs::read(&store).unwrap();
    // All pages behind the schema: whichever is read first is wrong.
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..100].fill(0xee);
    }
    std::fs::write(&store, bytes).unwrap();
    fails(&run(&store, &["export", "jsonl", "--what", "posts"]), &["threatminer restore"]);
}

#[test]
fn a_store_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let store = settled(folder.path());
    let mut bytes = std::fs::read(&store).unwrap();
    // user_version in the header of the file (https://www.sqlite.org/fileformat.html, section 1.3).
    bytes[60..64].copy_from_slice(&4000u32.to_be_bytes());
    std::fs::write(&store, &bytes).unwrap();
    for arguments in [&["threats"][..], &["analyze"], &["serve", "--listen", "127.0.0.1:0"]] {
        fails(&run(&store, arguments), &["schema version 4000", "use a newer threatminer"]);
    }
    assert!(std::fs::read(&store).unwrap()[60..64] == 4000u32.to_be_bytes(), "it is left as it was");
}

#[test]
fn models_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    well(&store, &["import", &posts(folder.path(), 3)]);
    let garbage = folder.path().join("garbage.safetensors");
    std::fs::write(&garbage, vec![7u8; 5000]).unwrap();
    fails(
        &run(&store, &["analyze", "--model", "/nowhere/model.safetensors"]),
        &["cannot read model /nowhere/model.safetensors", "No such file"],
    );
    fails(&run(&store, &["analyze", "--model", garbage.to_str().unwrap()]), &["garbage.safetensors"]);
    fails(
        &run(&store, &["serve", "--listen", "127.0.0.1:0", "--model", "/nowhere/m"]),
        &["cannot read model"],
    );
    assert_eq!(everything(&store)[0].lines().count(), 3, "posts are read without a model");
}

#[test]
fn places_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = posts(folder.path(), 3);
    fails(
        &run(Path::new("/nowhere/at/all/s.db"), &["import", &file]),
        &["cannot open store /nowhere/at/all/s.db", "folder is missing"],
    );
    fails(&run(folder.path(), &["import", &file]), &["cannot open store"]);
    let store = folder.path().join("s.db");
    well(&store, &["import", &file]);
    // Something else stands where the index goes.
    std::fs::write(folder.path().join("s.db.search"), "a file").unwrap();
    fails(&run(&store, &["search", "logs"]), &["search index in", "s.db.search"]);
    std::fs::remove_file(folder.path().join("s.db.search")).unwrap();
    let serving = Serving::start(&store, &[]);
    fails(&run(&store, &["serve", "--listen", &serving.address]), &["cannot listen on", "--listen"]);
}

/// A small file system of our own, when the tests may mount one.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: &Path, size: &str) -> Option<Mounted> {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .output();
        if done.is_ok_and(|d| d.status.success()) {
            return Some(Mounted(at.to_owned()));
        }
        eprintln!("skipped: this user may not mount a file system");
        None
    }
    fn change(&self, options: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_read_only_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Mounted::new(&folder.path().join("disk"), "64m") else { return };
    let store = disk.0.join("s.db");
    let file = posts(folder.path(), 30);
    well(&store, &["import", &file]);
    disk.change("ro");
    let out = run(&store, &["import", &posts(folder.path(), 40)]);
    // Whether it is told when opening or with the first write depends on what the last program left in the log.
    let said = stderr(&out);
    fails(&out, &["store"]);
    assert!(said.contains("may not be written") || said.contains("is read-only"), "{said}");
    fails(&run(&disk.0.join("new.db"), &["import", &file]), &["cannot open store", "may not be written"]);
    disk.change("rw");
    well(&store, &["import", &posts(folder.path(), 40)]);
    assert_eq!(everything(&store)[0].lines().count(), 40);
}

#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Mounted::new(&folder.path().join("disk"), "6m") else { return };
    let store = disk.0.join("s.db");
    let file = posts(folder.path(), 30_000);
    fails(&run(&store, &["import", &file]), &["full", "what was stored before is safe"]);
    // What was acknowledged is there, each post once, and the import goes on when there is room.
    disk.change("size=200m");
    let stored = everything(&store)[0].lines().count();
    assert!(stored > 0 && stored < 30_000, "{stored} posts");
    well(&store, &["import", &file]);
    assert_eq!(everything(&store)[0].lines().count(), 30_000);
    // A copy that does not fit leaves nothing behind.
    disk.change("size=16m");
    let copy = disk.0.join("copy.db");
    fails(&run(&store, &["backup", copy.to_str().unwrap()]), &["full"]);
    let left = std::fs::read_dir(&disk.0)
        .unwrap()
        .filter(|f| !f.as_ref().unwrap().file_name().to_string_lossy().starts_with("s.db"))
        .count();
    assert_eq!(left, 0);
}
