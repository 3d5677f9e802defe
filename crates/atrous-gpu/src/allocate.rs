//! What a session needs on the device, made from its plan.

use atrous_graph::{Graph, NodeId, TensorType};
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

/// An input of the graph.
pub(crate) struct InputSlot {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    /// Where it lies in the inputs buffer; none if no output needs it.
    pub(crate) place: Option<Place>,
}

/// An output that is read back.
pub(crate) struct OutputSlot {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    pub(crate) place: Place,
    /// First byte in the readback buffer.
    pub(crate) offset: u64,
}

/// Holds the memory the plan predicts against the budget, and what cannot be split against the largest buffer.
pub(crate) fn check_memory(device: &Device, plan: &Plan) -> Result<(), GpuError> {
    let (needs, activations, parameters) = (plan.peak_bytes(), plan.activation_bytes(), plan.parameter_bytes());
    if let Some(budget) = device.options().memory_budget.filter(|budget| needs > *budget) {
        let transfer = needs - activations - parameters;
        return Err(GpuError::MemoryBudget { needs, activations, parameters, transfer, budget });
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
    let make = |planned: &BufferPlan| match planned.kind {
        BufferKind::Inputs => {
            buffer(device, "inputs", planned.bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        }
        BufferKind::Bank if device.options().checks => poisoned(device, planned.bytes),
        BufferKind::Bank => buffer(device, "activations", planned.bytes, Usage::STORAGE | Usage::COPY_SRC),
        BufferKind::Parameters(index) => Ok(parameters.buffers()[index].clone()),
        BufferKind::Constants => {
            let constants = mapped_buffer(device, "constants", planned.bytes)?;
            write_mapped(&constants, 0, planned.bytes, bytemuck::cast_slice(&plan.constants))?;
            device.scope("uploading constants", || constants.unmap())?;
            Ok(constants)
        }
    };
    plan.buffers.iter().map(make).collect()
}

/// A bank that is NaN all over: whoever reads what nothing wrote shows it.
fn poisoned(device: &Device, bytes: u64) -> Result<wgpu::Buffer, GpuError> {
    let bank = mapped_buffer(device, "activations", bytes)?;
    let nan = vec![0xff; 1 << 20];
    for first in (0..bytes).step_by(nan.len()) {
        let count = (bytes - first).min(nan.len() as u64);
        write_mapped(&bank, first, count, &nan[..count as usize])?;
    }
    device.scope("filling activations", || bank.unmap())?;
    Ok(bank)
}

/// The plan's dispatches in order, compiled and bound.
pub(crate) fn commands(device: &Device, plan: &Plan, buffers: &[wgpu::Buffer]) -> Result<Vec<Command>, GpuError> {
    let dispatches: Vec<&PlannedDispatch> = plan.steps.iter().flat_map(|step| &step.dispatches).collect();
    let pipelines = device.pipelines().get(device, &dispatches)?;
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

/// All inputs of the graph, in its order.
pub(crate) fn input_slots(graph: &Graph, plan: &Plan) -> Vec<InputSlot> {
    let place = |id: NodeId| plan.inputs.contains(&id).then_some(plan.tensors[id.0]).flatten().map(|t| t.place);
    graph.inputs().map(|(id, node)| InputSlot { name: node.name.clone(), ty: node.ty, place: place(id) }).collect()
}

/// The plan's outputs, one after the other in the readback buffer.
pub(crate) fn output_slots(graph: &Graph, plan: &Plan) -> Vec<OutputSlot> {
    let mut end = 0;
    let slot = |id: &NodeId| {
        let node = graph.node(*id);
        let place = plan.tensors[id.0].map(|t| t.place).expect("a plan places its outputs");
        let offset = end;
        end += place.bytes;
        OutputSlot { name: node.name.clone(), ty: node.ty, place, offset }
    };
    plan.outputs.iter().map(slot).collect()
}
