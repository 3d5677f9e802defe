//! A graph made ready to run: buffers, pipelines and bind groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrous_graph::{Graph, NodeId, TensorType};
use atrous_kernels::Plan;
use atrous_kernels::plan::{BufferKind, Place, PlannedDispatch, plan};

use wgpu::BufferUsages as Usage;

use crate::parameters::{mapped_buffer, write_mapped};
use crate::timer::{self, Timer};
use crate::{Counters, Device, GpuError, Parameters};

/// A graph planned for fixed input shapes, with everything it needs on the device.
///
/// Making one compiles the kernels that the device has not met before. A run is `&mut`: its buffers serve one run at a time.
pub struct Session {
    pub(crate) device: Device,
    pub(crate) plan: Plan,
    /// Kept alive for the bind groups.
    parameters: Arc<Parameters>,
    /// By [`Plan::buffers`].
    pub(crate) buffers: Vec<wgpu::Buffer>,
    pub(crate) commands: Vec<Command>,
    pub(crate) inputs: Vec<InputSlot>,
    /// The inputs buffer's content.
    pub(crate) staging: Vec<u32>,
    pub(crate) outputs: Vec<OutputSlot>,
    pub(crate) output_names: Arc<HashMap<String, usize>>,
    pub(crate) readback: wgpu::Buffer,
    /// The readback buffer is mapped, or about to be.
    pub(crate) mapped: bool,
    pub(crate) timer: Option<Timer>,
    pub(crate) gpu_time: Option<Duration>,
    pub(crate) counters: Counters,
}

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

impl Session {
    /// Plans `outputs` of a graph for this device, and makes all that runs need. The predicted memory, parameters included,
    /// is held against the device's budget before anything is allocated.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if the graph does not fit the device's limits, [`GpuError::MemoryBudget`],
    /// [`GpuError::ParameterMismatch`] if the parameters are not this graph's, [`GpuError::NoOutputs`],
    /// [`GpuError::UnknownNode`], [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn new(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        if outputs.is_empty() {
            return Err(GpuError::NoOutputs);
        }
        let nodes = graph.nodes().len();
        if let Some(&node) = outputs.iter().find(|id| id.0 >= nodes) {
            return Err(GpuError::UnknownNode { node, nodes });
        }
        let plan = plan(graph, outputs, &device.target())?;
        Self::from_plan(device, graph, plan, parameters)
    }

    /// A session that runs a given plan of `graph`, made for this device or for one with tighter limits.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_plan(
        device: &Device,
        graph: &Graph,
        plan: Plan,
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        device.check()?;
        if !device.is_same(parameters.device()) {
            return Err(GpuError::OtherDevice);
        }
        if plan.outputs.is_empty() {
            return Err(GpuError::NoOutputs);
        }
        parameters.check(graph, &plan)?;
        check_memory(device, &plan)?;
        let timer = Timer::new(device)?;
        let readback_bytes = plan.readback_bytes() + if timer.is_some() { timer::BYTES } else { 0 };
        let buffers = allocate(device, &plan, &parameters)?;
        let readback = buffer(device, "readback", readback_bytes, Usage::MAP_READ | Usage::COPY_DST)?;
        let commands = commands(device, &plan, &buffers)?;
        let outputs = output_slots(graph, &plan);
        let index = |id: NodeId| plan.outputs.iter().position(|output| *output == id);
        let names = graph.names().filter_map(|(name, id)| Some((name.to_owned(), index(id)?)));
        let input_bytes = plan.buffers.iter().find(|b| b.kind == BufferKind::Inputs).map_or(0, |b| b.bytes);
        Ok(Self {
            device: device.clone(),
            inputs: input_slots(graph, &plan),
            staging: vec![0; (input_bytes / 4) as usize],
            outputs,
            output_names: Arc::new(names.collect()),
            plan,
            parameters,
            buffers,
            commands,
            readback,
            mapped: false,
            timer,
            gpu_time: None,
            counters: Counters::default(),
        })
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The parameters.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }

    /// The graph's inputs with what a run must give for them, in the graph's order.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.inputs.iter().map(|slot| (slot.name.as_str(), slot.ty))
    }

    /// Names and types of the outputs, in the order asked for.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.outputs.iter().map(|slot| (slot.name.as_str(), slot.ty))
    }

    /// What all runs so far have done.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How long the last run's kernels took on the device; `None` before the first run, and on devices opened without
    /// [`timestamps`](crate::DeviceOptions::timestamps) or without the feature.
    pub fn last_gpu_time(&self) -> Option<Duration> {
        self.gpu_time
    }

    /// Bytes of all buffers, parameters and readback included: what [`Plan::peak_bytes`] predicts, and 32 bytes for the timer
    /// where there is one.
    pub fn measured_bytes(&self) -> u64 {
        let timer = if self.timer.is_some() { timer::BYTES } else { 0 };
        self.buffers.iter().map(wgpu::Buffer::size).sum::<u64>() + self.readback.size() + timer
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outputs: Vec<&str> = self.outputs().map(|(name, _)| name).collect();
        f.debug_struct("Session").field("outputs", &outputs).field("counters", &self.counters).finish_non_exhaustive()
    }
}

fn check_memory(device: &Device, plan: &Plan) -> Result<(), GpuError> {
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

fn buffer(device: &Device, what: &'static str, size: u64, usage: Usage) -> Result<wgpu::Buffer, GpuError> {
    let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
    device.scope(what, || device.raw().create_buffer(&descriptor))
}

/// The plan's buffers. Everything can be copied from: an output may be an input or a parameter.
fn allocate(device: &Device, plan: &Plan, parameters: &Parameters) -> Result<Vec<wgpu::Buffer>, GpuError> {
    let make = |planned: &atrous_kernels::plan::BufferPlan| match planned.kind {
        BufferKind::Inputs => {
            buffer(device, "inputs", planned.bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        }
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

fn commands(device: &Device, plan: &Plan, buffers: &[wgpu::Buffer]) -> Result<Vec<Command>, GpuError> {
    let dispatches: Vec<&PlannedDispatch> = plan.steps.iter().flat_map(|step| &step.dispatches).collect();
    let pipelines = device.pipelines().get(device, &dispatches)?;
    let command = |(dispatch, pipeline): (&&PlannedDispatch, crate::pipelines::Pipeline)| {
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

fn input_slots(graph: &Graph, plan: &Plan) -> Vec<InputSlot> {
    let place = |id: NodeId| plan.inputs.contains(&id).then_some(plan.tensors[id.0]).flatten().map(|t| t.place);
    graph.inputs().map(|(id, node)| InputSlot { name: node.name.clone(), ty: node.ty, place: place(id) }).collect()
}

fn output_slots(graph: &Graph, plan: &Plan) -> Vec<OutputSlot> {
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
