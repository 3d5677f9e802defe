//! Concatenation along the channels.

use atrous_graph::op::Concat;
use atrous_shaders::movement::concat;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Concat {
    /// One dispatch for each input that is not already stored in the result.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        // A filter's padding along input channels is copied too.
        let rows = y.padded();
        let pixels = rows.n * rows.h * rows.w;
        let mut first = 0;
        let mut dispatches = Vec::with_capacity(problem.inputs.len());
        for (i, x) in problem.inputs.iter().enumerate() {
            let c = x.ty.shape.c;
            if x.ty.shape.is_empty() || x.is_slice() {
                first += c;
                continue;
            }
            let touched = (first + c).div_ceil(4) - first / 4;
            let call = concat::call(
                concat::Axes { half: is_half(y) },
                concat::Constants { pixels, c, first, o4: y.padded().c / 4 },
                concat::Bindings { x: Bound::part(Slot::Input(i), x), y: Bound::part(Slot::Output, &problem.output) },
            );
            dispatches.push(Kernel::from(call).invocations(pixels * touched, problem.target)?);
            first += c;
        }
        let variant = if dispatches.is_empty() { "slices" } else { "concat" };
        Ok(NodePlan { variant, dispatches, ..NodePlan::default() })
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

    const TARGET: Target = Target::new(Limits::WEBGPU, true);

    #[test]
    fn each_input_of_a_concatenation_touches_its_own_vec4s() {
        let inputs = [3, 6, 1].map(|c| TensorType::image(Shape::new(2, 5, 4, c)));
        let plan =
            plan_node(&Op::Concat, &inputs, TensorType::image(Shape::new(2, 5, 4, 10)), &TARGET).expect("a plan");
        let value = |i: usize, name| {
            let found = plan.dispatches[i].overrides.iter().find(|(n, _)| *n == name).expect("an override");
            found.1 as usize
        };
        assert_eq!([0, 1, 2].map(|i| value(i, "FIRST")), [0, 3, 9]);
        // Channels 3..9 touch the vec4s 0, 1 and 2: 40 pixels * 3 in groups of 64.
        assert_eq!(plan.dispatches[1].grid, [2, 1, 1]);
        assert_eq!(plan.dispatches[1].bindings[0].slot, Slot::Input(1));
    }
}
