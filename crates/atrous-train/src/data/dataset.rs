//! A numbered collection of samples.

use super::error::{DataError, Result};
use super::sample::{Sample, Target, Task};
use std::sync::Arc;

/// A numbered collection of labelled pictures. Its samples are read by several threads at once.
pub trait Dataset: Send + Sync {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Whether there is no sample. The readers of this crate never make an empty dataset.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one sample; the same one for the same index every time.
    ///
    /// # Errors
    /// Whatever is wrong with the sample's files, and [`DataError::Index`] from `len` on.
    fn get(&self, index: usize) -> Result<Sample>;

    /// The name of every class; their number is the number of classes.
    fn class_names(&self) -> &[String];

    /// What the samples are labelled with.
    fn task(&self) -> Task;

    /// Names a sample in messages, as its file where it has one. Any index is answered.
    fn describe(&self, index: usize) -> String;

    /// The class of a sample where it is known without reading the sample, as stratified splitting needs.
    fn class_of(&self, _index: usize) -> Option<u32> {
        None
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        (**self).get(index)
    }

    fn class_names(&self) -> &[String] {
        (**self).class_names()
    }

    fn task(&self) -> Task {
        (**self).task()
    }

    fn describe(&self, index: usize) -> String {
        (**self).describe(index)
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        (**self).class_of(index)
    }
}

/// Samples held in memory.
#[derive(Clone, Debug)]
pub struct InMemory {
    name: String,
    class_names: Vec<String>,
    samples: Vec<Sample>,
    task: Task,
}

impl InMemory {
    /// Wraps samples that are all labelled alike; the first tells the task. `name` is used in messages.
    ///
    /// # Errors
    /// [`DataError::NoSamples`], [`DataError::OneClass`] for fewer than two class names or, in classification, if every
    /// sample is of one class, and those of [`check_sample`].
    pub fn new(name: impl Into<String>, class_names: Vec<String>, samples: Vec<Sample>) -> Result<Self> {
        let name = name.into();
        let task = match samples.first() {
            None => return Err(DataError::NoSamples { name, wanted: "at least one picture".to_owned() }),
            Some(Sample { target: Target::Class(_), .. }) => Task::Classification,
            Some(Sample { target: Target::Mask(_), .. }) => Task::Segmentation,
        };
        check_class_names(&name, &class_names)?;
        let dataset = InMemory { name, class_names, samples, task };
        for (index, sample) in dataset.samples.iter().enumerate() {
            check_sample(&dataset, index, sample, u32::from(VOID))?;
        }
        check_several_classes(&dataset)?;
        Ok(dataset)
    }
}

impl Dataset for InMemory {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        Ok(self.samples[index].clone())
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn task(&self) -> Task {
        self.task
    }

    fn describe(&self, index: usize) -> String {
        format!("{}: sample {index}", self.name)
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        match self.samples.get(index)?.target {
            Target::Class(class) => Some(class),
            Target::Mask(_) => None,
        }
    }
}

/// The label of pixels that belong to no class, in masks and in a [`Loader`](super::Loader) unless it is told
/// otherwise.
pub const VOID: u8 = 255;

/// Holds a sample to what its dataset promises: the kind of label, the range of the labels, a mask as large as the
/// picture. Labels of `ignore` are in range.
///
/// # Errors
/// [`DataError::WrongTarget`], [`DataError::LabelRange`], [`DataError::MaskSize`].
pub fn check_sample(dataset: &dyn Dataset, index: usize, sample: &Sample, ignore: u32) -> Result<()> {
    let (name, task) = (|| dataset.describe(index), dataset.task());
    match (&sample.target, task) {
        (Target::Class(_), Task::Classification) => {}
        (Target::Mask(mask), Task::Segmentation) => {
            let (mask, picture) = ((mask.width(), mask.height()), (sample.image.width(), sample.image.height()));
            if mask != picture {
                return Err(DataError::MaskSize { sample: name(), mask, picture });
            }
        }
        _ => return Err(DataError::WrongTarget { sample: name(), task }),
    }
    let classes = dataset.class_names().len();
    let (largest, ignored) = match &sample.target {
        Target::Class(class) => (Some(*class), None),
        Target::Mask(mask) => {
            let counts = mask.pixel_counts();
            let present = (0..=255).filter(|label| *label != ignore && counts[*label as usize] > 0);
            (present.max(), Some(ignore))
        }
    };
    match largest.filter(|label| *label as usize >= classes) {
        Some(label) => Err(DataError::LabelRange { sample: name(), label, classes, ignored }),
        None => Ok(()),
    }
}

/// Refuses an index beyond the last sample.
pub(crate) fn check_index(dataset: &dyn Dataset, index: usize) -> Result<()> {
    match index < dataset.len() {
        true => Ok(()),
        false => Err(DataError::Index { index, len: dataset.len() }),
    }
}

/// Refuses fewer than two classes: there would be nothing to tell apart.
pub(crate) fn check_class_names(name: &str, class_names: &[String]) -> Result<()> {
    match class_names {
        [_, _, ..] => Ok(()),
        _ => Err(DataError::OneClass { name: name.to_owned(), class: class_names.first().cloned() }),
    }
}

/// Refuses a dataset whose samples are known to be of one class all.
pub(crate) fn check_several_classes(dataset: &dyn Dataset) -> Result<()> {
    let Some(first) = dataset.class_of(0) else { return Ok(()) };
    if (1..dataset.len()).any(|index| dataset.class_of(index) != Some(first)) {
        return Ok(());
    }
    let class = dataset.class_names().get(first as usize).cloned();
    let name = format!("{} to {}", dataset.describe(0), dataset.describe(dataset.len() - 1));
    Err(DataError::OneClass { name, class })
}
