//! What can be wrong with what a training is asked to do.

use std::{io, path::PathBuf};

use atrous::train::TrainError;

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
    #[error("{}: there is no training to resume: it has no config.toml", .0.display())]
    NoRun(PathBuf),
    /// The training failed on its way.
    #[error("{error}; {kept}")]
    Broken { error: Box<TrainError>, kept: String },
    /// Ctrl-C cannot be caught.
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
}
