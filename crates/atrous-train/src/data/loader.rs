//! Samples to batches.

use super::batch::{Batch, stack};
use super::dataset::{Dataset, check_sample};
use super::epoch::Epoch;
use super::error::Result;
use super::options::{LoaderOptions, OnBroken};
use super::random::{Purpose, Random};
use super::sample::Target;
use super::view::View;
use atrous_vision::RgbImage;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A sample that was left out because it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its index in the dataset.
    pub index: usize,
    /// Its name, as by [`Dataset::describe`].
    pub name: String,
    /// What is wrong with it; names the file.
    pub reason: String,
}

/// Reads the samples of a dataset, epoch by epoch, as batches of one shape.
///
/// The batches of an epoch are a function of dataset, options and epoch: the number of threads changes nothing, and an
/// epoch may be entered at any batch. Clones share the list of skipped samples.
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    options: LoaderOptions,
    skipped: Arc<Mutex<BTreeMap<usize, Skipped>>>,
}

impl Loader {
    /// Prepares to read a dataset.
    ///
    /// # Errors
    /// [`DataError`](super::DataError): `Option` for an option outside of its range, `NoSamples`, `OneClass`, and
    /// `Picture` for constants of the preprocessing that are not usable.
    pub fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Result<Self> {
        options.check(&*dataset)?;
        Ok(Loader { dataset, options, skipped: Arc::default() })
    }

    /// The dataset that is read.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// The options given.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// Number of batches of an epoch, at least 1.
    pub fn batches(&self) -> usize {
        match self.options.drop_last {
            true => self.dataset.len() / self.options.batch,
            false => self.dataset.len().div_ceil(self.options.batch),
        }
    }

    /// Shape of the pictures of every batch, `[n, h, w, c]`.
    pub fn shape(&self) -> [usize; 4] {
        let [height, width] = self.options.size;
        [self.options.batch, height, width, self.options.preprocess.channels()]
    }

    /// Reads an epoch, beginning with the given batch, counted from 0. Reading starts at once.
    ///
    /// The iterator ends after the last batch, or after the first error: [`DataError`](super::DataError) `NoSuchBatch`
    /// if `first_batch` exceeds [`batches`](Loader::batches), `Threads`, `AllBroken`, `LabelRange`, and what is wrong
    /// with a sample unless that is to be skipped.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        Epoch::start(self.clone(), epoch, first_batch)
    }

    /// The samples left out so far, each once, in the order of the dataset. Threads that read ahead may have found more
    /// than the batches taken so far tell.
    pub fn skipped(&self) -> Vec<Skipped> {
        self.skipped.lock().expect("no thread panics with the lock").values().cloned().collect()
    }

    /// The indices of the samples in the order of an epoch.
    pub(crate) fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dataset.len()).collect();
        if self.options.shuffle {
            Random::new(self.options.seed, Purpose::Order, epoch, 0).shuffle(&mut order);
        }
        order
    }

    /// Makes the batch number `batch` of an order; `None` if every sample of it was skipped.
    pub(crate) fn read_batch(&self, order: &[usize], epoch: u64, batch: usize) -> Result<Option<Batch>> {
        let options = &self.options;
        let mut samples = Vec::with_capacity(options.batch);
        for &index in order.iter().skip(batch * options.batch).take(options.batch) {
            match self.read_sample(index, epoch) {
                Ok(sample) => samples.push(sample),
                Err(error) if error.is_broken_sample() && options.on_broken == OnBroken::Skip => {
                    self.note_skipped(index, error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        if samples.is_empty() {
            return Ok(None);
        }
        stack(batch, samples, options).map(Some)
    }

    /// A sample as a picture of the batch's size and its labels.
    fn read_sample(&self, index: usize, epoch: u64) -> Result<(RgbImage, Vec<u32>)> {
        let options = &self.options;
        let sample = self.dataset.get(index)?;
        check_sample(&*self.dataset, index, &sample, options.ignore_label)?;
        // Lossless: the options have been checked, which holds the sides below 2³² and a mask's ignore label below 256.
        let view = View {
            width: options.size[1] as u32,
            height: options.size[0] as u32,
            framing: options.framing,
            crop: options.augment.crop,
            outside: options.ignore_label as u8,
        };
        let change = options.augment.draw(options.seed, epoch, index);
        let mask = match &sample.target {
            Target::Mask(mask) => Some(mask),
            Target::Class(_) => None,
        };
        let (image, mask) = view.apply(&sample.image.into_rgb(), mask, &change)?;
        Ok(match (sample.target, mask) {
            (Target::Class(class), _) => (image, vec![class]),
            (Target::Mask(_), mask) => {
                let mask = mask.expect("a mask goes with its picture");
                (image, mask.classes().iter().map(|&class| class.into()).collect())
            }
        })
    }

    fn note_skipped(&self, index: usize, reason: String) {
        let note = || Skipped { index, name: self.dataset.describe(index), reason };
        self.skipped.lock().expect("no thread panics with the lock").entry(index).or_insert_with(note);
    }
}
