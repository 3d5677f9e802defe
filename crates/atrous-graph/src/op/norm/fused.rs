//! Batch normalisation fused with the operations right after it, and the gradient of both.

use crate::TensorType;
use crate::op::definition::Definition;
use crate::op::pointwise::Unary;

use super::batch_norm::BatchNorm;
use super::statistics;

/// `y = activation(batch_norm(x) + residual)`: several operations that a pass has merged, so that no intermediate
/// result is stored. It has no gradient, since passes run after differentiation.
///
/// Inputs are those of the batch normalisation, then `residual`, of the shape of `x`, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedBatchNorm {
    /// The batch normalisation.
    pub norm: BatchNorm,
    /// Whether there is a `residual` input.
    pub residual: bool,
    /// A function of the sum. Its derivative must be [computable from its result](Unary::from_result).
    pub activation: Option<Unary>,
}

impl Definition for FusedBatchNorm {
    fn name(&self) -> &'static str {
        "fused_batch_norm"
    }

    fn arity(&self) -> (usize, usize) {
        let inputs = self.norm.inputs() + usize::from(self.residual);
        (inputs, inputs)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
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

    fn attributes(&self) -> String {
        let residual = if self.residual { " with a residual" } else { "" };
        let then = self.activation.map_or_else(String::new, |f| format!(" then {}", f.name()));
        format!("{}{residual}{then}", self.norm.attributes())
    }

    fn stores(&self, input: usize) -> bool {
        input == 0 || input >= self.norm.inputs()
    }
}

/// The gradient of a batch normalisation followed by an activation: the [`BatchNormGrad`](crate::op::BatchNormGrad) of
/// `dz = dy * activation'(batch_norm(x))`.
///
/// Inputs are `x`, `dy`, `mean`, `var`, `scale`, `shift`, then the sums of [`FusedBatchNormGradSums`] if the statistics
/// are those of the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedBatchNormGrad {
    /// Added to the variance.
    pub eps: f64,
    /// Whether the statistics are those of the batch.
    pub batch: bool,
    /// The activation. Its derivative must be [computable from its result](Unary::from_result).
    pub activation: Unary,
}

impl FusedBatchNormGrad {
    /// The forward batch normalisation.
    pub const fn norm(&self) -> BatchNorm {
        BatchNorm { eps: self.eps, scale: true, shift: true, batch: self.batch }
    }
}

impl Definition for FusedBatchNormGrad {
    fn name(&self) -> &'static str {
        "fused_batch_norm_grad"
    }

    fn arity(&self) -> (usize, usize) {
        let inputs = 6 + usize::from(self.batch);
        (inputs, inputs)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let sums = FusedBatchNormGradSums(*self).infer(&inputs[..6])?;
        match inputs.get(6) {
            Some(given) if given.shape != sums.shape => {
                Err(format!("the sums must be {}, got {}", sums.shape, given.shape))
            }
            _ => Ok(inputs[0]),
        }
    }

    fn attributes(&self) -> String {
        format!("{} then {}", self.norm().attributes(), self.activation.name())
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }
}

/// The sums of [`BatchNormGradSums`](crate::op::BatchNormGradSums) for [`FusedBatchNormGrad`]: those of `dz` in place
/// of `dy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FusedBatchNormGradSums(pub FusedBatchNormGrad);

impl Definition for FusedBatchNormGradSums {
    fn name(&self) -> &'static str {
        "fused_batch_norm_grad_sums"
    }

    fn arity(&self) -> (usize, usize) {
        (6, 6)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let forward = FusedBatchNorm { norm: self.0.norm(), residual: true, activation: Some(self.0.activation) };
        let [x, dy, mean, var, scale, shift] = [0, 1, 2, 3, 4, 5].map(|i| inputs[i]);
        forward.infer(&[x, mean, var, scale, shift, dy]).map_err(|e| e.replace("the residual", "dy"))?;
        Ok(TensorType::image(statistics::shape(x)))
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }

    fn stores(&self, input: usize) -> bool {
        input < 2
    }

    fn stored_as_input(&self) -> bool {
        false
    }
}
