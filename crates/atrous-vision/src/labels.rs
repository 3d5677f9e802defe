//! Names of classes.

use crate::error::{Error, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Reads a UTF-8 file with one label a line, line 1 for class 0; see [`parse_labels`].
///
/// # Errors
/// [`Error::FileMissing`], [`Error::Io`], and those of [`parse_labels`].
pub fn read_labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<String>> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::FileMissing { path: name.clone() },
        _ => Error::Io { path: name.clone(), action: "read", source },
    })?;
    parse_labels(&name, &bytes, classes)
}

/// Labels, one a line, surrounding blanks removed. A byte-order mark, Windows line ends and empty lines at the end are
/// accepted. `name` is only used in errors.
///
/// # Errors
/// [`Error::NotText`] if not UTF-8, [`Error::BlankLabel`] for an empty line before the last label,
/// [`Error::LabelCount`] if there are not exactly `classes` labels.
pub fn parse_labels(name: &str, bytes: &[u8], classes: usize) -> Result<Vec<String>> {
    let name = || name.to_owned();
    let text = std::str::from_utf8(bytes).map_err(|error| Error::NotText { name: name(), at: error.valid_up_to() })?;
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if let Some(line) = labels.iter().position(|label| label.is_empty()) {
        return Err(Error::BlankLabel { name: name(), line: line + 1 });
    }
    match labels.len() == classes {
        true => Ok(labels),
        false => Err(Error::LabelCount { name: name(), labels: labels.len(), classes }),
    }
}
