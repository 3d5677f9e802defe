//! Softmax and log-softmax over channels.

use crate::Tensor;

fn max(pixel: &[f64]) -> f64 {
    pixel.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// `exp(x[c] - max x) / Σ exp(x[j] - max x)`
pub(crate) fn softmax(x: &Tensor) -> Tensor {
    x.map_pixels(x.shape.c, |pixel, result| {
        let max = max(pixel);
        let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
        for (p, v) in result.iter_mut().zip(pixel) {
            *p = (v - max).exp() / sum;
        }
    })
}

/// `p[c] * (1 + d[c] + D)` where `p` is the softmax, `d[c] = max x - x[c]` and `D = Σ p[j] d[j]`: a relative error of
/// `d` in an exponential is one of `d` in its value, and the sum inherits the mean of those of its terms.
pub(crate) fn softmax_magnitude(x: &Tensor) -> Tensor {
    x.map_pixels(x.shape.c, |pixel, result| {
        let max = max(pixel);
        let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
        let mean_distance = mean_distance(pixel);
        for (m, v) in result.iter_mut().zip(pixel) {
            *m = (v - max).exp() / sum * (1.0 + (max - v) + mean_distance);
        }
    })
}

/// `Σ p[j] (max x - x[j])`, `p` the softmax.
fn mean_distance(pixel: &[f64]) -> f64 {
    let max = max(pixel);
    let (sum, weighted) = pixel.iter().fold((0.0, 0.0), |(sum, weighted), v| {
        let e = (v - max).exp();
        (sum + e, weighted + e * (max - v))
    });
    weighted / sum
}

/// `x[c] - max x - ln Σ exp(x[j] - max x)`
pub(crate) fn log_softmax(x: &Tensor) -> Tensor {
    x.map_pixels(x.shape.c, |pixel, result| {
        let max = max(pixel);
        let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
        for (p, v) in result.iter_mut().zip(pixel) {
            *p = v - max - sum.ln();
        }
    })
}

/// `d[c] + ln Σ exp(-d[j]) + 1 + D`, with `d` and `D` as in [`softmax_magnitude`]: the terms, and what the relative
/// error of the sum makes of its logarithm. Does not grow with `max x`, so a kernel has to subtract the maximum
/// first.
pub(crate) fn log_softmax_magnitude(x: &Tensor) -> Tensor {
    x.map_pixels(x.shape.c, |pixel, result| {
        let max = max(pixel);
        let sum: f64 = pixel.iter().map(|v| (v - max).exp()).sum();
        let mean_distance = mean_distance(pixel);
        for (m, v) in result.iter_mut().zip(pixel) {
            *m = (max - v) + sum.ln() + 1.0 + mean_distance;
        }
    })
}

/// `y[c] * (dy[c] - Σ dy[j] y[j])`, `y` the softmax.
pub(crate) fn softmax_grad(y: &Tensor, dy: &Tensor) -> Tensor {
    weigh(y, dy, |own, mean| own - mean)
}

/// `|y[c]| * (|dy[c]| + Σ |dy[j] y[j]|)`
pub(crate) fn softmax_grad_magnitude(y: &Tensor, dy: &Tensor) -> Tensor {
    weigh(&y.abs(), &dy.abs(), |own, mean| own + mean)
}

fn weigh(y: &Tensor, dy: &Tensor, combine: impl Fn(f64, f64) -> f64 + Sync) -> Tensor {
    Tensor::from_fn(y.shape, |n, row, column, c| {
        let (y, dy) = (y.pixel(n, row, column), dy.pixel(n, row, column));
        let mean = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
        y[c] * combine(dy[c], mean)
    })
}

/// `dy[c] - exp(y[c]) Σ dy[j]`, `y` the log-softmax.
pub(crate) fn log_softmax_grad(y: &Tensor, dy: &Tensor) -> Tensor {
    Tensor::from_fn(y.shape, |n, row, column, c| {
        let dy = dy.pixel(n, row, column);
        dy[c] - y.at(n, row, column, c).exp() * dy.iter().sum::<f64>()
    })
}

/// `|dy[c]| + exp(y[c]) (1 + |y[c]|) Σ |dy[j]|`; a relative error of `y` in the exponential is one of `|y|` in its
/// value.
pub(crate) fn log_softmax_grad_magnitude(y: &Tensor, dy: &Tensor) -> Tensor {
    Tensor::from_fn(y.shape, |n, row, column, c| {
        let (y, dy) = (y.at(n, row, column, c), dy.pixel(n, row, column));
        dy[c].abs() + y.exp() * (1.0 + y.abs()) * dy.iter().map(|v| v.abs()).sum::<f64>()
    })
}

#[cfg(test)]
mod tests {
    use atrous_graph::Shape;

    use super::*;

    #[test]
    fn softmax_of_equal_and_of_huge_logits() {
        let x = Tensor::new(Shape::new(1, 1, 2, 2), vec![0.0, 3f64.ln(), 1e4, 1e4]);
        let p = softmax(&x);
        for (p, want) in p.data.iter().zip([0.25, 0.75, 0.5, 0.5]) {
            assert!((p - want).abs() < 1e-15, "{p} {want}");
        }
        for (l, p) in log_softmax(&x).data.iter().zip(&p.data) {
            assert!((l - p.ln()).abs() < 1e-14, "{l} {p}");
        }
        assert!(softmax_magnitude(&x).data[2..].iter().all(|m| *m == 0.5));
        let far = log_softmax(&Tensor::new(Shape::channels(2), vec![0.0, 1000.0]));
        assert_eq!(far.data, [-1000.0, 0.0]);
    }
}
