//! Rows and columns in reverse order.

use atrous_graph::op::Flip;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Flip {
    /// A part holds the rows that it mirrors.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let dispatch = Kernel::storing(y, "movement/flip", "")
            .sizes([("N", y.shape.n), ("H", y.shape.h), ("W", y.shape.w), ("C4", y.padded().c / 4)])
            .sizes([("VERTICAL", usize::from(self.vertical)), ("HORIZONTAL", usize::from(self.horizontal))])
            .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(vec4s(y), problem.target)?;
        Ok(NodePlan::single("flip", dispatch))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let (rows, height) = (section.rows(), section.height());
        Some(section.first_rows(if self.vertical { height - rows.end..height - rows.start } else { rows }))
    }
}
