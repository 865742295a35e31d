//! E-mail by SMTP.

use super::SendError;
use super::address::addresses;
use crate::channel::{Email, Security};
use crate::message::Parcel;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::time::Duration;

/// The message of a parcel. A receiver that gets it twice sees one: its identifier is that of the delivery.
pub(super) fn message(e: &Email, parcel: &Parcel) -> Result<Message, SendError> {
    let bad = |what: &str| SendError::Refused(format!("{what} is no mail address"));
    let from: Mailbox = e.from.parse().map_err(|_| bad("from"))?;
    let id: String =
        parcel.delivery.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
    let mut builder = Message::builder()
        .message_id(Some(format!("<{id}@threatminer.{}>", from.email.domain())))
        .date(std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(parcel.sent.0).unwrap_or(0)))
        .from(from)
        .subject(parcel.subject())
        .header(ContentType::TEXT_PLAIN);
    for to in &e.to {
        builder = builder.to(to.parse().map_err(|_| bad("to"))?);
    }
    builder.body(parcel.text()).map_err(|e| SendError::Refused(e.to_string()))
}

pub(super) async fn send(e: &Email, parcel: &Parcel) -> Result<String, SendError> {
    let message = message(e, parcel)?;
    let port = e.port.unwrap_or(match e.security {
        Security::Tls => 465,
        Security::Starttls => 587,
        Security::None => 25,
    });
    let parameters = || {
        TlsParameters::new(e.host.clone())
            .map_err(|e| SendError::Unreachable(format!("cannot set up TLS: {e}")))
    };
    let mut last = SendError::Unreachable(format!("{} has no address", e.host));
    for address in addresses(&e.host, port, e.allow_private).await? {
        // Connected to by the address that was checked; the certificate must be that of the name.
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(port)
            .timeout(Some(Duration::from_secs(20)))
            .tls(match e.security {
                Security::Tls => Tls::Wrapper(parameters()?),
                Security::Starttls => Tls::Required(parameters()?),
                Security::None => Tls::None,
            });
        if let (Some(user), Some(password)) = (&e.user, &e.password) {
            transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
        }
        match transport.build().send(message.clone()).await {
            Ok(answer) => {
                let said: Vec<&str> = answer.message().collect();
                return Ok(format!("{} {}", answer.code(), said.join(" ")));
            }
            // Only a server that was not reached leaves the question whether another address is better.
            Err(error) if error.is_permanent() || error.is_transient() => {
                return Err(SendError::Refused(chain(&error)));
            }
            Err(error) => last = SendError::Unreachable(chain(&error)),
        }
    }
    Err(last)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(e) = cause {
        words.push(e.to_string());
        cause = e.source();
    }
    words.dedup();
    words.join(": ")
}
