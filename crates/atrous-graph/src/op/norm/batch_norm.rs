//! Batch normalisation.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

use super::statistics;

/// `(x - mean) / sqrt(var + eps) * scale + shift` per channel; all vectors are `1×1×1×C`.
///
/// At inference `mean` and `var` are the running statistics; in training they are those of the batch
/// ([`Reduce`](crate::op::Reduce) and [`ChannelVariance`](crate::op::ChannelVariance)). Alternatively both inputs are
/// the same result of [`BatchStatistics`](crate::op::BatchStatistics), `2×1×1×C`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a `scale` input (PyTorch's `weight`, Keras' `gamma`).
    pub scale: bool,
    /// Whether there is a `shift` input (PyTorch's `bias`, Keras' `beta`).
    pub shift: bool,
    /// Whether `mean` and `var` are computed from `x`. This changes only the gradient: that of `x` then includes the
    /// dependency of the statistics on `x`, and `mean` and `var` get none.
    pub batch: bool,
}

impl BatchNorm {
    /// Number of inputs.
    pub const fn inputs(&self) -> usize {
        3 + self.scale as usize + self.shift as usize
    }
}

impl Definition for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn arity(&self) -> (usize, usize) {
        (self.inputs(), self.inputs())
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return Err(format!("eps must be finite and not negative, got {}", self.eps));
        }
        let wanted = Shape::channels(inputs[0].shape.c);
        let both = [statistics::shape(inputs[0]); 2];
        let affine = if inputs[1..3].iter().map(|ty| ty.shape).eq(both) { 3 } else { 1 };
        for ty in &inputs[affine..] {
            if ty.shape != wanted {
                return Err(format!("statistics, scale and shift must be {wanted}, got {}", ty.shape));
            }
        }
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        format!("eps {}{}", self.eps, if self.batch { " of the batch" } else { "" })
    }
}
