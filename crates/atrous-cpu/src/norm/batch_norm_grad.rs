//! The gradient of batch normalisation, and the sums that it reads.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNormGrad, BatchNormGradSums};

use crate::Tensor;
use crate::reference::Reference;

use super::statistics::variance;

impl Reference for BatchNormGradSums {
    /// Both sums over N, H and W of `dy` (sample 0) and `dy * (x - mean) / sqrt(var + eps)` (sample 1).
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        sums(self.eps, inputs, |x, mean| x - mean)
    }

    /// The sums of `|dy|` and of `|dy| * (|x| + |mean|) / sqrt(var + eps)`.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let dy = inputs[1].abs();
        sums(self.eps, &[inputs[0], &dy, inputs[2], inputs[3]], |x, mean| x.abs() + mean.abs())
    }
}

fn sums(eps: f64, inputs: &[&Tensor], difference: impl Fn(f64, f64) -> f64) -> Tensor {
    let (x, dy, mean, var) = (inputs[0], inputs[1], inputs[2], inputs[3]);
    let channels = x.shape.c;
    let mut sums = vec![0.0; 2 * channels];
    for (x, dy) in x.data.chunks_exact(channels).zip(dy.data.chunks_exact(channels)) {
        for c in 0..channels {
            sums[c] += dy[c];
            sums[channels + c] += dy[c] * difference(x[c], mean.data[c]) / (variance(var, c) + eps).sqrt();
        }
    }
    Tensor::new(Shape { n: 2, ..Shape::channels(channels) }, sums)
}

impl Reference for BatchNormGrad {
    /// `k * dy` for given statistics, `k * (dy - (Σ dy + x̂ * Σ dy*x̂) / count)` for those of the batch, with
    /// `x̂ = (x - mean) / sqrt(var + eps)` and `k = scale / sqrt(var + eps)`.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        grad(self, inputs, |x, mean| x - mean, |dy, way| dy - way)
    }

    /// `|k| * |dy|`, or `|k| * (|dy| + (|Σ dy| + |x̂| * |Σ dy*x̂|) / count)` with `|x̂| = (|x| + |mean|) / sqrt(var + eps)`;
    /// the sums are inputs.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
        grad(self, &absolutes.iter().collect::<Vec<_>>(), |x, mean| x + mean, |dy, way| dy + way)
    }
}

fn grad(
    op: &BatchNormGrad,
    inputs: &[&Tensor],
    difference: impl Fn(f64, f64) -> f64 + Sync,
    combine: impl Fn(f64, f64) -> f64 + Sync,
) -> Tensor {
    let (x, dy, mean, var) = (inputs[0], inputs[1], inputs[2], inputs[3]);
    let scale = op.scale.then(|| inputs[4]);
    let sums = op.batch.then(|| inputs[4 + usize::from(op.scale)]);
    let count = (x.shape.n * x.shape.h * x.shape.w) as f64;
    Tensor::from_fn(x.shape, |n, row, column, c| {
        let deviation = (variance(var, c) + op.eps).sqrt();
        let normal = difference(x.at(n, row, column, c), mean.data[c]) / deviation;
        let k = scale.map_or(1.0, |s| s.data[c]) / deviation;
        let through_statistics = sums.map_or(0.0, |s| (s.at(0, 0, 0, c) + normal * s.at(1, 0, 0, c)) / count);
        k * combine(dy.at(n, row, column, c), through_statistics)
    })
}
