//! From mentions and interactions to threat events and key hackers. Pure: no I/O, no clock, no hash-map order.
//!
//! [`fuse`] joins event mentions of the same happening into threat events. [`rank`] finds the key hackers: a
//! topic-specific PageRank over who answers, quotes and mentions whom, joined with content indicators, as a sum of named
//! parts. [`words`] and [`fields`] tell what an author speaks of.
#![deny(missing_docs)]

pub mod fields;
pub mod fuse;
mod pagerank;
pub mod rank;
pub mod words;

pub use pagerank::{Edge, pagerank};
