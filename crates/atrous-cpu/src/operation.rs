//! Evaluation of single operations.

use atrous_graph::op::{
    ArgMax, BatchStatistics, ChannelSum, ChannelVariance, Concat, Fused, Gradient, Input, LogSoftmax, LogSoftmaxGrad,
    Parameter, Softmax, SoftmaxGrad, StopGradient,
};
use atrous_graph::{Op, Shape};

use crate::Tensor;
use crate::reference::Reference;

/// Computes one operation in f64. `inputs` are in the order the operation documents, `output` is the shape its rule
/// infers.
///
/// # Panics
/// If `inputs` and `output` are not what [`Op::infer`] accepts and returns, or the operation is an input or a
/// parameter, which computes nothing: bugs of the caller.
pub fn evaluate(op: &Op, inputs: &[&Tensor], output: Shape) -> Tensor {
    reference(op).evaluate(inputs, output)
}

/// The error scale `m` of each result, by which [`compare`](crate::compare()) multiplies its relative tolerance.
///
/// - Sums of products: the same operation on absolute values. Any order of summation has an error of `m` times a few
///   roundings.
/// - Functions of one value: the sum of the formula's absolute terms, each times its sensitivity to its argument.
/// - Fused operations: the error scale of each part as far as the result depends on it, plus that of the last part.
/// - Operations that only move, select or look up values: zero. Their results must be exact to the bit.
///
/// Each operation documents its error scale beside its formula, and the reason if it is another one.
///
/// # Panics
/// As [`evaluate`].
pub fn magnitude(op: &Op, inputs: &[&Tensor], output: Shape) -> Tensor {
    reference(op).magnitude(inputs, output)
}

/// The reference of an operation, of any level.
pub(crate) fn reference(op: &Op) -> &dyn Reference {
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

fn gradient(op: &Gradient) -> &dyn Reference {
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

fn fused(op: &Fused) -> &dyn Reference {
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
