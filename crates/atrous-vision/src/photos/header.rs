//! Reads the headers of JPEG, PNG and WebP files to find two faults that decoders do not report clearly: a picture without pixels, and a
//! JPEG that ends early (which decoders fill with grey).
//!
//! Sources: ITU-T T.81 annex B (JPEG markers), W3C PNG section 11.2.1 (IHDR), RFC 9649 (WebP container),
//! RFC 6386 section 9.1 (VP8 frame header).

use image::ImageFormat;

/// A fault that is found without decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NoPixels { width: u32, height: u32 },
    Truncated,
}

/// Width and height as the header states them.
type Size = (u32, u32);

/// Looks for a [`Fault`]. Returns the size if the header states it. A file without a fault may still be damaged, which the decoder
/// reports.
pub(crate) fn check(format: ImageFormat, bytes: &[u8]) -> Result<Option<Size>, Fault> {
    let size = match format {
        ImageFormat::Jpeg => jpeg_size(bytes)?,
        ImageFormat::Png => png_size(bytes)?,
        ImageFormat::WebP => webp_size(bytes)?,
        _ => None,
    };
    match size {
        Some((width, height)) if width == 0 || height == 0 => Err(Fault::NoPixels { width, height }),
        size => Ok(size),
    }
}

/// Reads marker after marker up to end-of-image. Marker bytes cannot occur inside entropy-coded data (a data byte
/// 0xFF is followed by 0), and segments such as EXIF thumbnails are skipped by their length.
fn jpeg_size(bytes: &[u8]) -> Result<Option<Size>, Fault> {
    const END_OF_IMAGE: u8 = 0xD9;
    let mut size = None;
    let mut at = 2; // after start-of-image
    while let Some((marker, body)) = next_jpeg_marker(bytes, at) {
        if marker == END_OF_IMAGE {
            return Ok(size);
        }
        let length = bytes.get(body..body + 2).ok_or(Fault::Truncated)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = bytes.get(body..body + length.max(2)).ok_or(Fault::Truncated)?;
        let start_of_frame = matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if start_of_frame && let [_, _, _precision, h1, h0, w1, w0, ..] = *segment {
            let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
            size = Some((side(w1, w0), side(h1, h0)));
        }
        at = body + segment.len();
    }
    Err(Fault::Truncated)
}

/// The next marker that carries a segment or ends the image, and where its segment starts.
/// Restart markers, stuffed zeros and fill bytes are skipped.
fn next_jpeg_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        at += bytes[at..].iter().take_while(|&&byte| byte == 0xFF).count();
        match *bytes.get(at)? {
            0x00 | 0x01 | 0xD0..=0xD8 => at += 1,
            marker => return Some((marker, at + 1)),
        }
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
