//! What is saved when an error ends a training.

use atrous_gpu::GpuError;

use super::{TrainError, Trainer};
use crate::checkpoint::CheckpointError;

impl TrainError {
    /// Whether an error leaves parameters that are worth saving: not one of the device, whose parameters may be lost,
    /// and not one of numbers that are not finite.
    pub(super) fn leaves_good_parameters(&self) -> bool {
        match self {
            // Refused before anything was submitted.
            Self::Gpu(error) => matches!(error, GpuError::Input { .. } | GpuError::StepOption { .. }),
            error => !matches!(error, Self::NotFinite { .. } | Self::LossScale { .. }),
        }
    }
}

impl Trainer {
    /// Saves the state of the last complete update before an error ends the training, and tells with the error where.
    /// Nothing is saved before the first update, and not what the error says cannot be saved.
    pub(super) fn rescue(&self, error: TrainError) -> TrainError {
        let Some(folder) = &self.folder else { return error };
        let (last, step) = (folder.last(), self.state.step);
        let tried = matches!(&error, TrainError::Checkpoint(CheckpointError::Write { path, .. }) if *path == last);
        if step == 0 || tried || !error.leaves_good_parameters() {
            return error;
        }
        let error = Box::new(error);
        match self.save_last() {
            Ok(()) => TrainError::Saved { error, step, checkpoint: last },
            Err(save) => TrainError::NotSaved { error, step, save: Box::new(save) },
        }
    }
}
