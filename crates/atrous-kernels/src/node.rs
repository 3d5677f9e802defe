//! The plan of a single operation.

use atrous_graph::{Op, TensorType};

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::problem::Part;
use crate::split;
use crate::target::Target;

/// Plans one operation, and splits it if a tensor exceeds the adapter's binding limit. Follows the target's
/// [`Choices`](crate::Choices) for the operation if possible.
///
/// # Errors
/// [`PlanError::Limit`] if a part as small as one row exceeds the limits, [`PlanError::Unsupported`] if no kernel
/// accepts it.
pub fn plan_node(op: &Op, inputs: &[TensorType], output: TensorType, target: &Target) -> Result<NodePlan, PlanError> {
    let inputs: Vec<Part> = inputs.iter().copied().map(Part::whole).collect();
    plan_parts(op, &inputs, Part::whole(output), target)
}

/// [`plan_node`] for tensors that may be ranges of channels of wider tensors, or may be overwritten.
pub(crate) fn plan_parts(op: &Op, inputs: &[Part], output: Part, target: &Target) -> Result<NodePlan, PlanError> {
    let chosen = target.choice(op, inputs.iter().map(|part| part.ty), output.ty).and_then(|choice| {
        let plan = split::plan(op, inputs, output, &target.with(choice)).ok()?;
        (plan.choice() == choice).then_some(plan)
    });
    chosen.map_or_else(|| split::plan(op, inputs, output, target), Ok)
}
