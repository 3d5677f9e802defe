//! Resizing with Pillow's results.

use crate::error::Result;
use crate::size::{check_size, nearest_positions};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

/// Interpolation of [`resize`]. All except `Nearest` are antialiased: when the picture shrinks, the filter is widened by the ratio.
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
/// [`Error::ImpossibleSize`](crate::Error::ImpossibleSize) if a side of the picture or of the result is zero, or if the result, or the
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

/// Whether Pillow convolves the columns before the rows. It rounds and clips between the two passes, so the order changes the result
/// of filters that overshoot (bicubic, Lanczos).
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
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw())
        .expect("an RgbImage holds three bytes a pixel");
    let mut result = RgbImage::new(width, height);
    let mut target =
        TypedImage::<U8x3>::from_buffer(width, height, &mut result).expect("an RgbImage holds three bytes a pixel");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    // The call for a known type of pixels: the one for all types takes longer to compile than the rest of this crate.
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .expect("the whole source is read, and both images have at least one pixel");
    result
}

fn resize_nearest(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let columns = nearest_positions(image.width(), width);
    let rows = nearest_positions(image.height(), height);
    RgbImage::from_fn(width, height, |x, y| *image.get_pixel(columns[x as usize], rows[y as usize]))
}
