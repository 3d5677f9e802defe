//! Runs among other work on the device: inputs from the caller's buffers and textures, results into them, nothing over the host.
//!
//! A run is encoded into the caller's encoder, which submits it. Its inputs are copied by that encoder, also those of the host,
//! so that whatever is encoded or run before or after, in whatever order it is submitted, each run computes on its own.

mod draw;
mod input;
mod kernel;

use atrous_graph::TensorType;

pub use draw::Overlay;
pub use input::{BufferLayout, DeviceInput, Picture};
pub(crate) use kernel::Kernels;

use crate::slots::OutputSlot;
use crate::{GpuError, Session};

/// Where an output of a [`Session`] lies on the device.
///
/// The layout is N, H, W, C with the channels innermost and padded with zeros to a multiple of 4: element `(n, y, x, c)` is
/// value `((n * H + y) * W + x) * C.next_multiple_of(4) + c` behind `offset`. Values are of the type's
/// [element type](TensorType::dtype).
///
/// ```
/// # use atrous_graph::{Shape, TensorType};
/// let ty = TensorType::image(Shape::new(1, 2, 2, 3));
/// // Channel 2 of the last pixel; a zero follows it.
/// assert_eq!(ty.padded().index(0, 1, 1, 2), ((0 * 2 + 1) * 2 + 1) * 4 + 2);
/// assert_eq!(ty.bytes(), 4 * 2 * 2 * 4);
/// ```
#[derive(Clone, Debug)]
pub struct OutputBuffer<'s> {
    /// A buffer with the usages `STORAGE` and `COPY_SRC`. Other things lie in it as well: write nothing into it.
    pub buffer: &'s wgpu::Buffer,
    /// The output's first byte, aligned so that it can be bound.
    pub offset: u64,
    /// Its bytes, padding included.
    pub bytes: u64,
    /// Its shape and element type.
    pub ty: TensorType,
}

impl OutputBuffer<'_> {
    /// For a bind group: a read-only storage buffer.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        let (offset, size) = (self.offset, wgpu::BufferSize::new(self.bytes));
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self.buffer, offset, size })
    }
}

impl Session {
    /// Appends a run to `encoder`, which must be of this device and outside of any pass. Nothing is submitted, and nothing comes
    /// back to the host: the results lie in [`Self::output_buffer`], and are drawn by [`Self::encode_texture`] and
    /// [`Self::encode_overlay`].
    ///
    /// All inputs that the outputs need are given, by name. They are copied: those of the host at once, those on the device when the
    /// encoder's work is done. Several runs of one session or of several may be encoded and submitted in any order, with
    /// [`Self::run`] in between: each computes with its own inputs. Results last until the session's next run in the queue's
    /// order, so what is encoded to read them belongs into the same encoder, behind this. Parameters are those of the submit.
    ///
    /// # Errors
    /// [`GpuError::Input`] for missing and unknown inputs and values of the host that do not fit; [`GpuError::Resource`] for a buffer
    /// or texture that does not serve, with the reason; [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`]. Then the encoder is as it
    /// was before. What is wrong with the encoder itself shows when it is finished.
    pub fn encode(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        inputs: &[(&str, DeviceInput<'_>)],
    ) -> Result<(), GpuError> {
        self.device().check()?;
        let loads = input::loads(self, inputs)?;
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

    /// Where the output of this name or label lies, for passes and copies of one's own. See [`Self::encode`] for how long it lasts.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`] with the names there are.
    pub fn output_buffer(&self, name: &str) -> Result<OutputBuffer<'_>, GpuError> {
        let OutputSlot { ty, place, .. } = self.output_slot(name)?;
        Ok(OutputBuffer {
            buffer: &self.executable.buffers[place.buffer],
            offset: place.offset,
            bytes: ty.bytes(),
            ty: *ty,
        })
    }

    fn output_slot(&self, name: &str) -> Result<&OutputSlot, GpuError> {
        let unknown = || {
            let available: Vec<&str> = self.executable.outputs.iter().map(|slot| slot.name.as_str()).collect();
            GpuError::UnknownOutput { name: name.to_owned(), available: available.join(", ") }
        };
        self.executable.output_names.get(name).map(|index| &self.executable.outputs[*index]).ok_or_else(unknown)
    }
}
