//! What is saved when an error ends a training.

use atrous_gpu::GpuError;

use super::{RunFolder, TrainError, Trainer};
use crate::checkpoint::CheckpointError;

impl TrainError {
    /// Whether an error leaves parameters that are worth saving: not one of the device, whose parameters may be lost,
    /// and not one of numbers that are not finite.
    pub(super) fn leaves_good_parameters(&self) -> bool {
        match self {
            // Refused before anything was submitted.
            Self::Gpu(error) => {
                matches!(error, GpuError::Input { .. } | GpuError::StepOption { .. } | GpuError::MemoryBudget { .. })
            }
            Self::Memory { source, .. } => matches!(**source, GpuError::MemoryBudget { .. }),
            Self::NotRecovered { .. } => false,
            error => !matches!(error, Self::NotFinite { .. } | Self::LossScale { .. } | Self::Diverged { .. }),
        }
    }
}

impl Trainer {
    /// Saves the state of the last complete update before an error ends the training, and tells with the error where. If the
    /// parameters are lost, that is the last state that was kept on the host. Nothing is saved before the first update, and not what the
    /// error says cannot be saved.
    pub(super) fn rescue(&mut self, error: TrainError) -> TrainError {
        let Some(last) = self.folder.as_ref().map(RunFolder::last) else { return error };
        let tried = matches!(&error, TrainError::Checkpoint(CheckpointError::Write { path, .. }) if *path == last);
        let lost = matches!(error, TrainError::Gpu(_) | TrainError::Memory { .. } | TrainError::NotRecovered { .. });
        let good = error.leaves_good_parameters();
        let kept = self.safety.kept.as_ref().filter(|_| lost && !good);
        let step = kept.map_or(self.state.step, |kept| kept.state.step);
        if step == 0 || tried || !(good || kept.is_some()) {
            return error;
        }
        let error = Box::new(error);
        let saved = match kept {
            Some(kept) => kept.save(&last).map_err(TrainError::from),
            None => self.save_last(),
        };
        match saved {
            Ok(()) => TrainError::Saved { error, step, checkpoint: last },
            Err(save) => TrainError::NotSaved { error, step, save: Box::new(save) },
        }
    }
}
