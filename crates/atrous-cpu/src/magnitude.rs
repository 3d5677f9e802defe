//! How much rounding a result may show.

use atrous_graph::op::{Binary, Reduction};
use atrous_graph::{Op, Shape};

use crate::{Tensor, evaluate, norm, pointwise, reduce, resize};

/// The error scale `m` of each result, which [`compare`](crate::compare()) multiplies with its relative tolerance.
///
/// * Sums of products (convolutions, average pooling, sum and mean, add, sub, mul): the same operation on absolute
///   values, all terms added. An error of `m` times a few roundings is what any order of summation makes.
/// * Functions of one value: the sum of the formula's absolute terms, each with its sensitivity to its argument; see
///   `pointwise::unary_magnitude`.
/// * Batch normalisation: `(|x| + |mean|) * |scale| / sqrt(var + eps) + |shift|`, which admits folding it into
///   `x * a + b`.
/// * Variance: the variance itself. Its terms are squares of differences of given numbers, nothing cancels; the
///   one-pass `E[x²] - mean²` does not meet this bound where the mean is large, and must not.
/// * Softmax, log-softmax: from the distances to the largest logit, so large logits get no more room than small ones;
///   see `reduce::softmax_magnitude`.
/// * Bilinear resize: the same on absolute values, and the weights' dependence on rounded coordinates; see
///   `resize::magnitude`.
/// * Data movement, maxima, indices, nearest neighbour, relu, relu6: zero; these must be exact to the bit.
///
/// # Panics
/// As [`evaluate`].
pub fn magnitude(op: &Op, inputs: &[&Tensor], output: Shape) -> Tensor {
    let on_absolutes = |op: &Op| {
        let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
        evaluate(op, &absolutes.iter().collect::<Vec<_>>(), output)
    };
    match op {
        Op::Input | Op::Parameter => panic!("{} nodes are given, not computed", op.name()),
        Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::AvgPool(_) | Op::AdaptiveAvgPool { .. } => on_absolutes(op),
        Op::BatchNorm(op) => norm::batch_norm_magnitude(op, inputs),
        Op::ChannelVariance => evaluate(op, inputs, output),
        Op::RunningStat(op) => norm::running_stat_magnitude(op, inputs[0], inputs[1]),
        Op::Reduce(reduce) => match reduce.reduction {
            Reduction::Sum | Reduction::Mean => on_absolutes(op),
            Reduction::Max => Tensor::zeros(output),
        },
        Op::Resize(op) => resize::magnitude(op, inputs[0], output),
        Op::Unary(op) => pointwise::unary_magnitude(*op, inputs[0]),
        Op::Binary(Binary::Add | Binary::Sub) => on_absolutes(&Op::Binary(Binary::Add)),
        Op::Binary(Binary::Mul) => on_absolutes(op),
        Op::Softmax => reduce::softmax_magnitude(inputs[0]),
        Op::LogSoftmax => reduce::log_softmax_magnitude(inputs[0]),
        Op::MaxPool(_)
        | Op::MaxPoolIndices(_)
        | Op::ChannelMaxPool(_)
        | Op::ArgMax
        | Op::Concat
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Flip { .. }
        | Op::Dropout { .. } => Tensor::zeros(output),
    }
}
