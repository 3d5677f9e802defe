//! Access to the graph for gradients of custom operations.

use crate::op::operation::Tape;
use crate::{GraphError, NodeId, Op, TensorType};

/// Adds the gradient of a [`CustomOp`](crate::op::CustomOp) to a graph.
pub struct Backward<'a> {
    tape: &'a mut dyn Tape,
}

impl<'a> Backward<'a> {
    pub(super) fn new(tape: &'a mut dyn Tape) -> Self {
        Self { tape }
    }

    /// The gradient of the result, which has the result's type.
    pub fn dy(&self) -> NodeId {
        self.tape.dy()
    }

    /// Input `index` of the operation, stored or computed again.
    ///
    /// # Errors
    /// If the operation has no input `index`.
    pub fn input(&mut self, index: usize) -> Result<NodeId, GraphError> {
        let count = self.tape.inputs().len();
        if index >= count {
            return Err(self.tape.invalid(format!("its gradient asks for input {index} of {count}")));
        }
        self.tape.value(index)
    }

    /// The result of the operation, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    pub fn output(&mut self) -> Result<NodeId, GraphError> {
        self.tape.result()
    }

    /// Whether the gradient with respect to input `index` is needed. If not, it may be `None`.
    pub fn wants(&self, index: usize) -> bool {
        self.tape.wants(index)
    }

    /// Type of a node's tensor.
    ///
    /// # Panics
    /// If the node is of another, larger graph.
    pub fn ty(&self, node: NodeId) -> TensorType {
        self.tape.ty(node)
    }

    /// Adds a node to the gradient. Its name is `<name of the operation's node>.<what>`.
    ///
    /// # Errors
    /// As [`Graph::add`](crate::Graph::add).
    pub fn add(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.tape.emit(what, op, inputs)
    }

    /// The error that the operation has no gradient.
    pub fn unsupported(&self) -> GraphError {
        self.tape.unsupported("its gradient")
    }
}
