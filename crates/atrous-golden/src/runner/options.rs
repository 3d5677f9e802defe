//! Options of the runner.

use std::path::PathBuf;

use clap::Args;

/// What to recompute; everything if neither `ops` nor `models` is set.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Single operations.
    #[arg(long)]
    pub ops: bool,
    /// Whole networks.
    #[arg(long)]
    pub models: bool,
    /// Evaluate and train whole networks with activations in f16, as ATROUS_PRECISION=f16 does.
    #[arg(long)]
    pub f16: bool,
    /// Only cases with this text in their name.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Folder of the reference results, instead of $ATROUS_GOLDEN_DIR or tests/golden.
    #[arg(skip)]
    pub folder: Option<PathBuf>,
}

impl Options {
    /// Whether the filter admits a case of this name.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|text| name.contains(text))
    }
}
