//! What kernels over windows share.

use std::ops::Range;

use atrous_graph::op::{Padding, Window};

use crate::cut::rows_under;
use crate::dispatch::{Dispatch, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::problem::Problem;

/// The constants that all window kernels share, and their bindings.
pub(super) fn window(kernel: Kernel, op: &Window, problem: &Problem<'_>) -> Kernel {
    let (x, y) = (problem.inputs[0].ty.shape, problem.output.ty.shape);
    kernel
        .sizes([("H", x.h), ("W", x.w), ("C4", problem.inputs[0].ty.padded().c / 4)])
        .sizes([("N", y.n), ("OH", y.h), ("OW", y.w)])
        .sizes([("KH", op.kernel[0]), ("KW", op.kernel[1])])
        .sizes([("STRIDE_H", op.stride[0]), ("STRIDE_W", op.stride[1])])
        .sizes([("PAD_TOP", op.padding.top), ("PAD_LEFT", op.padding.left)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output)
}

/// One invocation for a vec4 of the result.
pub(super) fn dispatch(kernel: Kernel, problem: &Problem<'_>) -> Result<Dispatch, PlanError> {
    kernel.invocations(vec4s(problem.output.ty), problem.target)
}

/// Like [`rows_under`] for pooling, where what lies below matters: padding counts in the divisor, positions past it do not.
pub(super) fn pool_rows(window: &Window, out: &Range<usize>, height: usize) -> Option<(Range<usize>, Window)> {
    let reach = (window.kernel[0] - 1) * window.dilation[0] + 1;
    let (rows, padding) = rows_under(out, height, window.stride[0], reach, window.padding)?;
    let bottom = if rows.end == height { window.padding.bottom } else { 0 };
    Some((rows, Window { padding: Padding { bottom, ..padding }, ..*window }))
}
