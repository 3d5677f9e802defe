//! Datasets in memory.

use super::check::{check_class_names, check_index, check_sample, check_several_classes, check_targets};
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec, VOID};

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
    /// Wraps samples that all have one target, called [`LABELS`](super::LABELS), with these classes: a class, a mask, soft labels or
    /// multi-hot labels. The kind is that of the first sample. `name` is used in messages.
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

    /// Wraps samples that all have these targets. Their classes have no names. `name` is used in messages.
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

    /// The number of the sample and a fingerprint of its content.
    fn identity(&self, index: usize) -> String {
        match self.samples.get(index) {
            Some(sample) => format!("sample {index} ({:016x})", sample.fingerprint()),
            None => self.describe(index),
        }
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        match self.samples.get(index)?.targets.first()? {
            Target::Class(class) => Some(*class),
            _ => None,
        }
    }
}
