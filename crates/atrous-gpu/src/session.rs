//! A graph made ready to run: buffers, pipelines and bind groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrous_graph::{Graph, NodeId, TensorType, passes};
use atrous_kernels::Plan;
use atrous_kernels::plan::{BufferKind, plan};

use crate::allocate::{self, Command};
use crate::flight::Readback;
use crate::pixels::PixelInput;
use crate::slots::{self, InputSlot, OutputSlot};
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
    /// Taken in turns by runs that are under way.
    pub(crate) readbacks: Vec<Readback>,
    /// How one input is made of pictures' bytes.
    pub(crate) pixels: Option<PixelInput>,
    pub(crate) timer: Option<Timer>,
    pub(crate) gpu_time: Option<Duration>,
    pub(crate) counters: Counters,
}

impl Session {
    /// Rewrites a graph by the passes of [`DeviceOptions::passes`](crate::DeviceOptions::passes) that keep parameters as they are
    /// and by its [precision](crate::DeviceOptions::precision), plans `outputs` of it for this device, and makes all that runs need. The predicted memory, parameters included,
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
        let (graph, plan) = optimized(device, graph, outputs)?;
        Self::from_plan(device, &graph, plan, parameters)
    }

    /// A session that runs a given plan of `graph`, made for this device or for one with tighter limits. What a plan that trains
    /// does after its steps is left out.
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
        allocate::check_memory(device, &plan)?;
        let timer = Timer::new(device)?;
        let readback_bytes = plan.readback_bytes() + if timer.is_some() { timer::BYTES } else { 0 };
        let buffers = allocate::buffers(device, &plan, &parameters)?;
        let readback = Readback::new(device, readback_bytes)?;
        let dispatches: Vec<_> = plan.steps.iter().flat_map(|step| &step.dispatches).collect();
        let commands = allocate::commands(device, &dispatches, &buffers)?;
        let input_bytes = plan.buffers.iter().find(|b| b.kind == BufferKind::Inputs).map_or(0, |b| b.bytes);
        Ok(Self {
            device: device.clone(),
            inputs: slots::input_slots(graph, &plan),
            staging: vec![0; (input_bytes / 4) as usize],
            outputs: slots::output_slots(graph, &plan),
            output_names: Arc::new(slots::names(graph, &plan.outputs)),
            plan,
            parameters,
            buffers,
            commands,
            readbacks: vec![readback],
            pixels: None,
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
    /// where there is one. Runs that are under way at once add a readback each, and pictures' bytes what they take.
    pub fn measured_bytes(&self) -> u64 {
        let timer = if self.timer.is_some() { timer::BYTES } else { 0 };
        self.buffers.iter().map(wgpu::Buffer::size).sum::<u64>()
            + self.readbacks.iter().map(Readback::size).sum::<u64>()
            + self.pixels.as_ref().map_or(0, PixelInput::bytes)
            + timer
    }
}

/// The graph after the passes, and its plan.
pub(crate) fn optimized(device: &Device, graph: &Graph, outputs: &[NodeId]) -> Result<(Graph, Plan), GpuError> {
    let options = device.options();
    let optimized = passes::optimize(graph, outputs, options.passes.keeping_parameters());
    let optimized = optimized.stored(outputs, options.precision, false);
    let plan = plan(&optimized.graph, &optimized.now(outputs), &device.target())?;
    Ok((optimized.graph, plan))
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outputs: Vec<&str> = self.outputs().map(|(name, _)| name).collect();
        f.debug_struct("Session").field("outputs", &outputs).field("counters", &self.counters).finish_non_exhaustive()
    }
}
