//! Ready-made objectives for other targets than class labels.

use atrous_graph::NodeId;

use super::{Labelled, Objective};
use crate::OptionError;
use crate::context::{LossContext, ObjectiveError};
use crate::data::{TargetKind, TargetSpec};
use crate::loss::{self, ProbabilitiesLoss, Reduction};
use crate::metrics::Metric;

/// Class probabilities as targets: [`loss::cross_entropy_probabilities`] of the main output, `N×1×1×C`, with a target of the kind
/// [`TargetKind::SoftLabels`], the mean over samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftLabels {
    /// The target's name.
    pub target: String,
    /// Label smoothing: share of the target that is distributed equally over all classes, in 0..=1.
    pub smoothing: f32,
}

impl Objective for SoftLabels {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let logits = cx.output();
        let target = cx.target(&self.target, TargetKind::SoftLabels { classes: cx.shape(logits).c })?;
        let pixel_weights = Some(cx.sample_weights()?);
        let how = ProbabilitiesLoss { smoothing: self.smoothing, pixel_weights, ..ProbabilitiesLoss::default() };
        Ok(loss::cross_entropy_probabilities(cx.graph, "loss", [logits, target], &how)?)
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

/// Any number of classes per picture: [`loss::bce_with_logits`] of the main output, `N×1×1×C`, with a target of the kind
/// [`TargetKind::MultiHot`], the mean over classes and samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiLabel {
    /// The target's name.
    pub target: String,
}

impl Objective for MultiLabel {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let logits = cx.output();
        let targets = cx.target(&self.target, TargetKind::MultiHot { classes: cx.shape(logits).c })?;
        let each = loss::bce_with_logits(cx.graph, "loss", [logits, targets], [None; 2], Reduction::None)?;
        cx.mean_over_samples("loss.mean", each)
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

/// The measure of the difference of two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    /// The squared difference, [`loss::mse`].
    Squared,
    /// The absolute difference, [`loss::l1`].
    Absolute,
    /// [`loss::huber`] with this `delta`.
    Huber(f32),
    /// [`loss::smooth_l1`] with this `beta`.
    SmoothL1(f32),
}

/// Regression: the mean difference between the main output and a target of the kind [`TargetKind::Vector`], [`TargetKind::Boxes`] or
/// [`TargetKind::Image`] with the output's shape. Without a target the output is compared with the network's input, as in an autoencoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// Name of the target; `None` for the network's input.
    pub target: Option<String>,
    /// The difference that is minimised.
    pub difference: Difference,
}

impl Objective for Regression {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let output = cx.output();
        let truth = match &self.target {
            None => cx.input(),
            Some(name) => {
                let kind = match cx.kind_of(name)? {
                    Some(kind) if kind.classes().is_none() => kind,
                    // A target of any other kind is refused by the following call.
                    _ => TargetKind::Vector { len: cx.shape(output).c },
                };
                cx.target(name, kind)?
            }
        };
        let (graph, pair) = (&mut *cx.graph, [output, truth]);
        let each = match self.difference {
            Difference::Squared => loss::mse(graph, "loss", pair, Reduction::None),
            Difference::Absolute => loss::l1(graph, "loss", pair, Reduction::None),
            Difference::Huber(delta) => loss::huber(graph, "loss", pair, delta, Reduction::None),
            Difference::SmoothL1(beta) => loss::smooth_l1(graph, "loss", pair, beta, Reduction::None),
        };
        cx.mean_over_samples("loss.mean", each?)
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

/// Distillation from a teacher in the same graph: `(1 - share) * loss of the labels + share *` [`loss::kl_distillation`] of two of the
/// network's outputs (Hinton et al. 2015). No gradient reaches the teacher. Its parameters should be
/// [frozen](crate::TrainOptions::frozen), so that its batch normalisations use and keep their running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Distillation {
    /// The output that is trained.
    pub student: String,
    /// The output that the student learns from, of the same shape.
    pub teacher: String,
    /// The divisor of both outputs before the softmax; positive.
    pub temperature: f32,
    /// The student's loss with labels; `None` to learn from the teacher alone.
    pub labelled: Option<Labelled>,
    /// Share of the distillation in the loss, in 0..=1; must be 1 without labels.
    pub share: f32,
}

impl Objective for Distillation {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let Self { student, teacher, temperature, labelled, share } = self;
        let holds = if labelled.is_some() { (0.0..=1.0).contains(share) } else { *share == 1.0 };
        OptionError::unless("share", holds, "in 0..=1, and 1 without labels", share)?;
        let outputs = [cx.output_named(student)?, cx.output_named(teacher)?];
        let soft = loss::kl_distillation(cx.graph, "distillation", outputs[0], outputs[1], *temperature)?;
        let Some(labelled) = labelled else { return Ok(soft) };
        let hard = labelled.loss(&mut cx.only(student)?)?;
        Ok(loss::weighted_sum(cx.graph, "loss.all", &[(hard, 1.0 - share), (soft, *share)])?)
    }

    fn metrics(&self, targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        self.labelled.as_ref().map_or_else(Vec::new, |labelled| labelled.metrics(targets))
    }

    fn describe(&self) -> String {
        format!("{self:?}")
    }
}
