//! Subsets and splits of datasets.

use super::check::check_index;
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::info::SampleInfo;
use super::picture_set::PictureSet;
use super::random::{Purpose, Random};
use super::sample::Sample;
use super::target::TargetSpec;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// The option of splits by a fraction, in errors.
const HELD_OUT: &str = "held-out fraction";

/// Some samples of another dataset, in a given order.
#[derive(Clone)]
pub struct Subset {
    dataset: Arc<dyn Dataset>,
    indices: Vec<usize>,
}

impl Subset {
    /// The samples of the given indices. An index may occur more than once.
    ///
    /// # Errors
    /// [`DataError::NoSamples`] if none is chosen, [`DataError::Index`] for an index beyond the last sample.
    pub fn new(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Result<Self> {
        if indices.is_empty() {
            let wanted = format!("at least one of {} samples chosen", dataset.len());
            return Err(DataError::NoSamples { name: "subset".to_owned(), wanted });
        }
        indices.iter().try_for_each(|&index| check_index(&*dataset, index))?;
        Ok(Subset { dataset, indices })
    }

    /// Indices of the chosen samples in the other dataset.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        self.dataset.get(self.indices[index])
    }

    fn class_names(&self) -> &[String] {
        self.dataset.class_names()
    }

    fn targets(&self) -> Vec<TargetSpec> {
        self.dataset.targets()
    }

    fn describe(&self, index: usize) -> String {
        match self.indices.get(index) {
            Some(&index) => self.dataset.describe(index),
            None => format!("sample {index} of a subset of {}", self.len()),
        }
    }

    fn identity(&self, index: usize) -> String {
        match self.indices.get(index) {
            Some(&index) => self.dataset.identity(index),
            None => self.describe(index),
        }
    }

    fn picture_identity(&self, index: usize) -> String {
        match self.indices.get(index) {
            Some(&index) => self.dataset.picture_identity(index),
            None => self.describe(index),
        }
    }

    fn reading(&self) -> String {
        self.dataset.reading()
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        self.dataset.class_of(*self.indices.get(index)?)
    }

    fn inspect(&self, index: usize) -> Result<SampleInfo> {
        check_index(self, index)?;
        self.dataset.inspect(self.indices[index])
    }

    fn files(&self, index: usize) -> Vec<&Path> {
        self.indices.get(index).map_or_else(Vec::new, |index| self.dataset.files(*index))
    }
}

/// Holds out every `nth` sample, beginning with sample `nth - 1`. Returns the rest, for training, and the held-out part.
/// Copies of a picture, by [`Dataset::picture_identity`], are where the first of them is.
///
/// # Errors
/// [`DataError::Option`] unless `nth` is at least 2 and at most the number of samples.
pub fn split_every(dataset: Arc<dyn Dataset>, nth: usize) -> Result<(Subset, Subset)> {
    if nth < 2 || nth > dataset.len() {
        let must = format!("between 2 and the {} samples", dataset.len());
        return Err(DataError::Option { option: "nth", must, got: nth.to_string() });
    }
    let chosen = (0..dataset.len()).map(|index| index % nth == nth - 1).collect();
    with_copies(dataset, chosen, "nth", nth.to_string())
}

/// Holds out `round(fraction * samples)` random samples. Returns the rest, for training, and the held-out part, both in the dataset's
/// order. The same seed gives the same parts. Copies of a picture, by [`Dataset::picture_identity`], are where the first of them is.
///
/// # Errors
/// [`DataError::Option`] unless the fraction leaves both parts with at least one sample.
pub fn split_random(dataset: Arc<dyn Dataset>, fraction: f64, seed: u64) -> Result<(Subset, Subset)> {
    let chosen = choose(vec![(0..dataset.len()).collect()], fraction, seed)?;
    with_copies(dataset, chosen, HELD_OUT, fraction.to_string())
}

/// Like [`split_random`], but holds out the same fraction of every class (by [`Dataset::class_of`]), to within one sample.
///
/// # Errors
/// Those of [`split_random`], and [`DataError::Unstratifiable`] if a class is not known.
pub fn split_stratified(dataset: Arc<dyn Dataset>, fraction: f64, seed: u64) -> Result<(Subset, Subset)> {
    let count = dataset.targets().first().and_then(|target| target.kind.classes()).unwrap_or_default();
    let mut classes = vec![Vec::new(); count];
    for index in 0..dataset.len() {
        let Some(class) = dataset.class_of(index) else {
            return Err(DataError::Unstratifiable { sample: dataset.describe(index) });
        };
        let (sample, names) = (|| dataset.describe(index), classes.len());
        let range = || DataError::LabelRange { sample: sample(), label: class, classes: names, ignored: None };
        classes.get_mut(class as usize).ok_or_else(range)?.push(index);
    }
    let chosen = choose(classes, fraction, seed)?;
    with_copies(dataset, chosen, HELD_OUT, fraction.to_string())
}

/// Holds out the samples whose pictures were held out before; all others, new ones included, are for training. So a
/// training that goes on with other data is validated on nothing that it was trained on
/// ([`TrainingState::held_out`](crate::checkpoint::TrainingState)). Returns both parts in the dataset's order.
///
/// ```
/// use std::sync::Arc;
///
/// use atrous_train::data::{Dataset, PictureSet, Shapes, split_again, split_random};
///
/// let (_, held_out) = split_random(Arc::new(Shapes::new(10, [16, 16], 1)?), 0.2, 1)?;
/// let (train, again) = split_again(Arc::new(Shapes::new(14, [16, 16], 1)?), &PictureSet::of(&held_out))?;
/// assert_eq!((train.len(), again.indices()), (12, held_out.indices()));
/// # Ok::<(), atrous_train::data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::HeldOut`] if one of both parts would be empty.
pub fn split_again(dataset: Arc<dyn Dataset>, held_out: &PictureSet) -> Result<(Subset, Subset)> {
    let chosen: Vec<bool> = (0..dataset.len()).map(|index| held_out.contains(&*dataset, index)).collect();
    let found = chosen.iter().filter(|chosen| **chosen).count();
    if found == 0 || found == dataset.len() {
        return Err(DataError::HeldOut { known: held_out.len(), found, samples: dataset.len() });
    }
    parts(dataset, chosen)
}

/// For each sample whether it is held out. For every `g`, the number held out of the first `g` groups is `round(fraction * samples)` of
/// their samples.
fn choose(groups: Vec<Vec<usize>>, fraction: f64, seed: u64) -> Result<Vec<bool>> {
    let samples = groups.iter().map(Vec::len).sum();
    let total = (fraction * samples as f64).round();
    if !(total >= 1.0 && total < samples as f64) {
        let must = format!("such that of {samples} samples both parts have one or more");
        return Err(DataError::Option { option: HELD_OUT, must, got: fraction.to_string() });
    }
    let mut chosen = vec![false; samples];
    let (mut seen, mut held_out) = (0, 0);
    for (class, mut group) in (0..).zip(groups) {
        seen += group.len();
        let count = (fraction * seen as f64).round() as usize - held_out;
        held_out += count;
        Random::new(seed, Purpose::Split, class, 0).shuffle(&mut group);
        group.iter().take(count).for_each(|&index| chosen[index] = true);
    }
    Ok(chosen)
}

/// The parts, the copies of a picture in the part of the first of them: what is trained on must not be held out.
fn with_copies(
    dataset: Arc<dyn Dataset>,
    mut chosen: Vec<bool>,
    option: &'static str,
    got: String,
) -> Result<(Subset, Subset)> {
    let mut first: HashMap<String, usize> = HashMap::new();
    for index in 0..dataset.len() {
        let first = *first.entry(dataset.picture_identity(index)).or_insert(index);
        chosen[index] = chosen[first];
    }
    if chosen.iter().all(|held_out| *held_out == chosen[0]) {
        let must = format!("such that both parts have pictures: there are {}, each perhaps repeated", first.len());
        return Err(DataError::Option { option, must, got });
    }
    parts(dataset, chosen)
}

fn parts(dataset: Arc<dyn Dataset>, held_out: Vec<bool>) -> Result<(Subset, Subset)> {
    let (out, train) = (0..dataset.len()).partition(|index| held_out[*index]);
    Ok((Subset::new(dataset.clone(), train)?, Subset::new(dataset, out)?))
}
