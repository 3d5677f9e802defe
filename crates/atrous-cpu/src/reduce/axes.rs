//! Reductions over N, H and W.

use atrous_graph::Shape;
use atrous_graph::op::{Reduce, Reduction};

use crate::Tensor;
use crate::numbers::larger;
use crate::reference::{Reference, on_absolutes};

impl Reference for Reduce {
    /// Sum, mean or maximum over the reduced sides.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        let range = |reduced: bool, i: usize, size: usize| if reduced { 0..size } else { i..i + 1 };
        let count = self.count(x.shape) as f64;
        Tensor::from_rows(output, |n, y, row| {
            for (ox, pixel) in row.chunks_exact_mut(output.c).enumerate() {
                pixel.fill(if self.reduction == Reduction::Max { f64::NEG_INFINITY } else { 0.0 });
                for n in range(self.n, n, x.shape.n) {
                    for iy in range(self.h, y, x.shape.h) {
                        for ix in range(self.w, ox, x.shape.w) {
                            for (result, value) in pixel.iter_mut().zip(x.pixel(n, iy, ix)) {
                                match self.reduction {
                                    Reduction::Sum => *result += value,
                                    Reduction::Mean => *result += value / count,
                                    Reduction::Max => *result = larger(*result, *value),
                                }
                            }
                        }
                    }
                }
            }
        })
    }

    /// For a sum or a mean, that of absolute values; a maximum is exact.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        match self.reduction {
            Reduction::Sum | Reduction::Mean => on_absolutes(self, inputs, output),
            Reduction::Max => Tensor::zeros(output),
        }
    }
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
        let over = |reduction, n, hw, shape| Reduce { reduction, n, h: hw, w: hw }.evaluate(&[&x], shape).data;
        assert_eq!(over(Reduction::Sum, false, true, Shape::new(2, 1, 1, 2)), [3.0, -6.0, 9.0, 2.0]);
        assert_eq!(over(Reduction::Mean, true, true, Shape::channels(2)), [3.0, -1.0]);
        assert_eq!(over(Reduction::Max, true, false, Shape::new(1, 2, 1, 2)), [3.0, 0.5, 6.0, 1.5]);
        assert_eq!(over(Reduction::Max, false, true, Shape::new(2, 1, 1, 2)), [2.0, -1.0, 6.0, 1.5]);
    }
}
