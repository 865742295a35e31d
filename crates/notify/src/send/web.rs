//! Webhooks: our own signed one, Slack and Mattermost, the bots' interface of Telegram.

use super::SendError;
use super::address::REFUSED;
use crate::channel::{Slack, Telegram, Webhook};
use crate::message::Parcel;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use tm_model::Timestamp;
use url::Url;

/// Bytes of an answer that are read.
const ANSWER: usize = 4096;
/// Characters of an answer that are told.
const TOLD: usize = 200;
/// Code points of a message that Telegram takes.
const TELEGRAM: usize = 4000;
/// Code points of a message that Slack takes without cutting it apart.
const SLACK: usize = 12_000;

/// Redirects would bring a parcel to where nobody pointed it; proxies of the environment as well.
pub(super) fn client(agent: &str) -> ClientBuilder {
    Client::builder()
        .user_agent(agent)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(25))
}

/// The signature of a webhook: `t=<unix seconds>,v1=<hex>`, the HMAC-SHA256 (RFC 2104) of `<unix seconds>.<body>` under the
/// secret. A receiver computes the same and refuses old times.
pub fn signature(secret: &str, sent: Timestamp, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{}.", sent.0).as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={},v1={hex}", sent.0)
}

pub(super) async fn webhook(client: &Client, w: &Webhook, parcel: &Parcel) -> Result<String, SendError> {
    let body = serde_json::to_vec(parcel).map_err(|e| SendError::Refused(e.to_string()))?;
    let mut request = client
        .post(w.url.clone())
        .header("content-type", "application/json")
        .header("x-threatminer-delivery", &parcel.delivery)
        .header("x-threatminer-event", if parcel.test { "test" } else { "alerts" });
    for (name, value) in &w.headers {
        // Marked, so that no log of the client shows it.
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            request = request.header(name, value);
        }
    }
    if let Some(secret) = &w.secret {
        request = request.header("x-threatminer-signature", signature(secret, parcel.sent, &body));
    }
    told(request.body(body), false).await.map(|(status, _)| format!("status {status}"))
}

/// Text for Slack and Mattermost: what marks up there is escaped, and nobody is called by an `@`.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200b}")
}

pub(super) async fn slack(client: &Client, s: &Slack, parcel: &Parcel) -> Result<String, SendError> {
    let mut body = json!({"text": escaped(&clip(&parcel.text(), SLACK)), "username": "ThreatMiner",
        "unfurl_links": false, "unfurl_media": false});
    if let Some(channel) = &s.channel {
        body["channel"] = json!(channel);
    }
    told(client.post(s.url.clone()).json_body(&body), true)
        .await
        .map(|(status, _)| format!("status {status}"))
}

/// Where messages of a bot are sent. The token is part of the address, so the address is never told.
pub(super) fn telegram_url(t: &Telegram) -> Result<Url, SendError> {
    let text = format!("{}/bot{}/sendMessage", t.base.trim_end_matches('/'), t.token);
    Url::parse(&text).map_err(|_| SendError::Refused("base and token make no address".into()))
}

pub(super) async fn telegram(
    client: &Client,
    url: &Url,
    t: &Telegram,
    parcel: &Parcel,
) -> Result<String, SendError> {
    // Without a parse mode the text is taken as it is.
    let body = json!({"chat_id": t.chat, "text": clip(&parcel.text(), TELEGRAM),
        "link_preview_options": {"is_disabled": true}});
    let (status, answer) = told(client.post(url.clone()).json_body(&body), true).await?;
    let answer: Value = serde_json::from_str(&answer).unwrap_or(Value::Null);
    if answer["ok"] == Value::Bool(false) {
        let why = answer["description"].as_str().unwrap_or("refused");
        return Err(SendError::Refused(clip(why, TOLD)));
    }
    Ok(format!("status {status}"))
}

trait JsonBody {
    fn json_body(self, body: &Value) -> Self;
}

impl JsonBody for RequestBuilder {
    fn json_body(self, body: &Value) -> RequestBuilder {
        self.header("content-type", "application/json").body(body.to_string())
    }
}

fn clip(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        out.pop();
        out.push('…');
    }
    out
}

/// Sends a request; status and the beginning of the answer when it was a success. `secret_path` keeps the answer out of
/// errors where it might repeat the address.
async fn told(request: RequestBuilder, secret_path: bool) -> Result<(StatusCode, String), SendError> {
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        let asked = answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        if let Some(seconds) = asked {
            return Err(SendError::Later(seconds));
        }
    }
    if status.is_redirection() {
        return Err(SendError::Refused(format!("status {status}; redirects are not followed")));
    }
    let text = head(answer).await;
    if status.is_success() {
        return Ok((status, text));
    }
    let words: String = clip(&text.split_whitespace().collect::<Vec<_>>().join(" "), TOLD);
    let words = if secret_path || words.is_empty() { String::new() } else { format!(": {words}") };
    Err(SendError::Refused(format!("status {status}{words}")))
}

/// The beginning of an answer.
async fn head(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(ANSWER);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error without the address, which may hold a secret.
fn unreachable(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut words = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(e) = cause {
        let text = e.to_string();
        if text.contains(REFUSED) {
            let host = text.split_whitespace().next().unwrap_or("the name").to_owned();
            return SendError::Private(host);
        }
        words.push(text);
        cause = e.source();
    }
    words.dedup();
    SendError::Unreachable(clip(&words.join(": "), TOLD))
}
