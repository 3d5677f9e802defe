//! One operation at a time.

use atrous_graph::op::{
    BatchNormGradSums, ChannelMaxPoolGrad, CrossEntropyGrad, Fill, Flip, Fused, FusedBatchNormGradSums, Gradient,
    LabelWeight, MaxPool, MaxPoolIndices, OneHot, ResizeArgMax, ResizeCrossEntropyGrad, UnaryGrad,
};
use atrous_graph::{Op, Shape};

use crate::{
    Tensor, chain, conv, custom, dropout, fused, fused_loss, fused_norm, label, movement, norm, pointwise, pool,
    pool_grad, reduce, resize, softmax, unary, unary_grad,
};

/// Computes one operation in f64. `inputs` are in the order the operation documents, `output` is the shape its rule
/// infers.
///
/// # Panics
/// If `inputs` and `output` are not what [`Op::infer`] accepts and returns, or the operation is an input or a
/// parameter, which has a value but computes none: bugs of the caller.
pub fn evaluate(op: &Op, inputs: &[&Tensor], output: Shape) -> Tensor {
    match op {
        Op::Input | Op::Parameter => panic!("{} nodes are given, not computed", op.name()),
        Op::Conv2d(op) => conv::conv2d(op, inputs, output),
        Op::Conv2dGradInput(op) => conv::conv2d_grad_input(op, inputs, output),
        Op::Gradient(Gradient::Conv2dWeight(op)) => conv::conv2d_grad_weight(op, inputs, output),
        Op::Fused(Fused::Conv(op)) => fused::fused_conv(op, inputs, output),
        Op::BatchNorm(op) => norm::batch_norm(op, inputs),
        Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps })) => norm::batch_norm_grad_sums(*eps, inputs),
        Op::Gradient(Gradient::BatchNorm(op)) => norm::batch_norm_grad(op, inputs),
        Op::Fused(Fused::BatchNorm(op)) => fused_norm::fused_batch_norm(op, inputs),
        Op::Fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(op))) => fused_norm::grad_sums(op, inputs),
        Op::Fused(Fused::BatchNormGrad(op)) => fused_norm::grad(op, inputs),
        Op::Fused(Fused::BatchStatistics) => norm::batch_statistics(inputs[0]),
        Op::ChannelVariance => norm::channel_variance(inputs[0], inputs[1]),
        Op::RunningStat(op) => norm::running_stat(op, inputs[0], inputs[1]),
        Op::Reduce(op) => reduce::reduce(op, inputs[0], output),
        Op::MaxPool(MaxPool { window: op }) => pool::max_pool(op, inputs[0], output),
        Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: op })) => {
            pool::max_pool_indices(op, inputs[0], output)
        }
        Op::Gradient(Gradient::MaxPool(_)) => pool_grad::max_pool_grad(inputs[0], inputs[1], output),
        Op::AvgPool(op) => pool::avg_pool(op, inputs[0], output),
        Op::Gradient(Gradient::AvgPool(op)) => pool_grad::avg_pool_grad(op, inputs[0], output),
        Op::AdaptiveAvgPool(_) => pool::adaptive_avg_pool(inputs[0], output),
        Op::Gradient(Gradient::AdaptiveAvgPool(_)) => pool_grad::adaptive_avg_pool_grad(inputs[0], output),
        Op::ChannelMaxPool(op) => pool::channel_max_pool(op, inputs[0], output),
        Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(op))) => {
            pool_grad::channel_max_pool_grad(op, inputs[0], inputs[1])
        }
        Op::Resize(op) => resize::resize(op, inputs[0], output),
        Op::Gradient(Gradient::Resize(op)) => resize::resize_grad(op, inputs[0], output),
        Op::Unary(op) => unary::unary(*op, inputs[0]),
        Op::Gradient(Gradient::Unary(UnaryGrad(op))) => unary_grad::unary_grad(*op, inputs[0], inputs[1]),
        Op::Binary(op) => pointwise::binary(*op, inputs[0], inputs[1], output),
        Op::Fused(Fused::Chain(op)) => chain::chain(op, inputs),
        Op::Broadcast(_) => pointwise::broadcast(inputs[0], output),
        Op::Fill(Fill { value, .. }) => Tensor::zeros(output).map(|_| f64::from(*value)),
        Op::ChannelSum => reduce::channel_sum(inputs[0]),
        Op::Softmax => softmax::softmax(inputs[0]),
        Op::Gradient(Gradient::Softmax) => softmax::softmax_grad(inputs[0], inputs[1]),
        Op::LogSoftmax => softmax::log_softmax(inputs[0]),
        Op::Gradient(Gradient::LogSoftmax) => softmax::log_softmax_grad(inputs[0], inputs[1]),
        Op::CrossEntropy(op) => label::cross_entropy(op, inputs),
        Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(op))) => label::cross_entropy_grad(op, inputs),
        Op::Fused(Fused::CrossEntropy(op)) => fused_loss::cross_entropy(op, inputs),
        Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(op))) => fused_loss::grad(op, inputs),
        Op::OneHot(OneHot { classes, ignore }) => label::one_hot(inputs[0], *classes, *ignore),
        Op::LabelWeight(LabelWeight { classes, ignore }) => label::label_weight(inputs, *classes, *ignore),
        Op::ArgMax => reduce::argmax(inputs[0]),
        Op::Fused(Fused::ArgMax(ResizeArgMax(op))) => {
            reduce::argmax(&resize::resize(op, inputs[0], Shape { c: inputs[0].shape.c, ..output }))
        }
        Op::Concat => movement::concat(inputs, output),
        Op::Slice(op) => movement::slice(op, inputs[0]),
        Op::Place(op) => movement::place(op, inputs[0]),
        Op::Pad(op) => movement::pad(op, inputs[0], output),
        Op::Gradient(Gradient::Pad(op)) => movement::pad_grad(op, inputs[0], output),
        Op::Flip(Flip { vertical, horizontal }) => movement::flip(inputs[0], *vertical, *horizontal),
        Op::Dropout(op) => dropout::dropout(op, inputs[0], inputs.get(1).copied()),
        Op::StopGradient | Op::Cast(_) => inputs[0].clone(),
        Op::Custom(op) => custom::evaluate(op, inputs, output),
    }
}
