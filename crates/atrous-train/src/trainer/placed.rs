//! What a training has on a device, and what that is made of.

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, ParameterSnapshot, Parameters, TrainingSession};
use atrous_graph::passes::Precision;
use atrous_nn::Network;

use super::{
    TrainError, TrainOptions,
    evaluate::{Evaluation, Evaluator},
    graph::{DataShape, Recipe},
    way::Way,
};
use crate::{data::Loader, metrics::Metric, objective::Objective, step::TrainingStep};

/// What a training is made of, whatever device it is on.
pub(super) struct Setup {
    pub(super) network: Arc<dyn Network>,
    pub(super) name: String,
    pub(super) objective: Box<dyn Objective>,
    pub(super) data: DataShape,
    pub(super) validation: Option<Loader>,
    /// Most pictures that a validation computes at once.
    pub(super) validated: usize,
    pub(super) metrics: Arc<[Box<dyn Metric>]>,
}

/// What a training has on a device. All of it is made again for another device, or to take less memory.
pub(super) struct Placed {
    /// The step on as many samples as are computed at once.
    pub(super) step: TrainingStep,
    pub(super) session: TrainingSession,
    /// Steps on other numbers of samples, over the same parameters; the one used last at the end.
    pub(super) others: Vec<(TrainingStep, TrainingSession)>,
    /// Samples of the step whose result was not taken yet, if it is one of the others.
    pub(super) pending: Option<usize>,
    /// The running statistics at the beginning of an update of several runs, each of which changes them.
    pub(super) statistics: Option<ParameterSnapshot>,
    pub(super) evaluator: Option<Evaluator>,
}

impl Setup {
    pub(super) fn recipe(&self) -> Recipe<'_> {
        Recipe { network: &*self.network, name: &self.name, objective: &*self.objective }
    }

    /// Checks that the graph of the validation can be built.
    pub(super) fn check_validation(&self) -> Result<(), TrainError> {
        let Some(loader) = &self.validation else { return Ok(()) };
        self.recipe().evaluation(&DataShape::of(loader), &self.metrics).map(drop)
    }

    /// The step on `n` samples, made this way.
    pub(super) fn step(
        &self,
        n: usize,
        way: &Way,
        options: &TrainOptions,
        precision: Precision,
    ) -> Result<TrainingStep, TrainError> {
        let full = self.data.images.n;
        let (data, options) = self.part(n, way, options);
        let fail = |source| TrainError::BatchSize { n, full, source: Box::new(source) };
        self.recipe().step(&data, &options, precision).map_err(|error| if n == full { error } else { fail(error) })
    }

    /// The data and the options of the step on `n` samples, made this way: batches in parts are accumulated.
    pub(super) fn part(&self, n: usize, way: &Way, options: &TrainOptions) -> (DataShape, TrainOptions) {
        let parts = way.batch < self.data.images.n;
        let accumulate = if parts { options.accumulate.max(2) } else { options.accumulate };
        let recompute = way.recompute.clone();
        (self.data.of_samples(n), TrainOptions { accumulate, recompute, ..options.clone() })
    }

    /// Makes everything on the device of these parameters.
    pub(super) fn place(
        &self,
        way: &Way,
        options: &TrainOptions,
        parameters: &Arc<Parameters>,
    ) -> Result<Placed, TrainError> {
        let device = parameters.device();
        let step = self.step(way.batch, way, options, device.options().precision)?;
        let session = TrainingSession::new(device, &step.model.graph, &[], &step.training, parameters.clone())?;
        let evaluator = self.evaluator(options, parameters)?;
        let statistics = statistics(&step, parameters)?;
        Ok(Placed { step, session, others: Vec::new(), pending: None, statistics, evaluator })
    }

    /// The validation. If the options want it, with fewer pictures at once where memory is short.
    fn evaluator(&self, options: &TrainOptions, parameters: &Arc<Parameters>) -> Result<Option<Evaluator>, TrainError> {
        let Some(loader) = &self.validation else { return Ok(None) };
        let mut n = self.validated;
        loop {
            let evaluation = Evaluation::new(self.recipe(), loader.clone(), n, self.metrics.clone())?;
            match evaluation.on(parameters.device(), parameters.clone()) {
                Err(error) if n > 1 && options.on_oom.adapts() && lacks_memory(&error) => n = n.div_ceil(2),
                Err(error) if !options.on_oom.adapts() => {
                    return Err(self.advise_validation(error, parameters.device()));
                }
                made => return Ok(Some(made?)),
            }
        }
    }
}

impl Placed {
    pub(super) fn device(&self) -> &Device {
        self.session.device()
    }
}

/// Whether less memory would help.
pub(super) fn lacks_memory(error: &GpuError) -> bool {
    matches!(error, GpuError::MemoryBudget { .. } | GpuError::OutOfMemory(_) | GpuError::BufferLimit { .. })
}

/// A place for the running statistics, which every run changes, if an update has several runs.
fn statistics(step: &TrainingStep, parameters: &Arc<Parameters>) -> Result<Option<ParameterSnapshot>, TrainError> {
    let graph = &step.model.graph;
    let names: Vec<&str> = step.training.assignments.iter().map(|(id, _)| graph.node(*id).name.as_str()).collect();
    let needed = step.training.accumulate && !names.is_empty();
    Ok(needed.then(|| ParameterSnapshot::new(parameters.clone(), &names)).transpose()?)
}
