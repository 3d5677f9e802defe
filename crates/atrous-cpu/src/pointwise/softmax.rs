//! Softmax and log-softmax over channels. Their error scales come from the distances to the largest logit, so large logits get no more
//! room than small ones.

use atrous_graph::Shape;
use atrous_graph::op::{LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad};

use crate::Tensor;
use crate::numbers::largest;
use crate::reference::{MAX, Reference, SLACK};

/// `Σ p[j] (max x - x[j])`, `p` the softmax.
fn mean_distance(pixel: &[f64]) -> f64 {
    let max = largest(pixel);
    let (sum, weighted) = pixel.iter().fold((0.0, 0.0), |(sum, weighted), v| {
        let e = (v - max).exp();
        (sum + e, weighted + e * (max - v))
    });
    weighted / sum
}

impl Reference for Softmax {
    /// `exp(x[c] - max x) / Σ exp(x[j] - max x)`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        x.map_pixels(x.shape.c, |pixel, result| {
            let max = largest(pixel);
            let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
            for (p, v) in result.iter_mut().zip(pixel) {
                *p = (v - max).exp() / sum;
            }
        })
    }

    /// `p[c] * (1 + d[c] + D)` where `p` is the softmax, `d[c] = max x - x[c]` and `D = Σ p[j] d[j]`: a relative error of
    /// `d` in an exponential is one of `d` in its value, and the sum inherits the mean of those of its terms.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        x.map_pixels(x.shape.c, |pixel, result| {
            let max = largest(pixel);
            let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
            let mean_distance = mean_distance(pixel);
            for (m, v) in result.iter_mut().zip(pixel) {
                *m = (v - max).exp() / sum * (1.0 + (max - v) + mean_distance);
            }
        })
    }

    fn range(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    fn adds_up_to_one(&self) -> bool {
        true
    }
}

impl Reference for LogSoftmax {
    /// `x[c] - max x - ln Σ exp(x[j] - max x)`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        x.map_pixels(x.shape.c, |pixel, result| {
            let max = largest(pixel);
            let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
            for (p, v) in result.iter_mut().zip(pixel) {
                *p = v - max - sum.ln();
            }
        })
    }

    /// `d[c] + ln Σ exp(-d[j]) + 1 + D`, with `d` and `D` as in that of [`Softmax`]: the terms, and what the relative
    /// error of the sum makes of its logarithm. Does not grow with `max x`, so a kernel has to subtract the maximum
    /// first.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        x.map_pixels(x.shape.c, |pixel, result| {
            let max = largest(pixel);
            let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
            let mean_distance = mean_distance(pixel);
            for (m, v) in result.iter_mut().zip(pixel) {
                *m = (max - v) + sum.ln() + 1.0 + mean_distance;
            }
        })
    }

    fn range(&self) -> (f64, f64) {
        (-MAX, SLACK)
    }
}

impl Reference for SoftmaxGrad {
    /// `y[c] * (dy[c] - Σ dy[j] y[j])`, `y` the softmax.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (y, dy) = (inputs[0], inputs[1]);
        weigh(y, dy, |own, mean| own - mean)
    }

    /// `|y[c]| * (|dy[c]| + Σ |dy[j] y[j]|)`
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (y, dy) = (inputs[0], inputs[1]);
        weigh(&y.abs(), &dy.abs(), |own, mean| own + mean)
    }
}

fn weigh(y: &Tensor, dy: &Tensor, combine: impl Fn(f64, f64) -> f64 + Sync) -> Tensor {
    Tensor::from_fn(y.shape, |n, row, column, c| {
        let (y, dy) = (y.pixel(n, row, column), dy.pixel(n, row, column));
        let mean = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
        y[c] * combine(dy[c], mean)
    })
}

impl Reference for LogSoftmaxGrad {
    /// `dy[c] - exp(y[c]) Σ dy[j]`, `y` the log-softmax.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (y, dy) = (inputs[0], inputs[1]);
        Tensor::from_fn(y.shape, |n, row, column, c| {
            let dy = dy.pixel(n, row, column);
            dy[c] - y.at(n, row, column, c).exp() * dy.iter().sum::<f64>()
        })
    }

    /// `|dy[c]| + exp(y[c]) (1 + |y[c]|) Σ |dy[j]|`; a relative error of `y` in the exponential is one of `|y|` in its
    /// value.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (y, dy) = (inputs[0], inputs[1]);
        Tensor::from_fn(y.shape, |n, row, column, c| {
            let (y, dy) = (y.at(n, row, column, c), dy.pixel(n, row, column));
            dy[c].abs() + y.exp() * (1.0 + y.abs()) * dy.iter().map(|v| v.abs()).sum::<f64>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_equal_and_of_huge_logits() {
        let x = Tensor::new(Shape::new(1, 1, 2, 2), vec![0.0, 3f64.ln(), 1e4, 1e4]);
        let p = Softmax.evaluate(&[&x], x.shape);
        for (p, want) in p.data.iter().zip([0.25, 0.75, 0.5, 0.5]) {
            assert!((p - want).abs() < 1e-15, "{p} {want}");
        }
        for (l, p) in LogSoftmax.evaluate(&[&x], x.shape).data.iter().zip(&p.data) {
            assert!((l - p.ln()).abs() < 1e-14, "{l} {p}");
        }
        assert!(Softmax.magnitude(&[&x], x.shape).data[2..].iter().all(|m| *m == 0.5));
        let far = Tensor::new(Shape::channels(2), vec![0.0, 1000.0]);
        assert_eq!(LogSoftmax.evaluate(&[&far], far.shape).data, [-1000.0, 0.0]);
    }
}
