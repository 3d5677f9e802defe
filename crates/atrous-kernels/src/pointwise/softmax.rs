//! Softmax over the channels of a pixel, its gradient, and the channel of the largest value.

use atrous_graph::Shape;

use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::problem::Problem;

/// Plans softmax over channels, or its logarithm.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_softmax(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let name = if log { "log_softmax" } else { "softmax" };
    over_channels("pointwise/softmax", if log { "log" } else { "" }, name, problem)
}

/// Plans the channel of the largest value.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_argmax(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    over_channels("pointwise/argmax", "", "argmax", problem)
}

/// A kernel that works on the channels of one pixel.
fn over_channels(
    kernel: &str,
    variant: &str,
    name: &'static str,
    problem: &Problem<'_>,
) -> Result<NodePlan, PlanError> {
    let Shape { n, h, w, c } = problem.inputs[0].ty.shape;
    let dispatch = Kernel::storing(problem.inputs[0].ty, kernel, variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}

/// Plans the gradient of softmax over channels, or of its logarithm.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_softmax_grad(log: bool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (name, variant) = if log { ("log_softmax_grad", "log") } else { ("softmax_grad", "") };
    let Shape { n, h, w, c } = problem.output.ty.shape;
    let dispatch = Kernel::new("pointwise/softmax_grad", variant)
        .sizes([("PIXELS", n * h * w), ("C", c)])
        .bind("Y_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("DY_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("DX_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single(name, dispatch))
}
