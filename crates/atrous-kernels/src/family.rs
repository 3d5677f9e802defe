//! The way from a node to its family of kernels.

use atrous_graph::Op;
use atrous_graph::op::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, BatchNormGradSums, ChannelMaxPoolGrad, CrossEntropyGrad, Fill, Flip, Fused,
    FusedBatchNorm, FusedBatchNormGradSums, Gradient, LabelWeight, MaxPool, MaxPoolIndices, OneHot, ResizeArgMax,
    ResizeCrossEntropyGrad, UnaryGrad,
};

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
        Op::Fused(Fused::Conv(fused)) => entries(&fused.conv.op()),
        Op::Gradient(Gradient::Conv2dWeight(_)) => conv::grad_weight::VARIANTS.entries(),
        Op::Binary(_) => pointwise::binary::VARIANTS.entries(),
        Op::Reduce(_)
        | Op::Fused(Fused::BatchStatistics)
        | Op::ChannelVariance
        | Op::Gradient(Gradient::BatchNormSums(_))
        | Op::Fused(Fused::BatchNormGradSums(_)) => reduce::stages::VARIANTS.entries(),
        Op::Resize(_)
        | Op::Fused(Fused::ArgMax(_))
        | Op::Gradient(Gradient::Resize(_))
        | Op::AdaptiveAvgPool(_)
        | Op::Gradient(Gradient::AdaptiveAvgPool(_) | Gradient::AvgPool(_) | Gradient::Pad(_)) => {
            resize::tables::VARIANTS.entries()
        }
        Op::Input
        | Op::Parameter
        | Op::BatchNorm(_)
        | Op::Gradient(Gradient::BatchNorm(_))
        | Op::Fused(Fused::BatchNorm(_) | Fused::BatchNormGrad(_))
        | Op::RunningStat(_)
        | Op::MaxPool(_)
        | Op::Gradient(Gradient::MaxPoolIndices(_) | Gradient::MaxPool(_))
        | Op::AvgPool(_)
        | Op::ChannelMaxPool(_)
        | Op::Gradient(Gradient::ChannelMaxPool(_))
        | Op::Unary(_)
        | Op::Gradient(Gradient::Unary(_))
        | Op::Fused(Fused::Chain(_))
        | Op::Broadcast(_)
        | Op::Fill(_)
        | Op::ChannelSum
        | Op::Softmax
        | Op::Gradient(Gradient::Softmax)
        | Op::LogSoftmax
        | Op::Gradient(Gradient::LogSoftmax)
        | Op::CrossEntropy(_)
        | Op::Gradient(Gradient::CrossEntropy(_))
        | Op::Fused(Fused::CrossEntropy(_) | Fused::CrossEntropyGrad(_))
        | Op::OneHot(_)
        | Op::LabelWeight(_)
        | Op::ArgMax
        | Op::Concat
        | Op::Slice(_)
        | Op::Place(_)
        | Op::Pad(_)
        | Op::Flip(_)
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
        Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::Fused(Fused::Conv(_)) => conv::plan_conv(problem),
        Op::Gradient(Gradient::Conv2dWeight(op)) => conv::plan_grad_weight(op, problem),
        Op::BatchNorm(norm) => {
            norm::plan_batch_norm(&FusedBatchNorm { norm: *norm, residual: false, activation: None }, problem)
        }
        Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps })) => norm::plan_grad_sums(*eps, None, problem),
        Op::Gradient(Gradient::BatchNorm(op)) => norm::plan_grad(op, problem),
        Op::Fused(Fused::BatchNorm(op)) => norm::plan_batch_norm(op, problem),
        Op::Fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(op))) => {
            norm::plan_grad_sums(op.eps, Some(op.activation), problem)
        }
        Op::Fused(Fused::BatchNormGrad(op)) => norm::plan_fused_grad(op, problem),
        Op::Fused(Fused::BatchStatistics) => norm::plan_statistics(problem),
        Op::ChannelVariance => reduce::plan_variance(problem),
        Op::RunningStat(op) => norm::plan_running_stat(op, problem),
        Op::Reduce(op) => reduce::plan_reduce(op, problem),
        Op::MaxPool(MaxPool { window: op }) => pool::plan_max(op, problem),
        Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: op })) => pool::plan_max_indices(op, problem),
        Op::Gradient(Gradient::MaxPool(op)) => pool::plan_max_grad(op, problem),
        Op::AvgPool(op) => pool::plan_avg(op, problem),
        Op::Gradient(Gradient::AvgPool(op)) => resize::plan_avg_grad(op, problem),
        Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }) => resize::plan_adaptive(*h, *w, problem),
        Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h, w })) => {
            resize::plan_adaptive_grad(*h, *w, problem)
        }
        Op::ChannelMaxPool(op) => pool::plan_channel_max(op, problem),
        Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(op))) => pool::plan_channel_max_grad(op, problem),
        Op::Resize(op) => resize::plan_resize(op, problem),
        Op::Fused(Fused::ArgMax(ResizeArgMax(op))) => resize::plan_argmax(op, problem),
        Op::Gradient(Gradient::Resize(op)) => resize::plan_resize_grad(op, problem),
        Op::Cast(_) => pointwise::plan_cast(problem),
        Op::Custom(op) => custom::plan(op, problem),
        Op::Unary(op) => pointwise::plan_unary(op, problem),
        Op::Gradient(Gradient::Unary(UnaryGrad(op))) => pointwise::plan_unary_grad(op, problem),
        Op::Binary(op) => pointwise::plan_binary(op, problem),
        Op::Fused(Fused::Chain(op)) => pointwise::plan_chain(op, problem),
        Op::Softmax => pointwise::plan_softmax(false, problem),
        Op::LogSoftmax => pointwise::plan_softmax(true, problem),
        Op::Gradient(Gradient::Softmax) => pointwise::plan_softmax_grad(false, problem),
        Op::Gradient(Gradient::LogSoftmax) => pointwise::plan_softmax_grad(true, problem),
        Op::CrossEntropy(op) => label::plan_cross_entropy(op, problem),
        Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))) => label::plan_cross_entropy_grad(op, problem),
        Op::Fused(Fused::CrossEntropy(op)) => resize::plan_cross_entropy(op, problem),
        Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))) => resize::plan_cross_entropy_grad(op, problem),
        Op::OneHot(OneHot { ignore, .. }) => label::plan_one_hot(*ignore, problem),
        Op::LabelWeight(LabelWeight { classes, ignore }) => label::plan_weight(*classes, *ignore, problem),
        Op::ArgMax => pointwise::plan_argmax(problem),
        Op::Broadcast(_) => movement::plan_broadcast(problem),
        Op::Fill(Fill { value, .. }) => movement::plan_fill(*value, problem),
        Op::ChannelSum => reduce::plan_channel_sum(problem),
        Op::Place(op) => movement::plan_place(op, problem),
        Op::Gradient(Gradient::Pad(op)) => resize::plan_pad_grad(op, problem),
        Op::Concat => movement::plan_concat(problem),
        Op::Slice(op) => movement::plan_slice(op, problem),
        Op::Pad(op) => movement::plan_pad(op, problem),
        Op::Flip(Flip { vertical, horizontal }) => movement::plan_flip(*vertical, *horizontal, problem),
    }
}

/// The result is the first input itself.
fn alias() -> NodePlan {
    NodePlan { variant: "alias", ..NodePlan::default() }
}
