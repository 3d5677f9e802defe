//! Means over samples.

use atrous_graph::{NodeId, Op, op::Binary};

use super::Metric;
use crate::context::{LossContext, ObjectiveError};
use crate::loss;

/// The mean of a function over all samples, see [`mean`].
#[derive(Clone, Debug)]
pub struct Mean<F> {
    name: String,
    function: F,
}

/// The mean over all samples of the values that `function` computes: `N×1×1×1`, or several numbers per sample with equal weights.
///
/// ```
/// use atrous_graph::{Op, op::{Binary, Unary}};
/// use atrous_train::{data::TargetKind, metrics};
///
/// let error = metrics::mean("error", |cx| {
///     let truth = cx.target("pose", TargetKind::Vector { len: 3 })?;
///     let found = cx.output();
///     let difference = cx.graph.add("difference", Op::Binary(Binary::Sub), &[found, truth])?;
///     Ok(cx.graph.add("error", Op::Unary(Unary::Abs), &[difference])?)
/// });
/// # fn takes(_: impl metrics::Metric) {}
/// # takes(error);
/// ```
pub fn mean<F>(name: impl Into<String>, function: F) -> Mean<F>
where
    F: Fn(&mut LossContext<'_>) -> Result<NodeId, ObjectiveError> + Send + Sync,
{
    Mean { name: name.into(), function }
}

impl<F> Metric for Mean<F>
where
    F: Fn(&mut LossContext<'_>) -> Result<NodeId, ObjectiveError> + Send + Sync,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    /// The sum of the values, and their number.
    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError> {
        let values = (self.function)(cx)?;
        let weights = cx.sample_weights()?;
        let counted = cx.graph.add(&format!("{}.counted", self.name), Op::Binary(Binary::Mul), &[values, weights])?;
        let sum = loss::sum(cx.graph, &format!("{}.sum", self.name), counted)?;
        let samples = loss::sum(cx.graph, &format!("{}.samples", self.name), weights)?;
        let each = cx.shape(values).sample_len() as f32;
        let count = loss::weighted_sum(cx.graph, &format!("{}.count", self.name), &[(samples, each)])?;
        Ok(vec![sum, count])
    }

    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>> {
        match sums {
            [sum, count] if count[0] > 0.0 => vec![Some(sum[0] / count[0])],
            _ => vec![None],
        }
    }
}
