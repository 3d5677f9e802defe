//! How a loss scale changes.

use atrous_graph::optim::LossScaling;

/// A loss scale between two updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What the loss is multiplied with, and so its gradients are.
    pub scale: f64,
    /// Updates in a row that were applied since it changed.
    pub applied: u64,
    /// Updates that were skipped.
    pub skipped: u64,
}

impl Scale {
    /// The state at the first step.
    pub fn new(scaling: LossScaling) -> Self {
        Self { scale: scaling.init.into(), applied: 0, skipped: 0 }
    }

    /// After an update whose gradient was finite, or was not: then nothing but this changes, and the update's number does not count
    /// for the optimizer. The rule of PyTorch's `torch.amp.GradScaler.update`.
    pub fn after(self, scaling: LossScaling, finite: bool) -> Self {
        let Self { scale, applied, skipped } = self;
        if !finite {
            return Self { scale: (scale / 2.0).max(LossScaling::LEAST.into()), applied: 0, skipped: skipped + 1 };
        }
        if applied + 1 < scaling.interval.into() {
            return Self { applied: applied + 1, ..self };
        }
        Self { scale: (scale * 2.0).min(LossScaling::LARGEST.into()), applied: 0, skipped }
    }
}
