//! Gradients of maxima: each pixel or channel gathers from the windows that chose it.

use std::ops::Range;

use atrous_graph::op::{ChannelMaxPool, MaxPoolGrad, Window};

use crate::kernel::{Kernel, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

/// Positions from a window's first tap to its last, along an axis.
const fn reach(window: &Window, axis: usize) -> usize {
    (window.kernel[axis] - 1) * window.dilation[axis]
}

/// Plans the gradient of the maximum over a window, from the stored positions of the maxima in the whole image's plane.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_max_grad(op: &MaxPoolGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (dy, dx, window) = (&problem.inputs[0], problem.output, &op.window);
    let (y, x) = (dy.ty.shape, dx.ty.shape);
    let dispatch = Kernel::storing(dx.ty, "pool/max_grad", "")
        .sizes([("N", x.n), ("H", x.h), ("W", x.w), ("C4", dx.ty.padded().c / 4), ("OH", y.h), ("OW", y.w)])
        .sizes([("REACH_H", reach(window, 0)), ("REACH_W", reach(window, 1))])
        .sizes([("STRIDE_H", window.stride[0]), ("STRIDE_W", window.stride[1])])
        .sizes([("PAD_TOP", window.padding.top), ("PAD_LEFT", window.padding.left)])
        .sizes([("ROW", dx.first_row), ("OUT_ROW", dy.first_row)])
        .bind("DY_BASE", Slot::Input(0), dy)
        .bind("INDEX_BASE", Slot::Input(1), &problem.inputs[1])
        .bind("DX_BASE", Slot::Output, &dx)
        .invocations(vec4s(dx.ty), problem.target)?;
    Ok(NodePlan::single("max_pool_grad", dispatch))
}

/// The rows of windows, of `windows` there are, that reach some rows of the image; at least one.
pub(crate) fn max_grad_rows(window: &Window, windows: usize, rows: Range<usize>) -> Range<usize> {
    let top = window.padding.top;
    let first = (rows.start + top).saturating_sub(reach(window, 0)).div_ceil(window.stride[0]).min(windows - 1);
    let end = ((rows.end - 1 + top) / window.stride[0] + 1).min(windows);
    first..end.max(first + 1)
}

/// Plans the gradient of the maximum over consecutive channels.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_channel_max_grad(op: &ChannelMaxPool, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let (x, dy) = (&problem.inputs[0], &problem.inputs[1]);
    let shape = x.ty.shape;
    let dispatch = Kernel::storing(x.ty, "pool/channel_max_grad", "")
        .sizes([("PIXELS", shape.n * shape.h * shape.w), ("C", shape.c), ("C4", x.ty.padded().c / 4)])
        .sizes([("O", dy.ty.shape.c), ("WINDOW", op.window), ("STRIDE", op.stride)])
        .bind("X_BASE", Slot::Input(0), x)
        .bind("DY_BASE", Slot::Input(1), dy)
        .bind("DX_BASE", Slot::Output, &problem.output)
        .invocations(vec4s(problem.output.ty), problem.target)?;
    Ok(NodePlan::single("channel_max_pool_grad", dispatch))
}

#[cfg(test)]
mod tests {
    use atrous_graph::op::Padding;

    use super::*;

    #[test]
    fn windows_that_reach_a_row() {
        // Windows of 3 every 2 with one row of padding: rows -1..2, 1..4, 3..6, 5..8.
        let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
        assert_eq!(max_grad_rows(&window, 4, 0..1), 0..1);
        assert_eq!(max_grad_rows(&window, 4, 1..2), 0..2);
        assert_eq!(max_grad_rows(&window, 4, 2..6), 1..4);
        assert_eq!(max_grad_rows(&window, 4, 0..8), 0..4);
        // Windows of 1 every 3: nothing reaches rows 1 and 2, nor what lies past the last window.
        let sparse = Window::new([1, 1], [3, 3]);
        assert_eq!(max_grad_rows(&sparse, 2, 1..3), 1..2);
        assert_eq!(max_grad_rows(&sparse, 2, 4..6), 1..2);
    }
}
