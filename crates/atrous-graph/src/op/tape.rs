//! What the rule of a gradient can do.

use crate::op::reduce::{Reduce, Reduction};
use crate::{GraphError, NodeId, Op, Shape, TensorType};

/// A backward pass at one node of the graph.
pub(crate) trait Tape {
    /// The gradient that arrives at the node's result.
    fn dy(&self) -> NodeId;

    /// The node's inputs, as they are in the forward pass.
    fn inputs(&self) -> &[NodeId];

    /// Whether the graph has this node.
    fn has(&self, node: NodeId) -> bool;

    /// Type of a node's tensor.
    ///
    /// # Panics
    /// If the graph does not have the node.
    fn ty(&self, node: NodeId) -> TensorType;

    /// Whether a gradient with respect to this input is wanted. `false` if there is no such input.
    fn wants(&self, input: usize) -> bool;

    /// The value of an input, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    fn value(&mut self, input: usize) -> Result<NodeId, GraphError>;

    /// The node's result, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    fn result(&mut self) -> Result<NodeId, GraphError>;

    /// Adds a node of the backward pass. Its name is that of the forward node and `what`.
    ///
    /// # Errors
    /// As [`Graph::add`](crate::Graph::add).
    fn emit(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError>;

    /// Adds to the gradient with respect to an input.
    fn contribute(&mut self, input: usize, gradient: NodeId);

    /// That something at this node is not supported.
    fn unsupported(&self, reason: &str) -> GraphError;

    /// That something at this node contradicts itself.
    fn invalid(&self, reason: String) -> GraphError;
}

impl dyn Tape + '_ {
    /// Logical shape of a node's tensor.
    pub(crate) fn shape(&self, node: NodeId) -> Shape {
        self.ty(node).shape
    }

    /// Logical shape of an input.
    pub(crate) fn input_shape(&self, input: usize) -> Shape {
        self.shape(self.inputs()[input])
    }

    /// An operation of one input that is linear: its adjoint, applied to what arrives.
    pub(crate) fn linear(&mut self, adjoint: Op) -> Result<(), GraphError> {
        let dx = self.emit("grad", adjoint, &[self.dy()])?;
        self.contribute(0, dx);
        Ok(())
    }

    /// The adjoint of repeating sides of 1 of this shape: sums over the sides that were repeated.
    pub(crate) fn sum_to(&mut self, x: NodeId, shape: Shape) -> Result<NodeId, GraphError> {
        let have = self.shape(x);
        let mut sum = x;
        if have.c != shape.c {
            sum = self.emit("grad_unrepeated", Op::ChannelSum, &[sum])?;
        }
        let reduce =
            Reduce { reduction: Reduction::Sum, n: have.n != shape.n, h: have.h != shape.h, w: have.w != shape.w };
        if reduce.n || reduce.h || reduce.w {
            sum = self.emit("grad_unrepeated", Op::Reduce(reduce), &[sum])?;
        }
        Ok(sum)
    }
}
