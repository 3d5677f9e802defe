//! The measured program: an inference or a training step.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use atrous_golden::fill;
use atrous_gpu::{Counters, Device, InputData, Parameters, Session, StepOptions, TrainingSession, TuneReport};
use atrous_graph::{DType, Graph};
use atrous_kernels::{Plan, Purpose, Target, compile};

use super::device::open;
use super::workload::Built;

/// Values for all inputs of a graph: pixels from -1 to 1, labels of class 1.
pub(super) struct Values(Vec<(String, DType, Vec<f32>, Vec<u32>)>);

impl Values {
    pub(super) fn of(graph: &Graph) -> Self {
        let values = |name: &str, dtype, len| match dtype {
            DType::F32 | DType::F16 => (fill::uniform(&format!("bench/{name}"), len, 0.0, 1.0), Vec::new()),
            DType::U32 => (Vec::new(), vec![1; len]),
        };
        let inputs = graph.inputs().map(|(_, node)| {
            let (floats, labels) = values(&node.name, node.ty.dtype, node.ty.shape.len());
            (node.name.clone(), node.ty.dtype, floats, labels)
        });
        Self(inputs.collect())
    }

    pub(super) fn inputs(&self) -> Vec<(&str, InputData<'_>)> {
        let data = |dtype: &DType, floats, labels| match dtype {
            DType::F32 | DType::F16 => InputData::F32(floats),
            DType::U32 => InputData::U32(labels),
        };
        self.0.iter().map(|(name, dtype, floats, labels)| (name.as_str(), data(dtype, floats, labels))).collect()
    }
}

/// Searches for the fastest kernels of a workload. The choices are stored in the cache folder, so that the measurement uses them.
pub(super) fn tune(built: &Built, budget: Duration) -> Result<TuneReport> {
    let device = open()?;
    ensure!(device.options().pipeline_cache.folder().is_some(), "--tune needs a folder, and ATROUS_CACHE_DIR is off");
    let program = Program::new(&device, built, None)?;
    Ok(device.tune_blocking(program.figures().0, budget)?)
}

/// A session for inference or training.
pub(super) enum Program {
    Inference(Box<Session>),
    Training(Box<TrainingSession>, u64),
}

impl Program {
    pub(super) fn new(device: &Device, built: &Built, variant: Option<&'static str>) -> Result<Self> {
        let graph = &built.graph;
        match &built.training {
            None => {
                let purpose = Purpose::Inference { outputs: graph.outputs(), fold: true };
                let target = Target { variant, ..device.target() };
                let compiled = compile(graph, &purpose, device.options().into(), &target)?;
                let source = compiled.source(&*built.parameters);
                let parameters = Parameters::upload(device, &compiled.graph, &source)?;
                Ok(Self::Inference(Box::new(Session::from_compiled(device, compiled, Arc::new(parameters))?)))
            }
            Some(training) => {
                let parameters = Arc::new(Parameters::upload(device, graph, &*built.parameters)?);
                let session = TrainingSession::new(device, graph, graph.outputs(), training, parameters)?;
                Ok(Self::Training(Box::new(session), 0))
            }
        }
    }

    /// One complete run, with readback of the results (for a training step, of its loss).
    pub(super) fn run(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<()> {
        match self {
            Self::Inference(session) => session.run_blocking(inputs).map(drop)?,
            Self::Training(session, step) => {
                *step += 1;
                let options = StepOptions::new(1e-3, *step);
                session.step_blocking(inputs, options)?;
                session.finish_blocking()?;
            }
        }
        Ok(())
    }

    /// The plan, the bytes of all buffers, and the counters of all runs.
    pub(super) fn figures(&self) -> (&Plan, u64, Counters) {
        match self {
            Self::Inference(session) => (session.plan(), session.measured_bytes(), session.counters()),
            Self::Training(session, _) => (session.plan(), session.measured_bytes(), session.counters()),
        }
    }
}
