//! Broadcasts and constant tensors.

use atrous_graph::Shape;
use atrous_graph::op::{Broadcast, Fill};

use crate::Tensor;
use crate::reference::Reference;

/// `t[n,y,x,c]`, with index 0 along every side of 1.
pub(crate) fn repeated(t: &Tensor, at: [usize; 4]) -> f64 {
    let dims = t.shape.dims();
    let [n, y, x, c] = std::array::from_fn(|i| if dims[i] == 1 { 0 } else { at[i] });
    t.at(n, y, x, c)
}

impl Reference for Broadcast {
    /// Repeats the sides of 1 up to `output`.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::from_fn(output, |n, row, column, c| repeated(inputs[0], [n, row, column, c]))
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

impl Reference for Fill {
    /// The value, everywhere.
    fn evaluate(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output).map(|_| f64::from(self.value))
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition() {
        let broadcast = |x: &Tensor, shape| Broadcast { shape }.evaluate(&[x], shape).data;
        let x = Tensor::new(Shape::new(2, 1, 1, 2), vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(broadcast(&x, Shape::new(2, 1, 2, 2)), [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(broadcast(&Tensor::channels(&[7.0]), Shape::new(1, 2, 1, 2)), [7.0; 4]);
    }
}
