//! One run: one upload, one compute pass, one submit, one readback.

use crate::allocate::Command;
use crate::{Flight, GpuError, InputData, Outputs, Session, slots};

/// What the runs of a session have done, summed up. A run adds one to each of the first four (and no upload if its outputs
/// need no input).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Uploads of inputs.
    pub uploads: u64,
    /// Compute passes.
    pub passes: u64,
    /// Submits to the queue.
    pub submits: u64,
    /// Buffers mapped for reading.
    pub readbacks: u64,
    /// Dispatches.
    pub dispatches: u64,
}

impl Session {
    /// Runs the graph on these inputs, given by name as dense values in the order N, H, W, C.
    ///
    /// The future never blocks: in a browser the event loop drives it, elsewhere a small thread polls the device while it is
    /// awaited, so any executor will do. Dropping it gives the results up; the session stays usable.
    ///
    /// # Errors
    /// [`GpuError::Input`] before anything is submitted; [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn run(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Outputs, GpuError> {
        let flight = self.begin(inputs)?;
        self.finish(flight).await
    }

    /// [`Self::run`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Outputs, GpuError> {
        let flight = self.begin(inputs)?;
        self.finish_blocking(flight)
    }

    /// Uploads inputs and submits a run without waiting for it; [`Self::finish`] gives its results. Several runs may be under
    /// way: the device does them one after the other, and each takes a readback buffer until its results are taken.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn begin(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Flight, GpuError> {
        let by_pixels = self.upload(inputs)?;
        let before = self.pixels.as_ref().filter(|_| by_pixels).map_or(&[][..], |pixels| &pixels.commands);
        self.executable.begin(before, &[])
    }

    /// The results of a run that [`Self::begin`] began, once it is done. Later ones are not waited for.
    ///
    /// # Errors
    /// [`GpuError::OtherSession`]; those of [`Self::run`].
    pub async fn finish(&mut self, flight: Flight) -> Result<Outputs, GpuError> {
        Ok(self.executable.finish(flight).await?.0)
    }

    /// [`Self::finish`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::finish`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish_blocking(&mut self, flight: Flight) -> Result<Outputs, GpuError> {
        Ok(self.executable.finish_blocking(flight)?.0)
    }

    /// Checks the inputs and uploads them. Returns whether pictures' bytes are among them, which a kernel puts in place.
    pub(crate) fn upload(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<bool, GpuError> {
        let executable = &mut self.executable;
        slots::pack(&executable.inputs, &mut executable.staging, inputs)?;
        executable.device.check()?;
        let bytes = inputs.iter().find_map(|(_, data)| match data {
            InputData::Rgb8(bytes) => Some(*bytes),
            _ => None,
        });
        // The whole buffer is written, unless bytes stand for all of it.
        let others = executable.inputs.iter().any(|slot| slot.place.is_some() && !(slot.pixels && bytes.is_some()));
        executable.device.scope("an upload", || {
            if others {
                executable.write_inputs();
            }
            if let (Some(pixels), Some(bytes)) = (&self.pixels, bytes) {
                pixels.upload(&executable.device, bytes);
            }
        })?;
        Ok(bytes.is_some())
    }

    /// The dispatches of a run; `by_pixels` puts pictures' bytes in place first.
    pub(crate) fn commands(&self, by_pixels: bool) -> impl Iterator<Item = &Command> {
        let pixels = self.pixels.iter().filter(move |_| by_pixels).flat_map(|pixels| &pixels.commands);
        pixels.chain(&self.executable.commands)
    }
}
