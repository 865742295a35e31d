//! A store with a small forum whose findings are written by hand, a server over it, and a receiver of webhooks.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tm_model::{
    Argument, EntityHit, EntityType, EventHit, EventType, Language, Modality, PostAnalysis, PostRecord, Role,
    Source, Span, Threat, ThreatArgument, ThreatStatus, Timestamp,
};
use tm_server::AppState;
use tm_store::{Analyzed, PostFilter, SqliteStore, StandingRow, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp(1_767_225_600);

pub struct Site {
    pub folder: tempfile::TempDir,
    pub store: Arc<dyn Store>,
}

fn span(text: &str, part: &str) -> Span {
    let at = text.find(part).unwrap_or_else(|| panic!("'{part}' is not in '{text}'"));
    let start = text[..at].chars().count() as u32;
    Span::new(start, start + part.chars().count() as u32)
}

/// What extraction is to have found in a post.
#[derive(Default)]
pub struct Finds<'a> {
    /// Type and value, which stand in the text.
    pub entities: &'a [(EntityType, &'a str)],
    /// Type, modality, trigger, target.
    pub events: &'a [(EventType, Modality, &'a str, Option<&'a str>)],
}

impl Site {
    pub async fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
        Site { folder, store: Arc::new(store) }
    }

    /// Closes the store without any farewell and opens it again, as after a kill.
    pub async fn again(&mut self) {
        self.store = Arc::new(SqliteStore::open(&self.folder.path().join("s.db")).await.unwrap());
    }

    /// Stores a post and its analysis.
    pub async fn post(&self, author: &str, time: i64, text: &str, finds: Finds<'_>) -> i64 {
        let post = PostRecord {
            id: Some(format!("{author}-{time}-{}", text.len())),
            thread: Some("7".into()),
            title: Some("night work".into()),
            author: Some(author.into()),
            time: Some(Timestamp(time)),
            text: text.into(),
            ..PostRecord::default()
        };
        self.store.store_crawled("Test Harbour", &[post], &[]).await.unwrap();
        let id = self.store.next_pending("m", 0, 10).await.unwrap()[0].id;
        self.analyse(id, text, finds).await;
        id
    }

    pub async fn analyse(&self, id: i64, text: &str, finds: Finds<'_>) {
        let entities = finds.entities.iter().map(|(kind, value)| EntityHit {
            kind: *kind,
            value: (*value).into(),
            text: (*value).into(),
            span: span(text, value),
            source: Source::Pattern,
            confidence: 1.0,
        });
        let events = finds.events.iter().map(|(kind, modality, trigger, target)| EventHit {
            kind: *kind,
            modality: *modality,
            confidence: 0.9,
            trigger: span(text, trigger),
            trigger_text: (*trigger).into(),
            arguments: target
                .iter()
                .map(|t| Argument {
                    role: Role::Target,
                    text: (*t).into(),
                    span: span(text, t),
                    confidence: 0.9,
                })
                .collect(),
        });
        let analysis = PostAnalysis {
            language: Language::En,
            relevance: 0.9,
            entities: entities.collect(),
            events: events.collect(),
            vector: vec![1.0, 0.0],
        };
        self.store.store_analyses("m", &[Analyzed { post_id: id, analysis }]).await.unwrap();
    }

    /// Joins all mentions to one threat event.
    pub async fn fuse(&self, id: &str) {
        let mentions = self.store.mentions().await.unwrap();
        let threat = Threat {
            id: id.into(),
            title: "ddos: bank.example".into(),
            kind: mentions[0].kind,
            status: ThreatStatus::Planned,
            severity: 0.8,
            severity_parts: vec![("gravity".into(), 0.8, 1.0, "attack".into())],
            confidence: 0.9,
            first_seen: mentions[0].time,
            last_seen: mentions[mentions.len() - 1].time,
            arguments: vec![ThreatArgument {
                role: Role::Target,
                value: "bank.example".into(),
                count: 1,
                posts: vec![mentions[0].post_id],
            }],
            mentions: mentions.iter().map(|m| m.id).collect(),
        };
        self.store.replace_threats(&[threat]).await.unwrap();
    }

    /// Ranks all accounts, in the order of their names given.
    pub async fn rank(&self, names: &[&str]) {
        let (_, accounts) = self.store.accounts(&PostFilter::default()).await.unwrap();
        let rows: Vec<StandingRow> = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let a = accounts.iter().find(|a| a.name == *name).unwrap();
                StandingRow {
                    account_id: a.id,
                    standing: tm_model::Standing {
                        rank: i as u32 + 1,
                        account: a.id.to_string(),
                        score: 0.9,
                        parts: vec![("structure".into(), 0.9)],
                    },
                    fields: Vec::new(),
                    history: Vec::new(),
                    answers: 0,
                    community: None,
                    roles: Vec::new(),
                }
            })
            .collect();
        self.store.replace_standings(&rows).await.unwrap();
    }

    /// Serves the store; the server ends with the test.
    pub async fn serve(&self) -> SocketAddr {
        let state = AppState::new(Arc::clone(&self.store), None, "m".into());
        let (tell, told) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let address = SocketAddr::from(([127, 0, 0, 1], 0));
            let options = tm_server::Options { address, hosts: Vec::new(), tls: None };
            let ready = |ready: &tm_server::Ready| tell.send(ready.address).unwrap();
            tm_server::serve(options, state, ready, std::future::pending()).await.unwrap();
        });
        told.await.unwrap()
    }
}

/// Status, headers and body of a request.
pub struct Said {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {} {}", self.head, self.text))
    }
}

/// A request; `headers` are whole lines.
pub async fn ask(to: SocketAddr, method: &str, path: &str, headers: &[&str], body: Option<&Value>) -> Said {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    for line in headers {
        text.push_str(&format!("{line}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    } else if method != "GET" {
        text.push_str("content-length: 0\r\n");
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let answer = String::from_utf8(bytes).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let text = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Said { status, head: head.to_owned(), text }
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let n = usize::from_str_radix(size.trim(), 16).unwrap();
        if n == 0 {
            break;
        }
        out.push_str(&rest[..n]);
        body = &rest[n + 2..];
    }
    out
}

/// What a receiver got: head and body of each request.
pub type Got = Arc<Mutex<Vec<(String, String)>>>;

/// A receiver of webhooks that gives each request the next of `answers`, then the last one for ever.
pub async fn receiver(answers: &'static [&'static str]) -> (u16, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let got: Got = Arc::default();
    let kept = Arc::clone(&got);
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            loop {
                let mut part = [0; 8192];
                let n = stream.read(&mut part).await.unwrap();
                bytes.extend_from_slice(&part[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .map_or(0, |l| l.split("\r\n").next().unwrap().parse::<usize>().unwrap());
                if body.len() >= length {
                    kept.lock().unwrap().push((head.to_owned(), body.to_owned()));
                    break;
                }
            }
            let answer = answers[n.min(answers.len() - 1)];
            let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    (port, got)
}
