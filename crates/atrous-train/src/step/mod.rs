//! A training step as a description: what a loop of one's own, and the [trainer](crate::Trainer), make a session of.

mod build;
mod error;
mod session;

use atrous_gpu::Device;
use atrous_graph::autodiff::Recompute;
use atrous_graph::optim::{LossScaling, Optimizer, Training};
use atrous_graph::passes::Precision;
use atrous_io::Weights;
use atrous_nn::Model;
use serde::{Deserialize, Serialize};

use crate::OptionError;
use crate::objective::{Given, Objective};

pub(crate) use build::build;
pub use error::StepError;
pub use session::StepSession;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use session::{batch_inputs, dropout_seed};

/// Networks that can be trained: every [`Model`] in training mode.
pub trait Train {
    /// Describes a training step: this network, for this objective, by Adam.
    ///
    /// ```no_run
    /// use atrous_graph::{Shape, optim::Optimizer};
    /// use atrous_nn::{Mode, Network, zoo::SmallResNet};
    /// use atrous_train::{Train, objective::Loss};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (device, images, labels) = (atrous_gpu::Device::from_env_blocking()?, vec![0.0; 16 * 64 * 3], vec![0; 16]);
    /// let model = SmallResNet::default().build("digits", Shape::new(16, 8, 8, 3), Mode::Training)?;
    /// let step = model.training(Loss::default()).optimizer(Optimizer::adamw()).weight_decay(0.01).clip_norm(1.0);
    /// let mut session = step.session(&device)?;
    /// let given = [("input", (&images).into()), ("labels", (&labels).into())];
    /// for _ in 0..100 {
    ///     if let Some(before) = session.step_blocking(&given, 0.001)? {
    ///         println!("step {}: loss {}", before.step, before.loss);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn training(self, objective: impl Objective + 'static) -> StepDescription;
}

impl Train for Model {
    fn training(self, objective: impl Objective + 'static) -> StepDescription {
        StepDescription { model: self, objective: Box::new(objective), settings: StepSettings::default(), seed: 0 }
    }
}

/// A part of the network with a learning rate of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Parameters, layers or stages by name.
    pub names: Vec<String>,
    /// Factor of the learning rate, not negative.
    pub lr: f64,
}

/// What a training step does with a network's gradients.
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

/// A training step in the making, begun by [`Train::training`] and made into a [`StepSession`] on a device.
pub struct StepDescription {
    model: Model,
    objective: Box<dyn Objective>,
    settings: StepSettings,
    seed: u64,
}

impl StepDescription {
    /// The update rule; Adam unless said otherwise.
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.settings.optimizer = optimizer;
        self
    }

    /// Whether the loss is maximized; minimized unless said otherwise. Weight decay shrinks weights all the same.
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.settings.maximize = maximize;
        self
    }

    /// Weight decay of convolutions' and linear layers' weights, not negative; norms and biases do not decay.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.settings.weight_decay = weight_decay;
        self
    }

    /// Longest gradient of an update, positive; longer ones are shortened to it.
    pub fn clip_norm(mut self, clip_norm: f64) -> Self {
        self.settings.clip_norm = Some(clip_norm);
        self
    }

    /// Steps whose gradients are averaged for one update, at least 1.
    pub fn accumulate(mut self, steps: u64) -> Self {
        self.settings.accumulate = steps;
        self
    }

    /// A part of the network, by the names of parameters, layers or stages, with a factor of the learning rate, not negative. A
    /// parameter of several parts belongs to the first.
    pub fn part(mut self, names: &[&str], lr: f64) -> Self {
        self.settings.parts.push(Part { names: names.iter().map(|name| (*name).to_owned()).collect(), lr });
        self
    }

    /// Leaves parameters, layers or stages as they are; batch normalisations among them use and keep their running statistics.
    pub fn frozen(mut self, names: &[&str]) -> Self {
        self.settings.frozen.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// How the loss is scaled on devices that store tensors in f16.
    pub fn loss_scaling(mut self, loss_scaling: LossScaling) -> Self {
        self.settings.loss_scaling = loss_scaling;
        self
    }

    /// What the backward pass computes again instead of storing it.
    pub fn recompute(mut self, recompute: Recompute) -> Self {
        self.settings.recompute = recompute;
        self
    }

    /// Seed of first parameters and dropout; 0 unless said otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds loss and gradients to the network's graph, for a device that stores tensors at this precision.
    ///
    /// # Errors
    /// [`StepError`], but neither [`StepError::Weights`] nor [`StepError::Gpu`].
    pub fn build(self, precision: Precision) -> Result<TrainingStep, StepError> {
        self.settings.validate()?;
        build(self.model, &*self.objective, Given::default(), &self.settings, precision)
    }

    /// Builds the step for a device, with parameters drawn by the seed as the network's framework does.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn session(self, device: &Device) -> Result<StepSession, StepError> {
        let drawn = Weights::Init(self.seed);
        self.session_from(device, &drawn)
    }

    /// Builds the step for a device, with these weights.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub fn session_from(self, device: &Device, weights: &Weights) -> Result<StepSession, StepError> {
        let (seed, accumulate) = (self.seed, self.settings.accumulate);
        let step = self.build(device.options().precision)?;
        StepSession::new(device, step, weights, seed, accumulate)
    }
}

impl StepSettings {
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

/// A training step: plain data that can be planned, printed and run.
#[derive(Clone, Debug)]
pub struct TrainingStep {
    /// The network in training mode, its graph extended by loss and gradients.
    pub model: Model,
    /// What is updated, and how.
    pub training: Training,
    /// What a step is given beside the network's input.
    pub given: Given,
}
