//! Networks as the files describe them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::{CaseError, input::Input};

/// A network and its results.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) framework: String,
    pub(super) constructor: String,
    pub(super) fill_prefix: String,
    pub(super) wvar: f64,
    pub(super) num_params: usize,
    pub(super) num_param_tensors: usize,
    pub(super) weights_checksum: String,
    pub(super) file: String,
    pub(super) detail: String,
    pub(super) eval: BTreeMap<String, Eval>,
    pub(super) macs: Macs,
    pub(super) note: Option<String>,
    train: Option<Value>,
}

impl Entry {
    /// The description of the training, if it can be read.
    pub(super) fn training(&self) -> Result<Train, CaseError> {
        let value = self.train.clone().ok_or_else(|| CaseError::Unsupported("no training is stored".to_owned()))?;
        serde_json::from_value(value)
            .map_err(|e| CaseError::Unsupported(format!("the training is not understood: {e}")))
    }

    /// Names of all cases: the evaluation on the photographs, other evaluations, activations, training.
    pub(super) fn cases(&self) -> Vec<String> {
        let mut ids: Vec<&String> = self.eval.keys().collect();
        ids.sort_by_key(|id| (id.as_str() != PHOTOS, *id));
        let mut cases: Vec<String> = ids.iter().map(|id| format!("{}/eval.{id}", self.name)).collect();
        if self.eval.contains_key(PHOTOS) {
            cases.push(format!("{}/taps", self.name));
        }
        if self.train.is_some() {
            cases.push(format!("{}/train", self.name));
        }
        cases
    }
}

/// The evaluation on the photographs, whose intermediate activations are stored.
pub(super) const PHOTOS: &str = "photos";

/// Multiply-accumulates for one input.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Macs {
    /// The input's shape in the framework's order: channels last for Keras.
    input: [usize; 4],
    pub(super) value: u64,
}

impl Macs {
    /// The input's shape, channels second.
    pub(super) fn shape(&self, entry: &Entry) -> [usize; 4] {
        let [a, b, c, d] = self.input;
        if entry.framework == "keras" { [a, d, b, c] } else { self.input }
    }
}

/// The stored results of evaluation mode for one input.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Eval {
    pub(super) input: EvalInput,
    pub(super) shape: Vec<usize>,
    pub(super) f32_err: f64,
    pub(super) atol: f64,
    /// All logits, or every `sample_step`-th pixel.
    pub(super) tensor: String,
    pub(super) top5: Option<Vec<Vec<usize>>>,
    pub(super) sample_step: Option<usize>,
    pub(super) mean_std_min_max: Option<[f64; 4]>,
    pub(super) projection: Option<Projection>,
    pub(super) argmax_counts: Option<Vec<usize>>,
}

/// The dot product of the output with a filled tensor.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Projection {
    pub(super) fill: String,
    pub(super) value: f64,
    pub(super) atol: f64,
}

/// The input of an evaluation.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub(super) enum EvalInput {
    /// A filled tensor.
    Fill(Input),
    /// Both photographs, cropped and preprocessed.
    Photos { crop: u32, preprocess: Preprocessing, shape: [usize; 4], then_scale: Option<f32> },
}

impl EvalInput {
    /// The shape `[n, c, h, w]`, if the input has four dimensions.
    pub(super) fn shape(&self) -> Option<[usize; 4]> {
        match self {
            Self::Fill(input) => input.shape.as_slice().try_into().ok(),
            Self::Photos { shape, .. } => Some(*shape),
        }
    }
}

/// How bytes of pictures become numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Preprocessing {
    Torch { mean: [f64; 3], std: [f64; 3] },
    Tf,
    Caffe { mean_bgr: [f64; 3] },
    Green { mean: f64, std: f64 },
}

/// The stored results of training mode.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Train {
    pub(super) inputs: TrainInputs,
    pub(super) dropout: String,
    pub(super) optimizer: Sgd,
    /// The loss before each step.
    pub(super) losses: Vec<f64>,
    pub(super) losses_rtol: Vec<f64>,
    pub(super) grads: Grads,
    pub(super) bn: Option<Running>,
}

/// The batch, the same in all steps.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TrainInputs {
    pub(super) x: EvalInput,
    pub(super) target: Input,
}

/// The optimizer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sgd {
    pub(super) optimizer: String,
    pub(super) lr: f64,
    #[serde(default)]
    pub(super) momentum: f64,
    #[serde(default)]
    pub(super) dampening: f64,
    #[serde(default)]
    pub(super) nesterov: bool,
    #[serde(default)]
    pub(super) weight_decay: f64,
}

/// The first step's gradients: norm and samples of each.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Grads {
    pub(super) tensor: String,
    /// Gradients with a norm below this are zero up to rounding.
    pub(super) dead_below: f64,
    pub(super) dead: Vec<String>,
    pub(super) norm_rel_err_f32: Spread,
    pub(super) norm_rtol: f64,
    pub(super) sample_atol_over_rms: f64,
}

/// Relative deviations of the framework's own f32 runs.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) max: f64,
}

/// Running statistics after the first forward pass.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Running {
    pub(super) tensor: String,
    pub(super) norm_rel_err_f32_max: f64,
    pub(super) norm_rtol: f64,
}

/// The details of a network.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Detail {
    pub(super) params: Vec<Param>,
    pub(super) taps: Vec<Tap>,
    /// Names of the parameters with gradients, in the order of the rows.
    #[serde(default)]
    pub(super) grads: Vec<String>,
    /// Names of the running statistics, in the order of the rows.
    #[serde(default)]
    pub(super) bn: Vec<String>,
}

/// A tensor of the network's state.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) kind: String,
    /// Whether the framework trains it.
    pub(super) param: bool,
    pub(super) fan_in: Option<usize>,
    /// Checksum of the filled values; counters have none.
    pub(super) checksum: Option<String>,
}

/// An intermediate activation.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tap {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}
