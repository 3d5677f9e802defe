//! The gradient of batch normalisation, in two passes over the image.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

use super::batch_norm::BatchNorm;
use super::statistics;

/// The two sums over N, H and W in the gradient of a batch normalisation: `Σ dy` and `Σ dy*x̂` with
/// `x̂ = (x - mean) / sqrt(var + eps)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGradSums {
    /// Added to the variance.
    pub eps: f64,
}

impl Definition for BatchNormGradSums {
    fn name(&self) -> &'static str {
        "batch_norm_grad_sums"
    }

    fn arity(&self) -> (usize, usize) {
        (4, 4)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let plain = BatchNorm { eps: self.eps, scale: false, shift: false, batch: true };
        plain.infer(&[inputs[0], inputs[2], inputs[3]])?;
        if inputs[0].shape != inputs[1].shape {
            return Err(format!("x is {}, dy is {}", inputs[0].shape, inputs[1].shape));
        }
        Ok(TensorType::image(statistics::shape(inputs[0])))
    }

    fn attributes(&self) -> String {
        format!("eps {}", self.eps)
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }

    fn stored_as_input(&self) -> bool {
        false
    }
}

/// The gradient of [`BatchNorm`] with respect to `x`. With `x̂ = (x - mean) / sqrt(var + eps)` and
/// `k = scale / sqrt(var + eps)` it is `k * dy` if the statistics are given, and
/// `k * (dy - (Σ dy + x̂ * Σ dy*x̂) / count)` if they are those of the batch. Sums are over N, H and W, `count` is
/// `N*H*W` (Ioffe and Szegedy 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormGrad {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a `scale` input.
    pub scale: bool,
    /// Whether the statistics are those of the batch. If so, the sums are the last input.
    pub batch: bool,
}

impl Definition for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn arity(&self) -> (usize, usize) {
        let inputs = 4 + usize::from(self.scale) + usize::from(self.batch);
        (inputs, inputs)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        BatchNormGradSums { eps: self.eps }.infer(&inputs[..4])?;
        let c = inputs[0].shape.c;
        if self.scale && inputs[4].shape != Shape::channels(c) {
            return Err(format!("the scale must be {}, got {}", Shape::channels(c), inputs[4].shape));
        }
        let sums = statistics::shape(inputs[0]);
        match inputs.last() {
            Some(last) if self.batch && last.shape != sums => {
                Err(format!("the sums must be {sums}, got {}", last.shape))
            }
            _ => Ok(inputs[0]),
        }
    }

    fn attributes(&self) -> String {
        format!("eps {}{}", self.eps, if self.batch { " of the batch" } else { "" })
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }
}
