//! Several processes, and what befalls them: each time the results are those of one process, nothing twice, nothing lost.
//!
//! PostgreSQL and NATS are started by the tests themselves (Debian's packages `postgresql` and `nats-server`).
#![allow(clippy::unwrap_used)]

#[path = "../../store/tests/services/mod.rs"]
mod services;

use services::{Nats, Postgres};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tm_store::{NatsOptions, NatsQueue, Offer, WorkQueue};

/// How long a cluster may take to get through.
const PATIENCE: Duration = Duration::from_secs(180);
/// A word at which a worker ends, when it is told to.
const POISON: &str = "zzpoisonzz";
const POSTS: usize = 500;
/// Which post holds the word.
const POISONED: usize = 307;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.args(arguments).stdin(Stdio::null()).env("RUST_LOG", "warn,threatminer=info");
    command
}

fn run(arguments: &[&str]) -> Output {
    let out = program(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

/// Mostly chatter, as in life; some offers, so that there is something to find and to join.
fn posts() -> String {
    (0..POSTS)
        .map(|i| {
            let text = match i % 25 {
                _ if i == POISONED => format!("thanks all {POISON}"),
                0 => format!("Selling fresh logs number {i}, 10$, tg: @shop_{}_demo", i % 4),
                1 => format!("продам логи {i}, писать в telegram @shop_{}_demo, 203.0.113.{}", i % 3, i % 200),
                2 => format!("出售信用卡料子 {i}，联系 telegram @shop_{}_demo", i % 3),
                3 => format!("DDoS on http://bank{}.example/ starts tonight", i % 5),
                _ => format!("thanks, see you {i}"),
            };
            let time = 1_735_000_000 + i * 3600;
            format!(
                "{{\"id\":\"p{i}\",\"forum\":\"Test Harbour\",\"thread\":\"t{}\",\"author\":\"a{}\",\"time\":{time},\"text\":\"{text}\",\"reply_to\":\"p{}\"}}\n",
                i % 40, i % 23, i / 2
            )
        })
        .collect()
}

/// Exports by what they are of.
type Exports = Vec<(&'static str, String)>;

/// What a store says, in the words of the exports.
fn exports(store: &str) -> Exports {
    ["posts", "entities", "events", "threats", "actors"]
        .map(|what| {
            let out = run(&["--quiet", "--store", store, "export", "jsonl", "--what", what]);
            (what, String::from_utf8(out.stdout).unwrap())
        })
        .into()
}

/// The posts, and what one process with SQLite makes of them.
fn reference() -> &'static (TempDir, PathBuf, Exports) {
    static REFERENCE: OnceLock<(TempDir, PathBuf, Exports)> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("posts.jsonl");
        std::fs::write(&file, posts()).unwrap();
        let store = folder.path().join("one.db").display().to_string();
        run(&["--quiet", "--store", &store, "import", &file.display().to_string()]);
        run(&["--quiet", "--store", &store, "analyze"]);
        let said = exports(&store);
        assert_eq!(said[0].1.lines().count(), POSTS);
        assert!(said[2].1.lines().count() > 20, "something is found: {}", said[2].1.lines().count());
        (folder, file, said)
    })
}

/// A process that ends with the test; what it logs is kept.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Cluster {
    folder: TempDir,
    postgres: Arc<Postgres>,
    nats: Arc<Nats>,
    database: String,
    url: String,
    prefix: String,
}

impl Cluster {
    /// A cluster with the posts in its store; `own` servers can be stopped.
    fn new(name: &str, own: bool) -> Option<Cluster> {
        let (postgres, nats) = if own {
            (Arc::new(Postgres::start()?), Arc::new(Nats::start()?))
        } else {
            (Postgres::shared()?, Nats::shared()?)
        };
        let folder = tempfile::tempdir().unwrap();
        let (database, url) = postgres.database();
        let cluster = Cluster { folder, postgres, nats, database, url, prefix: name.to_owned() };
        cluster.configure("");
        Some(cluster)
    }

    fn import(self) -> Cluster {
        let (_, file, _) = reference();
        run(&["--quiet", "--store", &self.url, "import", &file.display().to_string()]);
        self
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "[cluster]\nstore = '{}'\nqueue = '{}'\nprefix = '{}'\nlease_seconds = 2\n{more}",
            self.url,
            self.nats.url(),
            self.prefix
        );
        std::fs::write(self.configuration(), text).unwrap();
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("threatminer.toml")
    }

    fn start(&self, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let log = self.folder.path().join(format!("{name}.log"));
        let child = program(arguments)
            .arg("--config")
            .arg(self.configuration())
            .args(["--threads", "1"])
            .envs(environment.iter().copied())
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Process { child, log }
    }

    fn analyst(&self) -> Process {
        self.start("analyst", &["analyst", "--every", "600"], &[])
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.run(&self.database, sql).unwrap_or_default()
    }

    fn analysed(&self) -> usize {
        self.sql("SELECT count(*) FROM post WHERE analyzed IS NOT NULL").parse().unwrap_or(0)
    }

    fn wait(&self, what: &str, mut met: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !met() {
            if Instant::now() > end {
                let logs: Vec<String> = std::fs::read_dir(self.folder.path())
                    .unwrap()
                    .filter_map(|f| std::fs::read_to_string(f.unwrap().path()).ok())
                    .collect();
                panic!(
                    "{what} did not come in time; {} posts analysed\n{}",
                    self.analysed(),
                    logs.join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// Waits until all is analysed or set aside, and concluded.
    fn wait_for_the_end(&self) {
        self.wait("the end", || {
            self.sql(
                "SELECT (SELECT count(*) FROM post WHERE analyzed IS NULL AND id NOT IN (SELECT post_id FROM quarantine)) = 0
                 AND (SELECT value FROM fact WHERE key = 'concluded') = 'yes'",
            ) == "t"
        });
    }

    fn assert_like_one_process(&self) {
        for ((what, ours), (_, theirs)) in reference().2.iter().zip(exports(&self.url)) {
            let at = ours.lines().zip(theirs.lines()).find(|(a, b)| a != b);
            assert!(
                *ours == theirs,
                "{what} differ, {} and {} lines: {at:#?}",
                ours.lines().count(),
                theirs.lines().count()
            );
        }
    }

    fn queue(&self) -> (tokio::runtime::Runtime, NatsQueue) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let second = Duration::from_secs(2);
        let options = NatsOptions {
            prefix: self.prefix.clone(),
            patience: second,
            window: second,
            ..NatsOptions::default()
        };
        let queue = runtime.block_on(NatsQueue::connect(&self.nats.url(), options)).unwrap();
        (runtime, queue)
    }
}

#[test]
fn a_worker_killed_in_the_middle_costs_nothing() {
    let Some(cluster) = Cluster::new("killed", false) else { return };
    let cluster = cluster.import();
    let _analyst = cluster.analyst();
    // One that takes two seconds for a batch is killed with two of them in hand.
    let mut slow = cluster.start("slow", &["worker"], &[("THREATMINER_FAULT_SLOW", "2000")]);
    cluster.wait("the first batch", || cluster.analysed() > 0);
    std::thread::sleep(Duration::from_millis(700));
    slow.kill();
    assert!(cluster.analysed() < POSTS);
    let healthy = cluster.start("healthy", &["worker"], &[]);
    cluster.wait_for_the_end();
    cluster.assert_like_one_process();
    assert!(healthy.log().contains("a batch came back"), "the log says what happened: {}", healthy.log());
    assert_eq!(cluster.sql("SELECT count(*) FROM quarantine"), "0");
}

#[test]
fn postgres_restarted_under_load_is_waited_for() {
    let Some(cluster) = Cluster::new("restarted", true) else { return };
    let cluster = cluster.import();
    let analyst = cluster.analyst();
    let _workers: Vec<Process> = ["one", "two"]
        .map(|name| cluster.start(name, &["worker"], &[("THREATMINER_FAULT_SLOW", "400")]))
        .into();
    cluster.wait("the first batch", || cluster.analysed() > 0);
    cluster.postgres.stop();
    // Longer than a lease: it is renewed while its worker waits.
    std::thread::sleep(Duration::from_secs(5));
    cluster.postgres.resume();
    cluster.wait_for_the_end();
    cluster.assert_like_one_process();
    assert!(analyst.log().contains("the connection to the store was lost"), "{}", analyst.log());
    assert_eq!(cluster.sql("SELECT count(*) FROM quarantine"), "0", "it was not the posts' fault");
}

#[test]
fn a_queue_that_lost_everything_is_filled_again() {
    let Some(cluster) = Cluster::new("wiped", true) else { return };
    let cluster = cluster.import();
    let _analyst = cluster.analyst();
    let _worker = cluster.start("worker", &["worker"], &[("THREATMINER_FAULT_SLOW", "700")]);
    cluster.wait("the first batch", || cluster.analysed() > 0);
    cluster.nats.stop();
    services::wipe(&cluster.nats.streams());
    std::thread::sleep(Duration::from_secs(1));
    assert!(cluster.analysed() < POSTS, "work was left in the queue");
    cluster.nats.resume();
    cluster.wait_for_the_end();
    cluster.assert_like_one_process();
}

#[test]
fn what_is_delivered_twice_is_stored_once() {
    let Some(cluster) = Cluster::new("twice", false) else { return };
    let cluster = cluster.import();
    let _workers: Vec<Process> = ["one", "two"].map(|name| cluster.start(name, &["worker"], &[])).into();
    let (runtime, queue) = cluster.queue();
    let version = {
        let out = run(&["model", "info", "--json"]);
        let info: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        info["version"].as_str().or(info["name"].as_str()).unwrap().to_owned()
    };
    let ids: Vec<i64> =
        cluster.sql("SELECT id FROM post ORDER BY id").lines().map(|l| l.parse().unwrap()).collect();
    // Every post three times, in batches that overlap.
    for size in [50, 70, 31] {
        for part in ids.chunks(size) {
            let offer = Offer { version: version.clone(), posts: part.to_vec() };
            runtime.block_on(queue.offer(&offer)).unwrap();
        }
    }
    cluster.wait("all of them", || cluster.analysed() == POSTS);
    cluster.wait("an empty queue", || runtime.block_on(queue.open()).unwrap() == 0);
    let _analyst = cluster.analyst();
    cluster.wait_for_the_end();
    cluster.assert_like_one_process();
}

#[test]
fn a_poison_post_is_set_aside_alone() {
    let Some(cluster) = Cluster::new("poison", false) else { return };
    let cluster = cluster.import();
    let _analyst = cluster.analyst();
    // Started again whenever it ends, as systemd does.
    let poison = [("THREATMINER_FAULT_ABORT", POISON)];
    let mut worker = cluster.start("worker", &["worker"], &poison);
    let mut ended = 0;
    cluster.wait("quarantine", || {
        if worker.child.try_wait().unwrap().is_some() {
            ended += 1;
            worker = cluster.start("worker", &["worker"], &poison);
        }
        cluster.sql("SELECT count(*) FROM quarantine") == "1"
    });
    cluster.wait_for_the_end();
    // Once with its batch, three times by itself.
    assert_eq!(ended, 4, "{}", worker.log());
    let set_aside = cluster.sql("SELECT p.external_id FROM quarantine q JOIN post p ON p.id = q.post_id");
    assert_eq!(set_aside, format!("p{POISONED}"));
    assert!(worker.log().contains("post set aside"));
    let doctor = program(&["doctor", "--store", &cluster.url]).output().unwrap();
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("1 posts that cannot be analysed"));
    // All the rest is as if nothing had been; what a later run without the fault makes of the post as well.
    run(&["--quiet", "--store", &cluster.url, "analyze", "--again"]);
    cluster.assert_like_one_process();
}

/// A forum of one board that shows `threads` threads of two posts each.
fn forum(threads: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut line = String::new();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let _ = reader.read_line(&mut line);
            let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
            let mut header = String::new();
            while reader.read_line(&mut header).is_ok_and(|n| n > 2) {
                header.clear();
            }
            let mut page = String::from(
                "<html><body id=\"phpbb\"><div id=\"site-description\"><h1>Little Harbour</h1></div><div id=\"page-body\">",
            );
            let thread: usize = path.split("t=").nth(1).and_then(|t| t.parse().ok()).unwrap_or(0);
            if path.starts_with("/viewtopic.php") {
                page.push_str(&format!("<h2 class=\"topic-title\"><a href=\"./viewtopic.php?t={thread}\">thread {thread}</a></h2>"));
                for n in 0..2 {
                    page.push_str(&format!(
                        "<div id=\"p{}\" class=\"post\"><p class=\"author\">by <a class=\"username\">vega</a> » <time datetime=\"2026-01-01T00:0{n}:00+00:00\">x</time></p>\
                         <div class=\"content\">thread {thread} post {n}</div></div>",
                        thread * 10 + n
                    ));
                }
            } else if path.starts_with("/viewforum.php") {
                for t in 1..=threads {
                    page.push_str(&format!(
                        "<li class=\"row\"><dl><a class=\"topictitle\" href=\"./viewtopic.php?t={t}\">thread {t}</a><dd class=\"posts\">1</dd></dl></li>"
                    ));
                }
            } else {
                page.push_str(&format!(
                    "<li class=\"row\"><dl><a class=\"forumtitle\" href=\"./viewforum.php?f=1\">Market</a><dd class=\"topics\">{threads}</dd><dd class=\"posts\">{}</dd></dl></li>",
                    threads * 2
                ));
            }
            let (status, page) =
                if path == "/robots.txt" { ("404 Not Found", String::new()) } else { ("200 OK", page) };
            let _ = write!(
                socket,
                "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    port
}

#[test]
fn collected_posts_wait_for_a_store_that_is_away() {
    let Some(cluster) = Cluster::new("collected", true) else { return };
    let port = forum(7);
    cluster.configure(&format!(
        "[[source]]\nurl = 'http://127.0.0.1:{port}/'\nschedule = '0 0 1 1 *'\ndelay = 0\nallow_private = true\n"
    ));
    let worker = cluster.start("worker", &["worker"], &[]);
    cluster.wait("the worker", || worker.log().contains("worker of model"));
    cluster.postgres.stop();
    // The collector has no store: its posts are kept by the queue while the database is down.
    let collector = cluster.start("collector", &["collector", "--memory", "seen.db"], &[]);
    cluster.wait("the crawl", || collector.log().contains("collected"));
    cluster.postgres.resume();
    cluster.wait("the posts", || cluster.sql("SELECT count(*) FROM post") == "14");
    cluster.wait("the source", || {
        cluster.sql("SELECT state || ' ' || forum FROM source") == "good Little Harbour"
    });
    let (runtime, queue) = cluster.queue();
    cluster.wait("acknowledgements", || runtime.block_on(queue.parcels()).unwrap_or(1) == 0);
    assert_eq!(cluster.sql("SELECT text FROM post WHERE external_id = '31'"), "thread 3 post 1");
    drop(collector);
    // It remembers: started anew, it hands over nothing again.
    let again = Command::new(env!("CARGO_BIN_EXE_threatminer"))
        .args(["sources", "--json", "--store"])
        .arg(cluster.folder.path().join("seen.db"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&again.stdout).contains("\"good\""));
}

#[test]
fn a_store_is_moved_by_the_program() {
    let Some(postgres) = Postgres::shared() else { return };
    let (folder, _, said) = reference();
    let store = folder.path().join("one.db").display().to_string();
    let (_, url) = postgres.database();
    let moved = run(&["migrate", "--from", &store, "--to", &url, "--json"]);
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(&moved.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let post = lines.iter().find(|l| l["table"] == "post").unwrap();
    assert_eq!(
        (post["rows"].as_u64(), post["checksum"].as_str().map(str::len)),
        (Some(POSTS as u64), Some(64))
    );
    assert_eq!(*said, exports(&url));
    // A second time: the target is not empty.
    let again = program(&["migrate", "--from", &store, "--to", &url]).output().unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));
    assert!(!Path::new(&url).exists());
}
