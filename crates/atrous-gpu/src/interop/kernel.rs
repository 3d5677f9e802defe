//! The kernels that read and write the caller's buffers and textures, and what all of them need.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atrous_graph::TensorType;

use crate::allocate::{self, Command};
use crate::{Device, GpuError};

/// A kernel of the catalogue: name and variant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kernel(&'static str, &'static str);

pub(super) const LOAD_BUFFER: Kernel = Kernel("interop/load_buffer", "");
pub(super) const LOAD_TEXTURE: Kernel = Kernel("interop/load_texture", "");
pub(super) const OVERLAY: Kernel = Kernel("interop/overlay", "");
pub(super) const STORE_U32: Kernel = Kernel("interop/store_texture", "");
pub(super) const STORE_F32: Kernel = Kernel("interop/store_texture", "float");

/// Pixels of a workgroup's side, of the kernels that go over pixels.
pub(super) const SIDE: u32 = 8;

/// The kernels that a device has compiled.
#[derive(Default)]
pub(crate) struct Kernels {
    made: Mutex<HashMap<Kernel, wgpu::ComputePipeline>>,
}

impl Kernels {
    fn get(&self, device: &Device, kernel: Kernel) -> Result<wgpu::ComputePipeline, GpuError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = made.get(&kernel) {
            return Ok(pipeline.clone());
        }
        let Kernel(name, variant) = kernel;
        let shader = atrous_shaders::find(name, variant).expect("a kernel of the catalogue: a bug of atrous");
        let pipeline = device.scope(name, || {
            let source = wgpu::ShaderSource::Wgsl((&*shader.source).into());
            let module = device.raw().create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(name), source });
            device.raw().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        })?;
        made.insert(kernel, pipeline.clone());
        Ok(pipeline)
    }
}

impl Kernel {
    /// A dispatch with these words as its first binding and `resources` as the others. `what` is told if WebGPU refuses one: it is
    /// of another device, or destroyed.
    pub(super) fn command(
        &self,
        device: &Device,
        what: &str,
        params: &[u32],
        resources: &[wgpu::BindingResource<'_>],
        grid: [u32; 3],
    ) -> Result<Command, GpuError> {
        let pipeline = device.kernels().get(device, *self)?;
        let params = allocate::filled(device, "parameters of a kernel", params)?;
        let all = std::iter::once(params.as_entire_binding()).chain(resources.iter().cloned());
        let entries: Vec<_> =
            (0..).zip(all).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let bindings = device.scope(what, || {
            let layout = pipeline.get_bind_group_layout(0);
            let descriptor = wgpu::BindGroupDescriptor { label: Some(self.0), layout: &layout, entries: &entries };
            device.raw().create_bind_group(&descriptor)
        });
        let bindings = bindings.map_err(|error| match error {
            GpuError::Validation { what, reason } => GpuError::Resource { what, reason },
            other => other,
        })?;
        Ok(Command { pipeline, bindings, grid })
    }
}

/// The part of a buffer that a kernel binds for a range of bytes in it: aligned, and where in it the range begins.
pub(super) struct Window {
    offset: u64,
    size: u64,
    before: u64,
}

impl Window {
    /// For `bytes` bytes from `start`.
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

    /// For one sample of a tensor that begins at `start`.
    pub(super) fn sample(device: &Device, ty: TensorType, start: u64, sample: usize) -> Result<Self, GpuError> {
        let bytes = ty.bytes() / ty.shape.n as u64;
        Self::new(device, start + sample as u64 * bytes, bytes)
    }

    /// Where the range begins, in elements of so many bytes.
    pub(super) fn base(&self, element: u64) -> u32 {
        (self.before / element) as u32
    }

    pub(super) fn of<'b>(&self, buffer: &'b wgpu::Buffer) -> wgpu::BindingResource<'b> {
        let (offset, size) = (self.offset, wgpu::BufferSize::new(self.size));
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
    }
}

/// A refusal of something that the caller brought.
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

/// Whether reading a picture's texels decodes sRGB, as the kernels' number.
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

/// All of a texture's first level.
pub(super) fn view(device: &Device, what: &str, texture: &wgpu::Texture) -> Result<wgpu::TextureView, GpuError> {
    let descriptor = wgpu::TextureViewDescriptor { mip_level_count: Some(1), ..wgpu::TextureViewDescriptor::default() };
    device.scope(what, || texture.create_view(&descriptor))
}
