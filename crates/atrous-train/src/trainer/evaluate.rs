//! Validation: loss and metrics, summed up on the device.

use std::{collections::BTreeMap, sync::Arc};

use atrous_gpu::{Device, GpuError, Outputs, Parameters, Purpose, Session};
use atrous_graph::NodeId;
use atrous_nn::Model;

use super::{
    TrainError, Trainer, Watch,
    graph::{DataShape, EvaluationGraph, Recipe},
};
use crate::{
    data::{Loader, TargetKind},
    metrics::{Confusion, ConfusionMatrix, Metric},
    objective::Given,
    step::batch_inputs,
};

/// Largest count that is exact in f32.
const EXACT: usize = 1 << 24;

/// A validation that is not on a device yet.
pub(super) struct Evaluation {
    loader: Loader,
    graph: EvaluationGraph,
    metrics: Vec<Box<dyn Metric>>,
}

/// A forward pass over validation data.
pub(super) struct Evaluator {
    loader: Loader,
    model: Model,
    given: Given,
    session: Session,
    metrics: Vec<Box<dyn Metric>>,
    /// Names of the totals: of the loss and what it counts, then those of each metric.
    names: Vec<Vec<String>>,
    /// Batches after which the totals are taken, so that they stay exact.
    batches: usize,
}

/// What a validation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Mean loss over all labels, or samples, that count; `None` if there are none.
    pub loss: Option<f64>,
    /// The figures of all metrics by name, without those of which nothing was counted.
    pub metrics: BTreeMap<String, f64>,
    /// What each metric summed up, by its [name](Metric::name).
    pub totals: BTreeMap<String, Vec<Vec<f64>>>,
    /// Whether pixels have labels.
    pixels: bool,
}

impl Figures {
    /// The confusion matrix of samples or pixels, where there is that metric.
    pub fn confusion(&self) -> Option<Confusion> {
        ConfusionMatrix::of(self.totals.get(ConfusionMatrix::NAME)?.first()?)
    }

    /// Intersection over union of each class of a segmentation; empty where pixels have no labels.
    pub fn class_iou(&self) -> Vec<Option<f64>> {
        self.confusion().filter(|_| self.pixels).map_or_else(Vec::new, |confusion| confusion.iou())
    }

    /// The value that decides which state is the best.
    pub fn watched(&self, watch: &Watch) -> Option<f64> {
        match watch {
            // Of classifications it is no figure of the log.
            Watch::MeanIou => self.confusion()?.mean_iou(),
            Watch::Loss => self.loss,
            Watch::Accuracy => self.metrics.get("accuracy").copied(),
            Watch::Max(name) | Watch::Min(name) if name == "loss" => self.loss,
            Watch::Max(name) | Watch::Min(name) => self.metrics.get(name).copied(),
        }
    }
}

impl Trainer {
    /// Runs over the validation data with the parameters as they are; `None` if there are no such data.
    ///
    /// # Errors
    /// [`TrainError::Data`], [`TrainError::Gpu`].
    pub fn evaluate(&mut self) -> Result<Option<Figures>, TrainError> {
        self.evaluator.as_mut().map(Evaluator::run).transpose()
    }
}

impl Evaluation {
    /// Builds its graph.
    pub(super) fn new(recipe: Recipe<'_>, loader: Loader, metrics: Vec<Box<dyn Metric>>) -> Result<Self, TrainError> {
        let graph = recipe.evaluation(&DataShape::of(&loader), &metrics)?;
        Ok(Self { loader, graph, metrics })
    }

    /// Prepares it on a device.
    pub(super) fn on(self, device: &Device, parameters: Arc<Parameters>) -> Result<Evaluator, GpuError> {
        let Self { loader, graph: EvaluationGraph { model, given, loss_sum, count, sums }, metrics } = self;
        let nodes: Vec<Vec<NodeId>> = [vec![loss_sum, count]].into_iter().chain(sums).collect();
        let purpose = Purpose::Evaluation { totals: &nodes.concat(), outputs: &[] };
        let session = Session::from_compiled(device, device.compile(&model.graph, &purpose)?, parameters)?;
        let name = |id: &NodeId| model.graph.node(*id).name.clone();
        let names = nodes.iter().map(|nodes| nodes.iter().map(name).collect()).collect();
        let batches = (EXACT / DataShape::of(&loader).labels()).max(1);
        Ok(Evaluator { loader, model, given, session, metrics, names, batches })
    }
}

impl Evaluator {
    fn run(&mut self) -> Result<Figures, TrainError> {
        // What a run that failed has left.
        self.session.totals_blocking()?;
        let mut sums: Vec<Vec<Vec<f64>>> = self.names.iter().map(|names| vec![Vec::new(); names.len()]).collect();
        let mut last = None;
        for (i, batch) in self.loader.epoch(0, 0).enumerate() {
            let batch = batch?;
            let weights = batch.sample_weights();
            let inputs = batch_inputs(&self.model, &self.given, &batch, &[0], &weights);
            // While a run is under way the next batch is read and uploaded.
            let flight = self.session.begin(&inputs)?;
            if let Some(before) = last.replace(flight) {
                self.session.finish_blocking(before)?;
            }
            if (i + 1).is_multiple_of(self.batches) {
                add(&mut sums, &self.session.totals_blocking()?, &self.names)?;
            }
        }
        add(&mut sums, &self.session.totals_blocking()?, &self.names)?;
        let [loss, count] = [0, 1].map(|i| sums[0][i].iter().sum::<f64>());
        let totals: Vec<Vec<Vec<f64>>> = sums.split_off(1);
        let figures = |(metric, sums): (&dyn Metric, &Vec<Vec<f64>>)| {
            let named = metric.figures().into_iter().zip(metric.values(sums));
            named.filter_map(|(name, value)| Some((name, value?))).collect::<Vec<_>>()
        };
        Ok(Figures {
            loss: (count > 0.0).then(|| loss / count),
            metrics: self.metrics.iter().map(AsRef::as_ref).zip(&totals).flat_map(figures).collect(),
            pixels: self.loader.targets().iter().any(|target| matches!(target.kind, TargetKind::Mask { .. })),
            totals: self.metrics.iter().map(|metric| metric.name()).zip(totals).collect(),
        })
    }
}

/// Adds the totals of some batches to those of the batches before.
fn add(sums: &mut [Vec<Vec<f64>>], totals: &Outputs, names: &[Vec<String>]) -> Result<(), GpuError> {
    for (sum, name) in sums.iter_mut().flatten().zip(names.iter().flatten()) {
        let values = totals.f32(name)?;
        sum.resize(values.len(), 0.0);
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    Ok(())
}
