//! The gradient of a convolution with respect to its filter.

use crate::{NodePlan, PlanError, Problem};

/// Plans plan_grad_weight.
///
/// # Errors
/// Always: it is being written.
pub fn plan_grad_weight(op: &atrous_graph::op::Conv2dGradWeight, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}
