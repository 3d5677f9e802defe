//! Cuts filters that exceed a limit of bytes by output channels, with the operations that read and make them.
//!
//! The parameter keeps its name and type. Its readers read slices of it, which a plan places one by one, so that the
//! whole is in no buffer. A convolution becomes one for each piece, and their results are concatenated. Its gradient
//! with respect to the image becomes a sum over the pieces in their order, that with respect to the filter one gradient
//! for each piece. Where a group of a convolution ends within a piece, the piece is cut once more.

mod part;

use std::collections::HashMap;
use std::ops::Range;

use crate::op::{Binary, Conv2dGradWeight, Convolution, Fused, FusedConv, Gradient, Slice};
use crate::{Graph, Layout, Node, NodeId, Op, TensorType};

use crate::passes::report::Report;
use crate::passes::rewrite::{Rewrite, Rewritten};
use part::Part;

const NAME: &str = "cut_filters";

/// For each node of the new graph that makes a cut filter: the nodes that make its pieces, in the order of their
/// channels.
pub(super) type Pieces = HashMap<NodeId, Vec<NodeId>>;

/// A range of a filter's output channels, and the node that makes it.
#[derive(Clone)]
struct Piece {
    channels: Range<usize>,
    node: NodeId,
}

/// `None` if no filter is cut: each has at most `limit` bytes, or has more in only four of its output channels.
pub(super) fn run(graph: &Graph, limit: u64, report: &mut Report) -> Option<(Rewritten, Pieces)> {
    let mut cutting =
        Cutting { rewrite: Rewrite::new(graph), graph, limit, pieces: HashMap::new(), slices: HashMap::new() };
    if !graph.nodes().iter().any(|node| cutting.ranges(node.ty).is_some()) {
        return None;
    }
    for (id, node) in graph.iter() {
        cutting.node(id, node, report);
    }
    let now = |(id, pieces): (&NodeId, &Vec<Piece>)| {
        (cutting.rewrite.now(*id), pieces.iter().map(|piece| piece.node).collect())
    };
    let pieces = cutting.pieces.iter().map(now).collect();
    Some((cutting.rewrite.finish(), pieces))
}

struct Cutting<'a> {
    rewrite: Rewrite<'a>,
    graph: &'a Graph,
    limit: u64,
    /// For each node of the old graph whose result is cut: its pieces.
    pieces: HashMap<NodeId, Vec<Piece>>,
    /// Slices that were added: ranges of channels of new nodes.
    slices: HashMap<(NodeId, Range<usize>), NodeId>,
}

/// An operation that is not yet in the graph, and its inputs.
type Waiting = (Op, Vec<NodeId>);

impl Cutting<'_> {
    /// The ranges of channels that a filter is cut into; `None` if it is not cut or not a filter.
    fn ranges(&self, ty: TensorType) -> Option<Vec<Range<usize>>> {
        let is_filter = ty.layout == Layout::Filter;
        ty.channels_within(self.limit).filter(|ranges| is_filter && ranges.len() > 1)
    }

    /// Rewrites a node of the old graph.
    fn node(&mut self, id: NodeId, node: &Node, report: &mut Report) {
        if let Some(fused) = FusedConv::of(&node.op, node.inputs.len())
            && let Some(pieces) = self.pieces.get(&node.inputs[1]).cloned()
        {
            report.note(NAME, &node.name, Ok(()));
            return match fused.conv {
                Convolution::Forward(_) => self.forward(id, node, &fused, &pieces),
                Convolution::Transposed(_) => self.transposed(id, node, &fused, &pieces),
            };
        }
        let inputs: Option<Vec<Vec<Piece>>> = node.inputs.iter().map(|input| self.pieces.get(input).cloned()).collect();
        let ranges = self.ranges(node.ty);
        if let (Op::Parameter, Some(ranges)) = (node.op, &ranges) {
            self.parameter(id, ranges);
        } else if let (Op::Gradient(Gradient::Conv2dWeight(op)), Some(ranges)) = (node.op, &ranges) {
            report.note(NAME, &node.name, Ok(()));
            self.grad_weight(id, node, &op, ranges);
        } else if let (Op::Cast(_) | Op::Binary(_), Some(inputs)) = (node.op, inputs.filter(|inputs| alike(inputs))) {
            self.elements(id, node, &inputs);
        } else {
            self.rewrite.copy(id);
        }
    }

    fn parameter(&mut self, id: NodeId, ranges: &[Range<usize>]) {
        self.rewrite.copy(id);
        let whole = self.rewrite.now(id);
        let piece = |channels: Range<usize>| Piece { node: self.slice(whole, &channels), channels };
        let pieces = ranges.iter().cloned().map(piece).collect();
        self.pieces.insert(id, pieces);
    }

    fn forward(&mut self, id: NodeId, node: &Node, fused: &FusedConv, pieces: &[Piece]) {
        let inputs = self.inputs(node);
        let groups = groups(fused.conv);
        let mut made = Vec::new();
        for (part, filter) in self.filters(pieces, node, groups) {
            let image = self.slice(inputs[0], &part.opposite(self.channels(inputs[0]), groups));
            let others: Vec<NodeId> = inputs[2..].iter().map(|input| self.slice(*input, &part.channels)).collect();
            let conv = part.convolution(fused.conv);
            let op = if matches!(node.op, Op::Fused(Fused::Conv(_))) {
                Op::Fused(Fused::Conv(FusedConv { conv, ..*fused }))
            } else {
                conv.op()
            };
            made.push(self.insert(node, &part, op, &[&[image, filter], &others[..]].concat()));
        }
        self.rewrite.put(id, Op::Concat, &made);
    }

    /// Sums over the pieces of each group, concatenated; then the fused residual and activation.
    fn transposed(&mut self, id: NodeId, node: &Node, fused: &FusedConv, pieces: &[Piece]) {
        let inputs = self.inputs(node);
        let groups = groups(fused.conv);
        let filters = self.filters(pieces, node, groups);
        let mut sums: Vec<Waiting> = Vec::new();
        for parts in filters.chunk_by(|(a, _), (b, _)| a.groups == b.groups) {
            let mut sum: Option<Waiting> = None;
            for (part, filter) in parts {
                let image = self.slice(inputs[0], &part.channels);
                let op = part.convolution(fused.conv).op();
                sum = Some(match sum {
                    None => {
                        let bias = inputs[2..].iter().take(usize::from(fused.bias));
                        let range = part.opposite(node.ty.shape.c, groups);
                        let bias: Vec<NodeId> = bias.map(|bias| self.slice(*bias, &range)).collect();
                        (op, [&[image, *filter], &bias[..]].concat())
                    }
                    Some(sum) => {
                        let term = self.insert(node, part, op, &[image, *filter]);
                        (Op::Binary(Binary::Add), vec![self.add(node, &sum), term])
                    }
                });
            }
            sums.extend(sum);
        }
        let mut result = if sums.len() == 1 {
            sums.swap_remove(0)
        } else {
            (Op::Concat, sums.iter().map(|sum| self.add(node, sum)).collect())
        };
        if fused.residual {
            result = (Op::Binary(Binary::Add), vec![self.add(node, &result), inputs[fused.conv_inputs()]]);
        }
        if let Some(activation) = fused.activation {
            result = (Op::Unary(activation), vec![self.add(node, &result)]);
        }
        self.rewrite.put(id, result.0, &result.1);
    }

    fn grad_weight(&mut self, id: NodeId, node: &Node, op: &Conv2dGradWeight, ranges: &[Range<usize>]) {
        let inputs = self.inputs(node);
        let groups = op.conv.groups;
        let mut pieces = Vec::new();
        for channels in ranges {
            let mut made = Vec::new();
            for part in Part::of(channels, node.ty.shape.c, groups) {
                let image = self.slice(inputs[0], &part.opposite(self.channels(inputs[0]), groups));
                let gradient = self.slice(inputs[1], &part.channels);
                let op = Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv: part.conv(op.conv), ..*op }));
                made.push(self.insert(node, &part, op, &[image, gradient]));
            }
            let piece = if let [piece] = made[..] { piece } else { self.add(node, &(Op::Concat, made)) };
            pieces.push(Piece { channels: channels.clone(), node: piece });
        }
        self.join(id, pieces);
    }

    fn elements(&mut self, id: NodeId, node: &Node, inputs: &[Vec<Piece>]) {
        let piece = |i: usize| {
            let of: Vec<NodeId> = inputs.iter().map(|pieces| pieces[i].node).collect();
            let channels = inputs[0][i].channels.clone();
            Piece { node: self.rewrite.insert(&named(&node.name, &channels), node.op, &of), channels }
        };
        let pieces = (0..inputs[0].len()).map(piece).collect();
        self.join(id, pieces);
    }

    /// Replaces an old node by the concatenation of its pieces, for readers of the whole tensor.
    fn join(&mut self, id: NodeId, pieces: Vec<Piece>) {
        let nodes: Vec<NodeId> = pieces.iter().map(|piece| piece.node).collect();
        self.rewrite.put(id, Op::Concat, &nodes);
        self.pieces.insert(id, pieces);
    }

    /// The pieces of a convolution's filter, cut further where groups end, and the nodes that make them.
    fn filters(&mut self, pieces: &[Piece], node: &Node, groups: usize) -> Vec<(Part, NodeId)> {
        let all = self.graph.shape(node.inputs[1]).c;
        let mut filters = Vec::new();
        for piece in pieces {
            for part in Part::of(&piece.channels, all, groups) {
                let first = piece.channels.start;
                let filter = self.slice(piece.node, &(part.channels.start - first..part.channels.end - first));
                filters.push((part, filter));
            }
        }
        filters
    }

    fn inputs(&self, node: &Node) -> Vec<NodeId> {
        node.inputs.iter().map(|input| self.rewrite.now(*input)).collect()
    }

    fn channels(&self, id: NodeId) -> usize {
        self.rewrite.graph().shape(id).c
    }

    /// Channels of a node of the new graph: a slice, or the node itself if these are all its channels.
    fn slice(&mut self, id: NodeId, channels: &Range<usize>) -> NodeId {
        let Node { name, ty, .. } = self.rewrite.graph().node(id);
        if channels.len() == ty.shape.c {
            return id;
        }
        let (name, op) = (named(name, channels), Op::Slice(Slice::channels(ty.shape, channels.start, channels.len())));
        *self.slices.entry((id, channels.clone())).or_insert_with(|| self.rewrite.insert(&name, op, &[id]))
    }

    /// Adds the operation that computes a part of an old node.
    fn insert(&mut self, node: &Node, part: &Part, op: Op, inputs: &[NodeId]) -> NodeId {
        self.rewrite.insert(&named(&node.name, &part.channels), op, inputs)
    }

    /// Adds an operation that computes an intermediate result of an old node.
    fn add(&mut self, node: &Node, (op, inputs): &Waiting) -> NodeId {
        self.rewrite.insert(&format!("{}.{}", node.name, op.name()), *op, inputs)
    }
}

const fn groups(conv: Convolution) -> usize {
    match conv {
        Convolution::Forward(conv) => conv.groups,
        Convolution::Transposed(op) => op.conv.groups,
    }
}

/// Whether all inputs are cut at the same channels.
fn alike(inputs: &[Vec<Piece>]) -> bool {
    let ranges = |pieces: &[Piece]| pieces.iter().map(|piece| piece.channels.clone()).collect::<Vec<_>>();
    inputs.iter().all(|pieces| ranges(pieces) == ranges(&inputs[0]))
}

/// The name of a part, such as `conv1[0..64]`.
fn named(name: &str, channels: &Range<usize>) -> String {
    format!("{name}[{}..{}]", channels.start, channels.end)
}
