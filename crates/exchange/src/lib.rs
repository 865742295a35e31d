//! What is known, in the formats of other tools.
//!
//! Tables as JSON Lines, CSV and Parquet ([`TableWriter`]); bundles of STIX 2.1 ([`stix`]); events of MISP ([`misp`]); reports
//! for people as HTML and Markdown ([`report`]). All of it is made from [`Holdings`], which whoever knows the store fills in:
//! this crate reads nothing and knows no clock, so that equal holdings give equal bytes.
//!
//! ```
//! use tm_exchange::{Holdings, Tlp, stix};
//!
//! let bundle = stix::bundle(&Holdings::default(), Tlp::Amber);
//! assert_eq!(bundle["type"], "bundle");
//! ```
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod holdings;
pub mod misp;
pub mod report;
pub mod stix;
mod table;
pub mod watched;

pub use holdings::{
    Actor, Entity, EventNote, Evidence, ForumNote, Holdings, Participant, PostNote, Sentence, ThreatItem, Tlp,
};
pub use table::{Column, ColumnKind, ExchangeError, TableForm, TableWriter};
