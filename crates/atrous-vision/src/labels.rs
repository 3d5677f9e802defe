//! Names of classes.

use crate::error::{Error, Result};
use std::path::Path;

/// Most bytes of a file of labels.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a UTF-8 file of at most 16 MiB with one label a line, line 1 for class 0; see [`parse_labels`].
///
/// # Errors
/// [`Error::FileMissing`], [`Error::Io`], and those of [`parse_labels`].
pub fn read_labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<String>> {
    let path = path.as_ref();
    let bytes = atrous_files::read(path, MAX_BYTES).map_err(|error| Error::reading(path, error))?;
    parse_labels(&atrous_files::shown(path), &bytes, classes)
}

/// Labels, one a line, surrounding blanks removed. A byte-order mark, Windows line ends and empty lines at the end are
/// accepted; control characters are escaped. `name` is only used in errors.
///
/// # Errors
/// [`Error::NotText`] if not UTF-8, [`Error::BlankLabel`] for an empty line before the last label,
/// [`Error::LabelCount`] if there are not exactly `classes` labels.
pub fn parse_labels(name: &str, bytes: &[u8], classes: usize) -> Result<Vec<String>> {
    let name = || name.to_owned();
    let text = std::str::from_utf8(bytes).map_err(|error| Error::NotText { name: name(), at: error.valid_up_to() })?;
    let text = text.trim_start_matches('\u{feff}').trim_end();
    let labels: Vec<String> = text.lines().map(|line| atrous_files::shown(line.trim())).collect();
    if let Some(line) = labels.iter().position(|label| label.is_empty()) {
        return Err(Error::BlankLabel { name: name(), line: line + 1 });
    }
    match labels.len() == classes {
        true => Ok(labels),
        false => Err(Error::LabelCount { name: name(), labels: labels.len(), classes }),
    }
}
