//! What a loader is asked to do.

use super::augment::Augment;
use super::check::check_targets;
use super::dataset::{Dataset, VOID};
use super::error::{DataError, Result};
use super::target::TargetKind;
use super::view::Framing;
use atrous_vision::{Preprocess, RgbImage};
use std::num::NonZero;
use std::thread;

/// What to do with a sample that cannot be read, see [`DataError::is_broken_sample`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnBroken {
    /// Stop with its error.
    #[default]
    Refuse,
    /// Go on without it and note it, see [`Loader::skipped`](super::Loader::skipped).
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
    /// Pixels to numbers, and the number of channels. Grey pictures are taken for RGB ones of equal channels; for
    /// networks that take one channel use [`Normalize::Green`](atrous_vision::Normalize::Green).
    pub preprocess: Preprocess,
    /// How pictures of another size are brought to `size`.
    pub framing: Framing,
    /// Random changes of pictures and their targets.
    pub augment: Augment,
    /// Whether every epoch has an order of its own, rather than the dataset's.
    pub shuffle: bool,
    /// Seed of order and changes.
    pub seed: u64,
    /// Threads that read and change samples; 0 does it in the thread that asks for the batch. No result depends on it.
    pub threads: usize,
    /// Most batches that are worked on or wait, at least 1. With less than `threads` some threads are idle.
    pub ahead: usize,
    /// Whether to leave out a last batch that is not full.
    pub drop_last: bool,
    /// What to do with a sample that cannot be read.
    pub on_broken: OnBroken,
    /// Label of what is not to be learnt from: the pixels of masks that have it, padding, and the samples that fill up
    /// a batch. For masks 255 at most; where pictures have a class it must be none.
    pub ignore_label: u32,
}

/// Most values in the pictures of a batch: 8 GiB of f32.
const MAX_VALUES: u128 = 1 << 31;

impl LoaderOptions {
    /// Batches in the dataset's order, without random changes, read by one thread per core, two batches a thread ahead;
    /// the last batch is kept, a broken sample is refused, 255 is ignored.
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
            drop_last: false,
            on_broken: OnBroken::Refuse,
            ignore_label: VOID.into(),
        }
    }

    /// Holds options and dataset together to what a loader needs.
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
        self.preprocess.run(&[RgbImage::new(1, 1)])?;
        Ok(())
    }
}
