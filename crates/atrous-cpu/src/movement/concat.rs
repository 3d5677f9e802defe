//! Concatenation.

use atrous_graph::Shape;
use atrous_graph::op::Concat;

use crate::Tensor;
use crate::reference::Reference;

impl Reference for Concat {
    /// The inputs' channels one after the other.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
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

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concat_keeps_the_order_of_inputs() {
        let a = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, 2.0]);
        let b = Tensor::new(Shape::new(1, 1, 2, 2), vec![3.0, 4.0, 5.0, 6.0]);
        let joined = Concat.evaluate(&[&a, &b, &a], Shape::new(1, 1, 2, 4));
        assert_eq!(joined.data, [1.0, 3.0, 4.0, 1.0, 2.0, 5.0, 6.0, 2.0]);
    }
}
