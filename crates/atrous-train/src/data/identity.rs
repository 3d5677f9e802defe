//! What tells two datasets apart.

use std::collections::HashSet;

use atrous_files::excerpt;
use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::files::copy_ends;
use crate::fingerprint::Fingerprint;

/// Most samples whose identities are kept, so that a message can name those that differ.
const KEPT: usize = 1000;
/// Most samples that a message names.
const NAMED: usize = 3;
/// Most samples whose files are read, and most bytes of all of them.
const READ: usize = 10_000;
const BYTES: u64 = 1 << 30;

/// What a checkpoint knows of a dataset, to tell whether a resumed training has the same one: the number of samples,
/// that of each class, how they are [read](Dataset::reading), a fingerprint of the samples'
/// [identities](Dataset::identity) and classes in their order, and fingerprints of the contents of their
/// [files](Dataset::files).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataIdentity {
    /// Number of samples.
    pub samples: u64,
    /// Samples of each class, as far as [`Dataset::class_of`] knows them; empty if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<u64>,
    /// 16 hexadecimal digits.
    pub fingerprint: String,
    /// The identities of all samples; empty for more than 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<String>,
    /// Fingerprints of the contents of the samples' files, of 16 hexadecimal digits: one for each sample, or for more than
    /// 1000 samples one for all. Of more than 10,000 samples as many are read, evenly spread. Each has an equal share of
    /// 1 GiB: larger files are read at their beginning and end. Empty if no sample has files of its own, and in
    /// checkpoints of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// [`Dataset::reading`]. `None` in checkpoints of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
}

impl DataIdentity {
    /// The identity of a dataset. Decodes no sample, but reads files as [`Self::contents`] says.
    pub fn of(dataset: &dyn Dataset) -> Self {
        let samples = dataset.len();
        let count = dataset.targets().first().and_then(|target| target.kind.classes()).unwrap_or(0);
        let (mut fingerprint, mut classes, mut identities) = (Fingerprint::default(), vec![0; count], Vec::new());
        for index in 0..samples {
            let (identity, class) = (dataset.identity(index), dataset.class_of(index));
            fingerprint.text(&identity);
            fingerprint.number(class.map_or(u64::MAX, u64::from));
            if let Some(count) = class.and_then(|class| classes.get_mut(class as usize)) {
                *count += 1;
            }
            if samples <= KEPT {
                identities.push(identity);
            }
        }
        if classes.iter().all(|count| *count == 0) {
            classes.clear();
        }
        Self {
            samples: samples as u64,
            classes,
            fingerprint: fingerprint.hex(),
            identities,
            contents: contents(dataset),
            reading: Some(dataset.reading()),
        }
    }

    /// How these data differ from what they were, in words; `None` if they do not. `class_names` are those of
    /// [`Dataset::class_names`].
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use atrous_train::data::{DataIdentity, Subset, digits};
    ///
    /// let digits = Arc::new(digits());
    /// let first = |count: usize| Subset::new(digits.clone(), (0..count).collect()).map(|set| DataIdentity::of(&set));
    /// let (then, now) = (first(15)?, first(16)?);
    /// assert_eq!(then.change(&then, &[]), None);
    /// let change = now.change(&then, &[]).unwrap_or_default();
    /// assert!(change.starts_with("15 pictures then, 16 now; class 5: 1 then, 2 now; new: "), "{change}");
    /// # Ok::<(), atrous_train::data::DataError>(())
    /// ```
    pub fn change(&self, then: &Self, class_names: &[String]) -> Option<String> {
        let read = self.read_otherwise(then);
        let samples = match (self.samples, &self.fingerprint) == (then.samples, &then.fingerprint) {
            true => self.rewritten(then),
            false => Some(self.exchanged(then, class_names)),
        };
        let parts: Vec<String> = read.into_iter().chain(samples).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How samples are read otherwise than they were, if they are.
    fn read_otherwise(&self, then: &Self) -> Option<String> {
        let (now, then) = (self.reading.as_ref()?, then.reading.as_ref()?);
        let with = |reading: &String| match reading.is_empty() {
            true => "as the files are".to_owned(),
            false => format!("with {}", excerpt(reading)),
        };
        (now != then).then(|| format!("read {} then, {} now", with(then), with(now)))
    }

    /// How these samples differ from others.
    fn exchanged(&self, then: &Self, class_names: &[String]) -> String {
        let mut parts = Vec::new();
        if self.samples != then.samples {
            parts.push(format!("{} pictures then, {} now", then.samples, self.samples));
        }
        let count = |of: &Self, class: usize| of.classes.get(class).copied().unwrap_or(0);
        for class in 0..self.classes.len().max(then.classes.len()) {
            let (before, after) = (count(then, class), count(self, class));
            if before != after {
                let name =
                    class_names.get(class).map_or_else(|| class.to_string(), |name| format!("\"{}\"", excerpt(name)));
                parts.push(format!("class {name}: {before} then, {after} now"));
            }
        }
        if !self.identities.is_empty() && !then.identities.is_empty() {
            parts.extend(listed("new", &self.identities, &then.identities));
            parts.extend(listed("gone", &then.identities, &self.identities));
        }
        if parts.is_empty() {
            let same = !self.identities.is_empty() && !then.identities.is_empty();
            parts.push(match same {
                true => "the same pictures in another order or in other classes".to_owned(),
                false => "as many pictures, but with other names, sizes or contents".to_owned(),
            });
        }
        parts.join("; ")
    }

    /// Which of the same samples have other contents; `None` if none has, as far as both know.
    fn rewritten(&self, then: &Self) -> Option<String> {
        if self.contents == then.contents || self.contents.is_empty() || then.contents.is_empty() {
            return None;
        }
        let pairs = self.contents.iter().zip(&then.contents);
        let others = pairs.enumerate().filter(|(_, (now, then))| now != then).map(|(index, _)| index);
        let names: Vec<&String> = others.filter_map(|index| self.identities.get(index)).collect();
        Some(match names.is_empty() {
            true => "the same names and sizes, but other contents".to_owned(),
            false => format!("other contents: {}", first(&names)),
        })
    }
}

/// The fingerprints of the contents of a dataset's files, see [`DataIdentity::contents`].
fn contents(dataset: &dyn Dataset) -> Vec<String> {
    let samples = dataset.len();
    let read = samples.min(READ);
    let index = |nth: usize| (nth as u64 * samples as u64 / read as u64) as usize;
    let of = |index: usize| {
        let files = dataset.files(index);
        let share = BYTES / (read as u64 * files.len().max(1) as u64);
        let mut fingerprint = Fingerprint::default();
        for file in &files {
            // A file that cannot be read is known by its name.
            let size = copy_ends(file, share / 2, &mut fingerprint).unwrap_or_default();
            fingerprint.number(size);
        }
        fingerprint
    };
    if (0..read).all(|nth| dataset.files(index(nth)).is_empty()) {
        return Vec::new();
    }
    let each = (0..read).map(|nth| of(index(nth)));
    if samples <= KEPT {
        return each.map(|fingerprint| fingerprint.hex()).collect();
    }
    let mut all = Fingerprint::default();
    each.for_each(|one| all.number(one.finish()));
    vec![all.hex()]
}

/// The identities that the others lack, as text; `None` if there are none.
fn listed(title: &str, these: &[String], others: &[String]) -> Option<String> {
    let others: HashSet<&String> = others.iter().collect();
    let alone: Vec<&String> = these.iter().filter(|one| !others.contains(one)).collect();
    (!alone.is_empty()).then(|| format!("{title}: {}", first(&alone)))
}

/// The first few of identities, and how many more there are.
fn first(identities: &[&String]) -> String {
    let named: Vec<String> = identities.iter().take(NAMED).map(excerpt).collect();
    let more = match identities.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    named.join(", ") + &more
}
