//! Tensors that repeat what they have: broadcasts, constants, and boxes in zeros.

use atrous_graph::op::Place;
use atrous_shaders::movement::{broadcast, fill, place};

use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

/// Plans sides of 1 repeated up to the shape of the result.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_broadcast(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty);
    let (small, c4) = (x.ty.shape, x.ty.padded().c / 4);
    let step = |side: usize, distance: usize| if side == 1 { 0 } else { distance };
    let call = broadcast::call(
        broadcast::Axes { half: is_half(y) },
        broadcast::Constants {
            count: vec4s(y),
            h: y.shape.h,
            w: y.shape.w,
            c: y.shape.c,
            c4: y.padded().c / 4,
            x_n: step(small.n, small.h * small.w * c4),
            x_h: step(small.h, small.w * c4),
            x_w: step(small.w, c4),
            x_c: step(small.c, 1),
            splat: small.c == 1 && y.shape.c > 1,
        },
        broadcast::Bindings { x: Bound::part(Slot::Input(0), x), y: Bound::part(Slot::Output, &problem.output) },
    );
    Ok(NodePlan::single("broadcast", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

/// Plans the same number everywhere.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_fill(value: f32, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty;
    let call = fill::call(
        fill::Constants { count: vec4s(y), c: y.shape.c, c4: y.padded().c / 4, value: f64::from(value) },
        fill::Bindings { y: Bound::part(Slot::Output, &problem.output) },
    );
    Ok(NodePlan::single("fill", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

/// Plans a box in a tensor of zeros. The box may begin past the last sample or row of the result: none of it is there then.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_place(op: &Place, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (problem.inputs[0].ty, problem.output.ty);
    let [start_n, start_h, start_w, start_c] = op.start;
    let call = place::call(
        place::Axes { half: is_half(y) },
        place::Constants {
            n: x.shape.n,
            h: x.shape.h,
            w: x.shape.w,
            c4: x.padded().c / 4,
            count: vec4s(y),
            oh: y.shape.h,
            ow: y.shape.w,
            o4: y.padded().c / 4,
            start_n,
            start_h,
            start_w,
            start_c,
        },
        place::Bindings {
            x: Bound::part(Slot::Input(0), &problem.inputs[0]),
            y: Bound::part(Slot::Output, &problem.output),
        },
    );
    Ok(NodePlan::single("place", Kernel::from(call).invocations(vec4s(y), problem.target)?))
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    fn plan(op: Op, inputs: &[TensorType], limits: Limits) -> NodePlan {
        let y = op.infer(inputs).expect("a valid case");
        plan_node(&op, inputs, y, &Target::new(limits, true)).expect("a plan")
    }

    fn values<const K: usize>(plan: &NodePlan, dispatch: usize, names: [&str; K]) -> [usize; K] {
        let overrides = &plan.dispatches[dispatch].overrides;
        names.map(|name| overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize)
    }

    #[test]
    fn sides_of_one_stand_still() {
        let x = TensorType::image(Shape::new(2, 1, 5, 1));
        let plan = plan(Op::Broadcast(Shape::new(2, 3, 5, 6)), &[x], Limits::WEBGPU);
        assert_eq!(values(&plan, 0, ["X_N", "X_H", "X_W", "X_C", "SPLAT", "C4"]), [5, 0, 1, 0, 1, 2]);
    }

    #[test]
    fn what_has_no_inputs_is_cut_all_the_same() {
        let limits = Limits { max_binding: 4096, ..Limits::WEBGPU };
        let plan = plan(Op::Fill { shape: Shape::new(3, 8, 8, 9), value: 1.0 }, &[], limits);
        let counts: usize = (0..plan.dispatches.len()).map(|i| values(&plan, i, ["COUNT"])[0]).sum();
        assert!(plan.dispatches.len() >= 3);
        assert_eq!(counts, 3 * 8 * 8 * 3);
    }

    #[test]
    fn parts_beside_the_box_hold_none_of_it() {
        // Four samples of 2 KiB in windows of one, the box in the third.
        let limits = Limits { max_binding: 2048, ..Limits::WEBGPU };
        let place = Place { start: [2, 3, 0, 0], shape: Shape::new(4, 8, 8, 8) };
        let plan = plan(Op::Place(place), &[TensorType::image(Shape::new(1, 2, 8, 8))], limits);
        let starts = [0, 1, 2, 3].map(|i| values(&plan, i, ["START_N", "START_H"]));
        assert_eq!(starts, [[1, 3], [1, 3], [0, 3], [1, 3]]);
    }
}
