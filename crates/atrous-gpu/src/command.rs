//! Dispatches with their pipelines and bindings.

use atrous_kernels::plan::{Place, PlannedDispatch};

use crate::pipelines::Pipeline;
use crate::{Device, GpuError};

/// A dispatch with its pipeline and bindings.
pub(crate) struct Command {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) bindings: wgpu::BindGroup,
    pub(crate) grid: [u32; 3],
}

impl Command {
    /// Adds the dispatch to a pass.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.grid;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Compiles dispatches of a plan and binds their buffers.
pub(crate) fn commands(
    device: &Device,
    dispatches: &[&PlannedDispatch],
    buffers: &[wgpu::Buffer],
) -> Result<Vec<Command>, GpuError> {
    let pipelines = device.pipelines().get(device.handle(), dispatches)?;
    let command = |(dispatch, pipeline): (&&PlannedDispatch, Pipeline)| {
        let entry = |(binding, place): (usize, &Place)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &buffers[place.buffer],
                offset: place.offset,
                size: wgpu::BufferSize::new(place.bytes),
            }),
        };
        let entries: Vec<_> = dispatch.bindings.iter().enumerate().map(entry).collect();
        let bindings = device.raw().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(dispatch.shader.name),
            layout: &pipeline.bindings,
            entries: &entries,
        });
        Command { pipeline: pipeline.raw, bindings, grid: dispatch.grid }
    };
    device.scope("binding buffers", || dispatches.iter().zip(pipelines).map(command).collect())
}
