//! Decoding of picture files to 8-bit RGB.

use super::reading::{Exif, Limits, PictureHeader};
use super::source::Source;
use crate::error::{Error, Result};
use image::RgbImage;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// How many bytes tell the format of a file.
const FORMAT_BYTES: u64 = 16;

/// How many bytes of a file a header is looked for in first.
const HEADER_BYTES: u64 = 1 << 18;

/// Reads a JPEG, PNG or WebP file of any mode as 8-bit RGB; see [`decode_rgb8`].
///
/// # Errors
/// [`Error::FileMissing`], [`Error::Io`], [`Error::TooManyBytes`] for a file beyond the limit, and those of [`decode_rgb8`].
pub fn load_rgb8(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbImage> {
    load_rgb8_with(path, limits, Exif::Apply)
}

/// [`load_rgb8`] that applies the EXIF orientation or not.
///
/// # Errors
/// Those of [`load_rgb8`].
pub fn load_rgb8_with(path: impl AsRef<Path>, limits: &Limits, exif: Exif) -> Result<RgbImage> {
    let (name, bytes) = read(path.as_ref(), limits)?;
    Source::new(&name, &bytes)?.decode(limits, exif)
}

/// Reads what the header of a JPEG, PNG or WebP file states, without decoding its pixels. Of a large PNG only the beginning is read, if
/// the header is there.
///
/// # Errors
/// Those of [`load_rgb8`], as far as they are found without decoding.
pub fn load_header(path: impl AsRef<Path>, limits: &Limits) -> Result<PictureHeader> {
    let path = path.as_ref();
    let (name, start) = (atrous_files::shown(path), beginning(path, HEADER_BYTES)?);
    if start.len() as u64 >= HEADER_BYTES
        && let Ok(header) = Source::new(&name, &start)?.header(limits)
    {
        return Ok(header);
    }
    // That the rest of the beginning is missing is no fault of the file.
    let (name, bytes) = read(path, limits)?;
    Source::new(&name, &bytes)?.header(limits)
}

/// The first bytes of a file, at most `most`.
fn beginning(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let read = atrous_files::open(path).and_then(|file| file.take(most).read_to_end(&mut start));
    read.map_err(|error| Error::reading(path, error))?;
    Ok(start)
}

/// The name of a file for messages, and its content. Of a file that is no picture only the first bytes are read.
fn read(path: &Path, limits: &Limits) -> Result<(String, Vec<u8>)> {
    let name = atrous_files::shown(path);
    Source::new(&name, &beginning(path, FORMAT_BYTES)?)?;
    let bytes = atrous_files::read(path, limits.max_bytes).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            let bytes = fs::metadata(path).map_or(0, |file| file.len()).max(limits.max_bytes.saturating_add(1));
            Error::TooManyBytes { name: name.clone(), what: "file", bytes, max_bytes: limits.max_bytes }
        }
        _ => Error::reading(path, error),
    })?;
    Ok((name, bytes))
}

/// Decodes a JPEG, PNG or WebP picture of any mode to 8-bit RGB. The format is recognised by the content; `name` is only used in errors.
///
/// * Grey becomes three equal channels, palettes are looked up, and of an animation the first frame is used.
/// * Alpha is dropped without blending, as Pillow's `convert("RGB")` does: transparent pixels keep their hidden colour.
/// * 16 bits become 8 by `round(v * 255 / 65535)`, so that black and white are kept and the error is at most half a level.
///   (Pillow keeps the upper byte, which is up to one level lower.)
/// * The EXIF orientation is applied: the picture is turned upright.
/// * Colour profiles are not applied, as in Pillow.
///
/// # Errors
/// [`Error::NotAPicture`], [`Error::UnsupportedFormat`], [`Error::UnsupportedFeature`], [`Error::Truncated`],
/// [`Error::Damaged`], [`Error::NoPixels`], [`Error::SideTooLarge`], [`Error::TooManyBytes`].
pub fn decode_rgb8(name: &str, bytes: &[u8], limits: &Limits) -> Result<RgbImage> {
    Source::new(name, bytes)?.decode(limits, Exif::Apply)
}
