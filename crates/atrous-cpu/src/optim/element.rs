//! One element of a parameter in an update.

/// An element and the operands of its update; in functions named `magnitude`, the error scales of these.
pub(super) struct Element<'a> {
    /// The learning rate.
    pub(super) lr: f64,
    /// The number of the step, from 1.
    pub(super) number: u64,
    /// The parameter, after a decoupled weight decay.
    pub(super) p: f64,
    /// The gradient, including weight decay that is not decoupled.
    pub(super) g: f64,
    /// The optimizer's state, in the order of [`Optimizer::state`](atrous_graph::optim::Optimizer::state); updated in
    /// place.
    pub(super) state: &'a mut [f64],
}

/// The error scale of `a / (root + outside)`, if `a` is the error scale of the numerator and `terms` that of `root²`.
pub(super) fn quotient(a: f64, root: f64, outside: f64, terms: f64) -> f64 {
    let divisor = root + outside;
    let share = if root > 0.0 { terms / (root * divisor) } else { 0.0 };
    a / divisor * (1.0 + share)
}
