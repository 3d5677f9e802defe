//! The results of a segmentation network's sessions for class maps.

use atrous_graph::op::{Reduce, Reduction};
use atrous_graph::{GraphError, NodeId, Op};
use atrous_nn::Model;

/// The names of both.
pub(super) const MAP: &str = "class_map";
pub(super) const SUMS: &str = "sums_of_logits";

/// The class map, and the sum of each sample's and class's logits, which is no number unless all of them are.
pub(super) fn map_outputs(model: &mut Model) -> Result<Vec<NodeId>, GraphError> {
    let logits = model.output();
    let map = model.graph.add(MAP, Op::ArgMax, &[logits])?;
    // Before they are enlarged there are fewer, and what enlarges them need not store them.
    let node = model.graph.node(logits);
    let image = if matches!(node.op, Op::Resize(_)) { node.inputs[0] } else { logits };
    let sum = Reduce { reduction: Reduction::Sum, n: false, h: true, w: true };
    Ok(vec![map, model.graph.add(SUMS, Op::Reduce(sum), &[image])?])
}
