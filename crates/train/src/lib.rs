//! Trains and scores the neural model of `tm-extract`.
//!
//! Training runs on the CPU in `f32`, with a forward and a backward pass written for this one network; the result is a model
//! file that `tm_extract::neural::Model` reads. Apart from `tm-extract`, which has no place for training.
#![deny(missing_docs, unsafe_code)]

mod base;
mod calibration;
mod checkpoint;
mod data;
mod export;
mod gate;
mod heads;
mod metrics;
mod net;
mod optimizer;
mod pass;
mod product;
mod random;
mod teacher;
mod trainer;
mod wide;

pub use base::{Base, BaseError};
pub use calibration::calibration_error;
pub use data::{DataError, Fold, GoldArgument, GoldEntity, GoldEvent, GoldPost, join_texts, read_gold};
pub use metrics::{EntityScores, EventScores, Score, average_precision, score_entities, score_events};
pub use trainer::{Outcome, Progress, TrainOptions, train};

/// A training run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The base encoder cannot be used.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// Labelled data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No post of the training fold has event labels.
    #[error("no labelled post to train on: give files with --events")]
    NoData,
    /// The list of pieces cannot be used.
    #[error("vocabulary {path}: {reason}")]
    Vocabulary {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The teacher cannot teach this student.
    #[error("teacher {path}: {reason}")]
    Teacher {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The checkpoint cannot be used.
    #[error("checkpoint {path}: {reason}; remove it to start anew")]
    Checkpoint {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The model file cannot be written.
    #[error("writing the model: {0}")]
    Write(#[from] safetensors::SafeTensorError),
    /// The configuration cannot be written.
    #[error("writing the configuration: {0}")]
    Json(#[from] serde_json::Error),
    /// The model just written cannot be read: a fault of this program.
    #[error(transparent)]
    Model(#[from] tm_extract::neural::ModelError),
}

impl TrainError {
    fn io(path: &std::path::Path, source: std::io::Error) -> TrainError {
        TrainError::Io { path: path.display().to_string(), source }
    }
}
