//! Mean and variance of a batch.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Biased variance of each channel over N, H, W around a given mean. Subtracting the mean first avoids cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelVariance;

impl Definition for ChannelVariance {
    fn name(&self) -> &'static str {
        "channel_variance"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let wanted = Shape::channels(inputs[0].shape.c);
        if inputs[1].shape != wanted {
            return Err(format!("the mean must be {wanted}, got {}", inputs[1].shape));
        }
        Ok(TensorType::image(wanted))
    }

    fn stored_as_input(&self) -> bool {
        false
    }
}

/// Mean and biased variance of each channel over N, H, W: two operations that a pass has merged. It has no gradient,
/// since passes run after differentiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchStatistics;

impl Definition for BatchStatistics {
    fn name(&self) -> &'static str {
        "batch_statistics"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok(TensorType::image(shape(inputs[0])))
    }

    fn stored_as_input(&self) -> bool {
        false
    }
}

/// The shape of a mean and a variance, or of two sums, for each channel of `x`: `2×1×1×C`.
pub(super) const fn shape(x: TensorType) -> Shape {
    Shape { n: 2, ..Shape::channels(x.shape.c) }
}
