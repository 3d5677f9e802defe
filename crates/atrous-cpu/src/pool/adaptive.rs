//! Means over bins.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AdaptiveAvgPool, AdaptiveAvgPoolGrad};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

use super::spread::{add, spread, sum};

/// The rows (columns) of bin `i` of `bins`: `floor(i*size/bins) .. ceil((i+1)*size/bins)`.
fn bin(i: usize, bins: usize, size: usize) -> Range<usize> {
    i * size / bins..((i + 1) * size).div_ceil(bins)
}

impl Reference for AdaptiveAvgPool {
    /// The mean of each [`bin`].
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        Tensor::from_fn(output, |n, oy, ox, c| {
            let (rows, columns) = (bin(oy, output.h, x.shape.h), bin(ox, output.w, x.shape.w));
            let count = rows.len() * columns.len();
            sum(x, n, rows, columns, c) / count as f64
        })
    }

    /// The mean of absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

impl Reference for AdaptiveAvgPoolGrad {
    /// `dx[n,iy,ix,c] += dy[n,oy,ox,c] / count` for every pixel of the bin.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (dy, bins) = (inputs[0], inputs[0].shape);
        spread(dy, output, |dx, [n, oy, ox, c], dy| {
            let (rows, columns) = (bin(oy, bins.h, output.h), bin(ox, bins.w, output.w));
            let count = rows.len() * columns.len();
            add(dx, n, rows, columns, c, dy / count as f64);
        })
    }

    /// The sum on absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::new(Shape::new(1, 1, values.len(), 1), values.to_vec())
    }

    #[test]
    fn adaptive_bins_overlap() {
        let pool = |x: &[f64]| AdaptiveAvgPool { h: 1, w: 3 }.evaluate(&[&row(x)], Shape::new(1, 1, 3, 1)).data;
        assert_eq!(pool(&[1.0, 2.0, 3.0, 4.0, 5.0]), [1.5, 3.0, 4.5]);
        assert_eq!(pool(&[1.0, 2.0]), [1.0, 1.5, 2.0]);
    }

    #[test]
    fn adaptive_bins_that_overlap_add_up() {
        // Bins of 5 pixels into 3: (0 1) (1 2 3) (3 4).
        let op = AdaptiveAvgPoolGrad { h: 1, w: 5 };
        let dx = op.evaluate(&[&row(&[2.0, 6.0, 4.0])], Shape::new(1, 1, 5, 1));
        assert_eq!(dx.data, [1.0, 3.0, 2.0, 4.0, 2.0]);
    }
}
