//! The same elements in another order.

use atrous_graph::Shape;
use atrous_graph::op::Flip;

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Flip {
    /// `x[n, H-1-y, W-1-x, c]`, each side only if it is to be mirrored.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let x = inputs[0];
        let mirror = |on: bool, i: usize, size: usize| if on { size - 1 - i } else { i };
        Tensor::from_fn(x.shape, |n, row, column, c| {
            x.at(n, mirror(self.vertical, row, x.shape.h), mirror(self.horizontal, column, x.shape.w), c)
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flips() {
        let image = Tensor::new(Shape::new(1, 2, 3, 1), (1..=6).map(f64::from).collect());
        let flip = |vertical, horizontal| Flip { vertical, horizontal }.evaluate(&[&image], image.shape).data;
        assert_eq!(flip(true, false), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        assert_eq!(flip(false, true), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(flip(true, true), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
    }
}
