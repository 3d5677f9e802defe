//! One step: one upload, one compute pass, one submit. Its result is read while the next step runs.

use atrous_kernels::optim::{StepOptions, StepReport, step_data};
use atrous_kernels::plan::TrainingPlan;

use super::session::{Pending, TrainingSession};
use crate::command::Command;
use crate::{GpuError, InputData, Outputs, slots};

/// What a step computed.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// The number of the update it belongs to, as in its [`StepOptions`].
    pub step: u64,
    /// The loss of the step's batch, before the update.
    pub loss: f32,
    /// Euclidean norm of the gradient over all parameters, after scaling and before clipping; for an update, of the gradient accumulated
    /// over its runs.
    pub gradient_norm: f32,
    /// Whether loss and gradient were finite. If not, the step changed nothing except the loss scale. With a loss scale and a finite
    /// `loss`, the scaled gradient overflowed, and the next step has a smaller scale.
    pub applied: bool,
    /// The factor of the loss in this step, if the training has a [loss scale](atrous_graph::optim::Training::loss_scale).
    pub loss_scale: Option<f32>,
    /// The outputs. An output that is a parameter has its value after the step.
    pub outputs: Outputs,
}

impl TrainingSession {
    /// Submits one step and returns the result of the previous one, if that has not been taken. The device computes the new step while
    /// the host waits for the earlier result.
    ///
    /// Inputs are given by name as dense values in the order N, H, W, C. The future works with any executor; if it is
    /// dropped after its first poll, the step is still computed, and the result of the previous one is lost.
    ///
    /// # Errors
    /// [`GpuError::Input`] and [`GpuError::StepOption`] before anything is submitted; [`GpuError::DeviceLost`],
    /// [`GpuError::OutOfMemory`].
    pub async fn step(
        &mut self,
        inputs: &[(&str, InputData<'_>)],
        options: StepOptions,
    ) -> Result<Option<StepResult>, GpuError> {
        let before = self.start(inputs, &options)?;
        self.take(before).await
    }

    /// The result of the last step, if it has not been taken.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub async fn finish(&mut self) -> Result<Option<StepResult>, GpuError> {
        let last = self.pending.take();
        self.take(last).await
    }

    /// [`Self::step`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::step`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn step_blocking(
        &mut self,
        inputs: &[(&str, InputData<'_>)],
        options: StepOptions,
    ) -> Result<Option<StepResult>, GpuError> {
        let before = self.start(inputs, &options)?;
        self.take_blocking(before)
    }

    /// [`Self::finish`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::finish`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish_blocking(&mut self) -> Result<Option<StepResult>, GpuError> {
        let last = self.pending.take();
        self.take_blocking(last)
    }

    async fn take(&mut self, pending: Option<Pending>) -> Result<Option<StepResult>, GpuError> {
        let Some(Pending { flight, step }) = pending else { return Ok(None) };
        Ok(Some(result(step, self.executable.finish(flight).await?)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn take_blocking(&mut self, pending: Option<Pending>) -> Result<Option<StepResult>, GpuError> {
        let Some(Pending { flight, step }) = pending else { return Ok(None) };
        Ok(Some(result(step, self.executable.finish_blocking(flight)?)))
    }

    fn training(&self) -> &TrainingPlan {
        self.plan().training.as_ref().expect("checked when the session was made")
    }

    /// Uploads the inputs and submits the step. Returns the previous step, if its result was not taken.
    fn start(&mut self, inputs: &[(&str, InputData<'_>)], options: &StepOptions) -> Result<Option<Pending>, GpuError> {
        self.upload(inputs, options)?;
        let update = if options.update { &self.update[..] } else { &[] };
        let flight = self.executable.begin(&[], update)?;
        Ok(self.pending.replace(Pending { flight, step: options.step }))
    }

    /// Checks the options and inputs of a step, and uploads both.
    pub(crate) fn upload(&mut self, inputs: &[(&str, InputData<'_>)], options: &StepOptions) -> Result<(), GpuError> {
        check(options, self.training().accumulate)?;
        let (data, first) = (step_data(options), (self.training().step.offset / 4) as usize);
        let executable = &mut self.executable;
        slots::pack(&executable.inputs, &mut executable.staging, inputs)?;
        executable.staging[first..first + data.len()].copy_from_slice(&data.map(f32::to_bits));
        executable.device.check()?;
        executable.device.scope("an upload", || executable.write_inputs())
    }

    /// The commands of a step.
    pub(crate) fn commands(&self, options: &StepOptions) -> impl Iterator<Item = &Command> {
        self.executable.commands.iter().chain(self.update.iter().filter(|_| options.update))
    }
}

/// The result of a step, from the outputs and the report of its run.
fn result(step: u64, (outputs, report): (Outputs, Option<StepReport>)) -> StepResult {
    let StepReport { ok, loss, gradient_norm, loss_scale } = report.expect("a plan that trains reports");
    StepResult { step, loss, gradient_norm, applied: ok, loss_scale, outputs }
}

/// Checks that all options of a step are within their ranges.
fn check(options: &StepOptions, accumulate: bool) -> Result<(), GpuError> {
    let fail = |option, expected, value: String| Err(GpuError::StepOption { option, expected, value });
    if !(options.lr >= 0.0 && options.lr.is_finite()) {
        return fail("learning rate", "finite and not negative", options.lr.to_string());
    }
    if options.step == 0 {
        return fail("number", "at least 1", "0".to_owned());
    }
    if !(options.scale > 0.0 && options.scale.is_finite()) {
        return fail("gradient scale", "finite and positive", options.scale.to_string());
    }
    if !options.update && !accumulate {
        return fail("update", "true where the training does not accumulate", "false".to_owned());
    }
    Ok(())
}
