//! Errors of checkpoints.

use std::{io, path::PathBuf};

use atrous_files::excerpt;
use atrous_io::{BadValues, Mismatch, WeightsError};

use super::Contradiction;

/// Why a checkpoint could not be written, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be written. An existing file was not changed.
    #[error("cannot write the checkpoint {}: {source}", atrous_files::shown(path))]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A tensor's shape and number of values disagree, or a name is used twice.
    #[error("cannot save tensor \"{name}\" in a checkpoint: {reason}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with the tensor.
        reason: String,
    },
    /// The file cannot be read, is truncated or damaged.
    #[error(transparent)]
    Read(Box<WeightsError>),
    /// The file is undamaged, but not a checkpoint that this version reads.
    #[error("{} is not a checkpoint: {}", atrous_files::shown(path), excerpt(reason))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What the file lacks.
        reason: String,
    },
    /// The checkpoint belongs to another training.
    #[error("the checkpoint is of another training: its {what} is {}, here it is {needs}", excerpt(got))]
    Other {
        /// What differs, such as `seed`.
        what: &'static str,
        /// Its value in the training.
        needs: String,
        /// Its value in the checkpoint.
        got: String,
    },
    /// The training has begun more epochs than it is to have.
    #[error(
        "{begun} epochs are begun already, but the training is to have {epochs}: it needs as many or more (--epochs)"
    )]
    Epochs {
        /// Epochs begun, the one under way included.
        begun: u64,
        /// [`TrainOptions::epochs`](crate::TrainOptions::epochs).
        epochs: u64,
    },
    /// A parameter's values are NaN or infinite, or a running variance's negative: the training had diverged.
    #[error("the checkpoint cannot be resumed: {0}; to go on from the best one, copy best.checkpoint over it")]
    Values(Box<BadValues>),
    /// The data are not those that the checkpoint's training had.
    #[error(
        "the {what} have changed since the checkpoint: {change}; with accept_changed_data (--accept-changed-data) the training goes on \
         with them"
    )]
    Data {
        /// `training data` or `validation data`, the first that have changed.
        what: &'static str,
        /// What differs, in words. If both have changed, of both.
        change: String,
    },
    /// The network has the checkpoint's parameters, but computes something else with them.
    #[error("the checkpoint is of another training: its network, {network}, computes something else: {change}")]
    Computation {
        /// The network.
        network: String,
        /// What differs, in words.
        change: String,
    },
    /// The state in the file cannot be that of a training.
    #[error("{} contradicts itself: {source}", atrous_files::shown(path))]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The field that does not fit the others.
        source: Contradiction,
    },
    /// The checkpoint's tensors belong to another network or optimizer.
    #[error("the checkpoint's {what} do not fit {network}: {mismatch}")]
    Mismatch {
        /// `parameters` or `optimizer's tensors`.
        what: &'static str,
        /// The network.
        network: String,
        /// Everything that does not fit.
        mismatch: Box<Mismatch>,
    },
}

impl From<WeightsError> for CheckpointError {
    fn from(error: WeightsError) -> Self {
        Self::Read(Box::new(error))
    }
}
