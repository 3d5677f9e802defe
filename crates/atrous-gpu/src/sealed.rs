//! Text files whose last line is the checksum of what is before it.

use std::path::Path;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use atrous_files::sealed;

use crate::whole_file::content;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The text before the checksum of a file; `None` if there is no file.
pub(crate) fn read(file: &Path) -> Result<Option<String>, String> {
    match content(file, MAX_BYTES) {
        Ok(bytes) => bytes.map(atrous_files::unsealed).transpose(),
        Err(error) => Err(error.to_string()),
    }
}
