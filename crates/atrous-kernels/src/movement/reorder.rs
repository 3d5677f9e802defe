//! Rows and columns in reverse order.

use atrous_graph::op::Flip;
use atrous_shaders::movement::flip;

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Flip {
    /// A part holds the rows that it mirrors.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let call = flip::call(
            flip::Axes { half: is_half(y) },
            flip::Constants {
                n: y.shape.n,
                h: y.shape.h,
                w: y.shape.w,
                c4: y.padded().c / 4,
                vertical: self.vertical,
                horizontal: self.horizontal,
            },
            flip::Bindings {
                x: Bound::part(Slot::Input(0), &problem.inputs[0]),
                y: Bound::part(Slot::Output, &problem.output),
            },
        );
        Ok(NodePlan::single("flip", Kernel::from(call).invocations(vec4s(y), problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let (rows, height) = (section.rows(), section.height());
        Some(section.first_rows(if self.vertical { height - rows.end..height - rows.start } else { rows }))
    }
}
