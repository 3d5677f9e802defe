//! Adam and NAdam, by the formulas of [`Optimizer::Adam`](atrous_graph::optim::Optimizer::Adam) and
//! [`Optimizer::NAdam`](atrous_graph::optim::Optimizer::NAdam).

use atrous_graph::optim::Convention;

use crate::numbers::larger;

use super::element::{Element, quotient};

pub(super) fn update([beta1, beta2]: [f64; 2], eps: f64, convention: Convention, e: Element<'_>) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [mean, square, max @ ..] = state else { unreachable!("Adam keeps a mean and a mean square") };
    *mean = beta1 * *mean + (1.0 - beta1) * g;
    *square = beta2 * *square + (1.0 - beta2) * g * g;
    let largest = match max.first_mut() {
        Some(max) => {
            *max = larger(*max, *square);
            *max
        }
        None => *square,
    };
    let [c1, c2] = corrections(beta1, beta2, number);
    match convention {
        Convention::Torch => p - lr / c1 * *mean / ((largest / c2).sqrt() + eps),
        Convention::Keras => p - lr * c2.sqrt() / c1 * *mean / (largest.sqrt() + eps),
    }
}

/// The error scale of the parameter, for error scales `e`. `exact` is the state after [`update`].
pub(super) fn magnitude(
    [beta1, beta2]: [f64; 2],
    eps: f64,
    convention: Convention,
    e: Element<'_>,
    exact: &[f64],
) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [mean, square, max @ ..] = state else { unreachable!("Adam keeps a mean and a mean square") };
    *mean = beta1 * mean.abs() + (1.0 - beta1) * g;
    *square = beta2 * *square + (1.0 - beta2) * g * g;
    max.iter_mut().for_each(|max| *max = max.max(*square));
    let (largest, terms) = (exact[exact.len() - 1], max.first().copied().unwrap_or(*square));
    let [c1, c2] = corrections(beta1, beta2, number);
    let (inside, before) = match convention {
        Convention::Torch => (c2, 1.0),
        Convention::Keras => (1.0, c2.sqrt()),
    };
    p + lr * before / c1 * quotient(*mean, (largest / inside).sqrt(), eps, terms / inside)
}

pub(super) fn update_nesterov([beta1, beta2]: [f64; 2], eps: f64, momentum_decay: f64, e: Element<'_>) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [mean, square] = state else { unreachable!("NAdam keeps a mean and a mean square") };
    *mean = beta1 * *mean + (1.0 - beta1) * g;
    *square = beta2 * *square + (1.0 - beta2) * g * g;
    let [of_mean, of_gradient] = nesterov_shares(beta1, momentum_decay, number);
    let [_, c2] = corrections(beta1, beta2, number);
    p - lr * (of_mean * *mean + of_gradient * g) / ((*square / c2).sqrt() + eps)
}

/// The error scale of the parameter, for error scales `e`. `exact` is the state after [`update_nesterov`].
pub(super) fn magnitude_nesterov(
    [beta1, beta2]: [f64; 2],
    eps: f64,
    momentum_decay: f64,
    e: Element<'_>,
    exact: &[f64],
) -> f64 {
    let Element { lr, number, p, g, state } = e;
    let [mean, square] = state else { unreachable!("NAdam keeps a mean and a mean square") };
    *mean = beta1 * mean.abs() + (1.0 - beta1) * g;
    *square = beta2 * *square + (1.0 - beta2) * g * g;
    let [of_mean, of_gradient] = nesterov_shares(beta1, momentum_decay, number);
    let [_, c2] = corrections(beta1, beta2, number);
    let ahead = of_mean * *mean + of_gradient * g;
    p + lr * quotient(ahead, (exact[1] / c2).sqrt(), eps, *square / c2)
}

/// Adam's bias corrections `1 - beta^t`.
fn corrections(beta1: f64, beta2: f64, number: u64) -> [f64; 2] {
    [beta1, beta2].map(|beta| 1.0 - beta.powf(number as f64))
}

/// NAdam's factors of the mean and of the gradient.
fn nesterov_shares(beta1: f64, momentum_decay: f64, number: u64) -> [f64; 2] {
    let mu = |t: u64| beta1 * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * momentum_decay));
    let (mut product, mut t) = (1.0, 0);
    // Once the product is negligible beside 1, further factors change nothing.
    while t < number && product > f64::EPSILON / 4.0 {
        t += 1;
        product *= mu(t);
    }
    let next = mu(number + 1);
    [next / (1.0 - product * next), (1.0 - mu(number)) / (1.0 - product)]
}
