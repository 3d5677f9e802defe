//! Reverse-mode differentiation as a pass over the graph.
//!
//! [`backward`] appends the nodes that compute gradients; they are primitive operations like all others. Each operation's rule
//! is one arm in `rules.rs`. What the rules read of the forward pass is stored or computed again, as [`Recompute`] says.

mod binary;
mod conv;
mod custom;
mod norm;
mod rules;
mod saved;

use std::collections::HashMap;

use crate::{DType, Graph, GraphError, NodeId, Op, op::Binary, optim::LossScale};

pub use custom::Backward;
pub use saved::Recompute;
use saved::Saved;

/// Appends the gradients of a weighted sum of losses: `d(Σ weight * Σ loss) / d node` for each node of `wrt`.
///
/// A loss of several elements counts as their sum. The result has the type of its node and is labelled `name.grad`; it is
/// `None` where no loss depends on the node through anything that has a gradient.
///
/// # Errors
/// [`GraphError::Invalid`] if a loss or a node of `wrt` is not f32, [`GraphError::Unsupported`] for a derivative that atrous
/// does not have, such as the second one of batch normalisation.
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
        let seed = pass.graph.add(&name, Op::Fill { shape, value: weight }, &[])?;
        pass.contribute(loss, seed);
    }
    pass.run(wrt)
}

/// [`backward`] of one loss, all of whose gradients are multiplied with a scale, if there is one.
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

/// The same from given gradients: pairs of a node and the gradient that arrives at it, which has its type.
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

/// One backward pass in the making.
struct Pass<'a> {
    graph: &'a mut Graph,
    saved: Saved,
    /// By forward node: whether it depends on what gradients are wanted of.
    depends: Vec<bool>,
    /// Gradients that have arrived at a node so far.
    arrived: HashMap<NodeId, NodeId>,
}

impl<'a> Pass<'a> {
    fn new(graph: &'a mut Graph, wrt: &[NodeId], recompute: &Recompute) -> Result<Self, GraphError> {
        let saved = Saved::new(graph, recompute);
        let mut depends = vec![false; graph.nodes().len()];
        for id in wrt {
            depends[id.0] = true;
        }
        for (id, node) in graph.iter() {
            let flows = node.ty.dtype.is_float() && rules::passes_gradients(&node.op);
            depends[id.0] |= flows && node.inputs.iter().any(|input| depends[input.0]);
        }
        let pass = Self { graph, saved, depends, arrived: HashMap::new() };
        wrt.iter().try_for_each(|id| pass.check_float(*id))?;
        Ok(pass)
    }

    /// Goes through the forward nodes backwards. Every node's gradient is complete when it is met: all users come later.
    fn run(mut self, wrt: &[NodeId]) -> Result<Vec<Option<NodeId>>, GraphError> {
        for id in (0..self.depends.len()).rev().map(NodeId) {
            if !self.depends[id.0] {
                continue;
            }
            if let Some(&gradient) = self.arrived.get(&id) {
                self.differentiate(id, gradient)?;
            }
        }
        for id in wrt {
            if let Some(gradient) = self.arrived.get(id) {
                let name = format!("{}.grad", self.graph.node(*id).name);
                self.graph.label(&name, *gradient);
            }
        }
        Ok(wrt.iter().map(|id| self.arrived.get(id).copied()).collect())
    }

    fn check_float(&self, id: NodeId) -> Result<(), GraphError> {
        let node = self.graph.node(id);
        if node.ty.dtype == DType::F32 {
            return Ok(());
        }
        let reason = format!("only f32 has gradients, this is {}", node.ty);
        Err(GraphError::Invalid { op: "backward", node: node.name.clone(), reason })
    }

    /// Whether a gradient of this input of a node is wanted.
    fn wants(&self, id: NodeId, input: usize) -> bool {
        let input = self.graph.node(id).inputs.get(input);
        input.is_some_and(|input| self.depends[input.0])
    }

    /// Adds to the gradient of a node. Contributions are summed in the order they arrive.
    fn contribute(&mut self, to: NodeId, gradient: NodeId) {
        let sum = match self.arrived.get(&to) {
            None => gradient,
            Some(&so_far) => {
                let name = format!("{}.grad_sum", self.graph.node(to).name);
                let sum = self.graph.add(&name, Op::Binary(Binary::Add), &[so_far, gradient]);
                sum.expect("gradients of one node have its type")
            }
        };
        self.arrived.insert(to, sum);
    }

    /// Adds a node of the backward pass, named after the forward node it belongs to.
    fn emit(&mut self, of: NodeId, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = format!("{}.{what}", self.graph.node(of).name);
        self.graph.add(&name, op, inputs)
    }

    /// A value of the forward pass, stored or computed again.
    fn value(&mut self, id: NodeId) -> Result<NodeId, GraphError> {
        self.saved.value(self.graph, id)
    }

    /// An operation whose derivative atrous does not have.
    fn unsupported(&self, id: NodeId, what: &str) -> GraphError {
        let node = self.graph.node(id);
        GraphError::Unsupported {
            op: node.op.name(),
            node: node.name.clone(),
            reason: format!("the gradient of {what}"),
        }
    }
}
