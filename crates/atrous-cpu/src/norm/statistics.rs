//! Mean and variance of a batch.

use atrous_graph::Shape;
use atrous_graph::op::{BatchStatistics, ChannelVariance};

use crate::Tensor;
use crate::reference::{MAX, Reference};

/// The variance of a channel. `var` is a variance, or mean and variance in two samples (see [`BatchStatistics`]).
pub(super) fn variance(var: &Tensor, c: usize) -> f64 {
    var.data[var.data.len() - var.shape.c + c]
}

impl Reference for ChannelVariance {
    /// `var[c] = Σ (x[n,y,x,c] - mean[c])² / (N*H*W)`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        channel_variance(inputs[0], inputs[1])
    }

    /// The variance itself: its terms are squares of differences of given numbers, so nothing cancels. The one-pass
    /// formula `E[x²] - mean²` exceeds this bound if the mean is large, and is meant to.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        self.evaluate(inputs, output)
    }

    fn range(&self) -> (f64, f64) {
        (0.0, MAX)
    }
}

fn channel_variance(x: &Tensor, mean: &Tensor) -> Tensor {
    let mut sums = vec![0.0; x.shape.c];
    for pixel in x.data.chunks_exact(x.shape.c) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum += (pixel[c] - mean.data[c]).powi(2);
        }
    }
    let count = (x.shape.n * x.shape.h * x.shape.w) as f64;
    Tensor::new(Shape::channels(x.shape.c), sums).map(|sum| sum / count)
}

impl Reference for BatchStatistics {
    /// Mean and variance of each channel over N, H and W.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        statistics(inputs[0], |x| x)
    }

    /// The mean of `|x|`, and the variance itself: the variance must not become less accurate if values are far from
    /// zero, however their squares are summed.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        statistics(inputs[0], f64::abs)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variance_of_large_values_does_not_cancel() {
        let x = Tensor::new(Shape::new(2, 1, 2, 1), vec![1e8 + 1.0, 1e8 + 2.0, 1e8 + 3.0, 1e8 + 4.0]);
        let mean = Tensor::new(Shape::channels(1), vec![1e8 + 2.5]);
        assert_eq!(ChannelVariance.evaluate(&[&x, &mean], mean.shape).data, [1.25]);
    }

    #[test]
    fn statistics_of_a_batch() {
        let x =
            Tensor::new(Shape::new(2, 1, 2, 2), vec![1e8 + 1.0, -1.0, 1e8 + 2.0, -2.0, 1e8 + 3.0, 1.0, 1e8 + 4.0, 2.0]);
        let output = Shape::new(2, 1, 1, 2);
        assert_eq!(BatchStatistics.evaluate(&[&x], output).data, [1e8 + 2.5, 0.0, 1.25, 2.5]);
        assert_eq!(BatchStatistics.magnitude(&[&x], output).data, [1e8 + 2.5, 1.5, 1.25, 2.5]);
    }
}
