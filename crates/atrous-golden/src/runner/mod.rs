//! Recomputes reference results with atrous and compares.
//!
//! There is no list of cases: operations and networks are built from what the files say of them. What the files name but
//! atrous does not know is reported as unsupported, with the reason.

mod array;
mod compare;
mod execute;
mod folder;
mod input;
mod models;
mod ops;
mod params;
mod report;

use std::{io::Write, path::PathBuf};

use anyhow::Result;
use atrous_graph::passes::Precision;
use clap::Args;

pub use execute::Executor;
pub use folder::Folder;
pub use report::{CaseError, Report, Summary};

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
    /// Where the reference results lie, instead of $ATROUS_GOLDEN_DIR or tests/golden.
    #[arg(skip)]
    pub folder: Option<PathBuf>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        self.filter.as_deref().is_none_or(|text| name.contains(text))
    }
}

/// Runs the cases, one line each, then the counts.
///
/// # Errors
/// If the folder cannot be read, there is no adapter, or `out` cannot be written. A case that differs is no error.
pub fn run(options: &Options, out: &mut dyn Write) -> Result<Summary> {
    let folder = match &options.folder {
        Some(path) => Folder::open(path)?,
        None => Folder::from_env()?,
    };
    let executor = Executor::new(options.f16)?;
    let mut report = Report::new(out);
    let both = options.ops == options.models;
    // Single operations take f32; kernels in f16 are judged by the reference.
    if (both || options.ops) && executor.precision() == Precision::F32 {
        ops::run(options, &folder, &executor, &mut report)?;
    }
    if both || options.models {
        models::run(options, &folder, &executor, &mut report)?;
    }
    report.close()
}
