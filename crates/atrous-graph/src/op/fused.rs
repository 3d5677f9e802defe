//! Operations that passes make of several others.

use super::conv::FusedConv;
use super::definition::Definition;
use super::loss::{ResizeCrossEntropy, ResizeCrossEntropyGrad};
use super::norm::{BatchStatistics, FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums};
use super::pointwise::Chain;
use super::resize::ResizeArgMax;

/// Several operations that a pass has merged, so that no intermediate result is stored. They have no gradients, since
/// passes run after differentiation. Inputs are listed in the order a node holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fused {
    /// A convolution with a function before it, and a residual and a function after it: `x`, `filter`, then `bias` and
    /// `residual` if it has them.
    Conv(FusedConv),
    /// `activation(batch_norm(x) + residual)`: the inputs of the batch normalisation, then `residual` if it has one.
    BatchNorm(FusedBatchNorm),
    /// The [sums](crate::op::Gradient::BatchNormSums) of `dy` times the derivative of the activation after the batch
    /// normalisation: `x`, `dy`, `mean`, `var`, `scale`, `shift`.
    BatchNormGradSums(FusedBatchNormGradSums),
    /// The [gradient](crate::op::Gradient::BatchNorm) of `dy` times the derivative of the activation after the batch
    /// normalisation: `x`, `dy`, `mean`, `var`, `scale`, `shift`, then the sums of [`Fused::BatchNormGradSums`] if the
    /// statistics are those of the batch.
    BatchNormGrad(FusedBatchNormGrad),
    /// Mean (sample 0) and biased variance (sample 1) of each channel over N, H, W: `x`. The result is `2×1×1×C`.
    BatchStatistics,
    /// Functions of elements, one after the other: the first value, then what the steps read.
    Chain(Chain),
    /// [`Op::CrossEntropy`](crate::Op::CrossEntropy) of resized logits: `x`, the logits before resizing, and the other
    /// inputs of the loss.
    CrossEntropy(ResizeCrossEntropy),
    /// The gradient of [`Fused::CrossEntropy`] with respect to `x`: `x`, and the other inputs of
    /// [`Gradient::CrossEntropy`](crate::op::Gradient::CrossEntropy).
    CrossEntropyGrad(ResizeCrossEntropyGrad),
    /// [`Op::ArgMax`](crate::Op::ArgMax) of an [`Op::Resize`](crate::Op::Resize): `x`.
    ArgMax(ResizeArgMax),
}

impl Fused {
    /// The definition of the operation.
    pub(super) fn definition(&self) -> &dyn Definition {
        match self {
            Self::Conv(op) => op,
            Self::BatchNorm(op) => op,
            Self::BatchNormGradSums(op) => op,
            Self::BatchNormGrad(op) => op,
            Self::BatchStatistics => &BatchStatistics,
            Self::Chain(op) => op,
            Self::CrossEntropy(op) => op,
            Self::CrossEntropyGrad(op) => op,
            Self::ArgMax(op) => op,
        }
    }
}
