//! A training step on a device.

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, InputData, Parameters, StepOptions, StepResult, TrainingSession};
use atrous_graph::ParameterSource;
use atrous_io::Weights;
use atrous_nn::{DROPOUT_SEED, Model};

use super::{StepError, TrainingStep};
use crate::data::Batch;
use crate::objective::{Given, SAMPLE_WEIGHTS};

/// A [`TrainingStep`] on a device. It counts its steps and gives what is the same in all of them, and the seed of dropout.
#[derive(Debug)]
pub struct StepSession {
    step: TrainingStep,
    session: TrainingSession,
    seed: u64,
    accumulate: u64,
    runs: u64,
}

impl StepSession {
    pub(super) fn new(
        device: &Device,
        step: TrainingStep,
        weights: &Weights,
        seed: u64,
        accumulate: u64,
    ) -> Result<Self, StepError> {
        let upload = |source: &dyn ParameterSource| Parameters::upload(device, &step.model.graph, source);
        let parameters = Arc::new(weights.with(&step.model, upload)??);
        let session = TrainingSession::new(device, &step.model.graph, &[], &step.training, parameters)?;
        Ok(Self { step, session, seed, accumulate, runs: 0 })
    }

    /// Submits a step at this learning rate and returns the result of the one before it, if that has not been taken. `inputs` are the
    /// network's input and the targets of its objective by name, dense in the order N, H, W, C.
    ///
    /// # Errors
    /// [`GpuError::Input`] for what is missing, unknown or of another length, [`GpuError::StepOption`],
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn step(&mut self, inputs: &[(&str, InputData<'_>)], lr: f64) -> Result<Option<StepResult>, GpuError> {
        let (options, seed, ones) = self.prepare(lr);
        let all = self.step.inputs(inputs, &seed, &ones);
        let before = self.session.step(&all, options).await?;
        self.runs += 1;
        Ok(before)
    }

    /// [`Self::step`] on a batch of a loader, whose targets have the names that the objective asks for.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn batch(&mut self, batch: &Batch, lr: f64) -> Result<Option<StepResult>, GpuError> {
        let (options, seed, _) = self.prepare(lr);
        let weights = batch.sample_weights();
        let before = self.session.step(&self.step.batch_inputs(batch, &seed, &weights), options).await?;
        self.runs += 1;
        Ok(before)
    }

    /// The result of the last step, if it has not been taken.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub async fn finish(&mut self) -> Result<Option<StepResult>, GpuError> {
        self.session.finish().await
    }

    /// [`Self::step`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_blocking(&mut self, inputs: &[(&str, InputData<'_>)], lr: f64) -> Result<Option<StepResult>, GpuError> {
        let (options, seed, ones) = self.prepare(lr);
        let all = self.step.inputs(inputs, &seed, &ones);
        let before = self.session.step_blocking(&all, options)?;
        self.runs += 1;
        Ok(before)
    }

    /// [`Self::batch`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn batch_blocking(&mut self, batch: &Batch, lr: f64) -> Result<Option<StepResult>, GpuError> {
        let (options, seed, _) = self.prepare(lr);
        let weights = batch.sample_weights();
        let before = self.session.step_blocking(&self.step.batch_inputs(batch, &seed, &weights), options)?;
        self.runs += 1;
        Ok(before)
    }

    /// [`Self::finish`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::finish`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish_blocking(&mut self) -> Result<Option<StepResult>, GpuError> {
        self.session.finish_blocking()
    }

    /// The network in training mode; its graph has loss and gradients, too.
    pub fn model(&self) -> &Model {
        &self.step.model
    }

    /// The parameters as they are now. Sessions for inference may share them.
    pub fn parameters(&self) -> &Arc<Parameters> {
        self.session.parameters()
    }

    /// The session below: its plan, its memory, its counters, the optimizer's state.
    pub fn session(&self) -> &TrainingSession {
        &self.session
    }

    /// What the next step is told, its seed, and the weights of samples that nobody gives.
    fn prepare(&self, lr: f64) -> (StepOptions, [u32; 1], Vec<f32>) {
        let (update, run) = (self.runs / self.accumulate + 1, self.runs % self.accumulate);
        let options =
            StepOptions { lr, step: update, update: run + 1 == self.accumulate, scale: 1.0 / self.accumulate as f64 };
        (options, [dropout_seed(self.seed, update, run)], vec![1.0; self.step.model.input_shape().n])
    }
}

impl TrainingStep {
    /// All inputs of a step of which some are given.
    fn inputs<'a>(
        &'a self,
        given: &[(&'a str, InputData<'a>)],
        seed: &'a [u32],
        ones: &'a [f32],
    ) -> Vec<(&'a str, InputData<'a>)> {
        let mut all = given.to_vec();
        let weights = self.given.has_sample_weights().then_some((SAMPLE_WEIGHTS, InputData::F32(ones)));
        for (name, values) in self.given.constants().chain(weights).chain(seed_input(&self.model, seed)) {
            if given.iter().all(|(other, _)| *other != name) {
                all.push((name, values));
            }
        }
        all
    }

    /// All inputs of a step on a batch with these weights of its samples.
    pub(crate) fn batch_inputs<'a>(
        &'a self,
        batch: &'a Batch,
        seed: &'a [u32],
        weights: &'a [f32],
    ) -> Vec<(&'a str, InputData<'a>)> {
        batch_inputs(&self.model, &self.given, batch, seed, weights)
    }
}

/// All inputs of a network with an objective, on a batch with these weights of its samples.
pub(crate) fn batch_inputs<'a>(
    model: &'a Model,
    given: &'a Given,
    batch: &'a Batch,
    seed: &'a [u32],
    weights: &'a [f32],
) -> Vec<(&'a str, InputData<'a>)> {
    let image = (model.graph.node(model.input).name.as_str(), InputData::F32(&batch.images));
    let given = given.inputs(batch, weights);
    [image].into_iter().chain(given).chain(seed_input(model, seed)).collect()
}

/// The seed of dropout, of a network that has any.
fn seed_input<'a>(model: &Model, seed: &'a [u32]) -> Option<(&'a str, InputData<'a>)> {
    let drops = model.graph.inputs().any(|(_, node)| node.name == DROPOUT_SEED);
    drops.then_some((DROPOUT_SEED, InputData::U32(seed)))
}

/// What dropout is seeded with in the run number `run` of an update (SplitMix64's mixing function).
pub(crate) fn dropout_seed(seed: u64, step: u64, run: u64) -> u32 {
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (mix(mix(mix(seed).wrapping_add(step)).wrapping_add(run)) >> 32) as u32
}
