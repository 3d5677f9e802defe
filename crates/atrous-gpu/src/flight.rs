//! Runs that are under way.

use std::sync::Arc;

use atrous_kernels::optim::StepReport;

use crate::command::Command;
use crate::executable::Executable;
use crate::readback::Readback;
use crate::wait::Mapping;
use crate::{GpuError, Outputs, allocate, hang};

/// A run that was begun by [`Session::begin`](crate::Session::begin). Dropping it discards its results.
pub struct Flight {
    mapping: Mapping,
    #[cfg(not(target_arch = "wasm32"))]
    submission: wgpu::SubmissionIndex,
    holder: Arc<()>,
}

impl Executable {
    /// Submits a run with the uploaded inputs and does not wait for it: the commands `before`, those of every run, and the commands
    /// `after`.
    pub(crate) fn begin(&mut self, before: &[Command], after: &[Command]) -> Result<Flight, GpuError> {
        allocate::check_budget(&self.device, &self.plan)?;
        let index = self.free_readback()?;
        if std::mem::take(&mut self.readbacks[index].mapped) {
            // The results of an earlier run were discarded. Its buffer is mapped, or about to be; unmapping ends both.
            self.readbacks[index].buffer.unmap();
        }
        let submission = self.device.scope("a run", || {
            let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            self.encode(&mut encoder, before, after);
            self.encode_readback(&mut encoder, &self.readbacks[index].buffer);
            self.device.queue().submit([encoder.finish()])
        })?;
        self.counters.uploads += u64::from(!self.staging.is_empty());
        self.counters.passes += 1;
        self.counters.submits += 1;
        self.counters.readbacks += 1;
        self.counters.dispatches += (before.len() + self.commands.len() + after.len()) as u64;
        let (holder, readback) = (Arc::new(()), &mut self.readbacks[index]);
        (readback.holder, readback.mapped) = (Arc::downgrade(&holder), true);
        #[cfg(target_arch = "wasm32")]
        let _ = submission;
        Ok(Flight {
            mapping: Mapping::request(&self.device, &readback.buffer)?,
            #[cfg(not(target_arch = "wasm32"))]
            submission,
            holder,
        })
    }

    /// Waits for a run that [`Self::begin`] began, not for later ones, and returns its results.
    pub(crate) async fn finish(&mut self, flight: Flight) -> Result<(Outputs, Option<StepReport>), GpuError> {
        let index = self.readback_of(&flight)?;
        // As long as the holder lives, no other run takes the readback.
        let Flight { mapping, holder: _holder, .. } = flight;
        if let Err(error) = mapping.await {
            return Err(hang::explain(error, &self.device, &self.plan).await);
        }
        self.read(index)
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn finish_blocking(&mut self, flight: Flight) -> Result<(Outputs, Option<StepReport>), GpuError> {
        let index = self.readback_of(&flight)?;
        let Flight { mapping, submission, holder: _holder } = flight;
        if let Err(error) = mapping.wait_after(Some(submission)) {
            return Err(pollster::block_on(hang::explain(error, &self.device, &self.plan)));
        }
        self.read(index)
    }

    /// The index of the first readback that no run holds; a new one if all are held.
    fn free_readback(&mut self) -> Result<usize, GpuError> {
        if let Some(free) = self.readbacks.iter().position(|readback| readback.holder.strong_count() == 0) {
            return Ok(free);
        }
        let bytes = self.readbacks[0].size();
        self.readbacks.push(Readback::new(&self.device, bytes)?);
        Ok(self.readbacks.len() - 1)
    }

    /// The index of the readback that a run holds.
    fn readback_of(&self, flight: &Flight) -> Result<usize, GpuError> {
        let held = |readback: &Readback| readback.holder.as_ptr() == Arc::as_ptr(&flight.holder);
        self.readbacks.iter().position(held).ok_or(GpuError::OtherSession)
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}
