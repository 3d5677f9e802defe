//! The primitive operations: what is computed, never how.
//!
//! [`Op`] is matched without a wildcard in the shape rule ([`Op::infer`]), the CPU reference and the kernel plan, so a
//! new operation does not compile until all of them know it.

mod conv;
mod movement;
mod norm;
mod pointwise;
mod pool;
mod resize;

pub use conv::{Conv2d, Conv2dGradInput, Padding};
pub use movement::{Pad, PadMode, Slice};
pub use norm::{BatchNorm, Reduce, Reduction, RunningStat};
pub use pointwise::{Binary, Unary};
pub use pool::{AvgPool, ChannelMaxPool, Window};
pub use resize::{Coordinates, Interpolation, Resize};

use crate::{DType, Layout, TensorType};

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
    /// `(x - mean) / sqrt(var + eps) * scale + shift`: `x`, `mean`, `var`, then `scale` and `shift` if it has them.
    BatchNorm(BatchNorm),
    /// Biased variance of each channel over N, H, W around a given mean: `x`, `mean`. Two passes, so nothing cancels.
    ChannelVariance,
    /// `keep * running + take * batch`: `running`, `batch`, both of the same shape.
    RunningStat(RunningStat),
    /// Sum, mean or maximum over some of N, H, W: `x`.
    Reduce(Reduce),
    /// Maximum over a window: `x`. Padding never wins.
    MaxPool(Window),
    /// Where [`Op::MaxPool`] found its maximum: flat `y*W + x` in the input's plane, the first in row-major order on a
    /// tie. u32.
    MaxPoolIndices(Window),
    /// Mean over a window: `x`.
    AvgPool(AvgPool),
    /// Mean over bins: bin `i` of `b` covers `floor(i*n/b) .. ceil((i+1)*n/b)`. `x`.
    AdaptiveAvgPool {
        /// Rows of bins.
        h: usize,
        /// Columns of bins.
        w: usize,
    },
    /// Maximum over `window` consecutive channels, every `stride` channels: `x`.
    ChannelMaxPool(ChannelMaxPool),
    /// Nearest or bilinear interpolation: `x`.
    Resize(Resize),
    /// A function of each element: `x`.
    Unary(Unary),
    /// A function of two elements: `a`, `b`; sides of 1 broadcast.
    Binary(Binary),
    /// Softmax over channels: `x`.
    Softmax,
    /// Logarithm of the softmax over channels: `x`.
    LogSoftmax,
    /// Channel of the largest value, the lowest on a tie: `x`. The result is `N×H×W×1`, u32.
    ArgMax,
    /// Inputs one after the other along the channels; one or more.
    Concat,
    /// A box cut out of the tensor: `x`. Crops and channel slices are this.
    Slice(Slice),
    /// Rows and columns added around the image: `x`.
    Pad(Pad),
    /// Mirrors rows and/or columns: `x`.
    Flip {
        /// Reverse the order of rows.
        vertical: bool,
        /// Reverse the order of columns.
        horizontal: bool,
    },
    /// Dropout as it is at inference: the identity. `x`.
    Dropout {
        /// Share of elements that training drops.
        rate: f32,
    },
}

impl Op {
    /// The operation's name in prints and errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter => "parameter",
            Self::Conv2d(_) => "conv2d",
            Self::Conv2dGradInput(_) => "conv_transpose2d",
            Self::BatchNorm(_) => "batch_norm",
            Self::ChannelVariance => "channel_variance",
            Self::RunningStat(_) => "running_stat",
            Self::Reduce(_) => "reduce",
            Self::MaxPool(_) => "max_pool2d",
            Self::MaxPoolIndices(_) => "max_pool2d_indices",
            Self::AvgPool(_) => "avg_pool2d",
            Self::AdaptiveAvgPool { .. } => "adaptive_avg_pool2d",
            Self::ChannelMaxPool(_) => "channel_max_pool",
            Self::Resize(_) => "resize",
            Self::Unary(u) => u.name(),
            Self::Binary(b) => b.name(),
            Self::Softmax => "softmax",
            Self::LogSoftmax => "log_softmax",
            Self::ArgMax => "argmax",
            Self::Concat => "concat",
            Self::Slice(_) => "slice",
            Self::Pad(_) => "pad",
            Self::Flip { .. } => "flip",
            Self::Dropout { .. } => "dropout",
        }
    }

    /// Infers the result's type from the inputs' types.
    ///
    /// # Errors
    /// What the operation wanted and what it got, without the node's name.
    pub fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.check_inputs(inputs)?;
        match self {
            Self::Input | Self::Parameter => Err("inputs and parameters carry their own shape".to_owned()),
            Self::Conv2d(op) => op.infer(inputs),
            Self::Conv2dGradInput(op) => op.infer(inputs),
            Self::BatchNorm(op) => op.infer(inputs),
            Self::ChannelVariance => norm::infer_variance(inputs),
            Self::RunningStat(_) => norm::infer_running(inputs),
            Self::Reduce(op) => Ok(op.infer(inputs[0])),
            Self::MaxPool(op) => op.infer(inputs[0]).map(TensorType::image),
            Self::MaxPoolIndices(op) => op.infer(inputs[0]).map(TensorType::map),
            Self::AvgPool(op) => op.infer(inputs[0]),
            Self::AdaptiveAvgPool { h, w } => pool::infer_adaptive(inputs[0], *h, *w),
            Self::ChannelMaxPool(op) => op.infer(inputs[0]),
            Self::Resize(op) => op.infer(inputs[0]),
            Self::Unary(_) | Self::Softmax | Self::LogSoftmax | Self::Flip { .. } => Ok(inputs[0]),
            Self::Binary(_) => pointwise::infer_binary(inputs),
            Self::ArgMax => Ok(movement::infer_argmax(inputs[0])),
            Self::Concat => movement::infer_concat(inputs),
            Self::Slice(op) => op.infer(inputs[0]),
            Self::Pad(op) => op.infer(inputs[0]),
            Self::Dropout { rate } => pointwise::infer_dropout(inputs[0], *rate),
        }
    }

    /// Number, element types and layouts of the inputs. Only data movement takes u32.
    fn check_inputs(&self, inputs: &[TensorType]) -> Result<(), String> {
        let (least, most) = match self {
            Self::Input | Self::Parameter => (0, 0),
            Self::Conv2d(_) | Self::Conv2dGradInput(_) => (2, 3),
            Self::BatchNorm(op) => (op.inputs(), op.inputs()),
            Self::ChannelVariance | Self::RunningStat(_) | Self::Binary(_) => (2, 2),
            Self::Concat => (1, usize::MAX),
            _ => (1, 1),
        };
        if inputs.len() < least || inputs.len() > most {
            let wanted = if least == most { format!("{least}") } else { format!("at least {least}") };
            return Err(format!("needs {wanted} inputs, got {}", inputs.len()));
        }
        let moves = matches!(self, Self::Concat | Self::Slice(_) | Self::Flip { .. } | Self::Dropout { .. });
        let filter = matches!(self, Self::Conv2d(_) | Self::Conv2dGradInput(_));
        for (i, ty) in inputs.iter().enumerate() {
            if ty.dtype != DType::F32 && !moves {
                return Err(format!("input {i} must be f32, got {}", ty.dtype));
            }
            let wanted = if filter && i == 1 { Layout::Filter } else { Layout::Image };
            if ty.layout != wanted {
                return Err(format!("input {i} must lie in memory as {wanted:?}, got {:?}", ty.layout));
            }
        }
        Ok(())
    }
}
