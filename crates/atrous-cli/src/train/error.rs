//! What can be wrong with what a training is asked to do.

use std::io;
use std::path::{Path, PathBuf};

use atrous::graph::GraphError;
use atrous::train::TrainError;
use atrous::train::checkpoint::CheckpointError;

/// A result with an error of any crate; errors are only printed.
pub(super) type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Why a training cannot begin, or ended before its time. Failures of the library come as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// A file that cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// A file that is no TOML, or a configuration with keys or values that make no sense.
    #[error("{place}: {reason}")]
    Config { place: String, reason: String },
    /// Something that must be said is not.
    #[error("{0}")]
    Missing(&'static str),
    /// A value outside of its range.
    #[error("{key} must be {must}, got {got}")]
    Value { key: &'static str, must: &'static str, got: String },
    /// The folder to go on in is none of a training.
    #[error("{}: there is no training to resume: {lack}", folder.display())]
    NoRun { folder: PathBuf, lack: &'static str },
    /// The network does not take pictures of this size, or cannot be built at all.
    #[error("{error}; --size HxW, or size in the file, changes the {h}x{w} at which pictures are seen")]
    Size { error: Box<GraphError>, h: usize, w: usize },
    /// The training cannot begin.
    #[error(transparent)]
    Begin(Box<TrainError>),
    /// What is asked for is not how the training in the folder began.
    #[error("{}; --weights {} instead of --resume begins another training with its weights", first_line(error), weights.display())]
    Other { error: Box<TrainError>, weights: PathBuf },
    /// The training failed on its way.
    #[error("{error}; {kept}")]
    Broken { error: Box<TrainError>, kept: String },
    /// Ctrl-C cannot be caught.
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
}

impl Failed {
    /// Why a training in this folder does not begin or go on.
    pub(super) fn begun(error: TrainError, folder: &Path) -> Self {
        let other =
            matches!(error, TrainError::Checkpoint(CheckpointError::Other { .. } | CheckpointError::Mismatch { .. }));
        let (error, weights) = (Box::new(error), folder.join("best.safetensors"));
        if other && weights.exists() { Self::Other { error, weights } } else { Self::Begin(error) }
    }
}

fn first_line(error: &TrainError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
