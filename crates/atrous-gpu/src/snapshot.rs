//! Copies of parameters on the device, by which changes are undone.

use std::sync::Arc;

use wgpu::BufferUsages as Usage;

use crate::buffer::empty;
use crate::{Device, GpuError, Parameters};

/// A copy of some parameters in device memory, from which they can be restored: of running statistics, which change
/// with every run of an update, when the update is not completed. It takes as many bytes as the parameters.
#[derive(Debug)]
pub struct ParameterSnapshot {
    parameters: Arc<Parameters>,
    /// Buffer, first byte and bytes of each piece.
    places: Vec<(usize, u64, u64)>,
    copy: wgpu::Buffer,
}

impl ParameterSnapshot {
    /// A copy of the parameters of these names, at least one.
    ///
    /// # Errors
    /// [`GpuError::UnknownTensor`], [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn new(parameters: Arc<Parameters>, names: &[&str]) -> Result<Self, GpuError> {
        let mut places = Vec::new();
        for name in names {
            places.extend(parameters.pieces(name)?.iter().map(|piece| (piece.buffer, piece.offset, piece.ty.bytes())));
        }
        let bytes = places.iter().map(|(.., bytes)| bytes).sum();
        let copy = empty(parameters.device(), "parameters kept", bytes, Usage::COPY_SRC | Usage::COPY_DST)?;
        let snapshot = Self { parameters, places, copy };
        snapshot.take()?;
        Ok(snapshot)
    }

    /// Copies the parameters as they are after all runs submitted so far.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub fn take(&self) -> Result<(), GpuError> {
        self.copy(|encoder, buffer, offset, kept, bytes| {
            encoder.copy_buffer_to_buffer(buffer, offset, &self.copy, kept, bytes);
        })
    }

    /// Sets the parameters to the copy, for all runs submitted later.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub fn restore(&self) -> Result<(), GpuError> {
        self.copy(|encoder, buffer, offset, kept, bytes| {
            encoder.copy_buffer_to_buffer(&self.copy, kept, buffer, offset, bytes);
        })
    }

    /// Submits a copy of every piece: of bytes of a buffer from an offset, and from another of the copy.
    fn copy(&self, one: impl Fn(&mut wgpu::CommandEncoder, &wgpu::Buffer, u64, u64, u64)) -> Result<(), GpuError> {
        let device: &Device = self.parameters.device();
        device.check()?;
        device.scope("copying parameters", || {
            let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut kept = 0;
            for (buffer, offset, bytes) in &self.places {
                one(&mut encoder, &self.parameters.buffers()[*buffer], *offset, kept, *bytes);
                kept += bytes;
            }
            device.queue().submit([encoder.finish()]);
        })
    }
}
