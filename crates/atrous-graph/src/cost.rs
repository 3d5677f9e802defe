//! What a node costs: multiply-accumulates and bytes.

use crate::op::FusedConv;
use crate::{Graph, NodeId, Op};

/// Multiply-accumulates of a node: one per use of a weight by a convolution, padding counted as data, nothing for bias,
/// normalisation, activation, pooling or resizing.
pub fn macs(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    let filter = |i: usize| graph.shape(node.inputs[i]);
    match &plain(&node.op) {
        Op::Conv2d(_) => {
            let (out, w) = (node.ty.shape, filter(1));
            (out.len() * w.n * w.h * w.w) as u64
        }
        Op::Conv2dGradInput(_) => {
            let (y, w) = (graph.shape(node.inputs[0]), filter(1));
            (y.len() * w.n * w.h * w.w) as u64
        }
        Op::Conv2dGradWeight(_) => {
            let (dy, w) = (filter(1), node.ty.shape);
            (dy.len() * w.n * w.h * w.w) as u64
        }
        Op::Custom(op) => {
            let inputs: Vec<_> = node.inputs.iter().map(|i| graph.node(*i).ty).collect();
            op.macs(&inputs, node.ty)
        }
        _ => 0,
    }
}

/// A fused convolution without what surrounds it; all others as they are.
const fn plain(op: &Op) -> Op {
    match op {
        Op::FusedConv(FusedConv { conv, .. }) => conv.op(),
        other => *other,
    }
}

/// Bytes a node reads and writes when it runs alone, padding included.
pub fn bytes(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    match node.op {
        Op::Input | Op::Parameter | Op::StopGradient => 0,
        Op::Dropout(_) if node.inputs.len() == 1 => 0,
        _ => node.ty.bytes() + node.inputs.iter().map(|i| graph.node(*i).ty.bytes()).sum::<u64>(),
    }
}
