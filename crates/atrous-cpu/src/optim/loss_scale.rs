//! Dynamic loss scaling.

use atrous_graph::optim::LossScaling;

/// A loss scale between two updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// The factor of the loss, and so of its gradients.
    pub scale: f64,
    /// Number of consecutive applied updates since the scale changed.
    pub applied: u64,
    /// Number of skipped updates.
    pub skipped: u64,
}

impl Scale {
    /// The state at the first step.
    pub fn new(scaling: LossScaling) -> Self {
        Self { scale: scaling.init.into(), applied: 0, skipped: 0 }
    }

    /// The state after an update, by the rule of PyTorch's `torch.amp.GradScaler.update`. `finite` is whether its
    /// gradient was finite. If not, the update changes nothing else, and does not count in the optimizer's number of
    /// updates.
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
