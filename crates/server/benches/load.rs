//! Many clients at the lists of a store: `cargo bench --workspace --bench load -- STORE.db [CLIENTS] [SECONDS]`.
//!
//! First one client alone, request after request; then CLIENTS at the same time, each with a pause of a second as of someone who
//! reads; then CLIENTS without any pause, which shows what the machine can do. Client and server share the processors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_server::{AppState, Options, serve};
use tm_store::SqliteStore;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const PATHS: [&str; 5] = [
    "/api/v1/threats?limit=50",
    "/api/v1/threats?family=trade&sort=last_seen&limit=50",
    "/api/v1/actors?limit=50",
    "/api/v1/entities?limit=50",
    "/api/v1/searches",
];

struct Client {
    socket: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    async fn new(address: SocketAddr) -> Client {
        Client { socket: BufReader::new(TcpStream::connect(address).await.unwrap()), address }
    }

    /// One request; its status.
    async fn get(&mut self, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        self.socket.get_mut().write_all(request.as_bytes()).await.unwrap();
        let (mut status, mut length) = (0, 0usize);
        loop {
            let mut line = String::new();
            assert!(self.socket.read_line(&mut line).await.unwrap() > 0, "the server closed the connection");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await.unwrap();
        status
    }
}

fn report(name: &str, mut times: Vec<f64>, failed: usize, wall: f64) {
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize] * 1e3;
    println!(
        "{name}: {} requests ({:.0}/s), {failed} failed, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        times.len(),
        times.len() as f64 / wall,
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

async fn run(address: SocketAddr, clients: usize, pause: Duration, seconds: f64) -> (Vec<f64>, usize, f64) {
    let began = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..clients {
        tasks.push(tokio::spawn(async move {
            let mut client = Client::new(address).await;
            // Readers do not click in step.
            tokio::time::sleep(pause * n as u32 / clients as u32).await;
            let (mut times, mut failed) = (Vec::new(), 0);
            for i in n.. {
                if began.elapsed().as_secs_f64() > seconds {
                    break;
                }
                let start = Instant::now();
                failed += usize::from(client.get(PATHS[i % PATHS.len()]).await != 200);
                times.push(start.elapsed().as_secs_f64());
                tokio::time::sleep(pause).await;
            }
            (times, failed)
        }));
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    for task in tasks {
        let (t, f) = task.await.unwrap();
        times.extend(t);
        failed += f;
    }
    (times, failed, began.elapsed().as_secs_f64())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(store) = arguments.first() else {
        println!("usage: cargo bench --workspace --bench load -- STORE.db [CLIENTS] [SECONDS]");
        return;
    };
    let clients: usize = arguments.get(1).map_or(200, |a| a.parse().unwrap());
    let seconds: f64 = arguments.get(2).map_or(10.0, |a| a.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(Path::new(store)).await.unwrap());
        let state = AppState::new(store, None, String::new());
        let (tell, told) = tokio::sync::oneshot::channel();
        let options = Options { address: "127.0.0.1:0".parse().unwrap(), hosts: Vec::new(), tls: None };
        tokio::spawn(serve(options, state, move |r| tell.send(r.address).unwrap(), std::future::pending()));
        let address = told.await.unwrap();
        let (times, failed, wall) = run(address, 1, Duration::ZERO, seconds / 2.0).await;
        report("one client", times, failed, wall);
        let (times, failed, wall) = run(address, clients, Duration::from_secs(1), seconds).await;
        report(&format!("{clients} clients, a request a second each"), times, failed, wall);
        let (times, failed, wall) = run(address, clients, Duration::ZERO, seconds).await;
        report(&format!("{clients} clients without pause"), times, failed, wall);
    });
}
