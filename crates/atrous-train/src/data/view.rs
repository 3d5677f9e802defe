//! Pictures and targets resized, cut and changed to the size of a batch.

use super::augment::{Change, Crop};
use super::error::Result;
use atrous_vision::{ClassMap, Filter, RgbImage, resize};

/// How a picture of another size is resized and cut to the loader's size. Masks (by the nearest pixel), boxes and target pictures are
/// treated like the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Framing {
    /// Resize to cover the whole size, keeping the aspect ratio, and cut off the rest: torchvision's `Resize(side)` and
    /// `CenterCrop`.
    #[default]
    Cover,
    /// Resize to exactly the size, without keeping the aspect ratio: torchvision's `Resize((height, width))`.
    Stretch,
    /// Do not resize; cut larger pictures and pad smaller ones (torchvision's `CenterCrop`, or `RandomCrop` with
    /// [`Crop::Random`]).
    Keep,
}

impl Framing {
    /// The size (width, height) that a picture is resized to before the window is cut out; at least 1.
    fn size(self, from: (u32, u32), window: (u32, u32), scale: f64) -> (u32, u32) {
        let [(w, h), (width, height)] = [from, window].map(|(w, h)| (u64::from(w), u64::from(h)));
        let (fitted_w, fitted_h) = match self {
            Framing::Keep => (w, h),
            Framing::Stretch => (width, height),
            // The side that needs the larger factor gets the window's size; the other one becomes at least as large as the window.
            Framing::Cover if width * h >= height * w => (width, h * width / w),
            Framing::Cover => (w * height / h, height),
        };
        let scaled = |side: u64| (side as f64 * scale).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        (scaled(fitted_w), scaled(fitted_h))
    }
}

/// The window of a loader: the size and placement that all samples get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) framing: Framing,
    pub(crate) crop: Crop,
    /// Label of mask pixels outside of the picture.
    pub(crate) outside: u8,
}

/// A view of one picture: the position of the window on it.
pub(crate) struct Placed {
    view: View,
    change: Change,
    /// Size of the resized picture, width first.
    size: (u32, u32),
    /// For every pixel of the window, row by row, the position of its centre on the resized picture, where pixel `i` of a side spans
    /// `i..i + 1`. `None` outside of the picture.
    places: Vec<Option<(f64, f64)>>,
}

impl View {
    /// Places the window on a picture of this size (width, height).
    pub(crate) fn place(self, picture: (u32, u32), change: Change) -> Placed {
        let size = self.framing.size(picture, (self.width, self.height), change.scale);
        let mut placed = Placed { view: self, change, size, places: Vec::new() };
        placed.places = placed.places();
        placed
    }
}

impl Placed {
    /// The part of a picture in the window, with changed brightness and contrast; black outside of the picture.
    pub(crate) fn picture(&self, image: &RgbImage) -> Result<RgbImage> {
        let image = resize(image, self.size.0, self.size.1, Filter::Bilinear)?;
        let levels = levels(&image, &self.change);
        Ok(self.sampled(&image, |level| levels[usize::from(level)]))
    }

    /// The part of a picture in the window, with unchanged colours; black outside of the picture.
    pub(crate) fn uncoloured(&self, image: &RgbImage) -> Result<RgbImage> {
        let image = resize(image, self.size.0, self.size.1, Filter::Bilinear)?;
        Ok(self.sampled(&image, |level| level))
    }

    fn sampled(&self, image: &RgbImage, level: impl Fn(u8) -> u8) -> RgbImage {
        let mut pixels = Vec::with_capacity(3 * self.places.len());
        for place in &self.places {
            pixels.extend(place.map_or([0; 3], |(x, y)| bilinear(image, x, y).map(&level)));
        }
        RgbImage::from_raw(self.view.width, self.view.height, pixels).expect("there is a place for every pixel")
    }

    /// The classes in the window; the label [`View::outside`] outside of the mask.
    pub(crate) fn mask(&self, mask: &ClassMap) -> Result<Vec<u8>> {
        let (width, height) = self.size;
        let mask = mask.resize(width, height)?;
        let nearest = |(x, y): (f64, f64)| mask.classes()[y as usize * width as usize + x as usize];
        Ok(self.places.iter().map(|place| place.map_or(self.view.outside, nearest)).collect())
    }

    /// The upright bounding box of a box of the picture, cut off at the window. The argument is left, top, right, bottom as fractions of
    /// the picture's sides; the result, as fractions of the window's sides. All zeros if nothing is left.
    pub(crate) fn boxed(&self, [left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
        let corners = corners.map(|(x, y)| self.on_window(f64::from(x), f64::from(y)));
        let least = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min).clamp(0.0, 1.0);
        let most =
            |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::NEG_INFINITY, f64::max).clamp(0.0, 1.0);
        let [left, top] = [least(|c| c.0), least(|c| c.1)];
        let [right, bottom] = [most(|c| c.0), most(|c| c.1)];
        match left < right && top < bottom {
            true => [left, top, right, bottom].map(|v| v as f32),
            false => [0.0; 4],
        }
    }

    /// The position in the window of a position on the picture, both as fractions of the sides. The inverse of [`Self::places`].
    fn on_window(&self, x: f64, y: f64) -> (f64, f64) {
        let (center, half) = (self.center(), self.half());
        let (dx, dy) = (x * f64::from(self.size.0) - center.0, y * f64::from(self.size.1) - center.1);
        let (sin, cos) = self.change.angle.sin_cos();
        let u = mirrored(self.change.flip_x, cos * dx + sin * dy);
        let v = mirrored(self.change.flip_y, cos * dy - sin * dx);
        ((u / half.0 + 1.0) / 2.0, (v / half.1 + 1.0) / 2.0)
    }

    /// Half of the window's sides.
    fn half(&self) -> (f64, f64) {
        (f64::from(self.view.width) / 2.0, f64::from(self.view.height) / 2.0)
    }

    /// The window's centre on the resized picture.
    fn center(&self) -> (f64, f64) {
        let offset = |side, window, place| self.view.crop.offset(side, window, place) as f64;
        let (half, place) = (self.half(), self.change.place);
        (
            offset(self.size.0, self.view.width, place.0) + half.0,
            offset(self.size.1, self.view.height, place.1) + half.1,
        )
    }

    /// The positions for [`Placed::places`].
    fn places(&self) -> Vec<Option<(f64, f64)>> {
        let (Change { flip_x, flip_y, .. }, View { width, height, .. }) = (self.change, self.view);
        let (center, half, size) = (self.center(), self.half(), self.size);
        let (sin, cos) = self.change.angle.sin_cos();
        let inside = |(x, y): &(f64, f64)| (0.0..f64::from(size.0)).contains(x) && (0.0..f64::from(size.1)).contains(y);
        let mut places = Vec::with_capacity(width as usize * height as usize);
        for row in 0..height {
            let v = mirrored(flip_y, f64::from(row) + 0.5 - half.1);
            for column in 0..width {
                let u = mirrored(flip_x, f64::from(column) + 0.5 - half.0);
                let place = (center.0 + cos * u - sin * v, center.1 + sin * u + cos * v);
                places.push(Some(place).filter(inside));
            }
        }
        places
    }
}

fn mirrored(flip: bool, value: f64) -> f64 {
    if flip { -value } else { value }
}

/// The colour at a position within the picture, by bilinear interpolation between the four nearest pixel centres; the outermost pixels are
/// repeated beyond their centres.
fn bilinear(image: &RgbImage, x: f64, y: f64) -> [u8; 3] {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let pixel = |dx: f64, dy: f64| {
        let column = (left + dx).clamp(0.0, f64::from(image.width() - 1));
        let row = (top + dy).clamp(0.0, f64::from(image.height() - 1));
        image.get_pixel(column as u32, row as u32).0
    };
    if right_share == 0.0 && lower_share == 0.0 {
        return pixel(0.0, 0.0);
    }
    let corners = [pixel(0.0, 0.0), pixel(1.0, 0.0), pixel(0.0, 1.0), pixel(1.0, 1.0)];
    std::array::from_fn(|c| {
        let [a, b, p, q] = corners.map(|corner| f64::from(corner[c]));
        let (upper, lower) = (a + (b - a) * right_share, p + (q - p) * right_share);
        (upper + (lower - upper) * lower_share).round() as u8
    })
}

/// The values that brightness and contrast give for each level `p`: `p' = clip(brightness * p)`, then
/// `clip(mean + contrast * (p' - mean))` with the picture's mean of `0.299 R' + 0.587 G' + 0.114 B'`
/// (torchvision's `adjust_brightness` and `adjust_contrast`).
fn levels(image: &RgbImage, change: &Change) -> [u8; 256] {
    let clip = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    let bright: [u8; 256] = std::array::from_fn(|level| clip(change.brightness * level as f64));
    if change.contrast == 1.0 {
        return bright;
    }
    let grey = |pixel: &[u8]| {
        let [r, g, b] = [0, 1, 2].map(|c| u64::from(bright[usize::from(pixel[c])]));
        299 * r + 587 * g + 114 * b
    };
    let sum: u64 = image.as_raw().chunks_exact(3).map(grey).sum();
    let mean = sum as f64 / 1000.0 / (f64::from(image.width()) * f64::from(image.height()));
    bright.map(|level| clip(mean + change.contrast * (f64::from(level) - mean)))
}
