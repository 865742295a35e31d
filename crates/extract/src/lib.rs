//! Posts to entities and threat events.
//!
//! Two engines side by side: pattern rules with validators ([`Rules`]) for indicators, and a neural model
//! ([`neural::Model`]) for events and named things. Pure, synchronous and deterministic: no I/O, no clock, the same
//! result on any number of threads.
#![deny(missing_docs, unsafe_code)]

mod analyzer;
mod language;
pub mod neural;
mod pattern;
mod sentence;
mod why;

pub use analyzer::Analyzer;
pub use language::detect_language;
pub use pattern::{Rules, RulesError, tags_of};
pub use sentence::sentence_around;
pub use why::Why;
