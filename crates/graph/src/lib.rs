//! From mentions and interactions to threat events and key hackers. Pure: no I/O, no clock, no hash-map order.
//!
//! [`fuse`] joins event mentions of the same happening into threat events. [`rank`] finds the key hackers: a
//! topic-specific PageRank over who answers, quotes and mentions whom, joined with content indicators, as a sum of named
//! parts. [`words`] and [`fields`] tell what an author speaks of.
//!
//! A [`Graph`] holds who gives attention to whom; the measures on it are functions of their own, each after the paper that
//! its module names. All give the same result on any number of threads.
//!
//! ```
//! use tm_graph::{EdgeList, Graph, PageRankOptions, pagerank};
//!
//! // Two accounts answer the third.
//! let answers: EdgeList = [(0, 2, 1.0), (1, 2, 3.0)].into_iter().collect();
//! let rank = pagerank(&Graph::new(3, answers)?, &[], &PageRankOptions::default());
//! assert!(rank[2] > rank[0]);
//! # Ok::<(), tm_graph::GraphError>(())
//! ```
#![deny(missing_docs)]

pub mod alias;
mod betweenness;
pub mod communities;
mod components;
pub mod credibility;
mod csr;
pub mod fields;
pub mod fuse;
mod hits;
pub mod hours;
mod interactions;
mod kcore;
mod leiden;
mod pagerank;
mod random;
pub mod rank;
pub mod roles;
pub mod trends;
mod triangles;
pub mod words;

pub use betweenness::{Sampled, SamplingOptions, betweenness, sampled_betweenness};
pub use components::{strong_components, weak_components};
pub use csr::{EdgeList, Graph, GraphError, Reordered, Rows};
pub use hits::{Hits, hits};
pub use interactions::{Interactions, RowError};
pub use kcore::core_numbers;
pub use leiden::{Communities, LeidenOptions, leiden, modularity};
pub use pagerank::{PageRankOptions, pagerank};
pub use random::Random;
pub use triangles::{clustering, constraint, participation};
