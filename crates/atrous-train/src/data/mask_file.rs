//! Mask files: PNG pictures whose values are class numbers.

use super::error::{DataError, Result};
use super::files::{io_error, shown};
use atrous_vision::{ClassMap, Limits};
use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};
use std::io::{BufReader, ErrorKind};
use std::path::Path;

/// Reads a mask: the stored values of a PNG with a palette or of a grey PNG, with 1, 2, 4 or 8 bits. Palettes are not looked up and grey
/// values are not scaled, so a 1 in the file is class 1.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::DamagedMask`]; [`DataError::UnsupportedMask`] for colours,
/// alpha, 16 bits, and files that are no PNG.
pub fn read_mask(path: impl AsRef<Path>) -> Result<ClassMap> {
    let path = path.as_ref();
    let damaged = |reason: String| DataError::DamagedMask { path: shown(path), reason };
    let explain = |error: DecodingError| match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            damaged("it ends before its last pixel".to_owned())
        }
        DecodingError::IoError(error) => io_error(path)(error),
        error => damaged(error.to_string()),
    };
    let file = atrous_files::open(path).map_err(io_error(path))?;
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::IDENTITY);
    let header = decoder.read_header_info().map_err(explain)?;
    let (width, height) = (header.width, header.height);
    let max_side = Limits::default().max_side;
    if width.max(height) > max_side {
        return Err(damaged(format!("it is {width}×{height}, but its sides are limited to {max_side} pixels")));
    }
    let (color, depth) = (header.color_type, header.bit_depth);
    if !matches!(color, ColorType::Indexed | ColorType::Grayscale) || depth == BitDepth::Sixteen {
        let found = format!("{} of {} bits", color_name(color), depth as u8);
        return Err(DataError::UnsupportedMask { path: shown(path), found });
    }
    let mut reader = decoder.read_info().map_err(explain)?;
    let size = reader.output_buffer_size().ok_or_else(|| damaged(format!("{width}×{height} pixels do not fit")))?;
    let mut rows = vec![0; size];
    let frame = reader.next_frame(&mut rows).map_err(explain)?;
    let mut values = Vec::with_capacity(width as usize * height as usize);
    for row in rows[..frame.buffer_size()].chunks_exact(frame.line_size) {
        values.extend(unpack(row, depth as usize).take(width as usize));
    }
    Ok(ClassMap::new(width, height, values)?)
}

/// The values of a packed row: the leftmost pixel in the highest bits.
fn unpack(row: &[u8], bits: usize) -> impl Iterator<Item = u8> + '_ {
    let mask = u8::MAX >> (8 - bits);
    row.iter().flat_map(move |byte| (0..8 / bits).map(move |i| (byte >> (8 - bits * (i + 1))) & mask))
}

fn color_name(color: ColorType) -> &'static str {
    match color {
        ColorType::Grayscale => "grey",
        ColorType::Rgb => "RGB",
        ColorType::Indexed => "a palette",
        ColorType::GrayscaleAlpha => "grey with alpha",
        ColorType::Rgba => "RGB with alpha",
    }
}
