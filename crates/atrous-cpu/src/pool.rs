//! Pooling over windows, bins and channels.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{AvgPool, ChannelMaxPool, Window};

use crate::Tensor;
use crate::conv::tap;

/// The position (row, column) of the largest value under the window at output (oy, ox), the first in row-major order
/// on a tie. The shape rule makes sure that every window covers some pixel.
fn largest(op: &Window, x: &Tensor, [n, oy, ox, c]: [usize; 4]) -> (usize, usize) {
    let ([kh, kw], [sy, sx], [dy, dx]) = (op.kernel, op.stride, op.dilation);
    let mut best = None;
    for ky in 0..kh {
        let Some(iy) = tap(oy, ky, sy, dy, op.padding.top, x.shape.h) else { continue };
        for kx in 0..kw {
            let Some(ix) = tap(ox, kx, sx, dx, op.padding.left, x.shape.w) else { continue };
            let value = x.at(n, iy, ix, c);
            if best.is_none_or(|(largest, _)| value > largest) {
                best = Some((value, (iy, ix)));
            }
        }
    }
    best.expect("the shape rule refuses windows that cover padding only").1
}

/// `max x[n, oy*stride + ky*dilation - top, …, c]` over the taps inside the image.
pub(crate) fn max_pool(op: &Window, x: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, oy, ox, c| {
        let (iy, ix) = largest(op, x, [n, oy, ox, c]);
        x.at(n, iy, ix, c)
    })
}

/// `iy*W + ix` of the pixel that [`max_pool`] took.
pub(crate) fn max_pool_indices(op: &Window, x: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, oy, ox, c| {
        let (iy, ix) = largest(op, x, [n, oy, ox, c]);
        (iy * x.shape.w + ix) as f64
    })
}

/// `Σ x[n,iy,ix,c] / divisor` over the pixels of the image under the window. The divisor is the one given; or the
/// number of positions under the window, padding included but nothing past it; or the number of pixels under it.
pub(crate) fn avg_pool(op: &AvgPool, x: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, oy, ox, c| {
        let (rows, columns, divisor) = averaged(op, x.shape, oy, ox);
        sum(x, n, rows, columns, c) / divisor
    })
}

/// The pixels of an image of shape `x` under the window at output (oy, ox), and the divisor of their sum.
pub(crate) fn averaged(op: &AvgPool, x: Shape, oy: usize, ox: usize) -> (Range<usize>, Range<usize>, f64) {
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

/// The rows (columns) of the image under an undilated window, and how many positions it has with padding.
fn covered(op: &Window, axis: usize, out: usize, size: usize, after: usize) -> (Range<usize>, usize) {
    let start = op.start(axis, out);
    let end = (start + op.kernel[axis] as isize).min((size + after) as isize);
    let inside = |i: isize| i.clamp(0, size as isize) as usize;
    (inside(start)..inside(end), (end - start).max(0) as usize)
}

fn sum(x: &Tensor, n: usize, rows: Range<usize>, columns: Range<usize>, c: usize) -> f64 {
    rows.flat_map(|iy| columns.clone().map(move |ix| x.at(n, iy, ix, c))).sum()
}

/// The rows (columns) of bin `i` of `bins`: `floor(i*size/bins) .. ceil((i+1)*size/bins)`.
pub(crate) fn bin(i: usize, bins: usize, size: usize) -> Range<usize> {
    i * size / bins..((i + 1) * size).div_ceil(bins)
}

/// The mean of each [`bin`].
pub(crate) fn adaptive_avg_pool(x: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, oy, ox, c| {
        let (rows, columns) = (bin(oy, output.h, x.shape.h), bin(ox, output.w, x.shape.w));
        let count = rows.len() * columns.len();
        sum(x, n, rows, columns, c) / count as f64
    })
}

/// `max x[n,y,x, c*stride .. c*stride + window]`
pub(crate) fn channel_max_pool(op: &ChannelMaxPool, x: &Tensor, output: Shape) -> Tensor {
    x.map_pixels(output.c, |pixel, result| {
        for (c, largest) in result.iter_mut().enumerate() {
            *largest = pixel[c * op.stride..][..op.window].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        }
    })
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::new(Shape::new(1, 1, values.len(), 1), values.to_vec())
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
        assert_eq!(max_pool(&op, &x, pooled(&op, &x)).data, [-1.0, -1.0, -1.0, -2.0]);
        assert_eq!(max_pool_indices(&op, &x, pooled(&op, &x)).data, [0.0, 0.0, 1.0, 3.0]);
    }

    #[test]
    fn max_of_negative_infinities_still_has_a_place() {
        let op = Window::new([1, 2], [1, 2]);
        let x = row(&[f64::NEG_INFINITY; 4]);
        assert_eq!(max_pool_indices(&op, &x, pooled(&op, &x)).data, [0.0, 2.0]);
    }

    #[test]
    fn max_with_dilation_and_indices_in_the_plane() {
        let x = Tensor::new(Shape::new(1, 3, 3, 1), vec![1.0, 9.0, 2.0, 8.0, 7.0, 8.0, 3.0, 9.0, 4.0]);
        let op = Window { dilation: [2, 2], ..Window::new([2, 2], [1, 1]) };
        assert_eq!(max_pool(&op, &x, pooled(&op, &x)).data, [4.0]);
        assert_eq!(max_pool_indices(&op, &x, pooled(&op, &x)).data, [8.0]);
    }

    #[test]
    fn average_divisors() {
        // Windows of 3 every 2 over 1 2 3 4 with one pixel of padding, rounded up: (p 1 2) (2 3 4) (4 p -).
        let x = row(&[1.0, 2.0, 3.0, 4.0]);
        let padding = Padding { left: 1, right: 1, ..Padding::NONE };
        let window = Window { padding, ceil_mode: true, ..Window::new([1, 3], [1, 2]) };
        let mean = |count_include_pad, divisor| {
            avg_pool(&AvgPool { window, count_include_pad, divisor }, &x, pooled(&window, &x)).data
        };
        assert_eq!(mean(true, None), [1.0, 3.0, 2.0]);
        assert_eq!(mean(false, None), [1.5, 3.0, 4.0]);
        assert_eq!(mean(true, Some(2)), [1.5, 4.5, 2.0]);
    }

    #[test]
    fn adaptive_bins_overlap() {
        let x = row(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(adaptive_avg_pool(&x, Shape::new(1, 1, 3, 1)).data, [1.5, 3.0, 4.5]);
        assert_eq!(adaptive_avg_pool(&row(&[1.0, 2.0]), Shape::new(1, 1, 3, 1)).data, [1.0, 1.5, 2.0]);
    }

    #[test]
    fn maximum_over_channels() {
        let x = Tensor::new(Shape::new(1, 1, 1, 5), vec![3.0, -1.0, -2.0, 7.0, 5.0]);
        let op = ChannelMaxPool { window: 2, stride: 1 };
        assert_eq!(channel_max_pool(&op, &x, Shape::channels(4)).data, [3.0, -1.0, 7.0, 7.0]);
        let op = ChannelMaxPool { window: 2, stride: 2 };
        assert_eq!(channel_max_pool(&op, &x, Shape::channels(2)).data, [3.0, 7.0]);
    }
}
