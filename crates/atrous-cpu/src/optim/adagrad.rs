//! Adagrad, by the formulas of [`Optimizer::Adagrad`](atrous_graph::optim::Optimizer::Adagrad).

use atrous_graph::optim::Convention;

use super::element::{Element, quotient};

pub(super) fn update(lr_decay: f64, eps: f64, convention: Convention, e: Element<'_>) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [sum] = state else { unreachable!("Adagrad keeps a sum of squares") };
    *sum += g * g;
    let lr = lr / (1.0 + (number - 1) as f64 * lr_decay);
    match convention {
        Convention::Torch => p - lr * g / (sum.sqrt() + eps),
        Convention::Keras => p - lr * g / (*sum + eps).sqrt(),
    }
}

/// The error scale of the parameter, for error scales `e`. `exact` is the state after [`update`].
pub(super) fn magnitude(lr_decay: f64, eps: f64, convention: Convention, e: Element<'_>, exact: &[f64]) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [sum] = state else { unreachable!("Adagrad keeps a sum of squares") };
    *sum += g * g;
    let lr = lr / (1.0 + (number - 1) as f64 * lr_decay);
    let (root, outside) = match convention {
        Convention::Torch => (exact[0].sqrt(), eps),
        Convention::Keras => ((exact[0] + eps).sqrt(), 0.0),
    };
    p + lr * quotient(g, root, outside, *sum)
}
