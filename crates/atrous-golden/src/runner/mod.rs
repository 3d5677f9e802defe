//! Recomputes reference results with atrous and compares.
//!
//! There is no list of cases: operations and networks are built from their description in the files. A case that needs something
//! atrous does not have is reported as unsupported, with the reason.

mod array;
mod compare;
mod execute;
mod folder;
mod input;
mod models;
mod ops;
mod options;
mod params;
mod report;

use std::io::Write;

use anyhow::Result;
use atrous_graph::passes::Precision;

pub use execute::Executor;
pub use folder::Folder;
pub use options::Options;
pub use report::{CaseError, Report, Summary};

/// Runs the cases, one line each, then the counts. `notes` is told the adapter, and how long each case of a network
/// took.
///
/// # Errors
/// If the folder cannot be read, there is no adapter, or `out` or `notes` cannot be written. A case that differs is no
/// error.
pub fn run(options: &Options, out: &mut dyn Write, notes: &mut dyn Write) -> Result<Summary> {
    let folder = match &options.folder {
        Some(path) => Folder::open(path)?,
        None => Folder::from_env()?,
    };
    let executor = Executor::new(options.f16)?;
    writeln!(notes, "adapter {}", executor.info())?;
    let mut report = Report::new(out);
    let both = options.ops == options.models;
    // Single operations run in f32 only; tests compare their f16 kernels with the CPU reference.
    if (both || options.ops) && executor.precision() == Precision::F32 {
        ops::run(options, &folder, &executor, &mut report)?;
    }
    if both || options.models {
        models::run(options, &folder, &executor, &mut report, notes)?;
    }
    report.close()
}
