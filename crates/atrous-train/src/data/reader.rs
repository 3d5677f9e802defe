//! Samples of a dataset, read and brought to the shape of a batch.

use super::batch::{Batch, Framed, stack};
use super::budget::Budget;
use super::check::check_sample;
use super::dataset::Dataset;
use super::error::Result;
use super::options::{LoaderOptions, OnBroken};
use super::random::{Purpose, Random};
use super::target::{Target, TargetKind};
use super::view::{Placed, View};
use atrous_gpu::Data;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A sample that was left out since it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Index of the sample in the dataset.
    pub index: usize,
    /// Name of the sample by [`Dataset::describe`].
    pub name: String,
    /// The error, which names the file.
    pub reason: String,
}

/// Makes batches of a dataset's samples. Clones share the list of skipped samples and the bound on pictures read at once.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) dataset: Arc<dyn Dataset>,
    pub(crate) options: LoaderOptions,
    pub(crate) budget: Arc<Budget>,
    skipped: Arc<Mutex<BTreeMap<usize, Skipped>>>,
}

impl Reader {
    /// `options` have been checked for the dataset.
    pub(crate) fn new(dataset: Arc<dyn Dataset>, options: LoaderOptions) -> Self {
        let budget = Arc::new(Budget::new(options.max_picture));
        Self { dataset, options, budget, skipped: Arc::default() }
    }

    /// Number of batches of an epoch, at least 1.
    pub(crate) fn batches(&self) -> usize {
        match self.options.drop_last {
            true => self.dataset.len() / self.options.batch,
            false => self.dataset.len().div_ceil(self.options.batch),
        }
    }

    /// The samples left out so far, each once, in the order of the dataset. Threads that read ahead may have
    /// skipped samples of batches that were not taken yet.
    pub(crate) fn skipped(&self) -> Vec<Skipped> {
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

    /// Makes batch number `batch` of the samples in this order; `None` if all of its samples were skipped.
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
        stack(batch, samples, &self.dataset.targets(), options).map(Some)
    }

    /// A sample as a picture of the batch's size and the values of its targets.
    fn read_sample(&self, index: usize, epoch: u64) -> Result<Framed> {
        let options = &self.options;
        let _permit = self.budget.sample(&*self.dataset, index)?;
        let sample = self.dataset.get(index)?;
        check_sample(&*self.dataset, index, &sample, options.ignore_label)?;
        // Lossless: by the checks of the options, sides are below 2³² and a mask's ignore label is below 256.
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

/// The values of a target for upload, changed like the picture.
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
