//! Where the outputs of a session lie on the device.

use atrous_graph::TensorType;

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
    /// A buffer with the usages `STORAGE` and `COPY_SRC`. It holds other tensors as well, so it must not be written to.
    pub buffer: &'s wgpu::Buffer,
    /// The output's first byte, aligned so that it can be bound.
    pub offset: u64,
    /// Number of bytes, padding included.
    pub bytes: u64,
    /// Shape and element type of the output.
    pub ty: TensorType,
}

impl OutputBuffer<'_> {
    /// The output as a read-only storage buffer of a bind group.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        let (offset, size) = (self.offset, wgpu::BufferSize::new(self.bytes));
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: self.buffer, offset, size })
    }
}

impl Session {
    /// Where the output of this name or label lies, for passes and copies of the caller's own. [`Self::encode`] says how long the
    /// result lasts.
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

    pub(super) fn output_slot(&self, name: &str) -> Result<&OutputSlot, GpuError> {
        let unknown = || {
            let available: Vec<&str> = self.executable.outputs.iter().map(|slot| slot.name.as_str()).collect();
            GpuError::UnknownOutput { name: name.to_owned(), available: available.join(", ") }
        };
        self.executable.output_names.get(name).map(|index| &self.executable.outputs[*index]).ok_or_else(unknown)
    }
}
