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
        ImageFormat::Png => {
            let size = png_size(bytes)?;
            check_palette(bytes)?;
            size
        }
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

/// A palette has three bytes for each of at most 256 colours (section 11.2.2). It stands before the pixels.
fn check_palette(bytes: &[u8]) -> Result<(), Fault> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let (len, kind) = (u32::from_be_bytes([head[0], head[1], head[2], head[3]]), &head[4..]);
        match kind {
            b"PLTE" if len % 3 != 0 || !(3..=768).contains(&len) => {
                return Err(Fault::Damaged(format!("its palette has {len} bytes, not 3 for each of 1 to 256 colours")));
            }
            b"PLTE" | b"IDAT" => break,
            // Content, then a checksum of four bytes.
            _ => rest = usize::try_from(len).ok().and_then(|len| after.get(len.checked_add(4)?..)).unwrap_or_default(),
        }
    }
    Ok(())
}

/// The EXIF data of a WebP file. Its chunks follow one another, each with a name, a length and, after an odd number of bytes, one more.
/// The decoder takes memory for as many bytes as a chunk claims to have.
pub(super) fn webp_exif(bytes: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    // Only the extended format has such a chunk.
    if !rest.starts_with(b"VP8X") {
        return Ok(None);
    }
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let content = usize::try_from(len).ok().and_then(|len| after.get(..len));
        match (head.starts_with(b"EXIF"), content) {
            (true, Some(exif)) => return Ok(Some(exif)),
            (true, None) => return Err(Fault::Truncated),
            (false, Some(content)) => rest = after.get(content.len().next_multiple_of(2)..).unwrap_or_default(),
            (false, None) => break,
        }
    }
    Ok(None)
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
