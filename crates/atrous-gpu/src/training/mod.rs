//! A network in training: graph, gradients and updates, planned together and submitted together.

mod state;
mod step;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrous_graph::optim::Training;
use atrous_graph::passes::optimize;
use atrous_graph::{Graph, NodeId, TensorType};
use atrous_kernels::plan::{BufferKind, Place, plan_training};
use atrous_kernels::{Plan, PlanError};
use wgpu::BufferUsages as Usage;

use crate::allocate::{self, Command};
use crate::slots::{self, InputSlot, OutputSlot};
use crate::timer::{self, Timer};
use crate::{Counters, Device, GpuError, Parameters};
use step::Pending;

pub use state::{LOSS_SCALE, LOSS_SCALE_COUNTS};
pub use step::StepResult;

/// A training step for fixed input shapes, with everything it needs on the device. Each step changes the parameters, which
/// sessions for inference may share.
pub struct TrainingSession {
    device: Device,
    plan: Plan,
    parameters: Arc<Parameters>,
    /// By [`Plan::buffers`].
    buffers: Vec<wgpu::Buffer>,
    /// The steps of the graph and what every run does after them.
    always: Vec<Command>,
    /// The update.
    update: Vec<Command>,
    inputs: Vec<InputSlot>,
    staging: Vec<u32>,
    outputs: Vec<OutputSlot>,
    output_names: Arc<HashMap<String, usize>>,
    /// Parameters that are updated, with their types and places.
    trained: Vec<(String, TensorType, Place)>,
    /// Totals, with their types and places.
    totals: Vec<(String, TensorType, Place)>,
    /// Written in turns.
    readbacks: [wgpu::Buffer; 2],
    /// A readback is mapped, or about to be.
    mapped: [bool; 2],
    /// The step that is under way.
    pending: Option<Pending>,
    timer: Option<Timer>,
    gpu_time: Option<Duration>,
    counters: Counters,
}

impl TrainingSession {
    /// Rewrites a graph by the passes of [`DeviceOptions::passes`](crate::DeviceOptions::passes) that keep parameters as they are and
    /// by its [precision](crate::DeviceOptions::precision), plans a training step of it for this device, and makes all that it needs.
    /// The predicted memory, parameters included, is held against the device's budget before anything is allocated. The optimizer's
    /// state begins as zeros.
    ///
    /// In f16 activations and their gradients are stored so; parameters, their gradients, the optimizer's state, losses and totals stay
    /// f32. Without a [loss scale](Training::loss_scale) gradients below `6e-8` vanish there.
    ///
    /// `outputs` come back with each step; there may be none.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if `training` does not fit the graph, or the graph the device's limits; [`GpuError::MemoryBudget`],
    /// [`GpuError::ParameterMismatch`] if the parameters are not this graph's, [`GpuError::UnknownNode`],
    /// [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn new(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        training: &Training,
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        let nodes = graph.nodes().len();
        if let Some(&node) = outputs.iter().find(|id| id.0 >= nodes) {
            return Err(GpuError::UnknownNode { node, nodes });
        }
        let (graph, plan) = optimized(device, graph, outputs, training)?;
        Self::from_plan(device, &graph, plan, parameters)
    }

    /// Bytes of device memory that [`Self::new`] would need, parameters included. Nothing is allocated.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if `training` does not fit the graph, or the graph the device's limits.
    pub fn predict_bytes(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        training: &Training,
    ) -> Result<u64, GpuError> {
        Ok(optimized(device, graph, outputs, training)?.1.peak_bytes())
    }

    /// A session that runs a given plan of `graph`, made by [`plan_training`] for this device or for one with tighter limits.
    ///
    /// # Errors
    /// As [`Self::new`], and [`GpuError::NotTraining`].
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
        let training = plan.training.as_ref().ok_or(GpuError::NotTraining)?;
        parameters.check(graph, &plan)?;
        allocate::check_memory(device, &plan)?;
        let timer = Timer::new(device)?;
        let readback_bytes = plan.readback_bytes() + if timer.is_some() { timer::BYTES } else { 0 };
        let buffers = allocate::buffers(device, &plan, &parameters)?;
        let readback = || allocate::buffer(device, "readback", readback_bytes, Usage::MAP_READ | Usage::COPY_DST);
        let steps = plan.steps.iter().flat_map(|step| &step.dispatches);
        let always: Vec<_> = steps.chain(training.always.iter().flat_map(|u| &u.dispatches)).collect();
        let update: Vec<_> = training.update.iter().flat_map(|u| &u.dispatches).collect();
        let named = |(id, place): (NodeId, Place)| (graph.node(id).name.clone(), graph.node(id).ty, place);
        let place = |id: &NodeId| (*id, plan.tensors[id.0].expect("a plan places its parameters").place);
        let scale = training.loss_scale.map(|(scale, _)| graph.node(scale.node).name.as_str());
        let uploaded = |slot: &InputSlot| scale != Some(slot.name.as_str());
        let input_bytes = plan.buffers.iter().find(|b| b.kind == BufferKind::Inputs).map_or(0, |b| b.bytes);
        Ok(Self {
            device: device.clone(),
            always: allocate::commands(device, &always, &buffers)?,
            update: allocate::commands(device, &update, &buffers)?,
            inputs: slots::input_slots(graph, &plan).into_iter().filter(uploaded).collect(),
            staging: vec![0; (input_bytes / 4) as usize],
            outputs: slots::output_slots(graph, &plan),
            output_names: Arc::new(slots::names(graph, &plan.outputs)),
            trained: training.parameters.iter().map(|id| named(place(id))).collect(),
            totals: training.totals.iter().map(|total| named(*total)).collect(),
            readbacks: [readback()?, readback()?],
            mapped: [false; 2],
            pending: None,
            timer,
            gpu_time: None,
            counters: Counters::default(),
            plan,
            parameters,
            buffers,
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

    /// The graph's inputs with what a step must give for them, in the graph's order.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.inputs.iter().map(|slot| (slot.name.as_str(), slot.ty))
    }

    /// What all steps so far have done.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How long the kernels of the last step whose result came back took on the device; `None` before, and on devices opened
    /// without [`timestamps`](crate::DeviceOptions::timestamps) or without the feature.
    pub fn last_gpu_time(&self) -> Option<Duration> {
        self.gpu_time
    }

    /// Bytes of all buffers, parameters and readbacks included: what [`Plan::peak_bytes`] predicts, and 48 bytes for the timer
    /// where there is one.
    pub fn measured_bytes(&self) -> u64 {
        let timer = if self.timer.is_some() { timer::BYTES } else { 0 };
        self.buffers.iter().chain(&self.readbacks).map(wgpu::Buffer::size).sum::<u64>() + timer
    }
}

/// The graph after the passes, and its plan.
fn optimized(
    device: &Device,
    graph: &Graph,
    outputs: &[NodeId],
    training: &Training,
) -> Result<(Graph, Plan), GpuError> {
    training.validate(graph).map_err(PlanError::Training)?;
    let kept = [outputs, &training.nodes()].concat();
    let options = device.options();
    let optimized = optimize(graph, &kept, options.passes.keeping_parameters());
    let optimized = optimized.stored_for_training(&kept, options.precision, training);
    let (outputs, training) = (optimized.now(outputs), training.follow(&optimized));
    let plan = plan_training(&optimized.graph, &outputs, &training, &device.target())?;
    Ok((optimized.graph, plan))
}

impl std::fmt::Debug for TrainingSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parameters = self.trained.len();
        f.debug_struct("TrainingSession")
            .field("trained", &parameters)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
