//! Resizing, cropping and padding of pictures to a network's input size.

use super::resize::{Filter, resize};
use crate::error::{Error, Result};
use crate::size::check_size;
use image::{Rgb, RgbImage, imageops};

/// How a picture is brought to a network's input size.
///
/// ```
/// use atrous_vision::{Filter, Fit, RgbImage};
///
/// let photo = RgbImage::new(640, 480);
/// let shorter_side = Fit::ShorterSide { side: 240 };
/// assert_eq!(shorter_side.apply(&photo, Filter::Bilinear)?.dimensions(), (320, 240));
/// let crop = Fit::ShorterSideCrop { side: 256, width: 224, height: 224 };
/// assert_eq!(crop.apply(&photo, Filter::Bilinear)?.dimensions(), (224, 224));
/// # Ok::<(), atrous_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The photograph keeps its size.
    Keep,
    /// Resize to exactly this size, the aspect ratio not kept (Keras `load_img(target_size=…)`).
    Stretch { width: u32, height: u32 },
    /// Resize the shorter side, keep the aspect ratio (torchvision's segmentation presets).
    ShorterSide { side: u32 },
    /// Resize the shorter side, then cut the centre out (torchvision's and timm's classification presets).
    ShorterSideCrop { side: u32, width: u32, height: u32 },
    /// Pad on the right and at the bottom until both sides are multiples (encoder-decoders such as U-Net).
    /// The result of the network is cut back with [`ClassMap::crop_top_left`](crate::ClassMap::crop_top_left).
    PadToMultiple { multiple: u32, fill: [u8; 3] },
}

impl Fit {
    /// Applies the policy; `filter` is used where it resizes.
    ///
    /// # Errors
    /// [`Error::ImpossibleSize`] and [`Error::ZeroMultiple`], as of the functions below.
    pub fn apply(&self, image: &RgbImage, filter: Filter) -> Result<RgbImage> {
        match *self {
            Fit::Keep => Ok(image.clone()),
            Fit::Stretch { width, height } => resize(image, width, height, filter),
            Fit::ShorterSide { side } => resize_shorter_side(image, side, filter),
            Fit::ShorterSideCrop { side, width, height } => {
                center_crop(&resize_shorter_side(image, side, filter)?, width, height)
            }
            Fit::PadToMultiple { multiple, fill } => pad_to_multiple(image, multiple, fill),
        }
    }

    /// The part of a picture of this size that the policy keeps: left, top, width and height in its pixels. `None` if the result has a
    /// border, from padding or a crop that is larger than the resized picture.
    ///
    /// # Errors
    /// [`Error::ImpossibleSize`] if a side is zero or the resized picture has more than 2²⁸ pixels.
    pub fn part(&self, width: u32, height: u32) -> Result<Option<[f32; 4]>> {
        check_size("resize", (width, height), width.into(), height.into())?;
        match *self {
            Fit::Keep | Fit::Stretch { .. } | Fit::ShorterSide { .. } => {
                Ok(Some([0.0, 0.0, width as f32, height as f32]))
            }
            Fit::ShorterSideCrop { side, width: w, height: h } => {
                let resized = shorter_side(width, height, side)?;
                if resized.0 < w || resized.1 < h {
                    return Ok(None);
                }
                let offsets = [center_offset(resized.0, w), center_offset(resized.1, h)];
                let scale = [f64::from(width) / f64::from(resized.0), f64::from(height) / f64::from(resized.1)];
                let [left, top] = [offsets[0] as f64 * scale[0], offsets[1] as f64 * scale[1]];
                Ok(Some([left, top, f64::from(w) * scale[0], f64::from(h) * scale[1]].map(|side| side as f32)))
            }
            Fit::PadToMultiple { .. } => Ok(None),
        }
    }
}

/// Resizes so that the shorter side has `side` pixels and the longer `floor(side * longer / shorter)`:
/// torchvision's `Resize(side)`.
///
/// # Errors
/// [`Error::ImpossibleSize`] if a side is zero or the result has more than 2²⁸ pixels.
pub fn resize_shorter_side(image: &RgbImage, side: u32, filter: Filter) -> Result<RgbImage> {
    let (width, height) = shorter_side(image.width(), image.height(), side)?;
    resize(image, width, height, filter)
}

/// The size that a picture has with a shorter side of `side` pixels.
fn shorter_side(width: u32, height: u32, side: u32) -> Result<(u32, u32)> {
    check_size("resize", (width, height), side.into(), side.into())?;
    let scaled = |longer: u32, shorter: u32| u64::from(side) * u64::from(longer) / u64::from(shorter);
    let (new_width, new_height) = match width <= height {
        true => (side.into(), scaled(height, width)),
        false => (scaled(width, height), side.into()),
    };
    check_size("resize", (width, height), new_width, new_height)?;
    // Lossless: check_size holds both sides below 2³².
    Ok((new_width as u32, new_height as u32))
}

/// Cuts `width`×`height` out of the centre: torchvision's `CenterCrop`.
///
/// The margin before the crop is `(size - crop) / 2` with halves rounded to the even neighbour. Where the picture is
/// smaller than the crop it is first padded with black: `floor` of half the missing pixels before it, the rest after.
///
/// # Errors
/// [`Error::ImpossibleSize`] if a side is zero or the result has more than 2²⁸ pixels.
pub fn center_crop(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage> {
    check_size("centre crop", image.dimensions(), width.into(), height.into())?;
    let mut result = RgbImage::new(width, height);
    let x = center_offset(image.width(), width);
    let y = center_offset(image.height(), height);
    imageops::replace(&mut result, image, -x, -y);
    Ok(result)
}

/// Where a crop starts within one side of a picture; negative if the picture is padded.
fn center_offset(size: u32, crop: u32) -> i64 {
    let spare = i64::from(size) - i64::from(crop);
    if spare < 0 {
        return -(-spare / 2);
    }
    let half = spare / 2;
    // Half of an odd margin is x.5, which is rounded to the even neighbour.
    half + (spare % 2) * (half % 2)
}

/// Extends a picture on the right and at the bottom to `width`×`height` with one colour.
///
/// # Errors
/// [`Error::ImpossibleSize`] if the picture is empty or does not fit, or the result has more than 2²⁸ pixels.
pub fn pad_bottom_right(image: &RgbImage, width: u32, height: u32, fill: [u8; 3]) -> Result<RgbImage> {
    check_size("padding", image.dimensions(), width.into(), height.into())?;
    if width < image.width() || height < image.height() {
        return Err(Error::ImpossibleSize {
            action: "padding",
            from: image.dimensions(),
            to: (width.into(), height.into()),
            reason: "padding cannot shrink a side".to_owned(),
        });
    }
    let mut result = RgbImage::from_pixel(width, height, Rgb(fill));
    imageops::replace(&mut result, image, 0, 0);
    Ok(result)
}

/// Extends a picture on the right and at the bottom until both sides are multiples of `multiple`.
///
/// # Errors
/// [`Error::ZeroMultiple`], or [`Error::ImpossibleSize`] if the picture is empty or the result has more than 2²⁸ pixels.
pub fn pad_to_multiple(image: &RgbImage, multiple: u32, fill: [u8; 3]) -> Result<RgbImage> {
    if multiple == 0 {
        return Err(Error::ZeroMultiple);
    }
    let up = |side: u32| u64::from(side).next_multiple_of(multiple.into());
    let (width, height) = (up(image.width()), up(image.height()));
    check_size("padding", image.dimensions(), width, height)?;
    // Lossless: check_size holds both sides below 2³².
    pad_bottom_right(image, width as u32, height as u32, fill)
}
