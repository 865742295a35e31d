//! Each channel against a double on this machine.

use super::*;
use crate::message::tests::parcel;
use std::sync::{Arc, Mutex};
use tm_model::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UdpSocket};

/// A web server that gives each request the next of `answers` and keeps what was sent.
async fn web(answers: &'static [&'static str]) -> (u16, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let (head, body) = loop {
                let mut part = [0; 4096];
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
                    break (head.to_owned(), body.to_owned());
                }
            };
            kept.lock().unwrap().push((head, body));
            let text = format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n");
            let text = match answer.split_once('|') {
                Some((head, body)) => {
                    format!(
                        "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
                None => text,
            };
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    (port, seen)
}

fn channel(kind: &str, settings: String) -> Channel {
    Channel::parse(kind, &settings).unwrap()
}

fn sender() -> Sender {
    Sender::new("threatminer/test").unwrap()
}

#[tokio::test]
async fn a_webhook_fails_twice_and_is_signed() {
    let (port, seen) = web(&["500 Oops|database is down", "429 Slow\r\nretry-after: 7", "204 None"]).await;
    let hook = channel(
        "webhook",
        format!(
            r#"{{"url":"http://127.0.0.1:{port}/in?k=1","secret":"0123456789abcdef","headers":{{"x-key":"v"}}}}"#
        ),
    );
    let (s, p) = (sender(), parcel(2));
    assert_eq!(
        s.send(&hook, &p).await,
        Err(SendError::Refused("status 500 Internal Server Error: database is down".into()))
    );
    assert_eq!(s.send(&hook, &p).await, Err(SendError::Later(7)));
    assert_eq!(s.send(&hook, &p).await, Ok("status 204 No Content".into()));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    let (head, body) = &seen[2];
    assert!(head.starts_with("POST /in?k=1 "), "{head}");
    let expect = signature("0123456789abcdef", p.sent, body.as_bytes());
    for line in [
        &format!("x-threatminer-signature: {expect}"),
        "x-threatminer-delivery: now:1:2:5",
        "x-threatminer-event: alerts",
        "x-key: v",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(body["alerts"][0]["span"], serde_json::json!({"start": 12, "end": 18}));
}

#[test]
fn signatures_are_those_of_the_standard() {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
    let s = signature("0123456789abcdef", Timestamp(1_700_000_000), br#"{"a":1}"#);
    assert_eq!(s, "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (port, seen) = web(&["302 Found\r\nlocation: http://127.0.0.1:9/x", "200 OK"]).await;
    let hook = channel("webhook", format!(r#"{{"url":"http://127.0.0.1:{port}/"}}"#));
    let error = sender().send(&hook, &parcel(1)).await.unwrap_err().to_string();
    assert!(error.contains("redirects are not followed"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn slack_gets_text_that_calls_nobody() {
    let (port, seen) = web(&["200 OK|ok", "404 Not Found|/services/T0/B0/XYZ is unknown"]).await;
    let slack = channel(
        "slack",
        format!(r#"{{"url":"http://127.0.0.1:{port}/services/T0/B0/XYZ","channel":"soc"}}"#),
    );
    sender().send(&slack, &parcel(1)).await.unwrap();
    let error = sender().send(&slack, &parcel(1)).await.unwrap_err().to_string();
    assert_eq!(error, "status 404 Not Found", "the path is a secret");
    let seen = seen.lock().unwrap();
    let body: serde_json::Value = serde_json::from_str(&seen[0].1).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains("&lt;!channel&gt;") && text.contains("@\u{200b}all") && !text.contains("@all"),
        "{text}"
    );
    assert!(text.contains("hxxps://bank.example"));
    assert_eq!(body["channel"], "soc");
}

#[tokio::test]
async fn telegram_says_what_it_dislikes_and_the_token_stays_out() {
    let (port, seen) = web(&[
        "200 OK|{\"ok\":true}",
        "400 Bad|{\"ok\":false,\"description\":\"chat not found\"}",
        "200 OK|{\"ok\":false,\"description\":\"chat not found\"}",
    ])
    .await;
    let bot = channel(
        "telegram",
        format!(r#"{{"base":"http://127.0.0.1:{port}/","token":"77:SECRET","chat":"-5"}}"#),
    );
    sender().send(&bot, &parcel(40)).await.unwrap();
    assert_eq!(
        sender().send(&bot, &parcel(1)).await,
        Err(SendError::Refused("status 400 Bad Request".into()))
    );
    assert_eq!(sender().send(&bot, &parcel(1)).await, Err(SendError::Refused("chat not found".into())));
    {
        let seen = seen.lock().unwrap();
        assert!(seen[0].0.starts_with("POST /bot77:SECRET/sendMessage "));
        let body: serde_json::Value = serde_json::from_str(&seen[0].1).unwrap();
        assert_eq!(body["chat_id"], "-5");
        assert!(body["text"].as_str().unwrap().chars().count() <= 4000);
        assert!(body.get("parse_mode").is_none());
    }
    // Nobody listens there any more.
    let error = sender().send(&bot, &parcel(1)).await.unwrap_err();
    assert!(matches!(&error, SendError::Unreachable(e) if !e.contains("SECRET")), "{error:?}");
}

/// A mail server that keeps the mail; `greeting` are the lines behind the answer to EHLO.
async fn mail(offer: &'static str) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        let mut data = false;
        while let Ok(Some(line)) = lines.next_line().await {
            kept.lock().unwrap().push_str(&format!("{line}\n"));
            let answer = match line.as_str() {
                "." if data => {
                    data = false;
                    "250 queued as 42\r\n".to_owned()
                }
                _ if data => continue,
                "DATA" => {
                    data = true;
                    "354 go on\r\n".to_owned()
                }
                l if l.starts_with("EHLO") => format!("250-mail.example\r\n{offer}250 8BITMIME\r\n"),
                l if l.contains("nobody@") => "550 no such user\r\n".to_owned(),
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 ok\r\n".to_owned(),
            };
            if write.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    (port, seen)
}

#[tokio::test]
async fn mail_arrives_with_a_clean_subject() {
    let (port, seen) = mail("").await;
    let to = |to: &str, security: &str| {
        channel(
            "email",
            format!(
                r#"{{"host":"127.0.0.1","port":{port},"security":"{security}","from":"TM <tm@corp.example>","to":["{to}"]}}"#
            ),
        )
    };
    let mut p = parcel(1);
    p.alerts[0].title = "x\r\nBcc: all@corp.example\r\n\r\nhi".into();
    let said = sender().send(&to("soc@corp.example", "none"), &p).await.unwrap();
    assert_eq!(said, "250 queued as 42");
    let text = seen.lock().unwrap().clone();
    assert!(text.contains("RCPT TO:<soc@corp.example>"), "{text}");
    assert!(!text.lines().any(|l| l.starts_with("Bcc:")), "{text}");
    assert!(text.contains("Message-ID: <now.1.2.5@threatminer.corp.example>"), "{text}");
}

#[tokio::test]
async fn mail_that_is_refused_and_servers_without_tls() {
    let (port, _) = mail("").await;
    let nobody = channel(
        "email",
        format!(
            r#"{{"host":"127.0.0.1","port":{port},"security":"none","from":"tm@corp.example","to":["nobody@corp.example"]}}"#
        ),
    );
    let error = sender().send(&nobody, &parcel(1)).await.unwrap_err();
    assert!(matches!(&error, SendError::Refused(e) if e.contains("550")), "{error:?}");
    // STARTTLS is insisted on: a server (or whoever stands in between) that does not offer it gets nothing.
    let (port, seen) = mail("").await;
    let strict = channel(
        "email",
        format!(
            r#"{{"host":"127.0.0.1","port":{port},"security":"starttls","from":"tm@corp.example","to":["soc@corp.example"],"user":"u","password":"hunter2"}}"#
        ),
    );
    let error = sender().send(&strict, &parcel(1)).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    let text = seen.lock().unwrap().clone();
    assert!(!text.contains("AUTH") && !text.contains("MAIL FROM"), "{text}");
}

#[tokio::test]
async fn syslog_in_both_dresses() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let udp = channel("syslog", format!(r#"{{"host":"127.0.0.1","port":{port}}}"#));
    let mut p = parcel(2);
    p.alerts[0].rule = r#"a"]\b"#.into();
    sender().send(&udp, &p).await.unwrap();
    let mut bytes = [0; 4096];
    let n = socket.recv(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes[..n].to_vec()).unwrap();
    // local0 and critical: 16 * 8 + 2.
    assert!(text.starts_with("<130>1 2026-01-01T00:00:00Z - threatminer "), "{text}");
    assert!(
        text.contains(r#"alert [alert@32473 id="1" delivery="now:1:2:5" rule="a\"\]\\b" severity="0.80""#),
        "{text}"
    );
    assert!(text.contains("\u{feff}ddos planned: bank.example: завтра") && !text.contains('\n'), "{text}");
    assert!(socket.recv(&mut bytes).await.unwrap() > 0, "one message an alert");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    let tcp = channel("syslog", format!(r#"{{"host":"127.0.0.1","port":{port},"transport":"tcp"}}"#));
    sender().send(&tcp, &p).await.unwrap();
    let text = reader.await.unwrap();
    let (length, rest) = text.split_once(' ').unwrap();
    let length: usize = length.parse().unwrap();
    assert!(rest[..length].starts_with("<130>1 ") && rest[length..].contains(" <130>1 "), "{text}");
}

#[tokio::test]
async fn names_of_private_addresses_are_refused() {
    // A name that the system resolves to this machine without being called localhost.
    let name = "ip6-localhost";
    if tokio::net::lookup_host((name, 0)).await.is_err() {
        return;
    }
    let hook = |more: &str| channel("webhook", format!(r#"{{"url":"http://{name}:9/"{more}}}"#));
    assert_eq!(sender().send(&hook(""), &parcel(1)).await, Err(SendError::Private(name.into())));
    let allowed = sender().send(&hook(r#","allow_private":true"#), &parcel(1)).await;
    assert!(matches!(allowed, Err(SendError::Unreachable(_))), "{allowed:?}");
    let log = channel("syslog", format!(r#"{{"host":"{name}"}}"#));
    assert_eq!(sender().send(&log, &parcel(1)).await, Err(SendError::Private(name.into())));
}
