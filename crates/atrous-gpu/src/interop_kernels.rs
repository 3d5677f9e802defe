//! The kernels that read and write the caller's buffers and textures, compiled once per device.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::GpuError;
use crate::handle::Handle;

/// A kernel of the catalogue: name and variant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kernel(pub(crate) &'static str, &'static str);

pub(crate) const LOAD_BUFFER: Kernel = Kernel("interop/load_buffer", "");
pub(crate) const LOAD_TEXTURE: Kernel = Kernel("interop/load_texture", "");
pub(crate) const OVERLAY: Kernel = Kernel("interop/overlay", "");
pub(crate) const STORE_U32: Kernel = Kernel("interop/store_texture", "");
pub(crate) const STORE_F32: Kernel = Kernel("interop/store_texture", "float");

/// Pixels of a side of a workgroup, in the kernels that go over pixels.
pub(crate) const SIDE: u32 = 8;

/// The kernels that a device has compiled.
#[derive(Default)]
pub(crate) struct Kernels {
    made: Mutex<HashMap<Kernel, wgpu::ComputePipeline>>,
}

impl Kernels {
    /// The compiled kernel; the first call compiles it.
    pub(crate) fn get(&self, handle: &Handle, kernel: Kernel) -> Result<wgpu::ComputePipeline, GpuError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = made.get(&kernel) {
            return Ok(pipeline.clone());
        }
        let Kernel(name, variant) = kernel;
        let shader = atrous_shaders::find(name, variant).expect("a kernel of the catalogue: a bug of atrous");
        let pipeline = handle.scope(name, || {
            let source = wgpu::ShaderSource::Wgsl((&*shader.source).into());
            let module = handle.raw.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(name), source });
            handle.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
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
