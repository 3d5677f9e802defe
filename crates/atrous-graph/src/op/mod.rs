//! The primitive operations: what is computed, never how.
//!
//! [`Op`] has three floors: what users and layers write, [`Gradient`] of what autodiff adds, and [`Fused`] of what passes make. Each
//! operation is a type with its attributes in a file of its family, beside its definition: name, shape rule, element types, costs. The
//! gradients of a family are in its `rules.rs`. The CPU reference and the kernels have the same families.

mod check;
mod conv;
mod custom;
mod definition;
mod fused;
mod gradient;
mod loss;
mod movement;
mod norm;
mod operation;
mod padding;
mod pointwise;
mod pool;
mod reduce;
mod resize;
mod source;

pub use conv::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Convolution, FusedConv};
pub use custom::{Backward, Custom, CustomCut, CustomKernel, CustomOp, Grid, Values};
pub use fused::Fused;
pub use gradient::Gradient;
pub use loss::{CrossEntropy, CrossEntropyGrad, LabelWeight, OneHot, ResizeCrossEntropy, ResizeCrossEntropyGrad};
pub use movement::{Broadcast, Concat, Fill, Flip, Pad, PadGrad, PadMode, Place, Slice};
pub use norm::{
    BatchNorm, BatchNormGrad, BatchNormGradSums, BatchStatistics, ChannelVariance, FusedBatchNorm, FusedBatchNormGrad,
    FusedBatchNormGradSums, RunningStat,
};
pub use operation::Op;
pub use padding::Padding;
pub use pointwise::{
    Binary, Cast, Chain, Dropout, DropoutUnit, LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad, Step, StopGradient,
    Unary, UnaryGrad,
};
pub use pool::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, AvgPool, AvgPoolGrad, ChannelMaxPool, ChannelMaxPoolGrad, MaxPool,
    MaxPoolGrad, MaxPoolIndices, Window,
};
pub use reduce::{ArgMax, ChannelSum, Reduce, Reduction};
pub use resize::{Coordinates, Interpolation, Resize, ResizeArgMax, ResizeGrad};
pub use source::{Input, Parameter};

pub(crate) use operation::Tape;
