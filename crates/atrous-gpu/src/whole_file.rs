//! Files in the folder for compiled kernels.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Creates or replaces a file atomically, and creates its folder if it does not exist. Readers never see a part of the file.
pub(crate) fn replace(file: &Path, parts: &[&[u8]]) -> io::Result<()> {
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    atrous_files::write(file, |out| parts.iter().try_for_each(|part| out.write_all(part)))
}

/// The content of a file of at most `max` bytes; `None` if there is no file.
pub(crate) fn content(file: &Path, max: u64) -> io::Result<Option<Vec<u8>>> {
    match atrous_files::read(file, max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
