//! Padding of images.

use atrous_graph::Shape;
use atrous_graph::op::{Pad, PadGrad, PadMode};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

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

impl Reference for Pad {
    /// `x[n, y - top, x - left, c]`; what lies outside of the image is the constant, the image mirrored at its edge
    /// pixel, or the edge pixel.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        let outside = if let PadMode::Constant(value) = self.mode { f64::from(value) } else { 0.0 };
        Tensor::from_fn(output, |n, row, column, c| {
            let row = source(self.mode, row, self.padding.top, x.shape.h);
            let column = source(self.mode, column, self.padding.left, x.shape.w);
            row.zip(column).map_or(outside, |(row, column)| x.at(n, row, column, c))
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for PadGrad {
    /// Adds every `dy` to the pixel that [`Pad`] copied from.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (dy, pad) = (inputs[0], self.pad);
        let mut dx = Tensor::zeros(output);
        for n in 0..dy.shape.n {
            for oy in 0..dy.shape.h {
                let Some(row) = source(pad.mode, oy, pad.padding.top, self.h) else { continue };
                for ox in 0..dy.shape.w {
                    let Some(column) = source(pad.mode, ox, pad.padding.left, self.w) else { continue };
                    for (c, value) in dy.pixel(n, oy, ox).iter().enumerate() {
                        dx.data[output.index(n, row, column, c)] += value;
                    }
                }
            }
        }
        dx
    }

    /// The sum on absolute values where pixels were copied to several places, else zero.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        match self.pad.mode {
            PadMode::Reflect | PadMode::Replicate => on_absolutes(self, inputs, output),
            PadMode::Constant(_) => Tensor::zeros(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;

    fn image() -> Tensor {
        Tensor::new(Shape::new(1, 2, 3, 1), (1..=6).map(f64::from).collect())
    }

    #[test]
    fn gradients_of_padding_modes() {
        let padding = Padding { top: 0, bottom: 0, left: 2, right: 1 };
        let dy = Tensor::new(Shape::new(1, 1, 6, 1), vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        let grad = |mode| {
            let op = PadGrad { pad: Pad { padding, mode }, h: 1, w: 3 };
            op.evaluate(&[&dy], Shape::new(1, 1, 3, 1)).data
        };
        assert_eq!(grad(PadMode::Constant(9.0)), [4.0, 8.0, 16.0]);
        assert_eq!(grad(PadMode::Reflect), [4.0, 8.0 + 2.0 + 32.0, 16.0 + 1.0]);
        assert_eq!(grad(PadMode::Replicate), [4.0 + 2.0 + 1.0, 8.0, 16.0 + 32.0]);
    }

    #[test]
    fn padding_modes() {
        let padding = Padding { top: 1, bottom: 0, left: 2, right: 1 };
        let padded = |mode| Pad { padding, mode }.evaluate(&[&image()], Shape::new(1, 3, 6, 1)).data;
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
}
