//! Collection, wired: sources as configured or named on the command line, the store as the crawler's memory, what is
//! remembered of each source, the schedule that `serve` keeps.

pub mod collector;
mod memory;
mod source;

pub use memory::{Lock, Record, memory, now};
pub use source::Source;
