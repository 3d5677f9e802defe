//! Class maps drawn as pictures.

use super::write::{check_png_name, write_atomically};
use crate::class_map::ClassMap;
use crate::error::{Error, Result};
use image::{Rgb, RgbImage};
use std::path::Path;

/// The RGB colour of each class number.
pub type Palette = [[u8; 3]; 256];

/// The colour map of PASCAL VOC: 0 is black, 1 dark red, 15 (person) a light skin tone, 255 the cream of "ignore".
///
/// Bit `3k + channel` of the class number becomes bit `7 - k` of the colour's channel
/// (`VOClabelcolormap` in the development kit of Everingham et al., The PASCAL Visual Object Classes Challenge).
pub const fn voc_palette() -> Palette {
    let mut palette = [[0; 3]; 256];
    let mut class = 0;
    while class < 256 {
        let mut bit = 0;
        while bit < 8 {
            let (k, channel) = (bit / 3, bit % 3);
            palette[class][channel] |= (((class >> bit) & 1) << (7 - k)) as u8;
            bit += 1;
        }
        class += 1;
    }
    palette
}

/// The bytes of an indexed 8-bit PNG whose pixels are the class numbers themselves.
///
/// # Errors
/// [`Error::Encode`] if a side exceeds PNG's 2³¹ - 1 pixels.
pub fn palette_png(classes: &ClassMap, palette: &Palette) -> Result<Vec<u8>> {
    let (width, height) = (classes.width(), classes.height());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.as_flattened().to_vec());
    encoder
        .write_header()
        .and_then(|mut writer| {
            writer.write_image_data(classes.classes())?;
            writer.finish()
        })
        .map_err(|error| Error::Encode { width, height, reason: error.to_string() })?;
    Ok(bytes)
}

/// Writes a class map as an indexed PNG; see [`palette_png`] and [`write_atomically`].
///
/// # Errors
/// [`Error::NotPngName`] unless the name ends in `.png`, and those of the two.
pub fn write_palette_png(path: impl AsRef<Path>, classes: &ClassMap, palette: &Palette) -> Result<()> {
    check_png_name(path.as_ref())?;
    write_atomically(path, &palette_png(classes, palette)?)
}

/// Lays the colours of the classes over a picture: `round((1 - alpha) * pixel + alpha * colour)`.
///
/// # Errors
/// [`Error::OverlaySizes`] if picture and map differ in size, [`Error::BadAlpha`] if alpha is not within 0..=1.
pub fn overlay(image: &RgbImage, classes: &ClassMap, palette: &Palette, alpha: f32) -> Result<RgbImage> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(Error::BadAlpha { alpha });
    }
    let sizes = (image.dimensions(), (classes.width(), classes.height()));
    if sizes.0 != sizes.1 {
        return Err(Error::OverlaySizes { picture: sizes.0, classes: sizes.1 });
    }
    let mut result = image.clone();
    for (Rgb(pixel), &class) in result.pixels_mut().zip(classes.classes()) {
        let colour = palette[usize::from(class)];
        for (value, colour) in pixel.iter_mut().zip(colour) {
            *value = ((1.0 - alpha) * f32::from(*value) + alpha * f32::from(colour)).round() as u8;
        }
    }
    Ok(result)
}
