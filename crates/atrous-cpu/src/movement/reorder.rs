//! Mirrored images and permuted axes.

use atrous_graph::Shape;
use atrous_graph::op::{Flip, Permute};

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Flip {
    /// `x[n, H-1-y, W-1-x, c]`, with only those sides reversed that are mirrored.
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

impl Reference for Permute {
    /// `y[i] = x[j]` with `j[axes[k]] = i[k]`.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::from_fn(output, |n, row, column, c| {
            let mut at = [0; 4];
            for (axis, i) in self.axes.into_iter().zip([n, row, column, c]) {
                at[axis] = i;
            }
            inputs[0].at(at[0], at[1], at[2], at[3])
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

    /// The values of `torch.arange(12).reshape(1, 2, 3, 2).permute(0, 3, 1, 2)`.
    #[test]
    fn permutes_as_pytorch_does() {
        let x = Tensor::new(Shape::new(1, 2, 3, 2), (0..12).map(f64::from).collect());
        let y = Permute { axes: [0, 3, 1, 2] }.evaluate(&[&x], Shape::new(1, 2, 2, 3));
        assert_eq!(y.data, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        let back = Permute { axes: [0, 3, 1, 2] }.inverse().evaluate(&[&y], x.shape);
        assert_eq!(back, x);
    }
}
