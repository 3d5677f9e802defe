//! Decoding of picture files to 8-bit RGB.

use super::header::{self, Fault};
use super::{jpeg, jpeg_header};
use crate::error::{Error, Result};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
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

/// Reads a JPEG, PNG or WebP file of any mode as 8-bit RGB; see [`decode_rgb8`].
///
/// # Errors
/// [`Error::FileMissing`], [`Error::Io`], [`Error::TooManyBytes`] for a file beyond the limit, and those of [`decode_rgb8`].
pub fn load_rgb8(path: impl AsRef<Path>, limits: &Limits) -> Result<RgbImage> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let io_error = |source| Error::Io { path: name.clone(), action: "read", source };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::FileMissing { path: name.clone() },
        _ => io_error(error),
    })?;
    let mut bytes = Vec::new();
    file.take(limits.max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() as u64 > limits.max_bytes {
        return Err(Error::TooManyBytes { name, what: "file", bytes: bytes.len() as u64, max_bytes: limits.max_bytes });
    }
    decode_rgb8(&name, &bytes, limits)
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
    let source = Source { name, format: supported_format(name, bytes)?, bytes };
    let (picture, orientation) = match source.format {
        ImageFormat::Jpeg => source.decode_jpeg(limits)?,
        _ => source.decode(limits)?,
    };
    let mut upright = DynamicImage::ImageRgb8(picture);
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
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

impl Source<'_> {
    /// The picture as it is stored, and how to turn it upright.
    fn decode_jpeg(&self, limits: &Limits) -> Result<(RgbImage, Orientation)> {
        let header = jpeg_header::read(self.bytes).map_err(|fault| self.fault(fault))?;
        self.check_size(header.width, header.height, header.components as u64, limits)?;
        let picture = jpeg::decode(self.bytes, &header).map_err(|error| self.explain_jpeg(error))?;
        let orientation = header.exif.and_then(Orientation::from_exif_chunk);
        Ok((picture, orientation.unwrap_or(Orientation::NoTransforms)))
    }

    /// The picture as it is stored, and how to turn it upright, of a PNG or WebP file.
    fn decode(&self, limits: &Limits) -> Result<(RgbImage, Orientation)> {
        if let Some((width, height)) = header::check(self.format, self.bytes).map_err(|fault| self.fault(fault))? {
            self.check_sides(width, height, limits)?;
        }
        let mut decoder = self.open(limits).map_err(|error| self.explain(error, limits))?;
        let (width, height) = decoder.dimensions();
        self.check_size(width, height, decoder.color_type().bytes_per_pixel().into(), limits)?;
        let picture =
            decoder.orientation().and_then(|orientation| Ok((DynamicImage::from_decoder(decoder)?, orientation)));
        let (picture, orientation) = picture.map_err(|error| self.explain(error, limits))?;
        Ok((picture.into_rgb8(), orientation))
    }

    /// Checks the size of a picture that takes so many bytes a pixel.
    fn check_size(&self, width: u32, height: u32, pixel_bytes: u64, limits: &Limits) -> Result<()> {
        self.check_sides(width, height, limits)?;
        let bytes = u64::from(width) * u64::from(height) * pixel_bytes;
        match bytes > limits.max_bytes {
            true => Err(self.too_many_bytes("decoded picture", bytes, limits)),
            false => Ok(()),
        }
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

    fn fault(&self, fault: Fault) -> Error {
        let (name, format) = (self.name.to_owned(), self.format_name());
        match fault {
            Fault::NoPixels { width, height } => Error::NoPixels { name, width, height },
            Fault::Truncated => self.truncated(),
            Fault::Damaged(reason) => Error::Damaged { name, format, source: reason.into() },
            Fault::Unsupported(feature) => Error::UnsupportedFeature { name, format, feature },
        }
    }

    fn explain_jpeg(&self, error: jpeg_decoder::Error) -> Error {
        match error {
            jpeg_decoder::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => self.truncated(),
            jpeg_decoder::Error::Unsupported(feature) => self.fault(Fault::Unsupported(jpeg::described(&feature))),
            jpeg_decoder::Error::Format(reason) => self.fault(Fault::Damaged(reason)),
            other => self.fault(Fault::Damaged(other.to_string())),
        }
    }

    /// Converts an error of the decoder of PNG or WebP. It reads from memory, so the only I/O error is the end of the data.
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
