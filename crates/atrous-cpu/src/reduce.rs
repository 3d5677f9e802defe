//! Reductions over the outer sides, and over channels: softmax and argmax.

use atrous_graph::Shape;
use atrous_graph::op::{Reduce, Reduction};

use crate::Tensor;

/// Sum, mean or maximum over the reduced sides.
pub(crate) fn reduce(op: &Reduce, x: &Tensor, output: Shape) -> Tensor {
    let range = |reduced: bool, i: usize, size: usize| if reduced { 0..size } else { i..i + 1 };
    let count = op.count(x.shape) as f64;
    Tensor::from_rows(output, |n, y, row| {
        for (ox, pixel) in row.chunks_exact_mut(output.c).enumerate() {
            pixel.fill(if op.reduction == Reduction::Max { f64::NEG_INFINITY } else { 0.0 });
            for n in range(op.n, n, x.shape.n) {
                for iy in range(op.h, y, x.shape.h) {
                    for ix in range(op.w, ox, x.shape.w) {
                        for (result, value) in pixel.iter_mut().zip(x.pixel(n, iy, ix)) {
                            match op.reduction {
                                Reduction::Sum => *result += value,
                                Reduction::Mean => *result += value / count,
                                Reduction::Max => *result = result.max(*value),
                            }
                        }
                    }
                }
            }
        }
    })
}

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

/// The channel of the largest value, the lowest on a tie.
pub(crate) fn argmax(x: &Tensor) -> Tensor {
    x.map_pixels(1, |pixel, result| {
        let best = (1..pixel.len()).fold(0, |best, c| if pixel[c] > pixel[best] { c } else { best });
        result[0] = best as f64;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tensor {
        Tensor::new(Shape::new(2, 2, 1, 2), vec![1.0, -1.0, 2.0, -5.0, 3.0, 0.5, 6.0, 1.5])
    }

    #[test]
    fn reductions_over_each_choice_of_sides() {
        let x = sample();
        let over = |reduction, n, hw, shape| reduce(&Reduce { reduction, n, h: hw, w: hw }, &x, shape).data;
        assert_eq!(over(Reduction::Sum, false, true, Shape::new(2, 1, 1, 2)), [3.0, -6.0, 9.0, 2.0]);
        assert_eq!(over(Reduction::Mean, true, true, Shape::channels(2)), [3.0, -1.0]);
        assert_eq!(over(Reduction::Max, true, false, Shape::new(1, 2, 1, 2)), [3.0, 0.5, 6.0, 1.5]);
        assert_eq!(over(Reduction::Max, false, true, Shape::new(2, 1, 1, 2)), [2.0, -1.0, 6.0, 1.5]);
    }

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

    #[test]
    fn the_lowest_of_equal_channels_is_the_argmax() {
        let x = Tensor::new(Shape::new(1, 1, 2, 3), vec![1.0, 4.0, 4.0, -1.0, -3.0, -2.0]);
        assert_eq!(argmax(&x), Tensor::from_u32(Shape::new(1, 1, 2, 1), &[1, 0]));
    }
}
