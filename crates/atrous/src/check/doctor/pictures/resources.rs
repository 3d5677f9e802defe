//! A program's own textures and buffers.

use std::sync::mpsc;

use atrous_gpu::wgpu::{self, BufferUsages, TextureFormat, TextureUsages};
use atrous_gpu::{Device, GpuError};

/// A buffer of these bytes.
pub(super) fn buffer(device: &Device, bytes: &[u8], usage: BufferUsages) -> wgpu::Buffer {
    let buffer = empty(device, bytes.len() as u64, usage | BufferUsages::COPY_DST);
    device.queue().write_buffer(&buffer, 0, bytes);
    buffer
}

fn empty(device: &Device, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    device.raw().create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

pub(super) fn texture(
    device: &Device,
    [width, height]: [usize; 2],
    format: TextureFormat,
    usage: TextureUsages,
) -> wgpu::Texture {
    device.raw().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// A texture of this picture, with all kinds of alpha.
pub(super) fn picture(device: &Device, size: [usize; 2], format: TextureFormat, photo: &[[u8; 3]]) -> wgpu::Texture {
    let texture = texture(device, size, format, TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST);
    let reversed = matches!(format, TextureFormat::Bgra8Unorm | TextureFormat::Bgra8UnormSrgb);
    let texel = |(i, [r, g, b]): (usize, &[u8; 3])| {
        let alpha = (31 * i) as u8;
        if reversed { [*b, *g, *r, alpha] } else { [*r, *g, *b, alpha] }
    };
    let texels: Vec<u8> = photo.iter().enumerate().flat_map(texel).collect();
    let row = 4 * texture.width();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    device.queue().write_texture(texture.as_image_copy(), &texels, layout, texture.size());
    texture
}

/// Submits what `encode` appends.
pub(super) fn submit(
    device: &Device,
    encode: impl FnOnce(&mut wgpu::CommandEncoder) -> Result<(), GpuError>,
) -> Result<(), GpuError> {
    let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encode(&mut encoder)?;
    device.queue().submit([encoder.finish()]);
    Ok(())
}

/// The texels of a texture, row by row, 4 bytes each.
pub(super) fn texels(device: &Device, texture: &wgpu::Texture) -> Result<Vec<u32>, GpuError> {
    let row = (4 * texture.width()).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let copy = empty(device, u64::from(row * texture.height()), BufferUsages::COPY_DST | BufferUsages::MAP_READ);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    submit(device, |encoder| {
        let to = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
        encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
        Ok(())
    })?;
    let words = mapped(device, &copy)?;
    let (row, used) = (row as usize / 4, texture.width() as usize);
    Ok(words.chunks(row).flat_map(|row| &row[..used]).copied().collect())
}

/// A part of a buffer.
pub(super) fn words(device: &Device, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<u32>, GpuError> {
    let copy = empty(device, bytes, BufferUsages::COPY_DST | BufferUsages::MAP_READ);
    submit(device, |encoder| {
        encoder.copy_buffer_to_buffer(buffer, offset, &copy, 0, bytes);
        Ok(())
    })?;
    mapped(device, &copy)
}

/// The words of a buffer when all that was submitted is done.
fn mapped(device: &Device, buffer: &wgpu::Buffer) -> Result<Vec<u32>, GpuError> {
    let lost = |why: String| GpuError::DeviceLost(format!("a result cannot be read: {why}"));
    let (sender, receiver) = mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| drop(sender.send(result)));
    device.raw().poll(wgpu::PollType::wait_indefinitely()).map_err(|error| lost(error.to_string()))?;
    match receiver.try_recv() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(lost(error.to_string())),
        Err(_) => return Err(lost("it was not mapped".to_owned())),
    }
    let bytes = buffer.get_mapped_range(..).map_err(|error| lost(error.to_string()))?;
    Ok(bytes.to_vec().chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
}
