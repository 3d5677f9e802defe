//! Stores activations and filters in f16 where kernels can read and write it.
//!
//! F16 storage begins at convolutions and continues through all later operations that have such kernels. Vectors over
//! channels, labels, sums and kept results stay f32; casts convert between the two. In a training step gradients, too,
//! become f16 at convolutions, and values from which losses and metrics are computed after the last convolution stay
//! f32.

use crate::op::{Cast, Fused, Gradient};
use crate::{DType, Graph, Node, NodeId, Op};

use super::report::Report;
use super::rewrite::{Rewrite, Rewritten};
use super::storage::Storage;

const NAME: &str = "half_storage";

/// Largest distance, in nodes, between readers of a tensor that share a cast.
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

/// For each node: whether it reads in f16 the inputs that it can read so.
fn chosen(graph: &Graph, kept: &[bool], storage: &Storage, report: &mut Report) -> Vec<bool> {
    let mut chosen = vec![false; graph.nodes().len()];
    let (last, gradient) = (behind_convolutions(graph, &storage.losses), gradients(graph, storage.loss_scale));
    // For each node: whether its result is f16.
    let mut half: Vec<bool> = graph.nodes().iter().map(|node| node.ty.dtype == DType::F16).collect();
    for (id, node) in graph.iter() {
        // For a gradient, only those inputs count that are gradients, not the forward values that they are multiplied
        // by.
        let reads = |stored: bool| {
            let inputs = node.inputs.iter().enumerate().filter(|(i, _)| reads_stored(node, *i) == stored);
            inputs.filter(|(_, input)| gradient[input.0] || !gradient[id.0]).any(|(_, input)| half[input.0])
        };
        if matches!(node.op, Op::Cast(_)) {
            continue;
        }
        // If an enlarged result must be f32, casting its smaller input is cheaper than casting the result.
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

/// Whether f16 storage begins at an operation.
const fn begins(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::Fused(Fused::Conv(_)))
}

/// For each node: whether a loss or a total is computed from it without any convolution on the way, itself included.
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

/// For each node: whether it depends on the loss scale, and so is a gradient of the loss.
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

/// Whether the result of a node that reads f16 is f16.
fn becomes_half(node: &Node) -> bool {
    node.ty.dtype.is_float() && node.op.definition().stored_as_input()
}

/// Whether a node can read an input in f16.
fn reads_stored(node: &Node, input: usize) -> bool {
    node.op.stores(input)
}

/// Whether a parameter has readers, and all read it in f16.
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

/// A new graph under construction, in which each tensor is f16 or keeps its type.
struct Typed<'a> {
    rewrite: Rewrite<'a>,
    graph: &'a Graph,
    /// For each old node: the new node of its tensor in f16.
    f16: Vec<Option<NodeId>>,
    /// For each old node: the new node of its tensor in the old type, f32 or u32.
    plain: Vec<Option<NodeId>>,
    /// For each old node: the latest cast to the type that its tensor does not have, and the first reader of that cast.
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

    /// Records that an old node has been replaced by one of this type.
    fn made(&mut self, id: NodeId, dtype: DType) {
        let of = if dtype == DType::F16 { &mut self.f16 } else { &mut self.plain };
        of[id.0] = Some(self.rewrite.now(id));
    }

    /// An old node's tensor for a reader, in f16 or in the old type. Adds a cast if necessary. Only readers near each
    /// other share a cast: kept until the backward pass, it would take more memory than f16 storage saves.
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
            // The kept result has the old name, its f16 form a new one.
            let stored = self.rewrite.insert(&format!("{}.f16", node.name), node.op, &inputs);
            let cast = self.rewrite.restate(id, Op::Cast(Cast { dtype: DType::F32 }), &[stored], DType::F32);
            (self.f16[id.0], self.plain[id.0]) = (Some(stored), Some(cast));
        } else {
            self.rewrite.restate(id, node.op, &inputs, dtype);
            self.made(id, dtype);
        }
    }
}
