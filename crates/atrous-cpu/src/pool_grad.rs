//! Gradients of pooling: every `dy` is spread over the pixels that its result was made of.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AvgPoolGrad, ChannelMaxPool};

use crate::Tensor;
use crate::pool::{averaged, bin};

/// `dx[n, i / W, i % W, c] += dy[n,oy,ox,c]` for every index `i = indices[n,oy,ox,c]`.
pub(crate) fn max_pool_grad(dy: &Tensor, indices: &Tensor, output: Shape) -> Tensor {
    spread(dy, output, |dx, [n, oy, ox, c], dy| {
        let i = indices.at(n, oy, ox, c) as usize;
        dx.data[output.index(n, i / output.w, i % output.w, c)] += dy;
    })
}

/// `dx[n,iy,ix,c] += dy[n,oy,ox,c] / divisor` for every pixel under the window.
pub(crate) fn avg_pool_grad(op: &AvgPoolGrad, dy: &Tensor, output: Shape) -> Tensor {
    spread(dy, output, |dx, [n, oy, ox, c], dy| {
        let (rows, columns, divisor) = averaged(&op.pool, output, oy, ox);
        add(dx, n, rows, columns, c, dy / divisor);
    })
}

/// `dx[n,iy,ix,c] += dy[n,oy,ox,c] / count` for every pixel of the bin.
pub(crate) fn adaptive_avg_pool_grad(dy: &Tensor, output: Shape) -> Tensor {
    let bins = dy.shape;
    spread(dy, output, |dx, [n, oy, ox, c], dy| {
        let (rows, columns) = (bin(oy, bins.h, output.h), bin(ox, bins.w, output.w));
        let count = rows.len() * columns.len();
        add(dx, n, rows, columns, c, dy / count as f64);
    })
}

/// `dx[n,y,x,i] += dy[n,y,x,c]` for the first maximum `x[n,y,x,i]` of the window of `c`.
pub(crate) fn channel_max_pool_grad(op: &ChannelMaxPool, x: &Tensor, dy: &Tensor) -> Tensor {
    spread(dy, x.shape, |dx, [n, row, column, c], dy| {
        let pixel = x.pixel(n, row, column);
        let first = c * op.stride;
        let best = (first..first + op.window).fold(first, |best, i| if pixel[i] > pixel[best] { i } else { best });
        dx.data[x.shape.index(n, row, column, best)] += dy;
    })
}

/// Calls `f` on a result of zeros, with the position and value of every `dy`.
fn spread(dy: &Tensor, output: Shape, f: impl Fn(&mut Tensor, [usize; 4], f64)) -> Tensor {
    let mut dx = Tensor::zeros(output);
    let Shape { n, h, w, c } = dy.shape;
    for (n, oy) in (0..n).flat_map(|n| (0..h).map(move |oy| (n, oy))) {
        for (ox, c) in (0..w).flat_map(|ox| (0..c).map(move |c| (ox, c))) {
            f(&mut dx, [n, oy, ox, c], dy.at(n, oy, ox, c));
        }
    }
    dx
}

fn add(dx: &mut Tensor, n: usize, rows: Range<usize>, columns: Range<usize>, c: usize, value: f64) {
    for row in rows {
        for column in columns.clone() {
            let i = dx.shape.index(n, row, column, c);
            dx.data[i] += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{AvgPool, Padding, Window};

    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::new(Shape::new(1, 1, values.len(), 1), values.to_vec())
    }

    #[test]
    fn a_maximum_of_two_windows_gets_both_gradients() {
        let (dy, indices) = (row(&[1.0, 10.0, 100.0]), row(&[1.0, 1.0, 3.0]));
        assert_eq!(max_pool_grad(&dy, &indices, Shape::new(1, 1, 4, 1)).data, [0.0, 11.0, 0.0, 100.0]);
        // Index 3 of a plane of two columns is row 1, column 1.
        assert_eq!(max_pool_grad(&row(&[5.0]), &row(&[3.0]), Shape::new(1, 2, 2, 1)).data, [0.0, 0.0, 0.0, 5.0]);
    }

    #[test]
    fn averages_divide_as_the_forward_pass_did() {
        // Windows of 3 every 2 over 4 pixels with one pixel of padding, rounded up: (p 0 1) (1 2 3) (3 p -).
        let padding = Padding { left: 1, right: 1, ..Padding::NONE };
        let window = Window { padding, ceil_mode: true, ..Window::new([1, 3], [1, 2]) };
        let grad = |count_include_pad, divisor| {
            let op = AvgPoolGrad { pool: AvgPool { window, count_include_pad, divisor }, h: 1, w: 4 };
            avg_pool_grad(&op, &row(&[6.0, 12.0, 24.0]), Shape::new(1, 1, 4, 1)).data
        };
        assert_eq!(grad(true, None), [2.0, 6.0, 4.0, 16.0]);
        assert_eq!(grad(false, None), [3.0, 7.0, 4.0, 28.0]);
        assert_eq!(grad(true, Some(2)), [3.0, 9.0, 6.0, 18.0]);
    }

    #[test]
    fn adaptive_bins_that_overlap_add_up() {
        // Bins of 5 pixels into 3: (0 1) (1 2 3) (3 4).
        let dx = adaptive_avg_pool_grad(&row(&[2.0, 6.0, 4.0]), Shape::new(1, 1, 5, 1));
        assert_eq!(dx.data, [1.0, 3.0, 2.0, 4.0, 2.0]);
    }

    #[test]
    fn the_first_of_equal_channels_gets_the_gradient() {
        let x = Tensor::new(Shape::channels(4), vec![1.0, 3.0, 3.0, 2.0]);
        let dy = Tensor::new(Shape::channels(3), vec![1.0, 10.0, 100.0]);
        let op = ChannelMaxPool { window: 2, stride: 1 };
        assert_eq!(channel_max_pool_grad(&op, &x, &dy).data, [0.0, 11.0, 100.0, 0.0]);
    }
}
