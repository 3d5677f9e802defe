//! One run: one upload, one compute pass, one submit, one readback.

use atrous_kernels::plan::BufferKind;

use crate::allocate::Command;
use crate::{GpuError, InputData, Outputs, Session, slots};

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

    /// Checks the inputs and uploads them. Returns whether pictures' bytes are among them, which a kernel puts in place.
    pub(crate) fn upload(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<bool, GpuError> {
        slots::pack(&self.inputs, &mut self.staging, inputs)?;
        self.device.check()?;
        let bytes = inputs.iter().find_map(|(_, data)| match data {
            InputData::Rgb8(bytes) => Some(*bytes),
            _ => None,
        });
        // The whole buffer is written, unless bytes stand for all of it.
        let others = self.inputs.iter().any(|slot| slot.place.is_some() && !(slot.pixels && bytes.is_some()));
        let index = self.plan.buffers.iter().position(|b| b.kind == BufferKind::Inputs).filter(|_| others);
        self.device.scope("an upload", || {
            if let Some(index) = index {
                self.device.queue().write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.staging));
            }
            if let (Some(pixels), Some(bytes)) = (&self.pixels, bytes) {
                pixels.upload(&self.device, bytes);
            }
        })?;
        Ok(bytes.is_some())
    }

    /// The dispatches of a run; `by_pixels` puts pictures' bytes in place first.
    pub(crate) fn commands(&self, by_pixels: bool) -> impl Iterator<Item = &Command> {
        let pixels = self.pixels.iter().filter(move |_| by_pixels).flat_map(|pixels| &pixels.commands);
        pixels.chain(&self.commands)
    }

    pub(crate) fn count(&mut self, by_pixels: bool) {
        self.counters.uploads += u64::from(!self.staging.is_empty());
        self.counters.passes += 1;
        self.counters.submits += 1;
        self.counters.readbacks += 1;
        self.counters.dispatches += self.commands(by_pixels).count() as u64;
    }

    /// One run into the readback of this index.
    pub(crate) fn encode(&self, by_pixels: bool, readback: usize) -> wgpu::CommandBuffer {
        let readback = &self.readbacks[readback].buffer;
        let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.timer.as_ref().map(|timer| timer.writes());
            let descriptor = wgpu::ComputePassDescriptor { label: Some("atrous"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            self.commands(by_pixels).for_each(|command| command.encode(&mut pass));
        }
        for slot in &self.outputs {
            let (place, from) = (slot.place, &self.buffers[slot.place.buffer]);
            encoder.copy_buffer_to_buffer(from, place.offset, readback, slot.offset, place.bytes);
        }
        if let Some(timer) = &self.timer {
            timer.resolve(&mut encoder, readback, self.plan.readback_bytes());
        }
        encoder.finish()
    }

    /// Takes the outputs out of a mapped readback buffer.
    pub(crate) fn read(&mut self, readback: usize) -> Result<Outputs, GpuError> {
        let readback = &mut self.readbacks[readback];
        let all = {
            let view = readback
                .buffer
                .get_mapped_range(..)
                .map_err(|e| GpuError::Validation { what: "reading back".to_owned(), reason: e.to_string() })?;
            if let Some(timer) = &self.timer {
                self.gpu_time = Some(timer.read(&view[self.plan.readback_bytes() as usize..]));
            }
            slots::unpack(&self.outputs, &view, self.device.options().checks)
        };
        readback.buffer.unmap();
        readback.mapped = false;
        Ok(Outputs { all: all?, names: self.output_names.clone() })
    }
}
