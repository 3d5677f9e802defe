//! What a node costs: multiply-accumulates and bytes.

use crate::{Graph, NodeId, TensorType};

/// Multiply-accumulates of a node: one per use of a weight by a convolution, padding counted as data, nothing for bias,
/// normalisation, activation, pooling or resizing.
pub fn macs(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    let inputs: Vec<TensorType> = node.inputs.iter().map(|i| graph.node(*i).ty).collect();
    node.op.definition().macs(&inputs, node.ty)
}

/// Bytes a node reads and writes when it runs alone, padding included.
pub fn bytes(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    if node.op.definition().is_free(node.inputs.len()) {
        return 0;
    }
    node.ty.bytes() + node.inputs.iter().map(|i| graph.node(*i).ty.bytes()).sum::<u64>()
}
