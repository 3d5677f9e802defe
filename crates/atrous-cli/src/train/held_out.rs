//! The samples that a training holds out of its data for validation.

use std::sync::Arc;

use atrous::train::RunFolder;
use atrous::train::checkpoint::Checkpoint;
use atrous::train::data::{DataError, Dataset, PictureSet, Subset, split_again, split_random, split_stratified};

use super::error::{Failed, Result};
use super::flags::Flags;

/// What a training that goes on has held out before.
pub(super) enum Before {
    /// The training begins.
    Nothing,
    /// Its checkpoint does not tell, being of an older version.
    Unknown,
    Known {
        pictures: PictureSet,
        /// Whether it may go on with other data.
        accept_changed_data: bool,
    },
}

impl Before {
    pub(super) fn of(flags: &Flags) -> Result<Self> {
        let Some(path) = flags.resume.as_deref().and_then(RunFolder::checkpoint_in) else { return Ok(Self::Nothing) };
        let accept_changed_data = flags.accept_changed_data;
        Ok(match Checkpoint::load(path)?.state.held_out {
            Some(pictures) => Self::Known { pictures, accept_changed_data },
            None => Self::Unknown,
        })
    }
}

/// Holds out what was held out before, or without that, a random fraction, the same for the same seed. Returns the samples
/// to train on and those held out.
///
/// # Errors
/// [`Failed::NoneHeldOut`] if nothing of it is left, or [`DataError::HeldOut`] if nothing else is, and other data would be
/// accepted. If they would not, a fraction is drawn, for the trainer to tell what has changed.
pub(super) fn split(all: Arc<dyn Dataset>, fraction: f64, seed: u64, before: &Before) -> Result<(Subset, Subset)> {
    if let Before::Known { pictures, accept_changed_data } = before {
        match split_again(all.clone(), pictures) {
            Ok(parts) => return Ok(parts),
            Err(DataError::HeldOut { known, found: 0, .. }) if *accept_changed_data => {
                return Err(Failed::NoneHeldOut { known }.into());
            }
            Err(error) if *accept_changed_data => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(match all.class_of(0) {
        Some(_) => split_stratified(all, fraction, seed)?,
        None => split_random(all, fraction, seed)?,
    })
}

/// What changed data mean for held-out samples, if that must be told. `now` is how many pictures are held
/// out now.
pub(super) fn remark(before: &Before, now: usize) -> Option<String> {
    match before {
        Before::Nothing => None,
        Before::Unknown => Some(
            "warning: the data have changed, and the checkpoint, of an older version, does not tell what was held out: \
             perhaps some of it was trained on\n"
                .to_owned(),
        ),
        Before::Known { pictures, .. } if now < pictures.len() => {
            Some(format!("warning: of {} pictures that were held out, {now} are left to validate on\n", pictures.len()))
        }
        Before::Known { .. } => None,
    }
}
