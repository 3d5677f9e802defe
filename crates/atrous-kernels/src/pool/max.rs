//! The maximum over a window, its position, and its gradient: each pixel sums the gradients of the windows whose
//! maximum it is.

use std::ops::Range;

use atrous_graph::Op;
use atrous_graph::op::{Gradient, MaxPool, MaxPoolGrad, MaxPoolIndices, Window};
use atrous_shaders::pool::{max, max_grad, max_indices};

use super::window::{self, pool_rows};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for MaxPool {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let call = max::call(
            max::Axes { half: is_half(problem.output.ty) },
            max::Constants { window: window::sizes(&self.window, problem) },
            max::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        window::plan("max_pool", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        cut(&self.window, section, |window| Op::MaxPool(Self { window }))
    }

    fn reads_slices(&self) -> bool {
        true
    }
}

impl Kernels for MaxPoolIndices {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let x = &problem.inputs[0];
        let window = window::sizes(&self.window, problem);
        let call = max_indices::call(
            max_indices::Axes { half: is_half(x.ty) },
            max_indices::Constants { window, c: x.ty.shape.c, first_row: x.first_row },
            max_indices::Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        window::plan("max_pool_indices", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        cut(&self.window, section, |window| Op::Gradient(Gradient::MaxPoolIndices(Self { window })))
    }

    fn reads_slices(&self) -> bool {
        true
    }
}

impl Kernels for MaxPoolGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let (dy, dx, window) = (&problem.inputs[0], problem.output, &self.window);
        let (y, x) = (dy.ty.shape, dx.ty.shape);
        let call = max_grad::call(
            max_grad::Axes { half: is_half(dx.ty) },
            max_grad::Constants {
                n: x.n,
                h: x.h,
                w: x.w,
                c4: dx.ty.padded().c / 4,
                oh: y.h,
                ow: y.w,
                reach_h: reach(window, 0),
                reach_w: reach(window, 1),
                stride_h: window.stride[0],
                stride_w: window.stride[1],
                pad_top: window.padding.top,
                pad_left: window.padding.left,
                row: dx.first_row,
                out_row: dy.first_row,
            },
            max_grad::Bindings {
                dy: Bound::input(problem, 0),
                index: Bound::input(problem, 1),
                dx: Bound::output(problem),
            },
        );
        window::plan("max_pool_grad", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let windows = section.height();
        let all = section.has_all_rows();
        let rows = if all { 0..windows } else { rows_that_reach(&self.window, windows, section.rows()) };
        Some(section.all(&section.samples(rows)))
    }
}

/// The rows under the windows of some rows of the result, and the operation on them.
fn cut(window: &Window, section: &Section<'_>, op: impl FnOnce(Window) -> Op) -> Option<Cut> {
    if section.has_all_rows() {
        return Some(section.first_rows(0..section.height()));
    }
    let (rows, window) = pool_rows(window, &section.rows(), section.height())?;
    Some(Cut { op: op(window), ..section.first_rows(rows) })
}

/// Distance from a window's first tap to its last, along an axis.
const fn reach(window: &Window, axis: usize) -> usize {
    (window.kernel[axis] - 1) * window.dilation[axis]
}

/// The rows of windows, of `windows` rows in all, that reach some rows of the image; at least one.
fn rows_that_reach(window: &Window, windows: usize, rows: Range<usize>) -> Range<usize> {
    let top = window.padding.top;
    let first = (rows.start + top).saturating_sub(reach(window, 0)).div_ceil(window.stride[0]).min(windows - 1);
    let end = ((rows.end - 1 + top) / window.stride[0] + 1).min(windows);
    first..end.max(first + 1)
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;
    use atrous_graph::{Shape, TensorType};

    use super::*;
    use crate::{Dispatch, Limits, Target, plan_node};

    fn plan(op: Op, x: Shape, limits: Limits) -> NodePlan {
        let x = TensorType::image(x);
        plan_node(&op, &[x], op.infer(&[x]).expect("a valid case"), &Target::new(limits, true)).expect("a plan")
    }

    fn value(dispatch: &Dispatch, name: &str) -> usize {
        dispatch.overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
    }

    #[test]
    fn indices_count_from_the_first_row_of_the_image() {
        // One image of rows of 256 bytes, split into parts of at most 8 KiB.
        let limits = Limits { max_binding: 8 << 10, ..Limits::WEBGPU };
        let plan = plan(
            Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window: Window::new([2, 2], [2, 2]) })),
            Shape::new(1, 64, 16, 4),
            limits,
        );
        assert!(plan.dispatches.len() > 1);
        let mut row = 0;
        for dispatch in &plan.dispatches {
            assert_eq!(value(dispatch, "FIRST_ROW"), row);
            row += value(dispatch, "H");
        }
        assert_eq!(row, 64);
    }

    #[test]
    fn windows_that_reach_a_row() {
        // Windows of 3 every 2 with one row of padding: rows -1..2, 1..4, 3..6, 5..8.
        let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
        assert_eq!(rows_that_reach(&window, 4, 0..1), 0..1);
        assert_eq!(rows_that_reach(&window, 4, 1..2), 0..2);
        assert_eq!(rows_that_reach(&window, 4, 2..6), 1..4);
        assert_eq!(rows_that_reach(&window, 4, 0..8), 0..4);
        // Windows of 1 every 3: none reaches rows 1 and 2, nor rows past the last window.
        let sparse = Window::new([1, 1], [3, 3]);
        assert_eq!(rows_that_reach(&sparse, 2, 1..3), 1..2);
        assert_eq!(rows_that_reach(&sparse, 2, 4..6), 1..2);
    }
}
