//! The nouns of ThreatMiner.
//!
//! Everything that crosses a crate wall is defined here: forum posts as they are collected ([`PostRecord`]) and stored
//! ([`Post`]), what extraction says about them ([`PostAnalysis`]), the fused [`Threat`], the ranked [`Standing`].
//! This crate does no I/O and knows nothing of async, SQL or HTTP.
//!
//! ```
//! use tm_model::{EntityType, EventType, Family, Span};
//! assert_eq!(EventType::Ddos.family(), Family::Attack);
//! assert_eq!("ipv4".parse::<EntityType>(), Ok(EntityType::Ipv4));
//! assert_eq!(Span::new(1, 3).slice("日本語"), Some("本語"));
//! ```
#![deny(missing_docs)]

mod analysis;
mod label;
mod mask;
mod post;
mod span;
mod taxonomy;
mod threat;
mod time;

pub use analysis::{Argument, EntityHit, EventHit, PostAnalysis, Source};
pub use label::{Anchor, Correction, Label, LabelledArgument};
pub use mask::{mask_card, mask_secrets};
pub use post::{Post, PostRecord, Quote, QuoteTarget, Reject};
pub use span::{CharIndex, Span};
pub use taxonomy::{EntityType, EventType, Family, Language, Modality, Role, UnknownName};
pub use threat::{Mention, Standing, Threat, ThreatArgument, ThreatStatus};
pub use time::{Timestamp, TimestampError};
