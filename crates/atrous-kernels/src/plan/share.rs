//! Which nodes write their results into memory that another tensor has: a range of a concatenation's channels, or an input that is
//! read for the last time.

use std::collections::HashMap;

use atrous_graph::op::Fused;
use atrous_graph::{Graph, Node, NodeId, Op};

use crate::dispatch::Declined;
use crate::family::kernels;
use crate::limits::Limits;
use crate::problem::Part;

/// A range of a concatenation's channels that is written by the node that computes those channels.
#[derive(Clone, Copy, Debug)]
struct Slice {
    concat: NodeId,
    /// Vec4s of the channels before it.
    first: usize,
}

/// Which tensors of a plan lie in others.
pub(super) struct Sharing<'a> {
    graph: &'a Graph,
    slices: HashMap<NodeId, Slice>,
    /// Per concatenation: inputs that have to be copied, and why.
    copied: HashMap<NodeId, Vec<Declined>>,
    /// By node: the node that made its tensor: another one where the result is the first input.
    source: Vec<NodeId>,
    /// By node: the last that reads its tensor; none if it is an output, or what is not computed.
    last_reader: Vec<Option<NodeId>>,
    /// By node: its statistics are read.
    measured: Vec<bool>,
    /// By node: its result is needed after the plan, and may get a place of its own.
    is_kept: Vec<bool>,
    /// Whether what others read beside a concatenation may lie in it, and whether something does.
    skips: bool,
    has_skips: bool,
}

impl<'a> Sharing<'a> {
    /// Looks through the nodes that a plan computes and those that it is `given`. The results of `kept` are needed after it. With
    /// `skips` also what others read beside a concatenation may lie in it.
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

    /// Decides for each input of a concatenation whether it is written where it belongs.
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
        // What is cut into parts lies in windows of its own.
        if !whole(node) || !others().all(whole) { Err("it passes the binding limit") } else { Ok(()) }
    }

    /// Whether something lies in a concatenation that others read as well.
    pub(super) const fn has_skips(&self) -> bool {
        self.has_skips
    }

    /// The concatenation whose memory a node's result is part of.
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

    /// The node that made the tensor that is a node's result.
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
