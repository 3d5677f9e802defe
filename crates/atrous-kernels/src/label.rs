//! Operations on labels.

use crate::{NodePlan, PlanError, Problem};

/// Plans plan_cross_entropy.
///
/// # Errors
/// Always: it is being written.
pub fn plan_cross_entropy(op: &atrous_graph::op::CrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_cross_entropy_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_cross_entropy_grad(op: &atrous_graph::op::CrossEntropy, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_one_hot.
///
/// # Errors
/// Always: it is being written.
pub fn plan_one_hot(ignore: Option<u32>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (ignore, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_weight.
///
/// # Errors
/// Always: it is being written.
pub fn plan_weight(classes: usize, ignore: Option<u32>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (classes, ignore, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}
