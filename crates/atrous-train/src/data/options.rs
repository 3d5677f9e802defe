//! Options of loaders.

use super::augment::{Augment, Crop};
use super::check::check_targets;
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::target::{TargetKind, VOID};
use super::view::Framing;
use atrous_vision::{Preprocess, RgbImage};
use std::num::NonZero;
use std::thread;

/// What to do with a sample that cannot be read, see [`DataError::is_broken_sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnBroken {
    /// End the epoch with its error.
    #[default]
    Refuse,
    /// Leave it out and record it, see [`Loader::skipped`](super::Loader::skipped).
    Skip,
}

/// How samples become batches.
///
/// ```
/// use atrous_train::data::{Augment, LoaderOptions};
/// use atrous_vision::Preprocess;
///
/// // Batches of 16 pictures, 128 pixels high and 192 wide, without changes for validation.
/// let held_out = LoaderOptions::new(16, [128, 192], Preprocess::IMAGENET);
/// let augment = Augment { horizontal_flip: 0.5, ..Augment::NONE };
/// let train = LoaderOptions { shuffle: true, augment, ..held_out };
/// assert_eq!((train.batch, train.size, train.ignore_label), (16, [128, 192], 255));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Samples in a batch, at least 1.
    pub batch: usize,
    /// Height and width of the pictures of a batch.
    pub size: [usize; 2],
    /// How pixels become numbers, and the number of channels. Grey pictures become RGB pictures with equal channels; for
    /// networks with one channel use [`Normalize::Green`](atrous_vision::Normalize::Green).
    pub preprocess: Preprocess,
    /// How pictures of another size are resized and cut to `size`.
    pub framing: Framing,
    /// Random changes of pictures and their targets.
    pub augment: Augment,
    /// Whether every epoch has a random order instead of the dataset's.
    pub shuffle: bool,
    /// Seed of orders and random changes.
    pub seed: u64,
    /// Number of threads that prepare samples; with 0 the calling thread does. Batches do not depend on it.
    pub threads: usize,
    /// Most batches that are being prepared or waiting, at least 1. If it is less than `threads`, some threads are idle.
    pub ahead: usize,
    /// Most pixels of a picture or mask in a file, and of all that are read at the same time, at least 1. Reading takes up to 12 bytes
    /// a pixel (16 of progressive CMYK JPEGs).
    pub max_picture: u64,
    /// Whether to leave out a last batch that is not full.
    pub drop_last: bool,
    /// What to do with a sample that cannot be read.
    pub on_broken: OnBroken,
    /// The label of pixels and pictures that do not count in losses: pixels with this value in masks, and padding. At most 255 for masks; with a class per picture it must not be one of the classes.
    pub ignore_label: u32,
}

/// Most values in the pictures of a batch, which is 8 GiB of f32.
const MAX_VALUES: u128 = 1 << 31;
/// Most pixels of a resized picture, see [`resize`](atrous_vision::resize).
const MAX_PIXELS: f64 = (1 << 28) as f64;

impl LoaderOptions {
    /// Batches in the dataset's order without random changes, prepared by one thread per core, up to two batches per thread in advance.
    /// The last batch is kept, a broken sample is an error, the ignore label is 255, and pictures have at most 2²⁸ pixels.
    pub fn new(batch: usize, size: [usize; 2], preprocess: Preprocess) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        LoaderOptions {
            batch,
            size,
            preprocess,
            framing: Framing::Cover,
            augment: Augment::NONE,
            shuffle: false,
            seed: 0,
            threads,
            ahead: 2 * threads,
            max_picture: 1 << 28,
            drop_last: false,
            on_broken: OnBroken::Refuse,
            ignore_label: VOID.into(),
        }
    }

    /// Checks that all options are within their ranges and fit the dataset.
    pub(crate) fn check(&self, dataset: &dyn Dataset) -> Result<()> {
        let samples = dataset.len();
        if samples == 0 {
            let wanted = "at least one sample".to_owned();
            return Err(DataError::NoSamples { name: "the dataset of the loader".to_owned(), wanted });
        }
        check_targets(dataset)?;
        let [height, width] = self.size;
        let values = [self.batch, height, width, self.preprocess.channels()];
        let values = values.iter().fold(1u128, |product, &side| product.saturating_mul(side as u128));
        let rule = |holds: bool, option, must: String, got: String| match holds {
            true => Ok(()),
            false => Err(DataError::Option { option, must, got }),
        };
        rule(self.batch > 0, "batch", "at least 1".to_owned(), self.batch.to_string())?;
        rule(height > 0 && width > 0, "size", "at least 1×1".to_owned(), format!("{height}×{width}"))?;
        let got = format!("{}×{height}×{width}×{}", self.batch, self.preprocess.channels());
        rule(values <= MAX_VALUES, "batch and size", format!("at most {MAX_VALUES} values together"), got)?;
        rule(self.ahead > 0, "ahead", "at least 1".to_owned(), self.ahead.to_string())?;
        rule(self.max_picture > 0, "max_picture", "at least 1 pixel".to_owned(), self.max_picture.to_string())?;
        let must = format!("at most the {samples} samples where the last batch is dropped if not full");
        rule(!self.drop_last || self.batch <= samples, "batch", must, self.batch.to_string())?;
        rule(u32::try_from(samples).is_ok(), "samples", "fewer than 2³²".to_owned(), samples.to_string())?;
        for target in dataset.targets() {
            let (holds, must) = match target.kind {
                TargetKind::Class { classes } => {
                    (self.ignore_label as usize >= classes, format!("none of the {classes} classes"))
                }
                TargetKind::Mask { .. } => (self.ignore_label <= u8::MAX.into(), "at most 255 for masks".to_owned()),
                _ => continue,
            };
            rule(holds, "ignore_label", must, self.ignore_label.to_string())?;
        }
        self.augment.check()?;
        let (must, got) = ("such that the largest picture has at most 2²⁸ pixels", self.augment.scale.1.to_string());
        let pixels = (height as f64 * self.augment.scale.1) * (width as f64 * self.augment.scale.1);
        rule(self.framing == Framing::Keep || pixels <= MAX_PIXELS, "scale", must.to_owned(), got)?;
        if let Crop::Random { padding } = self.augment.crop {
            let must = format!("below the {height}×{width} of the pictures, else some show nothing");
            rule((padding as usize) < height.min(width), "padding", must, padding.to_string())?;
        }
        self.preprocess.run(&[RgbImage::new(1, 1)])?;
        Ok(())
    }
}
