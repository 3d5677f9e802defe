//! Whole buffers read back outside of runs, and single tensors read and written, also tensors that are stored in pieces.

use std::borrow::Cow;

use atrous_graph::TensorType;
use atrous_kernels::plan::Piece;
use wgpu::BufferUsages as Usage;

use crate::buffer;
use crate::data::{Data, stored};
use crate::wait::{Mapping, unmapped};
use crate::{Device, GpuError};

/// A copy of a buffer on its way to the host.
pub(crate) struct Download {
    device: Device,
    buffer: wgpu::Buffer,
    mapping: Option<Mapping>,
}

impl Download {
    /// Requests a copy of a buffer with its content after all work submitted so far. With `clear` the buffer is zero afterwards.
    pub(crate) fn request(device: &Device, from: &wgpu::Buffer, clear: bool) -> Result<Self, GpuError> {
        device.check()?;
        let buffer = buffer::empty(device, "download", from.size(), Usage::MAP_READ | Usage::COPY_DST)?;
        device.scope("a download", || {
            let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(from, 0, &buffer, 0, from.size());
            if clear {
                encoder.clear_buffer(from, 0, None);
            }
            device.queue().submit([encoder.finish()])
        })?;
        let mapping = Some(Mapping::request(device, &buffer)?);
        Ok(Self { device: device.clone(), buffer, mapping })
    }

    /// Waits until the copy has arrived.
    pub(crate) async fn arrive(&mut self) -> Result<(), GpuError> {
        match self.mapping.take() {
            Some(mapping) => mapping.await,
            None => Ok(()),
        }
    }

    /// Blocks until the copy has arrived.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait(&mut self) -> Result<(), GpuError> {
        self.mapping.take().map_or(Ok(()), Mapping::wait)
    }

    /// The dense values of an f32 or f16 tensor that begins at byte `offset` of the buffer.
    pub(crate) fn tensor(&self, ty: TensorType, offset: u64) -> Result<Vec<f32>, GpuError> {
        let view = self.buffer.get_mapped_range(..).map_err(|error| unmapped(&self.device, &error))?;
        match Data::unpack(ty, &view[offset as usize..(offset + ty.bytes()) as usize]) {
            Data::F32(values) => Ok(values),
            Data::U32(_) => {
                let reason = format!("{ty} is no f32 tensor");
                Err(GpuError::Validation { what: "a download".to_owned(), reason })
            }
        }
    }
}

/// The dense values of a tensor that is stored in these pieces; `download` gives the copy of the buffer with a given index.
pub(crate) fn read_pieces<'a>(
    ty: TensorType,
    pieces: &[Piece],
    download: impl Fn(usize) -> &'a Download,
) -> Result<Vec<f32>, GpuError> {
    let read = |piece: &Piece| download(piece.buffer).tensor(piece.ty, piece.offset);
    if let [whole] = pieces {
        return read(whole);
    }
    let mut dense = vec![0.0; ty.shape.len()];
    for piece in pieces {
        let (values, c) = (read(piece)?, piece.ty.shape.c);
        for (row, from) in dense.chunks_exact_mut(ty.shape.c).zip(values.chunks_exact(c)) {
            row[piece.first..piece.first + c].copy_from_slice(from);
        }
    }
    Ok(dense)
}

/// The values of one piece in device layout, from those of the whole tensor in device layout.
pub(crate) fn piece_of<'a>(ty: TensorType, piece: &Piece, padded: &'a [f32]) -> Cow<'a, [f32]> {
    if piece.ty == ty {
        return Cow::Borrowed(padded);
    }
    let len = piece.ty.padded().c;
    let rows = padded.chunks_exact(ty.padded().c).flat_map(|row| &row[piece.first..piece.first + len]);
    Cow::Owned(rows.copied().collect())
}

/// Writes dense values to a tensor that is stored in these pieces; `buffer` gives the buffer with a given index.
pub(crate) fn write_pieces<'a>(
    device: &Device,
    name: &str,
    ty: TensorType,
    pieces: &[Piece],
    buffer: impl Fn(usize) -> &'a wgpu::Buffer,
    values: &[f32],
) -> Result<(), GpuError> {
    if values.len() != ty.shape.len() {
        let (shape, needs, got) = (ty.shape, ty.shape.len(), values.len());
        return Err(GpuError::TensorLength { name: name.to_owned(), shape, needs, got });
    }
    device.check()?;
    let mut words = vec![0.0f32; ty.padded_len()];
    ty.pack(values, &mut words);
    device.scope("writing a tensor", || {
        for piece in pieces {
            let content = piece_of(ty, piece, &words);
            device.queue().write_buffer(buffer(piece.buffer), piece.offset, &stored(piece.ty, &content));
            // Without a submit, wgpu would hold the written data in memory until the next run.
            device.queue().submit([]);
        }
    })
}
