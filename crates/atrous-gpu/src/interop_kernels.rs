//! The kernels that read and write the caller's buffers and textures, compiled once per device.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atrous_shaders::Shader;

use crate::GpuError;
use crate::handle::Handle;

/// Pixels of a side of a workgroup, in the kernels that go over pixels.
pub(crate) const SIDE: u32 = 8;

/// The kernels that a device has compiled.
#[derive(Default)]
pub(crate) struct Kernels {
    /// By kernel and variant.
    made: Mutex<HashMap<[&'static str; 2], wgpu::ComputePipeline>>,
}

impl Kernels {
    /// The compiled kernel; the first call compiles it.
    pub(crate) fn get(&self, handle: &Handle, shader: &'static Shader) -> Result<wgpu::ComputePipeline, GpuError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, kernel) = (shader.name, [shader.name, shader.variant]);
        if let Some(pipeline) = made.get(&kernel) {
            return Ok(pipeline.clone());
        }
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
