//! Errors of `atrous train`.

use std::io;
use std::path::{Path, PathBuf};

use atrous::graph::GraphError;
use atrous::train::TrainError;
use atrous::train::checkpoint::CheckpointError;
use atrous_files::{excerpt, shown};

/// A result with an error of any type, since errors are only printed.
pub(super) type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// An error that prevents or ends a training. Errors of the library are passed on with their own messages.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// A file that cannot be read or written.
    #[error("cannot {action} {}: {source}", shown(path))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// A file that is not TOML, or an invalid key or value of a configuration.
    #[error("{place}: {reason}")]
    Config { place: String, reason: String },
    /// A required setting is missing.
    #[error("{0}")]
    Missing(&'static str),
    /// A value outside of its range.
    #[error("{key} must be {must}, got {}", excerpt(got))]
    Value { key: &'static str, must: &'static str, got: String },
    /// Of the samples that were held out, none is left to validate on.
    #[error(
        "none of the {known} pictures that were held out is among the data: validate on other data (--validation), or begin another \
         training with the weights of this one (--weights)"
    )]
    NoneHeldOut { known: usize },
    /// The folder to resume is not the run folder of a training.
    #[error("{}: there is no training to resume: {lack}", shown(folder))]
    NoRun { folder: PathBuf, lack: &'static str },
    /// The data teach nothing: every reason, a line each.
    #[error("{0}")]
    Data(String),
    /// The network does not take pictures of this size, or cannot be built at all.
    #[error("{error}; --size HxW, or size in the file, changes the {h}x{w} at which pictures are seen")]
    Size { error: Box<GraphError>, h: usize, w: usize },
    /// The training cannot begin.
    #[error(transparent)]
    Begin(Box<TrainError>),
    /// The configuration differs from that of the training to resume.
    #[error(
        "{error}{}--weights {} instead of --resume begins another training with its weights",
        after(error),
        shown(weights)
    )]
    Other { error: Box<TrainError>, weights: PathBuf },
    /// The training failed after it began.
    #[error("{error}{}{kept}", after(error))]
    Broken { error: Box<TrainError>, kept: String },
    /// Ctrl-C cannot be caught.
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(io::Error),
}

impl Failed {
    /// The error for a training in this folder that cannot begin or resume.
    pub(super) fn begun(error: TrainError, folder: &Path) -> Self {
        let other = match &error {
            TrainError::Checkpoint(error) => matches!(
                error,
                CheckpointError::Other { .. } | CheckpointError::Mismatch { .. } | CheckpointError::Computation { .. }
            ),
            _ => false,
        };
        let (error, weights) = (Box::new(error), folder.join("best.safetensors"));
        if other && weights.exists() { Self::Other { error, weights } } else { Self::Begin(error) }
    }
}

/// What separates an error from a remark after it: a line end, if the error has several lines.
fn after(error: &TrainError) -> &'static str {
    if error.to_string().contains('\n') { "\n" } else { "; " }
}
