//! Functions of each element, and their gradients.

use atrous_graph::Shape;
use atrous_graph::op::{Unary, UnaryGrad};

use crate::Tensor;
use crate::reference::{MAX, Reference, UNBOUNDED};

use super::{derivatives, functions};

/// The largest slope of a function, of those that can be fused.
pub(crate) fn steepness(f: Unary) -> f64 {
    f64::from(f.steepness().unwrap_or(f32::INFINITY))
}

impl Reference for Unary {
    /// See [`Unary`] for the formulas.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].map(|x| functions::value(*self, x))
    }

    /// See [`functions::scale`].
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].map(|x| functions::scale(*self, x))
    }

    fn range(&self) -> (f64, f64) {
        match *self {
            Self::Sigmoid | Self::HardSigmoid | Self::Step => (0.0, 1.0),
            Self::Tanh => (-1.0, 1.0),
            Self::Relu6 => (0.0, 6.0),
            Self::Relu
            | Self::Softplus
            | Self::Abs
            | Self::Square
            | Self::Sqrt
            | Self::Exp
            | Self::Pow { .. }
            | Self::Huber { .. } => (0.0, MAX),
            Self::Clip { low, high } => (f64::from(low.min(high)).max(-MAX), f64::from(high).min(MAX)),
            Self::Elu { alpha } if alpha >= 0.0 => (-f64::from(alpha), MAX),
            // The minima of the three are -0.17004, -0.27846 and -0.375.
            Self::Gelu | Self::GeluTanh => (-0.1701, MAX),
            Self::Silu => (-0.2785, MAX),
            Self::HardSwish => (-0.375, MAX),
            Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Affine { .. } | Self::Ln => UNBOUNDED,
        }
    }
}

impl Reference for UnaryGrad {
    /// `dy * f'(x)`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        zipped(inputs[0], inputs[1], |x, dy| match derivatives::is_flat(self.0, x) {
            true => 0.0,
            false => dy * derivatives::derivative(self.0, x),
        })
    }

    /// `|dy|` times [`derivatives::scale`].
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        zipped(inputs[0], &inputs[1].abs(), |x, dy| dy * derivatives::scale(self.0, x))
    }
}

fn zipped(x: &Tensor, dy: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
    Tensor::new(x.shape, x.data.iter().zip(&dy.data).map(|(x, dy)| f(*x, *dy)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_cover_the_value() {
        let x = Tensor::new(Shape::channels(81), (-40..=40).map(|i| f64::from(i) / 4.0).collect());
        let ops = [
            Unary::Sigmoid,
            Unary::Tanh,
            Unary::Silu,
            Unary::Gelu,
            Unary::GeluTanh,
            Unary::HardSigmoid,
            Unary::HardSwish,
            Unary::Softplus,
            Unary::Affine { scale: -0.5, shift: 3.0 },
            Unary::Square,
            Unary::Sqrt,
            Unary::Exp,
            Unary::Pow { exponent: 2.5 },
            Unary::Huber { delta: 1.5 },
        ];
        for op in ops {
            let (m, y) = (op.magnitude(&[&x], x.shape), op.evaluate(&[&x], x.shape));
            for (m, y) in m.data.iter().zip(y.data) {
                assert!(*m >= y.abs() && m.is_finite(), "{}: {m} {y}", op.name());
            }
        }
    }

    /// The property that lets the gradient keep `f(x)` in the place of `x`.
    #[test]
    fn some_derivatives_can_be_told_from_the_result() {
        let x = Tensor::new(Shape::channels(41), (-20..=20).map(|i| f64::from(i) / 2.0).collect());
        let dy = x.map(|v| 1.0 + v * v);
        let told: Vec<Unary> = Unary::EXAMPLES.into_iter().filter(|op| op.from_result()).collect();
        assert_eq!(told.len(), 3);
        for op in told {
            let y = op.evaluate(&[&x], x.shape);
            let grad = |at: &Tensor| UnaryGrad(op).evaluate(&[at, &dy], x.shape);
            assert_eq!(grad(&y), grad(&x), "{}", op.name());
        }
    }

    #[test]
    fn magnitudes_cover_what_is_rounded() {
        let x = Tensor::new(Shape::channels(81), (-40..=40).map(|i| f64::from(i) / 4.0 + 0.01).collect());
        let dy = x.map(|v| 0.5 - v);
        for op in Unary::EXAMPLES {
            let (grad, inputs) = (UnaryGrad(op), [&x, &dy]);
            let (m, want) = (grad.magnitude(&inputs, x.shape), grad.evaluate(&inputs, x.shape));
            for ((m, want), dy) in m.data.iter().zip(&want.data).zip(&dy.data) {
                let exact = *want == 0.0 || want.abs() == dy.abs();
                assert!(m.is_finite() && (exact || *m >= want.abs() * (1.0 - 1e-12)), "{}: {m} {want}", op.name());
            }
        }
    }
}
