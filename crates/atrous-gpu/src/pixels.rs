//! Inputs that the device computes from bytes of pictures, which takes a quarter of the upload and no arithmetic on the host.

use atrous_graph::TensorType;
use atrous_kernels::image::{PIXEL_BYTES, plan_normalize};
use atrous_kernels::plan::{Place, PlannedDispatch};
use atrous_kernels::{Dispatch, Slot};
use wgpu::BufferUsages as Usage;

use crate::buffer;
use crate::command::{self, Command};
use crate::{Device, GpuError};

/// The buffers and commands that make one input from bytes of pictures.
pub(crate) struct PixelInput {
    bytes: wgpu::Buffer,
    /// 256 numbers for each channel of the input: the value for each value of a byte.
    tables: wgpu::Buffer,
    /// For each channel of the input, the index of the byte of a pixel that it is made of.
    sources: Vec<usize>,
    /// Bytes that the commands read and write.
    moved: u64,
    /// The commands that turn bytes into the input.
    pub(crate) commands: Vec<Command>,
}

impl PixelInput {
    /// Makes the input of type `ty` that lies at `place` of `inputs`. `tables` has, for each channel, the index of a pixel's byte (0 for
    /// red) and the number for each value of that byte.
    ///
    /// # Errors
    /// [`GpuError::Plan`], [`GpuError::BufferLimit`], [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub(crate) fn new(
        device: &Device,
        ty: TensorType,
        place: Place,
        inputs: &wgpu::Buffer,
        tables: &[(usize, [f32; 256])],
    ) -> Result<Self, GpuError> {
        let sources: Vec<usize> = tables.iter().map(|(source, _)| *source).collect();
        let target = device.target();
        let dispatches = plan_normalize(ty, &sources, &target)?;
        let numbers: Vec<f32> = tables.iter().flat_map(|(_, table)| *table).collect();
        let size = ((ty.shape.n * ty.shape.h * ty.shape.w * PIXEL_BYTES).next_multiple_of(4)) as u64;
        let limit = target.limits.max_buffer;
        if size > limit {
            return Err(GpuError::BufferLimit { what: "uploading pictures", needs: size, limit });
        }
        let bytes = buffer::empty(device, "pixels", size, Usage::STORAGE | Usage::COPY_DST)?;
        let tables = buffer::filled(device, "pixel tables", bytemuck::cast_slice(&numbers))?;
        let buffers = [bytes.clone(), tables.clone(), inputs.clone()];
        let planned: Vec<PlannedDispatch> = dispatches.into_iter().map(|dispatch| resolve(dispatch, place)).collect();
        let commands = command::commands(device, &planned.iter().collect::<Vec<_>>(), &buffers)?;
        Ok(Self { bytes, tables, sources, moved: size + ty.bytes(), commands })
    }

    /// Bytes of device memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.size()
    }

    /// The buffer for the bytes of pictures.
    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.bytes
    }

    /// 256 numbers for each channel of the input.
    pub(crate) fn tables(&self) -> &wgpu::Buffer {
        &self.tables
    }

    /// For each channel of the input, the index of the byte of a pixel that it is made of.
    pub(crate) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// Bytes that the commands read and write.
    pub(crate) fn moved_bytes(&self) -> u64 {
        self.moved
    }

    /// Writes the bytes of pictures into their buffer.
    pub(crate) fn upload(&self, device: &Device, bytes: &[u8]) {
        let (words, rest) = bytes.split_at(bytes.len() & !3);
        device.queue().write_buffer(&self.bytes, 0, words);
        if !rest.is_empty() {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            device.queue().write_buffer(&self.bytes, words.len() as u64, &last);
        }
    }
}

/// Binds a dispatch to the buffers 0 (bytes), 1 (tables) and 2 (inputs, at `place`).
fn resolve(dispatch: Dispatch, place: Place) -> PlannedDispatch {
    let bind = |binding: &atrous_kernels::Binding| {
        let (buffer, offset) = match binding.slot {
            Slot::Input(_) => (0, 0),
            Slot::Constant(_) | Slot::Scratch(_) => (1, 0),
            Slot::Output => (2, place.offset),
            Slot::Strips => unreachable!("the kernel for pictures has no strips: a bug of atrous"),
        };
        Place { buffer, offset: offset + binding.offset, bytes: binding.size }
    };
    let places = dispatch.bindings.iter().map(bind).collect();
    let constants = dispatch.pipeline_constants();
    PlannedDispatch::new(dispatch.shader, constants, places, dispatch.grid)
}
