//! Decoding of JPEG pictures.

use super::jpeg_header::Header;
use image::RgbImage;
use jpeg_decoder::{ColorTransform, Decoder, Error, UnsupportedFeature};

/// Decodes the picture that this header describes.
pub(super) fn decode(bytes: &[u8], header: &Header<'_>) -> Result<RgbImage, Error> {
    let bytes = guarded(bytes, &header.data_ends);
    let mut decoder = Decoder::new(&bytes[..]);
    decoder.set_color_transform(header.colours);
    let pixels = decoder.decode()?;
    drop(decoder);
    let pixels = match header.colours {
        ColorTransform::Grayscale => pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
        ColorTransform::CMYK | ColorTransform::YCCK => pixels.as_chunks().0.iter().flat_map(rgb_of_cmyk).collect(),
        _ => pixels,
    };
    RgbImage::from_raw(header.width, header.height, pixels)
        .ok_or_else(|| Error::Format("it holds another number of pixels than it states".to_owned()))
}

/// The file with 48 ones behind each run of data. A decoder that needs more data than there are reads zeros, and makes grey of them; no
/// Huffman code consists of ones only (ITU-T T.81 annex C), so with these it fails. Behind complete data it looks for a marker in its
/// next 57 bits, and skips them.
fn guarded(bytes: &[u8], data_ends: &[usize]) -> Vec<u8> {
    let ones = [0xFF, 0x00].repeat(6);
    let mut guarded = Vec::with_capacity(bytes.len() + data_ends.len() * ones.len());
    let mut start = 0;
    for &end in data_ends {
        guarded.extend_from_slice(&bytes[start..end]);
        guarded.extend_from_slice(&ones);
        start = end;
    }
    guarded.extend_from_slice(&bytes[start..]);
    guarded
}

/// The kind of picture that the decoder does not know, in words.
pub(super) fn described(feature: &UnsupportedFeature) -> String {
    match feature {
        UnsupportedFeature::SubsamplingRatio | UnsupportedFeature::NonIntegerSubsamplingRatio => {
            "sampling factors whose ratio is not a whole number".to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Paper's white less the inks, as Pillow's `convert("RGB")` computes it.
fn rgb_of_cmyk([c, m, y, k]: &[u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(*k);
    // The quotient is rounded, and lossless: the product of two bytes divided by 255 is a byte.
    [c, m, y].map(|ink| (light - (u32::from(*ink) * light + 127) / 255) as u8)
}
