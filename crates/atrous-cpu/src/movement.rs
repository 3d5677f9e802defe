//! Data movement.

use atrous_graph::Shape;
use atrous_graph::op::{Pad, PadGrad, PadMode, Place, Slice};

use crate::Tensor;

/// The inputs' channels one after the other.
pub(crate) fn concat(inputs: &[&Tensor], output: Shape) -> Tensor {
    Tensor::from_rows(output, |n, y, row| {
        for (x, mut pixel) in row.chunks_exact_mut(output.c).enumerate() {
            for input in inputs {
                let (own, rest) = pixel.split_at_mut(input.shape.c);
                own.copy_from_slice(input.pixel(n, y, x));
                pixel = rest;
            }
        }
    })
}

/// `x[n + start[0], y + start[1], …]`
pub(crate) fn slice(op: &Slice, x: &Tensor) -> Tensor {
    let [n0, y0, x0, c0] = op.start;
    Tensor::from_fn(op.size, |n, row, column, c| x.at(n0 + n, y0 + row, x0 + column, c0 + c))
}

/// Zeros, but `x[n,y,x,c]` at `(n, y, x, c) + start`.
pub(crate) fn place(op: &Place, x: &Tensor) -> Tensor {
    let mut result = Tensor::zeros(op.shape);
    let [n0, y0, x0, c0] = op.start;
    for n in 0..x.shape.n {
        for row in 0..x.shape.h {
            for column in 0..x.shape.w {
                let to = op.shape.index(n0 + n, y0 + row, x0 + column, c0);
                result.data[to..to + x.shape.c].copy_from_slice(x.pixel(n, row, column));
            }
        }
    }
    result
}

/// The row (column) of the image that row `i` of the padded image is copied from, if any.
fn source(mode: PadMode, i: usize, before: usize, size: usize) -> Option<usize> {
    let (i, last) = (i as isize - before as isize, size as isize - 1);
    match mode {
        PadMode::Constant(_) => (0..=last).contains(&i).then_some(i as usize),
        PadMode::Reflect if i > last => Some((2 * last - i) as usize),
        PadMode::Reflect => Some(i.unsigned_abs()),
        PadMode::Replicate => Some(i.clamp(0, last) as usize),
    }
}

/// `x[n, y - top, x - left, c]`; what lies outside of the image is the constant, the image mirrored at its edge
/// pixel, or the edge pixel.
pub(crate) fn pad(op: &Pad, x: &Tensor, output: Shape) -> Tensor {
    let outside = if let PadMode::Constant(value) = op.mode { f64::from(value) } else { 0.0 };
    Tensor::from_fn(output, |n, row, column, c| {
        let row = source(op.mode, row, op.padding.top, x.shape.h);
        let column = source(op.mode, column, op.padding.left, x.shape.w);
        row.zip(column).map_or(outside, |(row, column)| x.at(n, row, column, c))
    })
}

/// Adds every `dy` to the pixel that [`pad`] copied from.
pub(crate) fn pad_grad(op: &PadGrad, dy: &Tensor, output: Shape) -> Tensor {
    let mut dx = Tensor::zeros(output);
    for n in 0..dy.shape.n {
        for oy in 0..dy.shape.h {
            let Some(row) = source(op.pad.mode, oy, op.pad.padding.top, op.h) else { continue };
            for ox in 0..dy.shape.w {
                let Some(column) = source(op.pad.mode, ox, op.pad.padding.left, op.w) else { continue };
                for (c, value) in dy.pixel(n, oy, ox).iter().enumerate() {
                    dx.data[output.index(n, row, column, c)] += value;
                }
            }
        }
    }
    dx
}

/// `x[n, H-1-y, W-1-x, c]`, each side only if it is to be mirrored.
pub(crate) fn flip(x: &Tensor, vertical: bool, horizontal: bool) -> Tensor {
    let mirror = |on: bool, i: usize, size: usize| if on { size - 1 - i } else { i };
    Tensor::from_fn(x.shape, |n, row, column, c| {
        x.at(n, mirror(vertical, row, x.shape.h), mirror(horizontal, column, x.shape.w), c)
    })
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;

    fn image() -> Tensor {
        Tensor::new(Shape::new(1, 2, 3, 1), (1..=6).map(f64::from).collect())
    }

    #[test]
    fn concat_keeps_the_order_of_inputs() {
        let a = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 2.0]);
        let b = Tensor::new(Shape::new(1, 1, 2, 2), vec![3.0, 4.0, 5.0, 6.0]);
        let joined = concat(&[&a, &b, &a], Shape::new(1, 1, 2, 4));
        assert_eq!(joined.data, [1.0, 3.0, 4.0, 1.0, 2.0, 5.0, 6.0, 2.0]);
    }

    #[test]
    fn slices() {
        let x = Tensor::new(Shape::new(2, 2, 2, 2), (0..16).map(f64::from).collect());
        let op = Slice { start: [1, 0, 1, 1], size: Shape::new(1, 2, 1, 1) };
        assert_eq!(slice(&op, &x).data, [11.0, 15.0]);
        assert_eq!(slice(&Slice::channels(x.shape, 1, 1), &x).data, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]);
    }

    #[test]
    fn a_placed_box_is_surrounded_by_zeros() {
        let x = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 2.0]);
        let op = Place { start: [1, 0, 1, 1], shape: Shape::new(2, 1, 3, 2) };
        assert_eq!(place(&op, &x).data, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0]);
    }

    #[test]
    fn gradients_of_padding_modes() {
        let padding = Padding { top: 0, bottom: 0, left: 2, right: 1 };
        let dy = Tensor::new(Shape::new(1, 1, 6, 1), vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        let grad = |mode| {
            let op = PadGrad { pad: Pad { padding, mode }, h: 1, w: 3 };
            pad_grad(&op, &dy, Shape::new(1, 1, 3, 1)).data
        };
        assert_eq!(grad(PadMode::Constant(9.0)), [4.0, 8.0, 16.0]);
        assert_eq!(grad(PadMode::Reflect), [4.0, 8.0 + 2.0 + 32.0, 16.0 + 1.0]);
        assert_eq!(grad(PadMode::Replicate), [4.0 + 2.0 + 1.0, 8.0, 16.0 + 32.0]);
    }

    #[test]
    fn padding_modes() {
        let padding = Padding { top: 1, bottom: 0, left: 2, right: 1 };
        let padded = |mode| pad(&Pad { padding, mode }, &image(), Shape::new(1, 3, 6, 1)).data;
        let nine = [9.0; 2];
        assert_eq!(padded(PadMode::Constant(9.0))[..6], [9.0; 6]);
        assert_eq!(
            padded(PadMode::Constant(9.0))[6..],
            [&nine[..], &[1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 4.0, 5.0, 6.0, 9.0]].concat()
        );
        let reflected = [6.0, 5.0, 4.0, 5.0, 6.0, 5.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 6.0, 5.0, 4.0, 5.0, 6.0, 5.0];
        assert_eq!(padded(PadMode::Reflect), reflected);
        let repeated = [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0, 5.0, 6.0, 6.0];
        assert_eq!(padded(PadMode::Replicate), repeated);
    }

    #[test]
    fn flips() {
        assert_eq!(flip(&image(), true, false).data, [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        assert_eq!(flip(&image(), false, true).data, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(flip(&image(), true, true).data, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    }
}
