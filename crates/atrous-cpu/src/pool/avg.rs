//! Means over windows.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AvgPool, AvgPoolGrad, Window};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

use super::spread::{add, spread, sum};

impl Reference for AvgPool {
    /// `Σ x[n,iy,ix,c] / divisor` over the pixels of the image under the window. The divisor is the given one; or the
    /// number of positions under the window, padding included but nothing past it; or the number of pixels under it.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        Tensor::from_fn(output, |n, oy, ox, c| {
            let (rows, columns, divisor) = averaged(self, x.shape, oy, ox);
            sum(x, n, rows, columns, c) / divisor
        })
    }

    /// The mean of absolute values.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        on_absolutes(self, inputs, output)
    }
}

/// The pixels of an image of shape `x` under the window at output (oy, ox), and the divisor of their sum.
fn averaged(op: &AvgPool, x: Shape, oy: usize, ox: usize) -> (Range<usize>, Range<usize>, f64) {
    let window = &op.window;
    let (rows, padded_rows) = covered(window, 0, oy, x.h, window.padding.bottom);
    let (columns, padded_columns) = covered(window, 1, ox, x.w, window.padding.right);
    let divisor = match op.divisor {
        Some(divisor) => divisor,
        None if op.count_include_pad => padded_rows * padded_columns,
        None => rows.len() * columns.len(),
    };
    (rows, columns, divisor as f64)
}

/// The rows (columns) of the image under an undilated window, and the number of its positions within image and padding.
fn covered(op: &Window, axis: usize, out: usize, size: usize, after: usize) -> (Range<usize>, usize) {
    let start = op.start(axis, out);
    let end = (start + op.kernel[axis] as isize).min((size + after) as isize);
    let inside = |i: isize| i.clamp(0, size as isize) as usize;
    (inside(start)..inside(end), (end - start).max(0) as usize)
}

impl Reference for AvgPoolGrad {
    /// `dx[n,iy,ix,c] += dy[n,oy,ox,c] / divisor` for every pixel under the window.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        spread(inputs[0], output, |dx, [n, oy, ox, c], dy| {
            let (rows, columns, divisor) = averaged(&self.pool, output, oy, ox);
            add(dx, n, rows, columns, c, dy / divisor);
        })
    }

    /// The sum on absolute values.
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

    #[test]
    fn average_divisors() {
        // Windows of 3 every 2 over 1 2 3 4 with one pixel of padding, rounded up: (p 1 2) (2 3 4) (4 p -).
        let x = row(&[1.0, 2.0, 3.0, 4.0]);
        let padding = Padding { left: 1, right: 1, ..Padding::NONE };
        let window = Window { padding, ceil_mode: true, ..Window::new([1, 3], [1, 2]) };
        let [h, w] = window.output_size([1, 4]).unwrap();
        let mean = |count_include_pad, divisor| {
            AvgPool { window, count_include_pad, divisor }.evaluate(&[&x], Shape::new(1, h, w, 1)).data
        };
        assert_eq!(mean(true, None), [1.0, 3.0, 2.0]);
        assert_eq!(mean(false, None), [1.5, 3.0, 4.0]);
        assert_eq!(mean(true, Some(2)), [1.5, 4.5, 2.0]);
    }

    #[test]
    fn averages_divide_as_the_forward_pass_did() {
        // Windows of 3 every 2 over 4 pixels with one pixel of padding, rounded up: (p 0 1) (1 2 3) (3 p -).
        let padding = Padding { left: 1, right: 1, ..Padding::NONE };
        let window = Window { padding, ceil_mode: true, ..Window::new([1, 3], [1, 2]) };
        let grad = |count_include_pad, divisor| {
            let op = AvgPoolGrad { pool: AvgPool { window, count_include_pad, divisor }, h: 1, w: 4 };
            op.evaluate(&[&row(&[6.0, 12.0, 24.0])], Shape::new(1, 1, 4, 1)).data
        };
        assert_eq!(grad(true, None), [2.0, 6.0, 4.0, 16.0]);
        assert_eq!(grad(false, None), [3.0, 7.0, 4.0, 28.0]);
        assert_eq!(grad(true, Some(2)), [3.0, 9.0, 6.0, 18.0]);
    }
}
