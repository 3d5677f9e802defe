//! Metrics of class labels, counted on the device.

use atrous_graph::op::{Gradient, LabelWeight, OneHot};
use atrous_graph::{
    NodeId, Op,
    op::{Binary, Conv2d, Conv2dGradWeight, Reduce, Unary},
};

use super::{Confusion, Metric};
use crate::context::{LossContext, ObjectiveError};

/// The confusion matrix: `1×1×C×C` counts by target and prediction. Its figures are `accuracy`, and for labels of pixels also `mean_iou`
/// and `mean_class_accuracy` (see [`Confusion`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// The target with the labels.
    pub target: String,
    /// Whether there is one label per pixel instead of one per picture.
    pub pixels: bool,
}

impl ConfusionMatrix {
    /// Name of the metric and its sums.
    pub const NAME: &'static str = "confusion";

    /// The matrix with these sums, row by row; `None` if their number is no square.
    pub fn of(sums: &[f64]) -> Option<Confusion> {
        let classes = sums.len().isqrt();
        Confusion::from_counts(classes, sums.iter().map(|count| *count as u64).collect()).ok()
    }
}

impl Metric for ConfusionMatrix {
    fn name(&self) -> String {
        Self::NAME.to_owned()
    }

    fn figures(&self) -> Vec<String> {
        let all = ["accuracy", "mean_iou", "mean_class_accuracy"].map(str::to_owned);
        all.into_iter().take(if self.pixels { 3 } else { 1 }).collect()
    }

    /// The products of one-hot targets and one-hot predictions, summed over all pixels. The gradient of a 1×1 convolution with respect to
    /// its filter is this sum.
    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError> {
        let labels = cx.labels(&self.target)?;
        let (logits, ignore) = (cx.output(), Some(cx.ignore_label()));
        let classes = cx.shape(logits).c;
        let mut add = |what: &str, op: Op, inputs: &[NodeId]| cx.graph.add(&format!("confusion.{what}"), op, inputs);
        let targets = add("targets", Op::OneHot(OneHot { classes, ignore }), &[labels])?;
        let predicted = add("predicted", Op::ArgMax, &[logits])?;
        let predicted = add("predictions", Op::OneHot(OneHot { classes, ignore: None }), &[predicted])?;
        let op = Conv2dGradWeight { conv: Conv2d::default(), kernel: [1, 1] };
        Ok(vec![add("counts", Op::Gradient(Gradient::Conv2dWeight(op)), &[targets, predicted])?])
    }

    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>> {
        let confusion = sums.first().and_then(|sums| Self::of(sums));
        let figure = |of: fn(&Confusion) -> Option<f64>| confusion.as_ref().and_then(of);
        let all = [Confusion::accuracy, Confusion::mean_iou, Confusion::mean_class_accuracy];
        all.into_iter().take(if self.pixels { 3 } else { 1 }).map(figure).collect()
    }
}

/// Fraction of the labels that are among the `k` largest logits; among equal logits the label's ranks last (see
/// [`TopK`](super::TopK)). The figure is called `top_k` with the number, such as `top_5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopKAccuracy {
    /// The target with the labels.
    pub target: String,
    /// Number of guesses per label.
    pub k: usize,
}

impl Metric for TopKAccuracy {
    fn name(&self) -> String {
        format!("top_{}", self.k)
    }

    /// The number of correct labels, and the number of labels that count. A label is correct if at most `k` logits, its own included, are
    /// at least as large as its own.
    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError> {
        let labels = cx.labels(&self.target)?;
        let (logits, ignore) = (cx.output(), Some(cx.ignore_label()));
        let classes = cx.shape(logits).c;
        let mut add = |what: &str, op: Op, inputs: &[NodeId]| cx.graph.add(&format!("top_k.{what}"), op, inputs);
        let hot = add("one_hot", Op::OneHot(OneHot { classes, ignore }), &[labels])?;
        let own = add("own_each", Op::Binary(Binary::Mul), &[logits, hot])?;
        let own = add("own", Op::ChannelSum, &[own])?;
        let above = add("above", Op::Binary(Binary::Sub), &[own, logits])?;
        let smaller = add("smaller", Op::Unary(Unary::Step), &[above])?;
        let smaller = add("smaller_count", Op::ChannelSum, &[smaller])?;
        // classes - smaller <= k, between whole numbers
        let shift = self.k as f32 - classes as f32 + 0.5;
        let margin = add("margin", Op::Unary(Unary::Affine { scale: 1.0, shift }), &[smaller])?;
        let right = add("right", Op::Unary(Unary::Step), &[margin])?;
        let counts = add("counts", Op::LabelWeight(LabelWeight { classes, ignore }), &[labels])?;
        let right = add("counted", Op::Binary(Binary::Mul), &[right, counts])?;
        let sum = Op::Reduce(Reduce::SUM_NHW);
        Ok(vec![add("correct", sum, &[right])?, add("total", sum, &[counts])?])
    }

    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>> {
        match sums {
            [right, total] if total[0] > 0.0 => vec![Some(right[0] / total[0])],
            _ => vec![None],
        }
    }
}
