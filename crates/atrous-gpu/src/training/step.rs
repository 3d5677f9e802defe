//! One step: one upload, one compute pass, one submit. Its result comes back during the next one.

use atrous_kernels::optim::{REPORT_LEN, StepOptions, StepReport, step_data};
use atrous_kernels::plan::{BufferKind, TrainingPlan};

use super::TrainingSession;
use crate::allocate::Command;
use crate::wait::Mapping;
use crate::{GpuError, InputData, Outputs, slots};

/// What a step computed.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// The number of the update it belongs to, as in its [`StepOptions`].
    pub step: u64,
    /// The loss.
    pub loss: f32,
    /// Euclidean norm of the gradient that was used: scaled, not clipped, over all parameters and, in an update, all
    /// accumulated runs.
    pub gradient_norm: f32,
    /// Whether loss and gradient were finite. If not, the step changed nothing, but the loss scale. Where one is used and `loss` is
    /// finite, the gradient was too large for it, and the next step has a smaller one.
    pub applied: bool,
    /// What the loss was multiplied with in this step, if the training [scales](atrous_graph::optim::Training::loss_scale) it.
    pub loss_scale: Option<f32>,
    /// The outputs. An output that is a parameter has its value after the step.
    pub outputs: Outputs,
}

/// A step that was submitted.
pub(super) struct Pending {
    mapping: Mapping,
    #[cfg(not(target_arch = "wasm32"))]
    submission: wgpu::SubmissionIndex,
    readback: usize,
    step: u64,
}

impl TrainingSession {
    /// Submits one step and returns the result of the one before it, if that has not been taken. The device works on while
    /// the host waits for the earlier result.
    ///
    /// Inputs are given by name as dense values in the order N, H, W, C. The future may be driven by any executor; if it is
    /// dropped after its first poll, the step is still done, and the result of the one before it is lost.
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
        let Some(Pending { mapping, readback, step, .. }) = pending else { return Ok(None) };
        mapping.await?;
        self.read(readback, step).map(Some)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn take_blocking(&mut self, pending: Option<Pending>) -> Result<Option<StepResult>, GpuError> {
        let Some(Pending { mapping, submission, readback, step }) = pending else { return Ok(None) };
        mapping.wait_after(Some(submission))?;
        self.read(readback, step).map(Some)
    }

    fn training(&self) -> &TrainingPlan {
        self.plan.training.as_ref().expect("checked when the session was made")
    }

    /// Uploads, submits and asks for the readback. Returns the step before.
    fn start(&mut self, inputs: &[(&str, InputData<'_>)], options: &StepOptions) -> Result<Option<Pending>, GpuError> {
        self.upload(inputs, options)?;
        let readback = self.pending.as_ref().map_or(0, |pending| 1 - pending.readback);
        if std::mem::take(&mut self.mapped[readback]) {
            // A result that was given up. Its buffer is mapped, or unmapping calls the mapping off.
            self.readbacks[readback].unmap();
        }
        let submission =
            self.device.scope("a training step", || self.device.queue().submit([self.encode(options, readback)]))?;
        self.counters.uploads += 1;
        self.counters.passes += 1;
        self.counters.submits += 1;
        self.counters.readbacks += 1;
        let update = if options.update { self.update.len() } else { 0 };
        self.counters.dispatches += (self.always.len() + update) as u64;
        self.mapped[readback] = true;
        let mapping = Mapping::request(&self.device, &self.readbacks[readback]);
        #[cfg(target_arch = "wasm32")]
        let _ = submission;
        let pending = Pending {
            mapping,
            #[cfg(not(target_arch = "wasm32"))]
            submission,
            readback,
            step: options.step,
        };
        Ok(self.pending.replace(pending))
    }

    /// Checks what a step is told and given, and uploads it.
    pub(crate) fn upload(&mut self, inputs: &[(&str, InputData<'_>)], options: &StepOptions) -> Result<(), GpuError> {
        check(options, self.training().accumulate)?;
        slots::pack(&self.inputs, &mut self.staging, inputs)?;
        let (data, first) = (step_data(options), (self.training().step.offset / 4) as usize);
        self.staging[first..first + data.len()].copy_from_slice(&data.map(f32::to_bits));
        self.device.check()?;
        let Some(index) = self.plan.buffers.iter().position(|b| b.kind == BufferKind::Inputs) else { return Ok(()) };
        self.device.scope("an upload", || {
            self.device.queue().write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.staging));
        })
    }

    /// The dispatches of a step.
    pub(crate) fn commands(&self, options: &StepOptions) -> impl Iterator<Item = &Command> {
        self.always.iter().chain(self.update.iter().filter(|_| options.update))
    }

    fn encode(&self, options: &StepOptions, readback: usize) -> wgpu::CommandBuffer {
        let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.timer.as_ref().map(|timer| timer.writes());
            let descriptor = wgpu::ComputePassDescriptor { label: Some("atrous training"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            self.commands(options).for_each(|command| command.encode(&mut pass));
        }
        let to = &self.readbacks[readback];
        for slot in &self.outputs {
            let (place, from) = (slot.place, &self.buffers[slot.place.buffer]);
            encoder.copy_buffer_to_buffer(from, place.offset, to, slot.offset, place.bytes);
        }
        let control = self.training().control;
        encoder.copy_buffer_to_buffer(
            &self.buffers[control.buffer],
            control.offset,
            to,
            self.plan.output_bytes(),
            control.bytes,
        );
        if let Some(timer) = &self.timer {
            timer.resolve(&mut encoder, to, self.plan.readback_bytes());
        }
        encoder.finish()
    }

    /// Takes a step's result out of its mapped readback buffer.
    fn read(&mut self, readback: usize, step: u64) -> Result<StepResult, GpuError> {
        let buffer = &self.readbacks[readback];
        let (report, outputs) = {
            let view = buffer
                .get_mapped_range(..)
                .map_err(|e| GpuError::Validation { what: "reading back".to_owned(), reason: e.to_string() })?;
            if let Some(timer) = &self.timer {
                self.gpu_time = Some(timer.read(&view[self.plan.readback_bytes() as usize..]));
            }
            let first = self.plan.output_bytes() as usize;
            let words = bytemuck::pod_collect_to_vec::<u8, f32>(&view[first..first + 4 * REPORT_LEN]);
            let report = StepReport::new(std::array::from_fn(|i| words[i]));
            (report, slots::unpack(&self.outputs, &view, self.device.options().checks))
        };
        buffer.unmap();
        self.mapped[readback] = false;
        let outputs = Outputs { all: outputs?, names: self.output_names.clone() };
        let StepReport { ok, loss, gradient_norm, loss_scale } = report;
        Ok(StepResult { step, loss, gradient_norm, applied: ok, loss_scale, outputs })
    }
}

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
