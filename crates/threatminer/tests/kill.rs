//! Killed at any moment, the next run goes on: nothing lost, nothing twice.
//!
//! A bounded number of kills runs with the tests; more of them, at other moments:
//!
//! ```text
//! THREATMINER_KILLS=200 THREATMINER_SEED=7 cargo test --release --workspace --test kill
//! ```
//!
//! Crawls are killed in `collection.rs`, against a forum of our own.
#![allow(clippy::unwrap_used)]

mod program;

use program::{Serving, command, everything, lines, run, well};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A generator of equally distributed numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A moment of a run that takes so long.
    fn moment(&mut self, whole: Duration) -> Duration {
        Duration::from_micros(self.next() % (whole.as_micros() as u64).max(1))
    }
}

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(otherwise)
}

/// Mostly chatter, as in life; some sales, so that there is something to fuse.
fn posts(folder: &Path, number: usize) -> PathBuf {
    let file = folder.join("posts.jsonl");
    let posts: String = (0..number)
        .map(|i| {
            let text = if i % 150 == 0 { format!("Selling fresh logs number {i}, 10$, tg: @shop_{i}_demo") } else { format!("thanks, see you {i}") };
            format!("{{\"id\":\"{i}\",\"forum\":\"f\",\"thread\":\"{}\",\"author\":\"u{}\",\"time\":{},\"text\":\"{text}\"}}\n", i / 9, i % 70, 1_700_000_000 + i * 60)
        })
        .collect();
    std::fs::write(&file, posts).unwrap();
    file
}

/// Runs a command and kills it (SIGKILL) after a while; true when it got through before.
fn cut_off(store: &Path, arguments: &[&str], after: Duration) -> bool {
    let mut child = command(store, arguments).spawn().unwrap();
    std::thread::sleep(after);
    if let Some(status) = child.try_wait().unwrap() {
        assert!(status.success(), "{arguments:?}: {status}");
        return true;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

/// What the index answers, which must not depend on how it came about.
fn searched(store: &Path) -> String {
    let facets = well(store, &["search", "--facets", "--json", "time:2023.."]);
    let hits = well(store, &["search", "--json", "--limit", "1000", "selling"]);
    let mut ids: Vec<String> = lines(&hits).iter().map(|v| v["external_id"].to_string()).collect();
    ids.sort();
    format!("{facets}{}", ids.join(" "))
}

#[test]
fn killed_at_random_moments_of_everything() {
    let (wanted, mut dice) = (asked("THREATMINER_KILLS", 20), Dice(asked("THREATMINER_SEED", 1)));
    let folder = tempfile::tempdir().unwrap();
    let file = posts(folder.path(), 9000);
    let import = ["import", file.to_str().unwrap()];
    let calm = folder.path().join("calm.db");
    let took = |arguments: &[&str]| {
        let started = Instant::now();
        well(&calm, arguments);
        started.elapsed()
    };
    let (importing, analysing) = (took(&import), took(&["analyze"]));
    let (expected, expected_search) = (everything(&calm), searched(&calm));
    assert_eq!(expected[0].lines().count(), 9000);
    let mut kills = 0;
    for round in 0.. {
        if kills >= wanted {
            break;
        }
        let rough = folder.path().join(format!("rough{round}.db"));
        while kills < wanted && !cut_off(&rough, &import, dice.moment(importing)) {
            kills += 1;
        }
        well(&rough, &import);
        let stored = run(&rough, &["export", "jsonl", "--what", "posts"]);
        assert_eq!(stored.stdout.iter().filter(|b| **b == b'\n').count(), 9000, "posts after {kills} kills");
        // The server analyses as well, and keeps the index while it does.
        for turn in 0.. {
            if kills >= wanted {
                break;
            }
            if turn % 2 == 1 {
                let serving = Serving::start(&rough, &[]);
                std::thread::sleep(dice.moment(analysing));
                serving.kill();
            } else if cut_off(&rough, &["analyze"], dice.moment(analysing)) {
                break;
            }
            kills += 1;
        }
        well(&rough, &["analyze"]);
        let found = everything(&rough);
        for (what, (a, b)) in
            ["posts", "entities", "events", "threats", "actors"].iter().zip(expected.iter().zip(&found))
        {
            assert!(a == b, "{what} differ after {kills} kills");
        }
        assert_eq!(searched(&rough), expected_search, "after {kills} kills");
    }
    assert!(kills >= wanted, "the test must kill something, killed {kills}");
}

#[test]
fn what_an_import_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.db");
    let file = posts(folder.path(), 300);
    let said = &lines(&well(&store, &["import", file.to_str().unwrap(), "--json"]))[0];
    let serving = Serving::start(&store, &[]);
    serving.kill();
    let left = run(&store, &["export", "jsonl", "--what", "posts"]);
    assert_eq!(left.stdout.iter().filter(|b| **b == b'\n').count() as u64, said["stored"].as_u64().unwrap());
    let again = &lines(&well(&store, &["import", file.to_str().unwrap(), "--json"]))[0];
    assert_eq!((again["stored"].as_u64(), again["known"].as_u64()), (Some(0), Some(300)));
}
