//! Buffers of a device: empty, mapped for their first content, or filled.

use wgpu::BufferUsages as Usage;

use crate::{Device, GpuError};

/// A buffer of `size` bytes, filled with zeros.
pub(crate) fn empty(device: &Device, what: &'static str, size: u64, usage: Usage) -> Result<wgpu::Buffer, GpuError> {
    let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
    device.scope(what, || device.raw().create_buffer(&descriptor))
}

/// A storage buffer of `bytes` bytes, mapped so that [`write_mapped`] can fill it before it is unmapped.
pub(crate) fn mapped(device: &Device, what: &'static str, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
    let descriptor = wgpu::BufferDescriptor {
        label: Some(what),
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: true,
    };
    device.scope(what, || device.raw().create_buffer(&descriptor))
}

/// Copies `content` to bytes `offset..offset + bytes` of a buffer made by [`mapped`].
pub(crate) fn write_mapped(
    device: &Device,
    buffer: &wgpu::Buffer,
    offset: u64,
    bytes: u64,
    content: &[u8],
) -> Result<(), GpuError> {
    let mut view = buffer.get_mapped_range_mut(offset..offset + bytes).map_err(|e| {
        device.handle().cause(GpuError::Validation { what: "mapping a new buffer".to_owned(), reason: e.to_string() })
    })?;
    view.copy_from_slice(content);
    Ok(())
}

/// A storage buffer that holds these words.
pub(crate) fn filled(device: &Device, what: &'static str, words: &[u32]) -> Result<wgpu::Buffer, GpuError> {
    let bytes = 4 * words.len() as u64;
    let buffer = mapped(device, what, bytes)?;
    write_mapped(device, &buffer, 0, bytes, bytemuck::cast_slice(words))?;
    device.scope("uploading constants", || buffer.unmap())?;
    Ok(buffer)
}

/// A storage buffer of `bytes` bytes in which the word of these four bytes is repeated.
pub(crate) fn repeated(
    device: &Device,
    what: &'static str,
    bytes: u64,
    word: [u8; 4],
) -> Result<wgpu::Buffer, GpuError> {
    let buffer = mapped(device, what, bytes)?;
    let words = word.repeat(1 << 18);
    for first in (0..bytes).step_by(words.len()) {
        let count = (bytes - first).min(words.len() as u64);
        write_mapped(device, &buffer, first, count, &words[..count as usize])?;
    }
    device.scope("filling a buffer", || buffer.unmap())?;
    Ok(buffer)
}
