//! Sharing of memory: nodes that write their results into a range of a concatenation's channels, or over an input that
//! is read for the last time.

use std::collections::HashMap;

use atrous_graph::op::Fused;
use atrous_graph::{Graph, Node, NodeId, Op};

use crate::dispatch::Declined;
use crate::family::kernels;
use crate::limits::Limits;
use crate::problem::Part;

/// A range of a concatenation's channels that the node that computes them writes directly.
#[derive(Clone, Copy, Debug)]
struct Slice {
    concat: NodeId,
    /// Number of vec4s of channels before it.
    first: usize,
}

/// Which tensors of a plan are stored in others.
pub(super) struct Sharing<'a> {
    graph: &'a Graph,
    slices: HashMap<NodeId, Slice>,
    /// For each concatenation: inputs that must be copied, and why.
    copied: HashMap<NodeId, Vec<Declined>>,
    /// For each node: the node that makes its tensor, which is another one if the result is the first input.
    source: Vec<NodeId>,
    /// For each node: the last node that reads its tensor. `None` if the tensor is kept, or not computed by the plan.
    last_reader: Vec<Option<NodeId>>,
    /// For each node: whether the statistics of its result are read.
    measured: Vec<bool>,
    /// For each node: whether its result is needed after the plan, and so may get a place of its own.
    is_kept: Vec<bool>,
    /// Whether a tensor that others read besides a concatenation may be stored in it (`skips`), and whether one is
    /// (`has_skips`).
    skips: bool,
    has_skips: bool,
}

impl<'a> Sharing<'a> {
    /// Decides for all nodes that a plan computes. `given` are the nodes that it does not compute; the results of
    /// `kept` are needed after it. With `skips`, tensors that others read besides a concatenation may be stored in it
    /// too.
    pub(super) fn of(
        graph: &'a Graph,
        nodes: &[NodeId],
        given: &[NodeId],
        kept: &[NodeId],
        limits: &Limits,
        skips: bool,
    ) -> Self {
        let count = graph.nodes().len();
        let mut source: Vec<NodeId> = (0..count).map(NodeId).collect();
        let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); count];
        for &id in nodes {
            let node = graph.node(id);
            if kernels(&node.op).is_alias(node.inputs.len()) {
                source[id.0] = source[node.inputs[0].0];
            }
            node.inputs.iter().for_each(|input| readers[source[input.0].0].push(id));
        }
        let mut is_kept = vec![false; count];
        kept.iter().for_each(|id| is_kept[source[id.0].0] = true);
        let mut last_reader: Vec<Option<NodeId>> = readers.iter().map(|readers| readers.last().copied()).collect();
        kept.iter().map(|id| source[id.0]).chain(given.iter().copied()).for_each(|id| last_reader[id.0] = None);
        let mut measured = vec![false; count];
        for id in nodes.iter().filter(|id| matches!(graph.node(**id).op, Op::Fused(Fused::BatchStatistics))) {
            measured[source[graph.node(*id).inputs[0].0].0] = true;
        }
        let (slices, copied) = (HashMap::new(), HashMap::new());
        let mut sharing =
            Self { graph, slices, copied, source, last_reader, measured, is_kept, skips, has_skips: false };
        for &concat in nodes.iter().filter(|id| matches!(graph.node(**id).op, Op::Concat)) {
            sharing.slice(concat, &readers, limits);
        }
        sharing
    }

    /// Decides for each input of a concatenation whether it is written directly into it.
    fn slice(&mut self, concat: NodeId, readers: &[Vec<NodeId>], limits: &Limits) {
        let node = self.graph.node(concat);
        let (mut first, mut copied) = (0_usize, Vec::new());
        for &input in &node.inputs {
            let c = self.graph.node(input).ty.shape.c;
            let fitting = node.ty.bytes() <= limits.max_binding && !self.is_kept[concat.0];
            let reason = if !fitting {
                Err("the whole is an output, or passes the binding limit")
            } else if c == node.ty.shape.c {
                Err("it is all of the concatenation")
            } else if !first.is_multiple_of(4) || (!c.is_multiple_of(4) && first + c != node.ty.shape.c) {
                Err("its channels share a vec4 with others")
            } else if self.source[input.0] != input || self.is_kept[input.0] {
                Err("it is an output, or another tensor itself")
            } else {
                self.can_be_slice(concat, input, &readers[input.0], limits)
            };
            match reason {
                Ok(()) => {
                    self.has_skips |= readers[input.0].len() > 1;
                    self.slices.insert(input, Slice { concat, first: first / 4 });
                }
                Err(reason) => copied.push(Declined { variant: "slice", reason }),
            }
            first += c;
        }
        self.copied.insert(concat, copied);
    }

    fn can_be_slice(
        &self,
        concat: NodeId,
        input: NodeId,
        readers: &[NodeId],
        limits: &Limits,
    ) -> Result<(), &'static str> {
        let node = self.graph.node(input);
        let whole = |node: &Node| {
            let types = node.inputs.iter().map(|id| self.graph.node(*id).ty).chain([node.ty]);
            types.into_iter().all(|ty| ty.bytes() <= limits.max_binding)
        };
        if !kernels(&node.op).writes_slices() {
            return Err("its kernel writes whole tensors");
        }
        if readers.iter().filter(|id| matches!(self.graph.node(**id).op, Op::Concat)).count() > 1 {
            return Err("it is concatenated more than once");
        }
        let others = || readers.iter().filter(|id| **id != concat).map(|id| self.graph.node(*id));
        if !others().all(|reader| kernels(&reader.op).reads_slices()) {
            return Err("who else reads it reads whole tensors");
        }
        if !self.skips && others().count() > 0 {
            return Err("the whole would live as long as others read it");
        }
        // An operation that is split into parts cannot use ranges of channels.
        if !whole(node) || !others().all(whole) { Err("it passes the binding limit") } else { Ok(()) }
    }

    /// Whether a tensor that others read too is stored in a concatenation.
    pub(super) const fn has_skips(&self) -> bool {
        self.has_skips
    }

    /// The concatenation that a node's result is stored in.
    pub(super) fn part_of(&self, id: NodeId) -> Option<NodeId> {
        self.slices.get(&id).map(|slice| slice.concat)
    }

    /// Inputs of a concatenation that are copied, and why.
    pub(super) fn copied(&self, concat: NodeId) -> &[Declined] {
        self.copied.get(&concat).map_or(&[], Vec::as_slice)
    }

    /// A node's inputs and result as its kernels see them.
    pub(super) fn parts(&self, id: NodeId) -> (Vec<Part>, Part) {
        let node = self.graph.node(id);
        let sources: Vec<NodeId> = node.inputs.iter().map(|input| self.source[input.0]).collect();
        let input = |source: &NodeId| {
            let part = self.part(*source);
            let alone = sources.iter().filter(|other| *other == source).count() == 1 && !self.is_kept[id.0];
            Part { dies: alone && !part.is_slice() && self.last_reader[source.0] == Some(id), ..part }
        };
        let inputs = node.inputs.iter().zip(&sources).map(|(input_id, source)| Part {
            ty: self.graph.node(*input_id).ty,
            full: self.graph.node(*input_id).ty,
            ..input(source)
        });
        (inputs.collect(), Part { measured: self.measured[id.0], ..self.part(id) })
    }

    /// The node that makes the tensor of a node's result.
    pub(super) fn source(&self, id: NodeId) -> NodeId {
        self.source[id.0]
    }

    fn part(&self, id: NodeId) -> Part {
        let whole = Part::whole(self.graph.node(id).ty);
        match self.slices.get(&id) {
            None => whole,
            Some(slice) => {
                let stride = Part::whole(self.graph.node(slice.concat).ty).stride;
                Part { base: slice.first as u32, stride, ..whole }
            }
        }
    }
}
