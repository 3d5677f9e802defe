//! The markers of a JPEG file, read before it is decoded (ITU-T T.81 annex B): what decoders do not report, or not clearly.

use super::header::Fault;
use jpeg_decoder::ColorTransform;

/// What a JPEG file states about its picture.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Number of components: 1 (grey), 3 or 4 (CMYK).
    pub(super) components: usize,
    /// How the components become colours.
    pub(super) colours: ColorTransform,
    /// The EXIF data, a TIFF file.
    pub(super) exif: Option<&'a [u8]>,
    /// Where runs of entropy-coded data end: before restart markers, and at the end of each scan.
    pub(super) data_ends: Vec<usize>,
}

/// Reads marker after marker up to end-of-image, and checks that the scans together hold the whole picture. Marker bytes cannot occur
/// inside entropy-coded data (a data byte 0xFF is followed by 0), and segments such as EXIF thumbnails are skipped by their length.
pub(super) fn read(bytes: &[u8]) -> Result<Header<'_>, Fault> {
    const END_OF_IMAGE: u8 = 0xD9;
    let mut markers = Markers::default();
    let mut at = 2; // after start-of-image
    while let Some((start, marker)) = next_marker(bytes, at) {
        if markers.in_scan {
            markers.data_ends.push(start);
        }
        let body = start + 2 + bytes[start + 1..].iter().take_while(|&&byte| byte == 0xFF).count();
        match marker {
            END_OF_IMAGE => return markers.header(),
            0xD0..=0xD7 => {
                at = body;
                continue;
            }
            _ => {}
        }
        let length = bytes.get(body..body + 2).ok_or(Fault::Truncated)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let segment = bytes.get(body..body + length).ok_or(Fault::Truncated)?;
        markers.take(marker, &segment[2..])?;
        at = body + length;
    }
    Err(Fault::Truncated)
}

/// Where the next restart marker, or marker that carries a segment or ends the image, starts with its fill bytes.
/// Stuffed zeros are skipped.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        let start = at + bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        at = start + bytes[start..].iter().take_while(|&&byte| byte == 0xFF).count();
        match *bytes.get(at)? {
            0x00 | 0x01 | 0xD8 => at += 1,
            marker => return Some((start, marker)),
        }
    }
}

/// The markers read so far.
#[derive(Default)]
struct Markers<'a> {
    frame: Option<Frame>,
    jfif: bool,
    adobe_transform: Option<u8>,
    exif: Option<&'a [u8]>,
    in_scan: bool,
    data_ends: Vec<usize>,
}

struct Frame {
    progressive: bool,
    width: u32,
    height: u32,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// How many low bits of each coefficient have not come yet.
    missing: [u8; 64],
}

impl<'a> Markers<'a> {
    fn take(&mut self, marker: u8, segment: &'a [u8]) -> Result<(), Fault> {
        self.in_scan = marker == 0xDA;
        match marker {
            0xC4 | 0xC8 | 0xCC => {} // tables, or reserved
            0xC0..=0xCF if self.frame.is_some() => return unsupported("several frames (hierarchical JPEG)"),
            0xC0..=0xCF => self.frame = Some(frame(marker, segment)?),
            0xDA => self.scan(segment),
            0xDC => return unsupported("its height is stated after the first scan (marker DNL)"),
            0xE0 if segment.starts_with(b"JFIF\0") => self.jfif = true,
            0xE1 if segment.starts_with(b"Exif\0\0") => self.exif = self.exif.or(Some(&segment[6..])),
            0xEE if segment.starts_with(b"Adobe") => self.adobe_transform = segment.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    /// A scan brings some coefficients of some components, of progressive pictures all bits but the lowest few.
    fn scan(&mut self, segment: &[u8]) {
        let (Some(frame), Some((&count, rest))) = (&mut self.frame, segment.split_first()) else { return };
        let Some((ids, range)) = rest.split_at_checked(2 * usize::from(count)) else { return };
        let (first, last, missing) = match *range {
            [first, last, approximation, ..] if frame.progressive => (first, last.min(63), approximation & 0x0F),
            _ => (0, 63, 0),
        };
        for component in frame.components.iter_mut().filter(|c| ids.iter().step_by(2).any(|id| *id == c.id)) {
            (first..=last).for_each(|k| component.missing[usize::from(k)] = missing);
        }
    }

    fn header(self) -> Result<Header<'a>, Fault> {
        let Some(frame) = &self.frame else { return Err(Fault::Damaged("it has no frame header".to_owned())) };
        let (width, height, components) = (frame.width, frame.height, frame.components.len());
        if width == 0 || height == 0 {
            return Err(Fault::NoPixels { width, height });
        }
        if let Some(i) = frame.components.iter().position(|c| c.missing.iter().any(|bits| *bits > 0)) {
            let reason = format!("the scans end before component {} of {components} is complete", i + 1);
            return Err(Fault::Damaged(reason));
        }
        let colours = self.colours(&frame.components);
        Ok(Header { width, height, components, colours, exif: self.exif, data_ends: self.data_ends })
    }

    /// The colours of the components, by the rules of libjpeg (`default_decompress_parms` in its jdapimin.c).
    fn colours(&self, components: &[Component]) -> ColorTransform {
        let rgb = [b'R', b'G', b'B'];
        match (components.len(), self.adobe_transform) {
            (1, _) => ColorTransform::Grayscale,
            (3, _) if self.jfif => ColorTransform::YCbCr,
            (3, Some(0)) => ColorTransform::RGB,
            (3, None) if components.iter().map(|c| c.id).eq(rgb) => ColorTransform::RGB,
            (3, _) => ColorTransform::YCbCr,
            (_, None | Some(0)) => ColorTransform::CMYK,
            _ => ColorTransform::YCCK,
        }
    }
}

fn frame(marker: u8, segment: &[u8]) -> Result<Frame, Fault> {
    match marker {
        0xC0..=0xC2 => {}
        0xC3 => return unsupported("lossless coding"),
        0xC5..=0xC7 => return unsupported("hierarchical coding"),
        _ => return unsupported("arithmetic coding"),
    }
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = segment else { return Err(Fault::Truncated) };
    if precision != 8 {
        return unsupported(&format!("{precision} bits a sample"));
    }
    if !matches!(count, 1 | 3 | 4) {
        return unsupported(&format!("{count} components"));
    }
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    let components: Vec<_> =
        rest.chunks_exact(3).take(count.into()).map(|c| Component { id: c[0], missing: [u8::MAX; 64] }).collect();
    match components.len() == usize::from(count) {
        true => Ok(Frame { progressive: marker == 0xC2, width: side(w1, w0), height: side(h1, h0), components }),
        false => Err(Fault::Truncated),
    }
}

fn unsupported<T>(feature: &str) -> Result<T, Fault> {
    Err(Fault::Unsupported(feature.to_owned()))
}
