//! The kernels of each operation.

use atrous_graph::Op;
use atrous_graph::op::{
    ArgMax, BatchStatistics, ChannelSum, ChannelVariance, Concat, Fused, Gradient, Input, LogSoftmax, LogSoftmaxGrad,
    Parameter, Softmax, SoftmaxGrad, StopGradient,
};

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::known::check_asked;
use crate::problem::Problem;

/// Names of the variants that may serve an operation, best first; empty if there is no choice.
pub fn variants(op: &Op) -> Vec<&'static str> {
    kernels(op).variants().into_iter().map(|entry| entry.name).collect()
}

/// Plans one part of an operation with its kernels.
///
/// # Errors
/// As [`plan_node`](crate::plan_node).
pub fn plan_part(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    check_asked(problem.target)?;
    kernels(problem.op).plan(problem)
}

/// The kernels of an operation, of any level.
pub(crate) fn kernels(op: &Op) -> &dyn Kernels {
    match op {
        Op::Input => &Input,
        Op::Parameter => &Parameter,
        Op::Conv2d(op) => op,
        Op::Conv2dGradInput(op) => op,
        Op::BatchNorm(op) => op,
        Op::ChannelVariance => &ChannelVariance,
        Op::RunningStat(op) => op,
        Op::Reduce(op) => op,
        Op::MaxPool(op) => op,
        Op::AvgPool(op) => op,
        Op::AdaptiveAvgPool(op) => op,
        Op::ChannelMaxPool(op) => op,
        Op::Resize(op) => op,
        Op::Unary(op) => op,
        Op::Binary(op) => op,
        Op::Broadcast(op) => op,
        Op::Fill(op) => op,
        Op::ChannelSum => &ChannelSum,
        Op::Softmax => &Softmax,
        Op::LogSoftmax => &LogSoftmax,
        Op::CrossEntropy(op) => op,
        Op::OneHot(op) => op,
        Op::LabelWeight(op) => op,
        Op::ArgMax => &ArgMax,
        Op::Concat => &Concat,
        Op::Slice(op) => op,
        Op::Place(op) => op,
        Op::Pad(op) => op,
        Op::Flip(op) => op,
        Op::Permute(op) => op,
        Op::Dropout(op) => op,
        Op::StopGradient => &StopGradient,
        Op::Cast(op) => op,
        Op::Custom(op) => op,
        Op::Gradient(op) => gradient(op),
        Op::Fused(op) => fused(op),
    }
}

/// The kernels of operations that autodiff adds.
fn gradient(op: &Gradient) -> &dyn Kernels {
    match op {
        Gradient::Conv2dWeight(op) => op,
        Gradient::BatchNormSums(op) => op,
        Gradient::BatchNorm(op) => op,
        Gradient::MaxPoolIndices(op) => op,
        Gradient::MaxPool(op) => op,
        Gradient::AvgPool(op) => op,
        Gradient::AdaptiveAvgPool(op) => op,
        Gradient::ChannelMaxPool(op) => op,
        Gradient::Resize(op) => op,
        Gradient::Unary(op) => op,
        Gradient::Softmax => &SoftmaxGrad,
        Gradient::LogSoftmax => &LogSoftmaxGrad,
        Gradient::CrossEntropy(op) => op,
        Gradient::Pad(op) => op,
    }
}

/// The kernels of operations that passes make.
fn fused(op: &Fused) -> &dyn Kernels {
    match op {
        Fused::Conv(op) => op,
        Fused::BatchNorm(op) => op,
        Fused::BatchNormGradSums(op) => op,
        Fused::BatchNormGrad(op) => op,
        Fused::BatchStatistics => &BatchStatistics,
        Fused::Chain(op) => op,
        Fused::CrossEntropy(op) => op,
        Fused::CrossEntropyGrad(op) => op,
        Fused::ArgMax(op) => op,
    }
}
