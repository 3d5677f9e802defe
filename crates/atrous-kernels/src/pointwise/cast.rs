//! Other element types, and the identity.

use atrous_graph::op::{Cast, StopGradient};
use atrous_shaders::pointwise::cast;

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Cast {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let count = vec4s(problem.output.ty);
        let call = cast::call(
            cast::Axes { narrow: is_half(problem.output.ty) },
            cast::Constants { count },
            cast::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        Ok(NodePlan::single("cast", Kernel::from(call).invocations(count, problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for StopGradient {
    fn plan(&self, _problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        Ok(NodePlan::alias())
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }

    fn is_alias(&self, _inputs: usize) -> bool {
        true
    }
}
