//! One element of a parameter in a step.

/// An element, or in the functions called `magnitude` the error scales of its parts.
pub(super) struct Element<'a> {
    /// The learning rate.
    pub(super) lr: f64,
    /// The number of the step, from 1.
    pub(super) number: u64,
    /// The parameter, after a decoupled weight decay.
    pub(super) p: f64,
    /// The gradient, with any other weight decay.
    pub(super) g: f64,
    /// What the optimizer keeps, in the order of [`Optimizer::state`](atrous_graph::optim::Optimizer::state); updated in place.
    pub(super) state: &'a mut [f64],
}

/// The error scale of `a / (root + outside)`, that of `a` being `a` and that of `root²` being `terms`.
pub(super) fn quotient(a: f64, root: f64, outside: f64, terms: f64) -> f64 {
    let divisor = root + outside;
    let share = if root > 0.0 { terms / (root * divisor) } else { 0.0 };
    a / divisor * (1.0 + share)
}
