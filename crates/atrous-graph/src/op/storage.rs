//! Which element types operations take and give.

use crate::{DType, TensorType};

use super::Op;

impl Op {
    /// Whether an input may be stored in f16: kernels read it in either type. Such inputs of a node are all of one type, which is
    /// the result's too, unless that is a map or stays f32: reductions, statistics, gradients of parameters.
    pub fn stores(&self, input: usize) -> bool {
        match self {
            Self::Conv2d(_)
            | Self::Conv2dGradInput(_)
            | Self::Conv2dGradWeight(_)
            | Self::BatchNormGradSums { .. }
            | Self::BatchNormGrad(_)
            | Self::FusedBatchNormGradSums(_)
            | Self::FusedBatchNormGrad(_) => input < 2,
            Self::FusedConv(fused) => input < 2 || input >= fused.conv_inputs(),
            Self::FusedBatchNorm(fused) => input == 0 || input >= fused.norm.inputs(),
            Self::BatchNorm(_)
            | Self::BatchStatistics
            | Self::ChannelVariance
            | Self::Reduce(_)
            | Self::MaxPool(_)
            | Self::MaxPoolIndices(_)
            | Self::MaxPoolGrad(_)
            | Self::AvgPool(_)
            | Self::AvgPoolGrad(_)
            | Self::AdaptiveAvgPool { .. }
            | Self::AdaptiveAvgPoolGrad { .. }
            | Self::ChannelMaxPool(_)
            | Self::Resize(_)
            | Self::ResizeGrad(_)
            | Self::ResizeArgMax(_)
            | Self::Unary(_)
            | Self::Softmax
            | Self::LogSoftmax
            | Self::ArgMax
            | Self::Broadcast(_)
            | Self::Slice(_)
            | Self::Place(_)
            | Self::Pad(_)
            | Self::PadGrad(_)
            | Self::Flip { .. }
            | Self::StopGradient
            | Self::Dropout(_)
            | Self::Cast(_) => input == 0,
            Self::Binary(_) | Self::UnaryGrad(_) | Self::Chain(_) | Self::ChannelMaxPoolGrad(_) | Self::Concat => true,
            Self::Input
            | Self::Parameter
            | Self::RunningStat(_)
            | Self::Fill { .. }
            | Self::ChannelSum
            | Self::SoftmaxGrad
            | Self::LogSoftmaxGrad
            | Self::CrossEntropy(_)
            | Self::CrossEntropyGrad(_)
            | Self::ResizeCrossEntropy(_)
            | Self::ResizeCrossEntropyGrad(_)
            | Self::OneHot { .. }
            | Self::LabelWeight { .. } => false,
            Self::Custom(op) => input < op.inputs() && !op.takes_map(input) && op.stores_f16(input),
        }
    }

    /// Whether the result stays f32 whatever the inputs are stored in.
    pub(crate) fn gives_f32(&self) -> bool {
        match self {
            Self::Custom(_) => !self.stores(0),
            _ => matches!(
                self,
                Self::Reduce(_)
                    | Self::Conv2dGradWeight(_)
                    | Self::BatchNormGradSums { .. }
                    | Self::FusedBatchNormGradSums(_)
                    | Self::BatchStatistics
                    | Self::ChannelVariance
            ),
        }
    }

    /// The result's element type, `dtype` where nothing is stored in f16.
    pub(super) fn result_dtype(&self, inputs: &[TensorType], dtype: DType) -> DType {
        let given = matches!(self, Self::Cast(_)) || dtype == DType::U32;
        if given || self.gives_f32() || !self.stores(0) { dtype } else { inputs[0].dtype }
    }

    /// Whether an input is moved as it is, so that it may be a map.
    const fn moves(&self, input: usize) -> bool {
        match self {
            Self::Concat => true,
            Self::Slice(_) | Self::Place(_) | Self::Flip { .. } | Self::StopGradient | Self::Dropout(_) => input == 0,
            _ => false,
        }
    }

    pub(super) fn check_dtype(&self, input: usize, inputs: &[TensorType]) -> Result<(), String> {
        let got = inputs[input].dtype;
        let wanted = match (self, input) {
            (Self::OneHot { .. } | Self::LabelWeight { .. }, 0)
            | (
                Self::CrossEntropy(_)
                | Self::CrossEntropyGrad(_)
                | Self::ResizeCrossEntropy(_)
                | Self::ResizeCrossEntropyGrad(_)
                | Self::MaxPoolGrad(_)
                | Self::Dropout(_),
                1,
            ) => DType::U32,
            _ if self.moves(input) && got == DType::U32 => return Ok(()),
            (Self::Custom(op), _) if op.takes_map(input) => DType::U32,
            // The filter, the second operand, the residual and the gradient are stored as the first input is.
            _ if self.stores(input) && input > 0 && self.stores(0) => inputs[0].dtype,
            _ if self.stores(input) && got.is_float() => return Ok(()),
            _ => DType::F32,
        };
        if got == wanted { Ok(()) } else { Err(format!("input {input} must be {wanted}, got {got}")) }
    }
}

pub(super) fn infer_cast(dtype: DType, x: TensorType) -> Result<TensorType, String> {
    if dtype.is_float() && dtype != x.dtype {
        return Ok(TensorType { dtype, ..x });
    }
    Err(format!("{} as {dtype} is not another type of float", x.dtype))
}
