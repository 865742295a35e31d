//! The real program, for tests: run, serve, ask.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The program on a store.
pub fn command(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
    command.arg("--quiet").arg("--store").arg(store).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(store: &Path, arguments: &[&str]) -> Output {
    command(store, arguments).output().unwrap()
}

/// Runs a command that must end well.
pub fn well(store: &Path, arguments: &[&str]) -> String {
    let out = run(store, arguments);
    assert!(out.status.success(), "{arguments:?}: {} {}", out.status, stderr(&out));
    String::from_utf8(out.stdout).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e} in {l}"))).collect()
}

/// All that is known, to be compared byte for byte.
pub fn everything(store: &Path) -> Vec<String> {
    ["posts", "entities", "events", "threats", "actors"]
        .map(|what| String::from_utf8(run(store, &["export", "jsonl", "--what", what]).stdout).unwrap())
        .into()
}

/// A server of our own; it ends with the test, whatever becomes of the test.
pub struct Serving {
    pub child: Child,
    pub address: String,
}

impl Serving {
    /// Starts `serve` on a free port and waits until it listens.
    pub fn start(store: &Path, more: &[&str]) -> Serving {
        let mut command = Command::new(env!("CARGO_BIN_EXE_threatminer"));
        command.arg("--store").arg(store).args(["serve", "--listen", "127.0.0.1:0"]).args(more);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "serve ended: {said}");
            said.push_str(&line);
            if let Some((_, rest)) = line.split_once("serving on http://") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Nobody may have to wait for room in the pipe.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Serving { child, address }
    }

    /// Status and body of a path.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut socket = TcpStream::connect(&self.address).ok()?;
        write!(socket, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address).ok()?;
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, unchunked(head, body)))
    }

    pub fn json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.get(path).unwrap();
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {status} {e} in {body}"))
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(head: &str, body: &str) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut out) = (body.as_bytes(), Vec::new());
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap_or("0"), 16).unwrap_or(0);
        if size == 0 || rest.len() < end + 4 + size {
            break;
        }
        out.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A value as part of a query string.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
