//! What a node costs: multiply-accumulates and bytes.

use crate::{Graph, NodeId, TensorType};

/// Multiply-accumulates of a node: one for each use of a weight by a convolution. Padding counts as data; bias,
/// normalisation, activation, pooling and resizing count as 0.
pub fn macs(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    let inputs: Vec<TensorType> = node.inputs.iter().map(|i| graph.node(*i).ty).collect();
    node.op.definition().macs(&inputs, node.ty)
}

/// Bytes that a node reads and writes when it runs unfused, channel padding included; 0 if it needs no kernel.
pub fn bytes(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    if node.op.definition().is_free(node.inputs.len()) {
        return 0;
    }
    node.ty.bytes() + node.inputs.iter().map(|i| graph.node(*i).ty.bytes()).sum::<u64>()
}
