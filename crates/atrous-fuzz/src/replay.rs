//! One input from a file.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::case::{self, Outcome};
use crate::{targets, work};

/// Options of `replay`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The target.
    target: String,
    /// The input, as it was kept with a fault.
    input: PathBuf,
}

/// Gives the target the input and prints what became of it. Whether that is no fault.
///
/// # Errors
/// If there is no such target or file.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let target = targets::named(&options.target)?;
    let bytes = fs::read(&options.input).with_context(|| options.input.display().to_string())?;
    let top = work::folder()?;
    let outcome = work::in_place(top.path(), |folder| Ok(case::judge(target, &(target.seeds)(), folder, &bytes, 1)?))?;
    match &outcome {
        Outcome::Accepted => println!("accepted"),
        Outcome::Refused(message) => println!("refused: {message}"),
        Outcome::Fault(what) => println!("FAULT: {what}"),
    }
    Ok(!matches!(outcome, Outcome::Fault(_)))
}
