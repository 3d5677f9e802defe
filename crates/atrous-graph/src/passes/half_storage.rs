//! Activations and filters are stored in f16 where kernels read and write them so.
//!
//! It begins at convolutions and goes on through everything behind them that has such kernels. Vectors over channels, labels, sums
//! and results that are asked for stay f32; casts stand where the two meet. In a training step gradients begin to be f16 at
//! convolutions as well, and what losses and metrics are made of behind the last convolution stays f32.

use crate::op::{Cast, Fused, Gradient};
use crate::{DType, Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten};
use super::storage::Storage;

const NAME: &str = "half_storage";

/// Readers of one tensor that so many nodes at most lie between share a cast.
const NEAR: usize = 8;

pub(super) fn run(graph: &Graph, kept: &[NodeId], storage: &Storage, report: &mut Report) -> Rewritten {
    let mut kept_flags = vec![false; graph.nodes().len()];
    kept.iter().for_each(|id| kept_flags[id.0] = true);
    let chosen = chosen(graph, &kept_flags, storage, report);
    let mut typed = Typed::new(graph);
    for (id, node) in graph.iter() {
        if !matches!(node.op, Op::Input | Op::Parameter) {
            typed.operation(id, node, chosen[id.0], kept_flags[id.0]);
            continue;
        }
        let rounded = matches!(node.op, Op::Parameter) && storage.filters && !kept_flags[id.0];
        if rounded && only_stored(graph, &chosen, id) {
            let made = typed.rewrite.restate(id, Op::Parameter, &[], DType::F16);
            typed.f16[id.0] = Some(made);
        } else {
            typed.rewrite.copy(id);
            typed.made(id, node.ty.dtype);
        }
    }
    typed.rewrite.finish()
}

/// By node: whether its stored inputs are f16.
fn chosen(graph: &Graph, kept: &[bool], storage: &Storage, report: &mut Report) -> Vec<bool> {
    let mut chosen = vec![false; graph.nodes().len()];
    let (last, gradient) = (behind_convolutions(graph, &storage.losses), gradients(graph, storage.loss_scale));
    // Whether a node's result is f16.
    let mut half: Vec<bool> = graph.nodes().iter().map(|node| node.ty.dtype == DType::F16).collect();
    for (id, node) in graph.iter() {
        // A gradient goes by those that it is made of, not by what else they are multiplied with.
        let reads = |stored: bool| {
            let inputs = node.inputs.iter().enumerate().filter(|(i, _)| reads_stored(node, *i) == stored);
            inputs.filter(|(_, input)| gradient[input.0] || !gradient[id.0]).any(|(_, input)| half[input.0])
        };
        if matches!(node.op, Op::Cast(_)) {
            continue;
        }
        // Casting what an enlarged result is made of takes less than casting the result.
        if kept[id.0] && matches!(node.op, Op::Resize(_)) && reads(true) && enlarges(graph, node) {
            report.note(NAME, &node.name, Err("its result is asked for, and larger than its image"));
            continue;
        }
        let filters = gradient[id.0] && matches!(node.op, Op::Gradient(Gradient::Conv2dWeight(_)));
        if begins(&node.op) || filters || reads(true) {
            let becomes_half = becomes_half(node);
            if becomes_half && last[id.0] {
                report.note(NAME, &node.name, Err("a loss or a total is made of it"));
                continue;
            }
            (chosen[id.0], half[id.0]) = (true, becomes_half);
            report.note(NAME, &node.name, Ok(()));
        } else if reads(false) {
            report.note(NAME, &node.name, Err("no kernel of it reads f16"));
        }
    }
    chosen
}

/// Whether f16 begins at an operation.
const fn begins(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::Fused(Fused::Conv(_)))
}

/// By node: whether a loss or a total is made of it, and no convolution stands in between. A convolution itself is not.
fn behind_convolutions(graph: &Graph, losses: &[NodeId]) -> Vec<bool> {
    let mut read = vec![false; graph.nodes().len()];
    let mut convolved = read.clone();
    losses.iter().for_each(|id| read[id.0] = true);
    for (i, node) in graph.nodes().iter().enumerate().rev().filter(|(_, node)| !node.inputs.is_empty()) {
        convolved[i] |= begins(&node.op);
        if read[i] {
            for input in &node.inputs {
                read[input.0] = true;
                convolved[input.0] |= convolved[i];
            }
        }
    }
    read.iter().zip(convolved).map(|(read, convolved)| *read && !convolved).collect()
}

/// By node: whether it is the gradient of the loss by something, and so multiplied with the loss scale.
fn gradients(graph: &Graph, loss_scale: Option<NodeId>) -> Vec<bool> {
    let mut depends = vec![false; graph.nodes().len()];
    if let Some(scale) = loss_scale {
        depends[scale.0] = true;
    }
    for (id, node) in graph.iter() {
        depends[id.0] |= node.inputs.iter().any(|input| depends[input.0]);
    }
    depends
}

/// Whether the result is larger than the first input.
fn enlarges(graph: &Graph, node: &Node) -> bool {
    node.ty.shape.len() > graph.shape(node.inputs[0]).len()
}

/// Whether a node that reads f16 makes f16.
fn becomes_half(node: &Node) -> bool {
    node.ty.dtype.is_float() && node.op.definition().stored_as_input()
}

/// Whether a node may read an input in f16.
fn reads_stored(node: &Node, input: usize) -> bool {
    node.op.stores(input)
}

/// Whether all who read a parameter read it in f16.
fn only_stored(graph: &Graph, chosen: &[bool], parameter: NodeId) -> bool {
    let mut read = false;
    for (id, node) in graph.iter() {
        for (i, _) in node.inputs.iter().enumerate().filter(|(_, input)| **input == parameter) {
            if !chosen[id.0] || !reads_stored(node, i) {
                return false;
            }
            read = true;
        }
    }
    read
}

/// A new graph in which tensors are f16, or as they were before.
struct Typed<'a> {
    rewrite: Rewrite<'a>,
    graph: &'a Graph,
    /// By old node: its tensor in f16.
    f16: Vec<Option<NodeId>>,
    /// By old node: its tensor in f32, or its map.
    plain: Vec<Option<NodeId>>,
    /// By old node: its tensor in the other type, and the first one that read it so.
    cast: Vec<Option<(NodeId, NodeId)>>,
}

impl<'a> Typed<'a> {
    fn new(graph: &'a Graph) -> Self {
        let none = vec![None; graph.nodes().len()];
        Self {
            rewrite: Rewrite::new(graph),
            graph,
            f16: none.clone(),
            plain: none,
            cast: vec![None; graph.nodes().len()],
        }
    }

    /// Notes that an old node's place has been filled by a tensor of this type.
    fn made(&mut self, id: NodeId, dtype: DType) {
        let of = if dtype == DType::F16 { &mut self.f16 } else { &mut self.plain };
        of[id.0] = Some(self.rewrite.now(id));
    }

    /// An old node's tensor in f16, or as it was before, for a reader; cast if it is not there. Readers that are near share a cast.
    /// Kept for others, such as those of a backward pass, it would take more memory than it is meant to save.
    fn read(&mut self, id: NodeId, half: bool, reader: NodeId) -> NodeId {
        let (wanted, other) = if half { (&self.f16, &self.plain) } else { (&self.plain, &self.f16) };
        if let Some(made) = wanted[id.0] {
            return made;
        }
        if let Some((cast, first)) = self.cast[id.0]
            && reader.0 - first.0 <= NEAR
        {
            return cast;
        }
        let other = other[id.0].expect("inputs precede their users: a bug of atrous");
        let (dtype, suffix) = if half { (DType::F16, "f16") } else { (DType::F32, "f32") };
        let name = format!("{}.{suffix}", self.graph.node(id).name);
        let made = self.rewrite.insert(&name, Op::Cast(Cast { dtype }), &[other]);
        self.cast[id.0] = Some((made, reader));
        made
    }

    fn operation(&mut self, id: NodeId, node: &Node, chosen: bool, kept: bool) {
        let half = |i: usize| {
            if let Op::Cast(to) = node.op { to.dtype == DType::F32 } else { chosen && reads_stored(node, i) }
        };
        let inputs = node.inputs.iter().enumerate();
        let inputs: Vec<NodeId> = inputs.map(|(i, input)| self.read(*input, half(i), id)).collect();
        let dtype = if chosen && becomes_half(node) { DType::F16 } else { node.ty.dtype };
        if kept && dtype != node.ty.dtype {
            // Its name stays with the result that is asked for.
            let stored = self.rewrite.insert(&format!("{}.f16", node.name), node.op, &inputs);
            let cast = self.rewrite.restate(id, Op::Cast(Cast { dtype: DType::F32 }), &[stored], DType::F32);
            (self.f16[id.0], self.plain[id.0]) = (Some(stored), Some(cast));
        } else {
            self.rewrite.restate(id, node.op, &inputs, dtype);
            self.made(id, dtype);
        }
    }
}
