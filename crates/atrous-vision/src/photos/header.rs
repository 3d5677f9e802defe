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
        ImageFormat::WebP => {
            let size = webp_size(bytes)?;
            check_frames(bytes)?;
            size
        }
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

/// The sides of frames are no larger than those of the picture (RFC 9649 section 2.7): the decoder takes memory for a frame before it
/// compares them.
fn check_frames(bytes: &[u8]) -> Result<(), Fault> {
    let three = |at: usize| Some(u32::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?, *bytes.get(at + 2)?, 0]));
    let (Some(b"VP8X"), Some(width), Some(height)) = (bytes.get(12..16), three(24), three(27)) else { return Ok(()) };
    let (width, height) = (width + 1, height + 1);
    for chunk in chunks(&bytes[12..]) {
        let frames = if chunk.name == b"ANMF" { chunk.content.get(16..).unwrap_or_default() } else { &[] };
        for chunk in std::iter::once(chunk).chain(chunks(frames)) {
            if let Some((w, h)) = frame_size(&chunk).filter(|(w, h)| *w > width || *h > height) {
                return Err(Fault::Damaged(format!("a frame of it is {w}×{h}, the whole picture {width}×{height}")));
            }
        }
    }
    Ok(())
}

/// The size in the header of a frame: RFC 6386 section 9.1, or RFC 9649 section 3.4.
fn frame_size(chunk: &Chunk<'_>) -> Option<Size> {
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    match (chunk.name, chunk.content) {
        (b"VP8 ", &[_, _, _, _, _, _, w0, w1, h0, h1, ..]) => Some((side(w0, w1), side(h0, h1))),
        (b"VP8L", &[_, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        _ => None,
    }
}

/// A chunk of a WebP file.
struct Chunk<'a> {
    name: &'a [u8],
    /// What there is of it.
    content: &'a [u8],
    /// Whether it ends beyond the file.
    cut: bool,
}

/// The chunks that follow one another: each a name, a length, a content and, after an odd number of bytes, one more.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (head, after) = rest.split_at_checked(8)?;
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (content, _) = after.split_at(len.min(after.len()));
        rest = len.checked_next_multiple_of(2).and_then(|len| after.get(len..)).unwrap_or_default();
        Some(Chunk { name: &head[..4], content, cut: content.len() < len })
    })
}

/// The EXIF data of a WebP file. The decoder takes memory for as many bytes as a chunk claims to have.
pub(super) fn webp_exif(bytes: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let all = bytes.get(12..).unwrap_or_default();
    // Only the extended format has such a chunk.
    match chunks(all).filter(|_| all.starts_with(b"VP8X")).find(|chunk| chunk.name == b"EXIF") {
        Some(Chunk { cut: true, .. }) => Err(Fault::Truncated),
        exif => Ok(exif.map(|chunk| chunk.content)),
    }
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
