//! Files that are either complete or absent.

use crate::error::{Error, Result};
use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs::png::PngEncoder};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file so that a reader finds the old content or the new, never a part: to a temporary name in the same
/// folder, synced to disk, then renamed. A symbolic link is followed and stays a link.
///
/// # Errors
/// [`Error::NotAFile`] if the path names a folder or a device, [`Error::Io`] if the system refuses; no temporary file is
/// left behind.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let io_error = |source| Error::Io { path: path.display().to_string(), action: "write", source };
    let target = match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(Error::NotAFile { path: path.display().to_string() });
        }
        Ok(_) => fs::canonicalize(path).map_err(io_error)?,
        Err(_) => path.to_owned(),
    };
    let temporary = temporary_beside(&target).map_err(io_error)?;
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        // The write is what failed; a leftover that cannot be removed adds nothing to it.
        let _ = fs::remove_file(&temporary);
        return Err(io_error(error));
    }
    sync_folder(&target).map_err(io_error)
}

/// Writes a picture as an 8-bit RGB PNG; see [`write_atomically`].
///
/// # Errors
/// [`Error::Encode`] if the picture has no pixels, and those of [`write_atomically`].
pub fn write_png(path: impl AsRef<Path>, image: &RgbImage) -> Result<()> {
    let (width, height) = image.dimensions();
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| Error::Encode { width, height, reason: error.to_string() })?;
    write_atomically(path, &bytes)
}

/// A hidden name beside `target` that no other write of this or another process uses.
fn temporary_beside(target: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name =
        target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!(".{}.{}-{count}.tmp", name.to_string_lossy(), std::process::id());
    Ok(target.with_file_name(name))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable, on systems where a folder can be opened and synced.
fn sync_folder(target: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
