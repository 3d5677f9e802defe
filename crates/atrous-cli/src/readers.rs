//! For the tests of this repository: the text that the command reads, without the work that follows.

use std::ffi::OsString;
use std::path::Path;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Args, Command};
use crate::output::printable;
use crate::train::prepared;

/// What `atrous train FILE` makes of a configuration before it opens a device: the text of the `config.toml` that it would keep.
///
/// # Errors
/// The message that it would print.
pub fn configuration(file: &Path) -> Result<String, String> {
    arguments([OsString::from("atrous"), "train".into(), file.into()].as_slice())
}

/// What the command makes of its arguments, the first of which is its name, before it opens a device: of `atrous train` the text of the
/// `config.toml` that it would keep, of others nothing.
///
/// # Errors
/// The message that it would print.
pub fn arguments(words: &[OsString]) -> Result<String, String> {
    let message = |error: &dyn std::fmt::Display| printable(&error.to_string());
    match Args::try_parse_from(words).map(|args| args.command) {
        Ok(Command::Train(flags)) => prepared(&flags).map_err(|error| message(&error)),
        Ok(Command::Plan(options)) => options.network.build().map(|_| String::new()).map_err(|error| message(&error)),
        Ok(_) => Ok(String::new()),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Ok(String::new()),
        Err(error) => Err(message(&error)),
    }
}
