//! Other element types.

use atrous_graph::DType;

use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::problem::Problem;

/// Plans f32 as f16, or f16 as f32.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_cast(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let count = vec4s(problem.output.ty);
    let narrow = problem.output.ty.dtype == DType::F16;
    let dispatch = Kernel::new("pointwise/cast", if narrow { "narrow" } else { "" })
        .sizes([("COUNT", count)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan::single("cast", dispatch))
}
