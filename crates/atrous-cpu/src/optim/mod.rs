//! Optimizer steps: each rule's formulas, and the error scales of their results.

mod adagrad;
mod adam;
mod element;
mod loss_scale;
mod rmsprop;
mod sgd;

use atrous_graph::optim::Optimizer;

use crate::Tensor;
use element::Element;

pub use loss_scale::Scale;

/// The settings of an optimizer step for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerStep {
    /// The learning rate, the parameter group's factor included.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// The number of this step, counted from 1.
    pub number: u64,
    /// Whether the loss is maximized: the gradient is negated first.
    pub maximize: bool,
}

/// A parameter and its optimizer state, in the order of [`Optimizer::state`].
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
/// sum. For a quotient `a / (sqrt(s) + eps)` it includes the effect of the error scale of `s`, which matters if a
/// centred mean square cancels.
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

/// The factor for gradients of this global norm: `min(1, max / (norm + 1e-6))`.
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

/// One element's step: updates its state in place and returns its parameter.
fn update(optimizer: &Optimizer, step: OptimizerStep, p: f64, g: f64, state: &mut [f64]) -> f64 {
    let OptimizerStep { lr, weight_decay, number, maximize } = step;
    let g = if maximize { -g } else { g };
    let (g, p) = match optimizer.decouples() {
        true => (g, p - lr * weight_decay * p),
        false => (g + weight_decay * p, p),
    };
    let element = Element { lr, number, p, g, state };
    match *optimizer {
        Optimizer::Sgd { momentum, dampening, nesterov, convention } => {
            sgd::update(momentum, dampening, nesterov, convention, element)
        }
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            rmsprop::update(alpha, eps, momentum, centered, convention, element)
        }
        Optimizer::Adam { beta1, beta2, eps, convention, .. } => adam::update([beta1, beta2], eps, convention, element),
        Optimizer::NAdam { beta1, beta2, eps, momentum_decay, .. } => {
            adam::update_nesterov([beta1, beta2], eps, momentum_decay, element)
        }
        Optimizer::Adagrad { lr_decay, eps, convention, .. } => adagrad::update(lr_decay, eps, convention, element),
    }
}

/// The error scales of one element's step: replaces its state by those of the state, and returns that of the parameter.
fn magnitude(optimizer: &Optimizer, step: OptimizerStep, p: f64, g: f64, state: &mut [f64]) -> f64 {
    let OptimizerStep { lr, weight_decay, number, .. } = step;
    let mut exact = state.to_vec();
    update(optimizer, step, p, g, &mut exact);
    let (g, p) = match optimizer.decouples() {
        true => (g.abs(), p.abs() * (1.0 + lr * weight_decay)),
        false => (g.abs() + weight_decay * p.abs(), p.abs()),
    };
    let scales = Element { lr, number, p, g, state };
    match *optimizer {
        Optimizer::Sgd { momentum, dampening, nesterov, convention } => {
            sgd::magnitude(momentum, dampening, nesterov, convention, scales)
        }
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            rmsprop::magnitude(alpha, eps, momentum, centered, convention, scales, &exact)
        }
        Optimizer::Adam { beta1, beta2, eps, convention, .. } => {
            adam::magnitude([beta1, beta2], eps, convention, scales, &exact)
        }
        Optimizer::NAdam { beta1, beta2, eps, momentum_decay, .. } => {
            adam::magnitude_nesterov([beta1, beta2], eps, momentum_decay, scales, &exact)
        }
        Optimizer::Adagrad { lr_decay, eps, convention, .. } => {
            adagrad::magnitude(lr_decay, eps, convention, scales, &exact)
        }
    }
}
