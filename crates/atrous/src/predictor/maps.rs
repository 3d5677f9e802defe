//! The results of a segmentation network's sessions for class maps.

use atrous_gpu::Outputs;
use atrous_graph::op::{Reduce, Reduction};
use atrous_graph::{GraphError, NodeId, Op};
use atrous_nn::Model;

use crate::Result;

/// The names of both.
pub(super) const MAP: &str = "class_map";
const SUMS: &str = "sums_of_logits";

/// The class map, and the sum of each sample's and class's logits, which is no number unless all of them are.
pub(super) fn map_outputs(model: &mut Model) -> Result<Vec<NodeId>, GraphError> {
    let logits = model.output();
    Ok(vec![model.graph.add(MAP, Op::ArgMax, &[logits])?, sums(model)?])
}

/// The sum of each sample's and class's logits.
pub(super) fn sums(model: &mut Model) -> Result<NodeId, GraphError> {
    let logits = model.output();
    // Before they are enlarged there are fewer, and what enlarges them need not store them.
    let node = model.graph.node(logits);
    let image = if matches!(node.op, Op::Resize(_)) { node.inputs[0] } else { logits };
    let sum = Reduce { reduction: Reduction::Sum, n: false, h: true, w: true };
    model.graph.add(SUMS, Op::Reduce(sum), &[image])
}

/// Refuses results whose logits are not all finite: what is made of them, such as a class map, does not tell.
pub(super) fn check_sums(outputs: &Outputs) -> Result<()> {
    match outputs.f32(SUMS)?.iter().enumerate().find(|(_, sum)| !sum.is_finite()) {
        Some((index, &value)) => Err(atrous_vision::Error::NotFinite { what: "sum of logits", index, value }.into()),
        None => Ok(()),
    }
}
