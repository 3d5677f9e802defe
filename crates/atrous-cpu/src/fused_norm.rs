//! Fused batch normalisations, by their parts.

use atrous_graph::op::{BatchNormGrad, FusedBatchNorm, FusedBatchNormGrad, Unary};

use crate::{Tensor, Tolerance, norm, unary, unary_grad};

/// `activation(batch_norm(x) + residual)`
pub(crate) fn fused_batch_norm(op: &FusedBatchNorm, inputs: &[&Tensor]) -> Tensor {
    let sum = plus_residual(op, norm::batch_norm(&op.norm, inputs), inputs, |r| r);
    op.activation.map_or_else(|| sum.clone(), |f| unary::unary(f, &sum))
}

/// That of the sum, times the largest slope of the activation.
pub(crate) fn fused_batch_norm_magnitude(op: &FusedBatchNorm, inputs: &[&Tensor]) -> Tensor {
    let sum = plus_residual(op, norm::batch_norm_magnitude(&op.norm, inputs), inputs, f64::abs);
    sum.map(|m| m * op.activation.map_or(1.0, steepness))
}

fn plus_residual(op: &FusedBatchNorm, mut y: Tensor, inputs: &[&Tensor], term: impl Fn(f64) -> f64) -> Tensor {
    if op.residual {
        let residual = &inputs[inputs.len() - 1].data;
        y.data.iter_mut().zip(residual).for_each(|(y, r)| *y += term(*r));
    }
    y
}

/// The largest slope of an activation that can be fused.
fn steepness(f: Unary) -> f64 {
    f64::from(f.steepness().unwrap_or(f32::INFINITY))
}

/// The sums of `dz` and of `dz * x̂`, with `dz = dy * activation'(batch_norm(x))`.
pub(crate) fn grad_sums(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    with_dz(inputs, &dz(op, inputs), |plain| norm::batch_norm_grad_sums(op.eps, &plain[..4]))
}

/// As that of the plain sums, of the error scale of `dz`.
pub(crate) fn grad_sums_magnitude(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    with_dz(inputs, &dz_magnitude(op, inputs), |plain| norm::batch_norm_grad_sums_magnitude(op.eps, &plain[..4]))
}

/// The gradient of the batch normalisation for `dz`.
pub(crate) fn grad(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    with_dz(inputs, &dz(op, inputs), |plain| norm::batch_norm_grad(&plain_grad(op), plain))
}

/// As that of the plain gradient, of the error scale of `dz`.
pub(crate) fn grad_magnitude(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    with_dz(inputs, &dz_magnitude(op, inputs), |plain| norm::batch_norm_grad_magnitude(&plain_grad(op), plain))
}

fn plain_grad(op: &FusedBatchNormGrad) -> BatchNormGrad {
    BatchNormGrad { eps: op.eps, scale: true, batch: op.batch }
}

/// The operands of the plain operation: `dz` in the place of `dy`, and no shift.
fn with_dz(inputs: &[&Tensor], dz: &Tensor, of: impl Fn(&[&Tensor]) -> Tensor) -> Tensor {
    let mut plain = inputs.to_vec();
    plain[1] = dz;
    plain.remove(5);
    of(&plain)
}

/// `x`, `mean`, `var`, `scale`, `shift`.
fn forward<'a>(inputs: &[&'a Tensor]) -> [&'a Tensor; 5] {
    [0, 2, 3, 4, 5].map(|i| inputs[i])
}

fn dz(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    unary_grad::unary_grad(op.activation, &norm::batch_norm(&op.norm(), &forward(inputs)), inputs[1])
}

/// The error scale of `dz`. Where the activation's argument lies so near a kink that its rounding may carry it across, the
/// derivative may be that of either side, and `dz` is as uncertain as `dy` is large.
fn dz_magnitude(op: &FusedBatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    let z = norm::batch_norm(&op.norm(), &forward(inputs));
    let rounding = norm::batch_norm_magnitude(&op.norm(), &forward(inputs));
    let kinks: &[f64] = if op.activation == Unary::Relu6 { &[0.0, 6.0] } else { &[0.0] };
    let dy = inputs[1].abs();
    let mut dz = unary_grad::unary_grad(op.activation, &z, &dy);
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
    use atrous_graph::Shape;
    use atrous_graph::op::BatchNorm;

    use super::*;

    #[test]
    fn a_residual_comes_before_the_activation() {
        let x = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 5.0]);
        let (mean, var) = (Tensor::channels(&[3.0]), Tensor::channels(&[3.0]));
        let residual = Tensor::new(x.shape, vec![0.5, -3.0]);
        let norm = BatchNorm { eps: 1.0, scale: false, shift: false, batch: false };
        let op = FusedBatchNorm { norm, residual: true, activation: Some(Unary::LeakyRelu { slope: 0.5 }) };
        assert_eq!(fused_batch_norm(&op, &[&x, &mean, &var, &residual]).data, [-0.25, -1.0]);
        assert_eq!(fused_batch_norm_magnitude(&op, &[&x, &mean, &var, &residual]).data, [2.5, 7.0]);
    }

    #[test]
    fn the_activation_masks_the_gradient() {
        let x = Tensor::new(Shape::new(1, 1, 3, 1), vec![1.0, 5.0, 3.0]);
        let dy = Tensor::new(x.shape, vec![10.0, 20.0, 40.0]);
        let [mean, var, scale, shift] = [3.0, 3.0, 2.0, 0.0].map(|v| Tensor::channels(&[v]));
        let op = FusedBatchNormGrad { eps: 1.0, batch: false, activation: Unary::Relu };
        let inputs = [&x, &dy, &mean, &var, &scale, &shift];
        assert_eq!(grad_sums(&op, &inputs).data, [20.0, 20.0]);
        assert_eq!(grad(&op, &inputs).data, [0.0, 20.0, 0.0]);
        // The third argument is 0: rounding may pass all of its gradient, or none.
        let allowed = grad_magnitude(&op, &inputs).map(|m| m * Tolerance::F32.rtol);
        assert!(allowed.data[2] >= 40.0 && allowed.data[1] < 1e-3, "{allowed:?}");
    }
}
