//! Boxes that are cut out of tensors or put into them.

use std::ops::Range;

use atrous_graph::Op;
use atrous_graph::op::{Place, Slice};
use atrous_shaders::movement::{place, slice};

use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::window::Window;

impl Kernels for Slice {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (problem.inputs[0].ty, problem.output.ty);
        let [start_n, start_h, start_w, start_c] = self.start;
        let call = slice::call(
            slice::Axes { half: is_half(y) },
            slice::Constants {
                h: x.shape.h,
                w: x.padded().w,
                c4: x.padded().c / 4,
                n: y.shape.n,
                oh: y.shape.h,
                ow: y.padded().w,
                o: y.shape.c,
                o4: y.padded().c / 4,
                start_n,
                start_h,
                start_w,
                start_c,
            },
            slice::Bindings {
                x: Bound::part(Slot::Input(0), &problem.inputs[0]),
                y: Bound::part(Slot::Output, &problem.output),
            },
        );
        Ok(NodePlan::single("slice", Kernel::from(call).invocations(vec4s(y), problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let shift = |r: &Range<usize>, by: usize| r.start + by..r.end + by;
        let out = section.window;
        let n = shift(&out.n, self.start[0]);
        // All rows of several samples, or only the rows of one.
        let (rows, top) = if out.n.len() > 1 || section.has_all_rows() {
            (0..section.height(), self.start[1])
        } else {
            (shift(&out.rows, self.start[1]), 0)
        };
        let mut part = self.size;
        (part.n, part.h) = (out.n.len(), out.rows.len());
        let start = [0, top, self.start[2], self.start[3]];
        Some(Cut { op: Op::Slice(Self { start, size: part }), ..section.first(Window { n, rows }) })
    }
}

impl Kernels for Place {
    /// The box may begin past the last sample or row of a part of the result, which then has none of it.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (x, y) = (problem.inputs[0].ty, problem.output.ty);
        let [start_n, start_h, start_w, start_c] = self.start;
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

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let (out, size) = (section.window, section.inputs[0].shape);
        let (n, from_n) = under(&out.n, self.start[0], size.n);
        // All rows of several samples, or those rows of one sample that lie in the range.
        let (rows, from_row) =
            if section.has_all_rows() { (0..size.h, self.start[1]) } else { under(&out.rows, self.start[1], size.h) };
        let mut shape = self.shape;
        (shape.n, shape.h) = (out.n.len(), out.rows.len());
        let start = [from_n, from_row, self.start[2], self.start[3]];
        Some(Cut { op: Op::Place(Self { start, shape }), ..section.first(Window { n, rows }) })
    }
}

/// The part of a box of `size` from `start` on that lies within a range, and where in the range it begins. If the box
/// does not meet the range: one row, which begins past the range's end.
fn under(out: &Range<usize>, start: usize, size: usize) -> (Range<usize>, usize) {
    let (from, to) = (out.start.max(start), out.end.min(start + size));
    if from < to { (from - start..to - start, from - out.start) } else { (0..1, out.len()) }
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    #[test]
    fn parts_beside_the_box_hold_none_of_it() {
        // Four samples of 2 KiB in windows of one, the box in the third.
        let limits = Limits { max_binding: 2048, ..Limits::WEBGPU };
        let op = Op::Place(Place { start: [2, 3, 0, 0], shape: Shape::new(4, 8, 8, 8) });
        let inputs = [TensorType::image(Shape::new(1, 2, 8, 8))];
        let y = op.infer(&inputs).expect("a valid case");
        let plan = plan_node(&op, &inputs, y, &Target::new(limits, true)).expect("a plan");
        let value = |i: usize, name: &str| {
            let set = &plan.dispatches[i].overrides;
            set.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
        };
        let starts = [0, 1, 2, 3].map(|i| ["START_N", "START_H"].map(|name| value(i, name)));
        assert_eq!(starts, [[1, 3], [1, 3], [0, 3], [1, 3]]);
    }
}
