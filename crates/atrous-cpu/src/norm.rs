//! Batch normalisation, the variance behind it, and running statistics.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNorm, BatchNormGrad, RunningStat};

use crate::Tensor;

/// `x`, `mean`, `var`, `scale` and `shift` of a batch normalisation; what is absent is `None`.
fn parts<'a>(op: &BatchNorm, inputs: &[&'a Tensor]) -> (&'a Tensor, [&'a Tensor; 2], [Option<&'a Tensor>; 2]) {
    let scale = op.scale.then(|| inputs[3]);
    let shift = op.shift.then(|| inputs[3 + usize::from(op.scale)]);
    (inputs[0], [inputs[1], inputs[2]], [scale, shift])
}

/// The variance of a channel: in the last sample, of one or of two (see [`batch_statistics`]). The mean is in the first.
fn variance(var: &Tensor, c: usize) -> f64 {
    var.data[var.data.len() - var.shape.c + c]
}

/// `(x - mean) / sqrt(var + eps) * scale + shift`
pub(crate) fn batch_norm(op: &BatchNorm, inputs: &[&Tensor]) -> Tensor {
    let (x, [mean, var], [scale, shift]) = parts(op, inputs);
    Tensor::from_fn(x.shape, |n, row, column, c| {
        let normal = (x.at(n, row, column, c) - mean.data[c]) / (variance(var, c) + op.eps).sqrt();
        normal * scale.map_or(1.0, |s| s.data[c]) + shift.map_or(0.0, |s| s.data[c])
    })
}

/// `(|x| + |mean|) / sqrt(var + eps) * |scale| + |shift|`
pub(crate) fn batch_norm_magnitude(op: &BatchNorm, inputs: &[&Tensor]) -> Tensor {
    let (x, [mean, var], [scale, shift]) = parts(op, inputs);
    Tensor::from_fn(x.shape, |n, row, column, c| {
        let normal = (x.at(n, row, column, c).abs() + mean.data[c].abs()) / (variance(var, c) + op.eps).sqrt();
        normal * scale.map_or(1.0, |s| s.data[c].abs()) + shift.map_or(0.0, |s| s.data[c].abs())
    })
}

/// Both sums over N, H and W of `dy` (sample 0) and `dy * (x - mean) / sqrt(var + eps)` (sample 1).
pub(crate) fn batch_norm_grad_sums(eps: f64, inputs: &[&Tensor]) -> Tensor {
    grad_sums(eps, inputs, |x, mean| x - mean)
}

/// The sums of `|dy|` and of `|dy| * (|x| + |mean|) / sqrt(var + eps)`.
pub(crate) fn batch_norm_grad_sums_magnitude(eps: f64, inputs: &[&Tensor]) -> Tensor {
    let dy = inputs[1].abs();
    grad_sums(eps, &[inputs[0], &dy, inputs[2], inputs[3]], |x, mean| x.abs() + mean.abs())
}

fn grad_sums(eps: f64, inputs: &[&Tensor], difference: impl Fn(f64, f64) -> f64) -> Tensor {
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

/// `k * dy` for given statistics, `k * (dy - (Σ dy + x̂ * Σ dy*x̂) / count)` for those of the batch, with
/// `x̂ = (x - mean) / sqrt(var + eps)` and `k = scale / sqrt(var + eps)`.
pub(crate) fn batch_norm_grad(op: &BatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    grad(op, inputs, |x, mean| x - mean, |dy, way| dy - way)
}

/// `|k| * |dy|`, or `|k| * (|dy| + (|Σ dy| + |x̂| * |Σ dy*x̂|) / count)` with `|x̂| = (|x| + |mean|) / sqrt(var + eps)`;
/// the sums are inputs.
pub(crate) fn batch_norm_grad_magnitude(op: &BatchNormGrad, inputs: &[&Tensor]) -> Tensor {
    let absolutes: Vec<Tensor> = inputs.iter().map(|t| t.abs()).collect();
    grad(op, &absolutes.iter().collect::<Vec<_>>(), |x, mean| x + mean, |dy, way| dy + way)
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

/// `var[c] = Σ (x[n,y,x,c] - mean[c])² / (N*H*W)`
pub(crate) fn channel_variance(x: &Tensor, mean: &Tensor) -> Tensor {
    let mut sums = vec![0.0; x.shape.c];
    for pixel in x.data.chunks_exact(x.shape.c) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum += (pixel[c] - mean.data[c]).powi(2);
        }
    }
    let count = (x.shape.n * x.shape.h * x.shape.w) as f64;
    Tensor::new(Shape::channels(x.shape.c), sums).map(|sum| sum / count)
}

/// Mean and variance of each channel over N, H and W.
pub(crate) fn batch_statistics(x: &Tensor) -> Tensor {
    statistics(x, |x| x)
}

/// The mean of `|x|`, and the variance itself: neither the distance of the values from zero nor the way their squares are summed
/// may show in it.
pub(crate) fn batch_statistics_magnitude(x: &Tensor) -> Tensor {
    statistics(x, f64::abs)
}

fn statistics(x: &Tensor, term: impl Fn(f64) -> f64) -> Tensor {
    let average = |term: &dyn Fn(f64) -> f64| {
        let mut sums = vec![0.0; x.shape.c];
        for pixel in x.data.chunks_exact(x.shape.c) {
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += term(*x));
        }
        let count = (x.shape.n * x.shape.h * x.shape.w) as f64;
        Tensor::new(Shape::channels(x.shape.c), sums).map(|sum| sum / count)
    };
    let var = channel_variance(x, &average(&|x| x));
    let both = [average(&term).data, var.data].concat();
    Tensor::new(Shape { n: 2, ..Shape::channels(x.shape.c) }, both)
}

/// `keep * running + take * batch`
pub(crate) fn running_stat(op: &RunningStat, running: &Tensor, batch: &Tensor) -> Tensor {
    let values =
        running.data.iter().zip(&batch.data[op.sample * running.data.len()..]).map(|(r, b)| op.keep * r + op.take * b);
    Tensor::new(running.shape, values.collect())
}

/// `|keep * running| + |take * batch|`
pub(crate) fn running_stat_magnitude(op: &RunningStat, running: &Tensor, batch: &Tensor) -> Tensor {
    let batch = &batch.data[op.sample * running.data.len()..];
    let values = running.data.iter().zip(batch).map(|(r, b)| (op.keep * r).abs() + (op.take * b).abs());
    Tensor::new(running.shape, values.collect())
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
        let plain = batch_norm(&op(false, false), &[&x, &mean, &var]);
        assert_eq!(plain.data, [-0.5, 0.0, 0.5, 1.0]);
        let shifted = batch_norm(&op(false, true), &[&x, &mean, &var, &shift]);
        assert_eq!(shifted.data, [0.0, 1.0, 1.0, 2.0]);
        let full = batch_norm(&op(true, true), &[&x, &mean, &var, &scale, &shift]);
        assert_eq!(full.data, [-1.5, 1.0, 2.5, -9.0]);
        let magnitude = batch_norm_magnitude(&op(true, true), &[&x, &mean, &var, &scale, &shift]);
        assert_eq!(magnitude.data, [6.5, 21.0, 10.5, 31.0]);
    }

    #[test]
    fn variance_of_large_values_does_not_cancel() {
        let x = Tensor::new(Shape::new(2, 1, 2, 1), vec![1e8 + 1.0, 1e8 + 2.0, 1e8 + 3.0, 1e8 + 4.0]);
        let mean = Tensor::new(Shape::channels(1), vec![1e8 + 2.5]);
        assert_eq!(channel_variance(&x, &mean).data, [1.25]);
    }

    #[test]
    fn statistics_of_a_batch() {
        let x =
            Tensor::new(Shape::new(2, 1, 2, 2), vec![1e8 + 1.0, -1.0, 1e8 + 2.0, -2.0, 1e8 + 3.0, 1.0, 1e8 + 4.0, 2.0]);
        assert_eq!(batch_statistics(&x).data, [1e8 + 2.5, 0.0, 1.25, 2.5]);
        assert_eq!(batch_statistics_magnitude(&x).data, [1e8 + 2.5, 1.5, 1.25, 2.5]);
    }

    #[test]
    fn running_statistics() {
        let (running, batch) = (Tensor::channels(&[1.0, -2.0]), Tensor::channels(&[3.0, 4.0]));
        let mean = running_stat(&RunningStat::mean(0.25), &running, &batch);
        assert_eq!(mean.data, [1.5, -0.5]);
        let var = running_stat(&RunningStat::unbiased_variance(0.5, 3), &running, &batch);
        assert_eq!(var.data, [2.75, 2.0]);
        assert_eq!(running_stat_magnitude(&RunningStat::mean(0.25), &running, &batch).data, [1.5, 2.5]);
    }
}
