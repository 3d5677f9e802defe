//! Plans of training steps: the graph, then the updates of its parameters.
//!
//! The gradient of a parameter is written at the parameter's offset in a buffer of the same layout, so that a few
//! dispatches update all parameters of a buffer.

use std::collections::HashMap;

use atrous_graph::optim::Training;
use atrous_graph::{Graph, NodeId, Op};

use super::buffers::TrainingBuffers;
use super::contents::Plan;
use super::layout::Layout;
use super::make::{known, needed, plan_nodes};
use super::memory::TensorPlan;
use super::optimizer::Following;
use super::placement::{ParameterPlacement, place_parameters};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::optim::STEP_LEN;
use crate::place::Place;
use crate::target::Target;

/// Plans a training step and checks the plan: the nodes that `outputs` and `training` need, then the update of the
/// parameters. Filters larger than a binding must have been [cut](super::plan).
///
/// # Errors
/// [`PlanError::Training`] if `training` does not fit the graph, and the errors of [`plan`](super::plan).
pub fn plan_training(
    graph: &Graph,
    outputs: &[NodeId],
    training: &Training,
    target: &Target,
) -> Result<Plan, PlanError> {
    known(graph, "output", outputs)?;
    training.validate(graph).map_err(PlanError::Training)?;
    let both = || training.gradients.iter().chain(&training.assignments);
    let mut roots: Vec<NodeId> = both().flat_map(|(parameter, node)| [*parameter, *node]).collect();
    roots.extend(outputs.iter().chain([&training.loss]).chain(&training.totals));
    let nodes = needed(graph, &roots);
    let limits = &target.limits;
    let parameters = place_parameters(graph, limits)?;
    parameters.check(graph, &nodes, &roots, limits)?;
    check_pieces(graph, training, &parameters)?;
    let (sharing, made) = plan_nodes(graph, &nodes, &roots, &parameters, target)?;

    let mut layout = Layout::new(graph, parameters);
    let uploaded: Vec<NodeId> =
        nodes.iter().copied().filter(|id| training.loss_scale.is_none_or(|scale| scale.node != *id)).collect();
    let step = layout.place_fixed(graph, limits, made.len(), &uploaded, STEP_LEN as u64 * 4)?;
    let buffers = TrainingBuffers::place(graph, training, limits, made.len(), &mut layout)?;
    let copies = place_gradients(graph, training, &made, &buffers, &mut layout);
    let tables = layout.place_constants(limits, &made, &buffers.tables());
    let mut kept: Vec<NodeId> = copies.iter().map(|(node, _)| *node).collect();
    kept.extend(outputs.iter().chain([&training.loss]).chain(&training.totals));
    layout.place_banks(graph, limits, &made, &sharing, &kept);

    let mut plan = layout.resolve(graph, made, outputs);
    let following = Following { plan: &plan, training, buffers: &buffers, step, tables: &tables, target };
    let (after, trains) = (following.after(&copies)?, following.training(graph)?);
    (plan.after, plan.totals, plan.training) = (after, buffers.totals, Some(trains));
    plan.check(limits)?;
    Ok(plan)
}

/// Checks that everything that is updated or assigned is a parameter, or a piece of one.
fn check_pieces(graph: &Graph, training: &Training, parameters: &ParameterPlacement) -> Result<(), PlanError> {
    let pairs = training.gradients.iter().chain(&training.assignments).map(|(parameter, _)| *parameter);
    let is_one = |id: &NodeId| matches!(graph.node(*id).op, Op::Parameter) || parameters.piece(graph, *id).is_some();
    let mut others = pairs.filter(|id| !is_one(id));
    others.next().map_or(Ok(()), |id| {
        Err(PlanError::Training(format!(
            "\"{}\" is no parameter, nor a piece that one is cut into",
            graph.node(id).name
        )))
    })
}

/// Places gradients, and next values of running statistics, where the updates of their parameters read them. Returns
/// those that cannot be computed there, and the places to copy them to: tensors that several parameters share, that no
/// dispatch computes, or that are computed from another tensor of the same buffer.
fn place_gradients(
    graph: &Graph,
    training: &Training,
    made: &[(NodeId, NodePlan)],
    buffers: &TrainingBuffers,
    layout: &mut Layout,
) -> Vec<(NodeId, Place)> {
    let plans: HashMap<NodeId, &NodePlan> = made.iter().map(|(id, plan)| (*id, plan)).collect();
    let source = |node: NodeId| {
        let mut id = node;
        while plans.get(&id).is_some_and(|plan| plan.dispatches.is_empty()) {
            id = graph.node(id).inputs[0];
        }
        id
    };
    let pairs = training.gradients.iter().chain(&training.assignments);
    let mut pairs: Vec<(NodeId, Place)> =
        pairs.map(|(parameter, node)| (source(*node), buffers.gradient_of(*parameter, layout))).collect();
    pairs.sort_by_key(|(node, place)| (*node, place.buffer, place.offset));
    let mut wanted: HashMap<NodeId, usize> = HashMap::new();
    for (node, _) in &pairs {
        *wanted.entry(*node).or_default() += 1;
    }
    let mut copies = Vec::new();
    for (node, place) in pairs {
        let inputs = graph.node(node).inputs.iter();
        let mut placed = inputs.filter_map(|input| layout.tensors[source(*input).0]);
        let reads_its_buffer = placed.any(|tensor| tensor.place.buffer == place.buffer);
        if wanted[&node] == 1 && plans.contains_key(&node) && !reads_its_buffer {
            layout.tensors[node.0] = Some(TensorPlan { place, first: 0, last: made.len() });
        } else {
            copies.push((node, place));
        }
    }
    copies
}
