//! Decoding of JPEG pictures.

use super::jpeg_header::Header;
use image::RgbImage;
use jpeg_decoder::{ColorTransform, Decoder, Error, UnsupportedFeature};

/// Decodes the picture that this header describes.
pub(super) fn decode(bytes: &[u8], header: &Header<'_>) -> Result<RgbImage, Error> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(header.colours);
    let pixels = decoder.decode()?;
    let pixels = match header.colours {
        ColorTransform::Grayscale => pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
        ColorTransform::CMYK | ColorTransform::YCCK => pixels.as_chunks().0.iter().flat_map(rgb_of_cmyk).collect(),
        _ => pixels,
    };
    RgbImage::from_raw(header.width, header.height, pixels)
        .ok_or_else(|| Error::Format("it holds another number of pixels than it states".to_owned()))
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
