//! One run: one upload, one compute pass, one submit, one readback.

use crate::command::Command;
use crate::{Flight, GpuError, InputData, Outputs, Session, slots};

impl Session {
    /// Runs the graph on these inputs, given by name as dense values in the order N, H, W, C.
    ///
    /// The future never blocks and works with any executor: in browsers the event loop drives it, elsewhere a small thread polls the
    /// device while the future is awaited. Dropping the future discards the results; the session stays usable.
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

    /// Uploads inputs and submits a run without waiting for it; [`Self::finish`] returns its results. Several runs may be under way: the
    /// device computes them one after the other, and each holds a readback buffer until its results are taken.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn begin(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Flight, GpuError> {
        let by_pixels = self.upload(inputs)?;
        let before = self.pixels.as_ref().filter(|_| by_pixels).map_or(&[][..], |pixels| &pixels.commands);
        self.executable.begin(before, &[])
    }

    /// Waits for a run that [`Self::begin`] began, not for later ones, and returns its results.
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

    /// Checks the inputs and uploads them. Returns whether bytes of pictures are among them, which a kernel must convert.
    pub(crate) fn upload(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<bool, GpuError> {
        let executable = &mut self.executable;
        slots::pack(&executable.inputs, &mut executable.staging, inputs)?;
        executable.device.check()?;
        let bytes = inputs.iter().find_map(|(_, data)| match data {
            InputData::Rgb8(bytes) => Some(*bytes),
            _ => None,
        });
        // The inputs buffer is written as a whole, unless its only input is given as bytes of pictures.
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

    /// The commands of a run; with `by_pixels` those that convert bytes of pictures come first.
    pub(crate) fn commands(&self, by_pixels: bool) -> impl Iterator<Item = &Command> {
        let pixels = self.pixels.iter().filter(move |_| by_pixels).flat_map(|pixels| &pixels.commands);
        pixels.chain(&self.executable.commands)
    }
}
