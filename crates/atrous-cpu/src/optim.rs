//! Optimizer steps.

use atrous_graph::optim::{Convention, Optimizer};

use crate::Tensor;

/// What an optimizer step of one parameter depends on besides tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerStep {
    /// The learning rate, the parameter group's factor included.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// The number of this step, counted from 1.
    pub number: u64,
    /// Whether the loss is maximized: the step is that by the gradient with the other sign.
    pub maximize: bool,
}

/// A parameter and what its optimizer keeps for it, in the order of [`Optimizer::state`].
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// The parameter.
    pub parameter: Tensor,
    /// The optimizer's state.
    pub state: Vec<Tensor>,
}

impl Updated {
    /// A parameter before its first step.
    pub fn new(optimizer: &Optimizer, parameter: Tensor) -> Self {
        let first = Tensor::new(parameter.shape, vec![optimizer.first_state(); parameter.shape.len()]);
        let state = vec![first; optimizer.state().len()];
        Self { parameter, state }
    }
}

/// One step with the gradient `g`, by the formulas of [`Optimizer`].
///
/// # Panics
/// If the shapes differ or the state is not what [`Optimizer::state`] names: a bug of the caller.
pub fn optimizer_step(optimizer: &Optimizer, step: OptimizerStep, from: &Updated, g: &Tensor) -> Updated {
    elementwise(optimizer, from, g, |p, g, state| update(optimizer, step, p, g, state))
}

/// The error scale of every result of [`optimizer_step`], for [`compare`](crate::compare()): the absolute terms of each
/// sum. A quotient `a / (sqrt(s) + eps)` adds what the error scale of `s` makes of it, which matters where a centred
/// mean square cancels.
///
/// # Panics
/// As [`optimizer_step`].
pub fn optimizer_magnitude(optimizer: &Optimizer, step: OptimizerStep, from: &Updated, g: &Tensor) -> Updated {
    elementwise(optimizer, from, g, |p, g, state| magnitude(optimizer, step, p, g, state))
}

/// `sqrt(Σ g²)` over all elements of all gradients.
pub fn global_norm(gradients: &[&Tensor]) -> f64 {
    gradients.iter().flat_map(|g| &g.data).map(|v| v * v).sum::<f64>().sqrt()
}

/// What gradients of this global norm are multiplied with: `min(1, max / (norm + 1e-6))`.
pub fn clip_factor(norm: f64, max: f64) -> f64 {
    (max / (norm + 1e-6)).min(1.0)
}

fn elementwise(optimizer: &Optimizer, from: &Updated, g: &Tensor, f: impl Fn(f64, f64, &mut [f64]) -> f64) -> Updated {
    let shape = from.parameter.shape;
    let shapes = from.state.iter().map(|s| s.shape).chain([g.shape]);
    assert!(shapes.into_iter().all(|s| s == shape), "gradient and state have the parameter's shape {shape}");
    assert_eq!(from.state.len(), optimizer.state().len(), "state tensors of {}", optimizer.name());
    let mut to = from.clone();
    let mut state = vec![0.0; from.state.len()];
    for (i, (p, g)) in to.parameter.data.iter_mut().zip(&g.data).enumerate() {
        state.iter_mut().zip(&from.state).for_each(|(value, tensor)| *value = tensor.data[i]);
        *p = f(*p, *g, &mut state);
        to.state.iter_mut().zip(&state).for_each(|(tensor, value)| tensor.data[i] = *value);
    }
    to
}

/// One element's step: updates its state and returns its parameter.
fn update(optimizer: &Optimizer, step: OptimizerStep, p: f64, g: f64, state: &mut [f64]) -> f64 {
    let OptimizerStep { lr, weight_decay, number, maximize } = step;
    let g = if maximize { -g } else { g };
    let (g, p) = match optimizer.decouples() {
        true => (g, p - lr * weight_decay * p),
        false => (g + weight_decay * p, p),
    };
    match *optimizer {
        Optimizer::Sgd { momentum, dampening, nesterov, convention } => {
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
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            let (square, rest) = state.split_first_mut().expect("RMSprop keeps a mean square");
            *square = alpha * *square + (1.0 - alpha) * g * g;
            let mut variance = *square;
            if centered {
                let mean = rest.last_mut().expect("centred RMSprop keeps a mean");
                *mean = alpha * *mean + (1.0 - alpha) * g;
                // Not negative but for rounding.
                variance = (*square - *mean * *mean).max(0.0);
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
        Optimizer::Adam { beta1, beta2, eps, convention, .. } => {
            let [mean, square, max @ ..] = state else { unreachable!("Adam keeps a mean and a mean square") };
            *mean = beta1 * *mean + (1.0 - beta1) * g;
            *square = beta2 * *square + (1.0 - beta2) * g * g;
            let largest = match max.first_mut() {
                Some(max) => {
                    *max = max.max(*square);
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
        Optimizer::NAdam { beta1, beta2, eps, momentum_decay, .. } => {
            let [mean, square] = state else { unreachable!("NAdam keeps a mean and a mean square") };
            *mean = beta1 * *mean + (1.0 - beta1) * g;
            *square = beta2 * *square + (1.0 - beta2) * g * g;
            let [of_mean, of_gradient] = nesterov_shares(beta1, momentum_decay, number);
            let [_, c2] = corrections(beta1, beta2, number);
            p - lr * (of_mean * *mean + of_gradient * g) / ((*square / c2).sqrt() + eps)
        }
        Optimizer::Adagrad { lr_decay, eps, convention, .. } => {
            let [sum] = state else { unreachable!("Adagrad keeps a sum of squares") };
            *sum += g * g;
            let lr = lr / (1.0 + (number - 1) as f64 * lr_decay);
            match convention {
                Convention::Torch => p - lr * g / (sum.sqrt() + eps),
                Convention::Keras => p - lr * g / (*sum + eps).sqrt(),
            }
        }
    }
}

/// Adam's `1 - beta^t`.
fn corrections(beta1: f64, beta2: f64, number: u64) -> [f64; 2] {
    [beta1, beta2].map(|beta| 1.0 - beta.powf(number as f64))
}

/// What NAdam multiplies the mean and the gradient with.
fn nesterov_shares(beta1: f64, momentum_decay: f64, number: u64) -> [f64; 2] {
    let mu = |t: u64| beta1 * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * momentum_decay));
    let (mut product, mut t) = (1.0, 0);
    // Further factors of a product that is nothing beside 1 change nothing.
    while t < number && product > f64::EPSILON / 4.0 {
        t += 1;
        product *= mu(t);
    }
    let next = mu(number + 1);
    [next / (1.0 - product * next), (1.0 - mu(number)) / (1.0 - product)]
}

/// The error scales of one element's step: those of its state, and that of its parameter.
fn magnitude(optimizer: &Optimizer, step: OptimizerStep, p: f64, g: f64, state: &mut [f64]) -> f64 {
    let OptimizerStep { lr, weight_decay, number, .. } = step;
    let mut exact = state.to_vec();
    update(optimizer, step, p, g, &mut exact);
    let (absolute, p) = match optimizer.decouples() {
        true => (g.abs(), p.abs() * (1.0 + lr * weight_decay)),
        false => (g.abs() + weight_decay * p.abs(), p.abs()),
    };
    match *optimizer {
        Optimizer::Sgd { momentum, dampening, nesterov, convention } => {
            let [v] = state else { return p + lr * absolute };
            let scale = if convention == Convention::Torch { 1.0 } else { lr };
            let first = convention == Convention::Torch && number == 1;
            let share = if first { 1.0 } else { 1.0 - dampening };
            *v = if first { 0.0 } else { momentum * v.abs() } + scale * share * absolute;
            let ahead = if nesterov { scale * absolute + momentum * *v } else { *v };
            p + lr / scale * ahead
        }
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            let (square, rest) = state.split_first_mut().expect("RMSprop keeps a mean square");
            *square = alpha * *square + (1.0 - alpha) * absolute * absolute;
            let (mut variance, mut terms) = (exact[0], *square);
            if centered {
                let mean = rest.last_mut().expect("centred RMSprop keeps a mean");
                *mean = alpha * mean.abs() + (1.0 - alpha) * absolute;
                variance = (exact[0] - exact[exact.len() - 1].powi(2)).max(0.0);
                terms += *mean * *mean;
            }
            let (root, outside, scale) = match convention {
                Convention::Torch => (variance.sqrt(), eps, 1.0),
                Convention::Keras => ((variance + eps).sqrt(), 0.0, lr),
            };
            let d = scale * quotient(absolute, root, outside, terms);
            let v = match rest.first_mut() {
                Some(v) if momentum != 0.0 => {
                    *v = momentum * v.abs() + d;
                    *v
                }
                _ => d,
            };
            p + lr / scale * v
        }
        Optimizer::Adam { beta1, beta2, eps, convention, .. } => {
            let [mean, square, max @ ..] = state else { unreachable!("Adam keeps a mean and a mean square") };
            *mean = beta1 * mean.abs() + (1.0 - beta1) * absolute;
            *square = beta2 * *square + (1.0 - beta2) * absolute * absolute;
            max.iter_mut().for_each(|max| *max = max.max(*square));
            let (largest, terms) = (exact[exact.len() - 1], max.first().copied().unwrap_or(*square));
            let [c1, c2] = corrections(beta1, beta2, number);
            let (inside, before) = match convention {
                Convention::Torch => (c2, 1.0),
                Convention::Keras => (1.0, c2.sqrt()),
            };
            p + lr * before / c1 * quotient(*mean, (largest / inside).sqrt(), eps, terms / inside)
        }
        Optimizer::NAdam { beta1, beta2, eps, momentum_decay, .. } => {
            let [mean, square] = state else { unreachable!("NAdam keeps a mean and a mean square") };
            *mean = beta1 * mean.abs() + (1.0 - beta1) * absolute;
            *square = beta2 * *square + (1.0 - beta2) * absolute * absolute;
            let [of_mean, of_gradient] = nesterov_shares(beta1, momentum_decay, number);
            let [_, c2] = corrections(beta1, beta2, number);
            let ahead = of_mean * *mean + of_gradient * absolute;
            p + lr * quotient(ahead, (exact[1] / c2).sqrt(), eps, *square / c2)
        }
        Optimizer::Adagrad { lr_decay, eps, convention, .. } => {
            let [sum] = state else { unreachable!("Adagrad keeps a sum of squares") };
            *sum += absolute * absolute;
            let lr = lr / (1.0 + (number - 1) as f64 * lr_decay);
            let (root, outside) = match convention {
                Convention::Torch => (exact[0].sqrt(), eps),
                Convention::Keras => ((exact[0] + eps).sqrt(), 0.0),
            };
            p + lr * quotient(absolute, root, outside, *sum)
        }
    }
}

/// The error scale of `a / (root + outside)`, that of `a` being `a` and that of `root²` being `terms`.
fn quotient(a: f64, root: f64, outside: f64, terms: f64) -> f64 {
    let divisor = root + outside;
    let share = if root > 0.0 { terms / (root * divisor) } else { 0.0 };
    a / divisor * (1.0 + share)
}
