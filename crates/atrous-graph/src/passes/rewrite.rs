//! Building a graph from another, node by node.

use crate::{DType, Graph, Layout, Node, NodeId, Op, Shape, TensorType};

use super::derived::{Derived, Recipe};

/// What a pass returns.
pub(super) struct Rewritten {
    pub(super) graph: Graph,
    /// For each node of the old graph: the new node that makes the same tensor, if there is one.
    pub(super) nodes: Vec<Option<NodeId>>,
    /// Parameters that the old graph does not have.
    pub(super) derived: Vec<Derived>,
}

/// A new graph under construction. The old graph's nodes are visited in order; each is copied, replaced, or left out.
pub(super) struct Rewrite<'a> {
    old: &'a Graph,
    new: Rewritten,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(old: &'a Graph) -> Self {
        let nodes = vec![None; old.nodes().len()];
        Self { old, new: Rewritten { graph: Graph::new(), nodes, derived: Vec::new() } }
    }

    /// The new node that makes the tensor of an old node.
    pub(super) fn now(&self, old: NodeId) -> NodeId {
        self.new.nodes[old.0].expect("a node that others read was left out: a bug of atrous")
    }

    /// The new graph so far.
    pub(super) const fn graph(&self) -> &Graph {
        &self.new.graph
    }

    /// Copies an old node.
    pub(super) fn copy(&mut self, id: NodeId) {
        let node = self.old.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| self.now(*input)).collect();
        let made = self.new.graph.add_copy(&node.name, node, &inputs);
        self.new.nodes[id.0] = Some(made.expect("a copy of a legal node: a bug of atrous"));
    }

    /// Replaces an old node by another operation of the same type, under its name. `inputs` are of the new graph.
    pub(super) fn put(&mut self, id: NodeId, op: Op, inputs: &[NodeId]) {
        let node = self.old.node(id);
        let made = self.new.graph.add(&node.name, op, inputs).expect("a legal rewrite: a bug of atrous");
        assert_eq!(self.new.graph.node(made).ty, node.ty, "{} changes its type: a bug of atrous", node.name);
        self.new.nodes[id.0] = Some(made);
    }

    /// Replaces an old node by an operation or a parameter of another element type, under its name.
    pub(super) fn restate(&mut self, id: NodeId, op: Op, inputs: &[NodeId], dtype: DType) -> NodeId {
        let Node { name, ty, .. } = self.old.node(id);
        let ty = TensorType { dtype, ..*ty };
        let made = if let Op::Parameter = op {
            self.new.graph.parameter_of(name, ty)
        } else {
            self.new.graph.add(name, op, inputs)
        };
        let made = made.expect("a legal rewrite: a bug of atrous");
        assert_eq!(self.new.graph.node(made).ty, ty, "{name} changes its type: a bug of atrous");
        self.new.nodes[id.0] = Some(made);
        made
    }

    /// Adds a node that the old graph does not have. A name that is taken in either graph gets `#1`, `#2`, ….
    pub(super) fn insert(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        let name = self.unused(name);
        self.new.graph.add(&name, op, inputs).expect("a legal node: a bug of atrous")
    }

    /// Adds a parameter that is computed from old ones.
    pub(super) fn derive(&mut self, name: &str, shape: Shape, layout: Layout, recipe: Recipe) -> NodeId {
        let name = self.unused(name);
        let id = self.new.graph.parameter(&name, shape, layout).expect("a legal parameter: a bug of atrous");
        self.new.derived.push(Derived { name, ty: self.new.graph.node(id).ty, recipe });
        id
    }

    fn unused(&self, name: &str) -> String {
        let taken = |name: &str| self.old.find(name).is_ok() || self.new.graph.find(name).is_ok();
        let numbered = std::iter::once(name.to_owned()).chain((1..).map(|i| format!("{name}#{i}")));
        numbered.into_iter().find(|name| !taken(name)).unwrap_or_default()
    }

    /// The new graph with the old one's outputs and labels, as far as they still exist.
    pub(super) fn finish(self) -> Rewritten {
        let mut new = self.new;
        let outputs = self.old.outputs().iter().filter_map(|id| new.nodes[id.0]).collect();
        new.graph.set_outputs(outputs);
        let mut labels: Vec<(&str, NodeId)> = self.old.names().collect();
        labels.sort_unstable();
        for (name, id) in labels {
            if let Some(now) = new.nodes[id.0].filter(|_| self.old.node(id).name != name) {
                new.graph.label(name, now);
            }
        }
        new
    }
}

/// For each node: the nodes that read its tensor, and whether it must be kept.
pub(super) struct Uses {
    users: Vec<Vec<NodeId>>,
    kept: Vec<bool>,
}

impl Uses {
    pub(super) fn of(graph: &Graph, kept: &[NodeId]) -> Self {
        let mut users = vec![Vec::new(); graph.nodes().len()];
        for (id, node) in graph.iter() {
            node.inputs.iter().for_each(|input| users[input.0].push(id));
        }
        let mut flags = vec![false; users.len()];
        kept.iter().for_each(|id| flags[id.0] = true);
        Self { users, kept: flags }
    }

    /// The readers of a tensor. One that reads it twice is listed twice.
    pub(super) fn users(&self, id: NodeId) -> &[NodeId] {
        &self.users[id.0]
    }

    /// Checks that a tensor need not be kept, so that it may be fused away.
    pub(super) fn is_free(&self, id: NodeId) -> Result<(), &'static str> {
        if self.kept[id.0] { Err("its result is asked for") } else { Ok(()) }
    }

    /// The only reader of a tensor that need not be kept, or the reason why the tensor must be stored.
    pub(super) fn only_user(&self, id: NodeId) -> Result<NodeId, &'static str> {
        self.is_free(id)?;
        match self.users(id) {
            [user] => Ok(*user),
            [] => Err("nothing reads its result"),
            _ => Err("its result is read more than once"),
        }
    }
}

/// Removes what `kept` does not need. Inputs stay. Parameters stay too unless `parameters` is true.
pub(super) fn sweep(graph: &Graph, kept: &[NodeId], parameters: bool) -> Rewritten {
    let mut needed = vec![false; graph.nodes().len()];
    kept.iter().for_each(|id| needed[id.0] = true);
    for (i, node) in graph.nodes().iter().enumerate().rev() {
        needed[i] |= matches!(node.op, Op::Input) || (!parameters && matches!(node.op, Op::Parameter));
        if needed[i] {
            node.inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    let mut rewrite = Rewrite::new(graph);
    for (id, _) in graph.iter().filter(|(id, _)| needed[id.0]) {
        rewrite.copy(id);
    }
    rewrite.finish()
}
