//! Numbered collections of samples.

use super::error::Result;
use super::info::SampleInfo;
use super::sample::Sample;
use super::target::TargetSpec;
use std::path::Path;
use std::sync::Arc;

/// A numbered collection of pictures with their targets. Samples are read by several threads at once.
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

    /// Whether there is no sample. The datasets of this crate are never empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one sample; the same index must always give the same sample.
    ///
    /// # Errors
    /// The error of the sample's files, and [`DataError::Index`](super::DataError::Index) for indices from `len` on.
    fn get(&self, index: usize) -> Result<Sample>;

    /// The targets that every sample has, in this order; empty if there are only pictures.
    fn targets(&self) -> Vec<TargetSpec>;

    /// The names of the classes of the first target that has classes; empty if they have no names.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// A description of a sample for messages, such as its file. Must not fail for any index.
    fn describe(&self, index: usize) -> String;

    /// A text that tells a sample apart from all others, on every machine: the name it has within the dataset, and what
    /// changes with its content as far as that is cheap to tell, such as the size of its file. It must stay the same
    /// when the dataset is moved. A resumed training compares these texts with those that it began with. By default the
    /// description. Must not fail for any index.
    fn identity(&self, index: usize) -> String {
        self.describe(index)
    }

    /// [`Dataset::identity`] of the sample's picture alone: it stays the same when the targets are corrected, and copies of
    /// a picture have the same. By it a [`PictureSet`](super::PictureSet) knows a sample. By default the identity of the
    /// whole sample. Must not fail for any index.
    fn picture_identity(&self, index: usize) -> String {
        self.identity(index)
    }

    /// How samples are made of their files, as far as it can be chosen, such as `map 255=1`; empty if it cannot, or nothing was
    /// chosen. A resumed training must read them in the same way.
    fn reading(&self) -> String {
        String::new()
    }

    /// The class of a sample's first target, if it is known without reading the sample. Stratified splitting needs it.
    fn class_of(&self, _index: usize) -> Option<u32> {
        None
    }

    /// What a sample holds, for a [`Survey`](super::Survey). By default the sample is read; datasets of files read less.
    ///
    /// # Errors
    /// Those of [`Dataset::get`].
    fn inspect(&self, index: usize) -> Result<SampleInfo> {
        self.get(index).map(|sample| SampleInfo::of(&sample))
    }

    /// The files that a sample is read from; none if it is read from no files of its own.
    fn files(&self, _index: usize) -> Vec<&Path> {
        Vec::new()
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

    fn identity(&self, index: usize) -> String {
        (**self).identity(index)
    }

    fn picture_identity(&self, index: usize) -> String {
        (**self).picture_identity(index)
    }

    fn reading(&self) -> String {
        (**self).reading()
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        (**self).class_of(index)
    }

    fn inspect(&self, index: usize) -> Result<SampleInfo> {
        (**self).inspect(index)
    }

    fn files(&self, index: usize) -> Vec<&Path> {
        (**self).files(index)
    }
}
