//! The graph: nodes in the order they were added, each after its inputs.

use std::collections::HashMap;

use crate::{DType, GraphError, Layout, NodeId, Op, Shape, TensorType};

/// One operation, its inputs and the tensor it makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique name, such as `layer1.0.conv1`.
    pub name: String,
    /// The operation with its attributes.
    pub op: Op,
    /// The tensors read, in the order the operation documents.
    pub inputs: Vec<NodeId>,
    /// Type of the tensor it makes.
    pub ty: TensorType,
}

/// A network as data. Inputs of a node always precede it, so the order of nodes is an order of execution.
///
/// ```
/// use atrous_graph::op::{Reduce, Unary};
/// use atrous_graph::{DType, Graph, Op, Shape};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", Shape::new(2, 4, 4, 8), DType::F32)?;
/// let y = graph.add("relu", Op::Unary(Unary::Relu), &[x])?;
/// let mean = graph.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[y])?;
/// graph.set_outputs(vec![mean]);
/// assert_eq!(graph.shape(mean), Shape::channels(8));
/// assert_eq!(graph.find("relu"), Ok(y));
/// // An operation that contradicts its inputs is refused by name.
/// let error = graph.add("sum", Op::Binary(atrous_graph::op::Binary::Add), &[x]).unwrap_err();
/// assert!(error.to_string().starts_with("add \"sum\": "), "{error}");
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    outputs: Vec<NodeId>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// All nodes, inputs before users.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this id.
    ///
    /// # Panics
    /// If the id belongs to another, larger graph.
    #[track_caller]
    pub fn node(&self, id: NodeId) -> &Node {
        let Some(node) = self.nodes.get(id.0) else { panic!("{}", self.foreign(id)) };
        node
    }

    /// Logical shape of a node's tensor.
    ///
    /// # Panics
    /// As [`Self::node`].
    #[track_caller]
    pub fn shape(&self, id: NodeId) -> Shape {
        self.node(id).ty.shape
    }

    /// All nodes with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i), n))
    }

    /// The node or label of this name.
    ///
    /// # Errors
    /// [`GraphError::UnknownName`], with the names that come closest.
    pub fn find(&self, name: &str) -> Result<NodeId, GraphError> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| GraphError::UnknownName { name: name.to_owned(), similar: self.similar(name) })
    }

    /// The nodes whose tensors a run returns by default.
    pub fn outputs(&self) -> &[NodeId] {
        &self.outputs
    }

    /// Sets the nodes whose tensors a run returns by default.
    pub fn set_outputs(&mut self, outputs: Vec<NodeId>) {
        self.outputs = outputs;
    }

    /// The graph's inputs, in the order they were added.
    pub fn inputs(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.iter().filter(|(_, n)| matches!(n.op, Op::Input))
    }

    /// The graph's parameters, in the order they were added.
    pub fn parameters(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.iter().filter(|(_, n)| matches!(n.op, Op::Parameter))
    }

    /// Every name and label with its node, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = (&str, NodeId)> {
        self.names.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// Adds an input. Each run supplies its values.
    ///
    /// # Errors
    /// If the shape has a side of zero.
    pub fn input(&mut self, name: &str, shape: Shape, dtype: DType) -> Result<NodeId, GraphError> {
        self.source(name, Op::Input, TensorType { shape, dtype, layout: Layout::Image })
    }

    /// Adds an f32 parameter. Its values stay on the device between runs.
    ///
    /// # Errors
    /// If the shape has a side of zero or the name is taken.
    pub fn parameter(&mut self, name: &str, shape: Shape, layout: Layout) -> Result<NodeId, GraphError> {
        self.parameter_of(name, TensorType { shape, dtype: DType::F32, layout })
    }

    /// Adds a parameter of any type. Values of an f16 parameter are rounded when they are uploaded.
    ///
    /// # Errors
    /// As [`Self::parameter`].
    pub fn parameter_of(&mut self, name: &str, ty: TensorType) -> Result<NodeId, GraphError> {
        if self.names.contains_key(name) {
            return Err(invalid(&Op::Parameter, name, "the name is taken".to_owned()));
        }
        self.source(name, Op::Parameter, ty)
    }

    /// Adds an operation, infers the shape of its result and checks it against its inputs.
    ///
    /// A name used before gets `#1`, `#2`, … appended, as a module called again does in PyTorch traces.
    ///
    /// # Errors
    /// [`GraphError::Invalid`] if the operation does not accept these inputs, the result would be too large, or an
    /// input is beyond the last node and so belongs to another graph.
    pub fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        let types = self.types(inputs).map_err(|reason| invalid(&op, name, reason))?;
        let ty = op.infer(&types).map_err(|reason| invalid(&op, name, reason))?;
        check_size(ty.shape).map_err(|reason| invalid(&op, name, reason))?;
        Ok(self.push(name, op, inputs.to_vec(), ty))
    }

    /// Adds a copy of `node`, a node of another graph, with these inputs. Inputs and parameters keep their type.
    pub(crate) fn add_copy(&mut self, name: &str, node: &Node, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        if let Op::Input = node.op {
            self.input(name, node.ty.shape, node.ty.dtype)
        } else if let Op::Parameter = node.op {
            self.parameter_of(name, node.ty)
        } else {
            self.add(name, node.op, inputs)
        }
    }

    /// Replaces a node's operation and inputs. Its name, type and users stay.
    ///
    /// # Errors
    /// [`GraphError::Invalid`] if an input does not precede the node, the operation does not accept the inputs, or the
    /// result would have another type.
    pub fn replace(&mut self, id: NodeId, op: Op, inputs: &[NodeId]) -> Result<(), GraphError> {
        let Node { name, ty: had, .. } = self.node(id).clone();
        if let Some(late) = inputs.iter().find(|input| **input >= id) {
            return Err(invalid(&op, &name, format!("its input %{} does not precede %{}", late.0, id.0)));
        }
        let types = self.types(inputs).map_err(|reason| invalid(&op, &name, reason))?;
        let ty = op.infer(&types).map_err(|reason| invalid(&op, &name, reason))?;
        if ty != had {
            return Err(invalid(&op, &name, format!("the result must stay {had}, it would be {ty}")));
        }
        let node = &mut self.nodes[id.0];
        (node.op, node.inputs) = (op, inputs.to_vec());
        Ok(())
    }

    /// Gives a node a second name, such as that of the module whose result it is. A name that is taken gets `#1`, `#2`,
    /// ….
    pub fn label(&mut self, name: &str, id: NodeId) {
        let name = self.fresh(name);
        self.names.insert(name, id);
    }

    /// The types of these nodes' tensors.
    fn types(&self, ids: &[NodeId]) -> Result<Vec<TensorType>, String> {
        let ty = |id: &NodeId| self.nodes.get(id.0).map(|node| node.ty).ok_or_else(|| self.foreign(*id));
        ids.iter().map(ty).collect()
    }

    /// The error message for an id beyond the last node.
    fn foreign(&self, id: NodeId) -> String {
        format!(
            "node %{} is not of this graph, which has {}: it comes from another graph or builder",
            id.0,
            self.nodes.len()
        )
    }

    fn source(&mut self, name: &str, op: Op, ty: TensorType) -> Result<NodeId, GraphError> {
        check_size(ty.shape).map_err(|reason| invalid(&op, name, reason))?;
        Ok(self.push(name, op, Vec::new(), ty))
    }

    fn push(&mut self, name: &str, op: Op, inputs: Vec<NodeId>, ty: TensorType) -> NodeId {
        let id = NodeId(self.nodes.len());
        let name = self.fresh(name);
        self.names.insert(name.clone(), id);
        self.nodes.push(Node { name, op, inputs, ty });
        id
    }

    fn fresh(&self, name: &str) -> String {
        if !self.names.contains_key(name) {
            return name.to_owned();
        }
        (1..).map(|i| format!("{name}#{i}")).find(|n| !self.names.contains_key(n)).unwrap_or_default()
    }

    fn similar(&self, name: &str) -> String {
        let common = |other: &str| name.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        let mut names: Vec<&str> = self.names.keys().map(String::as_str).collect();
        names.sort_by_key(|other| (std::cmp::Reverse(common(other)), other.len(), *other));
        names.truncate(4);
        names.join(", ")
    }
}

/// Most elements of a tensor: more than any device holds, and few enough that no product of sides overflows.
const MAX_ELEMENTS: u64 = 1 << 40;

fn check_size(shape: Shape) -> Result<(), String> {
    if shape.dims().contains(&0) {
        return Err(format!("every side must be at least 1, got {shape}"));
    }
    let product = shape.dims().iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
    match product {
        Some(n) if n <= MAX_ELEMENTS => Ok(()),
        _ => Err(format!("{shape} has more than {MAX_ELEMENTS} elements")),
    }
}

fn invalid(op: &Op, node: &str, reason: String) -> GraphError {
    GraphError::Invalid { op: op.name(), node: node.to_owned(), reason }
}
