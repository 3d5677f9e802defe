//! Making a plan: which nodes run, with which kernels, and where their tensors are placed.

use std::collections::HashMap;

use atrous_graph::op::Fused;
use atrous_graph::optim::validate_totals;
use atrous_graph::{Graph, NodeId, Op};

use super::contents::Plan;
use super::layout::Layout;
use super::placement::{ParameterPlacement, place_parameters};
use super::requests::Requests;
use super::share::Sharing;
use super::totals::{place_totals, sum_totals};
use crate::dispatch::{Declined, NodePlan, Strips};
use crate::error::PlanError;
use crate::family::kernels;
use crate::known::check_asked;
use crate::node::plan_parts;
use crate::norm::statistics::plan_strips;
use crate::problem::{Part, Problem};
use crate::target::Target;

/// Plans the nodes that `outputs` need, in the order of the graph, and checks the result.
///
/// Filters that are larger than a binding must have been [cut](atrous_graph::passes::Optimized::cut_filters) to
/// [`Limits::max_parameter`](crate::Limits::max_parameter).
///
/// # Errors
/// [`PlanError::UnknownNode`] if an output is not in the graph; [`PlanError::UnknownVariant`] if the target asks for a
/// variant that does not exist; [`PlanError::Node`], which names the node, if no kernel serves it or it exceeds the
/// adapter's limits.
pub fn plan(graph: &Graph, outputs: &[NodeId], target: &Target) -> Result<Plan, PlanError> {
    plan_evaluation(graph, outputs, &[], target)
}

/// [`plan`] of a graph whose `totals` are summed on the device over several runs.
///
/// # Errors
/// As [`plan`], and [`PlanError::Totals`] if a total is not f32.
pub fn plan_evaluation(
    graph: &Graph,
    outputs: &[NodeId],
    totals: &[NodeId],
    target: &Target,
) -> Result<Plan, PlanError> {
    known(graph, "output", outputs)?;
    known(graph, "total", totals)?;
    let kept = [outputs, totals].concat();
    validate_totals(graph, totals).map_err(PlanError::Totals)?;
    let parameters = place_parameters(graph, &target.limits)?;
    let nodes = needed(graph, &kept);
    parameters.check(graph, &nodes, &kept, &target.limits)?;
    let (sharing, made) = plan_nodes(graph, &nodes, &kept, &parameters, target)?;
    let mut layout = Layout::new(graph, parameters);
    layout.place_fixed(graph, &target.limits, made.len(), &nodes, 0)?;
    let totals = place_totals(graph, totals, &target.limits, &mut layout)?;
    layout.place_constants(&target.limits, &made, &[]);
    layout.place_banks(graph, &target.limits, &made, &sharing, &kept);
    let mut plan = layout.resolve(graph, made, outputs);
    if !totals.is_empty() {
        plan.after = vec![sum_totals(&plan, &totals, None, target)?];
        plan.totals = totals;
    }
    plan.check(&target.limits)?;
    Ok(plan)
}

/// Checks that nodes are in a graph. `what` names their role in the error.
pub(crate) fn known(graph: &Graph, what: &'static str, ids: &[NodeId]) -> Result<(), PlanError> {
    let nodes = graph.nodes().len();
    match ids.iter().find(|id| id.0 >= nodes) {
        Some(&node) => Err(PlanError::UnknownNode { what, node, nodes }),
        None => Ok(()),
    }
}

/// Chooses the kernels of all nodes except inputs, parameters and pieces of parameters, and which results are stored in
/// other tensors. The results of `kept` are needed after the plan.
///
/// # Errors
/// [`PlanError::UnknownVariant`] if the target asks for a variant that does not exist, [`PlanError::Node`], which names
/// the node, if no kernel serves it.
pub(super) fn plan_nodes<'a>(
    graph: &'a Graph,
    nodes: &[NodeId],
    kept: &[NodeId],
    parameters: &ParameterPlacement,
    target: &Target,
) -> Result<(Sharing<'a>, Vec<(NodeId, NodePlan)>), PlanError> {
    check_asked(target)?;
    let given =
        |id: &NodeId| matches!(graph.node(*id).op, Op::Input | Op::Parameter) || parameters.piece(graph, *id).is_some();
    let (given, nodes): (Vec<NodeId>, Vec<NodeId>) = nodes.iter().partition(|id| given(id));
    let with = |skips: bool| {
        let sharing = Sharing::of(graph, &nodes, &given, kept, &target.limits, skips);
        let made = plan_shared(graph, &nodes, &sharing, target)?;
        let bytes = Requests::new(graph, &made, &sharing, &vec![None; graph.nodes().len()], kept).lower_bound();
        Ok((bytes, (sharing, made)))
    };
    let (written, plan) = with(true)?;
    if !plan.0.has_skips() {
        return Ok(plan);
    }
    // A skip is read by a concatenation and by others. Stored in the concatenation, it is not copied, but keeps all of
    // that alive. The plan that needs less memory is taken.
    let (copied, other) = with(false)?;
    Ok(if copied < written { other } else { plan })
}

fn plan_shared(
    graph: &Graph,
    nodes: &[NodeId],
    sharing: &Sharing<'_>,
    target: &Target,
) -> Result<Vec<(NodeId, NodePlan)>, PlanError> {
    let mut made = Vec::new();
    let mut strips: HashMap<NodeId, Strips> = HashMap::new();
    let is_forced = kernels(&Op::Fused(Fused::BatchStatistics)).variants().iter().any(|entry| entry.is_asked(target));
    for &id in nodes {
        let node = graph.node(id);
        let (inputs, output) = sharing.parts(id);
        let output = Part { measured: output.measured && !is_forced, ..output };
        let measured = if node.op == Op::Fused(Fused::BatchStatistics) {
            strips.get(&sharing.source(node.inputs[0]))
        } else {
            None
        };
        let planned = match measured {
            Some(strips) => plan_strips(strips, &Problem { op: &node.op, inputs: &inputs, output, target }),
            None => plan_parts(&node.op, &inputs, output, target),
        };
        let mut plan = planned.map_err(|source| PlanError::Node {
            op: node.op.name(),
            node: node.name.clone(),
            source: Box::new(source),
        })?;
        if node.op == Op::Fused(Fused::BatchStatistics) && measured.is_none() {
            let reason = "what makes its input does not measure it";
            plan.declined.insert(0, Declined { variant: "strips", reason });
        }
        strips.extend(plan.strips.map(|strips| (id, strips)));
        plan.declined.extend_from_slice(sharing.copied(id));
        made.push((id, plan));
    }
    Ok(made)
}

/// The nodes that `outputs` need, in the order of the graph.
pub(super) fn needed(graph: &Graph, outputs: &[NodeId]) -> Vec<NodeId> {
    let mut needed = vec![false; graph.nodes().len()];
    for id in outputs {
        needed[id.0] = true;
    }
    for i in (0..needed.len()).rev() {
        if needed[i] {
            for input in &graph.nodes()[i].inputs {
                needed[input.0] = true;
            }
        }
    }
    (0..needed.len()).map(NodeId).filter(|id| needed[id.0]).collect()
}
