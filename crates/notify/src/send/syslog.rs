//! Syslog (RFC 5424), as datagrams (RFC 5426) or over one connection with octet counting (RFC 6587).

use super::SendError;
use super::address::addresses;
use crate::channel::{Syslog, Transport};
use crate::message::{Note, Parcel, grade, harmless};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

/// Bytes of a message; RFC 5426 asks receivers of datagrams for 2048.
const MOST: usize = 2048;
/// Enterprise number of examples (RFC 5612): structured data of our own needs one.
const DATA: &str = "alert@32473";

/// Messages of a parcel, one an alert.
pub(super) fn messages(s: &Syslog, parcel: &Parcel) -> Vec<String> {
    if parcel.test {
        let head = head(s, 5, &parcel.sent.to_string(), "test");
        return vec![format!("{head} - \u{feff}{}", parcel.text())];
    }
    parcel
        .alerts
        .iter()
        .map(|a| {
            let severity = match grade(a.severity) {
                "critical" => 2,
                "high" => 3,
                "medium" => 4,
                _ => 5,
            };
            let head = head(s, severity, &a.time.to_string(), "alert");
            let words = a.sentence.as_deref().map(|w| format!(": {w}")).unwrap_or_default();
            let mut line = format!(
                "{head} {} \u{feff}{}",
                data(a, &parcel.delivery),
                harmless(&format!("{}{words}", a.title))
            );
            line.truncate(line.floor_char_boundary(MOST));
            line
        })
        .collect()
}

fn head(s: &Syslog, severity: u8, time: &str, kind: &str) -> String {
    format!(
        "<{}>1 {time} - threatminer {} {kind}",
        u16::from(s.facility) * 8 + u16::from(severity),
        std::process::id()
    )
}

fn data(a: &Note, delivery: &str) -> String {
    let mut out = format!(
        "[{DATA} id=\"{}\" delivery=\"{}\" rule=\"{}\" severity=\"{:.2}\"",
        a.id,
        value(delivery),
        value(&a.rule),
        a.severity
    );
    let optional = [
        ("threat", a.threat.clone()),
        ("post", a.post.map(|p| p.to_string())),
        ("forum", a.forum.clone()),
        ("author", a.author.clone()),
    ];
    for (name, text) in optional {
        if let Some(text) = text {
            out.push_str(&format!(" {name}=\"{}\"", value(&text)));
        }
    }
    out.push(']');
    out
}

/// A value of structured data (RFC 5424 section 6.3.3).
fn value(text: &str) -> String {
    let text: String = harmless(text).chars().take(100).collect();
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}

pub(super) async fn send(s: &Syslog, parcel: &Parcel) -> Result<String, SendError> {
    let failed = |e: std::io::Error| SendError::Unreachable(format!("{} port {}: {e}", s.host, s.port));
    let all = addresses(&s.host, s.port, s.allow_private).await?;
    let messages = messages(s, parcel);
    match s.transport {
        Transport::Udp => {
            let Some(to) = all.first() else {
                return Err(SendError::Unreachable(format!("{} has no address", s.host)));
            };
            let here = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(here).await.map_err(failed)?;
            socket.connect(to).await.map_err(failed)?;
            for message in &messages {
                socket.send(message.as_bytes()).await.map_err(failed)?;
            }
            Ok(format!("{} datagrams sent; nobody confirms them", messages.len()))
        }
        Transport::Tcp => {
            let mut stream = TcpStream::connect(all.as_slice()).await.map_err(failed)?;
            for message in &messages {
                let frame = format!("{} {message}", message.len());
                stream.write_all(frame.as_bytes()).await.map_err(failed)?;
            }
            stream.shutdown().await.map_err(failed)?;
            Ok(format!("{} messages sent", messages.len()))
        }
    }
}
