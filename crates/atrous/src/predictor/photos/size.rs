//! The size of a network's image for a photograph.

use atrous_vision::{Filter, Result, RgbImage, resize};

/// Every network of the zoo accepts sides that differ from its default by a multiple of this, the largest product of all strides.
pub(crate) const STEP: usize = 32;

/// Height and width for a segmentation network: those of a photograph of this width and height, scaled down to about as many pixels
/// as the network's default size if it has more. Each side is a multiple of [`STEP`] away from the default, so that the network accepts it.
pub(crate) fn like(default: [usize; 2], (width, height): (u32, u32)) -> [usize; 2] {
    let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let scale = ((default[0] * default[1]) as f64 / (width * height)).sqrt().min(1.0);
    [near(default[0], height * scale), near(default[1], width * scale)]
}

/// The side closest to `wanted` that differs from `default` by a multiple of [`STEP`], at least one step long unless the default is
/// shorter.
fn near(default: usize, wanted: f64) -> usize {
    let first = match default % STEP {
        0 => STEP,
        rest => (STEP + rest).min(default),
    };
    let steps = ((wanted - first as f64) / STEP as f64).round().max(0.0);
    first + steps as usize * STEP
}

/// Extends a picture on all sides by mirroring it at its outermost pixels, which are not repeated: the overlap-tile strategy of
/// Ronneberger et al., "U-Net" (2015), for networks whose result is smaller than their image. Of an odd difference the larger
/// half goes to the right and the bottom. The picture is the middle of the result.
pub(crate) fn mirrored(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let before = |whole: u32, part: u32| whole.saturating_sub(part) / 2;
    let (left, top) = (before(width, image.width()), before(height, image.height()));
    RgbImage::from_fn(width, height, |x, y| {
        *image.get_pixel(reflect(x, left, image.width()), reflect(y, top, image.height()))
    })
}

/// Position `at` of a side of `size` pixels that starts at `offset`, reflected into the side.
fn reflect(at: u32, offset: u32, size: u32) -> u32 {
    let period = (2 * i64::from(size) - 2).max(1);
    let position = (i64::from(at) - i64::from(offset)).rem_euclid(period);
    position.min(period - position).min(i64::from(size) - 1) as u32
}

/// Resizes a photograph to the size of a network's result and extends it to that of its image.
pub(crate) fn fit(image: &RgbImage, input: [usize; 2], output: [usize; 2]) -> Result<RgbImage> {
    let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let resized = resize(image, side(output[1]), side(output[0]), Filter::Bilinear)?;
    Ok(if input == output { resized } else { mirrored(&resized, side(input[1]), side(input[0])) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photographs_are_scaled_down_in_their_aspect_ratio() {
        let size = |w, h, default| like(default, (w, h));
        assert_eq!(size(320, 320, [512, 512]), [320, 320]);
        assert_eq!(size(320, 320, [513, 513]), [321, 321]);
        assert_eq!(size(1, 1, [512, 512]), [32, 32]);
        assert_eq!(size(4000, 3000, [512, 512]), [448, 576]);
        assert_eq!(size(100, 70, [16, 24]), [16, 24]);
        assert_eq!(size(8, 400, [48, 24]), [240, 24]);
        assert_eq!(size(640, 480, [513, 513]), [449, 577]);
        assert_eq!(size(3880, 3880, [572, 572]), [572, 572]);
        assert_eq!(size(16_384, 1, [512, 512])[0], 32);
        assert!(size(16_384, 1, [513, 513])[1] < 70_000);
    }

    #[test]
    fn mirroring_repeats_no_edge() {
        let row = RgbImage::from_raw(3, 1, vec![0, 0, 0, 1, 1, 1, 2, 2, 2]).expect("three pixels");
        let values: Vec<u8> = mirrored(&row, 9, 1).pixels().map(|p| p.0[0]).collect();
        assert_eq!(values, [1, 2, 1, 0, 1, 2, 1, 0, 1]);
        let dot = RgbImage::from_raw(1, 1, vec![7; 3]).expect("one pixel");
        assert!(mirrored(&dot, 4, 3).pixels().all(|p| p.0[0] == 7));
    }
}
