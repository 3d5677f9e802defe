//! The way from a node to its family of kernels.

use atrous_graph::Op;
use atrous_graph::op::FusedBatchNorm;

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::known::check_asked;
use crate::problem::Problem;
use crate::variant::Entry;
use crate::{conv, custom, dropout, label, movement, norm, pointwise, pool, reduce, resize};

/// Names of the variants that may serve an operation, best first; empty where there is nothing to choose.
pub fn variants(op: &Op) -> Vec<&'static str> {
    entries(op).into_iter().map(|entry| entry.name).collect()
}

/// The variants that may serve an operation, best first; the last admits everything.
pub(crate) fn entries(op: &Op) -> Vec<&'static Entry> {
    match op {
        Op::Conv2d(_) => conv::forward::VARIANTS.entries(),
        Op::Conv2dGradInput(_) => conv::transposed::VARIANTS.entries(),
        Op::FusedConv(fused) => entries(&fused.conv.op()),
        Op::Conv2dGradWeight(_) => conv::grad_weight::VARIANTS.entries(),
        Op::Binary(_) => pointwise::binary::VARIANTS.entries(),
        Op::Reduce(_)
        | Op::BatchStatistics
        | Op::ChannelVariance
        | Op::BatchNormGradSums { .. }
        | Op::FusedBatchNormGradSums(_) => reduce::stages::VARIANTS.entries(),
        Op::Resize(_)
        | Op::ResizeArgMax(_)
        | Op::ResizeGrad(_)
        | Op::AdaptiveAvgPool { .. }
        | Op::AdaptiveAvgPoolGrad { .. }
        | Op::AvgPoolGrad(_)
        | Op::PadGrad(_) => resize::tables::VARIANTS.entries(),
        Op::Input
        | Op::Parameter
        | Op::BatchNorm(_)
        | Op::BatchNormGrad(_)
        | Op::FusedBatchNorm(_)
        | Op::FusedBatchNormGrad(_)
        | Op::RunningStat(_)
        | Op::MaxPool(_)
        | Op::MaxPoolIndices(_)
        | Op::MaxPoolGrad(_)
        | Op::AvgPool(_)
        | Op::ChannelMaxPool(_)
        | Op::ChannelMaxPoolGrad(_)
        | Op::Unary(_)
        | Op::UnaryGrad(_)
        | Op::Chain(_)
        | Op::Broadcast(_)
        | Op::Fill { .. }
        | Op::ChannelSum
        | Op::Softmax
        | Op::SoftmaxGrad
        | Op::LogSoftmax
        | Op::LogSoftmaxGrad
        | Op::CrossEntropy(_)
        | Op::CrossEntropyGrad(_)
        | Op::ResizeCrossEntropy(_)
        | Op::ResizeCrossEntropyGrad(_)
        | Op::OneHot { .. }
        | Op::LabelWeight { .. }
        | Op::ArgMax
        | Op::Concat
        | Op::Slice(_)
        | Op::Place(_)
        | Op::Pad(_)
        | Op::Flip { .. }
        | Op::Dropout(_)
        | Op::StopGradient
        | Op::Cast(_)
        | Op::Custom(_) => Vec::new(),
    }
}

/// Plans one part with the operation's family.
///
/// # Errors
/// As [`plan_node`](crate::plan_node).
pub fn plan_part(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    check_asked(problem.target)?;
    match problem.op {
        Op::Input | Op::Parameter | Op::StopGradient => Ok(alias()),
        Op::Dropout(_) if problem.inputs.len() == 1 => Ok(alias()),
        Op::Dropout(op) => dropout::plan_dropout(op, problem),
        Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::FusedConv(_) => conv::plan_conv(problem),
        Op::Conv2dGradWeight(op) => conv::plan_grad_weight(op, problem),
        Op::BatchNorm(norm) => {
            norm::plan_batch_norm(&FusedBatchNorm { norm: *norm, residual: false, activation: None }, problem)
        }
        Op::BatchNormGradSums { eps } => norm::plan_grad_sums(*eps, None, problem),
        Op::BatchNormGrad(op) => norm::plan_grad(op, problem),
        Op::FusedBatchNorm(op) => norm::plan_batch_norm(op, problem),
        Op::FusedBatchNormGradSums(op) => norm::plan_grad_sums(op.eps, Some(op.activation), problem),
        Op::FusedBatchNormGrad(op) => norm::plan_fused_grad(op, problem),
        Op::BatchStatistics => norm::plan_statistics(problem),
        Op::ChannelVariance => reduce::plan_variance(problem),
        Op::RunningStat(op) => norm::plan_running_stat(op, problem),
        Op::Reduce(op) => reduce::plan_reduce(op, problem),
        Op::MaxPool(op) => pool::plan_max(op, problem),
        Op::MaxPoolIndices(op) => pool::plan_max_indices(op, problem),
        Op::MaxPoolGrad(op) => pool::plan_max_grad(op, problem),
        Op::AvgPool(op) => pool::plan_avg(op, problem),
        Op::AvgPoolGrad(op) => resize::plan_avg_grad(op, problem),
        Op::AdaptiveAvgPool { h, w } => resize::plan_adaptive(*h, *w, problem),
        Op::AdaptiveAvgPoolGrad { h, w } => resize::plan_adaptive_grad(*h, *w, problem),
        Op::ChannelMaxPool(op) => pool::plan_channel_max(op, problem),
        Op::ChannelMaxPoolGrad(op) => pool::plan_channel_max_grad(op, problem),
        Op::Resize(op) => resize::plan_resize(op, problem),
        Op::ResizeArgMax(op) => resize::plan_argmax(op, problem),
        Op::ResizeGrad(op) => resize::plan_resize_grad(op, problem),
        Op::Cast(_) => pointwise::plan_cast(problem),
        Op::Custom(op) => custom::plan(op, problem),
        Op::Unary(op) => pointwise::plan_unary(op, problem),
        Op::UnaryGrad(op) => pointwise::plan_unary_grad(op, problem),
        Op::Binary(op) => pointwise::plan_binary(op, problem),
        Op::Chain(op) => pointwise::plan_chain(op, problem),
        Op::Softmax => pointwise::plan_softmax(false, problem),
        Op::LogSoftmax => pointwise::plan_softmax(true, problem),
        Op::SoftmaxGrad => pointwise::plan_softmax_grad(false, problem),
        Op::LogSoftmaxGrad => pointwise::plan_softmax_grad(true, problem),
        Op::CrossEntropy(op) => label::plan_cross_entropy(op, problem),
        Op::CrossEntropyGrad(op) => label::plan_cross_entropy_grad(op, problem),
        Op::ResizeCrossEntropy(op) => resize::plan_cross_entropy(op, problem),
        Op::ResizeCrossEntropyGrad(op) => resize::plan_cross_entropy_grad(op, problem),
        Op::OneHot { ignore, .. } => label::plan_one_hot(*ignore, problem),
        Op::LabelWeight { classes, ignore } => label::plan_weight(*classes, *ignore, problem),
        Op::ArgMax => pointwise::plan_argmax(problem),
        Op::Broadcast(_) => movement::plan_broadcast(problem),
        Op::Fill { value, .. } => movement::plan_fill(*value, problem),
        Op::ChannelSum => reduce::plan_channel_sum(problem),
        Op::Place(op) => movement::plan_place(op, problem),
        Op::PadGrad(op) => resize::plan_pad_grad(op, problem),
        Op::Concat => movement::plan_concat(problem),
        Op::Slice(op) => movement::plan_slice(op, problem),
        Op::Pad(op) => movement::plan_pad(op, problem),
        Op::Flip { vertical, horizontal } => movement::plan_flip(*vertical, *horizontal, problem),
    }
}

/// The result is the first input itself.
fn alias() -> NodePlan {
    NodePlan { variant: "alias", ..NodePlan::default() }
}
