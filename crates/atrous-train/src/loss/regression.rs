//! Losses of differences of elements.

use atrous_graph::op::Unary;
use atrous_graph::{Graph, GraphError, NodeId};

use super::{Losses, Reduction};

/// `(x - t)²`: PyTorch's `MSELoss`.
///
/// # Errors
/// If the shapes differ.
pub fn mse(graph: &mut Graph, name: &str, xt: [NodeId; 2], reduction: Reduction) -> Result<NodeId, GraphError> {
    difference(graph, name, xt, Unary::Square, 1.0, reduction)
}

/// `|x - t|`: PyTorch's `L1Loss`.
///
/// # Errors
/// If the shapes differ.
pub fn l1(graph: &mut Graph, name: &str, xt: [NodeId; 2], reduction: Reduction) -> Result<NodeId, GraphError> {
    difference(graph, name, xt, Unary::Abs, 1.0, reduction)
}

/// With `d = |x - t|`: `d² / 2` if `d <= delta`, otherwise `delta * (d - delta / 2)`: PyTorch's `HuberLoss`.
///
/// # Errors
/// If the shapes differ, or `delta` is not positive and finite.
pub fn huber(
    graph: &mut Graph,
    name: &str,
    xt: [NodeId; 2],
    delta: f32,
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    if !(delta > 0.0 && delta.is_finite()) {
        let reason = format!("delta must be positive and finite, got {delta}");
        return Err(GraphError::Invalid { op: "huber", node: name.to_owned(), reason });
    }
    difference(graph, name, xt, Unary::Huber { delta }, 1.0, reduction)
}

/// [`huber`] with `delta = beta`, divided by `beta`; [`l1`] if `beta` is 0: PyTorch's `SmoothL1Loss`.
///
/// # Errors
/// If the shapes differ, or `beta` is negative, not finite, or positive and below the least normal number, whose inverse is infinite.
pub fn smooth_l1(
    graph: &mut Graph,
    name: &str,
    xt: [NodeId; 2],
    beta: f32,
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    if beta == 0.0 {
        return l1(graph, name, xt, reduction);
    }
    if !(beta >= f32::MIN_POSITIVE && beta.is_finite()) {
        let reason = format!("beta must be 0 or a positive, finite, normal number, got {beta:e}");
        return Err(GraphError::Invalid { op: "smooth_l1", node: name.to_owned(), reason });
    }
    difference(graph, name, xt, Unary::Huber { delta: beta }, 1.0 / beta, reduction)
}

fn difference(
    graph: &mut Graph,
    name: &str,
    [x, t]: [NodeId; 2],
    function: Unary,
    factor: f32,
    reduction: Reduction,
) -> Result<NodeId, GraphError> {
    let (have, want) = (graph.shape(t), graph.shape(x));
    if have != want {
        let reason = format!("the targets must be {want}, got {have}");
        return Err(GraphError::Invalid { op: function.name(), node: name.to_owned(), reason });
    }
    let mut l = Losses::new(graph, name);
    let difference = l.minus(x, t)?;
    let mut loss = l.unary(function, difference)?;
    if factor != 1.0 {
        loss = l.affine(loss, factor, 0.0)?;
    }
    l.reduce(loss, reduction)
}
