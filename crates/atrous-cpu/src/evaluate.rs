//! One operation at a time.

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
        Op::Conv2dGradWeight(op) => conv::conv2d_grad_weight(op, inputs, output),
        Op::FusedConv(op) => fused::fused_conv(op, inputs, output),
        Op::BatchNorm(op) => norm::batch_norm(op, inputs),
        Op::BatchNormGradSums { eps } => norm::batch_norm_grad_sums(*eps, inputs),
        Op::BatchNormGrad(op) => norm::batch_norm_grad(op, inputs),
        Op::FusedBatchNorm(op) => fused_norm::fused_batch_norm(op, inputs),
        Op::FusedBatchNormGradSums(op) => fused_norm::grad_sums(op, inputs),
        Op::FusedBatchNormGrad(op) => fused_norm::grad(op, inputs),
        Op::BatchStatistics => norm::batch_statistics(inputs[0]),
        Op::ChannelVariance => norm::channel_variance(inputs[0], inputs[1]),
        Op::RunningStat(op) => norm::running_stat(op, inputs[0], inputs[1]),
        Op::Reduce(op) => reduce::reduce(op, inputs[0], output),
        Op::MaxPool(op) => pool::max_pool(op, inputs[0], output),
        Op::MaxPoolIndices(op) => pool::max_pool_indices(op, inputs[0], output),
        Op::MaxPoolGrad(_) => pool_grad::max_pool_grad(inputs[0], inputs[1], output),
        Op::AvgPool(op) => pool::avg_pool(op, inputs[0], output),
        Op::AvgPoolGrad(op) => pool_grad::avg_pool_grad(op, inputs[0], output),
        Op::AdaptiveAvgPool { .. } => pool::adaptive_avg_pool(inputs[0], output),
        Op::AdaptiveAvgPoolGrad { .. } => pool_grad::adaptive_avg_pool_grad(inputs[0], output),
        Op::ChannelMaxPool(op) => pool::channel_max_pool(op, inputs[0], output),
        Op::ChannelMaxPoolGrad(op) => pool_grad::channel_max_pool_grad(op, inputs[0], inputs[1]),
        Op::Resize(op) => resize::resize(op, inputs[0], output),
        Op::ResizeGrad(op) => resize::resize_grad(op, inputs[0], output),
        Op::Unary(op) => unary::unary(*op, inputs[0]),
        Op::UnaryGrad(op) => unary_grad::unary_grad(*op, inputs[0], inputs[1]),
        Op::Binary(op) => pointwise::binary(*op, inputs[0], inputs[1], output),
        Op::Chain(op) => chain::chain(op, inputs),
        Op::Broadcast(_) => pointwise::broadcast(inputs[0], output),
        Op::Fill { value, .. } => Tensor::zeros(output).map(|_| f64::from(*value)),
        Op::ChannelSum => reduce::channel_sum(inputs[0]),
        Op::Softmax => softmax::softmax(inputs[0]),
        Op::SoftmaxGrad => softmax::softmax_grad(inputs[0], inputs[1]),
        Op::LogSoftmax => softmax::log_softmax(inputs[0]),
        Op::LogSoftmaxGrad => softmax::log_softmax_grad(inputs[0], inputs[1]),
        Op::CrossEntropy(op) => label::cross_entropy(op, inputs),
        Op::CrossEntropyGrad(op) => label::cross_entropy_grad(op, inputs),
        Op::ResizeCrossEntropy(op) => fused_loss::cross_entropy(op, inputs),
        Op::ResizeCrossEntropyGrad(op) => fused_loss::grad(op, inputs),
        Op::OneHot { classes, ignore } => label::one_hot(inputs[0], *classes, *ignore),
        Op::LabelWeight { classes, ignore } => label::label_weight(inputs, *classes, *ignore),
        Op::ArgMax => reduce::argmax(inputs[0]),
        Op::ResizeArgMax(op) => {
            reduce::argmax(&resize::resize(op, inputs[0], Shape { c: inputs[0].shape.c, ..output }))
        }
        Op::Concat => movement::concat(inputs, output),
        Op::Slice(op) => movement::slice(op, inputs[0]),
        Op::Place(op) => movement::place(op, inputs[0]),
        Op::Pad(op) => movement::pad(op, inputs[0], output),
        Op::PadGrad(op) => movement::pad_grad(op, inputs[0], output),
        Op::Flip { vertical, horizontal } => movement::flip(inputs[0], *vertical, *horizontal),
        Op::Dropout(op) => dropout::dropout(op, inputs[0], inputs.get(1).copied()),
        Op::StopGradient | Op::Cast(_) => inputs[0].clone(),
        Op::Custom(op) => custom::evaluate(op, inputs, output),
    }
}
