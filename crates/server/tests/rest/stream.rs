//! The stream over real connections.

use super::Fixture;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tm_model::{PostRecord, Timestamp};
use tm_server::Kind;
use tm_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn listen(address: SocketAddr, after: Option<&str>) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let last = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request = format!("GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\n{last}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket
}

/// Reads until the text holds a piece.
async fn until(socket: &mut TcpStream, piece: &str) -> String {
    let mut text = String::new();
    let read = async {
        let mut buffer = [0u8; 4096];
        while !text.contains(piece) {
            let n = socket.read(&mut buffer).await.unwrap();
            assert!(n > 0, "the stream ended before '{piece}': {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), read).await;
    assert!(waited.is_ok(), "no '{piece}' in {text}");
    text
}

fn last_id(text: &str) -> String {
    text.lines().filter_map(|l| l.strip_prefix("id: ")).next_back().unwrap().to_owned()
}

#[tokio::test]
async fn events_arrive_and_are_repeated_to_who_missed_them() {
    let fixture = Fixture::open().await;
    let address = fixture.address;
    let hub = &fixture.stream;
    let mut first = listen(address, None).await;
    until(&mut first, ": threatminer").await;
    hub.tell(Kind::Posts, &json!({"new": 1}));
    let seen = until(&mut first, "\"new\":1").await;
    assert!(seen.contains("event: posts"), "{seen}");
    let id = last_id(&seen);
    drop(first);
    hub.tell(Kind::Alert, &json!({"title": "line\nbreak"}));
    hub.tell(Kind::Source, &json!({"id": 2}));
    let mut again = listen(address, Some(&id)).await;
    let seen = until(&mut again, "{\"id\":2}").await;
    assert!(seen.contains("event: alert") && !seen.contains("\"new\":1"), "{seen}");
    assert!(seen.contains("line\\nbreak"), "data stays on one line: {seen}");
    assert!(last_id(&seen).parse::<u64>().unwrap() > id.parse().unwrap());
    // From before this process: some is gone, and the listener is told.
    let mut old = listen(address, Some("17")).await;
    let seen = until(&mut old, "{\"id\":2}").await;
    assert!(seen.contains("event: missed") && seen.contains("\"new\":1"), "{seen}");
    // From the future: nothing of ours; news come all the same.
    let mut odd = listen(address, Some("18446744073709551615")).await;
    until(&mut odd, "event: missed").await;
    hub.tell(Kind::Posts, &json!({"new": 7}));
    until(&mut odd, "\"new\":7").await;
}

#[tokio::test]
async fn a_thousand_listeners_hear_the_same() {
    let fixture = Fixture::open().await;
    let address = fixture.address;
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        let mut socket = listen(address, None).await;
        until(&mut socket, ": threatminer").await;
        sockets.push(socket);
    }
    fixture.stream.tell(Kind::Alert, &json!({"title": "to all"}));
    for socket in &mut sockets {
        until(socket, "to all").await;
    }
}

#[tokio::test]
async fn what_another_process_writes_is_told() {
    let fixture = Fixture::open().await;
    let address = fixture.address;
    let mut socket = listen(address, None).await;
    until(&mut socket, ": threatminer").await;
    // The watcher has looked once when it knows what there is.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let post = PostRecord {
        id: Some("77".into()),
        title: Some("news".into()),
        time: Some(Timestamp(1_767_300_000)),
        text: "new words".into(),
        ..PostRecord::default()
    };
    fixture.store.store_crawled("Harbour", &[post], &[]).await.unwrap();
    let seen = until(&mut socket, "event: posts").await + &until(&mut socket, "\n\n").await;
    assert!(seen.contains("Harbour") && seen.contains("\"new\":1"), "{seen}");
    fixture.store.replace_threats(&[]).await.unwrap();
    until(&mut socket, "\"threats\":0").await;
}

#[tokio::test]
async fn a_server_stops_though_someone_listens() {
    let fixture = Fixture::open().await;
    let mut socket = listen(fixture.address, None).await;
    until(&mut socket, ": threatminer").await;
    fixture.halt.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), fixture.server).await;
    assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
}
