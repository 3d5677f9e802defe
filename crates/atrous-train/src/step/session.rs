//! A training step on a device.

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, InputData, InputError, Parameters, StepOptions, StepResult, TrainingSession};
use atrous_graph::ParameterSource;
use atrous_io::Weights;
use atrous_nn::Model;

use super::build::TrainingStep;
use super::error::StepError;
use super::inputs::dropout_seed;
use crate::data::Batch;

/// A [`TrainingStep`] on a device. It counts the steps, and adds constants and the seed of dropout to the inputs of each.
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

    /// Submits a step at this learning rate and returns the result of the previous one, if that has not been taken. `inputs` are the
    /// network's input and the targets of its objective by name, dense in the order N, H, W, C.
    ///
    /// # Errors
    /// [`GpuError::Input`] for an input that is missing, unknown or of another length, [`GpuError::StepOption`],
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn step(&mut self, inputs: &[(&str, InputData<'_>)], lr: f64) -> Result<Option<StepResult>, GpuError> {
        let (options, seed, ones) = self.prepare(lr);
        let all = self.step.inputs(inputs, &seed, &ones);
        let before = self.session.step(&all, options).await?;
        self.runs += 1;
        Ok(before)
    }

    /// [`Self::step`] on a batch of a loader, whose targets have the names that the objective asks for. It must have the samples of a step:
    /// incomplete ones are left out by [`drop_last`](crate::data::LoaderOptions::drop_last), or [filled](Batch::filled).
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn batch(&mut self, batch: &Batch, lr: f64) -> Result<Option<StepResult>, GpuError> {
        self.check_size(batch)?;
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
        self.check_size(batch)?;
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

    /// The network in training mode; its graph includes loss and gradients.
    pub fn model(&self) -> &Model {
        &self.step.model
    }

    /// The current parameters, which sessions for inference may share.
    pub fn parameters(&self) -> &Arc<Parameters> {
        self.session.parameters()
    }

    /// The underlying session, with its plan, memory, counters and the optimizer's state.
    pub fn session(&self) -> &TrainingSession {
        &self.session
    }

    fn check_size(&self, batch: &Batch) -> Result<(), GpuError> {
        match (self.step.model.input_shape().n, batch.shape[0]) {
            (needs, got) if needs == got => Ok(()),
            (needs, got) => Err(InputError::Samples { needs, got }.into()),
        }
    }

    /// The options of the next step, its seed of dropout, and sample weights of 1.
    fn prepare(&self, lr: f64) -> (StepOptions, [u32; 1], Vec<f32>) {
        let (update, run) = (self.runs / self.accumulate + 1, self.runs % self.accumulate);
        let options =
            StepOptions { lr, step: update, update: run + 1 == self.accumulate, scale: 1.0 / self.accumulate as f64 };
        (options, [dropout_seed(self.seed, update, run)], vec![1.0; self.step.model.input_shape().n])
    }
}
