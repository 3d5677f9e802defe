//! Operations that autodiff adds to a graph.

use super::conv::Conv2dGradWeight;
use super::loss::CrossEntropyGrad;
use super::movement::PadGrad;
use super::norm::{BatchNormGrad, BatchNormGradSums};
use super::pointwise::UnaryGrad;
use super::pool::{AdaptiveAvgPoolGrad, AvgPoolGrad, ChannelMaxPoolGrad, MaxPoolGrad, MaxPoolIndices};
use super::resize::ResizeGrad;

/// An operation that autodiff adds: the gradient of another one. Inputs are listed in the order a node holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gradient {
    /// The gradient of a convolution with respect to its filter: `x`, `dy`. The result is a filter.
    Conv2dWeight(Conv2dGradWeight),
    /// Both sums that the gradient of a batch normalisation needs: `x`, `dy`, `mean`, `var`. The result is `2×1×1×C`: sample 0
    /// holds `Σ dy`, the gradient of the shift; sample 1 `Σ dy * (x - mean) / sqrt(var + eps)`, that of the scale.
    BatchNormSums(BatchNormGradSums),
    /// The gradient of a batch normalisation with respect to `x`: `x`, `dy`, `mean`, `var`, then `scale` if it has one, then
    /// the sums of [`Gradient::BatchNormSums`] if the statistics are those of the batch.
    BatchNorm(BatchNormGrad),
    /// The position of each maximum of [`Op::MaxPool`](crate::Op::MaxPool): `x`. The result is u32.
    MaxPoolIndices(MaxPoolIndices),
    /// The gradient of [`Op::MaxPool`](crate::Op::MaxPool): `dy`, and the indices of [`Gradient::MaxPoolIndices`].
    MaxPool(MaxPoolGrad),
    /// The gradient of [`Op::AvgPool`](crate::Op::AvgPool): `dy`.
    AvgPool(AvgPoolGrad),
    /// The gradient of [`Op::AdaptiveAvgPool`](crate::Op::AdaptiveAvgPool): `dy`, which has a pixel for each bin.
    AdaptiveAvgPool(AdaptiveAvgPoolGrad),
    /// The gradient of [`Op::ChannelMaxPool`](crate::Op::ChannelMaxPool): `x`, `dy`.
    ChannelMaxPool(ChannelMaxPoolGrad),
    /// The gradient of [`Op::Resize`](crate::Op::Resize): `dy`.
    Resize(ResizeGrad),
    /// `dy * f'(x)`: `x`, `dy`.
    Unary(UnaryGrad),
    /// The gradient of [`Op::Softmax`](crate::Op::Softmax): `y`, `dy`.
    Softmax,
    /// The gradient of [`Op::LogSoftmax`](crate::Op::LogSoftmax): `y`, `dy`.
    LogSoftmax,
    /// The gradient of [`Op::CrossEntropy`](crate::Op::CrossEntropy) with respect to the logits: `logits`, `labels`, `dy`
    /// (`N×H×W×1`), and the class weights if it has them.
    CrossEntropy(CrossEntropyGrad),
    /// The gradient of [`Op::Pad`](crate::Op::Pad): `dy`.
    Pad(PadGrad),
}
