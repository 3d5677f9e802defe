//! Mirrored images and permuted axes.

use atrous_graph::op::{Flip, Permute};
use atrous_shaders::movement::{flip, permute};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::window::Window;

impl Kernels for Flip {
    /// A part of the input has exactly the rows that are mirrored into the part of the result.
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

impl Kernels for Permute {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (&problem.inputs[0], &problem.output);
        let padded = x.ty.padded();
        // Elements from one sample, row, column and channel of the input to the next.
        let pixel = padded.c;
        let steps = [padded.h * padded.w * pixel, padded.w * pixel, pixel, 1];
        let [step_n, step_h, step_w, step_c] = self.axes.map(|axis| steps[axis]);
        // The first sample and row of the result's part within the input's part: 0 along axes that are cut like the
        // result.
        let samples = if self.keeps(0) { 0 } else { y.first_sample };
        let rows = if x.ty.shape.h == x.full.shape.h { y.first_row } else { 0 };
        let call = permute::call(
            permute::Axes { half: is_half(y.ty) },
            permute::Constants {
                n: y.ty.shape.n,
                oh: y.ty.shape.h,
                ow: y.ty.shape.w,
                o: y.ty.shape.c,
                o4: y.ty.padded().c / 4,
                first: samples * step_n + rows * step_h,
                step_n,
                step_h,
                step_w,
                step_c,
            },
            permute::Bindings { x: Bound::part(Slot::Input(0), x), y: Bound::part(Slot::Output, y) },
        );
        Ok(NodePlan::single("permute", Kernel::from(call).invocations(vec4s(y.ty), problem.target)?))
    }

    /// Samples that stay samples are cut like the result, and then so are rows that stay rows. All other axes are read
    /// whole.
    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let all = Window::whole(section.inputs[0]);
        let window = match (self.keeps(0), self.keeps(1)) {
            (true, true) => section.window.clone(),
            (true, false) => section.samples(all.rows),
            (false, _) => all,
        };
        Some(section.first(window))
    }
}
