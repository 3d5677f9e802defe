//! Reductions over the outer sides, and over channels.

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

/// `Σ x[n,y,x,c]` over the channels.
pub(crate) fn channel_sum(x: &Tensor) -> Tensor {
    x.map_pixels(1, |pixel, result| result[0] = pixel.iter().sum())
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
    fn the_lowest_of_equal_channels_is_the_argmax() {
        let x = Tensor::new(Shape::new(1, 1, 2, 3), vec![1.0, 4.0, 4.0, -1.0, -3.0, -2.0]);
        assert_eq!(argmax(&x), Tensor::from_u32(Shape::new(1, 1, 2, 1), &[1, 0]));
    }
}
