//! Batch normalisation, its gradient, and the running statistics it keeps.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNorm, BatchNormGrad, RunningStat};

use crate::kernel::{Kernel, vec4s};
use crate::reduce::cut::{room, slabs, window};
use crate::reduce::{choose_stages, combine, partials};
use crate::{Binding, NodePlan, PlanError, Problem, Slot};

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

/// Plans both sums of a batch normalisation's gradient, in two stages where there are many pixels.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub fn plan_grad_sums(eps: f64, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (ty, target) = (problem.inputs[0].ty, problem.target);
    let Shape { n, h, w, .. } = ty.shape;
    let (pixels, c4) = (n * h * w, ty.padded().c / 4);
    let pixel = c4 as u64 * 16;
    let fit = (room(ty, &target.limits) / pixel) as usize;
    if fit == 0 {
        return Err(PlanError::Limit { what: "bytes in one binding", needs: pixel, limit: target.limits.max_binding });
    }
    let windows = pixels.div_ceil(fit);
    let room_for_slabs = target.limits.max_binding / partials(windows, 2 * c4).size;
    let slabs = slabs(pixels.div_ceil(windows), c4, target).min(room_for_slabs.max(1) as usize);
    let (variant, declined) = choose_stages(slabs, windows, target);
    let single = variant == "single_stage";
    let slabs = if single { 1 } else { slabs };
    let all = partials(slabs * windows, 2 * c4);
    let mut dispatches = Vec::new();
    for i in 0..windows {
        let (first, count) = (i * fit, fit.min(pixels - i * fit));
        let (binding, base) = window(&problem.inputs[0], first as u64 * pixel, count as u64 * pixel, &target.limits);
        let kernel = Kernel::new("norm/grad_slabs", "")
            .sizes([("SLABS", slabs), ("PIXELS", count), ("C4", c4), ("FIRST", i * slabs)])
            .sizes([("X_BASE", base), ("DY_BASE", base)])
            .set("EPS", eps)
            .window(binding)
            .window(Binding { slot: Slot::Input(1), ..binding })
            .bind("MEAN_BASE", Slot::Input(2), &problem.inputs[2])
            .bind("VARIANCE_BASE", Slot::Input(3), &problem.inputs[3]);
        let kernel = if single {
            kernel.bind("P_BASE", Slot::Output, &problem.output)
        } else {
            kernel.sizes([("P_BASE", 0)]).window(all)
        };
        dispatches.push(kernel.invocations(slabs * c4, target)?);
    }
    if single {
        return Ok(NodePlan { variant, declined, dispatches, ..NodePlan::default() });
    }
    dispatches.push(combine(variant, slabs * windows, false, 1, problem)?);
    Ok(NodePlan { variant, declined, dispatches, scratch: vec![all.size], ..NodePlan::default() })
}

/// Plans the gradient of a batch normalisation with respect to its input.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_grad(op: &BatchNormGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (ty, inputs) = (problem.output.ty, problem.inputs);
    let variant = match (op.scale, op.batch) {
        (false, false) => "",
        (true, false) => "scale",
        (false, true) => "batch",
        (true, true) => "scale,batch",
    };
    let mut kernel = Kernel::new("norm/batch_norm_grad", variant)
        .sizes([("COUNT", vec4s(ty)), ("C4", ty.padded().c / 4)])
        .set("EPS", op.eps)
        .bind("DY_BASE", Slot::Input(1), &inputs[1])
        .bind("VARIANCE_BASE", Slot::Input(3), &inputs[3])
        .bind("DX_BASE", Slot::Output, &problem.output);
    if op.batch {
        let Shape { n, h, w, .. } = problem.output.full.shape;
        let sums = inputs.len() - 1;
        kernel = kernel
            .sizes([("TOTAL", n * h * w)])
            .bind("X_BASE", Slot::Input(0), &inputs[0])
            .bind("MEAN_BASE", Slot::Input(2), &inputs[2])
            .bind("SUMS_BASE", Slot::Input(sums), &inputs[sums]);
    }
    if op.scale {
        kernel = kernel.bind("SCALE_BASE", Slot::Input(4), &inputs[4]);
    }
    Ok(NodePlan::single("batch_norm_grad", kernel.invocations(vec4s(ty), problem.target)?))
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, TensorType};

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

    #[test]
    fn a_part_of_a_gradient_divides_by_the_pixels_of_the_whole() {
        let (x, vector) = (TensorType::image(Shape::new(3, 21, 10, 12)), TensorType::image(Shape::channels(12)));
        let sums = TensorType::image(Shape { n: 2, ..vector.shape });
        let op = Op::BatchNormGrad(BatchNormGrad { eps: 1e-5, scale: true, batch: true });
        let target = Target::new(Limits { max_binding: 6_000, ..Limits::WEBGPU }, true);
        let plan = plan_node(&op, &[x, x, vector, vector, vector, sums], x, &target).expect("a plan");
        assert!(plan.dispatches.len() > 3);
        assert!(plan.dispatches.iter().all(|d| d.overrides.contains(&("TOTAL", 630.0))));
    }

    #[test]
    fn both_sums_read_the_same_windows() {
        let (x, vector) = (TensorType::image(Shape::new(3, 50, 41, 12)), TensorType::image(Shape::channels(12)));
        let target = Target::new(Limits { max_binding: 64 << 10, ..Limits::WEBGPU }, true);
        let op = Op::BatchNormGradSums { eps: 1e-5 };
        let sums = TensorType::image(Shape { n: 2, ..vector.shape });
        let plan = plan_node(&op, &[x, x, vector, vector], sums, &target).expect("a plan");
        let (combine, stages) = plan.dispatches.split_last().expect("two stages");
        assert!(stages.len() > 3);
        for dispatch in stages {
            let [a, b] = [dispatch.bindings[0], dispatch.bindings[1]];
            assert_eq!((a.slot, b.slot, a.offset, a.size), (Slot::Input(0), Slot::Input(1), b.offset, b.size));
        }
        assert!(combine.overrides.contains(&("OUTPUTS", 6.0)));
    }
}
