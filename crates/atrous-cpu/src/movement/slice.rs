//! Boxes that are cut out of tensors or put into them.

use atrous_graph::Shape;
use atrous_graph::op::{Place, Slice};

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Slice {
    /// `x[n + start[0], y + start[1], …]`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (x, [n0, y0, x0, c0]) = (inputs[0], self.start);
        Tensor::from_fn(self.size, |n, row, column, c| x.at(n0 + n, y0 + row, x0 + column, c0 + c))
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for Place {
    /// Zeros, except `x[n,y,x,c]` at `(n, y, x, c) + start`.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (x, [n0, y0, x0, c0]) = (inputs[0], self.start);
        let mut result = Tensor::zeros(self.shape);
        for n in 0..x.shape.n {
            for row in 0..x.shape.h {
                for column in 0..x.shape.w {
                    let to = self.shape.index(n0 + n, y0 + row, x0 + column, c0);
                    result.data[to..to + x.shape.c].copy_from_slice(x.pixel(n, row, column));
                }
            }
        }
        result
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices() {
        let x = Tensor::new(Shape::new(2, 2, 2, 2), (0..16).map(f64::from).collect());
        let op = Slice { start: [1, 0, 1, 1], size: Shape::new(1, 2, 1, 1) };
        assert_eq!(op.evaluate(&[&x], op.size).data, [11.0, 15.0]);
        let op = Slice::channels(x.shape, 1, 1);
        assert_eq!(op.evaluate(&[&x], op.size).data, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0]);
    }

    #[test]
    fn a_placed_box_is_surrounded_by_zeros() {
        let x = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 2.0]);
        let op = Place { start: [1, 0, 1, 1], shape: Shape::new(2, 1, 3, 2) };
        assert_eq!(op.evaluate(&[&x], op.shape).data, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0]);
    }
}
