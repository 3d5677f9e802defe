//! A training step made ready to run: buffers, pipelines and bind groups.

use std::sync::Arc;
use std::time::Duration;

use atrous_graph::optim::Training;
use atrous_graph::{Graph, NodeId, TensorType};
use atrous_kernels::{Compiled, Plan, Purpose};

use crate::allocate::Lent;
use crate::command::{self, Command};
use crate::executable::Executable;
use crate::{Counters, Device, Flight, GpuError, Parameters};

/// A training step for fixed input shapes, with the buffers and pipelines that it needs. Each step changes the parameters, which
/// sessions for inference may share.
pub struct TrainingSession {
    pub(crate) executable: Executable,
    /// The commands of the update, which follow those of every run.
    pub(super) update: Vec<Command>,
    /// Names and types of the parameters that the optimizer updates.
    pub(super) trained: Vec<(String, TensorType)>,
    /// The step that is under way.
    pub(super) pending: Option<Pending>,
}

/// A step that was submitted and whose result was not taken.
pub(super) struct Pending {
    pub(super) flight: Flight,
    pub(super) step: u64,
}

impl TrainingSession {
    /// Compiles a graph for a [training step](Purpose::Training) on this device, and makes everything that it needs. Before anything is
    /// allocated, the predicted memory, parameters included, is compared with the device's budget. The optimizer's
    /// state begins as [`Optimizer::first_state`](atrous_graph::optim::Optimizer::first_state).
    ///
    /// At the precision f16, activations and their gradients are stored in f16; parameters, their gradients, the optimizer's state,
    /// losses and totals stay f32. Without a [loss scale](Training::loss_scale), gradients of activations below `6e-8` become zero.
    ///
    /// `outputs` are returned with each step; there may be none.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if `training` does not fit the graph, or the graph the device's limits; [`GpuError::MemoryBudget`],
    /// [`GpuError::ParameterMismatch`] if the parameters are not this graph's, [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn new(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        training: &Training,
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        let compiled = device.compile(graph, &Purpose::Training { training, outputs })?;
        Self::from_compiled(device, compiled, parameters)
    }

    /// A session that runs a graph compiled for training, on this device or one with tighter limits.
    ///
    /// # Errors
    /// As [`Self::new`], and [`GpuError::NotTraining`].
    pub fn from_compiled(device: &Device, compiled: Compiled, parameters: Arc<Parameters>) -> Result<Self, GpuError> {
        Self::from_plan(device, &compiled.graph, compiled.plan, parameters)
    }

    /// A session that runs a given plan of `graph`, made by [`plan_training`](atrous_kernels::plan::plan_training) for this device or for
    /// one with tighter limits.
    ///
    /// # Errors
    /// As [`Self::new`], and [`GpuError::NotTraining`].
    pub fn from_plan(
        device: &Device,
        graph: &Graph,
        plan: Plan,
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        Self::with(device, graph, plan, parameters, Lent::NONE)
    }

    /// A session of the same training for batches of another size: `graph` and `training` are those of this session but for the first
    /// side of activations. Both sessions have the parameters, the optimizer's state, accumulated gradients and the loss scale in common,
    /// and the memory of activations where it suffices. Steps of both are computed in the order of their submission.
    ///
    /// # Errors
    /// [`GpuError::OtherTraining`] if parameters or optimizer differ; those of [`Self::new`].
    pub fn of_other_size(&self, graph: &Graph, training: &Training) -> Result<Self, GpuError> {
        let Executable { device, parameters, plan, buffers, .. } = &self.executable;
        let compiled = device.compile(graph, &Purpose::Training { training, outputs: &[] })?;
        let trains = |plan: &Plan| plan.training.as_ref().map(|t| (t.optimizer, t.accumulate, t.loss_scale.is_some()));
        let made = Self::with(device, &compiled.graph, compiled.plan, parameters.clone(), Lent::of(plan, buffers))?;
        if trains(made.plan()) != trains(plan) || made.trained != self.trained {
            return Err(GpuError::OtherTraining);
        }
        Ok(made)
    }

    fn with(
        device: &Device,
        graph: &Graph,
        plan: Plan,
        parameters: Arc<Parameters>,
        lent: Lent,
    ) -> Result<Self, GpuError> {
        let training = plan.training.clone().ok_or(GpuError::NotTraining)?;
        let mut executable = Executable::new(device, graph, plan, parameters, 2, lent)?;
        let update: Vec<_> = training.update.iter().flat_map(|u| &u.dispatches).collect();
        let named = |id: &NodeId| (graph.node(*id).name.clone(), graph.node(*id).ty);
        let trained = training.parameters.iter().map(named).collect();
        let update = command::commands(device, &update, &executable.buffers)?;
        if let Some((scale, _)) = training.loss_scale {
            // The device keeps the loss scale; it is no input of the caller.
            executable.inputs.retain(|slot| slot.name != graph.node(scale.node).name);
        }
        Ok(Self { executable, update, trained, pending: None })
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        &self.executable.plan
    }

    /// The device that the session runs on.
    pub fn device(&self) -> &Device {
        &self.executable.device
    }

    /// The parameters that the session trains.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.executable.parameters
    }

    /// Names and types of the inputs, in the graph's order.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.executable.inputs()
    }

    /// Totals over all steps so far.
    pub fn counters(&self) -> Counters {
        self.executable.counters
    }

    /// The time that the kernels of the last step whose result was taken took on the device; `None` before that, and on devices opened
    /// without [`timestamps`](crate::DeviceOptions::timestamps) or without the feature.
    pub fn last_gpu_time(&self) -> Option<Duration> {
        self.executable.gpu_time
    }

    /// Bytes of all buffers, parameters and readbacks included: what [`Plan::peak_bytes`] predicts, and 48 bytes for the timer
    /// if there is one.
    pub fn measured_bytes(&self) -> u64 {
        self.executable.measured_bytes()
    }
}

impl std::fmt::Debug for TrainingSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parameters = self.trained.len();
        f.debug_struct("TrainingSession")
            .field("trained", &parameters)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
