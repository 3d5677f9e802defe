//! Sums of pixels, and gradients of pooling: every `dy` is spread over the pixels that its result was computed from.

use std::ops::Range;

use atrous_graph::Shape;

use crate::Tensor;

/// Calls `f` with the position and value of every `dy`. Returns the tensor that `f` adds to, which begins as zeros.
pub(super) fn spread(dy: &Tensor, output: Shape, f: impl Fn(&mut Tensor, [usize; 4], f64)) -> Tensor {
    let mut dx = Tensor::zeros(output);
    let Shape { n, h, w, c } = dy.shape;
    for (n, oy) in (0..n).flat_map(|n| (0..h).map(move |oy| (n, oy))) {
        for (ox, c) in (0..w).flat_map(|ox| (0..c).map(move |c| (ox, c))) {
            f(&mut dx, [n, oy, ox, c], dy.at(n, oy, ox, c));
        }
    }
    dx
}

/// Adds a value to all these pixels of a channel.
pub(super) fn add(dx: &mut Tensor, n: usize, rows: Range<usize>, columns: Range<usize>, c: usize, value: f64) {
    for row in rows {
        for column in columns.clone() {
            let i = dx.shape.index(n, row, column, c);
            dx.data[i] += value;
        }
    }
}

/// The sum of all these pixels of a channel, whose gradient is [`add`].
pub(super) fn sum(x: &Tensor, n: usize, rows: Range<usize>, columns: Range<usize>, c: usize) -> f64 {
    rows.flat_map(|iy| columns.clone().map(move |ix| x.at(n, iy, ix, c))).sum()
}
