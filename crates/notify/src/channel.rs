//! Channels: where alerts go, as the operator set them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::Url;

/// A channel that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The kind is not known.
    #[error("unknown kind '{0}', known are: email webhook slack telegram syslog")]
    Kind(String),
    /// The settings cannot be read.
    #[error("settings: {0}")]
    Settings(String),
}

/// What stands for a secret that is kept and not shown.
const HIDDEN: &str = "••••••••";

/// Names of settings that are secrets, of any kind. Values of headers are secrets as well.
const SECRETS: [&str; 3] = ["password", "secret", "token"];

/// Where alerts go.
#[derive(Debug, Clone, PartialEq)]
pub enum Channel {
    /// E-mail by SMTP.
    Email(Email),
    /// A request of our own form, signed.
    Webhook(Webhook),
    /// An incoming webhook of Slack or Mattermost.
    Slack(Slack),
    /// A bot of Telegram.
    Telegram(Telegram),
    /// Syslog (RFC 5424).
    Syslog(Syslog),
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte (port 465).
    #[default]
    Tls,
    /// TLS asked for after the greeting, and insisted on (port 587).
    Starttls,
    /// None (port 25).
    None,
}

/// E-mail by SMTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Mail server.
    pub host: String,
    /// Port; 465, 587 or 25 by the protection when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Protection.
    #[serde(default)]
    pub security: Security,
    /// Login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Sender.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Let the server's name lead to a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// A request of our own form, signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: Url,
    /// Key of the signature; without one there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Further headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Let the name lead to a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// An incoming webhook of Slack or Mattermost. Its path is a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Where to.
    pub url: Url,
    /// Channel, where the webhook lets one choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Let the name lead to a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

fn telegram_base() -> String {
    "https://api.telegram.org".into()
}

/// A bot of Telegram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telegram {
    /// Server of the bots' interface.
    #[serde(default = "telegram_base")]
    pub base: String,
    /// Token of the bot.
    pub token: String,
    /// Chat.
    pub chat: String,
    /// Let the name lead to a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

/// How syslog messages travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One datagram a message (RFC 5426).
    #[default]
    Udp,
    /// One connection a delivery, octet counting (RFC 6587).
    Tcp,
}

fn syslog_port() -> u16 {
    514
}
fn local0() -> u8 {
    16
}

/// Syslog (RFC 5424).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// Server.
    pub host: String,
    /// Port.
    #[serde(default = "syslog_port")]
    pub port: u16,
    /// Transport.
    #[serde(default)]
    pub transport: Transport,
    /// Facility, 0 to 23; 16 is local0.
    #[serde(default = "local0")]
    pub facility: u8,
    /// Let the server's name lead to a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
}

impl Channel {
    /// All kinds.
    pub const KINDS: [&str; 5] = ["email", "webhook", "slack", "telegram", "syslog"];

    /// Reads settings and checks them.
    ///
    /// # Errors
    /// [`ChannelError`] says what is wrong; it never repeats a secret.
    pub fn parse(kind: &str, settings: &str) -> Result<Channel, ChannelError> {
        fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ChannelError> {
            serde_json::from_str(text).map_err(|e| ChannelError::Settings(e.to_string()))
        }
        if !settings.trim_start().starts_with('{') {
            return Err(ChannelError::Settings("must be an object".into()));
        }
        let channel = match kind {
            "email" => Channel::Email(read(settings)?),
            "webhook" => Channel::Webhook(read(settings)?),
            "slack" => Channel::Slack(read(settings)?),
            "telegram" => Channel::Telegram(read(settings)?),
            "syslog" => Channel::Syslog(read(settings)?),
            other => return Err(ChannelError::Kind(other.to_owned())),
        };
        channel.check().map_err(ChannelError::Settings)?;
        Ok(channel)
    }

    fn check(&self) -> Result<(), String> {
        let web = |url: &Url| {
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err("url must begin with http:// or https://".to_owned());
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err("url must not hold a login; use a header".to_owned());
            }
            Ok(())
        };
        let named = |host: &str| {
            let bad = host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@');
            if bad { Err(format!("host '{host}' is no name or address")) } else { Ok(()) }
        };
        match self {
            Channel::Email(e) => {
                named(&e.host)?;
                if e.to.is_empty() {
                    return Err("to names nobody".into());
                }
                for address in e.to.iter().chain([&e.from]) {
                    address
                        .parse::<lettre::message::Mailbox>()
                        .map_err(|why| format!("'{address}' is no mail address: {why}"))?;
                }
                if e.user.is_some() != e.password.is_some() {
                    return Err("user and password belong together".into());
                }
                if e.security == Security::None && e.password.is_some() && !loopback(&e.host) {
                    return Err("a password is not sent without TLS: set security to tls or starttls".into());
                }
                Ok(())
            }
            Channel::Webhook(w) => {
                web(&w.url)?;
                for (name, value) in &w.headers {
                    reqwest::header::HeaderName::from_bytes(name.as_bytes())
                        .map_err(|_| format!("'{name}' is no header name"))?;
                    reqwest::header::HeaderValue::from_str(value)
                        .map_err(|_| format!("the value of header {name} cannot be sent"))?;
                }
                match &w.secret {
                    Some(secret) if secret.len() < 16 => {
                        Err("secret must have at least 16 characters".into())
                    }
                    _ => Ok(()),
                }
            }
            Channel::Slack(s) => web(&s.url),
            Channel::Telegram(t) => {
                web(&Url::parse(&t.base).map_err(|e| format!("base: {e}"))?)?;
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
                if t.token.is_empty() || !t.token.chars().all(plain) {
                    return Err("token is not one of a bot".into());
                }
                if t.chat.trim().is_empty() { Err("chat is missing".into()) } else { Ok(()) }
            }
            Channel::Syslog(s) => {
                named(&s.host)?;
                if s.facility > 23 { Err("facility must be between 0 and 23".into()) } else { Ok(()) }
            }
        }
    }

    /// Settings without their secrets, to be shown.
    pub fn shown(settings: &str) -> Value {
        let mut value: Value = serde_json::from_str(settings).unwrap_or(Value::Null);
        if let Some(object) = value.as_object_mut() {
            for name in SECRETS {
                if let Some(secret) = object.get_mut(name) {
                    *secret = HIDDEN.into();
                }
            }
            if let Some(headers) = object.get_mut("headers").and_then(Value::as_object_mut) {
                headers.values_mut().for_each(|v| *v = HIDDEN.into());
            }
            // The path of an incoming webhook is what lets one write to it.
            if let Some(url) = object.get_mut("url")
                && let Some(mut parsed) = url.as_str().and_then(|u| Url::parse(u).ok())
            {
                let bare = parsed.path().len() <= 1 && parsed.query().is_none();
                parsed.set_path("");
                parsed.set_query(None);
                let hidden = if bare { "" } else { HIDDEN };
                *url = format!("{parsed}{hidden}").into();
            }
        }
        value
    }

    /// New settings, with the secrets of the old ones where the new ones show them hidden or leave them out. Secrets stay
    /// with the host that they were given for: who points a channel elsewhere has to give them again.
    pub fn merged(old: &str, new: &Value) -> Value {
        let old: Map<String, Value> = serde_json::from_str(old).unwrap_or_default();
        let mut new = new.clone();
        let hidden = |v: &Value| v.as_str().is_some_and(|s| s.contains('•'));
        let Some(object) = new.as_object_mut() else { return new };
        let host = |v: Option<&Value>| {
            v.and_then(Value::as_str).and_then(|u| Url::parse(u).ok()).map(|u| u.origin())
        };
        if object.get("url").is_some_and(hidden) {
            let shown = object.get("url").and_then(Value::as_str).map(|u| Value::from(u.replace('•', "")));
            if host(shown.as_ref()) == host(old.get("url"))
                && let Some(url) = old.get("url")
            {
                object.insert("url".into(), url.clone());
            }
        }
        let same = ["host", "base"].iter().all(|n| object.get(*n).is_none() || object.get(*n) == old.get(*n))
            && host(object.get("url")) == host(old.get("url"));
        for name in SECRETS {
            if object.get(name).is_none_or(hidden) {
                object.remove(name);
                if let Some(value) = old.get(name).filter(|_| same) {
                    object.insert(name.to_owned(), value.clone());
                }
            }
        }
        if let Some(headers) = object.get_mut("headers").and_then(Value::as_object_mut) {
            let kept = old.get("headers").and_then(Value::as_object).filter(|_| same);
            headers.retain(|name, value| {
                if hidden(value) {
                    let Some(old) = kept.and_then(|k| k.get(name)) else { return false };
                    *value = old.clone();
                }
                true
            });
        }
        new
    }
}

/// Whether a host is this machine by its very name.
pub(crate) fn loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, settings: &str, expect: &str) {
        match Channel::parse(kind, settings) {
            Ok(_) => assert_eq!("", expect, "{kind} {settings}"),
            Err(e) => {
                assert!(!expect.is_empty() && e.to_string().contains(expect), "{kind} {settings}: {e}");
                assert!(!e.to_string().contains("hunter2"), "{e}");
            }
        }
    }

    #[test]
    fn settings_are_checked() {
        let mail = |rest: &str| {
            format!(
                r#"{{"host": "mail.example", "from": "tm@corp.example", "to": ["soc@corp.example"]{rest}}}"#
            )
        };
        check("email", &mail(""), "");
        check("email", &mail(r#", "security": "starttls", "user": "u", "password": "p""#), "");
        check("email", &mail(r#", "security": "none", "user": "u", "password": "hunter2""#), "without TLS");
        check("email", &mail(r#", "user": "u""#), "belong together");
        check("email", r#"{"host": "mail.example", "from": "x", "to": ["y@z.example"]}"#, "no mail address");
        check("email", r#"{"host": "mail.example", "from": "a@b.example", "to": []}"#, "nobody");
        check("webhook", r#"{"url": "https://h.example/x", "secret": "0123456789abcdef"}"#, "");
        check("webhook", r#"{"url": "https://h.example/x", "secret": "hunter2"}"#, "at least 16");
        check("webhook", r#"{"url": "file:///etc/passwd"}"#, "http://");
        check("webhook", r#"{"url": "https://u:hunter2@h.example/"}"#, "login");
        check("webhook", r#"{"url": "https://h.example/", "headers": {"a b": "c"}}"#, "no header name");
        check("slack", r#"{"url": "https://hooks.example/services/x"}"#, "");
        check("slack", r#"{"uri": "https://hooks.example/"}"#, "unknown field");
        check("telegram", r#"{"token": "1:a_B-c", "chat": "-100"}"#, "");
        check("telegram", r#"{"token": "../x", "chat": "1"}"#, "token");
        check("syslog", r#"{"host": "203.0.113.5", "transport": "tcp"}"#, "");
        check("syslog", r#"{"host": "a b"}"#, "no name");
        check("syslog", r#"{"host": "x.example", "facility": 99}"#, "facility");
        check("slack", r#"["https://hooks.example/services/x"]"#, "an object");
        check("pigeon", "{}", "unknown kind");
    }

    #[test]
    fn secrets_are_hidden_and_kept() {
        let old = r#"{"url":"https://h.example/secret/path?k=v","secret":"0123456789abcdef","headers":{"X-Key":"k"}}"#;
        let shown = Channel::shown(old);
        let text = shown.to_string();
        assert!(
            !text.contains("0123456789abcdef") && !text.contains("secret/path") && !text.contains("\"k\""),
            "{text}"
        );
        assert!(shown["url"].as_str().unwrap().starts_with("https://h.example/"));
        // What was shown can be sent back without losing anything.
        let mut back = shown.clone();
        back["allow_private"] = true.into();
        let merged = Channel::merged(old, &back);
        assert_eq!(merged["secret"], "0123456789abcdef");
        assert_eq!(merged["url"], "https://h.example/secret/path?k=v");
        assert_eq!(merged["headers"]["X-Key"], "k");
        assert_eq!(merged["allow_private"], true);
        let changed = serde_json::json!({"url": "https://h.example/", "secret": "fedcba9876543210"});
        assert_eq!(Channel::merged(old, &changed), changed);
        // Who points it elsewhere does not take the secrets along.
        let mut elsewhere = shown;
        elsewhere["url"] = "https://other.example/".into();
        let merged = Channel::merged(old, &elsewhere);
        assert_eq!(merged, serde_json::json!({"url": "https://other.example/", "headers": {}}));
    }
}
