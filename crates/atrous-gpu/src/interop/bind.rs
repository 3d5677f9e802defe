//! Bindings of the caller's buffers and textures, and checks of them.

use atrous_graph::TensorType;
use atrous_shaders::Call;

use crate::buffer;
use crate::command::Command;
use crate::{Device, GpuError};

/// The words that a kernel reads its sizes and positions from.
pub(super) fn params(device: &Device, words: &[u32]) -> Result<wgpu::Buffer, GpuError> {
    buffer::filled(device, "parameters of a kernel", words)
}

/// A dispatch of a kernel. If WebGPU refuses what it binds, because it belongs to another device or is destroyed, the error names
/// `what`.
pub(super) fn command(
    device: &Device,
    what: &str,
    call: Call<wgpu::BindingResource<'_>>,
    grid: [u32; 3],
) -> Result<Command, GpuError> {
    let Call { shader, bindings, .. } = call;
    let pipeline = device.kernels().get(device.handle(), shader)?;
    let resources = (0..).zip(bindings.into_iter().map(|argument| argument.value));
    let entries: Vec<_> = resources.map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    let bindings = device.scope(what, || {
        let layout = pipeline.get_bind_group_layout(0);
        let descriptor = wgpu::BindGroupDescriptor { label: Some(shader.name), layout: &layout, entries: &entries };
        device.raw().create_bind_group(&descriptor)
    });
    let bindings = bindings.map_err(|error| match error {
        GpuError::Validation { what, reason } => GpuError::Resource { what, reason },
        other => other,
    })?;
    Ok(Command { pipeline, bindings, grid })
}

/// An aligned part of a buffer that a kernel binds to reach a range of bytes in it.
pub(super) struct Window {
    /// First byte of the part in the buffer, aligned for bindings.
    offset: u64,
    /// Bytes of the part.
    size: u64,
    /// Bytes of the part before the range.
    before: u64,
}

impl Window {
    /// The window for `bytes` bytes from byte `start`.
    pub(super) fn new(device: &Device, start: u64, bytes: u64) -> Result<Self, GpuError> {
        let limits = device.target().limits;
        let before = start % limits.alignment;
        let size = before + bytes;
        match size > limits.max_binding {
            true => {
                let (what, limit) = ("binding one sample", limits.max_binding);
                Err(GpuError::BufferLimit { what, needs: size, limit })
            }
            false => Ok(Self { offset: start - before, size, before }),
        }
    }

    /// The window for one sample of a tensor that begins at byte `start`.
    pub(super) fn sample(device: &Device, ty: TensorType, start: u64, sample: usize) -> Result<Self, GpuError> {
        let bytes = ty.bytes() / ty.shape.n as u64;
        Self::new(device, start + sample as u64 * bytes, bytes)
    }

    /// Where the range begins in the part, in elements of `element` bytes.
    pub(super) fn base(&self, element: u64) -> u32 {
        (self.before / element) as u32
    }

    /// The binding of the part of `buffer`.
    pub(super) fn of<'b>(&self, buffer: &'b wgpu::Buffer) -> wgpu::BindingResource<'b> {
        let (offset, size) = (self.offset, wgpu::BufferSize::new(self.size));
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
    }
}

/// The error for a buffer or texture of the caller that cannot be used.
pub(super) fn refuse<T>(what: &str, reason: String) -> Result<T, GpuError> {
    Err(GpuError::Resource { what: what.to_owned(), reason })
}

/// Checks that a texture is a plain one with the usage that it is needed for.
pub(super) fn check_texture(what: &str, texture: &wgpu::Texture, usage: wgpu::TextureUsages) -> Result<(), GpuError> {
    let (dimension, layers) = (texture.dimension(), texture.depth_or_array_layers());
    if dimension != wgpu::TextureDimension::D2 || layers != 1 || texture.sample_count() != 1 {
        let samples = texture.sample_count();
        return refuse(
            what,
            format!("a {dimension:?} texture of {layers} layers and {samples} samples, not a plain 2D one"),
        );
    }
    match texture.usage().contains(usage) {
        true => Ok(()),
        false => refuse(what, format!("the texture was made without the usage {usage:?}")),
    }
}

/// 1 if reading a picture's texels decodes sRGB, else 0, as the kernels take it.
pub(super) fn decodes_srgb(what: &str, picture: &wgpu::Texture) -> Result<u32, GpuError> {
    use wgpu::TextureFormat as Format;
    match picture.format() {
        Format::Rgba8Unorm | Format::Bgra8Unorm => Ok(0),
        Format::Rgba8UnormSrgb | Format::Bgra8UnormSrgb => Ok(1),
        other => refuse(
            what,
            format!("{other:?} is no format of pictures: Rgba8Unorm, Bgra8Unorm, or one of them with Srgb"),
        ),
    }
}

/// The view of a texture's first mip level.
pub(super) fn view(device: &Device, what: &str, texture: &wgpu::Texture) -> Result<wgpu::TextureView, GpuError> {
    let descriptor = wgpu::TextureViewDescriptor { mip_level_count: Some(1), ..wgpu::TextureViewDescriptor::default() };
    device.scope(what, || texture.create_view(&descriptor))
}
