//! Validation: loss and metrics, summed on the device.

use std::{collections::BTreeMap, sync::Arc};

use atrous_gpu::{Device, GpuError, Outputs, Parameters, Purpose, Session};
use atrous_graph::NodeId;
use atrous_nn::Model;

use super::{
    TrainError, Watch,
    graph::{DataShape, EvaluationGraph, Recipe},
};
use crate::{
    context::Given,
    data::{Loader, TargetKind},
    metrics::{Confusion, ConfusionMatrix, Metric},
    step::batch_inputs,
};

/// Largest count that is exact in f32.
const EXACT: usize = 1 << 24;

/// A validation with its graph, before it is prepared on a device.
pub(super) struct Evaluation {
    loader: Loader,
    graph: EvaluationGraph,
    metrics: Arc<[Box<dyn Metric>]>,
}

/// A validation on a device.
pub(super) struct Evaluator {
    loader: Loader,
    model: Model,
    given: Given,
    session: Session,
    metrics: Arc<[Box<dyn Metric>]>,
    /// Names of the totals: of the sum of losses and their weights, then of each metric.
    names: Vec<Vec<String>>,
    /// Number of batches after which the totals are read, so that counts stay exact in f32.
    batches: usize,
}

/// The results of a validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Mean loss over all labels or samples that count; `None` if there are none.
    pub loss: Option<f64>,
    /// The figures of all metrics by name. Figures for which nothing was counted are left out.
    pub metrics: BTreeMap<String, f64>,
    /// The sums of each metric, by its [name](Metric::name).
    pub totals: BTreeMap<String, Vec<Vec<f64>>>,
    /// Whether the labels are labels of pixels.
    pixels: bool,
}

impl Figures {
    /// The confusion matrix of samples or pixels, if that metric was computed.
    pub fn confusion(&self) -> Option<Confusion> {
        ConfusionMatrix::of(self.totals.get(ConfusionMatrix::NAME)?.first()?)
    }

    /// Intersection over union of each class of a segmentation; empty if the labels are not labels of pixels.
    pub fn class_iou(&self) -> Vec<Option<f64>> {
        self.confusion().filter(|_| self.pixels).map_or_else(Vec::new, |confusion| confusion.iou())
    }

    /// The value of the watched quantity.
    pub fn watched(&self, watch: &Watch) -> Option<f64> {
        match watch {
            // For classification the mean IoU is not among the figures.
            Watch::MeanIou => self.confusion()?.mean_iou(),
            Watch::Loss => self.loss,
            Watch::Accuracy => self.metrics.get("accuracy").copied(),
            Watch::Max(name) | Watch::Min(name) if name == "loss" => self.loss,
            Watch::Max(name) | Watch::Min(name) => self.metrics.get(name).copied(),
        }
    }
}

impl Evaluation {
    /// Builds the graph of the validation, of `n` pictures at once.
    pub(super) fn new(
        recipe: Recipe<'_>,
        loader: Loader,
        n: usize,
        metrics: Arc<[Box<dyn Metric>]>,
    ) -> Result<Self, TrainError> {
        let graph = recipe.evaluation(&DataShape::of(&loader).of_samples(n), &metrics)?;
        Ok(Self { loader, graph, metrics })
    }

    /// Prepares the validation on a device.
    pub(super) fn on(self, device: &Device, parameters: Arc<Parameters>) -> Result<Evaluator, GpuError> {
        let nodes = self.graph.totals();
        let Self { loader, graph: EvaluationGraph { model, given, .. }, metrics } = self;
        let purpose = Purpose::Evaluation { totals: &nodes.concat(), outputs: &[] };
        let session = Session::from_compiled(device, device.compile(&model.graph, &purpose)?, parameters)?;
        let name = |id: &NodeId| model.graph.node(*id).name.clone();
        let names = nodes.iter().map(|nodes| nodes.iter().map(name).collect()).collect();
        let batches = (EXACT / DataShape::of(&loader).labels()).max(1);
        Ok(Evaluator { loader, model, given, session, metrics, names, batches })
    }

    /// Bytes of device memory that the validation needs; `None` if it cannot be planned.
    pub(super) fn bytes(&self, device: &Device) -> Option<u64> {
        let purpose = Purpose::Evaluation { totals: &self.graph.totals().concat(), outputs: &[] };
        Some(device.compile(&self.graph.model.graph, &purpose).ok()?.plan.peak_bytes())
    }
}

impl Evaluator {
    /// Number of pictures that are computed at once.
    pub(super) fn pictures(&self) -> usize {
        self.model.input_shape().n
    }

    /// Runs over all validation data with the parameters as they are.
    pub(super) fn run(&mut self) -> Result<Figures, TrainError> {
        // Clear totals that an earlier, failed validation may have left.
        self.session.totals_blocking()?;
        let mut sums: Vec<Vec<Vec<f64>>> = self.names.iter().map(|names| vec![Vec::new(); names.len()]).collect();
        let mut last = None;
        let n = self.pictures();
        let parts = self.loader.epoch(0, 0).flat_map(|batch| match batch {
            Ok(batch) => batch.parts(n).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        for (i, batch) in parts.enumerate() {
            let batch = batch?.filled(n, self.loader.options().ignore_label);
            let weights = batch.sample_weights();
            let inputs = batch_inputs(&self.model, &self.given, &batch, &[0], &weights);
            // The next batch is read and uploaded while the device computes this one.
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

/// Adds totals to the sums.
fn add(sums: &mut [Vec<Vec<f64>>], totals: &Outputs, names: &[Vec<String>]) -> Result<(), GpuError> {
    for (sum, name) in sums.iter_mut().flatten().zip(names.iter().flatten()) {
        let values = totals.f32(name)?;
        sum.resize(values.len(), 0.0);
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    Ok(())
}
