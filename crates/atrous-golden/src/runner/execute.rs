//! Runs graphs on the adapter.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use atrous_gpu::{
    AdapterChoice, Data, Device, DeviceOptions, GpuError, InputData, Parameters, Session, StepOptions, StepResult,
    TrainingSession,
};
use atrous_graph::optim::Training;
use atrous_graph::passes::Precision;
use atrous_graph::{Graph, NodeId, ParameterSource};

use super::CaseError;

/// The device that all cases run on, chosen by the environment variables, see [`Device::from_env_blocking`].
pub struct Executor {
    device: Device,
}

impl Executor {
    /// Opens the adapter, for tensors in f16 if asked for.
    ///
    /// # Errors
    /// If there is none, or it lacks f16.
    pub fn new(f16: bool) -> Result<Self> {
        let mut options = DeviceOptions::from_env()?;
        if f16 {
            options.precision = Precision::F16;
        }
        let device = Device::open_blocking(&AdapterChoice::from_env(), options);
        let device = device.context("the reference results are compared on an adapter")?;
        Ok(Self { device })
    }

    /// The adapter's name and driver.
    pub(super) fn info(&self) -> String {
        self.device.info().to_string()
    }

    /// The largest buffer the device takes, in bytes.
    pub(super) fn max_buffer(&self) -> u64 {
        self.device.target().limits.max_buffer
    }

    /// The storage type of tensors in graphs that [`Self::infer`] runs.
    pub(super) fn precision(&self) -> Precision {
        self.device.options().precision
    }

    /// Uploads a graph's parameters.
    pub(super) fn upload(&self, graph: &Graph, source: &dyn ParameterSource) -> Result<Arc<Parameters>, CaseError> {
        Parameters::upload(&self.device, graph, source).map(Arc::new).map_err(gpu_error)
    }

    /// Computes the nodes `wanted`, none of them twice, as N×H×W×C.
    pub(super) fn run(
        &self,
        graph: &Graph,
        parameters: Arc<Parameters>,
        inputs: &[(&str, InputData<'_>)],
        wanted: &[NodeId],
    ) -> Result<Vec<Data>, CaseError> {
        let mut session = Session::new(&self.device, graph, wanted, parameters).map_err(gpu_error)?;
        let outputs = session.run_blocking(inputs).map_err(gpu_error)?.into_vec();
        let names: Vec<&str> = wanted.iter().map(|id| graph.node(*id).name.as_str()).collect();
        if outputs.len() != names.len() || outputs.iter().zip(&names).any(|(o, name)| o.name != *name) {
            let got: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
            return Err(CaseError::Failed(format!("the session gave {got:?}, asked for {names:?}")));
        }
        Ok(outputs.into_iter().map(|o| o.data).collect())
    }

    /// Like [`Self::run`], with parameters uploaded for this run and folded where the device's passes fold.
    pub(super) fn infer(
        &self,
        graph: &Graph,
        source: &dyn ParameterSource,
        inputs: &[(&str, InputData<'_>)],
        wanted: &[NodeId],
    ) -> Result<Vec<Data>, CaseError> {
        let parameters = Parameters::upload_folded(&self.device, graph, wanted, source).map_err(gpu_error)?;
        self.run(graph, Arc::new(parameters), inputs, wanted)
    }

    /// Repeats a training step at learning rate 0 until its update is applied, and returns the values of `wanted` in that step and the
    /// factor that the loss scale multiplies gradients with.
    pub(super) fn first_step(
        &self,
        graph: &Graph,
        parameters: Arc<Parameters>,
        update: &Training,
        inputs: &[(&str, InputData<'_>)],
        wanted: &[NodeId],
    ) -> Result<(Vec<Data>, f32), CaseError> {
        let mut session = TrainingSession::new(&self.device, graph, wanted, update, parameters).map_err(gpu_error)?;
        // A step whose gradients overflow is not applied and halves the loss scale.
        for _ in 0..32 {
            session.step_blocking(inputs, StepOptions::new(0.0, 1)).map_err(gpu_error)?;
            let result = session.finish_blocking().map_err(gpu_error)?;
            if let Some(result) = result.filter(|result| result.applied) {
                let outputs = result.outputs.into_vec().into_iter().map(|output| output.data).collect();
                return Ok((outputs, result.loss_scale.unwrap_or(1.0)));
            }
        }
        Err(CaseError::Failed("loss or gradient are not finite".to_owned()))
    }

    /// Takes `count` steps on the same batch at learning rate `lr` and returns the loss before each.
    pub(super) fn train(
        &self,
        graph: &Graph,
        parameters: Arc<Parameters>,
        update: &Training,
        inputs: &[(&str, InputData<'_>)],
        (count, lr): (usize, f64),
    ) -> Result<Vec<f32>, CaseError> {
        let mut session = TrainingSession::new(&self.device, graph, &[], update, parameters).map_err(gpu_error)?;
        let mut losses = Vec::with_capacity(count);
        // A step that the loss scale skips is repeated.
        for step in 1..=count as u64 + 32 {
            if losses.len() == count {
                return Ok(losses);
            }
            session.step_blocking(inputs, StepOptions::new(lr, step)).map_err(gpu_error)?;
            let result = session.finish_blocking().map_err(gpu_error)?;
            let counts = |result: &StepResult| result.applied || result.loss_scale.is_none();
            losses.extend(result.filter(counts).map(|result| result.loss));
        }
        Err(CaseError::Failed(format!("{} losses, the other steps were skipped", losses.len())))
    }

    /// Takes one step on each batch at learning rate `lr` and returns the parameters, by name, after each.
    pub(super) fn parameters_after_steps(
        &self,
        graph: &Graph,
        parameters: Arc<Parameters>,
        update: &Training,
        batches: &[Vec<(&str, InputData<'_>)>],
        lr: f64,
    ) -> Result<Vec<HashMap<String, Vec<f32>>>, CaseError> {
        let session = TrainingSession::new(&self.device, graph, &[], update, parameters.clone());
        let mut session = session.map_err(gpu_error)?;
        let mut after = Vec::with_capacity(batches.len());
        for (step, inputs) in (1..).zip(batches) {
            session.step_blocking(inputs, StepOptions::new(lr, step)).map_err(gpu_error)?;
            after.push(parameters.download_blocking().map_err(gpu_error)?);
        }
        Ok(after)
    }
}

fn gpu_error(error: GpuError) -> CaseError {
    // Some errors only name the stage, and their source has the reason.
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    CaseError::Failed(text)
}
