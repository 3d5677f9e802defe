//! What data hold, and what of it teaches nothing: counted before a training.

mod counting;
mod findings;
mod kept;
mod show;

use super::error::Result;
use super::loader::Loader;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use findings::{Finding, Severity};

/// What the samples of a dataset hold: counts of classes and ignored labels, sizes and channels of pictures. [`Survey::findings`] says what
/// of it teaches nothing, and what is suspicious; its text is a summary of a few lines.
///
/// ```
/// use std::sync::Arc;
///
/// use atrous_train::data::{Loader, LoaderOptions, Part, Survey, digits};
/// use atrous_vision::Preprocess;
///
/// let loader = Loader::new(Arc::new(digits()), LoaderOptions::new(32, [8, 8], Preprocess::TF))?;
/// let survey = Survey::of(&loader, Survey::MOST, &|_, _| {})?;
/// assert_eq!((survey.samples, survey.classes.len(), survey.widths), (1797, 10, (8, 8)));
/// assert!(survey.findings(Part::Train).is_empty());
/// # Ok::<(), atrous_train::data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Number of samples of the dataset.
    pub samples: usize,
    /// How many of them were read. If it is less than `samples`, the other fields are those of a random choice, but for
    /// datasets that know the classes of their pictures: their classes are those of all samples.
    pub read: usize,
    /// Samples that could not be read, and were skipped as the loader's options say.
    pub broken: usize,
    /// Why the first of them could not be read.
    pub first_broken: Option<String>,
    /// Whether labels are labels of pixels.
    pub pixels: bool,
    /// The names of the classes, or their numbers if they have no names.
    pub class_names: Vec<String>,
    /// How often each class occurs.
    pub classes: Vec<ClassCount>,
    /// The label that is ignored.
    pub ignore_label: u32,
    /// How often it occurs.
    pub ignored: ClassCount,
    /// Labels that are neither a class nor ignored, with the first sample that has each.
    pub outside: BTreeMap<u32, (ClassCount, String)>,
    /// Least and largest width of the pictures.
    pub widths: (u32, u32),
    /// Least and largest height of the pictures.
    pub heights: (u32, u32),
    /// Number of pictures by their channels: 1 grey, 2 grey with alpha, 3 RGB, 4 RGB with alpha.
    pub channels: BTreeMap<u8, usize>,
    /// Pictures that their EXIF orientation turns, while nothing tells whether their masks were drawn on turned pictures.
    pub turned: usize,
    /// The first of them and its orientation.
    pub first_turned: Option<(String, u8)>,
}

/// How often a label occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Number of labels: pixels, or pictures if there is one label a picture.
    pub labels: u64,
    /// Number of samples that have the label.
    pub samples: usize,
}

impl Survey {
    /// Number of samples after which a random choice is enough for an overview.
    pub const MOST: usize = 2000;

    /// Surveys the samples of a loader with its threads. Of more than `most` samples, as many are chosen at random, the same ones each
    /// time; if these teach nothing, all are read. `progress` is called by any thread with the number of samples read so far, and of those
    /// to read.
    ///
    /// Pictures of files are not decoded, only their headers are read; masks are read whole.
    ///
    /// # Errors
    /// Those of [`Dataset::inspect`](super::Dataset::inspect), unless the loader skips broken samples;
    /// [`DataError::AllBroken`](super::DataError::AllBroken) if there is no other.
    pub fn of(loader: &Loader, most: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Self> {
        let chosen = Self::read(loader, most, progress)?;
        match chosen.read < chosen.samples && chosen.teaches_nothing() {
            true => Self::read(loader, usize::MAX, progress),
            false => Ok(chosen),
        }
    }

    /// Number of labels that were read, the ignored ones included.
    pub fn labels(&self) -> u64 {
        let outside = self.outside.values().map(|(count, _)| count.labels);
        self.classes.iter().map(|count| count.labels).chain(outside).sum::<u64>() + self.ignored.labels
    }

    /// Fraction of the labels that is ignored; 0 if there are none.
    pub fn ignored_share(&self) -> f64 {
        self.ignored.labels as f64 / self.labels().max(1) as f64
    }

    /// The classes that occur.
    pub fn present(&self) -> Vec<usize> {
        (0..self.classes.len()).filter(|class| self.classes[*class].labels > 0).collect()
    }

    /// Whether fewer than two classes occur among labels that are all valid.
    fn teaches_nothing(&self) -> bool {
        !self.classes.is_empty() && self.outside.is_empty() && self.present().len() < 2
    }
}
