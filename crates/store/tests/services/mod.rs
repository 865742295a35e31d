//! PostgreSQL and NATS for tests, started from what Debian's packages install, on loopback ports in temporary folders.
//!
//! Where a program is missing the test says so and does nothing, unless `TM_REQUIRE_SERVICES=1` makes that an error.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

fn missing(what: &str, package: &str) {
    let needed = std::env::var("TM_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
    assert!(!needed, "{what} is not installed and TM_REQUIRE_SERVICES=1: install Debian's package {package}");
    eprintln!("skipped: {what} is not installed (Debian's package {package})");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16, child: &mut Child, what: &str) {
    let (address, end) = (SocketAddr::from(([127, 0, 0, 1], port)), Instant::now() + PATIENCE);
    while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("{what} ended with {status}");
        }
        assert!(Instant::now() < end, "{what} did not listen in time");
        std::thread::sleep(Duration::from_millis(30));
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let more = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/bin")];
    std::env::split_paths(&path).chain(more).map(|d| d.join(name)).find(|p| p.is_file())
}

/// A PostgreSQL server with a database for each test.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// User and group to run as: the server refuses to be root.
    user: Option<(u32, u32)>,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
}

static POSTGRES: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

impl Postgres {
    /// The server that the tests of this process share; it ends with the last of them.
    pub fn shared() -> Option<Arc<Postgres>> {
        let mut known = POSTGRES.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(there) = known.upgrade() {
            return Some(there);
        }
        let new = Arc::new(Postgres::start()?);
        *known = Arc::downgrade(&new);
        Some(new)
    }

    /// A server of its own.
    pub fn start() -> Option<Postgres> {
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|d| d.filter_map(|e| Some(e.ok()?.path().join("bin"))).collect())
            .unwrap_or_default();
        versions.retain(|p| p.join("initdb").is_file());
        versions.sort();
        let Some(programs) = versions.pop() else {
            missing("postgres", "postgresql");
            return None;
        };
        let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
        let passwords = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let user = |name: &str| {
            let line = passwords.lines().find(|l| l.split(':').next() == Some(name))?;
            let mut parts = line.split(':').skip(2);
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        };
        let user =
            if root { Some(user("postgres").or_else(|| user("nobody")).expect("a user")) } else { None };
        let folder = tempfile::tempdir().unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let server = Postgres {
            folder,
            programs,
            port: free_port(),
            user,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
        };
        // Another order of texts than that of bytes: the store must not depend on it.
        let made = server
            .command("initdb")
            .args(["-U", "tm", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"])
            .args(["--locale-provider=icu", "--icu-locale=en-US"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.resume();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the server (again).
    pub fn resume(&self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut child = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .args([
                "-p",
                &self.port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "max_connections=100",
            ])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.folder.path().display()))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_for(self.port, &mut child, "postgres");
        *self.server.lock().unwrap() = Some(child);
        let end = Instant::now() + PATIENCE;
        while self.run("postgres", "SELECT 1").is_none() {
            assert!(Instant::now() < end, "postgres does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server at once: connections are cut, what was committed stays.
    pub fn stop(&self) {
        if let Some(mut child) = self.server.lock().unwrap_or_else(|e| e.into_inner()).take() {
            // SIGINT is a fast shutdown.
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }

    /// Runs a statement; what it prints.
    pub fn run(&self, database: &str, sql: &str) -> Option<String> {
        let url = format!("postgres://tm@127.0.0.1:{}/{database}", self.port);
        let out =
            self.command("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, &url]).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    /// A new database: its name and its address.
    pub fn database(&self) -> (String, String) {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}")).expect("a new database");
        let url = format!("postgres://tm@127.0.0.1:{}/{name}", self.port);
        (name, url)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A NATS server with JetStream.
pub struct Nats {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    server: Mutex<Option<Child>>,
}

static NATS: Mutex<Weak<Nats>> = Mutex::new(Weak::new());

impl Nats {
    /// The server that the tests of this process share.
    pub fn shared() -> Option<Arc<Nats>> {
        let mut known = NATS.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(there) = known.upgrade() {
            return Some(there);
        }
        let new = Arc::new(Nats::start()?);
        *known = Arc::downgrade(&new);
        Some(new)
    }

    /// A server of its own.
    pub fn start() -> Option<Nats> {
        let Some(program) = in_path("nats-server") else {
            missing("nats-server", "nats-server");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let nats = Nats { folder, program, port: free_port(), server: Mutex::new(None) };
        nats.resume();
        Some(nats)
    }

    /// Starts the server (again).
    pub fn resume(&self) {
        let mut child = Command::new(&self.program)
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.streams())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(self.port, &mut child, "nats-server");
        *self.server.lock().unwrap() = Some(child);
    }

    /// Kills the server.
    pub fn stop(&self) {
        if let Some(mut child) = self.server.lock().unwrap_or_else(|e| e.into_inner()).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Folder of the streams.
    pub fn streams(&self) -> PathBuf {
        self.folder.path().join("js")
    }

    /// Address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Removes a folder with all it holds.
pub fn wipe(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
}

/// Which store a test runs on.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// An empty store with what it lives in.
pub struct Opened {
    store: Box<dyn tm_store::Store>,
    _folder: TempDir,
    _server: Option<Arc<Postgres>>,
}

impl std::ops::Deref for Opened {
    type Target = dyn tm_store::Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Opens an empty store; none when its server is not installed.
pub async fn open(kind: Kind) -> Option<Opened> {
    let folder = tempfile::tempdir().unwrap();
    let (store, server): (Box<dyn tm_store::Store>, _) = match kind {
        Kind::Sqlite => {
            (Box::new(tm_store::SqliteStore::open(&folder.path().join("s.db")).await.unwrap()), None)
        }
        Kind::Postgres => {
            let server = Postgres::shared()?;
            (Box::new(tm_store::PostgresStore::open(&server.database().1).await.unwrap()), Some(server))
        }
    };
    Some(Opened { store, _folder: folder, _server: server })
}

/// Makes each of the functions a test on both stores.
#[macro_export]
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::services::Kind::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::services::Kind::Postgres).await;
            })*
        }
    };
}
