//! A numbered collection of samples.

use super::check::{check_sample, check_targets};
use super::error::{DataError, Result};
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec};
use std::sync::Arc;

/// A numbered collection of pictures with what is to be learnt from them. Its samples are read by several threads at once.
///
/// ```
/// use atrous_train::data::{DataError, Dataset, Picture, Sample, Target, TargetKind, TargetSpec};
///
/// /// Squares of every grey, to learn how bright they are.
/// struct Greys;
///
/// impl Dataset for Greys {
///     fn len(&self) -> usize {
///         256
///     }
///
///     fn get(&self, index: usize) -> Result<Sample, DataError> {
///         let grey = u8::try_from(index).map_err(|_| DataError::Index { index, len: self.len() })?;
///         let targets = vec![Target::Vector(vec![f32::from(grey) / 255.0])];
///         Ok(Sample { image: Picture::new(8, 8, 1, vec![grey; 64])?, targets })
///     }
///
///     fn targets(&self) -> Vec<TargetSpec> {
///         vec![TargetSpec::new("brightness", TargetKind::Vector { len: 1 })]
///     }
///
///     fn describe(&self, index: usize) -> String {
///         format!("grey {index}")
///     }
/// }
///
/// assert_eq!(Greys.get(255)?.targets, [Target::Vector(vec![1.0])]);
/// assert!(Greys.get(256).is_err());
/// # Ok::<(), DataError>(())
/// ```
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

    /// The targets that every sample has, in this order; none where there is nothing but pictures.
    fn targets(&self) -> Vec<TargetSpec>;

    /// The name of every class of the first target that has classes. Empty where classes have no names.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// Names a sample in messages, as its file where it has one. Any index is answered.
    fn describe(&self, index: usize) -> String;

    /// The class of a sample by its first target, where it is known without reading the sample, as stratified splitting
    /// needs.
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

    fn targets(&self) -> Vec<TargetSpec> {
        (**self).targets()
    }

    fn describe(&self, index: usize) -> String {
        (**self).describe(index)
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        (**self).class_of(index)
    }
}

/// Samples held in memory.
///
/// ```
/// use atrous_train::data::{DataError, Dataset, InMemory, Picture, Sample, Target};
///
/// let sample = |grey: u8, class| {
///     let image = Picture::new(4, 4, 1, vec![grey; 16])?; // width, height, channels
///     Ok::<_, DataError>(Sample { image, targets: vec![Target::Class(class)] })
/// };
/// let names = ["dark", "bright"].map(String::from).to_vec();
/// let greys = InMemory::new("greys", names, vec![sample(10, 0)?, sample(240, 1)?])?;
/// assert_eq!((greys.len(), greys.class_of(1)), (2, Some(1)));
/// # Ok::<(), DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InMemory {
    name: String,
    class_names: Vec<String>,
    samples: Vec<Sample>,
    targets: Vec<TargetSpec>,
}

impl InMemory {
    /// Wraps samples that all have one target, called [`LABELS`](super::LABELS), of these classes: a class, a mask, soft labels or
    /// any of several. The first sample tells which. `name` is used in messages.
    ///
    /// # Errors
    /// [`DataError::NoSamples`], [`DataError::OneClass`] for fewer than two class names or, in classification, if every
    /// sample is of one class, and those of [`check_sample`].
    pub fn new(name: impl Into<String>, class_names: Vec<String>, samples: Vec<Sample>) -> Result<Self> {
        let name = name.into();
        let Some(first) = samples.first() else { return Err(no_samples(name)) };
        check_class_names(&name, &class_names)?;
        let kind = match &first.targets[..] {
            [target] => Some(TargetKind::of(target, class_names.len())).filter(|kind| kind.classes().is_some()),
            _ => None,
        };
        let Some(kind) = kind else {
            let got = match &first.targets[..] {
                [target] => TargetKind::of(target, 0).to_string(),
                targets => format!("{} targets", targets.len()),
            };
            let sample = format!("{name}: sample 0");
            return Err(DataError::WrongTarget { sample, needs: "one target with classes".to_owned(), got });
        };
        Self::checked(InMemory { name, class_names, samples, targets: vec![TargetSpec::labels(kind)] })
    }

    /// Wraps samples that all have these targets, whose classes have no names. `name` is used in messages.
    ///
    /// # Errors
    /// [`DataError::NoSamples`], [`DataError::OneClass`] if the first target is a class and that of every sample is the same,
    /// and those of [`check_sample`] and of [`Loader::new`](super::Loader::new) for the targets.
    pub fn with_targets(name: impl Into<String>, targets: Vec<TargetSpec>, samples: Vec<Sample>) -> Result<Self> {
        let name = name.into();
        if samples.is_empty() {
            return Err(no_samples(name));
        }
        Self::checked(InMemory { name, class_names: Vec::new(), samples, targets })
    }

    fn checked(self) -> Result<Self> {
        check_targets(&self)?;
        for (index, sample) in self.samples.iter().enumerate() {
            check_sample(&self, index, sample, u32::from(VOID))?;
        }
        check_several_classes(&self)?;
        Ok(self)
    }
}

fn no_samples(name: String) -> DataError {
    DataError::NoSamples { name, wanted: "at least one picture".to_owned() }
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

    fn targets(&self) -> Vec<TargetSpec> {
        self.targets.clone()
    }

    fn describe(&self, index: usize) -> String {
        format!("{}: sample {index}", self.name)
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        match self.samples.get(index)?.targets.first()? {
            Target::Class(class) => Some(*class),
            _ => None,
        }
    }
}

/// The label of pixels that belong to no class, in masks and in a [`Loader`](super::Loader) unless it is told
/// otherwise.
pub const VOID: u8 = 255;

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
