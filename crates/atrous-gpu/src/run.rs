//! One run: one upload, one compute pass, one submit, one readback.

use atrous_kernels::plan::BufferKind;

use crate::wait::Mapping;
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
        let mapping = self.start(inputs)?;
        mapping.await?;
        self.read()
    }

    /// [`Self::run`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::run`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Outputs, GpuError> {
        self.start(inputs)?.wait()?;
        self.read()
    }

    /// Uploads, submits and asks for the readback.
    fn start(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Mapping, GpuError> {
        slots::pack(&self.inputs, &mut self.staging, inputs)?;
        self.device.check()?;
        if std::mem::take(&mut self.mapped) {
            // A run that was given up. Its buffer is mapped, or unmapping calls the mapping off.
            self.readback.unmap();
        }
        self.device.scope("a run", || {
            if let Some(index) = self.plan.buffers.iter().position(|b| b.kind == BufferKind::Inputs) {
                self.device.queue().write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.staging));
            }
            self.device.queue().submit([self.encode()])
        })?;
        self.counters.uploads += u64::from(!self.staging.is_empty());
        self.counters.passes += 1;
        self.counters.submits += 1;
        self.counters.readbacks += 1;
        self.counters.dispatches += self.commands.len() as u64;
        self.mapped = true;
        Ok(Mapping::request(&self.device, &self.readback))
    }

    fn encode(&self) -> wgpu::CommandBuffer {
        let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.timer.as_ref().map(|timer| timer.writes());
            let descriptor = wgpu::ComputePassDescriptor { label: Some("atrous"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            for command in &self.commands {
                command.encode(&mut pass);
            }
        }
        for slot in &self.outputs {
            let (place, from) = (slot.place, &self.buffers[slot.place.buffer]);
            encoder.copy_buffer_to_buffer(from, place.offset, &self.readback, slot.offset, place.bytes);
        }
        if let Some(timer) = &self.timer {
            timer.resolve(&mut encoder, &self.readback, self.plan.readback_bytes());
        }
        encoder.finish()
    }

    /// Takes the outputs out of the mapped readback buffer.
    fn read(&mut self) -> Result<Outputs, GpuError> {
        let all = {
            let view = self
                .readback
                .get_mapped_range(..)
                .map_err(|e| GpuError::Validation { what: "reading back".to_owned(), reason: e.to_string() })?;
            if let Some(timer) = &self.timer {
                self.gpu_time = Some(timer.read(&view[self.plan.readback_bytes() as usize..]));
            }
            slots::unpack(&self.outputs, &view, self.device.options().checks)
        };
        self.readback.unmap();
        self.mapped = false;
        Ok(Outputs { all: all?, names: self.output_names.clone() })
    }
}
