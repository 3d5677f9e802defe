//! How much rounding a result may show.

use atrous_graph::op::{
    BatchNormGradSums, Binary, Cast, CrossEntropyGrad, Fused, FusedBatchNormGradSums, Gradient, PadMode, Reduction,
    ResizeCrossEntropyGrad, UnaryGrad,
};
use atrous_graph::{DType, Op, Shape};

use crate::{
    Tensor, chain, custom, evaluate, fused, fused_loss, fused_norm, label, norm, resize, softmax, unary, unary_grad,
};

/// The error scale `m` of each result, which [`compare`](crate::compare()) multiplies with its relative tolerance.
///
/// * Sums of products (convolutions and their gradients, average pooling, sums and means, add, sub, mul, div; the
///   gradients of pooling, padding and nearest neighbour, which add up what fell on one pixel): the same operation on
///   absolute values, all terms added. An error of `m` times a few roundings is what any order of summation makes.
/// * Functions of one value: the sum of the formula's absolute terms, each with its sensitivity to its argument; see
///   `unary::unary_magnitude` and `unary_grad::unary_grad_magnitude`.
/// * A fused convolution: its sum on absolute values, times the steepness of the function behind it, and that function's own
///   scale.
/// * Batch normalisation: `(|x| + |mean|) * |scale| / sqrt(var + eps) + |shift|`, which admits folding it into
///   `x * a + b`; in its gradient and the gradient's sums `x - mean` is `|x| + |mean|` too.
/// * A batch normalisation fused with what follows it: the sum's, times the largest slope of the activation. Its gradient: as
///   without the activation, and all of `dy` where rounding may carry the activation's argument across a kink.
/// * Variance: the variance itself. Its terms are squares of differences of given numbers, nothing cancels; the
///   one-pass `E[x²] - mean²` does not meet this bound where the mean is large, and must not.
/// * Softmax, log-softmax, cross-entropy: from the distances to the largest logit, so large logits get no more room
///   than small ones; see `softmax::softmax_magnitude`. Their gradients: the absolute terms.
/// * Bilinear resize and its gradient: the same on absolute values, and the weights' dependence on rounded
///   coordinates; see `resize::magnitude`.
/// * Cross-entropy of resized logits and its gradient: by its parts, the logits' error scale as far as the result depends on it.
/// * A chain of functions: each step's own, and what the step makes of the one before it.
/// * Dropout with a seed: its value, one product. A cast to f16: its value.
/// * A custom operation: what it says.
/// * Data movement, a cast to f32, repetition, constants, maxima, indices, nearest neighbour, comparisons, what is looked up by label,
///   relu, relu6 and the like: zero; these must be exact to the bit.
///
/// # Panics
/// As [`evaluate`].
pub fn magnitude(op: &Op, inputs: &[&Tensor], output: Shape) -> Tensor {
    let on_absolutes = |op: &Op| {
        let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
        evaluate(op, &absolutes.iter().collect::<Vec<_>>(), output)
    };
    match op {
        Op::Custom(op) => custom::magnitude(op, inputs, output),
        Op::Input | Op::Parameter => panic!("{} nodes are given, not computed", op.name()),
        Op::Conv2d(_)
        | Op::Conv2dGradInput(_)
        | Op::Gradient(Gradient::Conv2dWeight(_) | Gradient::MaxPool(_))
        | Op::AvgPool(_)
        | Op::Gradient(Gradient::AvgPool(_))
        | Op::AdaptiveAvgPool(_)
        | Op::Gradient(Gradient::AdaptiveAvgPool(_))
        | Op::ChannelSum => on_absolutes(op),
        Op::Fused(Fused::Conv(op)) => fused::fused_conv_magnitude(op, inputs, output),
        Op::BatchNorm(op) => norm::batch_norm_magnitude(op, inputs),
        Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps })) => {
            norm::batch_norm_grad_sums_magnitude(*eps, inputs)
        }
        Op::Gradient(Gradient::BatchNorm(op)) => norm::batch_norm_grad_magnitude(op, inputs),
        Op::Fused(Fused::BatchNorm(op)) => fused_norm::fused_batch_norm_magnitude(op, inputs),
        Op::Fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(op))) => fused_norm::grad_sums_magnitude(op, inputs),
        Op::Fused(Fused::BatchNormGrad(op)) => fused_norm::grad_magnitude(op, inputs),
        Op::Fused(Fused::BatchStatistics) => norm::batch_statistics_magnitude(inputs[0]),
        Op::ChannelVariance => evaluate(op, inputs, output),
        Op::RunningStat(op) => norm::running_stat_magnitude(op, inputs[0], inputs[1]),
        Op::Reduce(reduce) => match reduce.reduction {
            Reduction::Sum | Reduction::Mean => on_absolutes(op),
            Reduction::Max => Tensor::zeros(output),
        },
        Op::Gradient(Gradient::ChannelMaxPool(_)) => evaluate(op, &[inputs[0], &inputs[1].abs()], output),
        Op::Resize(op) => resize::magnitude(op, inputs[0], output),
        Op::Gradient(Gradient::Resize(op)) => resize::grad_magnitude(op, inputs[0], output),
        Op::Gradient(Gradient::Pad(grad)) => match grad.pad.mode {
            PadMode::Reflect | PadMode::Replicate => on_absolutes(op),
            PadMode::Constant(_) => Tensor::zeros(output),
        },
        Op::Unary(op) => unary::unary_magnitude(*op, inputs[0]),
        Op::Gradient(Gradient::Unary(UnaryGrad(op))) => unary_grad::unary_grad_magnitude(*op, inputs[0], inputs[1]),
        Op::Binary(Binary::Add | Binary::Sub) => on_absolutes(&Op::Binary(Binary::Add)),
        Op::Binary(Binary::Mul | Binary::DivNoNan) => on_absolutes(op),
        Op::Fused(Fused::Chain(op)) => chain::chain_magnitude(op, inputs),
        Op::Softmax => softmax::softmax_magnitude(inputs[0]),
        Op::Gradient(Gradient::Softmax) => softmax::softmax_grad_magnitude(inputs[0], inputs[1]),
        Op::LogSoftmax => softmax::log_softmax_magnitude(inputs[0]),
        Op::Gradient(Gradient::LogSoftmax) => softmax::log_softmax_grad_magnitude(inputs[0], inputs[1]),
        Op::CrossEntropy(op) => label::cross_entropy_magnitude(op, inputs),
        Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))) => label::cross_entropy_grad_magnitude(op, inputs),
        Op::Fused(Fused::CrossEntropy(op)) => fused_loss::cross_entropy_magnitude(op, inputs),
        Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))) => fused_loss::grad_magnitude(op, inputs),
        Op::Cast(Cast { dtype: DType::F16 }) => on_absolutes(op),
        Op::Dropout(_) if inputs.len() == 2 => on_absolutes(op),
        Op::MaxPool(_)
        | Op::Gradient(Gradient::MaxPoolIndices(_))
        | Op::ChannelMaxPool(_)
        | Op::Binary(Binary::Equal)
        | Op::Broadcast(_)
        | Op::Fill(_)
        | Op::OneHot(_)
        | Op::LabelWeight(_)
        | Op::ArgMax
        | Op::Fused(Fused::ArgMax(_))
        | Op::Concat
        | Op::Slice(_)
        | Op::Place(_)
        | Op::Pad(_)
        | Op::Flip(_)
        | Op::Dropout(_)
        | Op::StopGradient
        | Op::Cast(_) => Tensor::zeros(output),
    }
}
