//! Where parameters lie: in as few buffers as the limits allow, in the order of the graph.

use std::collections::HashMap;

use atrous_graph::Graph;

use crate::{Limits, PlanError};

/// The parameter buffers of a network. The same for every input size, so that plans can share them. Each can be bound as a
/// whole, as updates do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterPlacement {
    /// Bytes of each buffer.
    pub buffers: Vec<u64>,
    /// By parameter name: buffer, first byte, bytes.
    pub places: HashMap<String, (usize, u64, u64)>,
}

/// Places all parameters of a graph.
///
/// # Errors
/// [`PlanError::Node`] naming a parameter that is larger than a binding or a buffer may be.
pub fn place_parameters(graph: &Graph, limits: &Limits) -> Result<ParameterPlacement, PlanError> {
    let mut placement = ParameterPlacement::default();
    let limit = limits.max_buffer.min(limits.max_binding);
    for (_, node) in graph.parameters() {
        let bytes = node.ty.bytes();
        if bytes > limit {
            let source = Box::new(PlanError::Limit { what: "bytes in one binding", needs: bytes, limit });
            return Err(PlanError::Node { op: node.op.name(), node: node.name.clone(), source });
        }
        let end = placement.buffers.last().map_or(0, |b| b.next_multiple_of(limits.alignment));
        let offset = if placement.buffers.is_empty() || end + bytes > limit {
            placement.buffers.push(0);
            0
        } else {
            end
        };
        let buffer = placement.buffers.len() - 1;
        placement.buffers[buffer] = offset + bytes;
        placement.places.insert(node.name.clone(), (buffer, offset, bytes));
    }
    Ok(placement)
}
