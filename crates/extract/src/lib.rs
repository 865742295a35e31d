//! Posts to entities and threat events.
//!
//! Two engines side by side: pattern rules with validators ([`Rules`]) for indicators, and a neural model
//! ([`neural::Model`]) for events and named things, helped by a list of known names ([`link`]). Pure, synchronous and deterministic: no I/O, no clock, the same
//! result on any number of threads.
#![deny(missing_docs, unsafe_code)]

mod analyzer;
mod gazetteer;
mod language;
mod named;
pub mod neural;
mod pattern;
mod sentence;
mod why;

pub use analyzer::Analyzer;
pub use gazetteer::{Link, link};
pub use language::detect_language;
pub use pattern::{Rules, RulesError, tags_of};
pub use sentence::sentence_around;
pub use why::Why;

/// The examples of docs/library.md, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
struct Library;
