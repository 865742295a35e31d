//! Alert rules, and the ways alerts go out.
//!
//! Judging is pure: [`When`] is a rule as it is written, [`Matcher`] a rule ready to judge posts ([`Facts`]), and what rings
//! is a [`Ring`] with its place in the post. No clock and no store: whoever calls says what time it is. [`Channel`] is where
//! alerts go, [`Parcel`] what is brought there, [`Sender`] who brings it. Beside the crawler this is the only place that
//! opens connections, and only to hosts that the operator named.
//!
//! ```
//! use tm_notify::{Facts, Matcher, When};
//! use tm_model::Timestamp;
//!
//! let when: When = serde_json::from_str(r#"{"keywords": ["bank.example"]}"#)?;
//! let matcher = Matcher::new(&when, &[])?;
//! let post = Facts { post: 7, text: "dumping BANK.example tonight".into(), ..Facts::default() };
//! let rings = matcher.judge(&post, Timestamp(0));
//! assert_eq!(rings[0].key, "post:7");
//! assert_eq!((rings[0].span.start, rings[0].span.end), (8, 20));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod channel;
mod fold;
mod matching;
mod message;
mod rule;
mod schedule;
mod send;
mod watch;

pub use channel::{Channel, ChannelError, Email, Slack, Syslog, Telegram, Webhook};
pub use matching::{Burst, Facts, FactsEntity, FactsEvent, FactsThreat, Matcher, Ring};
pub use message::{Note, Parcel};
pub use rule::{ArgumentIs, BurstWhen, Digest, EntityIs, KeyHackerWhen, Per, RuleError, When};
pub use schedule::{pause, slot};
pub use send::{SendError, Sender, signature};
pub use watch::{WatchKind, Watchlist};
