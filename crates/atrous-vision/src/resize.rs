//! Resizing with Pillow's results.

use crate::error::{Error, Result};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Most pixels a picture may have after resizing or padding: 16,384 squared.
const MAX_PIXELS: u64 = 16_384 * 16_384;

/// Interpolation of [`resize`]. All but `Nearest` are antialiased: when shrinking, the filter is widened by the ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filter {
    /// The pixel under the centre of the new one (Pillow's `NEAREST`).
    Nearest,
    /// Triangle, support 1 (Pillow's `BILINEAR`).
    #[default]
    Bilinear,
    /// Cubic convolution with a = -0.5, support 2 (Pillow's `BICUBIC`; Keys 1981).
    Bicubic,
    /// Windowed sinc, support 3 (Pillow's `LANCZOS`).
    Lanczos,
}

/// Resizes to `width`×`height`, the aspect ratio not kept. Equals Pillow 13's `Image.resize` to within one grey
/// level.
///
/// # Errors
/// [`Error::ImpossibleSize`] if a side of the picture or of the result is zero, or if the result, or the
/// picture halfway with one side changed, has more than 2²⁸ pixels.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> Result<RgbImage> {
    check_size("resize", image.dimensions(), width.into(), height.into())?;
    if image.dimensions() == (width, height) {
        return Ok(image.clone());
    }
    let filter = match filter {
        Filter::Nearest => return Ok(resize_nearest(image, width, height)),
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    let between = match columns_first(image, width, height) {
        true => (image.width(), height),
        false => (width, image.height()),
    };
    check_size("resize", image.dimensions(), between.0.into(), between.1.into())?;
    let halfway = convolve(image, between.0, between.1, filter);
    Ok(convolve(&halfway, width, height, filter))
}

/// Which of its two passes Pillow makes first. It rounds and clips in between, so the order shows where a filter
/// overshoots (bicubic, Lanczos).
///
/// Pillow 13 starts with the columns if the height shrinks by more than twice as many pixels as the width, else with the
/// rows. (Pillow 12.0 and earlier always start with the rows.)
fn columns_first(image: &RgbImage, width: u32, height: u32) -> bool {
    let fewer_columns = i64::from(image.width()) - i64::from(width);
    let fewer_rows = i64::from(image.height()) - i64::from(height);
    fewer_rows > 0 && fewer_rows > 2 * fewer_columns
}

/// Antialiased convolution along the sides that change.
fn convolve(image: &RgbImage, width: u32, height: u32, filter: FilterType) -> RgbImage {
    let source = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3)
        .expect("an RgbImage holds three bytes a pixel");
    let mut target = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .expect("both images have the same pixel type and at least one pixel");
    RgbImage::from_raw(width, height, target.into_vec()).expect("the target holds three bytes a pixel")
}

/// Refuses empty and absurdly large results, with both sizes in the error.
pub(crate) fn check_size(action: &'static str, from: (u32, u32), width: u64, height: u64) -> Result<()> {
    let reason = if from.0 == 0 || from.1 == 0 || width == 0 || height == 0 {
        "every side needs at least 1 pixel".to_owned()
    } else if width.saturating_mul(height) > MAX_PIXELS || width.max(height) > u64::from(u32::MAX) {
        format!("the result is limited to {MAX_PIXELS} pixels")
    } else {
        return Ok(());
    };
    Err(Error::ImpossibleSize { action, from, to: (width, height), reason })
}

fn resize_nearest(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let columns = nearest_positions(image.width(), width);
    let rows = nearest_positions(image.height(), height);
    RgbImage::from_fn(width, height, |x, y| *image.get_pixel(columns[x as usize], rows[y as usize]))
}

/// Source position of every target position along one axis: `floor((i + 0.5) * from / to)`.
///
/// The positions are summed step by step in f64, as Pillow does, so that the rounding of positions that fall on a border
/// between two pixels is the same.
pub(crate) fn nearest_positions(from: u32, to: u32) -> Vec<u32> {
    let step = f64::from(from) / f64::from(to);
    let mut position = step * 0.5;
    let mut positions = Vec::with_capacity(to as usize);
    for _ in 0..to {
        positions.push((position as u32).min(from - 1));
        position += step;
    }
    positions
}
