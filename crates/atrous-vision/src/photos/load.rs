//! Decoding of picture files to 8-bit RGB.

use super::source::Source;
use crate::error::{Error, Result};
use image::RgbImage;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// How large a picture may be. Both are checked before its pixels are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest side allowed, in pixels.
    pub max_side: u32,
    /// Most bytes allowed for the file, and for the decoded picture in its own mode.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// Sides of 16,384 pixels and 1 GiB.
    fn default() -> Self {
        Limits { max_side: 16_384, max_bytes: 1 << 30 }
    }
}

/// What is done with the orientation that a file states in its EXIF data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Exif {
    /// The picture is turned upright.
    #[default]
    Apply,
    /// The picture stays as it is stored.
    Raw,
}

/// What the header of a picture file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureHeader {
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// Channels of the picture: 1 grey, 2 grey with alpha, 3 RGB, 4 RGB with alpha. Palettes are looked up.
    pub channels: u8,
    /// The EXIF orientation, 1 to 8; 1, which is upright, if the file states none.
    pub orientation: u8,
}

impl PictureHeader {
    /// Width and height once the orientation is applied, or not.
    pub fn size(&self, exif: Exif) -> (u32, u32) {
        match (exif, self.orientation) {
            (Exif::Apply, 5..=8) => (self.height, self.width),
            _ => (self.width, self.height),
        }
    }
}

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

/// Reads what the header of a JPEG, PNG or WebP file states, without decoding its pixels.
///
/// # Errors
/// Those of [`load_rgb8`], as far as they are found without decoding.
pub fn load_header(path: impl AsRef<Path>, limits: &Limits) -> Result<PictureHeader> {
    let (name, bytes) = read(path.as_ref(), limits)?;
    Source::new(&name, &bytes)?.header(limits)
}

/// The name of a file for messages, and its content.
fn read(path: &Path, limits: &Limits) -> Result<(String, Vec<u8>)> {
    let name = atrous_files::shown(path);
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
