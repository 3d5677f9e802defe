//! Other element types, and the identity.

use atrous_graph::DType;
use atrous_graph::op::{Cast, StopGradient};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Cast {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let count = vec4s(problem.output.ty);
        let narrow = problem.output.ty.dtype == DType::F16;
        let dispatch = Kernel::new("pointwise/cast", if narrow { "narrow" } else { "" })
            .sizes([("COUNT", count)])
            .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(count, problem.target)?;
        Ok(NodePlan::single("cast", dispatch))
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
