//! Fused batch normalisations, computed by their parts.

use atrous_graph::Shape;
use atrous_graph::op::{
    BatchNormGrad, BatchNormGradSums, FusedBatchNorm, FusedBatchNormGrad, FusedBatchNormGradSums, Unary, UnaryGrad,
};

use crate::pointwise::steepness;
use crate::reference::{Reference, UNBOUNDED};
use crate::{Tensor, Tolerance};

impl Reference for FusedBatchNorm {
    /// `activation(batch_norm(x) + residual)`
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let sum = plus_residual(self, self.norm.evaluate(inputs, output), inputs, |r| r);
        self.activation.map_or_else(|| sum.clone(), |f| f.evaluate(&[&sum], output))
    }

    /// The magnitude of the sum, times the largest slope of the activation.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let sum = plus_residual(self, self.norm.magnitude(inputs, output), inputs, f64::abs);
        sum.map(|m| m * self.activation.map_or(1.0, steepness))
    }

    fn range(&self) -> (f64, f64) {
        self.activation.map_or(UNBOUNDED, |f| f.range())
    }
}

fn plus_residual(op: &FusedBatchNorm, mut y: Tensor, inputs: &[&Tensor], term: impl Fn(f64) -> f64) -> Tensor {
    if op.residual {
        let residual = &inputs[inputs.len() - 1].data;
        y.data.iter_mut().zip(residual).for_each(|(y, r)| *y += term(*r));
    }
    y
}

impl Reference for FusedBatchNormGradSums {
    /// The sums of `dz` and of `dz * x̂`, with `dz = dy * activation'(batch_norm(x))`.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        with_dz(inputs, &dz(&self.0, inputs), |plain| plain_sums(&self.0).evaluate(&plain[..4], output))
    }

    /// The magnitude of the plain sums, for the magnitude of `dz` in place of `dy`.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        with_dz(inputs, &dz_magnitude(&self.0, inputs), |plain| plain_sums(&self.0).magnitude(&plain[..4], output))
    }
}

fn plain_sums(op: &FusedBatchNormGrad) -> BatchNormGradSums {
    BatchNormGradSums { eps: op.eps }
}

impl Reference for FusedBatchNormGrad {
    /// The gradient of the batch normalisation, for `dz` in place of `dy`.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        with_dz(inputs, &dz(self, inputs), |plain| plain_grad(self).evaluate(plain, output))
    }

    /// The magnitude of the plain gradient, for the magnitude of `dz` in place of `dy`.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        with_dz(inputs, &dz_magnitude(self, inputs), |plain| plain_grad(self).magnitude(plain, output))
    }
}

fn plain_grad(op: &FusedBatchNormGrad) -> BatchNormGrad {
    BatchNormGrad { eps: op.eps, scale: true, batch: op.batch }
}

/// Calls `of` with the operands of the plain operation: `dz` in place of `dy`, and no shift.
fn with_dz(inputs: &[&Tensor], dz: &Tensor, of: impl Fn(&[&Tensor]) -> Tensor) -> Tensor {
    let mut plain = inputs.to_vec();
    plain[1] = dz;
    plain.remove(5);
    of(&plain)
}

/// The operands of the forward normalisation: `x`, `mean`, `var`, `scale`, `shift`.
fn forward<'a>(inputs: &[&'a Tensor]) -> [&'a Tensor; 5] {
    [0, 2, 3, 4, 5].map(|i| inputs[i])
}

fn dz(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    let shape = inputs[0].shape;
    let z = op.norm().evaluate(&forward(inputs), shape);
    UnaryGrad(op.activation).evaluate(&[&z, inputs[1]], shape)
}

/// The error scale of `dz`. If the activation's argument is so near a kink that rounding may move it across, the
/// derivative may be that of either side: the allowed error is then `|dy|` times the activation's steepness.
fn dz_magnitude(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    let shape = inputs[0].shape;
    let z = op.norm().evaluate(&forward(inputs), shape);
    let rounding = op.norm().magnitude(&forward(inputs), shape);
    let kinks: &[f64] = if op.activation == Unary::Relu6 { &[0.0, 6.0] } else { &[0.0] };
    let dy = inputs[1].abs();
    let mut dz = UnaryGrad(op.activation).evaluate(&[&z, &dy], shape);
    for (i, dz) in dz.data.iter_mut().enumerate() {
        let rtol = Tolerance::F32.rtol;
        if kinks.iter().any(|kink| (z.data[i] - kink).abs() <= rtol * rounding.data[i]) {
            *dz += dy.data[i] * steepness(op.activation) / rtol;
        }
    }
    dz
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::BatchNorm;

    use super::*;

    #[test]
    fn a_residual_comes_before_the_activation() {
        let x = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 5.0]);
        let (mean, var) = (Tensor::channels(&[3.0]), Tensor::channels(&[3.0]));
        let residual = Tensor::new(x.shape, vec![0.5, -3.0]);
        let norm = BatchNorm { eps: 1.0, scale: false, shift: false, batch: false };
        let op = FusedBatchNorm { norm, residual: true, activation: Some(Unary::LeakyRelu { slope: 0.5 }) };
        assert_eq!(op.evaluate(&[&x, &mean, &var, &residual], x.shape).data, [-0.25, -1.0]);
        assert_eq!(op.magnitude(&[&x, &mean, &var, &residual], x.shape).data, [2.5, 7.0]);
    }

    #[test]
    fn the_activation_masks_the_gradient() {
        let x = Tensor::new(Shape::new(1, 1, 3, 1), vec![1.0, 5.0, 3.0]);
        let dy = Tensor::new(x.shape, vec![10.0, 20.0, 40.0]);
        let [mean, var, scale, shift] = [3.0, 3.0, 2.0, 0.0].map(|v| Tensor::channels(&[v]));
        let op = FusedBatchNormGrad { eps: 1.0, batch: false, activation: Unary::Relu };
        let inputs = [&x, &dy, &mean, &var, &scale, &shift];
        assert_eq!(FusedBatchNormGradSums(op).evaluate(&inputs, Shape::new(2, 1, 1, 1)).data, [20.0, 20.0]);
        assert_eq!(op.evaluate(&inputs, x.shape).data, [0.0, 20.0, 0.0]);
        // The third argument is 0: rounding may let all of its gradient pass, or none.
        let allowed = op.magnitude(&inputs, x.shape).map(|m| m * Tolerance::F32.rtol);
        assert!(allowed.data[2] >= 40.0 && allowed.data[1] < 1e-3, "{allowed:?}");
    }
}
