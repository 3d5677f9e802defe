//! The graphs of a training: the step and the validation.

use atrous_graph::{NodeId, Op, Shape, op::Binary, passes::Precision};
use atrous_nn::{Mode, Model, Network};

use super::{TrainError, TrainOptions};
use crate::context::{Given, LossContext, check_scalar};
use crate::data::{Loader, TargetKind, TargetSpec};
use crate::metrics::Metric;
use crate::objective::Objective;
use crate::step::{self, StepSettings, TrainingStep};

/// The network and the objective of a training.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub(super) network: &'a dyn Network,
    pub(super) name: &'a str,
    pub(super) objective: &'a dyn Objective,
}

/// The shapes of the data of every step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataShape {
    /// `N×H×W×C`.
    pub(super) images: Shape,
    pub(super) targets: Vec<TargetSpec>,
    /// The ignore label.
    pub(super) ignore: u32,
}

impl DataShape {
    pub(super) fn of(loader: &Loader) -> Self {
        let [n, h, w, c] = loader.shape();
        Self { images: Shape::new(n, h, w, c), targets: loader.targets(), ignore: loader.options().ignore_label }
    }

    /// The shapes of the data of steps on `n` samples.
    pub(super) fn of_samples(&self, n: usize) -> Self {
        Self { images: Shape { n, ..self.images }, ..self.clone() }
    }

    /// Checks that validation data have the same targets; batch and size may differ.
    pub(super) fn check_validation(&self, validation: &Self) -> Result<(), TrainError> {
        let (needs, got) = (self.text(), validation.text());
        if needs == got { Ok(()) } else { Err(TrainError::Validation { needs, got }) }
    }

    fn text(&self) -> String {
        let target = |spec: &TargetSpec| match spec.kind {
            TargetKind::Class { classes } => format!("pictures labelled with {classes} classes"),
            TargetKind::Mask { classes } => format!("pixels labelled with {classes} classes"),
            _ => spec.to_string(),
        };
        let mut parts: Vec<String> = self.targets.iter().map(target).collect();
        if parts.is_empty() {
            parts.push("no targets".to_owned());
        }
        format!("{}, {} ignored", parts.join(", "), self.ignore)
    }

    /// Largest number of labels, or samples, that a batch can have.
    pub(super) fn labels(&self) -> usize {
        let each = |spec: &TargetSpec| match spec.kind {
            TargetKind::Mask { .. } => self.images.h * self.images.w,
            _ => 1,
        };
        self.images.n * self.targets.iter().map(each).max().unwrap_or(1)
    }

    fn given(&self) -> Given {
        Given::of(self.targets.clone(), self.ignore)
    }
}

/// The graph of a validation.
pub(super) struct EvaluationGraph {
    /// The network in inference mode, its graph extended by the sums.
    pub(super) model: Model,
    pub(super) given: Given,
    /// Loss of the batch times its weight: `1×1×1×1`.
    pub(super) loss_sum: NodeId,
    /// Weight of the batch's loss: `1×1×1×1`.
    pub(super) count: NodeId,
    /// The sums of each metric.
    pub(super) sums: Vec<Vec<NodeId>>,
}

impl EvaluationGraph {
    /// Its totals: of losses and their weights, then of each metric.
    pub(super) fn totals(&self) -> Vec<Vec<NodeId>> {
        [vec![self.loss_sum, self.count]].into_iter().chain(self.sums.iter().cloned()).collect()
    }
}

impl Recipe<'_> {
    /// Builds the graph of a training step for a device that stores tensors at this precision.
    pub(super) fn step(
        &self,
        data: &DataShape,
        options: &TrainOptions,
        precision: Precision,
    ) -> Result<TrainingStep, TrainError> {
        let model = self.network.build(self.name, data.images, Mode::Training)?;
        Ok(step::build(model, self.objective, data.given(), &StepSettings::from(options), precision)?)
    }

    /// Builds the graph of the validation.
    pub(super) fn evaluation(
        &self,
        data: &DataShape,
        metrics: &[Box<dyn Metric>],
    ) -> Result<EvaluationGraph, TrainError> {
        let mut model = self.network.build(self.name, data.images, Mode::Inference)?;
        let mut given = data.given();
        let mut cx = LossContext::new(&mut model, &mut given);
        let (loss, count) = (self.objective.loss(&mut cx)?, self.objective.count(&mut cx)?);
        check_scalar(cx.graph, loss)?;
        check_scalar(cx.graph, count)?;
        let loss_sum = cx.graph.add("validation.loss_sum", Op::Binary(Binary::Mul), &[loss, count])?;
        let sums = metrics.iter().map(|metric| metric.sums(&mut cx)).collect::<Result<_, _>>()?;
        Ok(EvaluationGraph { model, given, loss_sum, count, sums })
    }
}

impl From<&TrainOptions> for StepSettings {
    fn from(options: &TrainOptions) -> Self {
        Self {
            optimizer: options.optimizer,
            maximize: options.maximize,
            weight_decay: options.weight_decay,
            parts: options.parts.clone(),
            frozen: options.frozen.clone(),
            clip_norm: options.clip_norm,
            accumulate: options.accumulate,
            loss_scaling: options.loss_scaling,
            recompute: options.recompute.clone(),
        }
    }
}
