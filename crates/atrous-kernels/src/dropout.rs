//! Dropout in training.

use crate::{NodePlan, PlanError, Problem};

/// Plans plan_dropout.
///
/// # Errors
/// Always: it is being written.
pub fn plan_dropout(op: &atrous_graph::op::Dropout, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}
