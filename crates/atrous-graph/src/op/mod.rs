//! The primitive operations: what is computed, never how.
//!
//! [`Op`] is matched without a wildcard in the shape rule ([`Op::infer`]), the CPU reference and the kernel plan, so a
//! new operation does not compile until all of them know it.

mod chain;
mod conv;
mod custom;
mod fused;
mod fused_loss;
mod fused_norm;
mod grad;
mod label;
mod movement;
mod norm;
mod pointwise;
mod pool;
mod resize;
mod storage;

pub use chain::{Chain, Step};
pub use conv::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Padding};
pub use custom::{Custom, CustomCut, CustomKernel, CustomOp, Grid, Values};
pub use fused::{Convolution, FusedConv};
pub use fused_loss::ResizeCrossEntropy;
pub use fused_norm::{FusedBatchNorm, FusedBatchNormGrad};
pub use grad::{AvgPoolGrad, MaxPoolGrad, PadGrad, ResizeGrad};
pub use label::CrossEntropy;
pub use movement::{Pad, PadMode, Place, Slice};
pub use norm::{BatchNorm, BatchNormGrad, Reduce, Reduction, RunningStat};
pub use pointwise::{Binary, Dropout, DropoutUnit, Unary};
pub use pool::{AvgPool, ChannelMaxPool, Window};
pub use resize::{Coordinates, Interpolation, Resize};

use crate::{DType, Layout, Shape, TensorType};

/// One primitive operation with its attributes. Inputs are listed in the order a node holds them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// Data that each run brings along. No inputs.
    Input,
    /// Data that stays on the device. No inputs.
    Parameter,
    /// Cross-correlation: `x`, `filter`, and optionally `bias` (`1×1×1×Cout`).
    Conv2d(Conv2d),
    /// The adjoint of a convolution with respect to its input; used forward it is the transposed convolution: `y`,
    /// `filter` (of the forward convolution), and optionally `bias` over the result's channels.
    Conv2dGradInput(Conv2dGradInput),
    /// The gradient of a convolution with respect to its filter: `x`, `dy`. The result is a filter.
    Conv2dGradWeight(Conv2dGradWeight),
    /// A convolution with a function before it, and a residual and a function behind it: `x`, `filter`, then `bias` and
    /// `residual` if it has them.
    FusedConv(FusedConv),
    /// `(x - mean) / sqrt(var + eps) * scale + shift`: `x`, `mean`, `var`, then `scale` and `shift` if it has them.
    BatchNorm(BatchNorm),
    /// Both sums that the gradient of a batch normalisation needs: `x`, `dy`, `mean`, `var`. The result is `2×1×1×C`: sample 0
    /// holds `Σ dy`, the gradient of the shift; sample 1 `Σ dy * (x - mean) / sqrt(var + eps)`, that of the scale.
    BatchNormGradSums {
        /// Added to the variance.
        eps: f64,
    },
    /// The gradient of a batch normalisation with respect to `x`: `x`, `dy`, `mean`, `var`, then `scale` if it has one, then
    /// the sums of [`Op::BatchNormGradSums`] if the statistics are those of the batch.
    BatchNormGrad(BatchNormGrad),
    /// `activation(batch_norm(x) + residual)`: the inputs of the batch normalisation, then `residual` if it has one.
    FusedBatchNorm(FusedBatchNorm),
    /// [`Op::BatchNormGradSums`] of `dy` times the derivative of the activation behind the batch normalisation: `x`, `dy`, `mean`,
    /// `var`, `scale`, `shift`.
    FusedBatchNormGradSums(FusedBatchNormGrad),
    /// [`Op::BatchNormGrad`] of `dy` times the derivative of the activation behind the batch normalisation: `x`, `dy`, `mean`,
    /// `var`, `scale`, `shift`, then the sums of [`Op::FusedBatchNormGradSums`] if the statistics are those of the batch.
    FusedBatchNormGrad(FusedBatchNormGrad),
    /// Mean (sample 0) and biased variance (sample 1) of each channel over N, H, W: `x`. The result is `2×1×1×C`.
    BatchStatistics,
    /// Biased variance of each channel over N, H, W around a given mean: `x`, `mean`. Two passes, so nothing cancels.
    ChannelVariance,
    /// `keep * running + take * batch`: `running`, `batch`, both of the same shape, or `batch` of two samples.
    RunningStat(RunningStat),
    /// Sum, mean or maximum over some of N, H, W: `x`.
    Reduce(Reduce),
    /// Maximum over a window: `x`. Padding never wins.
    MaxPool(Window),
    /// Where [`Op::MaxPool`] found its maximum: flat `y*W + x` in the input's plane, the first in row-major order on a
    /// tie. u32.
    MaxPoolIndices(Window),
    /// The gradient of [`Op::MaxPool`]: `dy`, and the indices of [`Op::MaxPoolIndices`].
    MaxPoolGrad(MaxPoolGrad),
    /// Mean over a window: `x`.
    AvgPool(AvgPool),
    /// The gradient of [`Op::AvgPool`]: `dy`.
    AvgPoolGrad(AvgPoolGrad),
    /// Mean over bins: bin `i` of `b` covers `floor(i*n/b) .. ceil((i+1)*n/b)`. `x`.
    AdaptiveAvgPool {
        /// Rows of bins.
        h: usize,
        /// Columns of bins.
        w: usize,
    },
    /// The gradient of [`Op::AdaptiveAvgPool`]: `dy`, whose sides are the bins.
    AdaptiveAvgPoolGrad {
        /// Rows of the result.
        h: usize,
        /// Columns of the result.
        w: usize,
    },
    /// Maximum over `window` consecutive channels, every `stride` channels: `x`.
    ChannelMaxPool(ChannelMaxPool),
    /// The gradient of [`Op::ChannelMaxPool`]: `x`, `dy`. A window's gradient goes to its first maximum.
    ChannelMaxPoolGrad(ChannelMaxPool),
    /// Nearest or bilinear interpolation: `x`.
    Resize(Resize),
    /// The gradient of [`Op::Resize`]: `dy`.
    ResizeGrad(ResizeGrad),
    /// A function of each element: `x`.
    Unary(Unary),
    /// `dy * f'(x)`: `x`, `dy`. For functions of [`Unary::from_result`] `x` may also be `f(x)`.
    UnaryGrad(Unary),
    /// A function of two elements: `a`, `b`; sides of 1 broadcast.
    Binary(Binary),
    /// Functions of elements, one after the other: the first value, then what the steps read.
    Chain(Chain),
    /// Repeats sides of 1 up to this shape: `x`.
    Broadcast(Shape),
    /// The same number everywhere. No inputs.
    Fill {
        /// Shape of the result.
        shape: Shape,
        /// The number.
        value: f32,
    },
    /// Sum over channels: `x`. The result is `N×H×W×1`.
    ChannelSum,
    /// Softmax over channels: `x`.
    Softmax,
    /// The gradient of [`Op::Softmax`], `y * (dy - Σ_c dy*y)`: `y`, `dy`.
    SoftmaxGrad,
    /// Logarithm of the softmax over channels: `x`.
    LogSoftmax,
    /// The gradient of [`Op::LogSoftmax`], `dy - exp(y) * Σ_c dy`: `y`, `dy`.
    LogSoftmaxGrad,
    /// Cross-entropy of each pixel: `logits`, `labels` (`N×H×W×1`, u32), and optionally one weight per class
    /// (`1×1×1×C`). The result is `N×H×W×1`.
    CrossEntropy(CrossEntropy),
    /// The gradient of [`Op::CrossEntropy`] with respect to the logits: `logits`, `labels`, `dy` (`N×H×W×1`), and the class
    /// weights if it has them.
    CrossEntropyGrad(CrossEntropy),
    /// [`Op::CrossEntropy`] of resized logits: `x`, which becomes the logits, and the other inputs of the loss.
    ResizeCrossEntropy(ResizeCrossEntropy),
    /// The gradient of [`Op::ResizeCrossEntropy`] with respect to `x`: `x`, and the other inputs of [`Op::CrossEntropyGrad`].
    ResizeCrossEntropyGrad(ResizeCrossEntropy),
    /// 1 in the channel that is the label, 0 elsewhere; all 0 for labels of `classes` and above, and for the ignored one:
    /// `labels` (`N×H×W×1`, u32). The result is `N×H×W×classes`, f32.
    OneHot {
        /// Channels of the result.
        classes: usize,
        /// A label that counts as none, even below `classes`.
        ignore: Option<u32>,
    },
    /// The weight of each label, 1 without class weights; 0 for labels of `classes` and above, and for the ignored one:
    /// `labels` (`N×H×W×1`, u32), and optionally one weight per class (`1×1×1×classes`). The result is `N×H×W×1`, f32.
    LabelWeight {
        /// Number of classes.
        classes: usize,
        /// A label that counts as none, even below `classes`.
        ignore: Option<u32>,
    },
    /// Channel of the largest value, the lowest on a tie: `x`. The result is `N×H×W×1`, u32.
    ArgMax,
    /// [`Op::ArgMax`] of a [`Op::Resize`]: `x`. Made by a pass, which runs after differentiation.
    ResizeArgMax(Resize),
    /// Inputs one after the other along the channels; one or more.
    Concat,
    /// A box cut out of the tensor: `x`. Crops and channel slices are this.
    Slice(Slice),
    /// A tensor of zeros with a box filled in, the adjoint of [`Op::Slice`]: `x`, the box.
    Place(Place),
    /// Rows and columns added around the image: `x`.
    Pad(Pad),
    /// The gradient of [`Op::Pad`]: `dy`.
    PadGrad(PadGrad),
    /// Mirrors rows and/or columns: `x`.
    Flip {
        /// Reverse the order of rows.
        vertical: bool,
        /// Reverse the order of columns.
        horizontal: bool,
    },
    /// Dropout: `x`, and in training a seed (`1×1×1×1`, u32), which each run brings along. Without a seed the identity.
    Dropout(Dropout),
    /// The identity, through which no gradient flows: `x`.
    StopGradient,
    /// The same numbers in this other type of float, rounded to the nearest: `x`, of any layout.
    Cast(DType),
    /// An operation that the program has brought along.
    Custom(Custom),
}

impl Op {
    /// An operation of one's own.
    pub fn custom(op: impl CustomOp) -> Self {
        Self::Custom(Custom::new(op))
    }

    /// The operation's name in prints and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter => "parameter",
            Self::Conv2d(_) => "conv2d",
            Self::Conv2dGradInput(_) => "conv_transpose2d",
            Self::Conv2dGradWeight(_) => "conv2d_grad_weight",
            Self::FusedConv(fused) => match fused.conv {
                Convolution::Forward(_) => "fused_conv2d",
                Convolution::Transposed(_) => "fused_conv_transpose2d",
            },
            Self::BatchNorm(_) => "batch_norm",
            Self::BatchNormGradSums { .. } => "batch_norm_grad_sums",
            Self::BatchNormGrad(_) => "batch_norm_grad",
            Self::FusedBatchNorm(_) => "fused_batch_norm",
            Self::FusedBatchNormGradSums(_) => "fused_batch_norm_grad_sums",
            Self::FusedBatchNormGrad(_) => "fused_batch_norm_grad",
            Self::BatchStatistics => "batch_statistics",
            Self::ChannelVariance => "channel_variance",
            Self::RunningStat(_) => "running_stat",
            Self::Reduce(_) => "reduce",
            Self::MaxPool(_) => "max_pool2d",
            Self::MaxPoolIndices(_) => "max_pool2d_indices",
            Self::MaxPoolGrad(_) => "max_pool2d_grad",
            Self::AvgPool(_) => "avg_pool2d",
            Self::AvgPoolGrad(_) => "avg_pool2d_grad",
            Self::AdaptiveAvgPool { .. } => "adaptive_avg_pool2d",
            Self::AdaptiveAvgPoolGrad { .. } => "adaptive_avg_pool2d_grad",
            Self::ChannelMaxPool(_) => "channel_max_pool",
            Self::ChannelMaxPoolGrad(_) => "channel_max_pool_grad",
            Self::Resize(_) => "resize",
            Self::ResizeGrad(_) => "resize_grad",
            Self::Unary(u) => u.name(),
            Self::UnaryGrad(_) => "unary_grad",
            Self::Binary(b) => b.name(),
            Self::Chain(_) => "chain",
            Self::Broadcast(_) => "broadcast",
            Self::Fill { .. } => "fill",
            Self::ChannelSum => "channel_sum",
            Self::Softmax => "softmax",
            Self::SoftmaxGrad => "softmax_grad",
            Self::LogSoftmax => "log_softmax",
            Self::LogSoftmaxGrad => "log_softmax_grad",
            Self::CrossEntropy(_) => "cross_entropy",
            Self::CrossEntropyGrad(_) => "cross_entropy_grad",
            Self::ResizeCrossEntropy(_) => "resize_cross_entropy",
            Self::ResizeCrossEntropyGrad(_) => "resize_cross_entropy_grad",
            Self::OneHot { .. } => "one_hot",
            Self::LabelWeight { .. } => "label_weight",
            Self::ArgMax => "argmax",
            Self::ResizeArgMax(_) => "resize_argmax",
            Self::Concat => "concat",
            Self::Slice(_) => "slice",
            Self::Place(_) => "place",
            Self::Pad(_) => "pad",
            Self::PadGrad(_) => "pad_grad",
            Self::Flip { .. } => "flip",
            Self::Dropout(_) => "dropout",
            Self::StopGradient => "stop_gradient",
            Self::Cast(_) => "cast",
            Self::Custom(op) => op.name(),
        }
    }

    /// Infers the result's type from the inputs' types.
    ///
    /// # Errors
    /// What the operation wanted and what it got, without the node's name.
    pub fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.check_inputs(inputs)?;
        let ty = self.infer_f32(inputs)?;
        Ok(TensorType { dtype: self.result_dtype(inputs, ty.dtype), ..ty })
    }

    /// The result's type where nothing is stored in f16.
    fn infer_f32(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        match self {
            Self::Input | Self::Parameter => Err("inputs and parameters carry their own shape".to_owned()),
            Self::Conv2d(op) => op.infer(inputs),
            Self::Conv2dGradInput(op) => op.infer(inputs),
            Self::Conv2dGradWeight(op) => op.infer(inputs),
            Self::FusedConv(op) => op.infer(inputs),
            Self::BatchNorm(op) => op.infer(inputs),
            Self::BatchNormGradSums { eps } => norm::infer_grad_sums(*eps, inputs),
            Self::BatchNormGrad(op) => op.infer(inputs),
            Self::FusedBatchNorm(op) => op.infer(inputs),
            Self::FusedBatchNormGradSums(op) => op.infer_sums(inputs),
            Self::FusedBatchNormGrad(op) => op.infer(inputs),
            Self::BatchStatistics => Ok(TensorType::image(norm::statistics(inputs[0]))),
            Self::ChannelVariance => norm::infer_variance(inputs),
            Self::RunningStat(op) => op.infer(inputs),
            Self::Reduce(op) => Ok(op.infer(inputs[0])),
            Self::MaxPool(op) => op.infer(inputs[0]).map(TensorType::image),
            Self::MaxPoolIndices(op) => op.infer(inputs[0]).map(TensorType::map),
            Self::MaxPoolGrad(op) => op.infer(inputs),
            Self::AvgPool(op) => op.infer(inputs[0]),
            Self::AvgPoolGrad(op) => op.infer(inputs[0]),
            Self::AdaptiveAvgPool { h, w } => pool::infer_adaptive(inputs[0], *h, *w),
            Self::AdaptiveAvgPoolGrad { h, w } => pool::infer_adaptive(inputs[0], *h, *w),
            Self::ChannelMaxPool(op) => op.infer(inputs[0]),
            Self::ChannelMaxPoolGrad(op) => grad::infer_like(inputs[0], op.infer(inputs[0])?, inputs[1]),
            Self::Resize(op) => op.infer(inputs[0]),
            Self::ResizeGrad(op) => op.infer(inputs[0]),
            Self::Unary(_) | Self::Softmax | Self::LogSoftmax | Self::Flip { .. } | Self::StopGradient => Ok(inputs[0]),
            Self::UnaryGrad(_) | Self::SoftmaxGrad | Self::LogSoftmaxGrad => {
                grad::infer_like(inputs[0], inputs[0], inputs[1])
            }
            Self::Binary(_) => pointwise::infer_binary(inputs),
            Self::Chain(op) => op.infer(inputs),
            Self::Broadcast(shape) => pointwise::infer_broadcast(inputs[0], *shape),
            Self::Fill { shape, value } => pointwise::infer_fill(*shape, *value),
            Self::ChannelSum => Ok(TensorType::image(Shape { c: 1, ..inputs[0].shape })),
            Self::ArgMax => Ok(movement::infer_argmax(inputs[0])),
            Self::ResizeArgMax(op) => op.infer(inputs[0]).map(movement::infer_argmax),
            Self::CrossEntropy(op) => op.infer(inputs),
            Self::CrossEntropyGrad(op) => op.infer_grad(inputs),
            Self::ResizeCrossEntropy(op) => op.infer(inputs),
            Self::ResizeCrossEntropyGrad(op) => op.infer_grad(inputs),
            Self::OneHot { classes, .. } => label::infer_one_hot(*classes, inputs),
            Self::LabelWeight { classes, .. } => label::infer_weight(*classes, inputs),
            Self::Concat => movement::infer_concat(inputs),
            Self::Slice(op) => op.infer(inputs[0]),
            Self::Place(op) => op.infer(inputs[0]),
            Self::Pad(op) => op.infer(inputs[0]),
            Self::PadGrad(op) => op.infer(inputs[0]),
            Self::Dropout(op) => op.infer(inputs),
            Self::Cast(dtype) => storage::infer_cast(*dtype, inputs[0]),
            Self::Custom(op) => op.infer(inputs),
        }
    }

    /// Least and largest number of inputs.
    fn arity(&self) -> (usize, usize) {
        match self {
            Self::Input | Self::Parameter | Self::Fill { .. } => (0, 0),
            Self::Conv2d(_) | Self::Conv2dGradInput(_) => (2, 3),
            Self::FusedConv(op) => (op.inputs(), op.inputs()),
            Self::BatchNorm(op) => (op.inputs(), op.inputs()),
            Self::BatchNormGradSums { .. } => (4, 4),
            Self::BatchNormGrad(op) => (op.inputs(), op.inputs()),
            Self::FusedBatchNorm(op) => (op.inputs(), op.inputs()),
            Self::FusedBatchNormGradSums(_) => (6, 6),
            Self::Chain(op) => (op.inputs(), op.inputs()),
            Self::FusedBatchNormGrad(op) => (op.inputs(), op.inputs()),
            Self::Conv2dGradWeight(_)
            | Self::ChannelVariance
            | Self::RunningStat(_)
            | Self::Binary(_)
            | Self::MaxPoolGrad(_)
            | Self::ChannelMaxPoolGrad(_)
            | Self::UnaryGrad(_)
            | Self::SoftmaxGrad
            | Self::LogSoftmaxGrad => (2, 2),
            Self::CrossEntropy(_) | Self::ResizeCrossEntropy(_) => (2, 3),
            Self::CrossEntropyGrad(_) | Self::ResizeCrossEntropyGrad(_) => (3, 4),
            Self::LabelWeight { .. } | Self::Dropout(_) => (1, 2),
            Self::Concat => (1, usize::MAX),
            Self::Custom(op) => (op.inputs(), op.inputs()),
            _ => (1, 1),
        }
    }

    /// Number, element types and layouts of the inputs.
    fn check_inputs(&self, inputs: &[TensorType]) -> Result<(), String> {
        let (least, most) = self.arity();
        if inputs.len() < least || inputs.len() > most {
            let wanted = if least == most { format!("{least}") } else { format!("at least {least}") };
            return Err(format!("needs {wanted} inputs, got {}", inputs.len()));
        }
        let filter = matches!(self, Self::Conv2d(_) | Self::Conv2dGradInput(_) | Self::FusedConv(_));
        for (i, ty) in inputs.iter().enumerate() {
            self.check_dtype(i, inputs)?;
            let wanted = if filter && i == 1 { Layout::Filter } else { Layout::Image };
            // Gradients of a shared filter are summed.
            let sums = matches!(self, Self::Binary(_)) && inputs.iter().all(|other| *other == inputs[0]);
            let joins = matches!(self, Self::Concat) && inputs.iter().all(|other| other.layout == ty.layout);
            let any = matches!(self, Self::Cast(_) | Self::Custom(_) | Self::Slice(_));
            if ty.layout != wanted && !sums && !joins && !any {
                return Err(format!("input {i} must lie in memory as {wanted:?}, got {:?}", ty.layout));
            }
        }
        Ok(())
    }
}
