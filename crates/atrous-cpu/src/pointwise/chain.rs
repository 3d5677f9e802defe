//! Chains of functions of elements, by their parts.

use atrous_graph::Shape;
use atrous_graph::op::{Chain, Step, UnaryGrad};

use crate::Tensor;
use crate::reference::Reference;

use super::unary::steepness;

impl Reference for Chain {
    /// All steps, one after the other.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        run(self, inputs).0
    }

    /// The error scale of each step, and what it makes of the one before.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        run(self, inputs).1
    }
}

/// The value, and its error scale: the first is exact.
fn run(op: &Chain, inputs: &[&Tensor]) -> (Tensor, Tensor) {
    let mut value = inputs[0].clone();
    let mut scale = Tensor::zeros(value.shape);
    let mut others = inputs[1..].iter();
    let mut other = || *others.next().expect("an input for each step: a bug of the caller");
    for step in op.steps() {
        (value, scale) = match step {
            Step::Unary(f) => {
                let own = f.magnitude(&[&value], value.shape);
                let scale = zip(&scale, &own, |before, own| before * steepness(f) + own);
                (f.evaluate(&[&value], value.shape), scale)
            }
            Step::UnaryGrad(f) => {
                let (x, grad) = (other(), UnaryGrad(f));
                let own = grad.magnitude(&[x, &value], value.shape);
                let before = grad.evaluate(&[x, &scale], value.shape);
                let scale = zip(&before, &own, |before, own| before.abs() + own);
                (grad.evaluate(&[x, &value], value.shape), scale)
            }
            Step::Add => {
                let b = other();
                let own = zip(&value, b, |a, b| a.abs() + b.abs());
                (zip(&value, b, |a, b| a + b), zip(&scale, &own, |before, own| before + own))
            }
            Step::Mul => {
                let b = other();
                let product = zip(&value, b, |a, b| a * b);
                let before = zip(&scale, b, |before, b| before * b.abs());
                let scale = zip(&before, &product, |before, own| before + own.abs());
                (product, scale)
            }
        };
    }
    (value, scale)
}

fn zip(a: &Tensor, b: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
    Tensor::new(a.shape, a.data.iter().zip(&b.data).map(|(a, b)| f(*a, *b)).collect())
}
