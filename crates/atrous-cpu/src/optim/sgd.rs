//! Stochastic gradient descent, by the formulas of [`Optimizer::Sgd`](atrous_graph::optim::Optimizer::Sgd).

use atrous_graph::optim::Convention;

use super::element::Element;

pub(super) fn update(momentum: f64, dampening: f64, nesterov: bool, convention: Convention, e: Element<'_>) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [v] = state else { return p - lr * g };
    match convention {
        Convention::Torch => {
            *v = if number == 1 { g } else { momentum * *v + (1.0 - dampening) * g };
            p - lr * if nesterov { g + momentum * *v } else { *v }
        }
        Convention::Keras => {
            *v = momentum * *v - lr * g;
            p + if nesterov { momentum * *v - lr * g } else { *v }
        }
    }
}

pub(super) fn magnitude(momentum: f64, dampening: f64, nesterov: bool, convention: Convention, e: Element<'_>) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [v] = state else { return p + lr * g };
    let scale = if convention == Convention::Torch { 1.0 } else { lr };
    let first = convention == Convention::Torch && number == 1;
    let share = if first { 1.0 } else { 1.0 - dampening };
    *v = if first { 0.0 } else { momentum * v.abs() } + scale * share * g;
    let ahead = if nesterov { scale * g + momentum * *v } else { *v };
    p + lr / scale * ahead
}
