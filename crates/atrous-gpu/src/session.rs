//! A graph made ready to run: buffers, pipelines and bind groups.

use std::sync::Arc;
use std::time::Duration;

use atrous_graph::{Graph, NodeId, TensorType};
use atrous_kernels::{Compiled, Plan, Purpose};

use crate::allocate::Lent;
use crate::executable::Executable;
use crate::finite::Watch;
use crate::pixels::PixelInput;
use crate::{Counters, Device, GpuError, Parameters};

/// A graph planned for fixed input shapes, with the buffers and pipelines that it needs. It changes no parameters.
///
/// Creating a session compiles the kernels that the device has not compiled before. Runs take `&mut self`, since they share the
/// session's buffers.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
///
/// use atrous_gpu::{Device, Parameters, Session};
/// use atrous_graph::{DType, Graph, Layout, Op, Shape, op::Binary};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut graph = Graph::new();
/// let x = graph.input("x", Shape::new(1, 1, 2, 2), DType::F32)?;
/// let bias = graph.parameter("bias", Shape::channels(2), Layout::Image)?;
/// let y = graph.add("y", Op::Binary(Binary::Add), &[x, bias])?;
///
/// let device = Device::from_env_blocking()?;
/// let values = HashMap::from([("bias".to_owned(), vec![10.0, 20.0])]);
/// let parameters = Arc::new(Parameters::upload(&device, &graph, &values)?);
/// let mut session = Session::new(&device, &graph, &[y], parameters)?;
/// let outputs = session.run_blocking(&[("x", (&vec![1.0, 2.0, 3.0, 4.0]).into())])?;
/// assert_eq!(outputs.f32("y")?, [11.0, 22.0, 13.0, 24.0]);
/// # Ok(())
/// # }
/// ```
pub struct Session {
    pub(crate) executable: Executable,
    /// Converts bytes of pictures to an input, see [`Self::take_pixels`].
    pub(crate) pixels: Option<PixelInput>,
}

impl Session {
    /// A session that returns `outputs` of a graph. Compiles the graph for [inference](Purpose::Inference) on this device, folded if the
    /// parameters [are](Parameters::upload_folded), and makes everything that runs need. Before anything is allocated, the predicted
    /// memory, parameters included, is compared with the device's budget.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if an output is not a node of the graph or the graph does not fit the device's limits,
    /// [`GpuError::MemoryBudget`], [`GpuError::ParameterMismatch`] if the parameters are not this graph's, [`GpuError::NoOutputs`],
    /// [`GpuError::OutOfMemory`], [`GpuError::DeviceLost`].
    pub fn new(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        let purpose = Purpose::Inference { outputs, fold: parameters.are_folded() };
        Self::from_compiled(device, device.compile(graph, &purpose)?, parameters)
    }

    /// A session that runs a graph compiled for any purpose except training, for this device or one with tighter limits. The parameters
    /// are those of the compiled graph.
    ///
    /// # Errors
    /// As [`Self::new`], and [`GpuError::Trains`].
    pub fn from_compiled(device: &Device, compiled: Compiled, parameters: Arc<Parameters>) -> Result<Self, GpuError> {
        Self::from_plan(device, &compiled.graph, compiled.plan, parameters)
    }

    /// A session that runs a given plan of `graph`, made for this device or for one with tighter limits.
    ///
    /// # Errors
    /// As [`Self::new`], and [`GpuError::Trains`].
    pub fn from_plan(
        device: &Device,
        graph: &Graph,
        plan: Plan,
        parameters: Arc<Parameters>,
    ) -> Result<Self, GpuError> {
        if plan.training.is_some() {
            return Err(GpuError::Trains);
        }
        if plan.outputs.is_empty() && plan.totals.is_empty() {
            return Err(GpuError::NoOutputs);
        }
        let (watch, plan) = match device.options().finite {
            true => Watch::plan(device, graph, &plan).map(|(watch, plan)| (Some(watch), plan))?,
            false => (None, plan),
        };
        let mut executable = Executable::new(device, graph, plan, parameters, 1, Lent::NONE)?;
        executable.watch = watch;
        Ok(Self { executable, pixels: None })
    }

    /// The plan that runs.
    pub fn plan(&self) -> &Plan {
        &self.executable.plan
    }

    /// The device that the session runs on.
    pub fn device(&self) -> &Device {
        &self.executable.device
    }

    /// The parameters that the session reads.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.executable.parameters
    }

    /// Names and types of the inputs, in the graph's order.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.executable.inputs()
    }

    /// Names and types of the outputs, in the order asked for.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.executable.outputs()
    }

    /// Totals over all runs so far.
    pub fn counters(&self) -> Counters {
        self.executable.counters
    }

    /// How long the last run's kernels took on the device; `None` before the first run, and on devices opened without
    /// [`timestamps`](crate::DeviceOptions::timestamps) or without the feature.
    pub fn last_gpu_time(&self) -> Option<Duration> {
        self.executable.gpu_time
    }

    /// Bytes of all buffers, parameters and readback included: what [`Plan::peak_bytes`] predicts, and 32 bytes for the timer
    /// if there is one. Each further run that is under way at once adds a readback; an input that takes pixels adds a buffer for bytes.
    pub fn measured_bytes(&self) -> u64 {
        self.executable.measured_bytes() + self.pixels.as_ref().map_or(0, PixelInput::bytes)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outputs: Vec<&str> = self.outputs().map(|(name, _)| name).collect();
        f.debug_struct("Session").field("outputs", &outputs).field("counters", &self.counters()).finish_non_exhaustive()
    }
}
