//! The settings of a training step.

use atrous_graph::autodiff::Recompute;
use atrous_graph::optim::{LossScaling, Optimizer};
use serde::{Deserialize, Serialize};

use crate::OptionError;

/// A part of the network with a learning rate of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Parameters, layers or stages by name.
    pub names: Vec<String>,
    /// Factor of the learning rate, not negative.
    pub lr: f64,
}

/// The settings of a training step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StepSettings {
    pub(crate) optimizer: Optimizer,
    pub(crate) maximize: bool,
    pub(crate) weight_decay: f64,
    pub(crate) parts: Vec<Part>,
    pub(crate) frozen: Vec<String>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) accumulate: u64,
    pub(crate) loss_scaling: LossScaling,
    pub(crate) recompute: Recompute,
}

impl Default for StepSettings {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::adam(),
            maximize: false,
            weight_decay: 0.0,
            parts: Vec::new(),
            frozen: Vec::new(),
            clip_norm: None,
            accumulate: 1,
            loss_scaling: LossScaling::default(),
            recompute: Recompute::default(),
        }
    }
}

impl StepSettings {
    /// Checks that all settings are within their ranges.
    pub(crate) fn validate(&self) -> Result<(), OptionError> {
        let not_negative = |v: f64| v >= 0.0 && v.is_finite();
        let decay = self.weight_decay;
        OptionError::unless("accumulate", self.accumulate > 0, "at least 1", &self.accumulate)?;
        OptionError::unless("weight_decay", not_negative(decay), "finite and not negative", &decay)?;
        for part in &self.parts {
            OptionError::unless("lr of a part", not_negative(part.lr), "finite and not negative", &part.lr)?;
        }
        let norm = self.clip_norm.unwrap_or(1.0);
        OptionError::unless("clip_norm", norm > 0.0 && norm.is_finite(), "positive and finite", &norm)?;
        self.optimizer.validate().map_err(OptionError::Optimizer)?;
        self.loss_scaling.validate().map_err(OptionError::LossScaling)
    }
}
