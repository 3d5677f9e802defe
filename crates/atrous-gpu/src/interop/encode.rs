//! Runs that are encoded among other work on the device.

use super::input::{DeviceInput, loads};
use crate::{GpuError, Session};

impl Session {
    /// Appends a run to `encoder`, which must be of this device and outside of any pass. Nothing is submitted, and nothing comes
    /// back to the host: the results lie in [`Self::output_buffer`]; [`Self::encode_texture`] and [`Self::encode_overlay`] draw them.
    ///
    /// All inputs that the outputs need are given, by name. Inputs in the host's memory are copied at once, those on the device when
    /// the encoder's work is done. Several runs of one session or of several may be encoded and submitted in any order, with
    /// [`Self::run`] in between: each computes with its own inputs. Results last until the session's next run in the queue's
    /// order, so commands that read them belong into the same encoder, after this call. The run uses the parameters' values at the
    /// time of the submit.
    ///
    /// # Errors
    /// [`GpuError::Input`] for missing and unknown inputs and values of the host that do not fit; [`GpuError::Resource`] for a buffer
    /// or texture that cannot be used, with the reason; [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`]. In all these cases nothing
    /// was appended. Errors of the encoder itself are reported when it is finished.
    pub fn encode(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        inputs: &[(&str, DeviceInput<'_>)],
    ) -> Result<(), GpuError> {
        self.device().check()?;
        let loads = loads(self, inputs)?;
        self.device().scope("encoding a run", || {
            for (from, to, offset) in &loads.copies {
                encoder.copy_buffer_to_buffer(from, 0, to, *offset, from.size());
            }
            let descriptor = wgpu::ComputePassDescriptor { label: Some("atrous"), timestamp_writes: None };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            loads.commands.iter().chain(self.commands(loads.by_pixels)).for_each(|command| command.encode(&mut pass));
        })?;
        self.executable.counters.passes += 1;
        self.executable.counters.dispatches += (loads.commands.len() + self.commands(loads.by_pixels).count()) as u64;
        Ok(())
    }
}
