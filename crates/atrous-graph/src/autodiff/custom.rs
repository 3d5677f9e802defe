//! Gradients of operations that a program brings along.

use crate::op::Custom;
use crate::{Graph, GraphError, NodeId, Op, TensorType};

use super::Pass;
use super::saved::Saved;

/// What the gradient of a [`CustomOp`](crate::op::CustomOp) is made of.
pub struct Backward<'a> {
    graph: &'a mut Graph,
    saved: &'a mut Saved,
    depends: &'a [bool],
    node: NodeId,
    dy: NodeId,
}

impl Backward<'_> {
    /// The gradient that arrives at the result, of its type.
    pub fn dy(&self) -> NodeId {
        self.dy
    }

    /// An input of the operation, stored or computed again.
    ///
    /// # Errors
    /// If there is none of this index.
    pub fn input(&mut self, index: usize) -> Result<NodeId, GraphError> {
        let inputs = &self.graph.node(self.node).inputs;
        match inputs.get(index) {
            Some(&input) => self.saved.value(self.graph, input),
            None => Err(self.invalid(format!("its gradient asks for input {index} of {}", inputs.len()))),
        }
    }

    /// The result of the operation, stored or computed again.
    ///
    /// # Errors
    /// If it cannot be computed again.
    pub fn output(&mut self) -> Result<NodeId, GraphError> {
        self.saved.value(self.graph, self.node)
    }

    /// Whether a gradient with respect to this input is wanted; one that is not may be `None`.
    pub fn wants(&self, index: usize) -> bool {
        self.graph.node(self.node).inputs.get(index).is_some_and(|input| self.depends[input.0])
    }

    /// Type of a node's tensor.
    ///
    /// # Panics
    /// If the node is of another, larger graph.
    pub fn ty(&self, node: NodeId) -> TensorType {
        self.graph.node(node).ty
    }

    /// Adds a node to the gradient. Its name is that of the operation's node and `what`.
    ///
    /// # Errors
    /// As [`Graph::add`].
    pub fn add(&mut self, what: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let name = format!("{}.{what}", self.graph.node(self.node).name);
        self.graph.add(&name, op, inputs)
    }

    /// That the operation has no gradient.
    pub fn unsupported(&self) -> GraphError {
        let node = self.graph.node(self.node);
        GraphError::Unsupported { op: node.op.name(), node: node.name.clone(), reason: "its gradient".to_owned() }
    }

    fn invalid(&self, reason: String) -> GraphError {
        let node = self.graph.node(self.node);
        GraphError::Invalid { op: node.op.name(), node: node.name.clone(), reason }
    }

    /// Holds gradients against the types of the inputs that they belong to.
    fn check(&self, gradients: &[Option<NodeId>]) -> Result<(), GraphError> {
        let inputs = &self.graph.node(self.node).inputs;
        if gradients.len() != inputs.len() {
            let (got, want) = (gradients.len(), inputs.len());
            return Err(self.invalid(format!("its gradient gives {got} results for {want} inputs")));
        }
        for (i, (gradient, input)) in gradients.iter().zip(inputs).enumerate() {
            let Some(gradient) = gradient else { continue };
            if gradient.0 >= self.graph.nodes().len() {
                return Err(self.invalid(format!("the gradient of input {i} is no node of the graph")));
            }
            let (got, want) = (self.ty(*gradient), self.ty(*input));
            if got != want || !want.dtype.is_float() {
                return Err(self.invalid(format!("the gradient of input {i}, which is {want}, is {got}")));
            }
        }
        Ok(())
    }
}

impl Pass<'_> {
    pub(super) fn custom(&mut self, id: NodeId, op: Custom, dy: NodeId) -> Result<(), GraphError> {
        let Self { graph, saved, depends, .. } = self;
        let mut backward = Backward { graph, saved, depends, node: id, dy };
        let gradients = op.gradient(&mut backward)?;
        backward.check(&gradients)?;
        let inputs = self.graph.node(id).inputs.clone();
        for (input, gradient) in inputs.into_iter().zip(gradients) {
            if let Some(gradient) = gradient.filter(|_| self.depends[input.0]) {
                self.contribute(input, gradient);
            }
        }
        Ok(())
    }
}
