//! The outputs of a segmentation network's sessions for class maps.

use atrous_gpu::Outputs;
use atrous_graph::op::{Reduce, Reduction};
use atrous_graph::{GraphError, NodeId, Op};
use atrous_nn::Model;

use crate::Result;

/// Name of the class map's node.
pub(super) const MAP: &str = "class_map";
/// Name of the node with the sums of logits.
const SUMS: &str = "sums_of_logits";

/// Adds the class map, and the sum of the logits of each sample and class, which is finite only if all logits are.
pub(super) fn map_outputs(model: &mut Model) -> Result<Vec<NodeId>, GraphError> {
    let logits = model.output();
    Ok(vec![model.graph.add(MAP, Op::ArgMax, &[logits])?, sums(model)?])
}

/// Adds the sum of the logits of each sample and class.
pub(super) fn sums(model: &mut Model) -> Result<NodeId, GraphError> {
    let logits = model.output();
    // Logits are summed before a final resize: there are fewer, and the resize can then be fused with the argmax and store no logits.
    let node = model.graph.node(logits);
    let image = if matches!(node.op, Op::Resize(_)) { node.inputs[0] } else { logits };
    let sum = Reduce { reduction: Reduction::Sum, n: false, h: true, w: true };
    model.graph.add(SUMS, Op::Reduce(sum), &[image])
}

/// Refuses results whose logits are not all finite, which a class map does not show.
pub(super) fn check_sums(outputs: &Outputs) -> Result<()> {
    match outputs.f32(SUMS)?.iter().enumerate().find(|(_, sum)| !sum.is_finite()) {
        Some((index, &value)) => Err(atrous_vision::Error::NotFinite { what: "sum of logits", index, value }.into()),
        None => Ok(()),
    }
}
