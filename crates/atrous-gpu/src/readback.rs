//! Buffers that the results of runs come back in.

use std::sync::Weak;

use wgpu::BufferUsages as Usage;

use crate::{Device, GpuError, buffer};

/// A buffer that the results of a run are copied into.
pub(crate) struct Readback {
    pub(crate) buffer: wgpu::Buffer,
    /// Whether the buffer is mapped, or about to be.
    pub(crate) mapped: bool,
    /// The run whose results the buffer holds, while its [`Flight`](crate::Flight) lives.
    pub(crate) holder: Weak<()>,
}

impl Readback {
    pub(crate) fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        let buffer = buffer::empty(device, "readback", bytes, Usage::MAP_READ | Usage::COPY_DST)?;
        Ok(Self { buffer, mapped: false, holder: Weak::new() })
    }

    pub(crate) fn size(&self) -> u64 {
        self.buffer.size()
    }
}
