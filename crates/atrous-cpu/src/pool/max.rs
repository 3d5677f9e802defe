//! Maxima over windows.

use atrous_graph::Shape;
use atrous_graph::op::{MaxPool, MaxPoolGrad, MaxPoolIndices, Window};

use crate::Tensor;
use crate::conv::tap;
use crate::reference::{Reference, on_absolutes};

use super::spread::spread;

/// The position (row, column) of the largest value under the window at output (oy, ox), the first in row-major order on
/// a tie. The shape rule ensures that every window covers a pixel.
fn largest(op: &Window, x: &Tensor, [n, oy, ox, c]: [usize; 4]) -> (usize, usize) {
    let ([kh, kw], [sy, sx], [dy, dx]) = (op.kernel, op.stride, op.dilation);
    let mut best = None;
    for ky in 0..kh {
        let Some(iy) = tap(oy, ky, sy, dy, op.padding.top, x.shape.h) else { continue };
        for kx in 0..kw {
            let Some(ix) = tap(ox, kx, sx, dx, op.padding.left, x.shape.w) else { continue };
            let value = x.at(n, iy, ix, c);
            if best.is_none_or(|(largest, _)| value > largest || value.is_nan()) {
                best = Some((value, (iy, ix)));
            }
        }
    }
    best.expect("the shape rule refuses windows that cover padding only").1
}

impl Reference for MaxPool {
    /// `max x[n, oy*stride + ky*dilation - top, …, c]` over the taps inside the image.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        Tensor::from_fn(output, |n, oy, ox, c| {
            let (iy, ix) = largest(&self.window, x, [n, oy, ox, c]);
            x.at(n, iy, ix, c)
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for MaxPoolIndices {
    /// `iy*W + ix` of the pixel that [`MaxPool`] takes.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        Tensor::from_fn(output, |n, oy, ox, c| {
            let (iy, ix) = largest(&self.window, x, [n, oy, ox, c]);
            (iy * x.shape.w + ix) as f64
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for MaxPoolGrad {
    /// `dx[n, i / W, i % W, c] += dy[n,oy,ox,c]` for every index `i = indices[n,oy,ox,c]`.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (dy, indices) = (inputs[0], inputs[1]);
        spread(dy, output, |dx, [n, oy, ox, c], dy| {
            let i = indices.at(n, oy, ox, c) as usize;
            dx.data[output.index(n, i / output.w, i % output.w, c)] += dy;
        })
    }

    /// The sum on absolute values, since several gradients may be added to one pixel.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::new(Shape::new(1, 1, values.len(), 1), values.to_vec())
    }

    fn max_pool(window: Window, x: &Tensor) -> Vec<f64> {
        MaxPool { window }.evaluate(&[x], pooled(&window, x)).data
    }

    fn max_pool_indices(window: Window, x: &Tensor) -> Vec<f64> {
        MaxPoolIndices { window }.evaluate(&[x], pooled(&window, x)).data
    }

    fn pooled(op: &Window, x: &Tensor) -> Shape {
        let [h, w] = op.output_size([x.shape.h, x.shape.w]).unwrap();
        Shape { h, w, ..x.shape }
    }

    #[test]
    fn max_ignores_padding_and_the_first_of_equals_wins() {
        let x = row(&[-1.0, -1.0, -3.0, -2.0]);
        let padding = Padding { left: 1, right: 1, ..Padding::NONE };
        let op = Window { padding, ..Window::new([1, 3], [1, 1]) };
        assert_eq!(max_pool(op, &x), [-1.0, -1.0, -1.0, -2.0]);
        assert_eq!(max_pool_indices(op, &x), [0.0, 0.0, 1.0, 3.0]);
    }

    #[test]
    fn max_of_negative_infinities_still_has_a_place() {
        let op = Window::new([1, 2], [1, 2]);
        let x = row(&[f64::NEG_INFINITY; 4]);
        assert_eq!(max_pool_indices(op, &x), [0.0, 2.0]);
    }

    #[test]
    fn max_with_dilation_and_indices_in_the_plane() {
        let x = Tensor::new(Shape::new(1, 3, 3, 1), vec![1.0, 9.0, 2.0, 8.0, 7.0, 8.0, 3.0, 9.0, 4.0]);
        let op = Window { dilation: [2, 2], ..Window::new([2, 2], [1, 1]) };
        assert_eq!(max_pool(op, &x), [4.0]);
        assert_eq!(max_pool_indices(op, &x), [8.0]);
    }

    #[test]
    fn a_maximum_of_two_windows_gets_both_gradients() {
        let grad = |dy: &[f64], indices: &[f64], output: Shape| {
            let op = MaxPoolGrad { window: Window::new([1, 2], [1, 1]), h: output.h, w: output.w };
            op.evaluate(&[&row(dy), &row(indices)], output).data
        };
        let (dy, indices) = ([1.0, 10.0, 100.0], [1.0, 1.0, 3.0]);
        assert_eq!(grad(&dy, &indices, Shape::new(1, 1, 4, 1)), [0.0, 11.0, 0.0, 100.0]);
        // Index 3 of a plane of two columns is row 1, column 1.
        assert_eq!(grad(&[5.0], &[3.0], Shape::new(1, 2, 2, 1)), [0.0, 0.0, 0.0, 5.0]);
    }
}
