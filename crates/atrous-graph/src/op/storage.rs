//! Which element types operations take and give.

use crate::{DType, TensorType};

use super::Op;

impl Op {
    /// Whether an input may be stored in f16: kernels read it in either type. Such inputs of a node are all of one type, which is
    /// the result's too, unless that is a map or a [`Op::Reduce`].
    pub const fn stores(&self, input: usize) -> bool {
        match self {
            Self::Conv2d(_) | Self::Conv2dGradInput(_) => input < 2,
            Self::FusedConv(fused) => input < 2 || input >= fused.conv_inputs(),
            Self::FusedBatchNorm(fused) => input == 0 || input >= fused.norm.inputs(),
            Self::BatchNorm(_)
            | Self::Reduce(_)
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::AdaptiveAvgPool { .. }
            | Self::ChannelMaxPool(_)
            | Self::Resize(_)
            | Self::ResizeArgMax(_)
            | Self::Unary(_)
            | Self::Softmax
            | Self::LogSoftmax
            | Self::ArgMax
            | Self::Slice(_)
            | Self::Pad(_)
            | Self::Flip { .. }
            | Self::StopGradient
            | Self::Dropout(_)
            | Self::Cast(_) => input == 0,
            Self::Binary(_) | Self::Concat => true,
            Self::Input
            | Self::Parameter
            | Self::Conv2dGradWeight(_)
            | Self::BatchNormGradSums { .. }
            | Self::BatchNormGrad(_)
            | Self::FusedBatchNormGradSums(_)
            | Self::FusedBatchNormGrad(_)
            | Self::BatchStatistics
            | Self::ChannelVariance
            | Self::RunningStat(_)
            | Self::MaxPoolIndices(_)
            | Self::MaxPoolGrad(_)
            | Self::AvgPoolGrad(_)
            | Self::AdaptiveAvgPoolGrad { .. }
            | Self::ChannelMaxPoolGrad(_)
            | Self::ResizeGrad(_)
            | Self::UnaryGrad(_)
            | Self::Broadcast(_)
            | Self::Fill { .. }
            | Self::ChannelSum
            | Self::SoftmaxGrad
            | Self::LogSoftmaxGrad
            | Self::CrossEntropy(_)
            | Self::CrossEntropyGrad(_)
            | Self::OneHot { .. }
            | Self::LabelWeight { .. }
            | Self::Place(_)
            | Self::PadGrad(_) => false,
        }
    }

    /// The result's element type, `dtype` where nothing is stored in f16.
    pub(super) fn result_dtype(&self, inputs: &[TensorType], dtype: DType) -> DType {
        match (self, dtype) {
            (Self::Reduce(_) | Self::Cast(_), _) | (_, DType::U32) => dtype,
            _ if self.stores(0) => inputs[0].dtype,
            _ => dtype,
        }
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
            | (Self::CrossEntropy(_) | Self::CrossEntropyGrad(_) | Self::MaxPoolGrad(_) | Self::Dropout(_), 1) => {
                DType::U32
            }
            _ if self.moves(input) && got == DType::U32 => return Ok(()),
            // With a seed it computes something.
            (Self::Dropout(_), 0) if inputs.len() > 1 => DType::F32,
            // The filter, the second operand and the residual are stored as the first input is.
            _ if self.stores(input) && input > 0 => inputs[0].dtype,
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
