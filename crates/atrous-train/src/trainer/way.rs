//! Ways to make a training step fit into memory.

use atrous_graph::autodiff::Recompute;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Adapted;

/// What a training does when its device lacks memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnOom {
    /// Ends with [`TrainError::Memory`](super::TrainError::Memory), which says what would fit.
    #[default]
    Fail,
    /// Computes more activations again instead of storing them, which changes no number, and if that does not suffice, computes batches in
    /// parts whose gradients are accumulated. Then batch normalisations see the statistics of the parts. It begins with what needs least time.
    /// If memory is lacking on the way, the device is destroyed and [opened again](atrous_gpu::Device::on_reopen), which frees all of its memory: a
    /// program that has other sessions on it makes them again.
    Adapt,
}

impl OnOom {
    pub(super) fn adapts(self) -> bool {
        self == Self::Adapt
    }
}

/// How a training step is made to fit into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Most samples that are computed at once.
    pub(super) batch: usize,
    pub(super) recompute: Recompute,
}

impl Way {
    /// The one to begin with: that of the options, or where it may be, that of the training that is resumed.
    pub(super) fn first(asked: Self, adapted: Option<Adapted>, on_oom: OnOom) -> Self {
        let Some(Adapted { batch, recompute }) = adapted.filter(|_| on_oom.adapts()) else { return asked };
        let recompute = recompute.parse().unwrap_or_else(|_| asked.recompute.clone());
        Self { batch: batch.clamp(1, asked.batch), recompute }
    }
}
