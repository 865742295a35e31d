//! The API as programs meet it: a small store, requests, answers that must fit the description.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod login;
mod roles;
mod scenarios;
mod schema;
mod stream;
mod tls;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tm_model::{
    Argument, EntityHit, EntityType, EventHit, EventType, Language, Modality, PostAnalysis, PostRecord,
    Role as Part, Source, Span, Standing, Timestamp,
};
use tm_server::{AppState, Hub, Options, ServeError, serve};
use tm_store::{
    AlertRound, AliasRow, Analyzed, NewAlert, NewUser, PostFilter, RoleRow, RuleRow, SessionRow, SourceRow,
    SqliteStore, StandingRow, Store, TokenRow,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What of a secret the store has.
pub(crate) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// This moment.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(since.as_secs() as i64)
}

/// A store, and a server over it that stops with the fixture.
pub(crate) struct Fixture {
    pub address: SocketAddr,
    pub store: Arc<SqliteStore>,
    pub stream: Arc<Hub>,
    /// Secret of the link that makes the first user.
    pub setup: Option<String>,
    pub server: JoinHandle<Result<(), ServeError>>,
    pub halt: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

/// An answer.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

/// What an attacker would put into a title, a name, a post.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

fn place(text: &str, needle: &str) -> Span {
    let at = text.find(needle).unwrap();
    let start = text[..at].chars().count() as u32;
    Span::new(start, start + needle.chars().count() as u32)
}

fn entity(text: &str, needle: &str, kind: EntityType) -> EntityHit {
    EntityHit {
        kind,
        value: needle.to_lowercase(),
        text: needle.into(),
        span: place(text, needle),
        source: Source::Pattern,
        confidence: 0.9,
    }
}

fn event(text: &str, trigger: &str, kind: EventType, arguments: &[(Part, &str)]) -> EventHit {
    let arguments = arguments.iter().map(|(role, words)| Argument {
        role: *role,
        text: (*words).into(),
        span: place(text, words),
        confidence: 0.8,
    });
    EventHit {
        kind,
        modality: Modality::Asserted,
        confidence: 0.8,
        trigger: place(text, trigger),
        trigger_text: trigger.into(),
        arguments: arguments.collect(),
    }
}

/// Posts of two forums in three languages, with what was found in them.
async fn fill(store: &SqliteStore) {
    let start = 1_767_225_600;
    let post = |id: &str, thread: &str, author: &str, text: &str, n: i64| PostRecord {
        id: Some(id.into()),
        thread: Some(thread.into()),
        title: Some(if thread == "1" { HOSTILE.into() } else { format!("thread {thread}") }),
        author: Some(author.into()),
        time: Some(Timestamp(start + n * 3600)),
        text: text.into(),
        ..PostRecord::default()
    };
    let sell = "selling loader Quartz 2.0, telegram @x_demo_shop, card 4111 1111 1111 1111";
    let answer = format!("@plastik_demo vouch {HOSTILE}");
    let attack = "начинаем ддос на Bank Demo в Москва";
    let leak = "泄露 Demo Corp 数据库";
    let mut reply = post("2", "1", HOSTILE, &answer, 1);
    reply.reply_to = Some("1".into());
    store
        .store_crawled(
            "Harbour",
            &[post("1", "1", "plastik_demo", sell, 0), reply, post("3", "2", "vega_demo", leak, 2)],
            &[],
        )
        .await
        .unwrap();
    store
        .store_crawled(
            "Порт",
            &[post("1", "1", "Plastik_Demo", attack, 30), post("2", "1", "вега", "да", 31)],
            &[],
        )
        .await
        .unwrap();
    let analysis = |language, relevance, entities, events| PostAnalysis {
        language,
        relevance,
        entities,
        events,
        vector: Vec::new(),
    };
    let posts = store.next_pending("test-1", 0, 100).await.unwrap();
    let found = posts.iter().map(|p| {
        let analysis = match p.text.as_str() {
            t if t == sell => analysis(
                Language::En,
                0.9,
                vec![
                    entity(t, "Quartz", EntityType::Malware),
                    entity(t, "@x_demo_shop", EntityType::Telegram),
                ],
                vec![event(
                    t,
                    "selling",
                    EventType::Sell,
                    &[(Part::Asset, "Quartz"), (Part::Version, "2.0")],
                )],
            ),
            t if t == attack => analysis(
                Language::Ru,
                0.9,
                Vec::new(),
                vec![event(
                    t,
                    "ддос",
                    EventType::Ddos,
                    &[(Part::Target, "Bank Demo"), (Part::Place, "Москва")],
                )],
            ),
            t if t == leak => analysis(
                Language::Zh,
                0.8,
                Vec::new(),
                vec![event(t, "泄露", EventType::Leak, &[(Part::Target, "Demo Corp")])],
            ),
            _ => analysis(Language::Other, 0.1, Vec::new(), Vec::new()),
        };
        Analyzed { post_id: p.id, analysis }
    });
    let found: Vec<Analyzed> = found.collect();
    store.store_analyses("test-1", &found).await.unwrap();
    let (_, accounts) = store.accounts(&PostFilter::default()).await.unwrap();
    let mut ids: Vec<i64> = accounts.iter().map(|a| a.id).collect();
    ids.sort_unstable();
    let standings: Vec<StandingRow> = ids
        .iter()
        .enumerate()
        .map(|(i, id)| StandingRow {
            account_id: *id,
            standing: Standing {
                rank: i as u32 + 1,
                account: id.to_string(),
                score: 0.9 - 0.1 * i as f64,
                parts: vec![("structure".into(), 0.5), ("content".into(), 0.4 - 0.1 * i as f64)],
            },
            fields: vec![("carding".into(), 0.6)],
            history: vec![("2026 Q1".into(), i as u32 + 1, 5, 0.5)],
            answers: 1,
            community: Some(i as u32 % 2),
            roles: vec![RoleRow { role: "vendor".into(), strength: 0.7, count: 1, posts: vec![1] }],
        })
        .collect();
    store.replace_standings(&standings).await.unwrap();
    store
        .replace_aliases(&[AliasRow {
            a: ids[0],
            b: ids[3],
            probability: 0.8,
            reasons: vec![("same name".into(), 1.2)],
            verdict: None,
        }])
        .await
        .unwrap();
    let context = tm_graph::fuse::Context {
        standing: standings.iter().map(|s| (s.account_id, s.standing.score)).collect(),
        names: accounts.iter().map(|a| (a.id, a.name.clone())).collect(),
        labels: Vec::new(),
    };
    let threats = tm_graph::fuse::fuse(&store.mentions().await.unwrap(), &context);
    assert_eq!(threats.len(), 3, "the fixture has three threat events");
    store.replace_threats(&threats).await.unwrap();
    let source = SourceRow {
        url: "http://forum.example/".into(),
        name: HOSTILE.into(),
        state: "challenge".into(),
        started: Timestamp(start),
        figures: vec![("new".into(), 3)],
        problems: vec!["a robot check".into()],
        ..SourceRow::default()
    };
    store.record_source(&source, Some(("http://forum.example/x", "<html>check</html>"))).await.unwrap();
    // An alert outlives its rule.
    let rule = RuleRow {
        id: 0,
        name: "gone".into(),
        enabled: true,
        conditions: r#"{"keywords":["logs"]}"#.into(),
        channels: Vec::new(),
        digest: "now".into(),
        primed: true,
        created: Timestamp(start),
    };
    let rule = store.save_rule(&rule).await.unwrap().unwrap();
    let alert = NewAlert {
        rule,
        rule_name: "gone".into(),
        key: "post:1".into(),
        title: HOSTILE.into(),
        severity: 0.5,
        posted: Some(Timestamp(start)),
        threat: None,
        post: Some(1),
        account: None,
        evidence: Some((Span::new(0, 3), HOSTILE.into())),
        notify: Vec::new(),
    };
    let round = AlertRound { now: Timestamp(start), alerts: vec![alert], ..AlertRound::default() };
    assert_eq!(store.record_alerts(&round).await.unwrap().len(), 1);
    assert!(store.delete_rule(rule).await.unwrap());
}

/// Secrets of the fixture's tokens and sessions, made without the cost of a password.
pub(crate) const USERS: [(&str, &str); 3] = [("vera", "viewer"), ("anna", "analyst"), ("adam", "admin")];

impl Fixture {
    /// A filled store without users, as on an analyst's own machine.
    pub(crate) async fn open() -> Fixture {
        Fixture::on("127.0.0.1:0", false).await
    }

    /// The same with a user of each role; passwords are `password of NAME`.
    pub(crate) async fn with_users() -> Fixture {
        Fixture::on("127.0.0.1:0", true).await
    }

    pub(crate) async fn on(listen: &str, users: bool) -> Fixture {
        let options = Options { address: listen.parse().unwrap(), hosts: Vec::new(), tls: None };
        Fixture::with(options, users).await
    }

    pub(crate) async fn with(options: Options, users: bool) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("s.db")).await.unwrap());
        fill(&store).await;
        for (name, role) in USERS.iter().filter(|_| users) {
            let password = tm_server::hash_password(&format!("password of {name}")).unwrap();
            let (name, role) = ((*name).to_owned(), (*role).to_owned());
            let new = NewUser { name, role, password, created: now(), first: false };
            store.add_user(&new).await.unwrap().unwrap();
        }
        let state = AppState::new(store.clone(), None, "test-1".into());
        let stream = Arc::clone(&state.stream);
        let (tell, told) = oneshot::channel();
        let (halt, halted) = oneshot::channel();
        let ready = move |ready: &tm_server::Ready| tell.send(ready.clone()).unwrap();
        let server = tokio::spawn(async move {
            serve(options, state, ready, async {
                let _ = halted.await;
            })
            .await
        });
        let ready = told.await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], ready.address.port()));
        Fixture { address, store, stream, setup: ready.setup, server, halt, _folder: folder }
    }

    /// A session of a user that ends after so many seconds; what its cookie holds.
    pub(crate) async fn session(&self, name: &str, seconds: i64) -> String {
        let secret = tm_server::random().unwrap();
        let user = self.store.user_named(name).await.unwrap().unwrap();
        let row = SessionRow {
            hash: hash(&secret),
            user_id: user.id,
            created: now(),
            seen: now(),
            expires: Timestamp(now().0 + seconds),
        };
        self.store.add_session(&row).await.unwrap();
        secret
    }

    /// A token of a user.
    pub(crate) async fn token(&self, name: &str, scope: &str, expires: Option<i64>) -> String {
        let secret = format!("tm_{}", tm_server::random().unwrap());
        let user = self.store.user_named(name).await.unwrap().unwrap();
        let row = TokenRow {
            id: 0,
            user_id: user.id,
            name: scope.into(),
            hash: hash(&secret),
            scopes: vec![scope.into()],
            created: now(),
            last_used: None,
            expires: expires.map(|s| Timestamp(now().0 + s)),
        };
        self.store.add_token(&row).await.unwrap();
        secret
    }

    /// One request.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(n, _)| n == "host") {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            request.push_str("Content-Type: application/json\r\n");
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), async {
            let mut buffer = [0u8; 16 * 1024];
            loop {
                let n = socket.read(&mut buffer).await.unwrap();
                bytes.extend_from_slice(&buffer[..n]);
                // A stream has no end to wait for.
                let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
                if n == 0 || (head.contains("text/event-stream") && head.contains("\r\n\r\n")) {
                    return;
                }
            }
        });
        assert!(read.await.is_ok(), "{method} {path}: no answer");
        let parts = Parts::read(&bytes, method == "HEAD");
        let text = String::from_utf8_lossy(&parts.body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let kind = parts.headers.get("content-type").map(|v| v.to_str().unwrap().to_owned());
            assert_eq!(kind.as_deref(), Some("application/problem+json"), "{method} {path}: {text}");
            assert_eq!(body["status"], json!(parts.status.as_u16()), "{method} {path}");
            assert_eq!(body["detail"], body["error"]);
        }
        // Who asks over HTTP alone gets the headers as well.
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy"] {
            assert!(parts.headers.contains_key(name), "{path} lacks {name}");
        }
        Reply { status: parts.status, headers: parts.headers, body, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], None).await
    }
}

/// An answer as it came over the wire.
struct Parts {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Parts {
    fn read(bytes: &[u8], head_only: bool) -> Parts {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|l| l.split_once(": ")) {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let mut rest = &bytes[end + 4..];
        let chunked = headers.get("transfer-encoding").is_some_and(|v| v == "chunked");
        let mut body = Vec::new();
        while let Some(line) = rest.windows(2).position(|w| chunked && !head_only && w == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap().trim(), 16).unwrap();
            if size == 0 {
                break;
            }
            body.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 4 + size..];
        }
        if !chunked {
            body = rest.to_vec();
        }
        Parts { status, headers, body }
    }
}

pub(crate) fn cookie(secret: &str) -> (String, String) {
    ("cookie".into(), format!("threatminer={secret}"))
}

pub(crate) fn bearer(secret: &str) -> (String, String) {
    ("authorization".into(), format!("Bearer {secret}"))
}
