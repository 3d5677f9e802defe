//! Loaders: the samples of a dataset as batches.

use super::dataset::Dataset;
use super::epoch::Epoch;
use super::error::Result;
use super::info::SampleInfo;
use super::options::LoaderOptions;
use super::reader::{Reader, Skipped};
use super::target::TargetSpec;
use std::sync::Arc;

/// Reads the samples of a dataset, epoch by epoch, as batches. All have the same number of samples but the last one of an epoch, and those
/// of which samples were skipped.
///
/// The batches of an epoch are a function of dataset, options and epoch. They do not depend on the number of threads, and an epoch may be
/// started at any batch. Clones share the list of skipped samples.
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
    reader: Reader,
}

impl Loader {
    /// Prepares to read a dataset.
    ///
    /// # Errors
    /// [`DataError`](super::DataError): `Option` for an option outside of its range, `NoSamples`, `OneClass`, `TargetValue` for
    /// impossible targets, and `Picture` for unusable constants of the preprocessing.
    pub fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Result<Self> {
        options.check(&*dataset)?;
        Ok(Loader { reader: Reader::new(dataset, options) })
    }

    /// The dataset that is read.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.reader.dataset
    }

    /// The options that the loader was made with.
    pub fn options(&self) -> &LoaderOptions {
        &self.reader.options
    }

    /// Number of batches of an epoch, at least 1.
    pub fn batches(&self) -> usize {
        self.reader.batches()
    }

    /// Shape of the pictures of a full batch, `[n, h, w, c]`; `n` is at most the number of samples.
    pub fn shape(&self) -> [usize; 4] {
        let LoaderOptions { batch, size: [height, width], preprocess, .. } = self.reader.options;
        [batch.min(self.reader.dataset.len()), height, width, preprocess.channels()]
    }

    /// The targets of every batch.
    pub fn targets(&self) -> Vec<TargetSpec> {
        self.reader.dataset.targets()
    }

    /// Reads an epoch from the batch `first_batch` on, counted from 0. Reading starts at once.
    ///
    /// The iterator ends after the last batch, or after the first error: [`DataError`](super::DataError) `NoSuchBatch`
    /// if `first_batch` exceeds [`batches`](Loader::batches), `Threads`, `AllBroken`, `LabelRange`, and the error
    /// of a broken sample unless [`OnBroken::Skip`](super::OnBroken::Skip) is set.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        Epoch::start(self.reader.clone(), epoch, first_batch)
    }

    /// Number of samples of an epoch's last batch if it is not full, and not dropped.
    pub fn rest(&self) -> Option<usize> {
        let (len, LoaderOptions { batch, drop_last, .. }) = (self.reader.dataset.len(), self.reader.options);
        let rest = len % batch;
        (!drop_last && rest > 0 && rest < len).then_some(rest)
    }

    /// What a sample holds, read within the bound on pictures that are read at once.
    pub(crate) fn inspect(&self, index: usize) -> Result<SampleInfo> {
        let _permit = self.reader.budget.sample(&**self.dataset(), index)?;
        self.dataset().inspect(index)
    }

    /// The samples left out so far, each once, in the order of the dataset. Threads that read ahead may have skipped samples of
    /// batches that were not taken yet.
    pub fn skipped(&self) -> Vec<Skipped> {
        self.reader.skipped()
    }
}
