//! Random changes of pictures and their masks.

use super::error::{DataError, Result};
use super::random::{Purpose, Random};

/// Random changes of pictures and their targets, drawn for every sample of every epoch. The default changes nothing.
///
/// A picture and its mask are changed in this order:
///
/// 1. They are resized by the loader's [`Framing`](super::Framing) and a factor within `scale`: the picture by Pillow's antialiased
///    bilinear interpolation, the mask by the nearest pixel.
/// 2. A window of the loader's size is cut out at a place given by [`Crop`], rotated about its centre by an angle within `rotation`, and
///    mirrored. Outside of the picture, pixels are black and the mask has the ignore label. Rotated pictures are sampled by bilinear
///    interpolation, masks by the nearest pixel.
/// 3. The picture's brightness, then its contrast, is changed.
///
/// The random numbers are a function of seed, epoch and sample index, and each change has a number of its own. So they depend neither on
/// threads nor on other changes.
///
/// ```
/// use atrous_train::data::{Augment, Crop};
///
/// let crop = Crop::Random { padding: 4 };
/// let augment = Augment { horizontal_flip: 0.5, scale: (0.75, 1.5), crop, ..Augment::NONE };
/// assert!(augment.check().is_ok());
/// let error = Augment { rotation: 200.0, ..Augment::NONE }.check().unwrap_err();
/// assert!(error.to_string().contains("within 0 to 180 degrees"), "{error}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Probability of mirroring left and right.
    pub horizontal_flip: f64,
    /// Probability of mirroring top and bottom.
    pub vertical_flip: f64,
    /// Smallest and largest factor on the size; 1 is the size that the loader's framing gives.
    pub scale: (f64, f64),
    /// Largest angle in degrees, either way, 0 to 180.
    pub rotation: f64,
    /// Where the window lies.
    pub crop: Crop,
    /// Brightness is multiplied by a factor within `1 ± brightness`, not below 0 (torchvision's `ColorJitter`).
    pub brightness: f64,
    /// Distances from the mean grey are multiplied by a factor within `1 ± contrast`, not below 0 (`ColorJitter`).
    pub contrast: f64,
}

/// Where the window of the loader's size lies on a resized picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crop {
    /// The window in the middle.
    Center,
    /// Any place within the picture extended by `padding` pixels on every side. If the picture is smaller than the window, any place
    /// where the window contains it (torchvision's `RandomCrop` with `pad_if_needed`).
    Random {
        /// Pixels added on every side.
        padding: u32,
    },
}

impl Default for Augment {
    fn default() -> Self {
        Augment::NONE
    }
}

impl Augment {
    /// Leaves pictures as they are.
    pub const NONE: Augment = Augment {
        horizontal_flip: 0.0,
        vertical_flip: 0.0,
        scale: (1.0, 1.0),
        rotation: 0.0,
        crop: Crop::Center,
        brightness: 0.0,
        contrast: 0.0,
    };

    /// Checks that every field is within its range.
    ///
    /// # Errors
    /// [`DataError::Option`].
    pub fn check(&self) -> Result<()> {
        let (least, most) = self.scale;
        let scale = "finite and above 0, the first not above the second";
        let rules = [
            ("horizontal_flip", (0.0..=1.0).contains(&self.horizontal_flip), "within 0 to 1", self.horizontal_flip),
            ("vertical_flip", (0.0..=1.0).contains(&self.vertical_flip), "within 0 to 1", self.vertical_flip),
            ("rotation", (0.0..=180.0).contains(&self.rotation), "within 0 to 180 degrees", self.rotation),
            (
                "brightness",
                self.brightness.is_finite() && self.brightness >= 0.0,
                "finite and 0 or more",
                self.brightness,
            ),
            ("contrast", self.contrast.is_finite() && self.contrast >= 0.0, "finite and 0 or more", self.contrast),
        ];
        let broken =
            rules.into_iter().find(|(_, holds, ..)| !holds).map(|(name, _, must, got)| (name, must, got.to_string()));
        let scale_holds = least > 0.0 && least <= most && most.is_finite();
        match broken.or_else(|| (!scale_holds).then(|| ("scale", scale, format!("{least} to {most}")))) {
            Some((option, must, got)) => Err(DataError::Option { option, must: must.to_owned(), got }),
            None => Ok(()),
        }
    }

    /// The changes of one sample in one epoch.
    pub(crate) fn draw(&self, seed: u64, epoch: u64, index: usize) -> Change {
        let mut random = Random::new(seed, Purpose::Augmentation, epoch, index as u64);
        let factor = |spread: f64, unit: f64| (1.0 - spread).max(0.0) * (1.0 - unit) + (1.0 + spread) * unit;
        Change {
            scale: random.between(self.scale.0, self.scale.1),
            flip_x: random.unit() < self.horizontal_flip,
            flip_y: random.unit() < self.vertical_flip,
            angle: random.between(-self.rotation, self.rotation).to_radians(),
            place: (random.unit(), random.unit()),
            brightness: factor(self.brightness, random.unit()),
            contrast: factor(self.contrast, random.unit()),
        }
    }
}

/// The drawn changes of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) scale: f64,
    pub(crate) flip_x: bool,
    pub(crate) flip_y: bool,
    /// Rotation in radians.
    pub(crate) angle: f64,
    /// Position of a random crop between its extremes, horizontally and vertically, in `[0, 1)`.
    pub(crate) place: (f64, f64),
    pub(crate) brightness: f64,
    pub(crate) contrast: f64,
}

impl Crop {
    /// The first pixel of a window of `window` pixels on a side of `side` pixels; negative if the window starts before the side. `place`
    /// in `[0, 1)` is the position of a random crop.
    pub(crate) fn offset(self, side: u32, window: u32, place: f64) -> i64 {
        let spare = i64::from(side) - i64::from(window);
        match self {
            Crop::Random { padding } => {
                let (first, last) = (spare.min(0) - i64::from(padding), spare.max(0) + i64::from(padding));
                first + (place * (last - first + 1) as f64) as i64
            }
            // As in torchvision's CenterCrop, a half is rounded to the even neighbour, and padding is rounded down.
            Crop::Center if spare < 0 => -(-spare / 2),
            Crop::Center => spare / 2 + (spare % 2) * (spare / 2 % 2),
        }
    }
}
