//! Batch normalisation.

use atrous_graph::Shape;
use atrous_graph::op::BatchNorm;

use crate::Tensor;
use crate::reference::Reference;

use super::statistics::variance;

/// `x`, `mean`, `var`, `scale` and `shift` of a batch normalisation; `None` for those that are absent.
fn parts<'a>(op: &BatchNorm, inputs: &[&'a Tensor]) -> (&'a Tensor, [&'a Tensor; 2], [Option<&'a Tensor>; 2]) {
    let scale = op.scale.then(|| inputs[3]);
    let shift = op.shift.then(|| inputs[3 + usize::from(op.scale)]);
    (inputs[0], [inputs[1], inputs[2]], [scale, shift])
}

impl Reference for BatchNorm {
    /// `(x - mean) / sqrt(var + eps) * scale + shift`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (x, [mean, var], [scale, shift]) = parts(self, inputs);
        Tensor::from_fn(x.shape, |n, row, column, c| {
            let normal = (x.at(n, row, column, c) - mean.data[c]) / (variance(var, c) + self.eps).sqrt();
            normal * scale.map_or(1.0, |s| s.data[c]) + shift.map_or(0.0, |s| s.data[c])
        })
    }

    /// `(|x| + |mean|) / sqrt(var + eps) * |scale| + |shift|`, which is enough for kernels that fold the operation into
    /// `x * a + b`.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (x, [mean, var], [scale, shift]) = parts(self, inputs);
        Tensor::from_fn(x.shape, |n, row, column, c| {
            let normal = (x.at(n, row, column, c).abs() + mean.data[c].abs()) / (variance(var, c) + self.eps).sqrt();
            normal * scale.map_or(1.0, |s| s.data[c].abs()) + shift.map_or(0.0, |s| s.data[c].abs())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_norm_with_and_without_scale_and_shift() {
        let x = Tensor::new(Shape::new(1, 1, 2, 2), vec![1.0, 10.0, 3.0, 20.0]);
        let (mean, var) = (Tensor::channels(&[2.0, 10.0]), Tensor::channels(&[3.0, 99.0]));
        let (scale, shift) = (Tensor::channels(&[4.0, -10.0]), Tensor::channels(&[0.5, 1.0]));
        let op = |scale, shift| BatchNorm { eps: 1.0, scale, shift, batch: false };
        let plain = op(false, false).evaluate(&[&x, &mean, &var], x.shape);
        assert_eq!(plain.data, [-0.5, 0.0, 0.5, 1.0]);
        let shifted = op(false, true).evaluate(&[&x, &mean, &var, &shift], x.shape);
        assert_eq!(shifted.data, [0.0, 1.0, 1.0, 2.0]);
        let full = op(true, true).evaluate(&[&x, &mean, &var, &scale, &shift], x.shape);
        assert_eq!(full.data, [-1.5, 1.0, 2.5, -9.0]);
        let magnitude = op(true, true).magnitude(&[&x, &mean, &var, &scale, &shift], x.shape);
        assert_eq!(magnitude.data, [6.5, 21.0, 10.5, 31.0]);
    }
}
