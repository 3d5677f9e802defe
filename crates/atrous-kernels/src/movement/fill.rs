//! Tensors that repeat what they have: broadcasts, constants, and boxes in zeros.

use atrous_graph::op::Place;

use crate::kernel::{Kernel, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

/// Plans sides of 1 repeated up to the shape of the result.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_broadcast(problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (&problem.inputs[0], problem.output.ty);
    let (small, c4) = (x.ty.shape, x.ty.padded().c / 4);
    let step = |side: usize, distance: usize| if side == 1 { 0 } else { distance };
    let splat = usize::from(small.c == 1 && y.shape.c > 1);
    let dispatch = Kernel::storing(y, "movement/broadcast", "")
        .sizes([("COUNT", vec4s(y)), ("H", y.shape.h), ("W", y.shape.w), ("C", y.shape.c), ("C4", y.padded().c / 4)])
        .sizes([("X_N", step(small.n, small.h * small.w * c4)), ("X_H", step(small.h, small.w * c4))])
        .sizes([("X_W", step(small.w, c4)), ("X_C", step(small.c, 1)), ("SPLAT", splat)])
        .bind("X_BASE", Slot::Input(0), x)
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(y), problem.target)?;
    Ok(NodePlan::single("broadcast", dispatch))
}

/// Plans the same number everywhere.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_fill(value: f32, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let y = problem.output.ty;
    let dispatch = Kernel::new("movement/fill", "")
        .sizes([("COUNT", vec4s(y)), ("C", y.shape.c), ("C4", y.padded().c / 4)])
        .set("VALUE", f64::from(value))
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(y), problem.target)?;
    Ok(NodePlan::single("fill", dispatch))
}

/// Plans a box in a tensor of zeros. The box may begin past the last sample or row of the result: none of it is there then.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_place(op: &Place, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, y) = (problem.inputs[0].ty, problem.output.ty);
    let dispatch = Kernel::storing(y, "movement/place", "")
        .sizes([("N", x.shape.n), ("H", x.shape.h), ("W", x.shape.w), ("C4", x.padded().c / 4)])
        .sizes([("COUNT", vec4s(y)), ("OH", y.shape.h), ("OW", y.shape.w), ("O4", y.padded().c / 4)])
        .sizes([("START_N", op.start[0]), ("START_H", op.start[1]), ("START_W", op.start[2]), ("START_C", op.start[3])])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(y), problem.target)?;
    Ok(NodePlan::single("place", dispatch))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::{Broadcast, Fill};
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
        let plan = plan(Op::Broadcast(Broadcast { shape: Shape::new(2, 3, 5, 6) }), &[x], Limits::WEBGPU);
        assert_eq!(values(&plan, 0, ["X_N", "X_H", "X_W", "X_C", "SPLAT", "C4"]), [5, 0, 1, 0, 1, 2]);
    }

    #[test]
    fn what_has_no_inputs_is_cut_all_the_same() {
        let limits = Limits { max_binding: 4096, ..Limits::WEBGPU };
        let plan = plan(Op::Fill(Fill { shape: Shape::new(3, 8, 8, 9), value: 1.0 }), &[], limits);
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
