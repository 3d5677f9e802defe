//! What a session needs on the device, made from its plan.

use atrous_kernels::Plan;
use atrous_kernels::plan::{BufferKind, BufferPlan, Place, PlannedDispatch};
use wgpu::BufferUsages as Usage;

use crate::parameters::{mapped_buffer, write_mapped};
use crate::pipelines::Pipeline;
use crate::{Device, GpuError, Parameters};

/// A dispatch with all that it binds.
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

/// Holds the memory the plan predicts against the budget, and what cannot be split against the largest buffer.
pub(crate) fn check_memory(device: &Device, plan: &Plan) -> Result<(), GpuError> {
    let (needs, activations, parameters) = (plan.peak_bytes(), plan.activation_bytes(), plan.parameter_bytes());
    let (gradients, state) = (plan.gradient_bytes(), plan.state_bytes());
    if let Some(budget) = device.options().memory_budget.filter(|budget| needs > *budget) {
        let transfer = needs - activations - parameters - gradients - state;
        return Err(GpuError::MemoryBudget { needs, activations, parameters, gradients, state, transfer, budget });
    }
    let limit = device.target().limits.max_buffer;
    let over = |(_, needs): &(&'static str, u64)| *needs > limit;
    let transfers = [("reading back the outputs", plan.readback_bytes())].into_iter();
    let inputs =
        plan.buffers.iter().filter(|b| b.kind == BufferKind::Inputs).map(|b| ("uploading the inputs", b.bytes));
    match transfers.chain(inputs).find(over) {
        Some((what, needs)) => Err(GpuError::BufferLimit { what, needs, limit }),
        None => Ok(()),
    }
}

/// A buffer without content.
pub(crate) fn buffer(device: &Device, what: &'static str, size: u64, usage: Usage) -> Result<wgpu::Buffer, GpuError> {
    let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
    device.scope(what, || device.raw().create_buffer(&descriptor))
}

/// The plan's buffers. Everything can be copied from: an output may be an input or a parameter.
pub(crate) fn buffers(device: &Device, plan: &Plan, parameters: &Parameters) -> Result<Vec<wgpu::Buffer>, GpuError> {
    let first_state = plan.training.as_ref().map_or(0.0, |training| training.optimizer.first_state() as f32);
    let make = |planned: &BufferPlan| match planned.kind {
        BufferKind::Inputs => {
            buffer(device, "inputs", planned.bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        }
        BufferKind::Bank | BufferKind::Gradients(_) | BufferKind::Partials if device.options().checks => {
            // NaN all over: whoever reads what nothing wrote shows it.
            repeated(device, "activations", planned.bytes, [0xff; 4])
        }
        BufferKind::Bank => buffer(device, "activations", planned.bytes, Usage::STORAGE | Usage::COPY_SRC),
        BufferKind::Gradients(_) | BufferKind::Partials | BufferKind::Control => {
            buffer(device, "gradients", planned.bytes, Usage::STORAGE | Usage::COPY_SRC)
        }
        BufferKind::State(..) if first_state != 0.0 => {
            repeated(device, "optimizer state", planned.bytes, first_state.to_le_bytes())
        }
        // WebGPU makes them zero.
        BufferKind::State(..) | BufferKind::Accumulated(_) | BufferKind::Totals => {
            buffer(device, "optimizer state", planned.bytes, Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST)
        }
        BufferKind::LossScale => {
            let scale = plan.training.as_ref().and_then(|training| training.loss_scale);
            let (scale, _) = scale.expect("a plan that scales says so: a bug of atrous");
            let scales = mapped_buffer(device, "loss scale", planned.bytes)?;
            write_mapped(device, &scales, 0, 4, &scale.scaling.init.to_le_bytes())?;
            device.scope("uploading the loss scale", || scales.unmap())?;
            Ok(scales)
        }
        BufferKind::Parameters(index) => Ok(parameters.buffers()[index].clone()),
        BufferKind::Constants => filled(device, "constants", &plan.constants),
    };
    plan.buffers.iter().map(make).collect()
}

/// A buffer of these words.
pub(crate) fn filled(device: &Device, what: &'static str, words: &[u32]) -> Result<wgpu::Buffer, GpuError> {
    let bytes = 4 * words.len() as u64;
    let buffer = mapped_buffer(device, what, bytes)?;
    write_mapped(device, &buffer, 0, bytes, bytemuck::cast_slice(words))?;
    device.scope("uploading constants", || buffer.unmap())?;
    Ok(buffer)
}

/// A buffer of one word all over.
fn repeated(device: &Device, what: &'static str, bytes: u64, word: [u8; 4]) -> Result<wgpu::Buffer, GpuError> {
    let buffer = mapped_buffer(device, what, bytes)?;
    let words = word.repeat(1 << 18);
    for first in (0..bytes).step_by(words.len()) {
        let count = (bytes - first).min(words.len() as u64);
        write_mapped(device, &buffer, first, count, &words[..count as usize])?;
    }
    device.scope("filling a buffer", || buffer.unmap())?;
    Ok(buffer)
}

/// Dispatches of a plan, compiled and bound.
pub(crate) fn commands(
    device: &Device,
    dispatches: &[&PlannedDispatch],
    buffers: &[wgpu::Buffer],
) -> Result<Vec<Command>, GpuError> {
    let pipelines = device.pipelines().get(device, dispatches)?;
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
