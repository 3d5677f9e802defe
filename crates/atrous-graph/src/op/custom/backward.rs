//! What the gradient of a custom operation is made of.

use crate::op::operation::Tape;
use crate::{GraphError, NodeId, Op, TensorType};

/// What the gradient of a [`CustomOp`](crate::op::CustomOp) is made of.
pub struct Backward<'a> {
    tape: &'a mut dyn Tape,
}

impl<'a> Backward<'a> {
    pub(super) fn new(tape: &'a mut dyn Tape) -> Self {
        Self { tape }
    }

    /// The gradient that arrives at the result, of its type.
    pub fn dy(&self) -> NodeId {
        self.tape.dy()
    }

    /// An input of the operation, stored or computed again.
    ///
    /// # Errors
    /// If there is none of this index.
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

    /// Whether a gradient with respect to this input is wanted; one that is not may be `None`.
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

    /// Adds a node to the gradient. Its name is that of the operation's node and `what`.
    ///
    /// # Errors
    /// As [`Graph::add`](crate::Graph::add).
    pub fn add(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.tape.emit(what, op, inputs)
    }

    /// That the operation has no gradient.
    pub fn unsupported(&self) -> GraphError {
        self.tape.unsupported("its gradient")
    }
}
