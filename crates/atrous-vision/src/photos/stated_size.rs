//! The size of a picture from the first bytes of its file.

use super::header;
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageFormat, guess_format};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Width and height that a JPEG, PNG or WebP file states, as stored. `None` if it states none, or is no such file: reading it then fails.
/// Only the first bytes are read.
pub fn stated_size(path: impl AsRef<Path>) -> Option<(u32, u32)> {
    let mut file = BufReader::new(atrous_files::open(path).ok()?);
    let start = file.fill_buf().ok()?;
    match guess_format(start).ok()? {
        ImageFormat::Jpeg => {
            let mut decoder = jpeg_decoder::Decoder::new(file);
            decoder.read_info().ok()?;
            decoder.info().map(|info| (info.width.into(), info.height.into()))
        }
        ImageFormat::Png => header::check(ImageFormat::Png, start).ok()?,
        ImageFormat::WebP => Some(WebPDecoder::new(file).ok()?.dimensions()),
        _ => None,
    }
}
