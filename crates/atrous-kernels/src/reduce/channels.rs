//! Sums over the channels of each pixel, and the channel of the largest value.

use atrous_graph::Shape;
use atrous_graph::op::{ArgMax, ChannelSum};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for ChannelSum {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let x = &problem.inputs[0];
        let Shape { n, h, w, .. } = x.ty.shape;
        let dispatch = Kernel::new("reduce/channel_sum", "")
            .sizes([("PIXELS", n * h * w), ("C4", x.ty.padded().c / 4)])
            .bind("X_BASE", Slot::Input(0), x)
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(n * h * w, problem.target)?;
        Ok(NodePlan::single("channel_sum", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}

impl Kernels for ArgMax {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let Shape { n, h, w, c } = problem.inputs[0].ty.shape;
        let dispatch = Kernel::storing(problem.inputs[0].ty, "pointwise/argmax", "")
            .sizes([("PIXELS", n * h * w), ("C", c)])
            .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(n * h * w, problem.target)?;
        Ok(NodePlan::single("argmax", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }
}
