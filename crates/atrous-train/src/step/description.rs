//! Training steps as descriptions, from which sessions are made.

use atrous_gpu::Device;
use atrous_graph::autodiff::Recompute;
use atrous_graph::optim::{LossScaling, Optimizer};
use atrous_graph::passes::Precision;
use atrous_io::Weights;
use atrous_nn::Model;

use super::build::{TrainingStep, build};
use super::error::StepError;
use super::session::StepSession;
use super::settings::{Part, StepSettings};
use crate::context::Given;
use crate::objective::Objective;

/// Makes training steps of networks: implemented by [`Model`].
pub trait Train {
    /// Describes a training step of this network for this objective, with the default optimizer, Adam.
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

/// The description of a training step, made by [`Train::training`], from which a device makes a [`StepSession`].
pub struct StepDescription {
    model: Model,
    objective: Box<dyn Objective>,
    settings: StepSettings,
    seed: u64,
}

impl StepDescription {
    /// The optimizer; by default Adam.
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.settings.optimizer = optimizer;
        self
    }

    /// Whether the loss is maximized instead of minimized. Weight decay shrinks weights in both cases.
    pub fn maximize(mut self, maximize: bool) -> Self {
        self.settings.maximize = maximize;
        self
    }

    /// Weight decay of the weights of convolutions and linear layers, not negative; parameters of normalisations and biases do not decay.
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.settings.weight_decay = weight_decay;
        self
    }

    /// Largest norm of the gradient of an update, positive; longer gradients are scaled down to it.
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

    /// Freezes parameters, layers or stages; batch normalisations among them use and keep their running statistics.
    pub fn frozen(mut self, names: &[&str]) -> Self {
        self.settings.frozen.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// How the loss is scaled on devices that store tensors in f16.
    pub fn loss_scaling(mut self, loss_scaling: LossScaling) -> Self {
        self.settings.loss_scaling = loss_scaling;
        self
    }

    /// Which activations the backward pass computes again instead of storing them.
    pub fn recompute(mut self, recompute: Recompute) -> Self {
        self.settings.recompute = recompute;
        self
    }

    /// Seed of initial parameters and dropout; by default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds loss and gradients to the network's graph, for a device that stores tensors at this precision.
    ///
    /// # Errors
    /// [`StepError`], except [`StepError::Weights`] and [`StepError::Gpu`].
    pub fn build(self, precision: Precision) -> Result<TrainingStep, StepError> {
        self.settings.validate()?;
        build(self.model, &*self.objective, Given::default(), &self.settings, precision)
    }

    /// Builds the step on a device, with random initial parameters by the rules of the network's framework.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn session(self, device: &Device) -> Result<StepSession, StepError> {
        let drawn = Weights::Init(self.seed);
        self.session_from(device, &drawn)
    }

    /// Builds the step on a device, with these initial weights.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub fn session_from(self, device: &Device, weights: &Weights) -> Result<StepSession, StepError> {
        let (seed, accumulate) = (self.seed, self.settings.accumulate);
        let step = self.build(device.options().precision)?;
        StepSession::new(device, step, weights, seed, accumulate)
    }
}
