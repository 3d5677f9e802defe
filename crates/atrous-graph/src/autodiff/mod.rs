//! Reverse-mode differentiation as a pass over the graph.
//!
//! [`backward`] appends the nodes that compute gradients; they are ordinary operations. Each operation's rule is in the
//! `rules.rs` of its family in `op`. Forward values that the rules read are stored or computed again, as [`Recompute`]
//! says.

mod pass;
mod saved;

use crate::op::Fill;
use crate::optim::LossScale;
use crate::{Graph, GraphError, NodeId, Op};

pub use crate::op::Backward;
use pass::Pass;
pub use saved::Recompute;

/// Appends the gradients of a weighted sum of losses: `d(Σ weight * Σ loss) / d node` for each node of `wrt`.
///
/// A loss of several elements counts as their sum. A gradient has the type of its node and is labelled `<node>.grad`.
/// It is `None` if no loss depends on the node through operations that pass gradients.
///
/// # Errors
/// [`GraphError::Invalid`] if a loss or a node of `wrt` is not f32, [`GraphError::Unsupported`] for a derivative that
/// is not implemented, such as the second derivative of batch normalisation.
pub fn backward(
    graph: &mut Graph,
    losses: &[(NodeId, f32)],
    wrt: &[NodeId],
    recompute: &Recompute,
) -> Result<Vec<Option<NodeId>>, GraphError> {
    let mut pass = Pass::new(graph, wrt, recompute)?;
    for &(loss, weight) in losses {
        let name = format!("{}.seed", pass.graph.node(loss).name);
        pass.check_float(loss)?;
        let shape = pass.graph.shape(loss);
        let seed = pass.graph.add(&name, Op::Fill(Fill { shape, value: weight }), &[])?;
        pass.contribute(loss, seed);
    }
    pass.run(wrt)
}

/// [`backward`] of one loss. If there is a `scale`, all gradients are multiplied by the loss scale.
///
/// # Errors
/// As [`backward`].
pub fn backward_scaled(
    graph: &mut Graph,
    loss: NodeId,
    scale: Option<LossScale>,
    wrt: &[NodeId],
    recompute: &Recompute,
) -> Result<Vec<Option<NodeId>>, GraphError> {
    match scale {
        None => backward(graph, &[(loss, 1.0)], wrt, recompute),
        Some(scale) => backward_from(graph, &[(loss, scale.node)], wrt, recompute),
    }
}

/// [`backward`] from given gradients instead of losses: pairs of a node and its gradient, which has the node's type.
///
/// # Errors
/// As [`backward`], and if a gradient's type is not its node's.
pub fn backward_from(
    graph: &mut Graph,
    upstream: &[(NodeId, NodeId)],
    wrt: &[NodeId],
    recompute: &Recompute,
) -> Result<Vec<Option<NodeId>>, GraphError> {
    let mut pass = Pass::new(graph, wrt, recompute)?;
    for &(node, gradient) in upstream {
        pass.check_float(node)?;
        let (had, got) = (pass.graph.node(node), pass.graph.node(gradient));
        if had.ty != got.ty {
            let reason = format!("the gradient of {} must be {}, got {}", had.name, had.ty, got.ty);
            return Err(GraphError::Invalid { op: "backward", node: got.name.clone(), reason });
        }
        pass.contribute(node, gradient);
    }
    pass.run(wrt)
}
