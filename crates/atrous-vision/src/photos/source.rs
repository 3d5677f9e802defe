//! Picture files in memory.

use super::header::{self, Fault};
use super::reading::{Exif, Limits, PictureHeader};
use super::{jpeg, jpeg_header};
use crate::error::{Error, Result};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, RgbImage};
use std::io::{Cursor, ErrorKind};

/// A picture in memory, of one of the three formats.
pub(super) struct Source<'a> {
    name: &'a str,
    format: ImageFormat,
    bytes: &'a [u8],
}

impl<'a> Source<'a> {
    /// Recognises the format by the content; `name` is only used in errors.
    pub(super) fn new(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        match image::guess_format(bytes) {
            Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(Self { name, format, bytes }),
            Ok(other) => {
                Err(Error::UnsupportedFormat { name: name.to_owned(), format: format!("{other:?}").to_uppercase() })
            }
            Err(_) => Err(Error::NotAPicture { name: name.to_owned() }),
        }
    }

    pub(super) fn header(&self, limits: &Limits) -> Result<PictureHeader> {
        let (width, height, channels, orientation) = if self.format == ImageFormat::Jpeg {
            let header = self.jpeg_header(limits)?;
            let channels = if header.components == 1 { 1 } else { 3 };
            (header.width, header.height, channels, orientation(&header))
        } else {
            let mut decoder = self.open(limits)?;
            let (width, height) = decoder.dimensions();
            let orientation = self.orientation(&mut *decoder, limits)?;
            (width, height, decoder.color_type().channel_count(), orientation)
        };
        Ok(PictureHeader { width, height, channels, orientation: orientation.to_exif() })
    }

    pub(super) fn decode(&self, limits: &Limits, exif: Exif) -> Result<RgbImage> {
        let (picture, orientation) = match self.format {
            ImageFormat::Jpeg => self.decode_jpeg(limits)?,
            _ => self.decode_other(limits)?,
        };
        let mut picture = DynamicImage::ImageRgb8(picture);
        if exif == Exif::Apply {
            picture.apply_orientation(orientation);
        }
        Ok(picture.into_rgb8())
    }

    fn decode_jpeg(&self, limits: &Limits) -> Result<(RgbImage, Orientation)> {
        let header = self.jpeg_header(limits)?;
        let picture = jpeg::decode(self.bytes, &header).map_err(|error| self.explain_jpeg(error))?;
        Ok((picture, orientation(&header)))
    }

    fn jpeg_header(&self, limits: &Limits) -> Result<jpeg_header::Header<'a>> {
        let header = jpeg_header::read(self.bytes).map_err(|fault| self.fault(fault))?;
        self.check_size(header.width, header.height, header.components as u64, limits)?;
        Ok(header)
    }

    fn decode_other(&self, limits: &Limits) -> Result<(RgbImage, Orientation)> {
        let mut decoder = self.open(limits)?;
        let orientation = self.orientation(&mut *decoder, limits)?;
        let picture = DynamicImage::from_decoder(decoder).map_err(|error| self.explain(error, limits))?;
        Ok((picture.into_rgb8(), orientation))
    }

    /// The orientation that a PNG or WebP file states.
    fn orientation(&self, decoder: &mut dyn ImageDecoder, limits: &Limits) -> Result<Orientation> {
        if self.format == ImageFormat::WebP {
            let exif = header::webp_exif(self.bytes).map_err(|fault| self.fault(fault))?;
            return Ok(exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms));
        }
        decoder.orientation().map_err(|error| self.explain(error, limits))
    }

    /// The decoder of a PNG or WebP file whose size is within the limits.
    fn open(&self, limits: &Limits) -> Result<Box<dyn ImageDecoder + '_>> {
        if let Some((width, height)) = header::check(self.format, self.bytes).map_err(|fault| self.fault(fault))? {
            self.check_sides(width, height, limits)?;
        }
        let cursor = Cursor::new(self.bytes);
        let mut memory = image::Limits::no_limits();
        // The decoder's own allocations are metadata and one row, of at most four channels of 16 bits.
        memory.max_alloc = Some(limits.max_bytes.saturating_add(8 * u64::from(limits.max_side)));
        let decoder: Result<Box<dyn ImageDecoder>, ImageError> = match self.format {
            ImageFormat::Png => PngDecoder::with_limits(cursor, memory).map(|decoder| Box::new(decoder) as _),
            _ => WebPDecoder::new(cursor).map(|decoder| Box::new(decoder) as _),
        };
        let decoder = decoder.map_err(|error| self.explain(error, limits))?;
        let (width, height) = decoder.dimensions();
        self.check_size(width, height, decoder.color_type().bytes_per_pixel().into(), limits)?;
        Ok(decoder)
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

fn orientation(header: &jpeg_header::Header<'_>) -> Orientation {
    header.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}
