//! RMSprop, by the formulas of [`Optimizer::RmsProp`](atrous_graph::optim::Optimizer::RmsProp).

use atrous_graph::optim::Convention;

use crate::numbers::at_least;

use super::element::{Element, quotient};

pub(super) fn update(
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
    convention: Convention,
    e: Element<'_>,
) -> f64 {
    let Element { lr, p, g, state, .. } = e;
    let (square, rest) = state.split_first_mut().expect("RMSprop keeps a mean square");
    *square = alpha * *square + (1.0 - alpha) * g * g;
    let mut variance = *square;
    if centered {
        let mean = rest.last_mut().expect("centred RMSprop keeps a mean");
        *mean = alpha * *mean + (1.0 - alpha) * g;
        // Negative only because of rounding.
        variance = at_least(*square - *mean * *mean, 0.0);
    }
    let d = match convention {
        Convention::Torch => g / (variance.sqrt() + eps),
        Convention::Keras => lr * g / (variance + eps).sqrt(),
    };
    let v = match rest.first_mut() {
        Some(v) if momentum != 0.0 => {
            *v = momentum * *v + d;
            *v
        }
        _ => d,
    };
    p - if convention == Convention::Torch { lr * v } else { v }
}

/// The error scale of the parameter, for error scales `e`. `exact` is the state after [`update`].
pub(super) fn magnitude(
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
    convention: Convention,
    e: Element<'_>,
    exact: &[f64],
) -> f64 {
    let Element { lr, p, g, state, .. } = e;
    let (square, rest) = state.split_first_mut().expect("RMSprop keeps a mean square");
    *square = alpha * *square + (1.0 - alpha) * g * g;
    let (mut variance, mut terms) = (exact[0], *square);
    if centered {
        let mean = rest.last_mut().expect("centred RMSprop keeps a mean");
        *mean = alpha * mean.abs() + (1.0 - alpha) * g;
        variance = (exact[0] - exact[exact.len() - 1].powi(2)).max(0.0);
        terms += *mean * *mean;
    }
    let (root, outside, scale) = match convention {
        Convention::Torch => (variance.sqrt(), eps, 1.0),
        Convention::Keras => ((variance + eps).sqrt(), 0.0, lr),
    };
    let d = scale * quotient(g, root, outside, terms);
    let v = match rest.first_mut() {
        Some(v) if momentum != 0.0 => {
            *v = momentum * v.abs() + d;
            *v
        }
        _ => d,
    };
    p + lr / scale * v
}
