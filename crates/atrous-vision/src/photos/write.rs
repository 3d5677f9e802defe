//! Writing of files as a whole.

use crate::error::{Error, Result};
use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs::png::PngEncoder};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Writes a file atomically, so that readers find either the old or the new content: under a temporary name in the same folder, synced to
/// disk, then renamed. A symbolic link is followed and stays a link, as with `cp`: the path is one that a user names.
///
/// # Errors
/// [`Error::NotAFile`] if the path names a folder or a device, [`Error::Io`] if the system refuses; no temporary file is
/// left behind.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(Error::NotAFile { path: atrous_files::shown(path) });
    }
    atrous_files::write(atrous_files::follow(path), |out| out.write_all(bytes)).map_err(|source| Error::Io {
        path: atrous_files::shown(path),
        action: "write",
        source,
    })
}

/// Writes a picture as an 8-bit RGB PNG; see [`write_atomically`].
///
/// # Errors
/// [`Error::NotPngName`] unless the name ends in `.png`, [`Error::Encode`] if the picture has no pixels, and those of [`write_atomically`].
pub fn write_png(path: impl AsRef<Path>, image: &RgbImage) -> Result<()> {
    check_png_name(path.as_ref())?;
    write_atomically(path, &encode_png(image)?)
}

/// The picture as the bytes of an 8-bit RGB PNG.
///
/// # Errors
/// [`Error::Encode`] if the picture has no pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>> {
    let (width, height) = image.dimensions();
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| Error::Encode { width, height, reason: error.to_string() })?;
    Ok(bytes)
}

/// Refuses names whose extension says that the file is no PNG.
pub(super) fn check_png_name(path: &Path) -> Result<()> {
    match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        true => Ok(()),
        false => Err(Error::NotPngName { path: atrous_files::shown(path) }),
    }
}
