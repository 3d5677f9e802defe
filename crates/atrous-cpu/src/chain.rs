//! Chains of functions of elements, by their parts.

use atrous_graph::op::{Chain, Step};

use crate::{Tensor, unary, unary_grad};

/// All steps, one after the other.
pub(crate) fn chain(op: &Chain, inputs: &[&Tensor]) -> Tensor {
    run(op, inputs).0
}

/// The error scale of each step, and what it makes of the one before.
pub(crate) fn chain_magnitude(op: &Chain, inputs: &[&Tensor]) -> Tensor {
    run(op, inputs).1
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
                let slope = f64::from(f.steepness().unwrap_or(f32::INFINITY));
                let own = unary::unary_magnitude(f, &value);
                (unary::unary(f, &value), zip(&scale, &own, |before, own| before * slope + own))
            }
            Step::UnaryGrad(f) => {
                let x = other();
                let own = unary_grad::unary_grad_magnitude(f, x, &value);
                let before = unary_grad::unary_grad(f, x, &scale);
                (unary_grad::unary_grad(f, x, &value), zip(&before, &own, |before, own| before.abs() + own))
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
