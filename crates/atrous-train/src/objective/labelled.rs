//! Training on class labels.

use atrous_graph::op::LabelWeight;
use atrous_graph::{NodeId, Op, op::Reduce};

use super::{Loss, Objective};
use crate::OptionError;
use crate::context::{LossContext, ObjectiveError};
use crate::data::{LABELS, TargetKind, TargetSpec};
use crate::loss;
use crate::metrics::{ConfusionMatrix, Metric, TopKAccuracy};

/// A [`Loss`] of all outputs with the labels of one target, one class per picture or one per pixel. Labels equal to the loader's ignore
/// label do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The loss.
    pub loss: Loss,
    /// Name of the target with the labels, by default [`LABELS`].
    pub target: String,
    /// Factor of the loss of further outputs, such as the auxiliary head of PSPNet, finite and not negative.
    pub aux_weight: f32,
    /// Number of guesses per sample in the metric `top_k`, at least 1.
    pub top_k: usize,
}

impl Default for Labelled {
    /// Cross-entropy with [`LABELS`], the factor 0.4 for further outputs, five guesses.
    fn default() -> Self {
        Self { loss: Loss::default(), target: LABELS.to_owned(), aux_weight: 0.4, top_k: 5 }
    }
}

impl From<Loss> for Labelled {
    fn from(loss: Loss) -> Self {
        Self { loss, ..Self::default() }
    }
}

impl Labelled {
    /// Uses the labels of another target.
    pub fn of(self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self }
    }

    /// Checks the options for a network with this number of classes.
    ///
    /// # Errors
    /// [`OptionError`] for the first one that is out of range.
    pub fn validate(&self, classes: usize) -> Result<(), OptionError> {
        let aux = self.aux_weight;
        OptionError::unless("aux_weight", aux >= 0.0 && aux.is_finite(), "finite and not negative", &aux)?;
        OptionError::unless("top_k", self.top_k > 0, "at least 1", &self.top_k)?;
        self.loss.validate(classes)
    }
}

impl Objective for Labelled {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let labels = cx.labels(&self.target)?;
        self.validate(cx.shape(cx.output()).c)?;
        let mut losses = Vec::new();
        for (i, output) in cx.outputs().to_vec().iter().enumerate() {
            let (name, weight) = match i {
                0 => ("loss".to_owned(), 1.0),
                _ => (format!("loss.{}", output.name), self.aux_weight),
            };
            losses.push((self.loss.add(cx, &name, [output.node, labels])?, weight));
        }
        match losses[..] {
            [(only, _)] => Ok(only),
            _ => Ok(loss::weighted_sum(cx.graph, "loss.all", &losses)?),
        }
    }

    /// The number of labels that count.
    fn count(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        let labels = cx.labels(&self.target)?;
        let (classes, ignore) = (cx.shape(cx.output()).c, Some(cx.ignore_label()));
        let counts = cx.graph.add("labels.counts", Op::LabelWeight(LabelWeight { classes, ignore }), &[labels])?;
        Ok(cx.graph.add("labels.count", Op::Reduce(Reduce::SUM_NHW), &[counts])?)
    }

    /// The confusion matrix; for one label per picture and more than `top_k` classes also the top-k accuracy.
    fn metrics(&self, targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        let kind = targets.iter().find(|spec| spec.name == self.target).map(|spec| spec.kind);
        let pixels = matches!(kind, Some(TargetKind::Mask { .. }));
        let mut metrics: Vec<Box<dyn Metric>> = vec![Box::new(ConfusionMatrix { target: self.target.clone(), pixels })];
        if matches!(kind, Some(TargetKind::Class { classes }) if self.top_k > 1 && self.top_k < classes) {
            metrics.push(Box::new(TopKAccuracy { target: self.target.clone(), k: self.top_k }));
        }
        metrics
    }

    fn describe(&self) -> String {
        let Self { loss, target, aux_weight, .. } = self;
        let target = if target == LABELS { String::new() } else { format!(", target {target:?}") };
        format!("loss {loss:?}, aux_weight {aux_weight:?}{target}")
    }
}

impl Objective for Loss {
    fn loss(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        Labelled::from(self.clone()).loss(cx)
    }

    fn count(&self, cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
        Labelled::from(self.clone()).count(cx)
    }

    fn metrics(&self, targets: &[TargetSpec]) -> Vec<Box<dyn Metric>> {
        Labelled::from(self.clone()).metrics(targets)
    }

    fn describe(&self) -> String {
        Labelled::from(self.clone()).describe()
    }
}
