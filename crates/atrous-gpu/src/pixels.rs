//! Inputs made of pictures' bytes on the device: a quarter of the upload, and no arithmetic on the host.

use atrous_graph::DType;
use atrous_kernels::image::{PIXEL_BYTES, plan_normalize};
use atrous_kernels::plan::{Place, PlannedDispatch};
use atrous_kernels::{Dispatch, Slot};
use wgpu::BufferUsages as Usage;

use crate::allocate::{self, Command};
use crate::{Device, GpuError, InputError, NodeProfile, Session};

/// How one input is made of bytes.
pub(crate) struct PixelInput {
    bytes: wgpu::Buffer,
    /// By channel: 256 numbers.
    tables: wgpu::Buffer,
    /// By channel: the byte of a pixel that it looks at.
    sources: Vec<usize>,
    /// Bytes that it reads and writes.
    moved: u64,
    /// The commands that turn bytes into the input.
    pub(crate) commands: Vec<Command>,
}

impl PixelInput {
    /// Bytes of device memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.size()
    }

    /// The buffer for bytes.
    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.bytes
    }

    /// By channel: the number for each byte.
    pub(crate) fn tables(&self) -> &wgpu::Buffer {
        &self.tables
    }

    /// By channel: the byte of a pixel that it looks at.
    pub(crate) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// What a profile shows of it.
    pub(crate) fn profile(&self) -> NodeProfile {
        NodeProfile {
            name: "pixels".to_owned(),
            op: "normalize",
            variant: "image/normalize",
            dispatches: self.commands.len(),
            macs: 0,
            bytes: self.moved,
            spans: Vec::new(),
        }
    }

    /// Writes the bytes of pictures.
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

impl Session {
    /// Lets an f32 input of one or three channels be given as [`InputData::Rgb8`](crate::InputData::Rgb8) and as
    /// [`Picture`](crate::Picture)s too. For each channel
    /// `tables` tells which byte of a pixel it looks at (0 for red) and the number for each value of that byte. One input of a
    /// session can take pixels; the last call counts.
    ///
    /// # Errors
    /// [`GpuError::Input`] if there is no such input, no output needs it, or its channels are not those of the tables;
    /// [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn take_pixels(&mut self, input: &str, tables: &[(usize, [f32; 256])]) -> Result<(), GpuError> {
        let Some(index) = self.executable.inputs.iter().position(|slot| slot.name == input) else {
            let available: Vec<&str> = self.executable.inputs.iter().map(|slot| slot.name.as_str()).collect();
            return Err(InputError::Unknown { name: input.to_owned(), available: available.join(", ") }.into());
        };
        let (ty, place) = (self.executable.inputs[index].ty, self.executable.inputs[index].place);
        let refuse = |reason| Err(InputError::Pixels { name: input.to_owned(), ty, reason }.into());
        let Some(place) = place else { return refuse("no output needs it") };
        if ty.dtype != DType::F32 || ty.shape.c != tables.len() || !matches!(tables.len(), 1 | PIXEL_BYTES) {
            return refuse("it needs one or three channels of f32, and a table for each");
        }
        if tables.iter().any(|(source, _)| *source >= PIXEL_BYTES) {
            return refuse("a pixel has three bytes");
        }
        let sources: Vec<usize> = tables.iter().map(|(source, _)| *source).collect();
        let dispatches = plan_normalize(ty, &sources, &self.device().target())?;
        let numbers: Vec<f32> = tables.iter().flat_map(|(_, table)| *table).collect();
        let size = ((ty.shape.n * ty.shape.h * ty.shape.w * PIXEL_BYTES).next_multiple_of(4)) as u64;
        let limit = self.device().target().limits.max_buffer;
        if size > limit {
            return Err(GpuError::BufferLimit { what: "uploading pictures", needs: size, limit });
        }
        let bytes = allocate::buffer(self.device(), "pixels", size, Usage::STORAGE | Usage::COPY_DST)?;
        let table = allocate::filled(self.device(), "pixel tables", bytemuck::cast_slice(&numbers))?;
        let buffers = [bytes.clone(), table.clone(), self.executable.buffers[place.buffer].clone()];
        let planned: Vec<PlannedDispatch> = dispatches.into_iter().map(|dispatch| resolve(dispatch, place)).collect();
        let commands = allocate::commands(self.device(), &planned.iter().collect::<Vec<_>>(), &buffers)?;
        self.executable.inputs.iter_mut().for_each(|slot| slot.pixels = false);
        self.executable.inputs[index].pixels = true;
        self.pixels = Some(PixelInput { bytes, tables: table, sources, moved: size + ty.bytes(), commands });
        Ok(())
    }

    /// Whether an input takes pixels.
    pub fn takes_pixels(&self) -> bool {
        self.pixels.is_some()
    }
}

/// Binds bytes, tables and the input at `place`, which are buffers 0, 1 and 2.
fn resolve(dispatch: Dispatch, place: Place) -> PlannedDispatch {
    let bind = |binding: &atrous_kernels::Binding| {
        let (buffer, offset) = match binding.slot {
            Slot::Input(_) => (0, 0),
            Slot::Constant(_) | Slot::Scratch(_) => (1, 0),
            Slot::Output => (2, place.offset),
            Slot::Strips => unreachable!("pictures have none: a bug of atrous"),
        };
        Place { buffer, offset: offset + binding.offset, bytes: binding.size }
    };
    let places = dispatch.bindings.iter().map(bind).collect();
    let constants = dispatch.pipeline_constants();
    PlannedDispatch::new(dispatch.shader, constants, places, dispatch.grid)
}
