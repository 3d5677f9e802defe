//! Placement of parameters: in as few buffers as the limits allow, in the order of the graph.

use std::collections::HashMap;

use atrous_graph::{Graph, Layout, Node, NodeId, Op, TensorType};

use crate::error::PlanError;
use crate::limits::Limits;

/// The parameter buffers of a network. They are the same for every input size, so that plans can share them. Each can
/// be bound as a whole, as updates do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterPlacement {
    /// Bytes of each buffer.
    pub buffers: Vec<u64>,
    /// For each parameter, by name: its pieces in the order of their channels. It has one, unless it is a filter larger
    /// than a binding.
    pub places: HashMap<String, Vec<Piece>>,
}

/// A range of a parameter's output channels, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first channel.
    pub first: usize,
    /// The type of these channels as a tensor.
    pub ty: TensorType,
    /// Index into [`ParameterPlacement::buffers`].
    pub buffer: usize,
    /// First byte.
    pub offset: u64,
}

/// Places all parameters of a graph. Filters larger than a binding are placed in pieces, as
/// [`cut_filters`](atrous_graph::passes::Optimized::cut_filters) makes them.
///
/// # Errors
/// [`PlanError::Node`], which names a parameter that exceeds a binding or a buffer and cannot be cut.
pub fn place_parameters(graph: &Graph, limits: &Limits) -> Result<ParameterPlacement, PlanError> {
    let mut placement = ParameterPlacement::default();
    let limit = limits.max_parameter();
    for (_, node) in graph.parameters() {
        let ranges = node.ty.channels_within(limit).filter(|ranges| ranges.len() == 1 || is_filter(node));
        let ranges = ranges.ok_or_else(|| too_large(node, limits))?;
        let pieces = ranges.iter().map(|range| {
            let ty = node.ty.channels(range);
            let (buffer, offset) = placement.place(ty.bytes(), limits);
            Piece { first: range.start, ty, buffer, offset }
        });
        let pieces = pieces.collect();
        placement.places.insert(node.name.clone(), pieces);
    }
    Ok(placement)
}

impl ParameterPlacement {
    /// Reserves bytes after those in use. Returns the buffer and the offset.
    fn place(&mut self, bytes: u64, limits: &Limits) -> (usize, u64) {
        let end = self.buffers.last().map_or(0, |b| b.next_multiple_of(limits.alignment));
        let offset = if self.buffers.is_empty() || end + bytes > limits.max_parameter() {
            self.buffers.push(0);
            0
        } else {
            end
        };
        let buffer = self.buffers.len() - 1;
        self.buffers[buffer] = offset + bytes;
        (buffer, offset)
    }

    /// The piece of a parameter that a node computes, if it does.
    pub(super) fn piece(&self, graph: &Graph, id: NodeId) -> Option<Piece> {
        let node = graph.node(id);
        let Op::Slice(slice) = node.op else { return None };
        let pieces = self.places.get(&graph.node(node.inputs[0]).name).filter(|pieces| pieces.len() > 1)?;
        pieces.iter().find(|piece| (piece.first, piece.ty) == (slice.start[3], node.ty)).copied()
    }

    /// Checks that nothing needs the whole of a parameter that is placed in pieces: no node of `nodes` reads it, and it
    /// is not in `roots`.
    ///
    /// # Errors
    /// [`PlanError::Node`], which names the parameter.
    pub(super) fn check(
        &self,
        graph: &Graph,
        nodes: &[NodeId],
        roots: &[NodeId],
        limits: &Limits,
    ) -> Result<(), PlanError> {
        let in_pieces = |id: &NodeId| {
            let node = graph.node(*id);
            matches!(node.op, Op::Parameter) && self.places[&node.name].len() > 1
        };
        let readers = nodes.iter().filter(|id| self.piece(graph, **id).is_none());
        let mut read = readers.flat_map(|id| &graph.node(*id).inputs).chain(roots);
        read.find(|id| in_pieces(id)).map_or(Ok(()), |id| Err(too_large(graph.node(*id), limits)))
    }
}

fn is_filter(node: &Node) -> bool {
    node.ty.layout == Layout::Filter
}

fn too_large(node: &Node, limits: &Limits) -> PlanError {
    let limit = limits.max_parameter();
    let four = node.ty.channels(&(0..node.ty.shape.c.min(4))).bytes();
    let source = if is_filter(node) && four > limit {
        PlanError::Uncut { bytes: node.ty.bytes(), needs: four, limit }
    } else {
        PlanError::Limit { what: "bytes in one binding", needs: node.ty.bytes(), limit }
    };
    PlanError::Node { op: node.op.name(), node: node.name.clone(), source: Box::new(source) }
}
