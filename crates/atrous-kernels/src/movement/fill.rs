//! Broadcasts and constant tensors.

use atrous_graph::op::{Broadcast, Fill};
use atrous_shaders::movement::{broadcast, fill};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Broadcast {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
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

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.broadcast())
    }
}

impl Kernels for Fill {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let call = fill::call(
            fill::Constants { count: vec4s(y), c: y.shape.c, c4: y.padded().c / 4, value: f64::from(self.value) },
            fill::Bindings { y: Bound::part(Slot::Output, &problem.output) },
        );
        Ok(NodePlan::single("fill", Kernel::from(call).invocations(vec4s(y), problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.all(section.window))
    }
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
}
