//! Reads the headers of PNG and WebP files to find faults that decoders do not report clearly.
//!
//! Sources: W3C PNG section 11.2.1 (IHDR), RFC 9649 (WebP container), RFC 6386 section 9.1 (VP8 frame header).

use image::ImageFormat;

/// A fault that is found without decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoPixels {
        width: u32,
        height: u32,
    },
    Truncated,
    /// The format is violated.
    Damaged(String),
    /// A kind of picture that is not decoded.
    Unsupported(String),
}

/// Width and height as the header states them.
type Size = (u32, u32);

/// Looks for a [`Fault`]. Returns the size if the header states it. A file without a fault may still be damaged, which the decoder
/// reports.
pub(super) fn check(format: ImageFormat, bytes: &[u8]) -> Result<Option<Size>, Fault> {
    let size = match format {
        ImageFormat::Png => png_size(bytes)?,
        ImageFormat::WebP => webp_size(bytes)?,
        _ => None,
    };
    match size {
        Some((width, height)) if width == 0 || height == 0 => Err(Fault::NoPixels { width, height }),
        size => Ok(size),
    }
}

/// IHDR is the first chunk: eight bytes of signature, length, type, then width and height.
fn png_size(bytes: &[u8]) -> Result<Option<Size>, Fault> {
    let sides = bytes.get(16..24).ok_or(Fault::Truncated)?;
    let side = |i: usize| u32::from_be_bytes([sides[i], sides[i + 1], sides[i + 2], sides[i + 3]]);
    Ok(Some((side(0), side(4))))
}

/// The RIFF header states the length of all that follows it. Only the plain lossy format can state a side of
/// zero.
fn webp_size(bytes: &[u8]) -> Result<Option<Size>, Fault> {
    let stated = bytes.get(4..8).ok_or(Fault::Truncated)?;
    let stated = u32::from_le_bytes([stated[0], stated[1], stated[2], stated[3]]);
    if (bytes.len() as u64) < u64::from(stated) + 8 {
        return Err(Fault::Truncated);
    }
    if bytes.get(12..16) == Some(b"VP8 ")
        && let Some(&[w0, w1, h0, h1]) = bytes.get(26..30)
    {
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
        return Ok(Some((side(w0, w1), side(h0, h1))));
    }
    Ok(None)
}
