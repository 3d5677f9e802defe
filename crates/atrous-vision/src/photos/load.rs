//! Decoding of picture files to 8-bit RGB.

use super::header::{self, Fault};
use crate::error::{Error, Result};
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, RgbImage};
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
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
    let (name, bytes) = read_within(path.as_ref(), limits)?;
    Source::new(&name, &bytes, limits)?.decode(limits, exif)
}

/// Reads what the header of a JPEG, PNG or WebP file states, without decoding its pixels. Of a large file only the beginning is read, if
/// the header is there.
///
/// # Errors
/// Those of [`load_rgb8`], as far as they are found without decoding.
pub fn load_header(path: impl AsRef<Path>, limits: &Limits) -> Result<PictureHeader> {
    let (name, start) = read(path.as_ref(), BEGINNING)?;
    if start.len() as u64 >= BEGINNING {
        // That the rest is missing is no fault of the file.
        let header = supported_format(&name, &start)
            .and_then(|format| Source { name: &name, format, bytes: &start }.header(limits));
        if header.is_ok() {
            return header;
        }
    }
    let bytes = read_within(path.as_ref(), limits)?.1;
    Source::new(&name, &bytes, limits)?.header(limits)
}

/// The bytes of a file that a header is looked for in.
const BEGINNING: u64 = 1 << 18;

/// The name of a file for messages, and its content.
fn read_within(path: &Path, limits: &Limits) -> Result<(String, Vec<u8>)> {
    let (name, bytes) = read(path, limits.max_bytes.saturating_add(1))?;
    if bytes.len() as u64 > limits.max_bytes {
        return Err(Error::TooManyBytes { name, what: "file", bytes: bytes.len() as u64, max_bytes: limits.max_bytes });
    }
    Ok((name, bytes))
}

/// The name of a file for messages, and its first bytes, at most `most`.
fn read(path: &Path, most: u64) -> Result<(String, Vec<u8>)> {
    let name = atrous_files::shown(path);
    let io_error = |source| Error::Io { path: name.clone(), action: "read", source };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::FileMissing { path: name.clone() },
        _ => io_error(error),
    })?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(io_error)?;
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
    Source::new(name, bytes, limits)?.decode(limits, Exif::Apply)
}

fn supported_format(name: &str, bytes: &[u8]) -> Result<ImageFormat> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        Ok(other) => {
            Err(Error::UnsupportedFormat { name: name.to_owned(), format: format!("{other:?}").to_uppercase() })
        }
        Err(_) => Err(Error::NotAPicture { name: name.to_owned() }),
    }
}

/// A picture in memory, of one of the three formats.
struct Source<'a> {
    name: &'a str,
    format: ImageFormat,
    bytes: &'a [u8],
}

impl<'a> Source<'a> {
    /// A file whose header has no fault.
    fn new(name: &'a str, bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let source = Source { name, format: supported_format(name, bytes)?, bytes };
        let stated = header::check(source.format, bytes).map_err(|fault| match fault {
            Fault::NoPixels { width, height } => Error::NoPixels { name: name.to_owned(), width, height },
            Fault::Truncated => source.truncated(),
        })?;
        if let Some((width, height)) = stated {
            source.check_sides(width, height, limits)?;
        }
        Ok(source)
    }

    fn header(&self, limits: &Limits) -> Result<PictureHeader> {
        let mut decoder = self.open(limits).map_err(|error| self.explain(error, limits))?;
        let (width, height) = decoder.dimensions();
        self.check_sides(width, height, limits)?;
        let orientation = decoder.orientation().map_err(|error| self.explain(error, limits))?.to_exif();
        Ok(PictureHeader { width, height, channels: decoder.color_type().channel_count(), orientation })
    }

    fn decode(&self, limits: &Limits, exif: Exif) -> Result<RgbImage> {
        let mut decoder = self.open(limits).map_err(|error| self.explain(error, limits))?;
        let (width, height) = decoder.dimensions();
        self.check_sides(width, height, limits)?;
        if decoder.total_bytes() > limits.max_bytes {
            return Err(self.too_many_bytes("decoded picture", decoder.total_bytes(), limits));
        }
        let picture =
            decoder.orientation().and_then(|orientation| Ok((orientation, DynamicImage::from_decoder(decoder)?)));
        let (orientation, picture) = picture.map_err(|error| self.explain(error, limits))?;
        let mut upright = DynamicImage::ImageRgb8(picture.into_rgb8());
        if exif == Exif::Apply {
            upright.apply_orientation(orientation);
        }
        Ok(upright.into_rgb8())
    }

    fn check_sides(&self, width: u32, height: u32, limits: &Limits) -> Result<()> {
        match width.max(height) > limits.max_side {
            true => Err(Error::SideTooLarge { name: self.name.to_owned(), width, height, max_side: limits.max_side }),
            false => Ok(()),
        }
    }

    fn open(&self, limits: &Limits) -> Result<Box<dyn ImageDecoder + '_>, ImageError> {
        let cursor = Cursor::new(self.bytes);
        let mut memory = image::Limits::no_limits();
        // The decoder's own allocations are metadata and one row, of at most four channels of 16 bits.
        memory.max_alloc = Some(limits.max_bytes.saturating_add(8 * u64::from(limits.max_side)));
        Ok(match self.format {
            ImageFormat::Jpeg => Box::new(JpegDecoder::new(cursor)?),
            ImageFormat::Png => Box::new(PngDecoder::with_limits(cursor, memory)?),
            _ => Box::new(WebPDecoder::new(cursor)?),
        })
    }

    fn format_name(&self) -> &'static str {
        match self.format {
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::Png => "PNG",
            _ => "WebP",
        }
    }

    fn too_many_bytes(&self, what: &'static str, bytes: u64, limits: &Limits) -> Error {
        Error::TooManyBytes { name: self.name.to_owned(), what, bytes, max_bytes: limits.max_bytes }
    }

    fn truncated(&self) -> Error {
        Error::Truncated { name: self.name.to_owned(), format: self.format_name(), bytes: self.bytes.len() }
    }

    /// Converts an error of the decoder. It reads from memory, so the only I/O error is the end of the data.
    fn explain(&self, error: ImageError, limits: &Limits) -> Error {
        let name = self.name.to_owned();
        match error {
            ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => self.truncated(),
            ImageError::Limits(_) => self.too_many_bytes("metadata", limits.max_bytes, limits),
            ImageError::Unsupported(error) => {
                Error::UnsupportedFeature { name, format: self.format_name(), feature: error.to_string() }
            }
            source => Error::Damaged { name, format: self.format_name(), source: source.into() },
        }
    }
}
