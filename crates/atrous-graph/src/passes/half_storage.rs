//! Activations and filters are stored in f16 where kernels read and write them so.
//!
//! It begins at convolutions and goes on through everything behind them that has such kernels. Vectors over channels, labels, sums
//! and results that are asked for stay f32; casts stand where the two meet.

use crate::{DType, Graph, Node, NodeId, Op};

use super::Report;
use super::rewrite::{Rewrite, Rewritten};

const NAME: &str = "half_storage";

/// With `parameters` filters become f16 themselves; else they are cast in every run.
pub(super) fn run(graph: &Graph, kept: &[NodeId], parameters: bool, report: &mut Report) -> Rewritten {
    let mut kept_flags = vec![false; graph.nodes().len()];
    kept.iter().for_each(|id| kept_flags[id.0] = true);
    let chosen = chosen(graph, &kept_flags, report);
    let mut typed = Typed::new(graph);
    for (id, node) in graph.iter() {
        match node.op {
            Op::Parameter if parameters && !kept_flags[id.0] && only_stored(graph, &chosen, id) => {
                let made = typed.rewrite.restate(id, Op::Parameter, &[], DType::F16);
                typed.f16[id.0] = Some(made);
            }
            Op::Input | Op::Parameter => {
                typed.rewrite.copy(id);
                typed.made(id, node.ty.dtype);
            }
            _ => typed.operation(id, node, chosen[id.0], kept_flags[id.0]),
        }
    }
    typed.rewrite.finish()
}

/// By node: whether its stored inputs are f16.
fn chosen(graph: &Graph, kept: &[bool], report: &mut Report) -> Vec<bool> {
    let mut chosen = vec![false; graph.nodes().len()];
    // Whether a node's result is f16.
    let mut half: Vec<bool> = graph.nodes().iter().map(|node| node.ty.dtype == DType::F16).collect();
    for (id, node) in graph.iter() {
        let reads = |stored: bool| {
            let inputs = node.inputs.iter().enumerate();
            inputs.filter(|(i, _)| reads_stored(node, *i) == stored).any(|(_, input)| half[input.0])
        };
        let begins = matches!(node.op, Op::Conv2d(_) | Op::Conv2dGradInput(_) | Op::FusedConv(_));
        if matches!(node.op, Op::Cast(_)) {
            continue;
        }
        // Casting what an enlarged result is made of takes less than casting the result.
        if kept[id.0] && matches!(node.op, Op::Resize(_)) && reads(true) && enlarges(graph, node) {
            report.note(NAME, &node.name, Err("its result is asked for, and larger than its image"));
            continue;
        }
        chosen[id.0] = begins || reads(true);
        if chosen[id.0] {
            half[id.0] = becomes_half(node);
            report.note(NAME, &node.name, Ok(()));
        } else if reads(false) {
            report.note(NAME, &node.name, Err("no kernel of it reads f16"));
        }
    }
    chosen
}

/// Whether the result is larger than the first input.
fn enlarges(graph: &Graph, node: &Node) -> bool {
    node.ty.shape.len() > graph.shape(node.inputs[0]).len()
}

/// Whether a node that reads f16 makes f16.
fn becomes_half(node: &Node) -> bool {
    node.ty.dtype.is_float() && !node.op.gives_f32()
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

/// A new graph in which tensors exist in f16, as they were before, or both.
struct Typed<'a> {
    rewrite: Rewrite<'a>,
    graph: &'a Graph,
    f16: Vec<Option<NodeId>>,
    /// In f32, or as maps.
    plain: Vec<Option<NodeId>>,
}

impl<'a> Typed<'a> {
    fn new(graph: &'a Graph) -> Self {
        let none = vec![None; graph.nodes().len()];
        Self { rewrite: Rewrite::new(graph), graph, f16: none.clone(), plain: none }
    }

    /// Notes that an old node's place has been filled by a tensor of this type.
    fn made(&mut self, id: NodeId, dtype: DType) {
        let of = if dtype == DType::F16 { &mut self.f16 } else { &mut self.plain };
        of[id.0] = Some(self.rewrite.now(id));
    }

    /// An old node's tensor in f16, or as it was before; cast once if it is not there.
    fn read(&mut self, id: NodeId, half: bool) -> NodeId {
        let (wanted, other) = if half { (&self.f16, &self.plain) } else { (&self.plain, &self.f16) };
        if let Some(made) = wanted[id.0] {
            return made;
        }
        let other = other[id.0].expect("inputs precede their users: a bug of atrous");
        let (dtype, suffix) = if half { (DType::F16, "f16") } else { (DType::F32, "f32") };
        let name = format!("{}.{suffix}", self.graph.node(id).name);
        let made = self.rewrite.insert(&name, Op::Cast(dtype), &[other]);
        if half {
            self.f16[id.0] = Some(made)
        } else {
            self.plain[id.0] = Some(made)
        }
        made
    }

    fn operation(&mut self, id: NodeId, node: &Node, chosen: bool, kept: bool) {
        let half = |i: usize| match node.op {
            Op::Cast(to) => to == DType::F32,
            _ => chosen && reads_stored(node, i),
        };
        let inputs: Vec<NodeId> = node.inputs.iter().enumerate().map(|(i, input)| self.read(*input, half(i))).collect();
        let dtype = if chosen && becomes_half(node) { DType::F16 } else { node.ty.dtype };
        if kept && dtype != node.ty.dtype {
            // Its name stays with the result that is asked for.
            self.f16[id.0] = Some(self.rewrite.insert(&format!("{}.f16", node.name), node.op, &inputs));
            let cast =
                self.rewrite.restate(id, Op::Cast(DType::F32), &[self.f16[id.0].expect("just made")], DType::F32);
            self.plain[id.0] = Some(cast);
        } else {
            self.rewrite.restate(id, node.op, &inputs, dtype);
            self.made(id, dtype);
        }
    }
}
