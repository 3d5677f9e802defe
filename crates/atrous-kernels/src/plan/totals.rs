//! Sums of totals over several runs.

use atrous_graph::{Graph, NodeId};
use atrous_shaders::optim::totals;

use super::contents::Plan;
use super::layout::Layout;
use super::memory::{BufferKind, BufferPlan};
use super::update::{Update, linear};
use crate::error::PlanError;
use crate::limits::Limits;
use crate::place::Place;
use crate::target::Target;

/// Adds a buffer for the sums of these nodes, if there are any.
///
/// # Errors
/// [`PlanError::Limit`] if the sums exceed a buffer, [`PlanError::Node`] if one of them exceeds a binding.
pub(super) fn place_totals(
    graph: &Graph,
    totals: &[NodeId],
    limits: &Limits,
    layout: &mut Layout,
) -> Result<Vec<(NodeId, Place)>, PlanError> {
    let (mut placed, mut end) = (Vec::new(), 0);
    for &node in totals {
        let bytes = graph.node(node).ty.bytes();
        if bytes > limits.max_binding {
            let source = PlanError::Limit { what: "bytes in one binding", needs: bytes, limit: limits.max_binding };
            let name = graph.node(node).name.clone();
            return Err(PlanError::Node { op: "total of", node: name, source: Box::new(source) });
        }
        placed.push((node, Place { buffer: layout.buffers.len(), offset: end, bytes }));
        end = (end + bytes).next_multiple_of(limits.alignment);
    }
    if end > limits.max_buffer {
        let (what, limit) = ("bytes of totals in one buffer", limits.max_buffer);
        return Err(PlanError::Limit { what, needs: end, limit });
    }
    if end > 0 {
        layout.buffers.push(BufferPlan { kind: BufferKind::Totals, bytes: end });
    }
    Ok(placed)
}

/// Adds the nodes' values to their sums. With the `control` of a training, this is done only if the step counts.
pub(super) fn sum_totals(
    plan: &Plan,
    placed: &[(NodeId, Place)],
    control: Option<Place>,
    target: &Target,
) -> Result<Update, PlanError> {
    let sum = |(node, sum): &(NodeId, Place)| {
        let x = plan.tensors[node.0].expect("a node that is needed has a place").place;
        let count = x.vec4s();
        let call = totals::call(
            totals::Axes { guarded: control.is_some() },
            totals::Constants { count },
            totals::Bindings { x, y: *sum, control },
        );
        linear(call, count, target)
    };
    Ok(Update { name: "totals", dispatches: placed.iter().map(sum).collect::<Result<_, _>>()? })
}
