//! Batch normalisation and the running statistics it keeps.

use atrous_graph::op::{BatchNorm, RunningStat};

use crate::kernel::{Kernel, vec4s};
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

/// Plans plan_grad_sums.
///
/// # Errors
/// Always: it is being written.
pub fn plan_grad_sums(eps: f64, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (eps, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

/// Plans plan_grad.
///
/// # Errors
/// Always: it is being written.
pub fn plan_grad(op: &atrous_graph::op::BatchNormGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let _ = (op, problem);
    Err(PlanError::Unsupported("pending".to_owned()))
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn a_lone_shift_takes_the_place_of_the_scale() {
        let (x, vector) = (TensorType::image(Shape::new(2, 5, 6, 7)), TensorType::image(Shape::channels(7)));
        for (scale, shift, bindings) in [(false, false, 4), (true, false, 5), (false, true, 5), (true, true, 6)] {
            let op = Op::BatchNorm(BatchNorm { eps: 1e-3, scale, shift, batch: false });
            let plan = plan_node(&op, &[vec![x], vec![vector; bindings - 2]].concat(), x, &TARGET).expect("a plan");
            let dispatch = &plan.dispatches[0];
            let slots: Vec<Slot> = dispatch.bindings.iter().map(|b| b.slot).collect();
            let inputs = [0, 1, 2].map(Slot::Input);
            assert_eq!(slots[..4], [inputs[0], inputs[1], inputs[2], Slot::Output]);
            assert_eq!(slots[4..], [Slot::Input(3), Slot::Input(4)][..bindings - 4]);
            assert_eq!(dispatch.overrides.iter().any(|(name, _)| *name == "SHIFT_BASE"), shift);
            // 2*5*6*2 vec4s in groups of 64.
            assert_eq!(dispatch.grid, [2, 1, 1]);
        }
    }

    #[test]
    fn running_statistics_carry_their_factors() {
        let vector = TensorType::image(Shape::channels(7));
        let op = Op::RunningStat(RunningStat::mean(0.25));
        let plan = plan_node(&op, &[vector; 2], vector, &TARGET).expect("a plan");
        for factor in [("KEEP", 0.75), ("TAKE", 0.25)] {
            assert!(plan.dispatches[0].overrides.contains(&factor));
        }
    }
}
