//! Killed at any moment, the next run goes on: nothing lost, nothing twice.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn program(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.arg("--quiet").arg("--store").arg(store).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Starts the command again and again, killing it (SIGKILL) after growing pauses, until one run gets through.
fn kill_until_done(store: &Path, arguments: &[&str]) -> u32 {
    let mut kills = 0;
    for pause in (1..).map(|i| Duration::from_millis(20 * i)) {
        let mut child = program(store, arguments).spawn().unwrap();
        std::thread::sleep(pause);
        match child.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "{arguments:?}: {status}");
                return kills;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    unreachable!("pauses grow without end")
}

fn export(store: &Path, what: &str) -> String {
    let out = program(store, &["export", "jsonl", "--what", what]).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn import_and_analysis_survive_kills() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("posts.jsonl");
    // Mostly chatter, as in life; some sales, so that there is something to fuse.
    let posts: String = (0..9000)
        .map(|i| {
            let text = if i % 150 == 0 { format!("Selling fresh logs number {i}, 10$, tg: @shop_{i}_demo") } else { format!("thanks, see you {i}") };
            format!("{{\"id\":\"{i}\",\"forum\":\"f\",\"thread\":\"{}\",\"author\":\"u{}\",\"time\":{},\"text\":\"{text}\"}}\n", i / 9, i % 70, 1_700_000_000 + i * 60)
        })
        .collect();
    std::fs::write(&file, posts).unwrap();
    let file = file.to_str().unwrap();
    let (calm, rough) = (folder.path().join("calm.db"), folder.path().join("rough.db"));
    for arguments in [&["import", file][..], &["analyze"]] {
        assert!(program(&calm, arguments).status().unwrap().success());
    }
    let kills = kill_until_done(&rough, &["import", file]) + kill_until_done(&rough, &["analyze"]);
    assert!(kills > 3, "the test must kill something, killed {kills}");
    assert_eq!(export(&calm, "posts").lines().count(), 9000);
    for what in ["posts", "events", "threats", "actors", "entities"] {
        assert!(export(&calm, what) == export(&rough, what), "{what} differ after {kills} kills");
    }
}
