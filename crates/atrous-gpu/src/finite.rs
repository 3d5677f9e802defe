//! Runs that say where values stop being finite, see [`DeviceOptions::finite`](crate::DeviceOptions::finite).

use atrous_graph::{DType, Graph, NodeId};
use atrous_kernels::Plan;
use atrous_kernels::plan::plan_evaluation;

use crate::data::Output;
use crate::{Device, GpuError};

/// Which outputs of a plan the caller asked for, and the order in which all are looked at.
pub(crate) struct Watch {
    /// The first so many outputs are the caller's.
    pub(crate) asked: usize,
    /// Indices of outputs in the order of the graph.
    order: Vec<usize>,
}

impl Watch {
    /// A plan like this one that also returns every other f32 or f16 node that it computes or reads.
    pub(crate) fn plan(device: &Device, graph: &Graph, plan: &Plan) -> Result<(Self, Plan), GpuError> {
        let totals: Vec<NodeId> = plan.totals.iter().map(|(id, _)| *id).collect();
        let mut needed = vec![false; graph.nodes().len()];
        plan.outputs.iter().chain(&totals).for_each(|id| needed[id.0] = true);
        for i in (0..needed.len()).rev() {
            if needed[i] {
                graph.node(NodeId(i)).inputs.iter().for_each(|input| needed[input.0] = true);
            }
        }
        let others =
            graph.iter().filter(|(id, node)| needed[id.0] && node.ty.dtype != DType::U32 && !plan.outputs.contains(id));
        let outputs: Vec<NodeId> = plan.outputs.iter().copied().chain(others.map(|(id, _)| id)).collect();
        let mut order: Vec<usize> = (0..outputs.len()).collect();
        order.sort_by_key(|i| outputs[*i]);
        let watched = plan_evaluation(graph, &outputs, &totals, &device.target())?;
        Ok((Self { asked: plan.outputs.len(), order }, watched))
    }

    /// Leaves the outputs that the caller asked for.
    ///
    /// # Errors
    /// [`GpuError::NotFinite`] for the first one of all that has a value that is not finite.
    pub(crate) fn check(&self, mut outputs: Vec<Output>) -> Result<Vec<Output>, GpuError> {
        for output in self.order.iter().map(|i| &outputs[*i]) {
            let Ok(values) = output.f32() else { continue };
            if let Some(index) = values.iter().position(|v| !v.is_finite()) {
                let count = values.iter().filter(|v| !v.is_finite()).count();
                let (node, value) = (output.name.clone(), values[index]);
                return Err(GpuError::NotFinite { node, shape: output.shape, index, value, count });
            }
        }
        outputs.truncate(self.asked);
        Ok(outputs)
    }
}
