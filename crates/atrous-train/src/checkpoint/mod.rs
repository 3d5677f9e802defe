//! Checkpoints: everything that a training needs to continue as if it had not been interrupted.
//!
//! A checkpoint is a safetensors file. Parameters are the tensors `parameters/NAME`, the optimizer's state
//! `optimizer/SLOT/NAME`, both in the framework's shapes and order of elements, F32; the rest, a [`TrainingState`], is
//! JSON in the header's `__metadata__` under the key `atrous.checkpoint`. It has the checksum of a weights file ([`atrous_io`]); only
//! checkpoints of version 1 have none.

mod computation;
mod consistent;
mod error;
mod fit;
mod load;
mod save;

use std::fmt;

use atrous_graph::optim::LossScaling;
use serde::{Deserialize, Serialize};

pub use computation::Computation;
pub use consistent::{Contradiction, EpochShape};
pub use error::CheckpointError;

use crate::{
    Schedule, Waiting,
    data::{DataIdentity, PictureSet},
};

/// Version of the format, in the file.
const VERSION: u32 = 2;
/// The version whose files have no checksum. It is read as well.
const WITHOUT_CHECKSUM: u32 = 1;
/// Key of the state in the header's `__metadata__`.
const STATE_KEY: &str = "atrous.checkpoint";
/// Beginning of the names of parameters in the file.
const PARAMETERS: &str = "parameters/";
/// Beginning of the names of the optimizer's tensors in the file.
const OPTIMIZER: &str = "optimizer/";

/// A named tensor, dense, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// A parameter's name; for the optimizer's state `SLOT/NAME`, such as `momentum/layer1.0.conv1.weight`.
    pub name: String,
    /// Shape as the framework stores it.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub values: Vec<f32>,
}

/// A training's state between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Step, epoch, settings and the state of early stopping.
    pub state: TrainingState,
    /// All parameters of the network, running statistics included.
    pub parameters: Vec<NamedTensor>,
    /// The optimizer's state.
    pub optimizer: Vec<NamedTensor>,
}

/// The progress and settings of a training. Every random number is a function of the seed, the epoch and the step, so there is no other
/// random state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingState {
    /// The network's name.
    pub network: String,
    /// Shape of the network's input, `N×H×W×C`; `N` is the batch of one step.
    pub input: [usize; 4],
    /// Names and types of the targets of a step, such as `"labels" 8×1×1×1 u32`. `None` in
    /// checkpoints of older versions, which trained on class labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    /// Names of the data's classes, in their order. `None` in checkpoints of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// The quantity that `best` is a value of, such as `Loss`. `None` in checkpoints of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
    /// What is computed from inputs and parameters. `None` in checkpoints of older versions and of trainings without a
    /// run folder; so are the three following fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computation: Option<Computation>,
    /// The samples that are trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataIdentity>,
    /// The samples that are validated on; `None` also without validation data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<DataIdentity>,
    /// The pictures that were validated on and never trained on, those that are gone included. `None` without validation
    /// data, and in checkpoints of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<PictureSet>,
    /// Whether the training was resumed with other data than it began with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed_data: bool,
    /// How the training was adapted to the device's memory, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapted: Option<Adapted>,
    /// Optimizer steps done.
    pub step: u64,
    /// Epochs done, validation included.
    pub epoch: u64,
    /// Batches done of the current epoch. If these are all, the epoch is trained and its validation is due.
    pub batch: u64,
    /// Sum of `loss * samples` over these batches.
    pub loss_sum: f64,
    /// Samples in these batches.
    pub samples: u64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// All other settings that the result depends on, as text.
    pub settings: String,
    /// Base learning rate.
    pub lr: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Best value of the watched metric so far.
    pub best: Option<f64>,
    /// The state of early stopping.
    pub waiting: Waiting,
    /// The loss scale of a training in f16; `None` in f32. The device keeps it: in a [trainer](crate::Trainer::state) only `skipped` is
    /// up to date, in a checkpoint all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<ScaleState>,
}

/// How a training was adapted to its device's memory, see [`OnOom::Adapt`](crate::OnOom::Adapt).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapted {
    /// Most samples that were computed at once.
    pub batch: usize,
    /// What was computed again: the text of a [`Recompute`](atrous_graph::autodiff::Recompute).
    pub recompute: String,
}

impl fmt::Display for Adapted {
    /// `4 samples at once, recompute segments=2`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples at once, recompute {}", self.batch, self.recompute)
    }
}

/// The state of a loss scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleState {
    /// The factor of the next step's loss, a power of two.
    pub scale: f32,
    /// Updates applied in a row since the scale changed.
    pub applied: u32,
    /// Steps of the training that were skipped.
    pub skipped: u32,
}

impl ScaleState {
    /// The state at the beginning of a training.
    pub const fn new(scaling: LossScaling) -> Self {
        Self { scale: scaling.init, applied: 0, skipped: 0 }
    }
}
