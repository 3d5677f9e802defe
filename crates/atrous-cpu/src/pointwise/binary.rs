//! Functions of two elements.

use atrous_graph::Shape;
use atrous_graph::op::Binary;

use crate::Tensor;
use crate::movement::repeated;
use crate::reference::{Reference, UNBOUNDED, on_absolutes};

impl Reference for Binary {
    /// See [`Binary`] for the formulas; sides of 1 are repeated.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (a, b) = (inputs[0], inputs[1]);
        Tensor::from_fn(output, |n, y, x, c| {
            let (a, b) = (repeated(a, [n, y, x, c]), repeated(b, [n, y, x, c]));
            match self {
                Self::Add => a + b,
                Self::Sub => a - b,
                Self::Mul => a * b,
                Self::DivNoNan => {
                    if b == 0.0 {
                        0.0
                    } else {
                        a / b
                    }
                }
                Self::Equal => f64::from(u8::from(a == b)),
            }
        })
    }

    /// The same of absolute values, a difference as a sum; a comparison is exact.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        match self {
            Self::Add | Self::Sub => on_absolutes(&Self::Add, inputs, output),
            Self::Mul | Self::DivNoNan => on_absolutes(self, inputs, output),
            Self::Equal => Tensor::zeros(output),
        }
    }

    fn range(&self) -> (f64, f64) {
        match self {
            Self::Add | Self::Sub | Self::Mul | Self::DivNoNan => UNBOUNDED,
            Self::Equal => (0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(op: Binary, a: &Tensor, b: &Tensor, output: Shape) -> Tensor {
        op.evaluate(&[a, b], output)
    }

    #[test]
    fn broadcasting() {
        let a = Tensor::new(Shape::new(2, 1, 2, 2), (1..=8).map(f64::from).collect());
        let per_channel = Tensor::channels(&[10.0, 20.0]);
        let per_sample = Tensor::new(Shape::new(2, 1, 1, 2), vec![1.0, 2.0, 3.0, 4.0]);
        let single = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, -1.0]);
        let sum = binary(Binary::Add, &a, &per_channel, a.shape);
        assert_eq!(sum.data, [11.0, 22.0, 13.0, 24.0, 15.0, 26.0, 17.0, 28.0]);
        let product = binary(Binary::Mul, &per_sample, &a, a.shape);
        assert_eq!(product.data, [1.0, 4.0, 3.0, 8.0, 15.0, 24.0, 21.0, 32.0]);
        let difference = binary(Binary::Sub, &per_channel, &single, Shape::new(1, 1, 2, 2));
        assert_eq!(difference.data, [9.0, 19.0, 11.0, 21.0]);
    }

    #[test]
    fn division_by_zero_and_equality() {
        let (a, b) = (Tensor::channels(&[1.0, 0.0, 6.0, -2.0]), Tensor::channels(&[0.0, 0.0, -4.0, -2.0]));
        assert_eq!(binary(Binary::DivNoNan, &a, &b, a.shape).data, [0.0, 0.0, -1.5, 1.0]);
        assert_eq!(binary(Binary::Equal, &a, &b, a.shape).data, [0.0, 1.0, 0.0, 1.0]);
    }
}
