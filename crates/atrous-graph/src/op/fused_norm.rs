//! A batch normalisation together with what comes right behind it.

use crate::TensorType;

use super::{BatchNorm, Unary, norm};

/// `y = activation(batch_norm(x) + residual)`: what a pass over the graph makes of several operations, so that nothing in between
/// is stored. Nothing flows back through it: passes run after differentiation.
///
/// Inputs are those of the batch normalisation, then `residual`, of the shape of `x`, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedBatchNorm {
    /// The batch normalisation.
    pub norm: BatchNorm,
    /// Whether there is a `residual` input.
    pub residual: bool,
    /// A function of the sum, of those whose derivative can be [told from the result](Unary::from_result).
    pub activation: Option<Unary>,
}

impl FusedBatchNorm {
    pub(super) const fn inputs(&self) -> usize {
        self.norm.inputs() + self.residual as usize
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let y = self.norm.infer(&inputs[..self.norm.inputs()])?;
        if let Some(f) = self.activation.filter(|f| !f.from_result()) {
            return Err(format!("{} cannot be fused with a batch normalisation", f.name()));
        }
        match inputs.last() {
            Some(residual) if self.residual && *residual != y => {
                Err(format!("the residual must be {y}, got {residual}"))
            }
            _ => Ok(y),
        }
    }
}

/// What flows back through an activation and the batch normalisation before it:
/// `dz = dy * activation'(batch_norm(x))`, and of `dz` what [`super::Op::BatchNormGradSums`] and [`super::BatchNormGrad`] make.
///
/// Inputs are `x`, `dy`, `mean`, `var`, `scale`, `shift`; for the gradient with respect to `x` then the sums, if the statistics
/// are those of the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedBatchNormGrad {
    /// Added to the variance.
    pub eps: f64,
    /// Whether the statistics are those of the batch.
    pub batch: bool,
    /// The activation, of those whose derivative can be [told from the result](Unary::from_result).
    pub activation: Unary,
}

impl FusedBatchNormGrad {
    /// The batch normalisation.
    pub const fn norm(&self) -> BatchNorm {
        BatchNorm { eps: self.eps, scale: true, shift: true, batch: self.batch }
    }

    pub(super) const fn inputs(&self) -> usize {
        6 + self.batch as usize
    }

    pub(super) fn infer_sums(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let forward = FusedBatchNorm { norm: self.norm(), residual: true, activation: Some(self.activation) };
        let [x, dy, mean, var, scale, shift] = [0, 1, 2, 3, 4, 5].map(|i| inputs[i]);
        forward.infer(&[x, mean, var, scale, shift, dy]).map_err(|e| e.replace("the residual", "dy"))?;
        Ok(TensorType::image(norm::statistics(x)))
    }

    pub(super) fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let sums = self.infer_sums(inputs)?;
        match inputs.get(6) {
            Some(given) if given.shape != sums.shape => {
                Err(format!("the sums must be {}, got {}", sums.shape, given.shape))
            }
            _ => Ok(inputs[0]),
        }
    }
}
