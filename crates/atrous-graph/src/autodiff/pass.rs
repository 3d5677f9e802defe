//! The traversal of the graph by a backward pass.

use std::collections::HashMap;

use crate::op::{Binary, Tape};
use crate::{DType, Graph, GraphError, Node, NodeId, Op, TensorType};

use super::saved::{Recompute, Saved};

/// A backward pass under construction.
pub(super) struct Pass<'a> {
    pub(super) graph: &'a mut Graph,
    saved: Saved,
    /// For each forward node: whether gradients flow through it to a node whose gradient is wanted, or it is such a
    /// node.
    depends: Vec<bool>,
    /// For each node: the sum of the gradients that its users have contributed so far.
    arrived: HashMap<NodeId, NodeId>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(graph: &'a mut Graph, wrt: &[NodeId], recompute: &Recompute) -> Result<Self, GraphError> {
        let saved = Saved::new(graph, recompute);
        let mut depends = vec![false; graph.nodes().len()];
        for id in wrt {
            depends[id.0] = true;
        }
        for (id, node) in graph.iter() {
            let flows = node.ty.dtype.is_float() && node.op.differentiable().map_or(true, |op| op.passes_gradients());
            depends[id.0] |= flows && node.inputs.iter().any(|input| depends[input.0]);
        }
        let pass = Self { graph, saved, depends, arrived: HashMap::new() };
        wrt.iter().try_for_each(|id| pass.check_float(*id))?;
        Ok(pass)
    }

    /// Visits the forward nodes in reverse. A node's users come later in the graph, so its gradient is complete when it
    /// is visited.
    pub(super) fn run(mut self, wrt: &[NodeId]) -> Result<Vec<Option<NodeId>>, GraphError> {
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

    pub(super) fn check_float(&self, id: NodeId) -> Result<(), GraphError> {
        let node = self.graph.node(id);
        if node.ty.dtype == DType::F32 {
            return Ok(());
        }
        let reason = format!("only f32 has gradients, this is {}", node.ty);
        Err(GraphError::Invalid { op: "backward", node: node.name.clone(), reason })
    }

    /// Adds this node's contributions to the gradients of its inputs.
    fn differentiate(&mut self, node: NodeId, dy: NodeId) -> Result<(), GraphError> {
        let inputs = self.graph.node(node).inputs.clone();
        if !inputs.iter().any(|input| self.depends[input.0]) {
            return Ok(());
        }
        let op = self.graph.node(node).op;
        let mut at = At { pass: self, node, inputs, dy };
        match op.differentiable() {
            Ok(rule) => rule.gradient(&mut at),
            Err(_) => Err(at.unsupported("the gradient of what a pass has fused")),
        }
    }

    /// Adds `gradient` to the gradient of `to`. Contributions are summed in the order of the calls.
    pub(super) fn contribute(&mut self, to: NodeId, gradient: NodeId) {
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
}

/// A backward pass at one node.
struct At<'a, 'g> {
    pass: &'a mut Pass<'g>,
    node: NodeId,
    /// The node's inputs.
    inputs: Vec<NodeId>,
    /// The gradient of the node's result.
    dy: NodeId,
}

impl At<'_, '_> {
    fn node(&self) -> &Node {
        self.pass.graph.node(self.node)
    }
}

impl Tape for At<'_, '_> {
    fn dy(&self) -> NodeId {
        self.dy
    }

    fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    fn has(&self, node: NodeId) -> bool {
        node.0 < self.pass.graph.nodes().len()
    }

    fn ty(&self, node: NodeId) -> TensorType {
        self.pass.graph.node(node).ty
    }

    fn wants(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(|input| self.pass.depends[input.0])
    }

    fn value(&mut self, input: usize) -> Result<NodeId, GraphError> {
        self.pass.saved.value(self.pass.graph, self.inputs[input])
    }

    fn result(&mut self) -> Result<NodeId, GraphError> {
        self.pass.saved.value(self.pass.graph, self.node)
    }

    fn emit(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = format!("{}.{what}", self.node().name);
        self.pass.graph.add(&name, op, inputs)
    }

    fn contribute(&mut self, input: usize, gradient: NodeId) {
        self.pass.contribute(self.inputs[input], gradient);
    }

    fn unsupported(&self, reason: &str) -> GraphError {
        let node = self.node();
        GraphError::Unsupported { op: node.op.name(), node: node.name.clone(), reason: reason.to_owned() }
    }

    fn invalid(&self, reason: String) -> GraphError {
        let node = self.node();
        GraphError::Invalid { op: node.op.name(), node: node.name.clone(), reason }
    }
}
