//! The samples that a training holds out of its data, which its run folder keeps.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use atrous::train::data::{Dataset, Subset, split_again, split_random, split_stratified};
use atrous_files::excerpt;
use serde::{Deserialize, Serialize};

use super::error::{Failed, Result};

/// The file in the run folder.
pub(super) const FILE: &str = "held_out.toml";
/// Largest such file that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;
const DRAWN_ANEW: &str =
    "warning: the data have changed and the held-out samples were chosen anew, perhaps some that were trained on\n";

/// The samples that are held out for validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeldOut {
    /// The fraction that they were of all samples when they were drawn.
    split: f64,
    /// [`Dataset::picture_identity`] of each.
    pictures: Vec<String>,
}

impl HeldOut {
    /// What the training in a run folder holds out; `None` if it does not tell.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Failed> {
        let path = folder.join(FILE);
        let text = match atrous_files::read_text(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Failed::Io { action: "read", path, source }),
        };
        let bad = |error: toml::de::Error| Failed::Config {
            place: atrous_files::shown(&path),
            reason: excerpt(error.message()),
        };
        toml::from_str(&text).map(Some).map_err(bad)
    }

    /// Holds out what was held out before, or without that, or if another fraction is asked for now, a random part, the
    /// same for the same seed. Returns the samples to train on, those held out, and what they are known by.
    pub(super) fn split(
        all: Arc<dyn Dataset>,
        split: f64,
        seed: u64,
        before: Option<&Self>,
    ) -> Result<(Subset, Subset, Self)> {
        let known = before.filter(|before| before.split == split);
        let (train, held_out) = match (known, all.class_of(0)) {
            (Some(before), _) => split_again(all, &before.pictures)?,
            (None, Some(_)) => split_stratified(all, split, seed)?,
            (None, None) => split_random(all, split, seed)?,
        };
        let pictures = (0..held_out.len()).map(|index| held_out.picture_identity(index)).collect();
        Ok((train, held_out, Self { split, pictures }))
    }

    /// The text of the file.
    pub(super) fn to_toml(&self) -> Result<String, Failed> {
        toml::to_string_pretty(self)
            .map_err(|error| Failed::Config { place: FILE.to_owned(), reason: error.to_string() })
    }

    /// What changed data mean for the validation, if that must be told.
    pub(super) fn remark(&self, before: Option<&Self>) -> Option<String> {
        let Some(before) = before.filter(|before| before.split == self.split) else {
            return Some(DRAWN_ANEW.to_owned());
        };
        let (left, all) = (self.pictures.len(), before.pictures.len());
        let text = || format!("warning: of the {all} samples that were held out, {left} are left to validate on\n");
        (left < all).then(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(HeldOut::read(folder.path()).unwrap(), None);
        let names = ["cat/9.png (5120 bytes)", "a \"b\"\nc\u{1b}\\", "ä"].map(str::to_owned);
        let held_out = HeldOut { split: 0.1 + 0.2, pictures: names.into() };
        std::fs::write(folder.path().join(FILE), held_out.to_toml().unwrap()).unwrap();
        assert_eq!(HeldOut::read(folder.path()).unwrap(), Some(held_out));
        std::fs::write(folder.path().join(FILE), "split = 0.5\npictures = 3\n").unwrap();
        let error = HeldOut::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(FILE) && error.contains("invalid type: integer `3`"), "{error}");
    }
}
