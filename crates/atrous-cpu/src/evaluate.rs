//! One operation at a time.

use atrous_graph::{Op, Shape};

use crate::{Tensor, conv, movement, norm, pointwise, pool, reduce, resize};

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
        Op::BatchNorm(op) => norm::batch_norm(op, inputs),
        Op::ChannelVariance => norm::channel_variance(inputs[0], inputs[1]),
        Op::RunningStat(op) => norm::running_stat(op, inputs[0], inputs[1]),
        Op::Reduce(op) => reduce::reduce(op, inputs[0], output),
        Op::MaxPool(op) => pool::max_pool(op, inputs[0], output),
        Op::MaxPoolIndices(op) => pool::max_pool_indices(op, inputs[0], output),
        Op::AvgPool(op) => pool::avg_pool(op, inputs[0], output),
        Op::AdaptiveAvgPool { .. } => pool::adaptive_avg_pool(inputs[0], output),
        Op::ChannelMaxPool(op) => pool::channel_max_pool(op, inputs[0], output),
        Op::Resize(op) => resize::resize(op, inputs[0], output),
        Op::Unary(op) => pointwise::unary(*op, inputs[0]),
        Op::Binary(op) => pointwise::binary(*op, inputs[0], inputs[1], output),
        Op::Softmax => reduce::softmax(inputs[0]),
        Op::LogSoftmax => reduce::log_softmax(inputs[0]),
        Op::ArgMax => reduce::argmax(inputs[0]),
        Op::Concat => movement::concat(inputs, output),
        Op::Slice(op) => movement::slice(op, inputs[0]),
        Op::Pad(op) => movement::pad(op, inputs[0], output),
        Op::Flip { vertical, horizontal } => movement::flip(inputs[0], *vertical, *horizontal),
        Op::Dropout { .. } => inputs[0].clone(),
    }
}
