//! Sums over the channels of each pixel.

use atrous_graph::Shape;

use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::problem::Problem;

/// Plans the sum over channels.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_channel_sum(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let x = &problem.inputs[0];
    let Shape { n, h, w, .. } = x.ty.shape;
    let dispatch = Kernel::new("reduce/channel_sum", "")
        .sizes([("PIXELS", n * h * w), ("C4", x.ty.padded().c / 4)])
        .bind("X_BASE", Slot::Input(0), x)
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(n * h * w, problem.target)?;
    Ok(NodePlan::single("channel_sum", dispatch))
}
