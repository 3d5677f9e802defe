//! Batch normalisation and the running statistics it keeps.

use atrous_graph::op::{BatchNorm, RunningStat};

use crate::pointwise::kernel::{Kernel, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

/// Plans `(x - mean) / sqrt(var + eps) * scale + shift`.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_batch_norm(op: &BatchNorm, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let ty = problem.output.ty;
    let variant = match (op.scale, op.shift) {
        (false, false) => "",
        (true, false) => "scale",
        (false, true) => "shift",
        (true, true) => "scale,shift",
    };
    let mut kernel = Kernel::new("norm/batch_norm", variant)
        .sizes([("COUNT", vec4s(ty)), ("C4", ty.padded().c / 4)])
        .set("EPS", op.eps)
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("MEAN_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("VARIANCE_BASE", Slot::Input(2), &problem.inputs[2])
        .bind("Y_BASE", Slot::Output, &problem.output);
    let mut next = 3;
    for (present, base) in [(op.scale, "SCALE_BASE"), (op.shift, "SHIFT_BASE")] {
        if present {
            kernel = kernel.bind(base, Slot::Input(next), &problem.inputs[next]);
            next += 1;
        }
    }
    Ok(NodePlan::single("batch_norm", kernel.invocations(vec4s(ty), problem.target)?))
}

/// Plans `keep * running + take * batch`.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_running_stat(op: &RunningStat, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let count = vec4s(problem.output.ty);
    let dispatch = Kernel::new("norm/running_stat", "")
        .sizes([("COUNT", count)])
        .set("KEEP", op.keep)
        .set("TAKE", op.take)
        .bind("RUNNING_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("BATCH_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(count, problem.target)?;
    Ok(NodePlan::single("running_stat", dispatch))
}
