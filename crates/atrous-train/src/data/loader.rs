//! Samples to batches.

use super::batch::{Batch, Framed, stack};
use super::check::check_sample;
use super::dataset::Dataset;
use super::epoch::Epoch;
use super::error::Result;
use super::options::{LoaderOptions, OnBroken};
use super::random::{Purpose, Random};
use super::target::{Target, TargetKind, TargetSpec};
use super::view::{Placed, View};
use atrous_gpu::Data;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A sample that was left out because it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its index in the dataset.
    pub index: usize,
    /// Its name, as by [`Dataset::describe`].
    pub name: String,
    /// What is wrong with the sample; names the file.
    pub reason: String,
}

/// Reads the samples of a dataset, epoch by epoch, as batches of one shape.
///
/// The batches of an epoch are a function of dataset, options and epoch: the number of threads changes nothing, and an
/// epoch may be entered at any batch. Clones share the list of skipped samples.
///
/// ```
/// use std::sync::Arc;
///
/// use atrous_train::data::{Loader, LoaderOptions, digits};
/// use atrous_vision::Preprocess;
///
/// let options = LoaderOptions { shuffle: true, ..LoaderOptions::new(32, [8, 8], Preprocess::TF) };
/// let loader = Loader::new(Arc::new(digits()), options)?;
/// for batch in loader.epoch(0, 0).take(2) {
///     let batch = batch?;
///     assert_eq!((batch.shape, batch.samples), ([32, 8, 8, 3], 32)); // N, H, W, C
///     assert_eq!((batch.images.len(), batch.labels().len()), (32 * 8 * 8 * 3, 32));
/// }
/// # Ok::<(), atrous_train::data::DataError>(())
/// ```
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
    /// [`DataError`](super::DataError): `Option` for an option outside of its range, `NoSamples`, `OneClass`, `TargetValue` for
    /// targets that cannot be, and `Picture` for constants of the preprocessing that are not usable.
    pub fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Result<Self> {
        options.check(&*dataset)?;
        Ok(Loader { dataset, options, skipped: Arc::default() })
    }

    /// The dataset that is read.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// The options that it was made with.
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

    /// The targets of every batch.
    pub fn targets(&self) -> Vec<TargetSpec> {
        self.dataset.targets()
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
        stack(batch, samples, &self.targets(), options).map(Some)
    }

    /// A sample as a picture of the batch's size and the values of its targets.
    fn read_sample(&self, index: usize, epoch: u64) -> Result<Framed> {
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
        let placed = view.place((sample.image.width(), sample.image.height()), change);
        let image = placed.picture(&sample.image.into_rgb())?;
        let targets = self.dataset.targets().into_iter().zip(sample.targets);
        let targets = targets.map(|(spec, target)| values(target, spec.kind, &placed)).collect::<Result<_>>()?;
        Ok(Framed { image, targets })
    }

    fn note_skipped(&self, index: usize, reason: String) {
        let note = || Skipped { index, name: self.dataset.describe(index), reason };
        self.skipped.lock().expect("no thread panics with the lock").entry(index).or_insert_with(note);
    }
}

/// A target as it is uploaded.
fn values(target: Target, kind: TargetKind, placed: &Placed) -> Result<Data> {
    Ok(match target {
        Target::Class(class) => Data::U32(vec![class]),
        Target::Mask(mask) => Data::U32(placed.mask(&mask)?.into_iter().map(u32::from).collect()),
        Target::SoftLabels(numbers) | Target::Vector(numbers) => Data::F32(numbers),
        Target::MultiHot(present) => Data::F32(present.into_iter().map(|there| f32::from(u8::from(there))).collect()),
        Target::Boxes(boxes) => {
            let mut moved: Vec<f32> = boxes.into_iter().flat_map(|corners| placed.boxed(corners)).collect();
            if let TargetKind::Boxes { most } = kind {
                moved.resize(4 * most, 0.0);
            }
            Data::F32(moved)
        }
        Target::Image(picture) => {
            let channels = picture.channels() as usize;
            let pixels = placed.uncoloured(&picture.into_rgb())?.into_raw();
            let chosen = pixels.chunks_exact(3).flat_map(|pixel| &pixel[..channels]);
            Data::F32(chosen.map(|level| f32::from(*level) / 255.0).collect())
        }
    })
}
